//! Whole policies: what is given, what is refused, and that every way of deciding agrees.

mod agreement;
mod examples;
mod parsing;
mod speed;

use igain_protocol::caf::CafId;
use igain_protocol::label::{Audience, Label};
use igain_protocol::vocabulary::{CrimeArea, HandlingCode, Kind, Purpose, Tlp};

use super::*;

/// Everything to everybody, as far as the baseline lets it.
const OPEN: &str = r#"@id("open") permit (principal, action in Action::"disclose", resource);"#;

fn policy(text: &str) -> Policy {
    Policy::parse(text, "ke.cedar").unwrap()
}

fn today() -> Day {
    "2026-03-01".parse().unwrap()
}

fn caf_id() -> CafId {
    "01900000-0000-7000-8000-000000000001".parse().unwrap()
}

fn caf() -> CafFacts {
    CafFacts {
        purpose: Purpose::ALL[0],
        crime_area: CrimeArea::ALL[0],
        manager: "KE".parse().unwrap(),
        closes: "2026-12-31".parse().unwrap(),
        closed: false,
    }
}

/// Records of this node's own, whose label names no CAF but one of which it knows this.
fn own<'a>(label: &'a Label, caf: Option<&'a CafFacts>) -> Subject<'a> {
    Subject::own(label, move |_| caf)
}

fn bureau(id: &str) -> Bureau {
    Bureau::new(id.parse().unwrap())
}

fn member(id: &str) -> Bureau {
    Bureau { cafs: [caf_id()].into(), ..bureau(id) }
}

fn all() -> GroupSet {
    GroupSet::ALL
}

fn none() -> GroupSet {
    GroupSet::default()
}

fn set(groups: &[Group]) -> GroupSet {
    groups.iter().copied().collect()
}

fn label() -> Label {
    examples::label(Kind::Person, Tlp::Amber)
}

#[test]
fn nothing_is_given_without_a_permit() {
    assert_eq!(policy("").entitle(&own(&label(), None), &bureau("FR"), today()), none());
    assert_eq!(policy(OPEN).entitle(&own(&label(), None), &bureau("FR"), today()), all());
}

