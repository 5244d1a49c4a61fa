use proptest::prelude::*;

use super::*;
use crate::bureau::SigningKey;
use crate::codec::Typ;
use crate::vocabulary::{CrimeArea, Kind, Purpose, SubjectCategory};

fn key(seed: u8) -> SigningKey {
    SigningKey::from_seed([seed; 32])
}

fn id(text: &str) -> BureauId {
    text.parse().unwrap()
}

fn charter() -> Charter {
    let opened: Timestamp = "2026-01-01T08:00:00Z".parse().unwrap();
    Charter {
        id: CafId::of(id("KE"), &[7; 16]),
        nonce: [7; 16],
        name: "Indian Ocean cocaine".into(),
        purpose: Purpose::ALL[0],
        crime_area: CrimeArea::ALL[0],
        scope: "Consignments by sea to Mombasa\nand what belongs to them.".into(),
        manager: id("KE"),
        serial: 2,
        opened,
        closes: "2026-12-31".parse().unwrap(),
        kinds: vec![Kind::Person, Kind::Phone],
        categories: vec![SubjectCategory::Suspect],
        members: vec![(id("FR"), Role::Contributor), (id("BR"), Role::Reader)],
        closed: None,
    }
}

fn acceptance() -> Acceptance {
    Acceptance {
        caf: charter().id,
        bureau: id("BR"),
        charter_serial: 2,
        serial: 1,
        state: Membership::Joined,
        only: "kinds=phone;owners=KE".parse().unwrap(),
        at: "2026-01-02T08:00:00Z".parse().unwrap(),
    }
}

#[test]
fn a_charter_comes_back_as_it_was_signed() {
    let signed = charter().sign(&key(1)).unwrap();
    assert_eq!(SignedCharter::claims(signed.as_bytes()).unwrap().0, id("KE"));
    assert_eq!(SignedCharter::verify(signed.as_bytes(), &key(1).verifying_key()), Ok(signed.clone()));
    assert_eq!(signed.charter(), &charter());
    let bare = Charter { kinds: vec![], categories: vec![], members: vec![], scope: String::new(), ..charter() };
    assert!(bare.sign(&key(1)).is_ok());
}

#[test]
fn only_its_manager_and_its_member_sign() {
    let signed = charter().sign(&key(1)).unwrap();
    let refused = SignedCharter::verify(signed.as_bytes(), &key(2).verifying_key());
    assert!(matches!(refused, Err(Error::Document(codec::Error::Key { .. }))));
    let signed = acceptance().sign(&key(3)).unwrap();
    assert_eq!(SignedAcceptance::claims(signed.as_bytes()).unwrap().0, id("BR"));
    assert_eq!(SignedAcceptance::verify(signed.as_bytes(), &key(3).verifying_key()), Ok(signed.clone()));
    assert_eq!(signed.acceptance(), &acceptance());
    let refused = SignedAcceptance::verify(signed.as_bytes(), &key(2).verifying_key());
    assert!(matches!(refused, Err(Error::Document(codec::Error::Key { .. }))));
    // One is not the other.
    let refused = SignedCharter::verify(signed.as_bytes(), &key(3).verifying_key());
    assert!(matches!(refused, Err(Error::Document(codec::Error::Typ { .. }))));
}

#[test]
fn roles_follow_the_charter() {
    let charter = charter();
    assert_eq!(charter.role_of(id("KE")), Some(Role::Lead));
    assert_eq!(charter.role_of(id("FR")), Some(Role::Contributor));
    assert_eq!(charter.role_of(id("BR")), Some(Role::Reader));
    assert_eq!(charter.role_of(id("US")), None);
    assert!(Role::Lead.contributes() && Role::Contributor.contributes() && !Role::Reader.contributes());
    for role in Role::ALL {
        assert_eq!(role.to_string().parse(), Ok(role));
    }
    assert!(matches!("boss".parse::<Role>(), Err(Error::Unknown { field: "roles", .. })));
}

#[test]
fn a_file_takes_what_its_charter_lists() {
    let charter = charter();
    assert!(charter.takes(Kind::Phone, None));
    assert!(charter.takes(Kind::Person, Some(SubjectCategory::Suspect)));
    assert!(!charter.takes(Kind::Person, Some(SubjectCategory::Victim)));
    assert!(!charter.takes(Kind::Vehicle, None));
    let all = Charter { kinds: vec![], categories: vec![], ..charter };
    assert!(all.takes(Kind::Vehicle, Some(SubjectCategory::Victim)));
}

