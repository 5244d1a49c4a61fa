//! An enrolled bureau that keeps to no rule: it has sound keys and connections, and sends what no node would.
//!
//! Frames that are cut or too long as bytes go below what a node's network can send: `node/src/network/tests/hostile.rs`
//! and `node/src/replication/tests.rs` have those.

mod asking;
mod giving;
mod late;
mod siege;
mod spending;

use std::time::{Duration, SystemTime};

use igain_node::keystore::Keys;
use igain_node::network::{Config, Exchange, Incoming, Limits, Network, PeerKey};
use igain_protocol::bureau::card::{Card, SignedCard};
use igain_protocol::bureau::{BureauId, SigningKey};
use igain_protocol::feed::Cursors;
use igain_protocol::sync::{Hello, Message, Pull};
use igain_protocol::time::Timestamp;
use igain_tests::bureau::keys;
use igain_tests::daemon::{Bureau, PATIENCE};
use serde_json::Value;
use tokio::runtime::Runtime;

use super::{audited, particular};

/// Who it says it is.
pub(super) const HOSTILE: &str = "BR";

/// A card for these keys, valid now unless `change` says otherwise.
pub(super) fn card(id: &str, keys: &Keys, change: impl FnOnce(&mut Card)) -> SignedCard {
    let now = now();
    let transport = SigningKey::from_seed(*keys.transport_seed());
    let mut card = Card {
        bureau: id.parse().expect("a bureau"),
        name: format!("Bureau {id}"),
        serial: 5,
        not_before: Timestamp::from_ms(now.as_ms() - 86_400_000),
        not_after: now.plus_ms(86_400_000),
        signing: keys.signing().verifying_key(),
        sealing: keys.sealing().sealing_key(),
        transport: transport.verifying_key(),
        addresses: Vec::new(),
        languages: vec!["en".into()],
        contacts: Vec::new(),
        former: Vec::new(),
    };
    change(&mut card);
    card.sign(&keys.signing(), &transport).expect("a card")
}

/// Now, by the machine's clock.
pub(super) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("a clock");
    Timestamp::from_ms(u64::try_from(since.as_millis()).expect("a time"))
}

/// A real daemon and an enrolled bureau that this test speaks for.
struct Siege {
    ke: Bureau,
    /// KE's card.
    card: Card,
    /// The keys of the hostile bureau.
    keys: Keys,
    network: Network,
    /// What KE opens; none once something answers it by itself.
    incoming: Option<Incoming>,
    runtime: Runtime,
}

/// Threads that share one processor, so that who is attacked has others, where there are some.
fn on_one_core() -> Runtime {
    let this = rustix::thread::sched_getcpu();
    let held = move || {
        let mut one = rustix::thread::CpuSet::new();
        one.set(this);
        // Where the system does not let it, they take more.
        let _ = rustix::thread::sched_setaffinity(None, &one);
    };
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    runtime.worker_threads(2).enable_all().on_thread_start(held).build().expect("a runtime")
}

impl Siege {
    /// KE with one record that the hostile bureau may have.
    fn lay(seed: u8) -> Self {
        Self::lay_before(Bureau::start("KE"), seed)
    }

    /// The same before this bureau, which runs.
    fn lay_before(ke: Bureau, seed: u8) -> Self {
        let runtime = on_one_core();
        let keys = keys(seed);
        let listen = vec!["/ip4/127.0.0.1/udp/0/quic-v1".to_owned()];
        let limits = Limits { outbound_exchanges: 4_096, frames_per_s: 1_000_000, ..Limits::default() };
        let config = Config { limits, ..Config::new(keys.transport_seed(), listen) };
        let (network, incoming) = runtime.block_on(Network::start(config)).expect("a network");
        let own = card(HOSTILE, &keys, |card| card.addresses = network.listening());
        ke.write("br.card", &own.to_armor());
        let print = own.card().signing.fingerprint().to_string();
        ke.json(&["peer", "enrol", "br.card", "--fingerprint", &print]);
        ke.apply("@id(\"br\") permit(principal == Bureau::\"BR\", action in Action::\"disclose\", resource);");
        ke.json(&["record", "add", "phone", "number=+254700000001", "--tlp", "green", "--grading", "B2"]);
        let armor = ke.json(&["card", "export"])["armor"].as_str().expect("a card").to_owned();
        let card = SignedCard::from_armor(&armor).expect("a card").card().clone();
        network.set_allowed(vec![(PeerKey::from_bytes(*card.transport.as_bytes()), card.addresses.clone())]);
        Self { ke, card, keys, network, incoming: Some(incoming), runtime }
    }

    fn ke_key(&self) -> PeerKey {
        PeerKey::from_bytes(*self.card.transport.as_bytes())
    }

    fn me(&self) -> BureauId {
        HOSTILE.parse().expect("a bureau")
    }

    async fn open(&self) -> Exchange {
        self.network.open(self.ke_key()).await.expect("an exchange")
    }

    /// What KE has accounted for of the hostile bureau, at least `count` entries of `action`.
    fn accounts(&self, action: &str, count: usize) -> Vec<Value> {
        igain_tests::daemon::until(&format!("{count} entries of {action}"), || {
            let entries = audited(&self.ke, action, Some(HOSTILE));
            (entries.len() >= count).then_some(entries)
        })
    }

    /// Waits until KE accounts for this breach of the protocol.
    fn breach(&self, how: &str) {
        igain_tests::daemon::until(&format!("an account of {how}"), || {
            let entries = audited(&self.ke, "sync.violation", Some(HOSTILE));
            entries.iter().any(|entry| particular(entry, "how") == how).then_some(())
        });
    }

    /// What `igain peer show` says went wrong last.
    fn last_error(&self) -> String {
        let link = &self.ke.json(&["peer", "show", HOSTILE])["link"];
        link["last_error"].as_str().unwrap_or_default().to_owned()
    }

    /// KE answers its users, and has lost nothing and taken nothing in.
    fn assert_sound(&self) {
        super::assert_sound(&self.ke, 1);
        let status = self.ke.json(&["status"]);
        let foreign = status["records"].as_array().expect("counts").iter();
        assert_eq!(foreign.filter(|row| row["owner"] == HOSTILE && row["records"] != 0).count(), 0, "{status}");
    }

    /// KE still serves the bureau that had been hostile, as it would any other.
    fn assert_served(&self) {
        self.runtime.block_on(async {
            let mut exchange = self.open().await;
            exchange.send(&Message::Pull(pull(now().as_ms())).encode()).await.expect("sent");
            let answer = tokio::time::timeout(PATIENCE, exchange.recv()).await.expect("in time").expect("an answer");
            Message::decode(&answer.expect("a frame")).expect("a message");
        });
    }
}

/// A pull that says nothing in particular.
fn pull(serial: u64) -> Pull {
    Pull {
        serial,
        cursors: Cursors::default(),
        budget_bytes: 1 << 20,
        window: 64,
        mirror: [0; 16],
        news: false,
        hello: Hello::ours(u64::MAX),
    }
}

/// Far longer than KE waits for a frame before it gives an exchange up, and far shorter than the hour that it must not
/// wait.
const STALL: Duration = PATIENCE;
