use coset::iana::Algorithm;
use coset::{CborSerializable, CoseSign1, CoseSign1Builder, HeaderBuilder, TaggedCborSerializable};
use proptest::prelude::*;

use super::*;
use crate::bureau::SigningKey;

fn key(seed: u8) -> SigningKey {
    SigningKey::from_seed([seed; 32])
}

fn check(bytes: &[u8]) -> Result<(), Error> {
    deterministic::check(bytes)
}

/// The same document as an ordinary COSE library makes it.
fn by_coset(typ: Typ, payload: &[u8], key: &SigningKey) -> Vec<u8> {
    let mut protected =
        HeaderBuilder::new().algorithm(Algorithm::EdDSA).key_id(key.key_id().as_bytes().to_vec()).build();
    protected.rest.push((coset::Label::Int(16), coset::cbor::value::Value::Text(typ.as_str().to_owned())));
    let signed = CoseSign1Builder::new()
        .protected(protected)
        .payload(payload.to_vec())
        .create_signature(&[], |message| key.sign(message).to_vec())
        .build();
    signed.to_tagged_vec().unwrap()
}

#[test]
fn coset_writes_the_same_bytes_and_reads_ours() {
    let key = key(1);
    for typ in Typ::ALL {
        for length in [0, 1, 23, 24, 255, 256, 60_000] {
            let payload = vec![0xf6; length];
            let ours = sign(typ, &payload, &key);
            assert_eq!(ours, by_coset(typ, &payload, &key), "{typ:?} {length}");
            let theirs = CoseSign1::from_tagged_slice(&ours).unwrap();
            assert_eq!(theirs.payload.as_deref(), Some(payload.as_slice()));
            let verified = theirs.verify_signature(&[], |signature, message| {
                match key.verifying_key().verify(message, signature.try_into().unwrap()) {
                    true => Ok(()),
                    false => Err(()),
                }
            });
            assert_eq!(verified, Ok(()));
            let parsed = Signed::parse(typ, &ours).unwrap();
            assert_eq!(parsed.kid(), key.verifying_key().key_id());
            assert_eq!(parsed.verify(&key.verifying_key()).unwrap(), payload);
        }
    }
}

#[test]
fn only_one_shape_is_read() {
    let key = key(1);
    let good = sign(Typ::Card, b"\xf6", &key);
    let shape = |bytes: &[u8]| matches!(Signed::parse(Typ::Card, bytes), Err(Error::Shell { .. }));
    // Untagged, and another COSE message's tag.
    assert!(shape(&good[1..]));
    assert!(shape(&[&[0xd1], &good[1..]].concat()));
    let theirs = CoseSign1::from_tagged_slice(&good).unwrap();
    assert!(shape(&theirs.clone().to_vec().unwrap()));
    // A header outside the signature, a payload that is elsewhere, another algorithm, a critical extension.
    let mut outside = theirs.clone();
    outside.unprotected.iv = vec![1];
    assert!(shape(&outside.to_tagged_vec().unwrap()));
    let mut detached = theirs.clone();
    detached.payload = None;
    assert!(matches!(Signed::parse(Typ::Card, &detached.to_tagged_vec().unwrap()), Err(Error::Shell { .. })));
    for header in [
        HeaderBuilder::new().build(),
        HeaderBuilder::new().algorithm(Algorithm::ES256).key_id(vec![0; 8]).build(),
        HeaderBuilder::new().algorithm(Algorithm::EdDSA).key_id(vec![0; 9]).build(),
        HeaderBuilder::new().algorithm(Algorithm::EdDSA).key_id(vec![0; 8]).build(),
    ] {
        let other = CoseSign1Builder::new().protected(header).payload(vec![0xf6]).signature(vec![0; 64]).build();
        assert!(shape(&other.to_tagged_vec().unwrap()));
    }
    let mut short = theirs;
    short.signature.pop();
    assert!(shape(&short.to_tagged_vec().unwrap()));
    assert_eq!(Signed::parse(Typ::Card, &[&good[..], &[0]].concat()).err(), Some(Error::Trailing { bytes: 1 }));
    let long = vec![0; SIGNED_LIMIT + 1];
    assert_eq!(
        Signed::parse(Typ::Card, &long).err(),
        Some(Error::TooLong { bytes: SIGNED_LIMIT + 1, limit: SIGNED_LIMIT })
    );
}

#[test]
fn one_type_is_not_another() {
    for wrong in Typ::ALL.into_iter().filter(|typ| *typ != Typ::Charter) {
        let bytes = sign(wrong, b"\xf6", &key(1));
        let error = Signed::parse(Typ::Charter, &bytes).err();
        assert_eq!(error, Some(Error::Typ { expected: Typ::Charter, found: wrong.as_str().to_owned() }));
    }
}

