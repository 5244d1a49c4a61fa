//! L19: what a node does not know from a newer one is kept sealed or passed over, never less restricted, never held against
//! the sender, and stops nothing behind it.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails loudly"
)]

use igain_node::audit::Filter;
use igain_node::ledger::{NewerRow, RecordKey, SealedKey, SealedRow};
use igain_node::office::{Actor, Office};
use igain_protocol::bureau::BureauId;
use igain_protocol::caf::{Acceptance, Charter, Membership, Role, Subset};
use igain_protocol::codec::{self, Typ};
use igain_protocol::feed::{Entry, FeedKind, Letter, LetterKind};
use igain_protocol::label::LabelDigest;
use igain_protocol::record::{RecordId, Tombstone};
use igain_protocol::vocabulary::{GroupSet, Purpose, Reason};
use igain_tests::bureau::{self, NOON, copy, keys, office, open, shows};
use igain_tests::tomorrow::{self, label};
use igain_tests::wire::{brings, know};
use minicbor::Decoder;

const DAY_MS: u64 = 86_400_000;

fn ke() -> BureauId {
    "KE".parse().unwrap()
}

fn id(key: &str) -> RecordId {
    RecordId::derived(&[1; 32], "KE", key)
}

fn record(key: &str, revision: u32) -> Vec<u8> {
    tomorrow::record(ke(), &keys(1).signing(), id(key), revision, NOON, NOON.day().plus_days(30))
}

fn of_another_version(key: &str, revision: u32) -> Vec<u8> {
    tomorrow::of_another_version(&record(key, revision), &keys(1).signing())
}

fn of_another_kind(key: &str) -> Vec<u8> {
    tomorrow::of_another_kind(&record(key, 1), &keys(1).signing())
}

fn of_a_longer_label(key: &str) -> Vec<u8> {
    tomorrow::of_a_longer_label(&record(key, 1), &keys(1).signing())
}

fn put(record: Vec<u8>) -> Entry {
    Entry::Put { groups: GroupSet::ALL, record }
}

struct Receiver {
    folder: tempfile::TempDir,
    fr: Office,
}

impl Receiver {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let fr = office("FR", 2, folder.path());
        know(&fr, ke(), 1);
        Self { folder, fr }
    }

    /// The same bureau after a start.
    fn started_again(&self) -> Office {
        let copied = tempfile::tempdir().unwrap();
        copy(self.folder.path(), copied.path());
        open("FR", 2, copied.path(), NOON).unwrap()
    }

    /// What KE sends; how many records were taken in, kept sealed and refused.
    fn takes(&self, entries: Vec<Entry>) -> (usize, usize, usize) {
        let received = self.fr.receive(ke(), brings(&self.fr, ke(), FeedKind::Records, entries)).unwrap();
        (received.put, received.newer, received.refused)
    }

    fn shows(&self, key: &str) -> bool {
        shows(&self.fr, id(key))
    }

    fn seals(&self, key: &str) -> bool {
        self.fr.ledger().newer(RecordKey { id: id(key), owner: ke() }).unwrap().is_some()
    }
}

/// Seen to fail when what cannot be read is refused.
#[test]
fn records_of_a_newer_version_are_kept_sealed_and_stop_nothing() {
    let receiver = Receiver::new();
    let taken = receiver.takes(vec![
        put(of_another_version("version", 1)),
        put(of_another_kind("kind")),
        Entry::Other(vec![0x82, 0x18, 99, 0x01]),
        put(record("known", 1)),
    ]);
    assert_eq!(taken, (1, 3, 0));
    assert!(receiver.shows("known") && !receiver.shows("version") && !receiver.shows("kind"));
    assert!(receiver.seals("version") && receiver.seals("kind"));
    let refused = Filter { action: Some("record.refused".into()), ..Filter::default() };
    assert!(receiver.fr.audit().list(0, 10, &refused).unwrap().is_empty(), "it is held against nobody");
    assert_eq!(receiver.fr.ledger().newer_count(ke()).unwrap(), 2);
    // What nobody has signed is as bad as ever.
    let mut forged = of_another_version("forged", 1);
    let last = forged.len() - 1;
    forged[last] ^= 1;
    assert_eq!(receiver.takes(vec![put(forged)]), (0, 0, 1));
}

