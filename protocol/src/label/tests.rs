use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use super::*;
use crate::bureau::BureauId;
use crate::vocabulary::{Accuracy, Reliability};

fn bureaus(count: usize) -> Vec<BureauId> {
    (0..count).map(|n| format!("KE-{n:03}").parse().unwrap()).collect()
}

prop_compose! {
    fn any_label()(
        kind in select(Kind::ALL),
        caf in prop::option::of(any::<[u8; 16]>().prop_map(CafId::from_bytes)),
        tlp in select(Tlp::ALL),
        pap in prop::option::of(select(Pap::ALL)),
        handling in subsequence(HandlingCode::ALL.to_vec(), 0..=4),
        category in prop::option::of(select(SubjectCategory::ALL)),
        crime_area in prop::option::of(select(CrimeArea::ALL)),
        audience in prop::option::of(subsequence(bureaus(4), 0..=4)),
        grading in prop::option::of((select(Reliability::ALL), select(Accuracy::ALL))),
        age_group in prop::option::of(select(AgeGroup::ALL)),
    ) -> Label {
        let note = handling.contains(&HandlingCode::H3).then(|| "only on paper".to_owned());
        let audience = audience.map_or(Audience::Anyone, Audience::Only);
        let grading = grading.map(|(reliability, accuracy)| Grading::new(reliability, accuracy));
        let age_group = age_group.filter(|_| kind == Kind::Person);
        Label { kind, caf, tlp, pap, handling, note, category, crime_area, audience, grading, age_group }
    }
}

proptest! {
    #[test]
    fn a_label_comes_back(label in any_label()) {
        prop_assert_eq!(Label::decode(&label.canonical()), Ok(label));
    }

    /// Equal labels are one class, and unequal ones are two: what policy can tell apart is never thrown together.
    #[test]
    fn a_class_is_a_label(a in any_label(), b in any_label()) {
        prop_assert_eq!(a == b, a.digest() == b.digest());
    }

    #[test]
    fn any_bytes_are_an_error_or_a_label(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        if let Ok(label) = Label::decode(&bytes) {
            prop_assert_eq!(label.check(), Ok(()));
        }
    }
}

#[test]
fn the_banner_says_how_to_handle_it() {
    let mut label = Label::new(Kind::Person, Tlp::AmberStrict);
    label.handling = vec![HandlingCode::H3, HandlingCode::H1, HandlingCode::H3];
    label.note = Some("only on paper".into());
    label.pap = Some(Pap::Green);
    assert_eq!(label.sorted().banner(), "TLP:AMBER+STRICT PAP:GREEN H1 H3 (only on paper)");
}

#[test]
fn what_is_out_of_order_twice_or_too_much_is_refused() {
    let refused = |label: &Label| Label::decode(&label.canonical()).unwrap_err();
    let label = Label::new(Kind::Phone, Tlp::Green);
    for codes in [vec![HandlingCode::H1, HandlingCode::H0], vec![HandlingCode::H1, HandlingCode::H1]] {
        let label = Label { handling: codes, ..label.clone() };
        assert_eq!(refused(&label), Error::Order("handling codes"));
        assert!(label.sorted().check().is_ok());
    }
    let only = |bureaus| Audience::Only(bureaus);
    let twice = Label { audience: only([bureaus(1), bureaus(1)].concat()), ..label.clone() };
    assert_eq!(refused(&twice), Error::Order("recipients"));
    assert!(Label { audience: only(bureaus(AUDIENCE_LIMIT)), ..label.clone() }.check().is_ok());
    let many = Label { audience: only(bureaus(AUDIENCE_LIMIT + 1)), ..label.clone() };
    assert_eq!(refused(&many), Error::Audience);
    assert_eq!(bureaus(9).iter().collect::<BTreeSet<_>>().len(), 9);
}

/// An audience of nobody keeps everybody out, and is another thing than none. Seen to fail when an empty list is left out.
#[test]
fn nobody_is_not_anyone() {
    let kenya: BureauId = "KE".parse().unwrap();
    let label = |audience| Label { audience, ..Label::new(Kind::Phone, Tlp::Green) };
    let (anyone, nobody) = (label(Audience::Anyone), label(Audience::NOBODY));
    assert_ne!(anyone.canonical(), nobody.canonical());
    assert_eq!(Label::decode(&nobody.canonical()).as_ref(), Ok(&nobody));
    assert!(anyone.audience.admits(kenya) && !anyone.audience.names(kenya));
    assert!(!nobody.audience.admits(kenya));
    for text in ["anyone", "nobody", "BR FR-LYON"] {
        assert_eq!(text.parse::<Audience>().unwrap().to_string(), text);
    }
    assert_eq!("FR,BR;BR".parse::<Audience>().unwrap().to_string(), "BR FR");
    for text in ["", " ", ",", "KE somebody", "nobody KE"] {
        assert!(text.parse::<Audience>().is_err(), "{text}");
    }
}

#[test]
fn only_persons_have_an_age_group() {
    let label = |kind| Label { age_group: Some(AgeGroup::Minor), ..Label::new(kind, Tlp::Green) };
    assert_eq!(label(Kind::Phone).check(), Err(Error::AgeGroup));
    assert_eq!(label(Kind::Person).check(), Ok(()));
    assert_eq!(label(Kind::Person).banner(), "TLP:GREEN MINOR");
}

#[test]
fn h3_and_its_words_go_together() {
    let with = |handling: Vec<HandlingCode>, note: Option<String>| {
        Label { handling, note, ..Label::new(Kind::Phone, Tlp::Green) }.check()
    };
    assert_eq!(with(vec![HandlingCode::H3], Some("ask first".into())), Ok(()));
    assert_eq!(with(vec![HandlingCode::H3], None), Err(Error::Note));
    assert_eq!(with(vec![HandlingCode::H2], Some("ask first".into())), Err(Error::Note));
    for note in [String::new(), " ".into(), "a\nb".into(), "\u{202e}kcatta".into(), "x".repeat(NOTE_LIMIT + 1)] {
        assert_eq!(with(vec![HandlingCode::H3], Some(note.clone())), Err(Error::Note), "{note:?}");
    }
}
