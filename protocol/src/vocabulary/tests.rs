use std::collections::BTreeSet;
use std::fmt::{Debug, Display};
use std::str::FromStr;

use super::*;
use crate::codec;

fn check_list<T>(all: &[T], titles: impl Fn(T) -> &'static str)
where
    T: Copy + Debug + Display + PartialEq + Ord + FromStr<Err = UnknownCode>,
    T: minicbor::Encode<()> + for<'b> minicbor::Decode<'b, ()>,
{
    for entry in all {
        let code = entry.to_string();
        assert_eq!(code.parse::<T>().as_ref(), Ok(entry));
        assert_eq!(format!(" {} ", code.to_lowercase()).parse::<T>().as_ref(), Ok(entry));
        assert_eq!(codec::decode::<T>(&codec::encode(entry)).as_ref(), Ok(entry));
        assert!(!titles(*entry).is_empty());
    }
    assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len());
    assert_eq!(all.iter().map(ToString::to_string).collect::<BTreeSet<_>>().len(), all.len());
    assert!(codec::decode::<T>(&[0x18, 0xfe]).is_err(), "an unknown number is refused");
    assert!("no-such-code".parse::<T>().is_err());
}

#[test]
fn every_entry_comes_back_from_its_code_and_its_number() {
    check_list(Tlp::ALL, Tlp::title);
    check_list(Pap::ALL, Pap::title);
    check_list(HandlingCode::ALL, HandlingCode::title);
    check_list(Reliability::ALL, Reliability::title);
    check_list(Accuracy::ALL, Accuracy::title);
    check_list(SubjectCategory::ALL, SubjectCategory::title);
    check_list(Purpose::ALL, Purpose::title);
    check_list(CrimeArea::ALL, CrimeArea::title);
    check_list(Kind::ALL, Kind::title);
    check_list(Group::ALL, Group::title);
    check_list(Scheme::ALL, Scheme::title);
    check_list(Reason::ALL, Reason::title);
}

#[test]
fn an_unknown_code_names_the_list_and_what_it_allows() {
    let error = "violet".parse::<Tlp>().unwrap_err().to_string();
    assert_eq!(error, "`violet` is no TLP marking. Use one of: clear, green, amber, amber+strict, red");
    let error = "\u{1b}[2J".parse::<Kind>().unwrap_err().to_string();
    assert!(!error.contains('\u{1b}'), "{error:?}");
}

#[test]
fn gradings_print_as_they_parse_and_keep_the_admiralty_scale() {
    let grading: Grading = "b2".parse().unwrap();
    assert_eq!(grading, Grading::new(Reliability::B, Accuracy::Two));
    assert_eq!(grading.to_string(), "B2");
    for (given, mapped) in [("A1", "A1"), ("B3", "B3"), ("C3", "C3"), ("D5", "C4"), ("E2", "C2"), ("F6", "X4")] {
        let grading: Grading = format!("admiralty:{given}").parse().unwrap();
        assert_eq!(grading.four_by_four().to_string(), mapped);
        assert_eq!(grading.to_string().parse(), Ok(grading));
        assert_eq!(grading.admiralty.unwrap().to_string(), given);
        assert_eq!(codec::decode::<Grading>(&codec::encode(&grading)), Ok(grading));
    }
    for text in ["", "B", "B7", "D2", "B22", "é2", "admiralty:G1", "admiralty:A7"] {
        assert!(text.parse::<Grading>().is_err(), "{text}");
    }
}

#[test]
fn sets_print_as_they_parse() {
    let set: GroupSet = "core+narrative".parse().unwrap();
    assert!(set.contains(Group::Core) && set.contains(Group::Narrative) && !set.contains(Group::Identity));
    assert_eq!(set.to_string(), "core+narrative");
    for bits in (0..=u32::from(u8::MAX)).chain([1 << 8, 1 << 31]) {
        let Some(set) = GroupSet::from_bits(bits) else {
            assert!(codec::decode::<GroupSet>(&codec::encode(&bits)).is_err());
            continue;
        };
        assert_eq!(set.to_string().parse(), Ok(set));
        assert_eq!(set.iter().collect::<GroupSet>(), set);
        assert_eq!(codec::decode::<GroupSet>(&codec::encode(&set)), Ok(set));
        assert!(set.is_subset(GroupSet::ALL) && GroupSet::EMPTY.is_subset(set));
    }
    assert_eq!(GroupSet::EMPTY.to_string(), "none");
    assert_eq!(GroupSet::ALL, Group::ALL.iter().copied().collect());
    assert_eq!(GroupSet::ALL.difference(set).union(set), GroupSet::ALL);
    assert_eq!(GroupSet::ALL.intersection(set), set);
}
