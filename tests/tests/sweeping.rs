//! What nobody can ask for any more leaves the books, and what somebody has still to hear stays.

#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::unwrap_used, reason = "a test fails loudly")]

use igain_node::ledger::Op;
use igain_node::office::{Actor, Office};
use igain_protocol::feed::{Entry, FeedKind};
use igain_protocol::label::Label;
use igain_protocol::record::{RecordId, Value};
use igain_protocol::vocabulary::{GroupSet, Kind, Reason, Tlp};
use igain_tests::bureau::{NOON, draft, keys, shows};
use igain_tests::tomorrow;
use igain_tests::wire::{Pair, brings, carry};

const ALL: &str = r#"@id("all") permit(principal, action in Action::"disclose", resource);"#;

fn phone(key: &str, remarks: &str) -> igain_node::office::Draft {
    let fields = [("number", Value::Text("+254700000001".into())), ("remarks", Value::Text(remarks.into()))];
    draft(key, Label::new(Kind::Phone, Tlp::Green), &fields)
}

/// The operations in the logs of a bureau, in order.
fn log(office: &Office) -> Vec<Op> {
    let classes = office.ledger().classes().unwrap();
    let mut ops = Vec::new();
    for (class, _) in classes {
        let mut after = 0;
        while let Some(run) = office.ledger().run_after(class, after).unwrap() {
            assert_eq!(run.before, after, "no hole");
            ops.extend(run.entries.iter().map(|entry| entry.op));
            (_, after) = run.ends();
        }
    }
    ops
}

fn sweep(office: &Office) {
    // What ended since the last one is left.
    office.sweep(0).unwrap();
    office.sweep(0).unwrap();
}

/// A log is as long as what is live and what has still to be heard. Seen to fail when an end goes that a bureau has
/// not heard of.
#[test]
fn a_log_is_as_long_as_what_is_live_and_what_has_still_to_be_heard() {
    let mut pair = Pair::new(ALL);
    let ids: Vec<RecordId> = (0..8).map(|nth| pair.add(phone(&format!("{nth}"), "0"))).collect();
    pair.carry();
    for round in 1..50 {
        for nth in 0..8 {
            pair.add(phone(&format!("{nth}"), &format!("{round}")));
        }
        pair.carry();
    }
    assert_eq!(log(&pair.ke).len(), 8 * 50);
    sweep(&pair.ke);
    let live = log(&pair.ke);
    // Where each came, and where its remarks changed last, which not everybody may have.
    assert_eq!(live.len(), 16);
    // FR is away: what it has not heard of stays, however often logs are swept.
    for id in &ids[..4] {
        pair.ke.withdraw(Actor::Node, *id, Reason::ALL[0]).unwrap();
    }
    sweep(&pair.ke);
    assert_eq!(log(&pair.ke).iter().filter(|op| **op == Op::Withdraw).count(), 4);
    pair.carry();
    assert!(ids[..4].iter().all(|id| !shows(&pair.fr, *id)) && ids[4..].iter().all(|id| shows(&pair.fr, *id)));
    // It may still be put back to a place of before.
    sweep(&pair.ke);
    assert_eq!(log(&pair.ke).iter().filter(|op| **op == Op::Withdraw).count(), 4);
    for round in 0..70 {
        pair.add(phone("7", &format!("later {round}")));
        pair.carry();
    }
    sweep(&pair.ke);
    assert_eq!(log(&pair.ke).iter().filter(|op| **op == Op::Withdraw).count(), 0);
    // Who comes now, or begins anew, gets what is live.
    let folder = tempfile::tempdir().unwrap();
    let br = igain_tests::bureau::office("BR", 3, folder.path());
    igain_tests::wire::know(&pair.ke, br.me(), 3);
    igain_tests::wire::know(&br, pair.ke.me(), 1);
    assert_eq!(carry(&pair.ke, &br).put, 4);
    assert_eq!(pair.ke.mend_logs().unwrap(), []);
    // What was received is swept too, and a class of which nothing is left goes.
    sweep(&pair.fr);
    assert!(log(&pair.fr).len() <= 4 + 1, "{}", log(&pair.fr).len());
    for id in &ids[4..] {
        pair.ke.withdraw(Actor::Node, *id, Reason::ALL[0]).unwrap();
    }
    pair.carry();
    sweep(&pair.fr);
    assert!(pair.fr.ledger().classes().unwrap().is_empty() && log(&pair.fr).is_empty());
    pair.add(phone("again", "0"));
    pair.carry();
    assert_eq!(log(&pair.fr), [Op::Put]);
}

