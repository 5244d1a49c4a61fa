//! What a bureau takes over of what another sends: only what that bureau may contribute to the file that the label
//! names, and what is for this one. Whoever sends it is asked by the receiver too, not by its own node alone.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails loudly"
)]

use igain_node::audit::Filter;
use igain_node::office::{Actor, Office, Question};
use igain_protocol::bureau::BureauId;
use igain_protocol::caf::{Acceptance, CafId, Charter, Membership, Role, Subset};
use igain_protocol::feed::{Entry, FeedKind, Letter, LetterKind};
use igain_protocol::label::Label;
use igain_protocol::record::{self, Content, RecordId, SaltKey, Value};
use igain_protocol::time::Timestamp;
use igain_protocol::vocabulary::{GroupSet, Kind, Purpose, Scheme, Tlp};
use igain_tests::bureau::{self, GRADING, NOON, keys, office, shows};
use igain_tests::wire::{brings, know};

const PHONE: &str = "+254700000001";

fn id(text: &str) -> BureauId {
    text.parse().unwrap()
}

fn record_id(key: &str) -> RecordId {
    RecordId::derived(&[1; 32], "BR", key)
}

/// A file of KE's that BR is in.
fn charter(serial: u64, role: Role) -> Charter {
    let members = vec![(id("BR"), role), (id("FR"), Role::Reader)];
    let closes = NOON.day().plus_days(30);
    Charter { closes, kinds: vec![Kind::Phone], ..bureau::charter(id("KE"), 1, serial, members) }
}

/// FR, which knows KE and BR.
struct Receiver {
    _folder: tempfile::TempDir,
    fr: Office,
}

impl Receiver {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let fr = office("FR", 2, folder.path());
        know(&fr, id("KE"), 1);
        know(&fr, id("BR"), 3);
        Self { _folder: folder, fr }
    }

    /// KE's charter, and that BR joins.
    fn learns(&self, charter: &Charter) {
        let bytes = charter.sign(&keys(1).signing()).unwrap().as_bytes().to_vec();
        let letter = Entry::Letter(Letter { kind: LetterKind::Charter, bytes });
        self.fr.receive(id("KE"), brings(&self.fr, id("KE"), FeedKind::Letters, vec![letter])).unwrap();
        let answer = Acceptance {
            caf: charter.id,
            bureau: id("BR"),
            charter_serial: charter.serial,
            serial: charter.serial,
            state: Membership::Joined,
            only: Subset::default(),
            at: NOON,
        };
        let bytes = answer.sign(&keys(3).signing()).unwrap().as_bytes().to_vec();
        let letter = Entry::Letter(Letter { kind: LetterKind::Acceptance, bytes });
        self.fr.receive(id("BR"), brings(&self.fr, id("BR"), FeedKind::Letters, vec![letter])).unwrap();
        self.fr.align().unwrap();
    }

    /// BR sends a record; how many were taken in and refused.
    fn takes(&self, key: &str, label: &Label, modified: Timestamp) -> (usize, usize) {
        self.takes_revision(1, key, label, modified)
    }

    fn takes_revision(&self, revision: u32, key: &str, label: &Label, modified: Timestamp) -> (usize, usize) {
        let content = Content {
            id: record_id(key),
            revision,
            owner: id("BR"),
            label: label.clone().graded(GRADING),
            created: NOON,
            modified,
            retain_until: Some(NOON.day().plus_days(300)),
            fields: vec![("number".into(), Value::Text(PHONE.into()))],
        };
        let record = record::sign(&content, &SaltKey::new([7; 32]), &keys(3).signing()).unwrap().as_bytes().to_vec();
        let put = Entry::Put { groups: GroupSet::ALL, record };
        let received = self.fr.receive(id("BR"), brings(&self.fr, id("BR"), FeedKind::Records, vec![put])).unwrap();
        (received.put, received.refused)
    }

    fn shows(&self, key: &str) -> bool {
        shows(&self.fr, record_id(key))
    }

    /// How many records are found by the number.
    fn finds(&self) -> usize {
        let question = Question {
            actor: Actor::User(7),
            purpose: Purpose::ALL[0],
            case: "2026/1".into(),
            identifier: Some((Scheme::Phone, PHONE.into())),
            name: None,
            kinds: Vec::new(),
            owners: Vec::new(),
            cafs: Vec::new(),
            from: None,
            to: None,
            limit: 10,
        };
        self.fr.ask(&question).unwrap().hits.len()
    }

    /// Why records were refused.
    fn refusals(&self) -> Vec<String> {
        let filter = Filter { action: Some("record.refused".into()), ..Filter::default() };
        let entries = self.fr.audit().list(0, 100, &filter).unwrap();
        let why = |entry: &igain_node::audit::Entry| entry.detail.iter().find(|(k, _)| k == "why").unwrap().1.clone();
        entries.iter().map(|entry| why(&entry.entry)).collect()
    }
}

fn phone(caf: Option<CafId>) -> Label {
    Label { cafs: caf.into_iter().collect(), ..Label::new(Kind::Phone, Tlp::Green) }
}

