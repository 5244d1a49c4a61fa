//! The laws of use: L12, L13 and L14.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails loudly"
)]

use igain_node::audit::Filter;
use igain_node::office::{Actor, Error, NameQuery, Office, Question};
use igain_protocol::feed::Entry;
use igain_protocol::label::Label;
use igain_protocol::record::{self, Content, SaltKey, Value};
use igain_protocol::sync::Change;
use igain_protocol::time::Day;
use igain_protocol::vocabulary::{GroupSet, Kind, Purpose, SubjectCategory, Tlp};
use igain_tests::bureau::{Bureau, NOON, draft, eventually, keys};
use igain_tests::wire::Pair;

const ALL_TO_FR: &str = "@id(\"fr\") permit(principal == Bureau::\"FR\", action in Action::\"disclose\", resource);";

fn suspect() -> Label {
    Label { category: Some(SubjectCategory::Suspect), ..Label::new(Kind::Person, Tlp::Green) }
}

fn question(case: &str) -> Question {
    Question {
        actor: Actor::User(7),
        purpose: Purpose::ALL[0],
        case: case.into(),
        identifier: None,
        name: Some(NameQuery { text: "amina".into(), loose: false }),
        kinds: Vec::new(),
        owners: Vec::new(),
        cafs: Vec::new(),
        from: None,
        to: None,
        limit: 10,
    }
}

fn entries(office: &Office, action: &str) -> usize {
    let filter = Filter { action: Some(action.into()), ..Filter::default() };
    office.audit().list(1, 1_000, &filter).unwrap().len()
}

/// L12. Seen to fail when an empty case passes, when a query is accounted for after its answer, and when it is not
/// accounted for at all.
#[test]
fn l12_no_query_without_a_case_and_none_unaccounted_for() {
    let pair = Pair::new(ALL_TO_FR);
    for case in ["", "  "] {
        assert!(matches!(pair.ke.ask(&question(case)), Err(Error::NoPurpose)));
    }
    let answer = pair.ke.ask(&question("2026/1")).unwrap();
    let entry = pair.ke.audit().list(answer.audit, 1, &Filter::default()).unwrap().remove(0).entry;
    assert_eq!(entry.case.as_deref(), Some("2026/1"));
    assert_eq!(entry.purpose.as_deref(), Some(Purpose::ALL[0].code()));
}

/// L13 for who sends. Seen to fail when drafts are logged like records.
#[test]
fn l13_a_draft_is_not_disclosed() {
    let mut pair = Pair::new(ALL_TO_FR);
    let mut lacking = draft("amina", suspect(), &[("name", Value::name("Amina"))]);
    lacking.label.grading = None;
    let id = pair.add(lacking);
    assert!(pair.carry().is_empty());
    pair.add(draft("amina", suspect(), &[("name", Value::name("Amina"))]));
    pair.carry();
    assert!(pair.fr.show(Actor::Node, id, None).is_ok());
}

/// L13 for who receives. Seen to fail when a receiver does not look for what is lacking.
#[test]
fn l13_a_receiver_refuses_what_should_not_have_been_sent() {
    let mut pair = Pair::new(ALL_TO_FR);
    let id = pair.add(draft("amina", suspect(), &[("name", Value::name("Amina"))]));
    let mut changes = pair.wire.pull(&pair.ke).changes;
    let content = Content {
        id,
        revision: 1,
        owner: pair.ke.me(),
        label: suspect(),
        created: NOON,
        modified: NOON,
        retain_until: Some(Day::from_days(25_000)),
        fields: vec![("name".into(), Value::name("Amina"))],
    };
    let lacking = record::sign(&content, &SaltKey::new([7; 32]), &keys(1).signing()).unwrap();
    for change in &mut changes {
        if let Change::Entries { entries, .. } = change {
            *entries = vec![Entry::Put { groups: GroupSet::ALL, record: lacking.as_bytes().to_vec() }];
        }
    }
    let received = pair.fr.receive(pair.ke.me(), changes).unwrap();
    assert_eq!((received.put, received.refused), (0, 1));
    assert!(pair.fr.show(Actor::Node, id, None).is_err());
}

/// L14. Seen to fail when a disclosure is not accounted for, and when a query is not.
#[tokio::test(flavor = "multi_thread")]
async fn l14_contribution_disclosure_and_query_are_accounted_for() {
    let (ke, fr) = (Bureau::start("KE", 1).await, Bureau::start("FR", 2).await);
    ke.enrol(&fr).await;
    fr.enrol(&ke).await;
    ke.apply(ALL_TO_FR).await;
    ke.contribute(draft("amina", suspect(), &[("name", Value::name("Amina"))])).await;
    assert_eq!(entries(&ke.office, "record.contribute"), 1);
    eventually("FR has accounted for what came", || entries(&fr.office, "feed.receive") > 0).await;
    assert!(entries(&ke.office, "feed.send") > 0);
    fr.office.ask(&question("2026/1")).unwrap();
    assert_eq!(entries(&fr.office, "query"), 1);
}
