//! L14, L21: books and audit log anchor each other, so that neither is put back, or cut, without the other telling.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails loudly"
)]

use std::path::Path;

use igain_node::audit::{self, Filter};
use igain_node::office::{Actor, Error, Office};
use igain_protocol::label::Label;
use igain_protocol::record::Value;
use igain_protocol::time::Timestamp;
use igain_protocol::vocabulary::{Kind, Purpose, Tlp};
use igain_tests::bureau::{copy, draft, open};

const NOON: Timestamp = Timestamp::from_ms(1_790_000_000_000);

fn add(office: &Office, key: &str) -> igain_protocol::record::RecordId {
    let fields = [("number", Value::Text("+254700000001".into()))];
    let draft = draft(key, Label::new(Kind::Phone, Tlp::Green), &fields);
    let id = draft.id.unwrap();
    office.contribute(Actor::Node, vec![draft]).unwrap();
    id
}

/// Copies one part of a bureau's folder over another state of it.
fn put_back(from: &Path, to: &Path, part: &str) {
    std::fs::remove_dir_all(to.join(part)).unwrap();
    copy(&from.join(part), &to.join(part));
}

fn copied(from: &Path, to: &Path) -> std::path::PathBuf {
    for part in ["store", "audit", "search"] {
        copy(&from.join(part), &to.join(part));
    }
    to.to_owned()
}

/// Yesterday's log, with its own checkpoint, beside today's books. Seen to fail when the books note nothing of the log.
#[test]
fn l14_an_older_audit_log_beside_newer_books_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let live = folder.path().join("live");
    let office = open("KE", 1, &live, NOON).unwrap();
    let id = add(&office, "first");
    office.audit().checkpoint(office.now()).unwrap();
    let backup = copied(&live, &folder.path().join("backup"));
    let kept = office.audit().last();
    // An insider asks, and nothing else happens.
    office.clock().set(NOON.plus_ms(60_000));
    for case in ["1", "2"] {
        office.show(Actor::User(7), id, Some((Purpose::Identify, case))).unwrap();
    }
    office.anchor().unwrap();
    office.audit().checkpoint(office.now()).unwrap();
    let today = copied(&live, &folder.path().join("today"));
    assert!(open("KE", 1, &copied(&today, &folder.path().join("sound")), NOON).is_ok());
    put_back(&backup, &today, "audit");
    match open("KE", 1, &today, NOON).err() {
        Some(Error::Audit(error @ audit::Error::CutOff { seq, last, .. })) => {
            assert_eq!((seq, last), (kept + 2, kept));
            let told = error.to_string();
            assert!(told.contains(&format!("ends with entry {kept} of 2026-")), "{told}");
        }
        other => panic!("{other:?}"),
    }
}

/// Cut off within an entry, as a kill leaves it. Seen to fail when the books note nothing of the log.
#[test]
fn l14_an_audit_log_that_was_cut_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let live = folder.path().join("live");
    let office = open("KE", 1, &live, NOON).unwrap();
    let id = add(&office, "first");
    office.show(Actor::User(7), id, Some((Purpose::Identify, "1"))).unwrap();
    office.anchor().unwrap();
    let cut = copied(&live, &folder.path().join("cut"));
    let journal = std::fs::read_dir(cut.join("audit/journal")).unwrap().map(|file| file.unwrap().path());
    let newest = journal.filter(|path| path.extension().is_some_and(|end| end == "journal")).max().unwrap();
    let file = std::fs::OpenOptions::new().write(true).open(newest).unwrap();
    file.set_len(file.metadata().unwrap().len() - 20).unwrap();
    let opened = open("KE", 1, &cut, NOON);
    assert!(matches!(opened.err(), Some(Error::Audit(_))));
}

/// Yesterday's books beside today's log: the node starts, and the log says what it lacks. Seen to fail when entries do not
/// say how far the books were.
#[test]
fn l21_older_books_beside_a_newer_audit_log_are_accounted_for() {
    let folder = tempfile::tempdir().unwrap();
    let live = folder.path().join("live");
    let office = open("KE", 1, &live, NOON).unwrap();
    add(&office, "first");
    let backup = copied(&live, &folder.path().join("backup"));
    add(&office, "second");
    add(&office, "third");
    add(&office, "fourth");
    let today = copied(&live, &folder.path().join("today"));
    put_back(&backup, &today, "store");
    put_back(&backup, &today, "search");
    let accounts = |office: &Office| {
        let filter = Filter { action: Some("store.put-back".into()), ..Filter::default() };
        office.audit().list(1, 10, &filter).unwrap()
    };
    let restored = open("KE", 1, &today, NOON).unwrap();
    let told = accounts(&restored);
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].entry.detail[0].0, "commits-missing");
    assert!(told[0].entry.detail[0].1.parse::<u64>().unwrap() >= 2, "{told:?}");
    assert!(restored.verify_account().is_ok());
    add(&restored, "second");
    drop(restored);
    // It is told once.
    let again = copied(&today, &folder.path().join("again"));
    assert_eq!(accounts(&open("KE", 1, &again, NOON).unwrap()).len(), 1);
}