#[test]
fn no_group_is_given_without_core() {
    let policy = policy(r#"permit (principal, action == Action::"identity", resource);"#);
    assert_eq!(policy.entitle(&own(&label(), None), &bureau("FR"), today()), none());
    let explanation = policy.explain(&own(&label(), None), &bureau("FR"), today());
    let identity = explanation.decisions.iter().find(|decision| decision.group == Group::Identity).unwrap();
    assert!(identity.needs_core && !identity.allowed && !identity.default_deny);
    assert_eq!(identity.overruled[0].id, "rule-1");
}

#[test]
fn a_revoked_bureau_gets_nothing() {
    let revoked = Bureau { revoked: true, ..bureau("FR") };
    assert_eq!(policy(OPEN).entitle(&own(&label(), None), &revoked, today()), none());
}

#[test]
fn red_and_named_audiences_go_only_to_those_named() {
    let (open, now) = (policy(OPEN), today());
    let mut red = examples::label(Kind::Person, Tlp::Red);
    assert_eq!(open.entitle(&own(&red, None), &bureau("FR"), now), none());
    red.audience = "FR".parse().unwrap();
    assert_eq!(open.entitle(&own(&red, None), &bureau("FR"), now), all());
    let named = Label { audience: "FR".parse().unwrap(), ..label() };
    assert_eq!(open.entitle(&own(&named, None), &bureau("FR"), now), all());
    assert_eq!(open.entitle(&own(&named, None), &bureau("BR"), now), none());
    assert_eq!(open.entitle(&own(&named, None), &bureau("FR-LYON"), now), none());
    let nobody = Label { audience: Audience::NOBODY, ..label() };
    assert_eq!(open.entitle(&own(&nobody, None), &bureau("FR"), now), none());
}

#[test]
fn records_of_a_caf_go_only_to_its_members_while_it_is_open() {
    let (open, now) = (policy(OPEN), today());
    let label = Label { cafs: vec![caf_id()], ..label() };
    assert_eq!(open.entitle(&own(&label, Some(&caf())), &member("FR"), now), all());
    assert_eq!(open.entitle(&own(&label, Some(&caf())), &bureau("FR"), now), none());
    assert_eq!(open.entitle(&own(&label, None), &member("FR"), now), none());
    let closed = CafFacts { closed: true, ..caf() };
    assert_eq!(open.entitle(&own(&label, Some(&closed)), &member("FR"), now), none());
    assert_eq!(open.entitle(&own(&label, Some(&caf())), &member("FR"), caf().closes), all());
    assert_eq!(open.entitle(&own(&label, Some(&caf())), &member("FR"), caf().closes.plus_days(1)), none());
}

#[test]
fn records_of_others_go_on_only_where_tlp_and_handling_let_them() {
    let (open, now, peer) = (policy(OPEN), today(), bureau("FR"));
    let entitle = |label: &Label, onward| open.entitle(&Subject { onward, ..own(label, None) }, &peer, now);
    let green = examples::label(Kind::Person, Tlp::Green);
    let h2 = examples::handled(green.clone(), &[HandlingCode::H2]);
    assert_eq!(entitle(&green, true), all());
    assert_eq!(entitle(&h2, true), none());
    assert_eq!(entitle(&h2, false), all());
    assert_eq!(entitle(&examples::label(Kind::Person, Tlp::AmberStrict), true), none());
}

/// L2: an error is a deny, of a permit and of a forbid. Seen to fail when what Cedar reports as errors counts for
/// nothing.
#[test]
fn a_rule_that_fails_withholds_the_groups_it_covers() {
    let (now, peer) = (today(), bureau("FR"));
    for effect in ["permit", "forbid"] {
        let text = format!(
            "{OPEN}\n@id(\"fails\")\n{effect} (principal, action in [Action::\"narrative\", Action::\"source\"], resource)\n\
             when {{ principal == Bureau::\"FR\" && 9223372036854775807 + 1 == 0 }};"
        );
        let policy = policy(&text);
        let expected = set(&[Group::Core, Group::Identity, Group::Identifiers, Group::Contact]);
        assert_eq!(policy.entitle(&own(&label(), None), &peer, now), expected);
        assert_eq!(policy.entitle(&own(&label(), None), &bureau("BR"), now), all(), "the failing link is not reached");
        let matrix = policy.entitle_all(&[own(&label(), None)], &[peer.clone(), bureau("BR")], now);
        assert_eq!((matrix.groups(0, 0), matrix.groups(0, 1)), (expected, all()));
        let explanation = policy.explain(&own(&label(), None), &peer, now);
        assert_eq!(explanation.granted, expected);
        let source = explanation.decisions.iter().find(|decision| decision.group == Group::Source).unwrap();
        assert_eq!(source.failed[0].id, "fails");
        assert_eq!(source.overruled[0].id, "open");
    }
}

#[test]
fn an_explanation_names_the_rules_with_file_and_line() {
    let policy = policy(
        "\n@id(\"fr\")\n@reason(\"FR gets everything\")\npermit (principal == Bureau::\"FR\", action in Action::\"disclose\", resource)\n\
         when { resource.tlp == Tlp::\"amber\" && resource.kind == Kind::\"person\" };",
    );
    let fr = policy.explain(&own(&label(), None), &bureau("FR"), today());
    assert_eq!(fr.granted, all());
    assert!(fr.to_string().contains("permitted by `fr` (ke.cedar:2): FR gets everything"), "{fr}");
    let br = policy.explain(&own(&label(), None), &bureau("BR"), today()).to_string();
    assert!(br.starts_with("BR may have nothing"), "{br}");
    assert!(br.contains("withheld, because no rule permits it"), "{br}");
    assert!(
        br.contains("because this does not hold: principal == Bureau::\"BR\"")
            || br.contains("principal == Bureau::\"FR\""),
        "{br}"
    );
    let vehicle = examples::label(Kind::Vehicle, Tlp::Amber);
    let near = policy.explain(&own(&vehicle, None), &bureau("FR"), today()).to_string();
    assert!(near.contains("this does not hold: resource.kind == Kind::\"person\""), "{near}");
    let revoked = Bureau { revoked: true, ..bureau("FR") };
    let revoked = policy.explain(&own(&label(), None), &revoked, today()).to_string();
    assert!(revoked.contains("forbidden by the node's own rule `baseline.revoked` (baseline.cedar:"), "{revoked}");
    assert!(revoked.contains("a revoked bureau gets nothing"), "{revoked}");
    assert!(revoked.contains("permitted in vain by `fr` (ke.cedar:2)"), "{revoked}");
}

#[test]
fn a_plan_says_who_gains_and_loses_what_and_why() {
    let old = policy(OPEN);
    let new = policy(
        "@id(\"core\") permit (principal, action == Action::\"core\", resource);\n\
         @id(\"fr\") permit (principal == Bureau::\"FR\", action, resource);\n\
         @id(\"no-br\") forbid (principal == Bureau::\"BR\", action, resource) when { resource.kind == Kind::\"person\" };",
    );
    let (person, vehicle) = (label(), examples::label(Kind::Vehicle, Tlp::Amber));
    let subjects = [own(&person, None), own(&vehicle, None)];
    let peers = [bureau("FR"), bureau("BR")];
    let (before, after) = (old.entitle_all(&subjects, &peers, today()), new.entitle_all(&subjects, &peers, today()));
    assert!(Plan::diff(&before, &before, &[7, 3]).is_empty());
    let plan = Plan::diff(&before, &after, &[7, 3]);
    let of = |plan: &Plan, class: usize| plan.changes.iter().find(|change| change.class == class).cloned().unwrap();
    assert_eq!(plan.changes.len(), 2, "FR has what it had");
    assert_eq!((plan.lost_records(), plan.gained_records()), (10, 0));
    let (persons, vehicles) = (of(&plan, 0), of(&plan, 1));
    assert_eq!((persons.peer, persons.lost, persons.records), (1, all(), 7));
    assert_eq!(persons.because.iter().map(|rule| rule.id.as_str()).collect::<Vec<_>>(), ["no-br"]);
    assert_eq!(vehicles.after, set(&[Group::Core]));
    assert_eq!(vehicles.because.iter().map(|rule| rule.id.as_str()).collect::<Vec<_>>(), ["open"]);
    let back = Plan::diff(&after, &before, &[7, 3]);
    assert_eq!(of(&back, 0).gained, all());
    assert_eq!(of(&back, 0).because.iter().map(|rule| rule.id.as_str()).collect::<Vec<_>>(), ["no-br", "open"]);
}

#[test]
fn a_bureau_named_twice_gets_nothing_the_second_time_and_stands_for_no_other() {
    let revoked = |id: &str| Bureau { revoked: true, ..bureau(id) };
    let peers = [member("FR"), revoked("FR"), revoked("DE"), bureau("BR")];
    let matrix = policy(OPEN).entitle_all(&[own(&label(), None)], &peers, today());
    let row: Vec<GroupSet> = (0..4).map(|peer| matrix.groups(0, peer)).collect();
    assert_eq!(row, [all(), none(), none(), all()]);
    assert_eq!((matrix.groups(0, 4), matrix.groups(1, 0)), (none(), none()));
}
