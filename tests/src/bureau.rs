//! One whole bureau inside the test's process: real keys, store, audit log, index and sockets; only the clock is set
//! by hand.

use std::path::Path;
use std::time::Duration;

use igain_node::audit::AuditLog;
use igain_node::clock::Clock;
use igain_node::keystore::Keys;
use igain_node::ledger::Ledger;
use igain_node::network::{Config, Network};
use igain_node::office::{Actor, Draft, Error, Indexer, NewCaf, Office, Parts, Secrets, system_entropy};
use igain_node::replication::{Replication, Settings};
use igain_node::search::Search;
use igain_node::store::{Options, Position, Store, StoreKey};
use igain_protocol::bureau::card::{Card, SignedCard};
use igain_protocol::bureau::{BureauId, SigningKey};
use igain_protocol::caf::{CafId, Charter, Role};
use igain_protocol::codec::{self, Typ};
use igain_protocol::label::Label;
use igain_protocol::record::{RecordId, Value};
use igain_protocol::time::{Day, Timestamp};
use igain_protocol::vocabulary::{Accuracy, CrimeArea, Grading, Purpose, Reliability};
use tempfile::TempDir;

pub use crate::wait::eventually;

/// Noon on 1 March 2026.
pub const NOON: Timestamp = Timestamp::from_ms(1_772_366_400_000);

/// One bureau.
pub struct Bureau {
    /// Its office.
    pub office: Office,
    /// Its replication.
    pub replication: Replication,
    /// Its keys.
    pub keys: Keys,
    addresses: Vec<String>,
    _folder: TempDir,
}

/// An office in a folder, with keys that depend on `seed` alone.
///
/// # Panics
/// Where it cannot be opened.
pub fn office(id: &str, seed: u8, folder: &Path) -> Office {
    open(id, seed, folder, NOON).expect("an office")
}

/// As [`office`], at another time; it may be refused for that.
///
/// # Errors
/// Why the office does not open.
///
/// # Panics
/// Where what it is put together from cannot be opened.
pub fn open(id: &str, seed: u8, folder: &Path, now: Timestamp) -> Result<Office, Error> {
    open_with(id, &keys(seed), folder, now)
}

/// As [`open`], with these keys.
///
/// # Errors
/// Why the office does not open.
///
/// # Panics
/// Where what it is put together from cannot be opened.
pub fn open_with(id: &str, keys: &Keys, folder: &Path, now: Timestamp) -> Result<Office, Error> {
    let key = StoreKey::from_bytes(*keys.store_key());
    let (store, _) = Store::open(&folder.join("store"), &key, Options::default(), &|_| {}).expect("a store");
    let signing = keys.signing();
    let own = keys.verifying();
    let signer = Box::new(move |payload: &[u8]| codec::sign(Typ::AuditCheckpoint, payload, &signing));
    let audit = AuditLog::open(&folder.join("audit"), &key, &own, signer).expect("an audit log");
    let (search, applied) = Search::open(&folder.join("search"), &keys.search_key()).expect("an index");
    let parts = Parts {
        me: id.parse().expect("a bureau"),
        secrets: Secrets::of(keys),
        ledger: Ledger::new(store),
        audit,
        search: Some(search),
        clock: Clock::manual(now),
        entropy: system_entropy(),
    };
    let office = Office::open(parts)?;
    let mut indexer = Indexer::new(office.clone(), applied.map_or(Position::START, Position::from_bytes));
    let folder = folder.to_owned();
    std::thread::spawn(move || {
        // It ends with the folder, which a test removes when it is over.
        while folder.exists() && indexer.catch_up().is_ok() {
            std::thread::sleep(Duration::from_millis(10));
        }
    });
    Ok(office)
}

/// Copies a folder with all that is in it, as a backup does.
///
/// # Panics
/// Where that fails.
pub fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for file in std::fs::read_dir(from).expect("a folder") {
        let file = file.expect("a file");
        let target = to.join(file.file_name());
        if file.file_type().expect("its type").is_dir() {
            copy(&file.path(), &target);
        } else if file.file_type().expect("its type").is_file() {
            match std::fs::copy(file.path(), target) {
                // It was there for a moment only.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                copied => drop(copied.expect("a copy")),
            }
        }
    }
}

/// The keys of a seed.
pub fn keys(seed: u8) -> Keys {
    Keys::from_entropy(&entropy(seed))
}

/// Bytes that stand for keys, each seed its own.
fn entropy(seed: u8) -> [u8; igain_node::keystore::ENTROPY_BYTES] {
    let mut bytes = [seed; igain_node::keystore::ENTROPY_BYTES];
    bytes.iter_mut().enumerate().for_each(|(at, byte)| *byte = byte.wrapping_add((at / 32) as u8 * 31));
    bytes
}

