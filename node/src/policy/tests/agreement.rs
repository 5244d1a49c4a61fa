//! Cedar's own answer, the matrix and the explanation agree, and no permit gets past the baseline (L2).

use std::collections::BTreeSet;

use igain_protocol::caf::Role;
use igain_protocol::vocabulary::{HandlingCode, Pap, SubjectCategory};
use proptest::collection::{btree_map, btree_set, vec};
use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::*;

/// Conditions that use every attribute, the action, `has` guards, and arithmetic that fails.
const CONDITIONS: &[&str] = &[
    "true || resource.onward",
    "resource.tlp == Tlp::\"green\" || resource.tlp == Tlp::\"amber\"",
    "[Kind::\"person\", Kind::\"phone\"].contains(resource.kind)",
    "resource has pap && resource.pap == Pap::\"red\"",
    "resource has category && resource.category == Category::\"victim\"",
    "resource.handling.containsAny([Handling::\"H1\", Handling::\"H2\"])",
    "resource.audience.contains(principal)",
    "resource has reliability && [Reliability::\"A\", Reliability::\"B\"].contains(resource.reliability)",
    "resource has accuracy && resource.accuracy == Accuracy::\"4\"",
    "resource has age_group && resource.age_group == AgeGroup::\"minor\"",
    "!resource.addressed && principal.tags.contains(\"a\")",
    "principal.country == Country::\"FR\"",
    "[Bureau::\"BR\", Bureau::\"FR-LYON\"].contains(principal)",
    "resource has caf && principal.leads.contains(resource.caf.id)",
    "resource has caf && principal.contributes.contains(resource.caf.id) && resource.caf.open",
    "resource has caf.manager && resource.caf.manager == principal",
    "principal.cafs.contains(Caf::\"01900000-0000-7000-8000-000000000001\")",
    "action == Action::\"core\" || resource.kind == Kind::\"vehicle\"",
    "action in [Action::\"core\", Action::\"source\"]",
    "if principal.revoked then resource.onward else principal.tags.isEmpty()",
    "principal.country == Country::\"BR\" && 9223372036854775807 + 1 == 0",
    "action == Action::\"narrative\" && 9223372036854775807 * 2 == 0",
    "9223372036854775807 + 1 == 0 && resource.onward",
];

const SCOPES: &[&str] = &["principal", "principal == Bureau::\"FR\"", "principal is Bureau"];
const ACTIONS: &[&str] = &[
    "action",
    "action in Action::\"disclose\"",
    "action == Action::\"core\"",
    "action in [Action::\"core\", Action::\"identity\", Action::\"narrative\"]",
    "action == Action::\"source\"",
];

/// A rule that can apply: others are refused, and would take the rest of the file with them.
fn rule() -> impl Strategy<Value = String> {
    any_rule().prop_filter("can apply", |rule| Policy::parse(rule, "p.cedar").is_ok())
}

fn any_rule() -> impl Strategy<Value = String> {
    let clause = (any::<bool>(), any::<bool>(), vec(select(CONDITIONS), 1..3));
    (prop::bool::weighted(0.8), select(SCOPES), select(ACTIONS), vec(clause, 0..3)).prop_map(
        |(permit, scope, action, clauses)| {
            let clauses = clauses.into_iter().map(|(when, or, conditions)| {
                let word = if when { "when" } else { "unless" };
                let conditions: Vec<String> = conditions.iter().map(|each| format!("({each})")).collect();
                format!("{word} {{ {} }}", conditions.join(if or { " || " } else { " && " }))
            });
            let effect = if permit { "permit" } else { "forbid" };
            format!("{effect} ({scope}, {action}, resource) {};", clauses.collect::<Vec<_>>().join(" "))
        },
    )
}

fn some_caf() -> impl Strategy<Value = CafId> {
    (1..4_u8).prop_map(|n| format!("01900000-0000-7000-8000-00000000000{n}").parse().unwrap())
}

fn some_bureau() -> impl Strategy<Value = Bureau> {
    let id = select(vec!["KE", "FR", "BR", "FR-LYON", "DE"]);
    let role = select(vec![Role::Lead, Role::Contributor, Role::Reader]);
    let tags = btree_set(select(vec!["a".to_owned(), "b".to_owned()]), 0..3);
    let cafs = (btree_set(some_caf(), 0..3), btree_map(some_caf(), role, 0..3));
    (id, prop::bool::weighted(0.1), tags, cafs).prop_map(|(id, revoked, tags, (cafs, roles))| Bureau {
        revoked,
        tags,
        cafs,
        roles,
        ..bureau(id)
    })
}

fn some_label() -> impl Strategy<Value = Label> {
    let audience = prop::option::of(btree_set(select(vec!["KE", "FR", "BR"]), 0..3));
    let lists = (select(Kind::ALL), select(Tlp::ALL), prop::option::of(select(Pap::ALL)));
    let category = prop::option::of(select(SubjectCategory::ALL));
    let area = prop::option::of(select(CrimeArea::ALL));
    let codes = btree_set(select(HandlingCode::ALL), 0..3);
    (lists, category, area, codes, audience, btree_set(some_caf(), 0..3)).prop_map(
        |((kind, tlp, pap), category, crime_area, codes, audience, cafs)| {
            let cafs = cafs.into_iter().collect();
            let codes: Vec<_> = codes.into_iter().collect();
            let only = |ids: BTreeSet<&str>| ids.into_iter().map(|id| id.parse().unwrap()).collect();
            let audience = audience.map_or(Audience::Anyone, only);
            examples::handled(Label { pap, category, crime_area, audience, cafs, ..examples::label(kind, tlp) }, &codes)
        },
    )
}