/// A revision that changes some groups leaves what still stands for others.
#[test]
fn who_may_have_little_is_told_from_a_log_that_was_swept() {
    const CORE: &str = r#"@id("some") permit(principal, action, resource)
when { [Action::"core", Action::"identifiers"].contains(action) };"#;
    let mut pair = Pair::new(CORE);
    let id = pair.add(phone("a", "0"));
    pair.add(phone("b", "0"));
    for round in 1..20 {
        pair.add(phone("a", &format!("{round}")));
    }
    pair.ke.withdraw(Actor::Node, phone("b", "0").id.unwrap(), Reason::ALL[0]).unwrap();
    sweep(&pair.ke);
    assert_eq!(
        log(&pair.ke),
        [Op::Put, Op::Put, Op::Withdraw],
        "where it came, where it changed, and the last of the run"
    );
    pair.carry();
    assert!(shows(&pair.fr, id));
}

/// That a record expired here is remembered for a while, and for ever what its owner withdrew: a later date of it may never
/// have been heard of.
#[test]
fn what_expired_is_remembered_for_a_while_and_what_was_withdrawn_for_ever() {
    const DAY_MS: u64 = 86_400_000;
    let mut pair = Pair::new(ALL);
    let kept = |key: &str, days: u32| {
        let until = Some(NOON.day().plus_days(days));
        igain_node::office::Draft { retain_until: until, ..phone(key, "0") }
    };
    let ids = [pair.add(kept("short", 5)), pair.add(kept("longer", 5)), pair.add(kept("expires", 5))];
    pair.carry();
    pair.add(kept("longer", 40));
    pair.carry();
    for id in &ids[..2] {
        pair.ke.withdraw(Actor::Node, *id, Reason::ALL[0]).unwrap();
    }
    pair.carry();
    let remembers = |office: &Office, id: RecordId| {
        office.ledger().has_ended(igain_node::ledger::RecordKey { id, owner: pair.ke.me() }).unwrap()
    };
    let on = |day: u64| {
        for office in [&pair.ke, &pair.fr] {
            office.clock().set(NOON.plus_ms(day * DAY_MS));
            office.expire().unwrap();
        }
        ids.map(|id| remembers(&pair.fr, id))
    };
    assert_eq!(on(5), [true, true, false]);
    assert_eq!(on(8), [true, true, false], "the time of grace");
    assert_eq!(on(9), [true, true, true]);
    assert_eq!(on(42), [true, true, true]);
    assert_eq!(on(43), [true, true, false]);
    assert_eq!(on(60), [true, true, false]);
    assert!(ids.iter().all(|id| remembers(&pair.ke, *id)), "its owner gives no id twice");
}

/// One receipt waits for a bureau that is away, the newest. Seen to fail when each stays.
#[test]
fn a_receipt_takes_the_place_of_the_one_before() {
    let mut pair = Pair::new(ALL);
    let ids: Vec<RecordId> = (0..8).map(|nth| pair.add(phone(&format!("{nth}"), "0"))).collect();
    pair.carry();
    for id in &ids {
        pair.ke.withdraw(Actor::Node, *id, Reason::ALL[0]).unwrap();
        pair.carry();
    }
    assert_eq!(pair.fr.ledger().letters_after(pair.ke.me(), 0, 100).unwrap().len(), 1);
    carry(&pair.fr, &pair.ke);
    let holders = |id: &RecordId| pair.ke.holders(*id).unwrap()[0].state;
    assert!(ids.iter().all(|id| matches!(holders(id), igain_node::office::HolderState::Purged(_))));
}