#[test]
fn a_file_is_open_through_its_last_day() {
    let charter = charter();
    let at = |text: &str| text.parse::<Timestamp>().unwrap();
    assert_eq!(charter.check_open(at("2026-12-31T23:59:59Z")), Ok(()));
    assert_eq!(charter.check_open(at("2027-01-01T00:00:00Z")), Err(Error::Over(at("2027-01-01T00:00:00Z"))));
    let closed = Charter { closed: Some(charter.opened), ..charter };
    assert_eq!(closed.check_open(at("2026-02-01T00:00:00Z")), Err(Error::Closed));
}

#[test]
fn a_newer_charter_replaces_an_older_of_the_same_file() {
    let old = charter();
    let new = Charter { serial: 3, ..charter() };
    assert_eq!(new.supersedes(&old), Ok(()));
    assert_eq!(old.supersedes(&new), Err(Error::NotNewer { old: 3, new: 2 }));
    assert_eq!(old.supersedes(&old), Err(Error::NotNewer { old: 2, new: 2 }));
    let other = Charter { id: CafId::from_bytes([1; 16]), ..new.clone() };
    assert_eq!(other.supersedes(&old), Err(Error::Other("file")));
    assert_eq!(Charter { manager: id("BR"), ..new.clone() }.supersedes(&old), Err(Error::Other("manager")));
    assert_eq!(Charter { purpose: Purpose::ALL[1], ..new.clone() }.supersedes(&old), Err(Error::Other("purpose")));
    let closed = Charter { closed: Some(charter().opened), ..new.clone() };
    assert_eq!(closed.supersedes(&old), Ok(()));
    assert_eq!(Charter { serial: 4, ..new }.supersedes(&closed), Err(Error::Reopened));
    let (old, new) = (acceptance(), Acceptance { serial: 2, state: Membership::Left, ..acceptance() });
    assert_eq!(new.supersedes(&old), Ok(()));
    assert_eq!(old.supersedes(&new), Err(Error::NotNewer { old: 2, new: 1 }));
    assert_eq!(Acceptance { bureau: id("FR"), ..new.clone() }.supersedes(&old), Err(Error::Other("member")));
    assert_eq!(Acceptance { caf: CafId::from_bytes([1; 16]), ..new }.supersedes(&old), Err(Error::Other("file")));
}

/// A file belongs to its manager from its first charter on, whoever's comes first.
#[test]
fn no_other_bureau_can_lay_down_a_charter_for_a_file() {
    let stolen = Charter { manager: id("BR"), members: vec![], ..charter() };
    assert_eq!(stolen.sign(&key(1)), Err(Error::NotItsId(charter().id)));
    let bytes = codec::sign(Typ::Charter, &codec::encode(&charter::wire(&stolen)), &key(1));
    assert_eq!(SignedCharter::verify(&bytes, &key(1).verifying_key()), Err(Error::NotItsId(charter().id)));
}

#[test]
fn what_no_manager_would_write_is_refused() {
    let refused = |change: &dyn Fn(&mut Charter)| {
        let mut charter = charter();
        change(&mut charter);
        charter.sign(&key(1)).unwrap_err()
    };
    assert!(matches!(refused(&|c| c.name = "".into()), Error::Text { field: "name", .. }));
    assert!(matches!(refused(&|c| c.scope = "a\0".into()), Error::Text { field: "scope", .. }));
    assert!(matches!(refused(&|c| c.scope = "a".repeat(SCOPE_LIMIT + 1)), Error::Text { .. }));
    assert!(matches!(refused(&|c| c.kinds = vec![Kind::Phone; 2]), Error::Twice { field: "kinds", .. }));
    assert!(matches!(refused(&|c| c.members.push((id("FR"), Role::Reader))), Error::Twice { field: "members", .. }));
    assert_eq!(refused(&|c| c.members.push((id("KE"), Role::Reader))), Error::ManagerNotLead(id("KE")));
    assert!(matches!(refused(&|c| c.closes = Day::from_days(1)), Error::Lifetime { .. }));
    let many = |c: &mut Charter| {
        c.members = (0..=MEMBERS_LIMIT).map(|n| (id(&format!("KE-{n}")), Role::Reader)).collect();
    };
    assert!(matches!(refused(&many), Error::TooMany { field: "members", count: 257, limit: MEMBERS_LIMIT }));
    let largest = Charter {
        scope: "x".repeat(SCOPE_LIMIT),
        name: "x".repeat(NAME_LIMIT),
        members: (0..MEMBERS_LIMIT).map(|n| (id(&format!("KE-{:05}", n)), Role::Reader)).collect(),
        kinds: Kind::ALL.to_vec(),
        categories: SubjectCategory::ALL.to_vec(),
        ..charter()
    };
    assert!(largest.sign(&key(1)).unwrap().as_bytes().len() <= CHARTER_LIMIT);
    let owners = (0..=OWNERS_LIMIT).map(|n| id(&format!("KE-{n}"))).collect();
    let greedy = Acceptance { only: Subset { owners, ..Subset::default() }, ..acceptance() };
    assert!(matches!(greedy.sign(&key(1)), Err(Error::TooMany { field: "owners", .. })));
}