fn some_facts() -> impl Strategy<Value = CafFacts> {
    (prop::bool::weighted(0.2), select(vec!["KE", "FR"]), 0..3_u32).prop_map(|(closed, manager, days)| CafFacts {
        closed,
        manager: manager.parse().unwrap(),
        closes: Day::from_days(today().as_days() - 1 + days),
        ..caf()
    })
}

fn distinct(mut peers: Vec<Bureau>) -> Vec<Bureau> {
    peers.sort_by_key(|peer| peer.id);
    peers.dedup_by_key(|peer| peer.id);
    peers
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// L2: three ways to decide, one decision. Seen to fail when the matrix passes over forbids, and when what Cedar
    /// reports as errors counts for nothing.
    #[test]
    fn cedar_matrix_and_explanation_agree(
        rules in vec(rule(), 0..8),
        labels in vec((some_label(), prop::option::weighted(0.8, some_facts()), prop::bool::weighted(0.2)), 1..5),
        peers in vec(some_bureau(), 1..5).prop_map(distinct),
    ) {
        let policy = policy(&rules.join("\n"));
        let subjects: Vec<Subject<'_>> = labels
            .iter()
            .map(|(label, caf, onward)| Subject { onward: *onward, ..own(label, caf.as_ref()) })
            .collect();
        let matrix = policy.entitle_all(&subjects, &peers, today());
        for (class, subject) in subjects.iter().enumerate() {
            for (index, peer) in peers.iter().enumerate() {
                let given = policy.entitle(subject, peer, today());
                prop_assert_eq!(matrix.groups(class, index), given);
                let why = policy.explain(subject, peer, today());
                prop_assert_eq!(why.granted, given);
                for decision in &why.decisions {
                    prop_assert_eq!(decision.allowed, given.contains(decision.group));
                    let reasons = decision.rules.len() + decision.failed.len();
                    prop_assert!(reasons > 0 || decision.needs_core || decision.default_deny);
                    let ids = |groups| -> Vec<String> {
                        matrix.rules(class, index, groups).map(|rule| rule.id.clone()).collect()
                    };
                    let mut named: Vec<String> = decision.rules.iter().chain(&decision.overruled)
                        .chain(&decision.failed).map(|rule| rule.id.clone()).collect();
                    let mut applied = ids(vocabulary::one(decision.group));
                    named.sort();
                    named.dedup();
                    applied.sort();
                    prop_assert_eq!(named, applied, "the matrix remembers the rules that an explanation names");
                }
            }
        }
    }

    #[test]
    fn no_permit_gets_past_the_baseline(
        permits in vec(rule().prop_filter("permits", |rule| rule.starts_with("permit")), 0..6),
        label in some_label(),
        facts in prop::option::of(some_facts()),
        peer in some_bureau(),
        onward in any::<bool>(),
    ) {
        let policy = policy(&format!("{OPEN}\n{}", permits.join("\n")));
        let given = policy.entitle(&Subject { onward, ..own(&label, facts.as_ref()) }, &peer, today());
        let named = label.audience.names(peer.id);
        let h2 = label.handling.contains(&HandlingCode::H2);
        let caf_forbids = label.cafs.iter().any(|caf| {
            !peer.cafs.contains(caf) || !facts.is_some_and(|facts| facts.is_open(today()))
        });
        let forbidden = peer.revoked
            || (label.tlp == Tlp::Red || label.audience != Audience::Anyone) && !named
            || caf_forbids
            || onward && (h2 || !matches!(label.tlp, Tlp::Clear | Tlp::Green));
        if forbidden {
            prop_assert_eq!(given, none());
        }
    }

    #[test]
    fn a_forbid_wins_over_every_permit(
        permits in vec(rule().prop_filter("permits", |rule| rule.starts_with("permit")), 0..6),
        which in any::<Index>(),
        label in some_label(),
        peer in some_bureau(),
    ) {
        let group = *which.get(Group::ALL);
        let forbid = format!("forbid (principal, action == Action::\"{}\", resource);", group.code());
        let text = format!("{OPEN}\n{forbid}\n{}", permits.join("\n"));
        let policy = policy(&text);
        prop_assert!(!policy.entitle(&own(&label, Some(&caf())), &peer, today()).contains(group));
    }

    #[test]
    fn entities_are_what_the_schema_says(
        label in some_label(),
        facts in prop::option::of(some_facts()),
        peer in some_bureau(),
    ) {
        let schema = load::schema().unwrap();
        let subject = own(&label, facts.as_ref());
        let label = |through| facts::of_subject(&subject, through, today());
        let label = |through| facts::entity(facts::uid("Label", "").unwrap(), &label(through)).unwrap();
        let peer = facts::entity(facts::uid("Bureau", &peer.id.to_string()).unwrap(), &facts::of_bureau(&peer)).unwrap();
        for through in subject.ways() {
            let checked = cedar_policy::Entities::from_entities([label(through), peer.clone()], Some(&schema));
            prop_assert!(checked.is_ok(), "{:?}", checked.err());
        }
    }

    #[test]
    fn no_text_makes_the_check_panic(text in "[ -~\\n\u{e9}\u{202e}]{0,120}", rules in vec(any_rule(), 0..2), cut in any::<Index>()) {
        drop(Policy::parse(&text, "p"));
        let mut whole = rules.join("\n");
        if !whole.is_empty() {
            whole.insert_str(cut.index(whole.len()), &text);
            drop(Policy::parse(&whole, "p"));
        }
    }
}
