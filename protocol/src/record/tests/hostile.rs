//! Records that an owner should not have signed, or that somebody changed.

use super::*;
use crate::codec::{self, Typ};
use crate::label::Label;
use crate::record::commitment::{Digest, Salt};
use crate::record::envelope::{Envelope, Rest, head_of};
use crate::record::header::Wire;

/// A part of one field of a person; one that persons do not have gets a number that nothing has.
fn part(name: &str, value: &impl minicbor::Encode<()>) -> Vec<u8> {
    let number = number(Kind::Person, name).unwrap_or(15);
    [vec![0x82], codec::encode(&number), codec::encode(value)].concat()
}

/// A record with a good signature over whatever is given.
fn forged(change: impl Fn(&mut Wire), label: impl Fn(&mut Label), parts: &[Vec<u8>]) -> Vec<u8> {
    forged_with(change, label, parts, 8_usize.saturating_sub(parts.len()))
}

fn forged_with(change: impl Fn(&mut Wire), label: impl Fn(&mut Label), parts: &[Vec<u8>], decoys: usize) -> Vec<u8> {
    let withheld: Vec<Digest> = (0..decoys as u8).map(|n| [n; 32]).collect();
    let salt: Salt = [5; 16];
    let salted: Vec<Vec<u8>> = parts.iter().map(|part| [&salt, part.as_slice()].concat()).collect();
    let mut header = signed(&amina()).header().clone();
    label(&mut header.label);
    let mut wire = header.wire();
    change(&mut wire);
    let label = header.label.canonical();
    let head = head_of(&codec::encode(&wire), &label);
    let parts = salted.iter().map(Vec::as_slice).collect();
    let rest = Rest::Withheld(withheld);
    let mut envelope = Envelope { kid: key().key_id(), label: &label, head: &head, signature: [0; 64], parts, rest };
    // Of what cannot be put together there is no good signature.
    let payload = envelope.payload().unwrap_or_default();
    envelope.signature = codec::sign_apart(Typ::Record, &payload, &key());
    envelope.encode(&envelope.parts, &envelope.rest)
}

fn refused(change: impl Fn(&mut Wire), parts: &[Vec<u8>]) -> Error {
    verified(&forged(change, |_| {}, parts)).unwrap_err()
}

#[test]
fn a_good_forgery_passes() {
    assert!(verified(&forged(|_| {}, |_| {}, &[part("sex", &"male")])).is_ok());
}

#[test]
fn heads_that_say_what_may_not_be_are_refused() {
    assert!(matches!(
        refused(|wire| wire.version = 3, &[]),
        Error::Document(codec::Error::Version { found: 3, known: 2 })
    ));
    assert_eq!(refused(|wire| wire.revision = 0, &[]), Error::Revision);
    let noted = forged(|_| {}, |label| label.note = Some("x".into()), &[]);
    assert!(matches!(verified(&noted), Err(Error::Label(_))));
    for decoys in [0, 7, 9, 15] {
        assert_eq!(verified(&forged_with(|_| {}, |_| {}, &[], decoys)), Err(Error::Commitment), "{decoys}");
    }
    // A signature for one type is none for another.
    let bytes = forged(|_| {}, |_| {}, &[]);
    let mut envelope = Envelope::decode(&bytes).unwrap();
    envelope.signature = codec::sign_apart(Typ::Tombstone, &envelope.payload().unwrap(), &key());
    let bytes = envelope.encode(&envelope.parts, &envelope.rest);
    assert_eq!(verified(&bytes), Err(Error::Document(codec::Error::Signature)));
    // Nor may a head say what belongs behind it.
    let envelope = Envelope::decode(&bytes).unwrap();
    for head in [&[][..], &[0x80], &[0xb6], &[0xb8, 22], &[0xa1, 0x17, 0], &[0xa1, 0x18, 24, 0]] {
        let bytes = Envelope { head, parts: vec![], rest: envelope.rest.clone(), ..envelope };
        let bytes = bytes.encode::<Vec<u8>>(&[], &envelope.rest);
        assert!(matches!(Unverified::decode(&bytes), Err(Error::Document(_))), "{head:02x?}");
        assert!(trusted(&bytes).is_err());
    }
}

