//! L7, L8, L21: a bureau that is put back to a backup, books and audit log together, cannot know; its peers prove it, and give
//! back what they hold before they are served.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails loudly"
)]

use igain_node::audit::Filter;
use igain_node::ledger::{RecordKey, RevokedFor, Stand};
use igain_node::office::{Actor, Draft, Office, Outcome};
use igain_protocol::bureau::SigningKey;
use igain_protocol::caf::{Role, Subset};
use igain_protocol::label::Label;
use igain_protocol::record::{RecordId, Tombstone, Value};
use igain_protocol::sync::Given;
use igain_protocol::vocabulary::{GroupSet, Kind, Reason, SubjectCategory, Tlp};
use igain_tests::bureau::{NOON, copy, draft, new_file, shows};
use igain_tests::daemon::{Bureau, federation};
use igain_tests::trio::Trio;
use igain_tests::wait::until;

const ALL: &str = "@id(\"all\") permit(principal, action in Action::\"disclose\", resource);";

const MINUTE_MS: u64 = 60_000;

fn text(text: &str) -> Value {
    Value::Text(text.into())
}

fn person() -> Label {
    Label { category: Some(SubjectCategory::Suspect), ..Label::new(Kind::Person, Tlp::Green) }
}

fn amina(key: &str, remarks: &str) -> Draft {
    draft(key, person(), &[("name", Value::name("Amina Otieno")), ("remarks", text(remarks))])
}

fn put(office: &Office, draft: Draft) -> RecordId {
    let done = office.contribute(Actor::Node, vec![draft]).unwrap();
    match done.outcomes[..] {
        [Outcome::Added(id) | Outcome::Revised(id)] => id,
        ref other => panic!("{other:?}"),
    }
}

/// What an office shows of a record of KE's.
fn remarks(office: &Office, id: RecordId) -> Option<String> {
    let hits = office.show(Actor::Node, id, None).ok()?;
    let value = hits.first()?.record.values("remarks").next()?.as_text()?.to_owned();
    Some(value)
}

/// The whole story: what was withdrawn stays withdrawn, what is newer comes back, before anybody is served anything of it.
/// Seen to fail when a feed begins anew at once.
#[test]
fn l8_what_peers_hold_comes_back_before_they_are_served() {
    let mut all = Trio::new(ALL);
    let (gone, revised) = (put(all.ke(), amina("gone", "one")), put(all.ke(), amina("revised", "one")));
    all.rest();
    all.copy(0);
    all.wait(MINUTE_MS);
    all.ke().withdraw(Actor::Node, gone, Reason::ALL[0]).unwrap();
    put(all.ke(), amina("revised", "two"));
    let new = put(all.ke(), amina("new", "three"));
    let brief = put(all.ke(), amina("brief", "four"));
    all.rest();
    all.ke().withdraw(Actor::Node, brief, Reason::ALL[0]).unwrap();
    all.rest();
    all.wait(MINUTE_MS);
    all.restore(0);
    assert!(shows(all.ke(), gone) && !shows(all.ke(), new), "it has forgotten");
    // FR asks first; BR is away, and keeps nobody waiting.
    all.carry(0, 1);
    let ke = all.ke();
    assert!(!shows(ke, gone) && !shows(ke, brief));
    assert_eq!(remarks(ke, revised).as_deref(), Some("two"));
    assert_eq!(remarks(ke, new).as_deref(), Some("three"));
    let recovery = ke.ledger().recovery().unwrap().expect("it was noticed");
    assert_eq!((recovery.records, recovery.partly, recovery.ended), (2, 0, 2));
    assert_eq!(recovery.by, Some("FR".parse().unwrap()));
    let stand =
        |office: &Office, peer: &str| office.ledger().reclaim(peer.parse().unwrap()).unwrap().map(|row| row.stand);
    assert_eq!((stand(ke, "FR"), stand(ke, "BR")), (Some(Stand::Done), None));
    all.rest();
    assert_eq!(stand(all.ke(), "BR"), Some(Stand::Done));
    for office in &all.offices {
        assert!(!shows(office, gone) && !shows(office, brief), "{}", office.me());
        assert_eq!(remarks(office, revised).as_deref(), Some("two"), "{}", office.me());
        assert_eq!(remarks(office, new).as_deref(), Some("three"), "{}", office.me());
    }
    // It goes on as if nothing had been.
    put(all.ke(), amina("new", "five"));
    all.rest();
    assert_eq!(remarks(&all.offices[1], new).as_deref(), Some("five"));
    assert!(all.ke().verify_account().is_ok());
}