/// A revision that cannot be read takes the place of the one that can: it may be more restricted. One that can be read
/// takes its place again. Seen to fail when the earlier one stays.
#[test]
fn what_cannot_be_read_hides_what_could() {
    let receiver = Receiver::new();
    assert_eq!(receiver.takes(vec![put(record("a", 1)), put(of_another_version("a", 2))]), (1, 1, 0));
    assert!(!receiver.shows("a"));
    assert_eq!(receiver.takes(vec![put(record("a", 3))]), (1, 0, 0));
    assert!(receiver.shows("a") && !receiver.seals("a"));
    assert_eq!(receiver.takes(vec![put(of_another_version("a", 2))]), (0, 0, 1), "it is stale");
    assert!(receiver.shows("a"));
}

/// L7, L8: whatever ends a record ends one that cannot be read. Seen to fail when only what can be read is looked for.
#[test]
fn what_cannot_be_read_is_purged_like_anything_else() {
    let ends: [(&str, Entry); 3] = [
        ("gone", Entry::Gone(id("a"))),
        ("withdrawn", Entry::Withdraw(Tombstone::new(id("a"), ke(), NOON, Reason::ALL[0]).sign(&keys(1).signing()))),
        ("recalled", Entry::Recall(label().digest())),
    ];
    for (how, end) in ends {
        let receiver = Receiver::new();
        receiver.takes(vec![put(of_another_version("a", 1)), put(of_another_version("b", 1))]);
        receiver.takes(vec![end.clone()]);
        assert!(!receiver.seals("a"), "{how}");
        assert_eq!(receiver.seals("b"), how != "recalled");
        // In the same intake too.
        receiver.takes(vec![put(of_another_version("c", 1)), Entry::Gone(id("c"))]);
        assert!(!receiver.seals("c"));
        assert_eq!(receiver.takes(vec![put(of_another_version("a", 1))]).1, usize::from(how != "withdrawn"));
    }
    let receiver = Receiver::new();
    receiver.takes(vec![put(of_another_version("a", 1))]);
    receiver.fr.clock().set(NOON.plus_ms(40 * DAY_MS));
    assert_eq!(receiver.fr.expire().unwrap(), 1);
    assert!(!receiver.seals("a"), "its last day has passed");
}

/// A build that can read it shows it, without its being sent again. Seen to fail when nothing is read again.
#[test]
fn what_a_build_of_before_could_not_read_is_shown_by_one_that_can() {
    let receiver = Receiver::new();
    assert_eq!(receiver.takes(vec![put(of_another_version("still", 1))]), (0, 1, 0));
    let store = receiver.fr.ledger().store();
    let mut batch = store.begin();
    let row = NewerRow {
        generation: 1,
        groups: GroupSet::ALL,
        label: *label().digest().as_bytes(),
        revision: 1,
        until: Some(NOON.day().plus_days(30)),
        bytes: record("readable", 1),
    };
    receiver.fr.ledger().put_newer(&mut batch, RecordKey { id: id("readable"), owner: ke() }, &row);
    store.commit(batch).unwrap();
    assert!(!receiver.shows("readable"));
    assert_eq!(receiver.fr.reread().unwrap(), 1);
    assert!(receiver.shows("readable") && !receiver.seals("readable"));
    assert!(receiver.seals("still") && !receiver.shows("still"));
    assert_eq!(receiver.fr.reread().unwrap(), 0);
}

/// A letter of a kind that is not known is accounted for, and those behind it are taken. Seen to fail when it is refused.
#[test]
fn a_letter_of_a_newer_version_stops_no_other() {
    let receiver = Receiver::new();
    let letter = |kind, bytes: &[u8]| Entry::Letter(Letter { kind, bytes: bytes.to_vec() });
    let entries = vec![letter(LetterKind::Other(77), b"of tomorrow"), letter(LetterKind::Other(3), b"of tomorrow")];
    let received = receiver.fr.receive(ke(), brings(&receiver.fr, ke(), FeedKind::Letters, entries)).unwrap();
    assert_eq!(received.refused, 0);
    let told = Filter { action: Some("feed.newer".into()), ..Filter::default() };
    assert_eq!(receiver.fr.audit().list(0, 10, &told).unwrap().len(), 1);
}

