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
use igain_node::ledger::{RecordKey, RedoRow, RevokedFor};
use igain_node::office::{Actor, Error, Office};
use igain_protocol::label::Label;
use igain_protocol::record::Value;
use igain_protocol::time::Timestamp;
use igain_protocol::vocabulary::{Kind, Purpose, Reason, Tlp};
use igain_tests::bureau::{copy, draft, open};
use igain_tests::daemon::Bureau;
use igain_tests::trio::Trio;

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
            assert_eq!((seq, last.map(|(last, _)| last)), (kept + 2, Some(kept)));
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

/// What is wrong with a node that is stopped is told without starting it, and since when.
#[test]
fn l14_a_stopped_node_is_looked_at() {
    const PASSPHRASE: [&str; 3] = ["--stopped", "--passphrase-file", "passphrase"];
    let mut bureau = Bureau::start("KE");
    let add = |bureau: &Bureau| {
        bureau.json(&["record", "add", "phone", "number=+254700000001", "--tlp", "green", "--grading", "B2"])
    };
    add(&bureau);
    let verify = |bureau: &Bureau, what: &str| bureau.igain(&[&[what, "verify", "--json"], &PASSPHRASE[..]].concat());
    assert_eq!(verify(&bureau, "audit").problem()["code"], "store.locked", "it runs");
    assert_eq!(bureau.refused(&["audit", "verify", "--passphrase-file", "passphrase"]).1, "cli.usage");
    assert_eq!(bureau.stop(), Some(0));
    for what in ["audit", "store"] {
        let said = verify(&bureau, what);
        assert_eq!((said.code, &said.json()["intact"]), (Some(0), &true.into()), "{said:?}");
    }
    let (data, older) = (bureau.path("data"), bureau.path("older"));
    copy(&data, &older);
    bureau.run();
    // What came after the last entry alone is not told.
    add(&bureau);
    add(&bureau);
    assert_eq!(bureau.stop(), Some(0));
    let newer = bureau.path("newer");
    copy(&data, &newer);
    for (part, tells) in [("audit", "does not hold entry"), ("store", "the books lack")] {
        put_back(&older, &data, part);
        let said = verify(&bureau, "audit");
        let summary = said.json();
        assert_ne!(said.code, Some(0));
        assert_eq!(summary["intact"], false);
        let why = summary["why"].as_str().unwrap();
        assert!(why.contains(tells) && why.contains(" 20"), "what, and since when: {why}");
        put_back(&newer, &data, part);
    }
    // Damage in the middle of a file.
    for what in ["audit", "store"] {
        let journal = std::fs::read_dir(data.join(what).join("journal")).unwrap().map(|file| file.unwrap().path());
        let journal = journal.filter(|path| path.extension().is_some_and(|end| end == "journal"));
        let largest = journal.max_by_key(|path| path.metadata().unwrap().len()).unwrap();
        let mut bytes = std::fs::read(&largest).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        std::fs::write(&largest, bytes).unwrap();
        let said = verify(&bureau, what);
        assert_eq!((said.code, &said.json()["intact"]), (Some(1), &false.into()), "{said:?}");
        put_back(&newer, &data, what);
    }
    // Where nothing is, nothing is made by looking.
    for what in ["audit", "store"] {
        std::fs::rename(data.join(what), bureau.path(what)).unwrap();
        let said = verify(&bureau, what);
        assert_eq!((said.code, &said.problem()["code"]), (Some(1), &"daemon.nothing".into()), "{said:?}");
        assert!(!data.join(what).exists());
        std::fs::rename(bureau.path(what), data.join(what)).unwrap();
    }
}

