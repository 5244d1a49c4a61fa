//! Records that an owner should not have signed, or that somebody changed.

use super::*;
use crate::codec::{self, Typ};
use crate::record::commitment::{Digest, digest, hash_of};
use crate::record::envelope::Envelope;
use crate::record::header::Header;

fn field(name: &str, value: &impl minicbor::Encode<()>) -> Vec<u8> {
    [vec![0x83, 0x50], vec![5; 16], codec::encode(&name), codec::encode(value)].concat()
}

/// A record with a good signature over whatever is given.
fn forged(change: impl Fn(&mut Header), disclosed: &[Vec<u8>]) -> Vec<u8> {
    let mut withheld: Vec<Digest> = (0..8 - disclosed.len() as u8).map(|n| [n; 32]).collect();
    let mut digests: Vec<Digest> = disclosed.iter().map(|field| digest(field)).chain(withheld.clone()).collect();
    digests.sort_unstable();
    let mut header = Header { digests_hash: hash_of(&digests), ..signed(&amina()).header().clone() };
    header.digest_count = 8;
    change(&mut header);
    let signed = codec::sign(Typ::Record, &codec::encode(&header), &key());
    Envelope::encode(&signed, &disclosed.iter().map(Vec::as_slice).collect::<Vec<_>>(), &mut withheld)
}

fn refused(change: impl Fn(&mut Header), disclosed: &[Vec<u8>]) -> Error {
    verified(&forged(change, disclosed)).unwrap_err()
}

#[test]
fn a_good_forgery_passes() {
    assert!(verified(&forged(|_| {}, &[field("sex", &"male")])).is_ok());
}

#[test]
fn heads_that_say_what_may_not_be_are_refused() {
    assert!(matches!(
        refused(|header| header.version = 3, &[]),
        Error::Document(codec::Error::Version { found: 3, known: 2 })
    ));
    assert_eq!(refused(|header| header.revision = 0, &[]), Error::Revision);
    assert!(matches!(refused(|header| header.label.note = Some("x".into()), &[]), Error::Label(_)));
    for count in [0, 7, 9, 16, u32::MAX] {
        assert_eq!(refused(|header| header.digest_count = count, &[]), Error::Commitment);
    }
    assert_eq!(refused(|header| header.digests_hash[31] ^= 1, &[]), Error::Commitment);
    let tombstone = codec::sign(Typ::Tombstone, &codec::encode(signed(&amina()).header()), &key());
    let bytes = Envelope::encode(&tombstone, &[], &mut [[0; 32], [1; 32]]);
    assert!(matches!(Unverified::decode(&bytes), Err(Error::Document(codec::Error::Typ { .. }))));
}

#[test]
fn fields_that_say_what_may_not_be_are_refused() {
    let with = |fields: &[Vec<u8>]| refused(|_| {}, fields);
    assert!(matches!(with(&[field("plate", &"KAA 123A")]), Error::UnknownField { .. }));
    assert!(matches!(with(&[field("sex", &"?")]), Error::Value { .. }));
    assert!(matches!(with(&[field("sex", &true)]), Error::Value { .. }));
    assert_eq!(with(&[field("sex", &"male"), field("sex", &"female")]), Error::Repeated("sex"));
    let malformed = [
        vec![],
        vec![0x80],
        [vec![0x82, 0x50], vec![5; 16], codec::encode(&"sex")].concat(),
        [vec![0x83, 0x4f], vec![5; 15], codec::encode(&"sex"), codec::encode(&"male")].concat(),
        [field("sex", &"male"), vec![0]].concat(),
        [vec![0x83, 0x50], vec![5; 16], vec![0x78, 3], b"sex".to_vec(), codec::encode(&"male")].concat(),
        field("birth-date", &(1_u8, 1984_u16)),
        field("birth-date", &(9_u8, 1984_u16)),
        field("birth-date", &(1_u8, 1984_u16, 300_u16, None::<u8>, None::<u8>, false)),
    ];
    for bytes in malformed {
        assert!(matches!(with(std::slice::from_ref(&bytes)), Error::Document(_)), "{bytes:02x?}");
    }
}

#[test]
fn what_is_there_twice_is_refused() {
    let sex = field("sex", &"male");
    assert_eq!(refused(|_| {}, &[sex.clone(), sex]), Error::Commitment);
    let mut bytes = signed(&amina()).redact(GroupSet::EMPTY, &|_| true).unwrap();
    let second = bytes.len() - 32;
    let first = bytes[second - 34..second - 2].to_vec();
    bytes[second..].copy_from_slice(&first);
    assert!(matches!(verified(&bytes), Err(Error::Document(_))));
}

#[test]
fn fields_of_another_record_or_revision_are_refused() {
    let (one, two) = (signed(&amina()), signed(&Content { revision: 2, ..amina() }));
    let (one, two) = (Envelope::decode(one.as_bytes()).unwrap(), Envelope::decode(two.as_bytes()).unwrap());
    let mixed = Envelope::encode(one.signed, &two.disclosed, &mut two.withheld.clone());
    assert_eq!(verified(&mixed), Err(Error::Commitment));
    let less = Envelope::encode(one.signed, &one.disclosed[1..], &mut one.withheld.clone());
    assert_eq!(verified(&less), Err(Error::Commitment));
}

#[test]
fn another_encoding_of_the_same_record_is_refused() {
    let record = signed(&amina());
    let bytes = record.as_bytes();
    assert_eq!(bytes[0], 0x83);
    let long_head = [&[0x98, 0x03], &bytes[1..]].concat();
    let indefinite = [&[0x9f], &bytes[1..], &[0xff]].concat();
    let tagged = [&[0xd8, 0x2a], bytes].concat();
    for other in [long_head, indefinite, tagged] {
        assert!(matches!(verified(&other), Err(Error::Document(_))), "{:02x?}", &other[..4]);
        assert!(trusted(&other).is_err());
        assert!(redact_bytes(&other, Kind::Person, GroupSet::ALL, &|_| true).is_err());
    }
}

#[test]
fn lists_and_records_beyond_their_bounds_are_refused() {
    assert_eq!(Unverified::decode(&vec![0; RECORD_LIMIT + 1]), Err(Error::TooLong(RECORD_LIMIT + 1)));
    // Counts that the input does not bear out: nothing may be allocated for them.
    for count in [[0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], [0x9b, 0, 0, 0, 1, 0, 0, 0, 0]] {
        let bytes = [&[0x83, 0x40][..], &count].concat();
        assert!(Unverified::decode(&bytes).is_err());
    }
    let mut many: Vec<Digest> = (0..264_u32).map(|n| digest(&n.to_be_bytes())).collect();
    let bytes = Envelope::encode(&[], &[], &mut many);
    assert!(matches!(Unverified::decode(&bytes), Err(Error::Document(codec::Error::Content(_)))));
}