/// The digest of a label is over what came: a label that cannot be read has one too.
#[test]
fn a_label_of_a_newer_version_can_be_recalled() {
    let receiver = Receiver::new();
    receiver.takes(vec![put(of_another_kind("kind")), put(record("known", 1))]);
    let row = receiver.fr.ledger().newer(RecordKey { id: id("kind"), owner: ke() }).unwrap().unwrap();
    assert_ne!(row.label(), label().digest());
    receiver.takes(vec![Entry::Recall(row.label())]);
    assert!(!receiver.seals("kind") && receiver.shows("known"));
    receiver.takes(vec![Entry::Recall(LabelDigest::from_bytes([9; 16]))]);
    assert!(receiver.shows("known"));
}

/// What a label says more than is known here may restrict, so the record is sealed, and recalled by the whole of its label.
/// Seen to fail when unknown entries of a label are passed over.
#[test]
fn a_label_that_says_more_is_not_read_as_one_that_says_less() {
    let receiver = Receiver::new();
    assert_eq!(receiver.takes(vec![put(of_a_longer_label("more")), put(record("known", 1))]), (1, 1, 0));
    assert!(receiver.seals("more") && !receiver.shows("more"));
    receiver.takes(vec![Entry::Recall(label().digest())]);
    assert!(receiver.seals("more") && !receiver.shows("known"));
    let row = receiver.fr.ledger().newer(RecordKey { id: id("more"), owner: ke() }).unwrap().unwrap();
    receiver.takes(vec![Entry::Recall(row.label())]);
    assert!(!receiver.seals("more"));
}

/// The payload of a signed document.
fn payload_of(document: &[u8]) -> Vec<u8> {
    let mut d = Decoder::new(document);
    d.tag().unwrap();
    d.array().unwrap();
    d.skip().unwrap();
    d.skip().unwrap();
    d.bytes().unwrap().to_vec()
}

/// A document of KE's with one code, which follows these bytes, that is not known yet.
fn with_unknown_code(typ: Typ, document: &[u8], before: &[u8]) -> Vec<u8> {
    let mut payload = payload_of(document);
    let at = payload.windows(before.len()).position(|window| window == before).unwrap() + before.len();
    payload[at] = 23;
    codec::sign(typ, &payload, &keys(1).signing())
}

fn charter(serial: u64) -> Charter {
    let members = vec!["FR", "BR"].into_iter().map(|name| (name.parse().unwrap(), Role::Contributor)).collect();
    bureau::charter(ke(), 1, serial, members)
}

fn newer_charter(serial: u64) -> Vec<u8> {
    assert!(Purpose::from_number(23).is_none());
    let document = charter(serial).sign(&keys(1).signing()).unwrap();
    with_unknown_code(Typ::Charter, document.as_bytes(), &[b'l', b'e', 3])
}

fn letter(kind: LetterKind, bytes: Vec<u8>) -> Entry {
    Entry::Letter(Letter { kind, bytes })
}

/// L19: a charter that says what is not known here is kept sealed, suspends its file, and is nobody's misconduct; what can
/// be read of it later is put in force then. Seen to fail when the charter of before stays in force, and when a charter that
/// is older than the sealed one ends the suspension.
#[test]
fn a_charter_of_a_newer_version_suspends_its_file() {
    let receiver = Receiver::new();
    let fr = &receiver.fr;
    let takes = |bytes: Vec<u8>| {
        let entry = letter(LetterKind::Charter, bytes);
        fr.receive(ke(), brings(fr, ke(), FeedKind::Letters, vec![entry])).unwrap().refused
    };
    let of = |serial| charter(serial).sign(&keys(1).signing()).unwrap().as_bytes().to_vec();
    let suspended = |fr: &Office| fr.caf(charter(1).id).unwrap().is_suspended();
    assert_eq!(takes(of(1)), 0);
    assert!(!suspended(fr));
    assert_eq!(takes(newer_charter(5)), 0);
    assert!(suspended(fr));
    assert_eq!(takes(of(3)), 0);
    assert!(suspended(fr), "the newest cannot be read still");
    assert!(suspended(&receiver.started_again()));
    assert_eq!(takes(of(6)), 0);
    assert!(!suspended(fr) && fr.ledger().sealed().unwrap().is_empty());
    assert_eq!(takes(newer_charter(6)), 0, "it is no newer than what is known");
    assert!(!suspended(fr));
    // By nobody's key.
    let mut forged = newer_charter(9);
    let last = forged.len() - 1;
    forged[last] ^= 1;
    assert_eq!(takes(forged), 1);
    let told = Filter { action: Some("caf.newer".into()), ..Filter::default() };
    assert_eq!(fr.audit().list(0, 10, &told).unwrap().len(), 1);
}