/// Books and log put back together, or cut together by somebody who has the keys: what peers keep does not fit. Seen to fail when
/// the newest commitment alone is shown, and a newer one has come since.
#[test]
fn l14_what_peers_keep_tells_of_books_and_log_that_were_put_back_together() {
    const DAY_MS: u64 = 86_400_000;
    let mut all = Trio::new("");
    let (ke_id, fr_id) = (all.offices[0].me(), all.offices[1].me());
    // What KE says to FR, and FR to KE, as replication does each ten minutes.
    let told = |all: &Trio| {
        let (ke, fr) = (&all.offices[0], &all.offices[1]);
        assert!(fr.hear_heads(ke_id, &ke.heads(fr_id).unwrap()).unwrap());
        fr.note_time().unwrap();
        ke.hear_heads(fr_id, &fr.heads(ke_id).unwrap()).unwrap()
    };
    assert!(told(&all) && told(&all));
    all.copy(0);
    all.wait(DAY_MS);
    add(all.ke(), "first");
    assert!((0..6).all(|_| told(&all)));
    let kept = all.offices[1].ledger().commitments(ke_id).unwrap();
    assert_eq!(kept.len(), 2, "one for each day");
    // An entry is added to the log between a commitment and the next.
    add(all.ke(), "second");
    assert!((0..6).all(|_| told(&all)));
    all.wait(DAY_MS);
    all.restore(0);
    add(all.ke(), "third");
    // The newest of today would fit; one of those before does not.
    let fits: Vec<bool> = (0..6).map(|_| told(&all)).collect();
    assert!(fits.contains(&false) && fits.contains(&true), "{fits:?}");
    let ke = all.ke();
    let (bureau, fit, unfit) = ke.vouched().remove(0);
    assert!(bureau == fr_id && fit.is_some() && unfit.is_some());
    assert!(ke.ledger().recovery().unwrap().is_some());
    let filter = Filter { action: Some("audit.put-back".into()), ..Filter::default() };
    assert_eq!(ke.audit().list(1, 10, &filter).unwrap().len(), 1, "told once");
}

/// What the log tells of withdrawals and revocations is done again where the books alone are put back, also where a start was cut
/// short, and where the books have never heard of the record. Seen to fail when the last entry alone decides whether it is due.
#[test]
fn l8_withdrawals_and_revocations_are_done_again_from_the_log() {
    let mut all = Trio::new("");
    let (fr, br) = (all.offices[1].me(), all.offices[2].me());
    let old = add(all.ke(), "old");
    all.copy(0);
    all.wait(60_000);
    let new = add(all.ke(), "new");
    for id in [old, new] {
        all.ke().withdraw(Actor::Node, id, Reason::ALL[0]).unwrap();
    }
    all.ke().revoke(Actor::Node, fr, RevokedFor::Compromised).unwrap();
    all.ke().revoke(Actor::Node, br, RevokedFor::Left).unwrap();
    let print = all.ke().peer(br).unwrap().card().signing.fingerprint().to_string();
    all.ke().reinstate(Actor::Node, br, &print).unwrap();
    // Of today's folder, the audit log stays.
    all.restore_books(0);
    let check = |ke: &Office| {
        let ended = |id| {
            ke.ledger().tombstone(RecordKey { id, owner: ke.me() }).unwrap().is_some_and(|row| row.signed.is_some())
        };
        assert!(ended(old) && ended(new));
        assert_eq!(ke.peer(fr).unwrap().revoked_for(), Some(RevokedFor::Compromised));
        // It was reinstated since, which is for people to do again: the log may tell of what was refused.
        assert_eq!(ke.peer(br).unwrap().revoked_for(), Some(RevokedFor::Left));
        assert!(ke.ledger().redo().unwrap().is_none());
        assert!(ke.ledger().recovery().unwrap().is_some());
    };
    check(all.ke());
    // As if the machine had stopped before the last of it.
    let mut batch = all.ke().ledger().store().begin();
    all.ke().ledger().put_redo(&mut batch, Some(&RedoRow { from: 1, upto: all.ke().audit().last() }));
    all.ke().ledger().delete_tombstone(&mut batch, RecordKey { id: new, owner: all.ke().me() });
    all.ke().ledger().commit(batch).unwrap();
    all.start_again(0);
    check(all.ke());
}
