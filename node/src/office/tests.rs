//! What no other crate can see of an office; and an office, for tests of what stands above it.

use std::path::Path;

use igain_protocol::bureau::card::Card;
use igain_protocol::bureau::{BureauId, SigningKey};
use igain_protocol::codec::{self, Typ};
use igain_protocol::feed::{Cursor, Entry, FeedKind, Position};
use igain_protocol::label::Label;
use igain_protocol::record::{self, Content, RecordId, SaltKey, Tombstone, Value};
use igain_protocol::sync::Change;
use igain_protocol::time::Timestamp;
use igain_protocol::vocabulary::{GroupSet, Kind, Reason, Tlp};

use super::held::LookedUp;
use super::{Actor, Clock, Draft, Office, Outcome, Parts, Secrets, system_entropy};
use crate::audit::{AuditLog, Filter};
use crate::keystore::Keys;
use crate::ledger::{Came, Ledger, Place, RecordKey};
use crate::search::Search;
use crate::store::disk::{Disk, Fault, Step, Trouble};
use crate::store::{Options, Store, StoreKey};

pub(crate) const NOW: Timestamp = Timestamp::from_ms(1_772_366_400_000);

/// L14, L15: what the books wrote while the log found no room is accounted for in them. Nothing more is done, a backup can be made,
/// nobody is told that the log was cut, and it has all of it at the next start. Seen to fail when the log took nothing up, when a
/// backup or a verification asked for the log alone, and when more was done meanwhile.
#[test]
fn l14_what_the_log_finds_no_room_for_the_books_carry() {
    let (files, log, folder) = (Disk::files(), Disk::failing_files(), tempfile::tempdir().unwrap());
    let office = office_on([&files, &log], &keys(1), folder.path());
    let draft = || Draft {
        id: None,
        label: Label::new(Kind::Phone, Tlp::Green).graded("B2".parse().unwrap()),
        retain_until: None,
        fields: vec![("number".into(), Value::Text("+254700000001".into()))],
    };
    let add = |office: &Office| office.contribute(Actor::Node, vec![draft()]).map(|done| done.outcomes);
    let last = office.audit().last();
    log.fail(Fault { step: Some(Step::Write), after: 0, times: 1_000, trouble: Trouble::Full, torn: 0 });
    let [Outcome::Added(id)] = add(&office).unwrap()[..] else { panic!("the books have room") };
    assert!(add(&office).unwrap_err().is_full());
    assert_eq!(office.verify_account().unwrap().entries, last);
    let books = office.snapshot().unwrap().books;
    drop((books, office));
    let office = office_on([&files, &files], &keys(1), folder.path());
    assert!(office.show(Actor::Node, id, None).is_ok());
    let added = office.audit().list(last + 1, 10, &Filter::default()).unwrap();
    assert_eq!(added.iter().filter(|row| row.entry.action.starts_with("record.")).count(), 2, "{added:?}");
    assert_eq!(office.verify_account().unwrap().entries, office.audit().last());
}

pub(crate) fn keys(seed: u8) -> Keys {
    Keys::from_entropy(&std::array::from_fn(|at| seed.wrapping_add((at / 32) as u8 * 31)))
}

/// The office of KE.
pub(crate) fn office(keys: &Keys, folder: &Path) -> Office {
    office_on([&Disk::files(), &Disk::files()], keys, folder)
}

/// The same, with its books and its audit log on these disks.
fn office_on([books, log]: [&Disk; 2], keys: &Keys, folder: &Path) -> Office {
    let key = StoreKey::from_bytes(*keys.store_key());
    let (store, _) = Store::open_on(books, &folder.join("store"), &key, Options::default(), &|_| {}).unwrap();
    let signing = keys.signing();
    let own = keys.verifying();
    let signer = Box::new(move |payload: &[u8]| codec::sign(Typ::AuditCheckpoint, payload, &signing));
    let audit = AuditLog::open_on(log, &folder.join("audit"), &key, &own, signer).unwrap();
    let (search, _) = Search::open(&folder.join("search"), &keys.search_key()).unwrap();
    let (secrets, ledger) = (Secrets::of(keys), Ledger::new(store));
    let parts = Parts {
        me: "KE".parse().unwrap(),
        secrets,
        ledger,
        audit,
        search: Some(search),
        clock: Clock::manual(NOW),
        entropy: system_entropy(),
    };
    Office::open(parts).unwrap()
}

/// Enrols BR, which has these keys.
pub(crate) fn enrol(office: &Office, keys: &Keys) -> BureauId {
    let bureau = "BR".parse().unwrap();
    let transport = SigningKey::from_seed(*keys.transport_seed());
    let card = Card {
        bureau,
        name: "Bureau BR".into(),
        serial: 1,
        not_before: NOW,
        not_after: NOW.plus_ms(86_400_000),
        signing: keys.signing().verifying_key(),
        sealing: keys.sealing().sealing_key(),
        transport: transport.verifying_key(),
        addresses: Vec::new(),
        languages: Vec::new(),
        contacts: Vec::new(),
        former: Vec::new(),
    };
    office.enrol(Actor::Node, card.sign(&keys.signing(), &transport).unwrap(), None, Vec::new()).unwrap();
    bureau
}

