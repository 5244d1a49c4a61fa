//! The laws of control after sharing: L8 and L11.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails loudly"
)]

use igain_node::office::{Actor, Error};
use igain_protocol::label::Label;
use igain_protocol::record::Value;
use igain_protocol::time::Timestamp;
use igain_protocol::vocabulary::{Kind, Reason, SubjectCategory, Tlp};
use igain_tests::bureau::{NOON, draft};
use igain_tests::wire::Pair;

const ALL_TO_FR: &str = "@id(\"fr\") permit(principal == Bureau::\"FR\", action in Action::\"disclose\", resource);";

fn suspect() -> Label {
    Label { category: Some(SubjectCategory::Suspect), ..Label::new(Kind::Person, Tlp::Green) }
}

fn named(name: &str) -> [(&'static str, Value); 1] {
    [("name", Value::name(name))]
}

/// L8.
#[test]
fn l8_a_withdrawn_record_does_not_come_back_from_an_old_parcel() {
    let mut pair = Pair::new(ALL_TO_FR);
    let id = pair.add(draft("amina", suspect(), &named("Amina")));
    let first = pair.carry();
    pair.add(draft("amina", suspect(), &named("Amina Wanjiru")));
    let second = pair.carry();
    assert!(pair.fr.show(Actor::Node, id, None).is_ok());
    pair.ke.withdraw(Actor::Node, id, Reason::ALL[0]).unwrap();
    pair.carry();
    for old in [first, second] {
        assert_eq!(pair.fr.receive(pair.ke.me(), old).unwrap().put, 0);
        assert!(matches!(pair.fr.show(Actor::Node, id, None), Err(Error::UnknownRecord(_))));
    }
    let again = pair.ke.contribute(vec![draft("amina", suspect(), &named("Amina"))]).unwrap();
    assert!(matches!(again.outcomes[..], [igain_node::office::Outcome::Refused(Error::Ended)]));
}

/// L8.
#[test]
fn l8_an_expired_record_is_not_shown_and_a_clock_set_back_revives_nothing() {
    let mut pair = Pair::new(ALL_TO_FR);
    let mut short = draft("amina", suspect(), &named("Amina"));
    short.retain_until = Some(NOON.day());
    let id = pair.add(short);
    let old = pair.carry();
    assert!(pair.fr.show(Actor::Node, id, None).is_ok());
    pair.fr.clock().set(Timestamp::from_ms(NOON.as_ms() + 86_400_000));
    assert!(pair.fr.show(Actor::Node, id, None).is_err());
    assert_eq!(pair.fr.expire().unwrap(), 1);
    pair.fr.clock().set(NOON);
    assert_eq!(pair.fr.receive(pair.ke.me(), old).unwrap().put, 0);
    assert!(pair.fr.show(Actor::Node, id, None).is_err());
}

/// L11.
#[test]
fn l11_a_revoked_bureau_gets_nothing_and_nothing_of_it_is_taken() {
    let mut pair = Pair::new(ALL_TO_FR);
    let id = pair.add(draft("amina", suspect(), &named("Amina")));
    let changes = pair.wire.pull(&pair.ke).changes;
    pair.ke.revoke(Actor::Node, pair.fr.me()).unwrap();
    assert!(pair.ke.grants(None).get(&pair.fr.me()).is_none_or(std::collections::BTreeMap::is_empty));
    pair.fr.revoke(Actor::Node, pair.ke.me()).unwrap();
    let received = pair.fr.receive(pair.ke.me(), changes).unwrap();
    assert_eq!((received.put, received.refused), (0, 1));
    assert!(pair.fr.show(Actor::Node, id, None).is_err());
}