#[test]
fn another_key_and_a_wrong_signature_are_told_apart() {
    let bytes = sign(Typ::Card, b"\xf6", &key(1));
    let signed = Signed::parse(Typ::Card, &bytes).unwrap();
    assert!(matches!(signed.verify(&key(2).verifying_key()), Err(Error::Key { .. })));
    let mut altered = bytes.clone();
    *altered.last_mut().unwrap() ^= 1;
    let signed = Signed::parse(Typ::Card, &altered).unwrap();
    assert_eq!(signed.verify(&key(1).verifying_key()), Err(Error::Signature));
}

#[test]
fn every_cut_and_every_flipped_bit_is_refused() {
    let key = key(1);
    let bytes = sign(Typ::Receipt, b"\x83\x01\x02\x03", &key);
    let verify = |bytes: &[u8]| Signed::parse(Typ::Receipt, bytes)?.verify(&key.verifying_key()).map(drop);
    assert_eq!(verify(&bytes), Ok(()));
    for cut in 0..bytes.len() {
        assert!(verify(&bytes[..cut]).is_err(), "cut at {cut}");
    }
    for bit in 0..bytes.len() * 8 {
        let mut altered = bytes.clone();
        altered[bit / 8] ^= 1 << (bit % 8);
        assert!(verify(&altered).is_err(), "bit {bit}");
    }
}

#[test]
fn malleable_signatures_are_refused() {
    let key = key(1);
    let mut bytes = sign(Typ::Card, b"\xf6", &key);
    // s + L signs the same message by the equation, and is not the canonical s.
    const L: [u8; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0, 0, 0,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];
    let start = bytes.len() - 32;
    let mut carry = 0;
    for (byte, add) in bytes[start..].iter_mut().zip(L) {
        let sum = u16::from(*byte) + u16::from(add) + carry;
        (*byte, carry) = (sum as u8, sum >> 8);
    }
    let signed = Signed::parse(Typ::Card, &bytes).unwrap().claim();
    assert_eq!(signed.verify(&key.verifying_key()), Err(Error::Signature));
    assert_eq!(verify_batch(&[(&signed, &key.verifying_key())]), [Err(Error::Signature)]);
}

#[test]
fn a_batch_finds_the_culprits_and_passes_the_rest() {
    let keys: Vec<_> = (1..=3).map(key).collect();
    let mut documents: Vec<Vec<u8>> =
        (0..700_u32).map(|n| sign(Typ::Record, &encode(&n), &keys[n as usize % 3])).collect();
    let bad = [0, 17, 255, 256, 511, 699];
    for index in bad {
        let at = documents[index].len() - 64 + index % 64;
        documents[index][at] ^= 4;
    }
    let signed: Vec<_> = documents.iter().map(|bytes| Signed::parse(Typ::Record, bytes).unwrap().claim()).collect();
    let public: Vec<_> = keys.iter().map(SigningKey::verifying_key).collect();
    let mut items: Vec<_> = signed.iter().enumerate().map(|(n, signed)| (signed, &public[n % 3])).collect();
    items[42].1 = &public[1];
    let answers = verify_batch(&items);
    assert_eq!(answers.len(), 700);
    for (index, answer) in answers.iter().enumerate() {
        match index {
            42 => assert!(matches!(answer, Err(Error::Key { .. }))),
            _ if bad.contains(&index) => assert_eq!(answer, &Err(Error::Signature), "{index}"),
            _ => assert_eq!(answer, &Ok(()), "{index}"),
        }
    }
    assert!(verify_batch(&[]).is_empty());
}

#[test]
fn nonce_points_of_small_order_are_refused_in_a_batch() {
    let key = key(1);
    let good = sign(Typ::Record, b"\xf6", &key);
    for y in batch::SMALL_ORDER {
        for sign_bit in [0, 0x80] {
            let mut bytes = good.clone();
            let start = bytes.len() - 64;
            bytes[start..start + 32].copy_from_slice(&y);
            bytes[start + 31] |= sign_bit;
            let signed = Signed::parse(Typ::Record, &bytes).unwrap().claim();
            assert_eq!(verify_batch(&[(&signed, &key.verifying_key())]), [Err(Error::Signature)]);
        }
        // The table is what it says: the library calls each of these weak.
        assert!(ed25519_dalek::VerifyingKey::from_bytes(&y).unwrap().is_weak());
    }
}

