use proptest::prelude::*;

use super::*;
use crate::codec;

#[test]
fn bureaus_are_countries_with_or_without_an_office() {
    for good in ["KE", "FR-LYON", "GB-1", "XK-A1B2C"] {
        let id: BureauId = good.parse().unwrap();
        assert_eq!(id.to_string(), good);
        assert_eq!(id.country(), &good[..2]);
        assert_eq!(BureauId::from_bytes(*id.as_bytes()), Ok(id));
        assert_eq!(codec::decode::<BureauId>(&codec::encode(&id)), Ok(id));
    }
    for bad in
        ["", "K", "KEN", "ke", "K1", "KE-", "-KE", "KE-LYON12", "KE-ly", "KE-A B", "KE\0", "KÉ", "KE-É", "KE-A-B", "ÅÄ"]
    {
        assert_eq!(bad.parse::<BureauId>(), Err(Error::Id(codec::text::shorten(bad))), "{bad:?}");
    }
    for bad in [*b"KE\0A\0\0\0\0", [0; 8], [0xff; 8], *b"KE-LYON1"] {
        assert_eq!(BureauId::from_bytes(bad).is_ok(), &bad == b"KE-LYON1");
    }
    let sorted = ["BR", "BR-A", "FR"].map(|text| text.parse::<BureauId>().unwrap());
    assert!(sorted.is_sorted());
    assert!(codec::decode::<BureauId>(b"\x62ke").is_err());
}

#[test]
fn keys_come_back_from_their_seeds_and_do_not_show() {
    let key = SigningKey::from_seed([7; 32]);
    assert_eq!(*key.to_seed(), [7; 32]);
    assert_eq!(SigningKey::from_seed(*key.to_seed()).verifying_key(), key.verifying_key());
    let identity = SealingIdentity::from_seed([7; 32]);
    assert_eq!(*identity.to_seed(), [7; 32]);
    for shown in [format!("{key:?}"), format!("{identity:?}")] {
        assert!(!shown.contains("0707") && !shown.contains("7, 7") && !shown.contains("SECRET"), "{shown}");
    }
}

/// RFC 8032 §7.1, test 1.
#[test]
fn signatures_are_those_of_the_standard() {
    let seed = hex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60");
    let key = SigningKey::from_seed(seed);
    assert_eq!(
        key.verifying_key().as_bytes(),
        &hex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")
    );
    let signature = key.sign(b"");
    assert_eq!(signature[..32], hex("e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"));
    assert!(key.verifying_key().verify(b"", &signature));
}

fn hex(text: &str) -> [u8; 32] {
    let bytes: Vec<u8> = (0..32).map(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).unwrap()).collect();
    bytes.try_into().unwrap()
}

