//! Labels, and the policy files that ship with the node.

use igain_protocol::vocabulary::{HandlingCode, SubjectCategory};

use super::*;

pub(super) fn label(kind: Kind, tlp: Tlp) -> Label {
    Label::new(kind, tlp)
}

pub(super) fn handled(mut label: Label, codes: &[HandlingCode]) -> Label {
    label.handling = codes.to_vec();
    label.sorted()
}

fn shipped(name: &str) -> Policy {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs/policy");
    Policy::load(&folder.join(name)).unwrap_or_else(|error| panic!("{error}"))
}

fn cocaine(kind: Kind, tlp: Tlp) -> Label {
    Label { cafs: vec![caf_id()], ..label(kind, tlp) }
}

fn cocaine_caf() -> CafFacts {
    let area = CrimeArea::ALL.iter().copied().find(|area| area.code().contains("cocaine")).unwrap();
    CafFacts { crime_area: area, ..caf() }
}

#[test]
fn the_shipped_policies_pass() {
    for name in ["example.cedar", "ke.cedar", "fr.cedar", "br.cedar"] {
        let policy = shipped(name);
        let own: Vec<_> = policy.rules().filter(|rule| rule.author == Author::Administrator).collect();
        assert!(own.len() >= 3, "{name}");
        for rule in own {
            assert!(rule.reason.is_some() && !rule.id.starts_with("rule-"), "{name}: {} has no id or reason", rule.id);
        }
    }
}

#[test]
fn ke_shares_all_with_fr_and_little_with_br() {
    let (ke, now, facts) = (shipped("ke.cedar"), today(), cocaine_caf());
    let entitle = |label: &Label, peer: &str| ke.entitle(&own(label, Some(&facts)), &member(peer), now);
    let suspect = Label { category: Some(SubjectCategory::Suspect), ..cocaine(Kind::Person, Tlp::Amber) };
    assert_eq!(entitle(&suspect, "FR"), all());
    assert_eq!(entitle(&suspect, "BR"), set(&[Group::Core, Group::Identity, Group::Contact]));
    assert_eq!(entitle(&cocaine(Kind::Vehicle, Tlp::Green), "BR"), all());
    let victim = Label { category: Some(SubjectCategory::Victim), ..cocaine(Kind::Person, Tlp::Amber) };
    assert_eq!(entitle(&victim, "FR"), set(&[Group::Core]));
    assert_eq!(entitle(&victim, "BR"), set(&[Group::Core]));
    let h2 = handled(suspect.clone(), &[HandlingCode::H2]);
    assert_eq!((entitle(&h2, "FR"), entitle(&h2, "BR")), (all(), none()));
    let red = Label { audience: "FR BR".parse().unwrap(), ..cocaine(Kind::Vehicle, Tlp::Red) };
    assert_eq!((entitle(&red, "FR"), entitle(&red, "BR")), (all(), none()));
    assert_eq!(entitle(&label(Kind::Vehicle, Tlp::Green), "FR"), none(), "outside the CAF");
    let why = ke.explain(&own(&h2, Some(&facts)), &member("BR"), now).to_string();
    assert!(why.contains("ke.cedar:") && why.contains("H2"), "{why}");
}

#[test]
fn fr_and_br_share_with_the_other_members() {
    let (now, facts) = (today(), cocaine_caf());
    let suspect = Label { category: Some(SubjectCategory::Suspect), ..cocaine(Kind::Person, Tlp::Amber) };
    for (name, peers) in [("fr.cedar", ["KE", "BR"]), ("br.cedar", ["KE", "FR"])] {
        for peer in peers {
            let given = shipped(name).entitle(&own(&suspect, Some(&facts)), &member(peer), now);
            assert!(given.contains(Group::Core), "{name} gives {peer} nothing");
        }
        assert_eq!(
            shipped(name).entitle(&own(&suspect, Some(&facts)), &member("DE"), now),
            none(),
            "{name} knows no DE"
        );
    }
}