#[test]
fn damaged_ones_are_refused() {
    let signed = charter().sign(&key(1)).unwrap();
    let bytes = signed.as_bytes();
    let verify = |bytes: &[u8]| SignedCharter::verify(bytes, &key(1).verifying_key());
    for cut in 0..bytes.len() {
        assert!(verify(&bytes[..cut]).is_err(), "cut at {cut}");
    }
    for bit in 0..bytes.len() * 8 {
        let mut altered = bytes.to_vec();
        altered[bit / 8] ^= 1 << (bit % 8);
        assert!(verify(&altered).is_err(), "bit {bit}");
    }
    let long = codec::sign(Typ::Charter, &vec![0; CHARTER_LIMIT], &key(1));
    assert!(matches!(verify(&long), Err(Error::Document(codec::Error::TooLong { .. }))));
    for junk in [&b"\xa0"[..], b"\x80", b"\xa1\x00\x02", b"\xf6"] {
        let signed = codec::sign(Typ::Charter, junk, &key(1));
        assert!(matches!(verify(&signed), Err(Error::Document(codec::Error::Content(_)))));
    }
}

#[test]
fn subsets_read_as_they_print() {
    for text in ["", "kinds=phone,vehicle", "owners=KE,FR-LYON", "kinds=phone;owners=KE"] {
        assert_eq!(text.parse::<Subset>().unwrap().to_string(), text);
    }
    let area = CrimeArea::ALL[0];
    let text = format!("kinds=phone;areas={area};owners=KE");
    let subset: Subset = text.parse().unwrap();
    assert_eq!(subset.to_string(), text);
    assert!(subset.admits(Kind::Phone, Some(area), id("KE")));
    assert!(!subset.admits(Kind::Vehicle, Some(area), id("KE")));
    assert!(!subset.admits(Kind::Phone, Some(CrimeArea::ALL[1]), id("KE")));
    assert!(!subset.admits(Kind::Phone, None, id("KE")));
    assert!(!subset.admits(Kind::Phone, Some(area), id("FR")));
    assert!(Subset::default().admits(Kind::Phone, None, id("FR")) && Subset::default().is_everything());
    assert_eq!(" kinds = phone , vehicle ; ".parse::<Subset>().unwrap().to_string(), "kinds=phone,vehicle");
    for bad in ["phone", "kind=phone", "kinds", "=phone"] {
        assert_eq!(bad.parse::<Subset>(), Err(Error::Subset(bad.into())));
    }
    for bad in ["kinds=fone", "kinds=", "owners=ke", "areas=x"] {
        assert!(matches!(bad.parse::<Subset>(), Err(Error::Unknown { .. })), "{bad}");
    }
    assert!(matches!("kinds=phone,phone".parse::<Subset>(), Err(Error::Twice { .. })));
}

#[test]
fn ids_are_uuids() {
    let id = charter().id;
    assert_eq!(id.as_bytes()[6] >> 4, 8, "a UUID of version 8");
    assert_eq!(id.to_string().parse(), Ok(id));
    assert_eq!(codec::decode::<CafId>(&codec::encode(&id)), Ok(id));
    assert!(codec::decode::<CafId>(b"\x42ab").is_err());
    assert_eq!("x\x1b".parse::<CafId>(), Err(Error::Id("x\u{fffd}".into())));
}

proptest! {
    #[test]
    fn any_bytes_end_in_an_error(bytes in prop::collection::vec(any::<u8>(), 0..512)) {
        let key = key(1);
        prop_assert!(SignedCharter::verify(&bytes, &key.verifying_key()).is_err());
        prop_assert!(SignedAcceptance::verify(&bytes, &key.verifying_key()).is_err());
        let signed = codec::sign(Typ::Charter, &bytes, &key);
        prop_assert!(SignedCharter::verify(&signed, &key.verifying_key()).is_err());
        let signed = codec::sign(Typ::Acceptance, &bytes, &key);
        prop_assert!(SignedAcceptance::verify(&signed, &key.verifying_key()).is_err());
    }
}