#[test]
fn weak_and_uncanonical_keys_are_refused() {
    let weak = [
        hex("0100000000000000000000000000000000000000000000000000000000000000"),
        hex("0000000000000000000000000000000000000000000000000000000000000000"),
        hex("0000000000000000000000000000000000000000000000000000000000000080"),
        hex("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
        hex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"),
        hex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"),
    ];
    for bytes in weak {
        assert_eq!(VerifyingKey::from_bytes(&bytes), Err(Error::WeakKey));
    }
    // The identity and zero again, written past the field's order, and the identity with a negative zero.
    for bytes in [
        hex("eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
        hex("edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
        hex("0100000000000000000000000000000000000000000000000000000000000080"),
        hex("0200000000000000000000000000000000000000000000000000000000000000"),
    ] {
        assert_eq!(VerifyingKey::from_bytes(&bytes), Err(Error::NotAKey));
    }
    // A good key with a point of order two added: of full order, but not of prime order.
    let good = SigningKey::from_seed([1; 32]).verifying_key().to_dalek().to_edwards();
    let two = ed25519_dalek::VerifyingKey::from_bytes(&weak[3]).unwrap().to_edwards();
    let mixed = ed25519_dalek::VerifyingKey::from(good + two);
    assert!(!mixed.is_weak());
    assert_eq!(VerifyingKey::from_bytes(mixed.as_bytes()), Err(Error::WeakKey));
    assert!(codec::decode::<VerifyingKey>(&[&[0x58, 0x20], &weak[0][..]].concat()).is_err());
    assert!(codec::decode::<VerifyingKey>(b"\x41\x01").is_err());
}

#[test]
fn fingerprints_are_compared_as_people_write_them() {
    let fingerprint = SigningKey::from_seed([1; 32]).verifying_key().fingerprint();
    let shown = fingerprint.to_string();
    assert_eq!(shown.split(' ').map(str::len).collect::<Vec<_>>(), [4; 16]);
    let words = fingerprint.words();
    assert!(words.iter().all(|word| word.len() >= 3));
    let said = words.join(" ");
    for typed in [
        shown.clone(),
        shown.to_lowercase(),
        shown.replace(' ', ""),
        shown.replace(' ', ":"),
        format!("  {shown}\n"),
        said.clone(),
        said.to_uppercase(),
        said.replace(' ', "-"),
    ] {
        assert!(fingerprint.matches(&typed), "{typed}");
    }
    let other = SigningKey::from_seed([2; 32]).verifying_key().fingerprint();
    for typed in [
        "",
        "ABCD",
        &shown[..shown.len() - 1],
        &format!("{shown}0"),
        &words[..11].join(" "),
        &format!("{said} abandon"),
        &other.to_string(),
        &other.words().join(" "),
    ] {
        assert!(!fingerprint.matches(typed), "{typed}");
    }
    assert!(fingerprint.as_bytes().starts_with(fingerprint.key_id().as_bytes()));
}

#[test]
fn sealing_keys_are_ages_own() {
    // From the age repository's tests.
    let text = "age1t7rxyev2z3rw82stdlrrepyc39nvn86l5078zqkf5uasdy86jp6svpy7pa";
    let key: SealingKey = text.parse().unwrap();
    assert_eq!(key.to_string(), text);
    assert_eq!(SealingKey::from_bytes(key.as_bytes()), Ok(key));
    assert_eq!(key.to_recipient().unwrap().to_string(), text);
    for bad in
        ["", "age1", &text[..61], "AGE1T7", "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq", &text.replace('t', "v")]
    {
        assert!(matches!(bad.parse::<SealingKey>(), Err(Error::NotASealingKey(_))), "{bad}");
    }
    for beyond in [
        hex("edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
        [0xff; 32],
        hex("0100000000000000000000000000000000000000000000000000000000000080"),
    ] {
        assert!(matches!(SealingKey::from_bytes(&beyond), Err(Error::NotASealingKey(_))));
    }
    assert!(codec::decode::<SealingKey>(&[&[0x58, 0x20], &[0; 32][..]].concat()).is_err());
}

proptest! {
    #[test]
    fn every_seed_makes_keys(seed in any::<[u8; 32]>()) {
        let key = SigningKey::from_seed(seed).verifying_key();
        prop_assert_eq!(VerifyingKey::from_bytes(key.as_bytes()), Ok(key));
        let sealing = SealingIdentity::from_seed(seed).sealing_key();
        prop_assert_eq!(SealingKey::from_bytes(sealing.as_bytes()), Ok(sealing));
        prop_assert_eq!(sealing.to_string().parse(), Ok(sealing));
    }

    #[test]
    fn any_text_and_bytes_end_in_an_answer(text in "\\PC{0,12}", bytes in any::<[u8; 8]>(), long in any::<[u8; 32]>()) {
        if let Ok(id) = text.parse::<BureauId>() {
            prop_assert_eq!(id.to_string(), text);
        }
        let _ = BureauId::from_bytes(bytes);
        let _ = VerifyingKey::from_bytes(&long);
        let _ = SealingKey::from_bytes(&long);
    }
}
