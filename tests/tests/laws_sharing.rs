//! The laws of sharing: L1 to L4 and L6.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails loudly"
)]

use igain_node::office::{Actor, Error};
use igain_protocol::label::Label;
use igain_protocol::log::Entry;
use igain_protocol::record::{RecordId, Value};
use igain_protocol::sync::Change;
use igain_protocol::time::Timestamp;
use igain_protocol::vocabulary::{Kind, Reason, SubjectCategory, Tlp};
use igain_tests::bureau::{NOON, draft};
use igain_tests::wire::{Pair, know};

const GREEN_TO_FR: &str = r#"
@id("fr-green")
permit(principal == Bureau::"FR", action in Action::"disclose", resource) when { resource.tlp == Tlp::"green" };
"#;

fn person(tlp: Tlp) -> Label {
    Label { category: Some(SubjectCategory::Suspect), ..Label::new(Kind::Person, tlp) }
}

fn named(name: &str) -> [(&'static str, Value); 1] {
    [("name", Value::name(name))]
}

fn reference(key: &str) -> RecordId {
    draft(key, person(Tlp::Green), &[]).id.unwrap()
}

/// What the peer may not know of, one bit of `what` each.
fn hide(pair: &Pair, what: u8, round: u8) {
    let key = |kind: &str| format!("{kind}-{round}");
    if what & 1 != 0 {
        pair.add(draft(&key("amber"), person(Tlp::Amber), &named("Hidden One")));
    }
    if what & 2 != 0 {
        let mut lacking = draft(&key("draft"), person(Tlp::Green), &named("Hidden Two"));
        lacking.grading = None;
        pair.add(lacking);
    }
    if what & 4 != 0 && round == 0 {
        know(&pair.ke, "DE".parse().unwrap(), 3);
    }
    if what & 8 != 0 {
        let gone = pair.add(draft(&key("gone"), person(Tlp::Green), &named("Hidden Three")));
        pair.ke.withdraw(Actor::Node, gone, Reason::ALL[0]).unwrap();
    }
    if what & 16 != 0 {
        let gone = pair.add(draft(&key("amber-gone"), person(Tlp::Amber), &named("Hidden Four")));
        pair.ke.withdraw(Actor::Node, gone, Reason::ALL[0]).unwrap();
    }
}

/// All that FR is sent over four pulls, by a bureau that hides `what`.
fn sent(what: u8) -> Vec<Vec<u8>> {
    let mut pair = Pair::new(GREEN_TO_FR);
    let mut all = Vec::new();
    for round in 0..4 {
        let now = Timestamp::from_ms(NOON.as_ms() + u64::from(round) * 60_000);
        pair.ke.clock().set(now);
        hide(&pair, what, round);
        let known = pair.add(draft(&format!("known-{round}"), person(Tlp::Green), &named("Amina Wanjiru")));
        let link = [("from", Value::Reference(known)), ("to", Value::Reference(reference(&format!("amber-{round}"))))];
        pair.add(draft(&format!("link-{round}"), Label::new(Kind::Link, Tlp::Green), &link));
        if round == 2 {
            pair.ke.withdraw(Actor::Node, reference("known-1"), Reason::ALL[0]).unwrap();
        }
        all.extend(pair.wire.pull(&pair.ke).messages);
    }
    all
}

/// L1, and L6 with it: each round links to a record that only some of the bureaus have, and that FR may not know.
#[test]
fn l1_what_a_peer_may_not_know_changes_no_byte() {
    let plain = sent(0);
    assert!(plain.len() > 8);
    for what in [1, 2, 4, 8, 16, 31] {
        assert_eq!(plain, sent(what), "hidden: {what:05b}");
    }
}

/// L2.
#[test]
fn l2_no_permit_overrides_the_baseline() {
    let pair = Pair::new("@id(\"all\") permit(principal, action, resource);");
    pair.add(draft("green", person(Tlp::Green), &named("Green")));
    pair.add(draft("red", person(Tlp::Red), &named("Red")));
    let other = Label { audience: vec!["DE".parse().unwrap()], ..person(Tlp::Green) };
    pair.add(draft("other", other, &named("Other")));
    let granted = |pair: &Pair| {
        let grants = pair.ke.grants(None).remove(&pair.fr.me()).unwrap();
        grants.into_values().map(|grant| grant.label).collect::<Vec<_>>()
    };
    assert_eq!(granted(&pair), [person(Tlp::Green)]);
    pair.ke.revoke(Actor::Node, pair.fr.me()).unwrap();
    assert!(granted(&pair).is_empty());
}

/// L3.
#[test]
fn l3_unknown_unshared_withdrawn_and_expired_get_the_same_answer() {
    let mut pair = Pair::new(GREEN_TO_FR);
    let unshared = pair.add(draft("unshared", person(Tlp::Amber), &named("Unshared")));
    let withdrawn = pair.add(draft("withdrawn", person(Tlp::Green), &named("Withdrawn")));
    let mut short = draft("expired", person(Tlp::Green), &named("Expired"));
    short.retain_until = Some(NOON.day());
    let expired = pair.add(short);
    pair.carry();
    assert!(pair.fr.show(Actor::Node, expired, None).is_ok());
    pair.ke.withdraw(Actor::Node, withdrawn, Reason::ALL[0]).unwrap();
    pair.carry();
    pair.fr.clock().set(Timestamp::from_ms(NOON.as_ms() + 2 * 86_400_000));
    for id in [reference("unknown"), unshared, withdrawn, expired] {
        let answer = pair.fr.show(Actor::Node, id, None);
        assert!(matches!(answer, Err(Error::UnknownRecord(asked)) if asked == id), "{answer:?}");
    }
}

/// L4.
#[test]
fn l4_a_changed_bit_is_refused_and_accounted_for() {
    let mut pair = Pair::new(GREEN_TO_FR);
    let id = pair.add(draft("amina", person(Tlp::Green), &named("Amina Wanjiru")));
    let changes = pair.wire.pull(&pair.ke).changes;
    let altered = |at: usize| {
        let mut changes = changes.clone();
        for change in &mut changes {
            if let Change::Entries { entries, .. } = change {
                for entry in entries {
                    let Entry::Put(bytes) = entry else { continue };
                    let at = at % bytes.len();
                    bytes[at] ^= 1;
                }
            }
        }
        changes
    };
    for at in (0..400).step_by(23) {
        let before = pair.fr.audit().last();
        let received = pair.fr.receive(pair.ke.me(), altered(at)).unwrap();
        assert_eq!((received.put, received.refused), (0, 1), "byte {at}");
        assert!(pair.fr.audit().last() > before);
        assert!(pair.fr.show(Actor::Node, id, None).is_err());
    }
    assert_eq!(pair.fr.receive(pair.ke.me(), changes).unwrap().put, 1);
    assert!(pair.fr.withdraw(Actor::Node, id, Reason::ALL[0]).is_err());
}

/// L6.
#[test]
fn l6_a_reference_to_what_the_peer_may_not_know_is_withheld() {
    let mut pair = Pair::new(GREEN_TO_FR);
    let known = pair.add(draft("known", person(Tlp::Green), &named("Known")));
    let hidden = pair.add(draft("hidden", person(Tlp::Amber), &named("Hidden")));
    let ends = [("from", Value::Reference(known)), ("to", Value::Reference(hidden))];
    let link = pair.add(draft("link", Label::new(Kind::Link, Tlp::Green), &ends));
    pair.carry();
    let record = pair.fr.show(Actor::Node, link, None).unwrap().remove(0).record;
    assert_eq!(record.values("from").count(), 1);
    assert_eq!(record.values("to").count(), 0);
    assert!(!record.as_bytes().windows(16).any(|window| window == hidden.as_bytes()));
}