/// A record of a file is kept, and shown to nobody, until its sender may contribute it: a charter or an answer may still
/// be on its way. Seen to fail when the receiver does not ask.
#[test]
fn what_its_sender_may_not_contribute_is_kept_aside_until_it_may() {
    let receiver = Receiver::new();
    let file = charter(1, Role::Reader).id;
    assert_eq!(receiver.takes("early", &phone(Some(file)), NOON), (1, 0));
    assert!(!receiver.shows("early"), "nobody has heard of the file");
    receiver.learns(&charter(1, Role::Reader));
    assert_eq!(receiver.takes("reader", &phone(Some(file)), NOON), (1, 0));
    assert_eq!((receiver.shows("early"), receiver.shows("reader"), receiver.finds()), (false, false, 0));
    assert_eq!(receiver.fr.counts().get(&id("BR")).copied().unwrap_or_default(), 0);
    receiver.learns(&charter(2, Role::Contributor));
    assert_eq!((receiver.shows("early"), receiver.shows("reader"), receiver.finds()), (true, true, 2));
    assert_eq!(receiver.takes("later", &phone(Some(file)), NOON), (1, 0));
    assert!(receiver.shows("later"));
    // What the charter does not take is no better for coming from a contributor.
    receiver.learns(&Charter { kinds: vec![Kind::Vessel], ..charter(3, Role::Contributor) });
    assert_eq!(receiver.takes("kind", &phone(Some(file)), NOON), (1, 0));
    assert!(!receiver.shows("kind"));
    // Dismissed: what is here stays, and nothing more comes.
    receiver.learns(&charter(4, Role::Reader));
    assert_eq!(receiver.takes("after", &phone(Some(file)), NOON), (1, 0));
    assert_eq!((receiver.shows("later"), receiver.shows("after"), receiver.shows("kind")), (true, false, false));
}

/// A record of several files waits until its sender may contribute to each of them, and one that came too late for any is
/// refused. Seen to fail when one file is enough.
#[test]
fn each_file_of_a_record_is_asked() {
    let receiver = Receiver::new();
    let of = |nth| Charter { id: bureau::charter(id("KE"), nth, 1, Vec::new()).id, ..charter(1, Role::Contributor) };
    let nonce = |nth| bureau::charter(id("KE"), nth, 1, Vec::new()).nonce;
    let [one, two] = [1, 2].map(|nth| Charter { nonce: nonce(nth), ..of(nth) });
    let both = Label { cafs: vec![one.id, two.id], ..phone(None) }.sorted();
    receiver.learns(&one);
    assert_eq!(receiver.takes("both", &both, NOON), (1, 0));
    assert!(!receiver.shows("both"));
    receiver.learns(&two);
    assert!(receiver.shows("both"));
    receiver.learns(&Charter { serial: 2, closed: Some(NOON.plus_ms(1_000)), ..two });
    assert_eq!(receiver.takes("late", &both, NOON.plus_ms(3_600_000)), (0, 1));
}

/// L7: what a refused revision would have replaced does not stay: its owner counts on it that it was. Seen to fail when a
/// refusal changes nothing.
#[test]
fn what_a_refused_revision_replaces_is_purged() {
    let receiver = Receiver::new();
    let closed = Charter { closed: Some(NOON.plus_ms(1_000)), ..charter(1, Role::Contributor) };
    receiver.learns(&closed);
    assert_eq!(receiver.takes("a", &phone(None), NOON), (1, 0));
    assert!(receiver.shows("a"));
    let late = NOON.plus_ms(3_600_000);
    assert_eq!(receiver.takes_revision(2, "a", &phone(Some(closed.id)), late), (0, 1));
    assert!(!receiver.shows("a"));
}

/// What can never be right is refused, and the sender is told with a receipt. Seen to fail when the receiver does not ask.
#[test]
fn what_is_not_for_this_bureau_or_too_late_for_its_file_is_refused() {
    let receiver = Receiver::new();
    let closed = Charter { closed: Some(NOON.plus_ms(1_000)), ..charter(1, Role::Contributor) };
    receiver.learns(&closed);
    let late = NOON.plus_ms(3_600_000);
    assert_eq!(receiver.takes("in time", &phone(Some(closed.id)), NOON), (1, 0));
    assert_eq!(receiver.takes("late", &phone(Some(closed.id)), late), (0, 1));
    let others = Label { audience: "US".parse().unwrap(), ..phone(None) };
    assert_eq!(receiver.takes("others", &others, NOON), (0, 1));
    let red = Label { tlp: Tlp::Red, ..phone(None) };
    assert_eq!(receiver.takes("red", &red, NOON), (0, 1));
    let ours = Label { tlp: Tlp::Red, audience: "FR".parse().unwrap(), ..phone(None) };
    assert_eq!(receiver.takes("ours", &ours, NOON), (1, 0));
    assert_eq!(receiver.refusals(), ["caf.over", "label.audience", "label.red"]);
    let letters = receiver.fr.ledger().letters_after(id("BR"), 0, 100).unwrap();
    let receipts = letters.iter().filter(|row| row.letter.kind == LetterKind::Receipt).count();
    assert_eq!(receipts, 3, "the sender is told of each");
}