/// L19: a file that is of a newer version from its first charter on, read once the program is newer.
#[test]
fn a_charter_that_a_later_build_can_read_is_put_in_force() {
    let receiver = Receiver::new();
    let fr = &receiver.fr;
    let entry = letter(LetterKind::Charter, newer_charter(1));
    assert_eq!(fr.receive(ke(), brings(fr, ke(), FeedKind::Letters, vec![entry])).unwrap().refused, 0);
    assert!(fr.caf(charter(1).id).is_err());
    assert_eq!(fr.reread_sealed().unwrap(), 0);
    // What a later build would make of it.
    let bytes = charter(1).sign(&keys(1).signing()).unwrap().as_bytes().to_vec();
    let key = SealedKey { caf: charter(1).id, answer: false, signer: ke() };
    let mut batch = fr.ledger().store().begin();
    fr.ledger().put_sealed(&mut batch, key, &SealedRow { serial: 1, bytes });
    fr.ledger().store().commit(batch).unwrap();
    assert_eq!(fr.reread_sealed().unwrap(), 1);
    assert!(!fr.caf(charter(1).id).unwrap().is_suspended());
    assert_eq!(fr.reread_sealed().unwrap(), 0);
}

/// L19: a member whose newest answer cannot be read gets nothing of the file. Seen to fail when its answer of before counts.
#[test]
fn an_answer_of_a_newer_version_is_no_membership() {
    let folder = tempfile::tempdir().unwrap();
    let fr = office("FR", 2, folder.path());
    know(&fr, ke(), 1);
    let file = fr.create_caf(Actor::Node, bureau::new_file("File")).unwrap().charter().id;
    fr.invite(Actor::Node, file, &[(ke(), Role::Contributor)]).unwrap();
    let answer = |serial| {
        let (only, at) = (Subset::default(), NOON);
        let answer =
            Acceptance { caf: file, bureau: ke(), charter_serial: 1, serial, state: Membership::Joined, only, at };
        answer.sign(&keys(1).signing()).unwrap().as_bytes().to_vec()
    };
    let takes = |bytes: Vec<u8>| {
        let entry = letter(LetterKind::Acceptance, bytes);
        fr.receive(ke(), brings(&fr, ke(), FeedKind::Letters, vec![entry])).unwrap().refused
    };
    assert_eq!(takes(answer(1)), 0);
    assert!(fr.caf(file).unwrap().role_of(ke()).is_some());
    assert_eq!(takes(with_unknown_code(Typ::Acceptance, &answer(3), &[4, 3, 5])), 0);
    assert!(fr.caf(file).unwrap().role_of(ke()).is_none());
    assert_eq!(takes(answer(2)), 0);
    assert!(fr.caf(file).unwrap().role_of(ke()).is_none());
    assert_eq!(takes(answer(4)), 0);
    assert!(fr.caf(file).unwrap().role_of(ke()).is_some());
}

/// L7, L8, L19: a withdrawal that says more than is known here ends its record all the same. Seen to fail when one of a
/// reason that is not known is refused.
#[test]
fn a_withdrawal_of_a_newer_version_ends_its_record() {
    let receiver = Receiver::new();
    assert_eq!(receiver.takes(vec![put(record("a", 1)), put(record("b", 1))]), (2, 0, 0));
    let withdrawal = |key| Tombstone::new(id(key), ke(), NOON, Reason::ALL[0]).sign(&keys(1).signing());
    let mut payload = payload_of(&withdrawal("a"));
    let last = payload.len() - 1;
    payload[last] = 23;
    let newer = codec::sign(Typ::Tombstone, &payload, &keys(1).signing());
    let by_another = codec::sign(Typ::Tombstone, &payload_of(&withdrawal("b")), &keys(2).signing());
    assert_eq!(receiver.takes(vec![Entry::Withdraw(newer), Entry::Withdraw(by_another)]), (0, 0, 1));
    assert!(!receiver.shows("a") && receiver.shows("b"));
    assert_eq!(receiver.takes(vec![put(record("a", 2))]).2, 1, "it is final");
}