/// What was noted of a reference goes with what has it, and with what it leads to.
#[test]
fn a_withheld_reference_goes_with_its_ends() {
    const GREEN: &str = r#"@id("green") permit(principal, action, resource) when { resource.tlp == Tlp::"green" };"#;
    let mut pair = Pair::new(GREEN);
    let hidden = |key: &str| {
        let amber = Label::new(Kind::Phone, Tlp::Amber);
        pair.add(draft(key, amber, &[("number", Value::Text("+254700000001".into()))]))
    };
    let (kept, ended) = (hidden("kept"), hidden("ended"));
    let link = |key: &str, to: RecordId| {
        let ends = [("from", Value::Reference(to)), ("to", Value::Reference(kept))];
        pair.add(draft(key, Label::new(Kind::Link, Tlp::Green), &ends))
    };
    let (stays, goes) = (link("stays", ended), link("goes", kept));
    pair.carry();
    let withheld = |office: &Office| office.ledger().all_withheld(None, 100).unwrap();
    assert_eq!(withheld(&pair.ke).len(), 3);
    for id in [goes, ended] {
        pair.ke.withdraw(Actor::Node, id, Reason::ALL[0]).unwrap();
    }
    assert_eq!(pair.ke.sweep_withheld().unwrap(), 2);
    assert_eq!(withheld(&pair.ke), [(pair.fr.me(), kept, stays)]);
    assert_eq!(pair.ke.sweep_withheld().unwrap(), 0);
}

/// Where entries are missing, nothing is joined: the hole is found and mended after a sweep as before.
#[test]
fn a_sweep_hides_no_hole() {
    let pair = Pair::new(ALL);
    for round in 0..12 {
        pair.add(phone("a", &format!("{round}")));
        pair.add(phone("b", &format!("{round}")));
    }
    let ledger = pair.ke.ledger();
    let class = ledger.classes().unwrap()[0].0;
    let missing = ledger.run_after(class, 10).unwrap().unwrap();
    let mut batch = ledger.store().begin();
    ledger.delete_run(&mut batch, class, missing.ends().0);
    ledger.store().commit(batch).unwrap();
    pair.ke.sweep(0).unwrap();
    pair.ke.sweep(0).unwrap();
    let mended = pair.ke.mend_logs().unwrap();
    assert_eq!(mended.len(), 1, "{mended:?}");
    assert_eq!(pair.ke.mend_logs().unwrap(), []);
    let before = ledger.run_after(class, 0).unwrap().unwrap();
    pair.ke.sweep(0).unwrap();
    assert_ne!(ledger.run_after(class, 0).unwrap().unwrap(), before, "and then it is swept");
}

/// A record that came twice with one date expires once, and what else is in its class is counted, kept and shown. Seen to fail
/// when each time counts.
#[test]
fn a_record_that_came_twice_expires_once() {
    let (pair, ke) = (Pair::new(ALL), keys(1).signing());
    let record = |key: &str, revision, days| {
        let id = RecordId::derived(&[1; 32], "test", key);
        tomorrow::record(pair.ke.me(), &ke, id, revision, NOON, NOON.day().plus_days(days))
    };
    let put = |record| Entry::Put { groups: GroupSet::ALL, record };
    let entries = vec![put(record("twice", 1, 5)), put(record("twice", 2, 5)), put(record("longer", 1, 50))];
    let taken = pair.fr.receive(pair.ke.me(), brings(&pair.fr, pair.ke.me(), FeedKind::Records, entries)).unwrap();
    assert_eq!((taken.put, pair.fr.counts()[&pair.ke.me()]), (3, 2));
    pair.fr.clock().set(NOON.plus_ms(9 * 86_400_000));
    assert_eq!((pair.fr.expire().unwrap(), pair.fr.counts()[&pair.ke.me()]), (1, 1));
    sweep(&pair.fr);
    assert!(shows(&pair.fr, RecordId::derived(&[1; 32], "test", "longer")));
}