#[test]
fn fields_that_say_what_may_not_be_are_refused() {
    let with = |parts: &[Vec<u8>]| refused(|_| {}, parts);
    assert!(matches!(with(&[part("plate", &"KAA 123A")]), Error::UnknownField { .. }));
    assert!(matches!(with(&[part("sex", &"?")]), Error::Value { .. }));
    assert!(matches!(with(&[part("sex", &true)]), Error::Value { .. }));
    assert_eq!(with(&[part("sex", &"male"), part("sex", &"female")]), Error::Repeated("sex"));
    let many = [vec![0x99, 1, 2], part("remarks", &"x")[1..].repeat(129)].concat();
    assert_eq!(with(&[many.clone(), [many, vec![]].concat()]), Error::Commitment, "the same part twice");
    let malformed = [
        vec![0x80],
        vec![0x83, 0x61, b'a', 0xf5, 0x61],
        vec![0x81, 0x10],
        [vec![0x82], codec::encode(&"sex"), codec::encode(&"male")].concat(),
        [part("sex", &"male"), vec![0]].concat(),
        [vec![0x82, 0x18, 3], codec::encode(&"x")].concat(),
        part("name", &(0_u8, "Amina", None::<u8>)),
        part("name", &(0_u8, "Amina", None::<u8>, None::<u8>)),
        part("birth-date", &(1_u8, 1984_u16)),
        part("birth-date", &(9_u8, 1984_u16)),
        part("birth-date", &(1_u8, "1984-13")),
        part("birth-date", &(1_u8, "~1984")),
        vec![0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe],
    ];
    for bytes in malformed {
        assert!(matches!(with(std::slice::from_ref(&bytes)), Error::Document(_)), "{bytes:02x?}");
    }
    let role = |letter: char| [vec![0x99, 1, 0x2c], part("role", &letter.to_string())[1..].repeat(150)].concat();
    assert_eq!(with(&[role('a'), role('b')]), Error::TooManyFields);
}

#[test]
fn what_is_there_twice_is_refused() {
    let sex = part("sex", &"male");
    assert_eq!(refused(|_| {}, &[sex.clone(), sex]), Error::Commitment);
    let mut bytes = signed(&amina()).redact(GroupSet::EMPTY, &|_| true).unwrap();
    let second = bytes.len() - 32;
    let first = bytes[second - 34..second - 2].to_vec();
    bytes[second..].copy_from_slice(&first);
    assert!(matches!(verified(&bytes), Err(Error::Document(_))));
}

#[test]
fn parts_of_another_record_or_revision_are_refused() {
    let (one, two) = (signed(&amina()), signed(&Content { revision: 2, ..amina() }));
    let (one, two) = (Envelope::decode(one.as_bytes()).unwrap(), Envelope::decode(two.as_bytes()).unwrap());
    let forgery = Err(Error::Document(codec::Error::Signature));
    assert_eq!(verified(&one.encode(&two.parts, &two.rest)), forgery);
    assert_eq!(verified(&one.encode(&one.parts, &two.rest)), forgery);
    assert_eq!(verified(&one.encode(&one.parts[1..], &one.rest)), forgery);
    let swapped = [&[one.parts[1], one.parts[0]], &one.parts[2..]].concat();
    assert_eq!(verified(&one.encode(&swapped, &one.rest)), forgery);
    let relabelled = Envelope { label: &Label::new(Kind::Person, Tlp::Clear).canonical(), ..one };
    assert_eq!(verified(&relabelled.encode(&relabelled.parts, &relabelled.rest)), forgery);
}

#[test]
fn another_encoding_of_the_same_record_is_refused() {
    let record = signed(&amina());
    let bytes = record.as_bytes();
    assert_eq!(bytes[0], 0x86);
    let long_head = [&[0x98, 0x06], &bytes[1..]].concat();
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
        let label = Label::new(Kind::Person, Tlp::Clear).canonical();
        let start = [&[0x86, 0x48][..], &[0; 8], &label, &[0x40, 0x58, 64], &[0; 64]].concat();
        assert!(Unverified::decode(&[&start[..], &count].concat()).is_err());
        assert!(Unverified::decode(&[&start[..], &[0x80], &count].concat()).is_err());
    }
    let mut many: Vec<Digest> = (0..264_u32).map(|n| commitment::digest(&[], &n.to_be_bytes())).collect();
    many.sort_unstable();
    let record = signed(&amina());
    let bytes = Envelope::decode(record.as_bytes()).unwrap().encode::<Vec<u8>>(&[], &Rest::Withheld(many));
    assert!(matches!(Unverified::decode(&bytes), Err(Error::Document(codec::Error::Content(_)))));
}