/// The card of an office that listens on `addresses`.
///
/// # Panics
/// Where the card is refused.
pub fn card(id: BureauId, keys: &Keys, addresses: &[String]) -> SignedCard {
    let transport = SigningKey::from_seed(*keys.transport_seed());
    let card = Card {
        bureau: id,
        name: format!("Bureau {id}"),
        serial: 1,
        not_before: NOON,
        not_after: NOON.plus_ms(365 * 86_400_000),
        signing: keys.signing().verifying_key(),
        sealing: keys.sealing().sealing_key(),
        transport: transport.verifying_key(),
        addresses: addresses.to_vec(),
        languages: vec!["en".into()],
        contacts: Vec::new(),
        former: keys.former(),
    };
    card.sign(&keys.signing(), &transport).expect("a card")
}

impl Bureau {
    /// A bureau that runs in a folder of its own, on free loopback ports.
    ///
    /// # Panics
    /// Where it cannot start.
    pub async fn start(id: &str, seed: u8) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let keys = keys(seed);
        let office = office(id, seed, folder.path());
        let listen = vec!["/ip4/127.0.0.1/udp/0/quic-v1".to_owned()];
        let (network, incoming) = Network::start(Config::new(keys.transport_seed(), listen)).await.expect("a network");
        let addresses = network.listening();
        let settings = Settings { interval: Duration::from_secs(5), window: 64 };
        let replication = Replication::start(office.clone(), network, incoming, settings).await.expect("replication");
        Self { office, replication, keys, addresses, _folder: folder }
    }

    /// Its id.
    pub fn id(&self) -> BureauId {
        self.office.me()
    }

    /// Its card.
    pub fn card(&self) -> SignedCard {
        card(self.id(), &self.keys, &self.addresses)
    }

    /// Enrols another bureau.
    ///
    /// # Panics
    /// Where its card is refused.
    pub async fn enrol(&self, other: &Self) {
        self.office.enrol(Actor::Node, other.card(), None, Vec::new()).expect("a sound card");
        self.in_force().await;
    }

    /// Puts a policy in force.
    ///
    /// # Panics
    /// Where it is refused.
    pub async fn apply(&self, policy: &str) {
        self.office.apply_policy(Actor::Node, policy, "test.cedar").expect("a sound policy");
        self.in_force().await;
    }

    /// Waits until all that was changed of who may have what is in force.
    ///
    /// # Panics
    /// Where that takes too long.
    pub async fn in_force(&self) {
        self.replication.in_force(self.office.standing()).await.expect("changes in force");
    }

    /// Contributes one record.
    ///
    /// # Panics
    /// Where it is refused.
    pub async fn contribute(&self, draft: Draft) -> RecordId {
        let id = draft.id.expect("an id");
        let done = self.office.contribute(Actor::Node, vec![draft]).expect("a contribution");
        assert!(!matches!(done.outcomes[..], [igain_node::office::Outcome::Refused(_)]), "{:?}", done.outcomes);
        id
    }
}

/// What records are graded in tests.
pub const GRADING: Grading = Grading::new(Reliability::B, Accuracy::Two);

/// A draft of a record with an id that depends on `key` alone; graded, unless its label says otherwise.
pub fn draft(key: &str, label: Label, fields: &[(&str, Value)]) -> Draft {
    Draft {
        id: Some(RecordId::derived(&[1; 32], "test", key)),
        label: Label { grading: label.grading.or(Some(GRADING)), ..label },
        retain_until: Some(Day::from_days(25_000)),
        fields: fields.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect(),
    }
}

/// A crime analysis file to open, for any kind of record, that closes a hundred days after [`NOON`].
pub fn new_file(name: &str) -> NewCaf {
    NewCaf {
        name: name.to_owned(),
        purpose: Purpose::CrimeAnalysis,
        crime_area: CrimeArea::Other,
        scope: "Tests".to_owned(),
        closes: NOON.day().plus_days(100),
        kinds: Vec::new(),
        categories: Vec::new(),
    }
}

/// A charter of the `nth` file that a manager opens, as [`new_file`] would be laid down.
pub fn charter(manager: BureauId, nth: u64, serial: u64, members: Vec<(BureauId, Role)>) -> Charter {
    let mut nonce = [0; 16];
    nonce[8..].copy_from_slice(&nth.to_be_bytes());
    let NewCaf { name, purpose, crime_area, scope, closes, kinds, categories } = new_file("File");
    let (id, opened, closed) = (CafId::of(manager, &nonce), NOON, None);
    Charter {
        id,
        nonce,
        name,
        purpose,
        crime_area,
        scope,
        manager,
        serial,
        opened,
        closes,
        kinds,
        categories,
        members,
        closed,
    }
}

/// Whether an office shows a record to its analysts.
pub fn shows(office: &Office, record: RecordId) -> bool {
    office.show(Actor::Node, record, None).is_ok()
}
