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
        cafs in prop::collection::btree_set(any::<[u8; 16]>().prop_map(CafId::from_bytes), 0..=FILES_LIMIT),
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
        let cafs = cafs.into_iter().collect();
        Label { kind, cafs, tlp, pap, handling, note, category, crime_area, audience, grading, age_group }
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
    let files = |count: u8| (0..count).map(|n| CafId::from_bytes([n; 16])).collect::<Vec<_>>();
    let with = |cafs: Vec<CafId>| Label { cafs, ..label.clone() };
    assert_eq!(refused(&with([files(2), files(1)].concat())), Error::Order("crime analysis files"));
    assert_eq!(refused(&with(files(9))), Error::Files);
    assert_eq!(with(files(8)).check(), Ok(()));
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

/// What rests on two records goes to nobody to whom either may not go. Seen to fail when the wider TLP marking is taken,
/// when the files of one source alone count, and when two audiences with nobody in common become anyone.
#[test]
fn what_rests_on_records_is_no_less_restricted_than_any() {
    let files: Vec<CafId> = (1..=9).map(|n| CafId::from_bytes([n; 16])).collect();
    let only = |ids: &[&str]| ids.iter().map(|id| id.parse().unwrap()).collect::<Audience>();
    let own = Label { kind: Kind::Person, audience: only(&["BR", "FR", "KE"]), ..Label::new(Kind::Person, Tlp::Clear) };
    let one = Label {
        cafs: vec![files[1]],
        pap: Some(Pap::Green),
        handling: vec![HandlingCode::H1, HandlingCode::H3],
        note: Some("ask first".into()),
        audience: only(&["BR", "FR"]),
        grading: Some(Grading::new(Reliability::A, Accuracy::Three)),
        age_group: Some(AgeGroup::Minor),
        ..Label::new(Kind::Person, Tlp::Green)
    };
    let other = Label {
        cafs: vec![files[0], files[1]],
        handling: vec![HandlingCode::H3],
        note: Some("only on paper".into()),
        grading: Some(Grading::new(Reliability::B, Accuracy::One)),
        ..Label::new(Kind::Phone, Tlp::Amber)
    };
    let made = own.clone().resting_on([&one, &other]).unwrap();
    assert_eq!((made.kind, made.tlp, made.pap), (Kind::Person, Tlp::Amber, Some(Pap::Green)));
    assert_eq!(made.cafs, [files[0], files[1]]);
    assert_eq!(made.handling, [HandlingCode::H1, HandlingCode::H3]);
    assert_eq!(made.note.as_deref(), Some("ask first; only on paper"));
    assert_eq!(made.audience, only(&["BR", "FR"]));
    assert_eq!(made.grading, Some(Grading::new(Reliability::B, Accuracy::Three)));
    assert_eq!(made.age_group, Some(AgeGroup::Minor));
    let apart = Label { audience: only(&["DE"]), ..other.clone() };
    assert_eq!(own.clone().resting_on([&one, &apart]).unwrap().audience, Audience::NOBODY);
    let graded = Label { grading: Some(Grading::new(Reliability::A, Accuracy::One)), ..own.clone() };
    assert_eq!(graded.clone().resting_on([&other]).unwrap().grading, graded.grading, "an analyst's own grading stays");
    let many = Label { cafs: files, ..other.clone() };
    assert_eq!(own.clone().resting_on([&many]), Err(Error::Files));
    let long = |c: char| Label { note: Some(c.to_string().repeat(NOTE_LIMIT)), ..other.clone() };
    assert_eq!(own.resting_on([&long('a'), &long('b')]), Err(Error::Note));
}