#[test]
fn a_batch_passes_nothing_that_strict_verification_refuses_by_its_bytes() {
    use curve25519_dalek::Scalar;
    use sha2::{Digest, Sha512};
    // A holder of the key signs with the nonce 0: R is the identity, s = H(R, A, M) a. The batch equation holds.
    let seed = [1; 32];
    let key = key(1);
    let mut bytes = sign(Typ::Record, b"\xf6", &key);
    let start = bytes.len() - 64;
    let message = Signed::parse(Typ::Record, &bytes).unwrap().claim().message;
    let nonce = batch::SMALL_ORDER[0];
    let hash = [&nonce[..], key.verifying_key().as_bytes(), &message].concat();
    let hash = Scalar::from_bytes_mod_order_wide(&Sha512::digest(hash).into());
    let secret = ed25519_dalek::hazmat::ExpandedSecretKey::from(&seed).scalar;
    bytes[start..start + 32].copy_from_slice(&nonce);
    bytes[start + 32..].copy_from_slice((hash * secret).as_bytes());
    let signed = Signed::parse(Typ::Record, &bytes).unwrap().claim();
    let public = key.verifying_key();
    let (messages, signatures) = ([message.as_slice(); 2], [signed.signature(); 2]);
    assert!(ed25519_dalek::verify_batch(&messages, &signatures, &[public.to_dalek(); 2]).is_ok());
    assert_eq!(signed.verify(&public), Err(Error::Signature));
    assert_eq!(verify_batch(&[(&signed, &public); 2]), [Err(Error::Signature), Err(Error::Signature)]);
}

#[test]
fn each_value_has_one_encoding() {
    for good in [
        &b"\x00"[..],
        b"\x17",
        b"\x18\x18",
        b"\x19\x01\x00",
        b"\x20",
        b"\x1b\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\xf4",
        b"\xf6",
        b"\x43\x01\x02\x03",
        b"\x63abc",
        b"\x82\x01\x02",
        b"\xa2\x00\x01\x01\x02",
        b"\xa2\x18\x18\x01\x61a\x02",
        b"\xd2\x80",
    ] {
        assert_eq!(check(good), Ok(()), "{good:02x?}");
    }
    let what = |bytes: &[u8]| match check(bytes) {
        Err(Error::NotDeterministic { what, .. }) => what,
        other => panic!("{bytes:02x?}: {other:?}"),
    };
    for long in
        [&b"\x18\x17"[..], b"\x19\x00\xff", b"\x1a\x00\x00\xff\xff", b"\x1b\0\0\0\0\xff\xff\xff\xff", b"\x58\x01a"]
    {
        assert_eq!(what(long), "a number in a longer form than it needs");
    }
    for open in [&b"\x5f\x41a\xff"[..], b"\x7f\xff", b"\x9f\xff", b"\xbf\xff"] {
        assert_eq!(what(open), "an indefinite length");
    }
    assert_eq!(what(b"\xa2\x01\x00\x00\x00"), "a map key out of order");
    assert_eq!(what(b"\xa2\x01\x00\x01\x00"), "a map key out of order");
    assert_eq!(what(b"\x61\xff"), "text that is not UTF-8");
    for simple in [&b"\xf7"[..], b"\xf0", b"\xf8\xff", b"\xf9\x3c\x00", b"\xfb\x3f\xf1\x99\x99\x99\x99\x99\x9a"] {
        assert_eq!(what(simple), "a value that is no boolean and not null");
    }
    assert_eq!(what(b"\x1c"), "a reserved head");
    assert_eq!(check(b"\x01\x02"), Err(Error::Trailing { bytes: 1 }));
    assert_eq!(check(b""), Err(Error::Truncated { at: 0 }));
}

#[test]
fn depth_and_counts_are_bounded() {
    let nested = |depth: usize| [vec![0x81; depth], vec![0x00]].concat();
    assert_eq!(check(&nested(NESTING_LIMIT)), Ok(()));
    assert_eq!(check(&nested(NESTING_LIMIT + 1)), Err(Error::TooDeep));
    assert_eq!(check(&vec![0x81; 65_000]), Err(Error::TooDeep));
    assert_eq!(check(&vec![0xc1; 65_000]), Err(Error::TooDeep));
    assert_eq!(check(&[vec![0xa1; 40], vec![0]].concat()), Err(Error::TooDeep));
    // Counts and lengths that promise more than there is cost nothing.
    for promise in [
        &b"\x9b\xff\xff\xff\xff\xff\xff\xff\xff"[..],
        b"\xbb\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\x5b\xff\xff\xff\xff\xff\xff\xff\xff",
    ] {
        assert_eq!(check(promise), Err(Error::Truncated { at: 9 }));
    }
}