/// L7: an intake does not go by what was looked up before another one ended a record, or it would take it in again. Seen
/// to fail when a record that was never held here counts as unchanged by its end.
#[test]
fn l7_what_was_looked_up_before_a_record_ended_does_not_count() {
    let folder = tempfile::tempdir().unwrap();
    let office = office(&keys(1), folder.path());
    let from = enrol(&office, &keys(2));
    let feed = FeedKind::Records;
    office.receive(from, vec![Change::Open { feed, generation: 1 }]).unwrap();
    let id = RecordId::from_bytes([7; 16]);
    let look_up = || {
        let key = RecordKey { id, owner: from };
        LookedUp::of(&office, [key].into_iter(), std::iter::empty()).unwrap()
    };
    let before = look_up();
    assert!(!office.turn().unwrap().changed_of(from, before.began));
    let to = Cursor { generation: 1, at: Position { seq: 1, head: [1; 16] } };
    let end = Tombstone::new(id, from, NOW, Reason::Incorrect).sign(&keys(2).signing());
    office
        .receive(
            from,
            vec![Change::Entries { feed, from: Position::default(), entries: vec![Entry::Withdraw(end)], to }],
        )
        .unwrap();
    let after = look_up();
    let turn = office.turn().unwrap();
    assert!(turn.changed_of(from, before.began));
    assert!(!turn.changed_of(from, after.began));
}

/// L8: what cannot be read holds up no other record that is due, and goes by its key. Seen to fail when expiry ends with
/// the first record that it cannot read.
#[test]
fn l8_a_record_that_cannot_be_read_holds_up_no_other_that_is_due() {
    let folder = tempfile::tempdir().unwrap();
    let office = office(&keys(1), folder.path());
    let from = enrol(&office, &keys(2));
    let key = |nth| RecordKey { id: RecordId::from_bytes([nth; 16]), owner: from };
    let today = NOW.day();
    let mut turn = office.turn().unwrap();
    let came = Came { generation: 1, groups: GroupSet::ALL, aside: None };
    let class = turn.received_class(from, &Label::new(Kind::Phone, Tlp::Green), came);
    for nth in 1..=3 {
        let place =
            Place { class, seq: 1, since: 1, number: 1, stored: NOW, until: Some(today), changes: None, here: None };
        turn.put_record(key(nth), &place, b"no record");
        turn.count(class, 1);
        turn.retain(today, key(nth));
    }
    turn.commit_now().unwrap();
    office.clock().set(NOW.plus_ms(5 * 86_400_000));
    assert_eq!(office.expire().unwrap(), 3);
    assert!((1..=3).all(|nth| !office.ledger().has_record(key(nth)).unwrap()));
}

/// L15: what a recall that could not be written would have taken away is there still, in memory as on the disk. Seen to fail
/// when memory is read again by the next write alone.
#[test]
fn l15_a_recall_that_could_not_be_written_has_taken_nothing_away() {
    let (disk, folder) = (Disk::failing_files(), tempfile::tempdir().unwrap());
    let office = office_on([&disk, &Disk::files()], &keys(1), folder.path());
    let from = enrol(&office, &keys(2));
    let feed = FeedKind::Records;
    let label = Label::new(Kind::Phone, Tlp::Green).graded("B2".parse().unwrap());
    let content = Content {
        id: RecordId::from_bytes([7; 16]),
        revision: 1,
        owner: from,
        label: label.clone(),
        created: NOW,
        modified: NOW,
        retain_until: Some(NOW.day().plus_days(30)),
        fields: vec![("number".into(), Value::Text("+254700000001".into()))],
    };
    let record = record::sign(&content, &SaltKey::new([7; 32]), &keys(2).signing()).unwrap().as_bytes().to_vec();
    let at = |seq| Position { seq, head: [seq as u8; 16] };
    let entries = |from, entry| {
        let to = Cursor { generation: 1, at: at(from + 1) };
        Change::Entries { feed, from: if from == 0 { Position::default() } else { at(from) }, entries: vec![entry], to }
    };
    let put = Entry::Put { groups: GroupSet::ALL, record };
    office.receive(from, vec![Change::Open { feed, generation: 1 }, entries(0, put)]).unwrap();
    let counted = || office.counts().get(&from).copied().unwrap_or_default();
    assert_eq!(counted(), 1);
    let recall = || vec![entries(1, Entry::Recall(label.digest()))];
    disk.fail(Fault { step: Some(Step::Write), after: 0, times: 1_000, trouble: Trouble::Full, torn: 0 });
    assert!(office.receive(from, recall()).unwrap_err().is_full());
    assert_eq!(counted(), 1);
    assert!(office.show(Actor::Node, content.id, None).is_ok());
    disk.heal();
    office.receive(from, recall()).unwrap();
    assert_eq!(counted(), 0);
}