/// A peer whose program cannot give back is not served before an administrator says so. Seen to fail when it is served.
#[test]
fn l8_who_gives_nothing_back_is_not_served_until_somebody_says_so() {
    let mut all = Trio::new(ALL);
    let gone = put(all.ke(), amina("gone", "one"));
    all.rest();
    all.copy(0);
    all.wait(MINUTE_MS);
    all.ke().withdraw(Actor::Node, gone, Reason::ALL[0]).unwrap();
    all.rest();
    all.restore(0);
    let fr = all.offices[1].me();
    assert!(all.ke().waive_reclaim(Actor::Node, fr).is_err(), "nothing is waited for yet");
    let sent = all.carry_without_giving(0, 1);
    assert!(sent.is_empty(), "{sent:?}");
    assert_eq!(all.ke().ledger().reclaim(fr).unwrap().map(|row| row.stand), Some(Stand::Asked));
    all.ke().waive_reclaim(Actor::Node, fr).unwrap();
    assert!(!all.carry_without_giving(0, 1).is_empty());
    assert!(!shows(&all.offices[1], gone), "what its owner has withdrawn stays so where that is known");
}

/// A peer that may have some groups alone gives back as much: where the rest did not change, this bureau proves what it was,
/// and where it did, the last whole version is kept beside. Seen to fail when the copy takes the place of the whole.
#[test]
fn what_is_given_back_in_part_is_made_whole_or_kept_beside_what_is_known() {
    let narrative = "@id(\"n\") permit(principal, action == Action::\"narrative\", resource);
@id(\"c\") permit(principal, action == Action::\"core\", resource);";
    let mut all = Trio::new(narrative);
    let (same, other) = (put(all.ke(), amina("same", "one")), put(all.ke(), amina("other", "one")));
    all.rest();
    assert!(all.offices[1].show(Actor::Node, same, None).unwrap()[0].record.is_redacted());
    all.copy(0);
    all.wait(MINUTE_MS);
    put(all.ke(), amina("same", "two"));
    let fields = [("name", Value::name("Amina Wanjiru")), ("remarks", text("two"))];
    put(all.ke(), draft("other", person(), &fields));
    let unseen = put(all.ke(), amina("unseen", "new"));
    all.rest();
    all.wait(MINUTE_MS);
    all.restore(0);
    all.carry(0, 1);
    let ke = all.ke();
    let row = |id| {
        let key = RecordKey { id, owner: ke.me() };
        let record = ke.ledger().record(key).unwrap().unwrap().record().unwrap();
        (record.header().revision, record.is_redacted(), ke.ledger().former(key).unwrap().map(|bytes| bytes.is_empty()))
    };
    assert_eq!(row(same), (2, false, None), "proven by its commitments");
    assert_eq!(row(other), (2, true, Some(false)), "the name of now is not known");
    assert_eq!(row(unseen), (1, true, Some(true)), "nothing was known of it");
    assert_eq!(ke.ledger().recovery().unwrap().map(|row| (row.records, row.partly)), Some((3, 2)));
    // What is known of it is shown to who revises it, and nothing of that leaves.
    let key = RecordKey { id: other, owner: ke.me() };
    let record = ke.ledger().record(key).unwrap().unwrap().record().unwrap();
    let whole = ke.own_whole(key, record.clone()).unwrap();
    assert_eq!(record.values("name").count(), 0);
    assert_eq!(whole.values("name").next().and_then(Value::as_text), Some("Amina Otieno"));
    all.rest();
    assert_eq!(remarks(&all.offices[2], other).as_deref(), Some("two"));
    put(all.ke(), draft("other", person(), &fields));
    assert!(all.ke().ledger().former(key).unwrap().is_none(), "it is whole again");
    assert_eq!(all.ke().show(Actor::Node, other, None).unwrap()[0].record.header().revision, 3);
}

/// Copies of several peers are put together.
#[test]
fn what_several_give_back_in_part_is_joined() {
    let policy = "@id(\"f\") permit(principal == Bureau::\"FR\", action == Action::\"narrative\", resource);
@id(\"b\") permit(principal == Bureau::\"BR\", action == Action::\"identity\", resource);
@id(\"c\") permit(principal, action == Action::\"core\", resource);";
    let mut all = Trio::new(policy);
    all.rest();
    all.copy(0);
    all.wait(MINUTE_MS);
    let id = put(all.ke(), amina("new", "one"));
    all.rest();
    all.wait(MINUTE_MS);
    all.restore(0);
    all.carry(0, 1);
    let known = |office: &Office| {
        let record = office.show(Actor::Node, id, None).unwrap().remove(0).record;
        (record.values("name").count(), record.values("remarks").count(), record.is_redacted())
    };
    assert_eq!(known(all.ke()), (0, 1, true));
    all.rest();
    assert_eq!(known(all.ke()), (1, 1, false), "all of it came, and nothing else was signed");
    assert_eq!(known(&all.offices[1]), (0, 1, true));
}

/// A member that was dismissed since the backup gets nothing more, once anybody has the newer charter: it gives back its own
/// dismissal. Seen to fail when letters are not given back.
#[test]
fn l1_who_was_dismissed_since_does_not_receive_again() {
    let mut all = Trio::new(ALL);
    let caf = all.ke().create_caf(Actor::Node, new_file("File")).unwrap().charter().id;
    let members = [(all.offices[1].me(), Role::Contributor), (all.offices[2].me(), Role::Contributor)];
    all.ke().invite(Actor::Node, caf, &members).unwrap();
    all.rest();
    for member in 1..3 {
        all.offices[member].join(Actor::Node, caf, Subset::default()).unwrap();
    }
    all.rest();
    let label = Label { cafs: vec![caf], ..person() };
    let in_file = |key| draft(key, label.clone(), &[("remarks", text(key))]);
    let before = put(all.ke(), in_file("before"));
    all.rest();
    assert!(shows(&all.offices[1], before));
    all.copy(0);
    all.wait(MINUTE_MS);
    all.ke().dismiss(Actor::Node, caf, &[members[0].0]).unwrap();
    all.rest();
    assert!(!shows(&all.offices[1], before));
    all.wait(MINUTE_MS);
    all.restore(0);
    let after = put(all.ke(), in_file("after"));
    all.carry(0, 1);
    assert!(!shows(&all.offices[1], before) && !shows(&all.offices[1], after));
    all.rest();
    assert!(!shows(&all.offices[1], after) && shows(&all.offices[2], after));
    assert!(all.ke().caf(caf).unwrap().charter().role_of(members[0].0).is_none());
}

/// What was written at the restored bureau before it heard of it is its last word. Seen to fail when the higher revision wins.
#[test]
fn what_was_written_since_the_restore_is_the_last_word() {
    let mut all = Trio::new(ALL);
    let id = put(all.ke(), amina("one", "first"));
    all.rest();
    all.copy(0);
    all.wait(MINUTE_MS);
    for text in ["second", "third"] {
        put(all.ke(), amina("one", text));
    }
    all.rest();
    all.wait(MINUTE_MS);
    all.restore(0);
    all.wait(MINUTE_MS);
    put(all.ke(), amina("one", "since"));
    all.rest();
    for office in &all.offices {
        assert_eq!(remarks(office, id).as_deref(), Some("since"), "{}", office.me());
        let record = office.show(Actor::Node, id, None).unwrap().remove(0).record;
        assert_eq!(record.header().revision, 4);
    }
}

/// Where a clock that is behind and a further start leave nobody able to tell what was written since, the forgotten version comes back,
/// and it is told which one gave way. Seen to fail when that is not counted.
#[test]
fn a_version_that_gives_way_to_a_forgotten_one_is_told() {
    let mut all = Trio::new(ALL);
    let id = put(all.ke(), amina("one", "first"));
    all.rest();
    all.copy(0);
    let then = all.ke().now();
    all.wait(MINUTE_MS);
    put(all.ke(), amina("one", "forgotten"));
    all.rest();
    all.wait(MINUTE_MS);
    all.restore_at(0, then);
    put(all.ke(), amina("one", "since"));
    all.start_again(0);
    all.rest();
    assert_eq!(remarks(all.ke(), id).as_deref(), Some("forgotten"));
    let noticed = all.ke().recovery(9).unwrap().noticed.unwrap();
    assert_eq!((noticed.records, noticed.replaced), (1, 1));
    let told = all.ke().audit().list(0, 999, &Filter::default()).unwrap();
    let told: Vec<_> = told.iter().filter(|one| one.entry.action == "reclaim.replace").collect();
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].entry.object, Some(format!("record:{id}")));
}

/// What a bureau shows while it is revoked, as one that left, proves as much: it is asked once it is reinstated, although its feed
/// has begun anew meanwhile. Seen to fail when it is not looked at before.
#[test]
fn l8_who_shows_it_while_it_is_revoked_is_asked_once_it_is_reinstated() {
    let mut all = Trio::new(ALL);
    let gone = put(all.ke(), amina("gone", "one"));
    all.rest();
    let fr = all.offices[1].me();
    let print = all.ke().peer(fr).unwrap().card().signing.fingerprint().to_string();
    all.ke().revoke(Actor::Node, fr, RevokedFor::Left).unwrap();
    all.copy(0);
    all.ke().reinstate(Actor::Node, fr, &print).unwrap();
    let new = put(all.ke(), amina("new", "two"));
    all.rest();
    all.ke().withdraw(Actor::Node, gone, Reason::ALL[0]).unwrap();
    all.carry(0, 1);
    all.wait(MINUTE_MS);
    all.restore(0);
    all.carry_without_giving(0, 1);
    let stand = |office: &Office| office.ledger().reclaim(fr).unwrap().map(|row| row.stand);
    assert_eq!(stand(all.ke()), Some(Stand::Asked));
    all.ke().reinstate(Actor::Node, fr, &print).unwrap();
    assert!(all.carry_without_giving(0, 1).is_empty(), "not before it has given back");
    all.carry(0, 1);
    assert_eq!(stand(all.ke()), Some(Stand::Done));
    all.rest();
    for office in &all.offices {
        assert!(!shows(office, gone) && shows(office, new), "{}", office.me());
    }
}

/// An id that was in use before the backup, and whose date has passed since where it was shared, is numbered from one again: what is
/// written under it now is another version there. Seen to fail when revisions alone count.
#[test]
fn what_expired_elsewhere_and_was_forgotten_is_begun_again() {
    let mut all = Trio::new(ALL);
    let until = |days, text: &str| Draft { retain_until: Some(NOON.day().plus_days(days)), ..amina("one", text) };
    all.rest();
    all.copy(0);
    let id = put(all.ke(), until(1, "first"));
    all.rest();
    let fr = all.offices[1].clone();
    assert!(shows(&fr, id));
    for _ in 0..8 {
        all.wait(24 * 60 * MINUTE_MS);
        for office in &all.offices {
            office.expire().unwrap();
        }
    }
    let key = RecordKey { id, owner: all.ke().me() };
    assert!(fr.ledger().tombstone(key).unwrap().is_some_and(|row| row.signed.is_none()));
    all.restore(0);
    all.wait(MINUTE_MS);
    put(all.ke(), until(100, "again"));
    all.rest();
    assert_eq!(remarks(&fr, id).as_deref(), Some("again"));
    assert_eq!(fr.show(Actor::Node, id, None).unwrap()[0].record.header().revision, 1);
}

/// What was signed before the key was replaced does not come back by itself, and nobody is served what it would end; it does once
/// somebody says that the former key was not stolen.
#[test]
fn l8_what_a_former_key_has_signed_comes_back_on_a_persons_word() {
    let mut all = Trio::new(ALL);
    let (gone, revised) = (put(all.ke(), amina("gone", "one")), put(all.ke(), amina("revised", "one")));
    all.rest();
    all.copy(0);
    all.wait(MINUTE_MS);
    all.ke().withdraw(Actor::Node, gone, Reason::ALL[0]).unwrap();
    put(all.ke(), amina("revised", "two"));
    all.rest();
    let fr = all.offices[1].me();
    all.restore_with_other_keys(0);
    all.carry(0, 1);
    let stand = |office: &Office| office.ledger().reclaim(fr).unwrap().map(|row| row.stand);
    assert_eq!(stand(all.ke()), Some(Stand::Refused));
    assert!(shows(all.ke(), gone) && all.ke().ledger().recovery().unwrap().is_none(), "nothing came of it");
    assert!(all.carry_without_giving(0, 1).is_empty(), "nothing is served meanwhile");
    all.ke().accept_former_keys(Actor::Node, fr).unwrap();
    all.carry(0, 1);
    assert_eq!(stand(all.ke()), Some(Stand::Done));
    assert!(!shows(all.ke(), gone));
    assert_eq!(remarks(all.ke(), revised).as_deref(), Some("two"));
    assert!(all.ke().accept_former_keys(Actor::Node, fr).is_err(), "nothing is waited for any more");
}

/// A peer cannot bring in what this bureau has not signed, or somebody with a key of before. Seen to fail when a former key
/// counts.
#[test]
fn nobody_gives_back_what_this_bureau_has_not_signed() {
    let mut all = Trio::new(ALL);
    let id = put(all.ke(), amina("one", "first"));
    all.rest();
    all.copy(0);
    all.wait(MINUTE_MS);
    put(all.ke(), amina("one", "second"));
    all.rest();
    all.restore(0);
    // FR gives something of BR's, and garbage, for KE's own.
    let of_br = put(&all.offices[2], amina("of-br", "theirs"));
    let row = |office: &Office, id, owner: &Office| {
        office.ledger().record(RecordKey { id, owner: owner.me() }).unwrap().unwrap().bytes
    };
    let foreign = row(&all.offices[2], of_br, &all.offices[2]);
    let by_another = Tombstone::new(id, all.ke().me(), NOON, Reason::ALL[0]).sign(&SigningKey::from_seed([9; 32]));
    all.reclaim_with(0, 1, |nth| match nth {
        0 => vec![Given::Held(of_br, 7), Given::Ended(id), Given::Next(vec![1])],
        1 => vec![
            Given::Record(GroupSet::ALL, foreign.clone()),
            Given::Record(GroupSet::ALL, vec![0x80]),
            Given::Withdrawal(by_another.clone()),
        ],
        _ => Vec::new(),
    });
    assert!(!shows(all.ke(), of_br));
    assert_eq!(remarks(all.ke(), id).as_deref(), Some("first"));
    assert!(all.ke().ledger().recovery().unwrap().is_none(), "nothing is proven by it");
}

fn add(bureau: &Bureau, number: &str) -> String {
    let number = format!("number={number}");
    let added = bureau.json(&["record", "add", "phone", &number, "--tlp", "green", "--grading", "B2"]);
    added["outcomes"][0]["id"].as_str().expect("an id").to_owned()
}

/// Waits until a bureau holds so many records of KE's.
fn holds(bureau: &Bureau, count: u64) {
    bureau.eventually(&["status"], |status| {
        let counts = status["records"].as_array().expect("counts");
        counts.iter().any(|row| row["owner"] == "KE" && row["records"] == count)
    });
}

/// The same with daemons: a copy of the whole data folder is put in its place.
#[test]
fn l21_a_whole_machine_is_put_back_and_heals_by_itself() {
    let mut all = federation(&["KE", "FR"]);
    all.iter().for_each(|bureau| drop(bureau.apply(ALL)));
    let gone = add(&all[0], "+254700000001");
    holds(&all[1], 1);
    assert_eq!(all[0].stop(), Some(0));
    let (data, backup) = (all[0].path("data"), all[0].path("backup"));
    copy(&data, &backup);
    all[0].run();
    let new = add(&all[0], "+254700000002");
    holds(&all[1], 2);
    all[0].json(&["record", "withdraw", &gone, "--reason", "incorrect", "--yes"]);
    holds(&all[1], 1);
    assert_eq!(all[0].stop(), Some(0));
    std::fs::rename(&data, all[0].path("lost")).unwrap();
    copy(&backup, &data);
    all[0].run();
    // Records and withdrawals come one after the other.
    let given = |state: &serde_json::Value| state["put_back"]["records"] == 1 && state["put_back"]["ended"] == 1;
    let put_back = all[0].eventually(&["recovery", "show"], given)["put_back"].clone();
    assert_eq!(put_back["by"], "FR");
    all[0].refused(&["record", "show", &gone]);
    all[0].json(&["record", "show", &new]);
    assert!(!all[0].json(&["status"])["recovery"].is_null());
    all[1].json(&["record", "show", &new]);
    all[1].refused(&["record", "show", &gone]);
    all[0].json(&["recovery", "close", "--yes"]);
    assert!(all[0].json(&["recovery", "show"])["put_back"].is_null());
    assert!(all[0].json(&["status"])["recovery"].is_null());
    // What there is of the log is whole; that some was forgotten FR can tell where it showed its commitment before it had a newer one.
    let verified = all[0].igain(&["audit", "verify", "--json"]).json();
    let why = verified["why"].as_str().unwrap_or_default();
    assert!(verified["intact"] == true || why.contains("does not fit what this bureau committed to"), "{verified}");
}

/// The same where the key was replaced before the machine was put back, and its file is that of today: what was withdrawn comes back
/// as soon as somebody says that the former key was not stolen.
#[test]
fn l8_a_machine_with_a_newer_key_file_takes_back_on_a_persons_word() {
    let mut all = federation(&["KE", "FR"]);
    all.iter().for_each(|bureau| drop(bureau.apply(ALL)));
    let gone = add(&all[0], "+254700000001");
    holds(&all[1], 1);
    assert_eq!(all[0].stop(), Some(0));
    let (data, backup) = (all[0].path("data"), all[0].path("backup"));
    copy(&data, &backup);
    all[0].run();
    all[0].json(&["record", "withdraw", &gone, "--reason", "incorrect", "--yes"]);
    until("it is withdrawn at FR", || (all[1].igain(&["record", "show", &gone]).code != Some(0)).then_some(()));
    assert_eq!(all[0].stop(), Some(0));
    all[0].json(&["key", "rotate", "--passphrase-file", "passphrase", "--throw-away"]);
    std::fs::rename(&data, all[0].path("lost")).unwrap();
    copy(&backup, &data);
    std::fs::copy(all[0].path("lost/keys.age"), data.join("keys.age")).unwrap();
    all[0].run();
    let heard = |heard: &'static str| move |state: &serde_json::Value| state["peers"][0]["heard"] == heard;
    let state = all[0].eventually(&["recovery", "show"], heard("refused"));
    assert_eq!(state["peers"][0]["served"], false);
    all[0].json(&["record", "show", &gone]);
    assert_eq!(all[0].refused(&["recovery", "accept", "FR"]).1, "cli.declined");
    assert_eq!(all[0].refused(&["recovery", "accept", "ZZ", "--yes"]).1, "peer.unknown");
    all[0].json(&["recovery", "accept", "FR", "--yes"]);
    let state = all[0].eventually(&["recovery", "show"], heard("done"));
    assert_eq!(state["put_back"]["ended"], 1);
    all[0].refused(&["record", "show", &gone]);
    for args in
        [&["recovery", "accept", "FR", "--yes"][..], &["recovery", "accept", "FR"], &["recovery", "serve", "FR"]]
    {
        assert_eq!(all[0].refused(args).1, "recovery.not-waited", "{args:?}");
    }
}