#[test]
fn the_version_is_named_before_anything_else_is_missed() {
    assert_eq!(decode_version::<()>(b"\xa1\x00\x05", 1), Err(Error::Version { found: 5, known: 1 }));
    assert_eq!(Reader::new(b"\xa1\x00\x18\x63").version(), Some(99));
    for none in [&b""[..], b"\xa0", b"\xa1\x01\x05", b"\xa1\x00\x61a", b"\x81\x00", b"\xa1\x00"] {
        assert_eq!(Reader::new(none).version(), None, "{none:02x?}");
    }
}

#[test]
fn a_type_mismatch_is_told_in_one_line() {
    let Err(Error::Content(text)) = decode::<u64>(b"\x61\x41") else { panic!("not refused") };
    assert!(!text.contains('\n') && text.len() < 300, "{text}");
    assert_eq!(decode::<u64>(b"\x01\x01"), Err(Error::Trailing { bytes: 1 }));
}

#[test]
fn text_is_bounded_and_shows_what_it_is() {
    assert_eq!(text::line("Nairobi – نيروبي\u{200f}", 64), Ok(()));
    assert_eq!(text::line(" ", 64), Err(text::Fault::Empty));
    assert_eq!(text::line("abc", 2), Err(text::Fault::TooLong { bytes: 3, limit: 2 }));
    for bad in ["a\0", "a\x1b[2J", "a\u{202e}b", "a\u{2066}", "a\nb", "a\u{9b}"] {
        assert!(matches!(text::line(bad, 64), Err(text::Fault::Control(_))), "{bad:?}");
    }
    assert_eq!(text::prose("", 64), Ok(()));
    assert_eq!(text::prose("a\n\tb", 64), Ok(()));
    assert_eq!(text::shorten("a\x1bb"), "a\u{fffd}b");
}

#[test]
fn armour_survives_a_mail() {
    let bytes: Vec<u8> = (0..=255).collect();
    let armoured = armor::wrap("IGAIN CARD", &bytes);
    assert!(armoured.lines().all(|line| line.len() <= 64));
    let mailed = format!("Dear colleague,\r\n\r\n{}\r\nRegards", armoured.replace('\n', "\r\n  "));
    assert_eq!(armor::unwrap("IGAIN CARD", &mailed, 256), Ok(bytes));
    let unwrap = |text: &str| armor::unwrap("IGAIN CARD", text, 256);
    assert!(matches!(unwrap("nothing"), Err(armor::Error::Missing(line)) if line.contains("BEGIN")));
    assert!(
        matches!(unwrap("-----BEGIN IGAIN CARD-----\nAAAA"), Err(armor::Error::Missing(line)) if line.contains("END"))
    );
    assert_eq!(unwrap("-----BEGIN IGAIN CARD-----\nA!AA\n-----END IGAIN CARD-----"), Err(armor::Error::Base64));
    assert_eq!(unwrap("-----BEGIN IGAIN CARD-----\nAAA\n-----END IGAIN CARD-----"), Err(armor::Error::Base64));
    assert!(matches!(unwrap(&" ".repeat(10_000)), Err(armor::Error::TooLong { .. })));
    assert_eq!(armor::unwrap("X", &armor::wrap("X", b""), 16), Ok(vec![]));
}

proptest! {
    #[test]
    fn any_bytes_end_in_an_answer(bytes in prop::collection::vec(any::<u8>(), 0..512)) {
        let _ = check(&bytes);
        let _ = decode::<Vec<String>>(&bytes);
        prop_assert!(Signed::parse(Typ::Card, &bytes).is_err());
        let _ = Signed::parse(Typ::Card, &[b"\xd2\x84".as_slice(), &bytes].concat());
    }

    #[test]
    fn what_is_accepted_is_what_a_second_encoder_writes(bytes in prop::collection::vec(any::<u8>(), 0..24)) {
        if check(&bytes).is_ok() {
            // Tags beyond ciborium's bignums keep their form; re-encoding any accepted item gives the same bytes.
            let value: coset::cbor::value::Value = coset::cbor::from_reader(bytes.as_slice()).unwrap();
            let mut again = Vec::new();
            coset::cbor::into_writer(&value, &mut again).unwrap();
            let bignum = bytes.iter().any(|byte| matches!(byte, 0xc2 | 0xc3));
            prop_assert!(bignum || again == bytes, "{:02x?} {:02x?}", bytes, again);
        }
    }

    #[test]
    fn armour_round_trips(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        prop_assert_eq!(armor::unwrap("A B", &armor::wrap("A B", &bytes), 400), Ok(bytes));
    }
}
