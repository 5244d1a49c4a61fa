//! Whole bureaus share over real sockets: policy, redaction, withdrawal, receipts, revocation.

#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails loudly")]

use igain_node::ledger::{RecordKey, RevokedFor};
use igain_node::office::{Actor, HolderState, Office, Question};
use igain_protocol::caf::{Role, Subset};
use igain_protocol::feed::{Entry, FeedKind};
use igain_protocol::label::Label;
use igain_protocol::record::{Record, RecordId, Value};
use igain_protocol::sync::Change;
use igain_protocol::vocabulary::{Kind, Purpose, Reason, Scheme, SubjectCategory, Tlp};
use igain_tests::bureau::{Bureau, NOON, draft, eventually, new_file, office};
use igain_tests::wire::{brings, know};

const ALL_TO_FR: &str = r#"
@id("fr-all")
permit(principal == Bureau::"FR", action in Action::"disclose", resource);
"#;

const CORE_TO_FR: &str = r#"
@id("fr-core")
permit(principal == Bureau::"FR", action == Action::"core", resource);
"#;

fn suspect() -> Label {
    Label { category: Some(SubjectCategory::Suspect), ..Label::new(Kind::Person, Tlp::Green) }
}

fn held(bureau: &Bureau, owner: &Bureau, id: RecordId) -> Option<Record> {
    let row = bureau.office.ledger().record(RecordKey { id, owner: owner.id() }).expect("the books");
    row.map(|row| row.record().expect("a record"))
}

fn amina() -> [(&'static str, Value); 3] {
    [
        ("name", Value::name("Amina Wanjiru")),
        ("sex", Value::Text("female".into())),
        ("phone", Value::Text("+254 712 345 678".into())),
    ]
}

async fn pair() -> (Bureau, Bureau) {
    let (ke, fr) = (Bureau::start("KE", 1).await, Bureau::start("FR", 2).await);
    ke.enrol(&fr).await;
    fr.enrol(&ke).await;
    (ke, fr)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_travels_is_found_is_withdrawn_and_receipted() {
    let (ke, fr) = pair().await;
    ke.apply(ALL_TO_FR).await;
    let id = ke.contribute(draft("amina", suspect(), &amina())).await;
    eventually("FR holds the record", || held(&fr, &ke, id).is_some()).await;

    let question = Question {
        actor: Actor::User(7),
        purpose: Purpose::ALL[0],
        case: "2026/1".into(),
        identifier: Some((Scheme::Phone, "00254-712-345678".into())),
        name: None,
        kinds: Vec::new(),
        owners: Vec::new(),
        cafs: Vec::new(),
        from: None,
        to: None,
        limit: 10,
    };
    let answer = fr.office.ask(&question).expect("an answer");
    assert_eq!(answer.hits.len(), 1);
    assert_eq!(answer.hits[0].record.header().id, id);
    assert!(fr.office.audit().last() >= answer.audit);

    assert_eq!(ke.office.holders(id).expect("holders")[0].state, HolderState::Holds);
    ke.office.withdraw(Actor::Node, id, Reason::ALL[0]).expect("a withdrawal");
    eventually("FR has purged it", || held(&fr, &ke, id).is_none()).await;
    eventually("KE has the receipt", || {
        matches!(ke.office.holders(id).expect("holders")[0].state, HolderState::Purged(_))
    })
    .await;
    assert!(fr.office.ask(&question).expect("an answer").hits.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_policy_takes_back_is_purged_and_what_is_left_still_verifies() {
    let (ke, fr) = pair().await;
    ke.apply(ALL_TO_FR).await;
    let id = ke.contribute(draft("amina", suspect(), &amina())).await;
    eventually("FR holds all of it", || held(&fr, &ke, id).is_some_and(|r| r.values("phone").count() == 1)).await;
    ke.apply(CORE_TO_FR).await;
    eventually("FR holds the core only", || {
        held(&fr, &ke, id).is_some_and(|r| r.values("phone").count() == 0 && r.values("sex").count() == 1)
    })
    .await;
    ke.apply("").await;
    eventually("FR holds nothing", || held(&fr, &ke, id).is_none()).await;
    eventually("KE has the receipt", || {
        matches!(ke.office.holders(id).expect("holders")[0].state, HolderState::Purged(_))
    })
    .await;
}

/// L11: it asks again, and gets nothing.
#[tokio::test(flavor = "multi_thread")]
async fn l11_a_revoked_bureau_gets_nothing_more() {
    let (ke, fr) = pair().await;
    ke.apply(ALL_TO_FR).await;
    let first = ke.contribute(draft("amina", suspect(), &amina())).await;
    eventually("FR holds the first", || held(&fr, &ke, first).is_some()).await;
    ke.office.revoke(Actor::Node, fr.id(), RevokedFor::Compromised).expect("a revocation");
    ke.in_force().await;
    let second = ke.contribute(draft("second", suspect(), &amina())).await;
    // FR has come again with the second record there to be had.
    let served = || ke.replication.states().expect("the books")[0].0.served;
    let before = served();
    ke.office.clock().set(NOON.plus_ms(1_000));
    eventually("KE has answered FR", || served() > before).await;
    assert!(held(&fr, &ke, second).is_none());
}

/// All letters of one bureau for another, as they would arrive.
fn letters(from: &Office, to: &Office) -> Vec<Change> {
    let rows = from.ledger().letters_after(to.me(), 0, 100).expect("the books");
    let entries = rows.into_iter().map(|row| Entry::Letter(row.letter)).collect();
    brings(to, from.me(), FeedKind::Letters, entries)
}

#[test]
fn an_acceptance_that_comes_before_its_charter_waits_for_it() {
    let folders = [(); 3].map(|()| tempfile::tempdir().expect("a folder"));
    let [ke, fr, br] =
        [("KE", 1, 0), ("FR", 2, 1), ("BR", 3, 2)].map(|(id, seed, at)| office(id, seed, folders[at].path()));
    for (one, others) in [(&ke, [("FR", 2), ("BR", 3)]), (&fr, [("KE", 1), ("BR", 3)]), (&br, [("KE", 1), ("FR", 2)])] {
        others.into_iter().for_each(|(id, seed)| know(one, id.parse().expect("a bureau"), seed));
    }
    let id = ke.create_caf(Actor::Node, new_file("Test")).expect("a CAF").charter().id;
    ke.invite(Actor::Node, id, &[(fr.me(), Role::Contributor), (br.me(), Role::Contributor)]).expect("an invitation");
    assert_eq!(br.receive(ke.me(), letters(&ke, &br)).expect("the books").refused, 0);
    br.join(Actor::Node, id, Subset::default()).expect("a membership");
    assert_eq!(fr.receive(br.me(), letters(&br, &fr)).expect("the books").refused, 0);
    assert!(fr.caf(id).is_err(), "an answer alone makes no CAF");
    fr.receive(ke.me(), letters(&ke, &fr)).expect("the books");
    assert_eq!(fr.caf(id).expect("the CAF").role_of(br.me()), Some(Role::Contributor));
}
