use super::*;
use crate::bureau::SealingIdentity;
use crate::codec::Typ;

const YEAR_MS: u64 = 365 * 86_400_000;

fn key(seed: u8) -> SigningKey {
    SigningKey::from_seed([seed; 32])
}

fn start() -> Timestamp {
    "2026-01-01T00:00:00Z".parse().unwrap()
}

fn card() -> Card {
    Card {
        bureau: "KE".parse().unwrap(),
        name: "NCB Nairobi".into(),
        serial: 3,
        not_before: start(),
        not_after: start().plus_ms(YEAR_MS),
        signing: key(1).verifying_key(),
        sealing: SealingIdentity::from_seed([2; 32]).sealing_key(),
        transport: key(3).verifying_key(),
        addresses: vec!["/ip4/192.0.2.7/udp/4433/quic-v1".into(), "/ip4/192.0.2.7/tcp/4433".into()],
        languages: vec!["en".into(), "sw-KE".into(), "zh-Hant-TW".into()],
        contacts: vec![Contact {
            role: "analytical point of contact".into(),
            name: "Duty office".into(),
            email: Some("apc@ncb.example".into()),
            phone: Some("+254202123456".into()),
        }],
        former: Vec::new(),
    }
}

fn refused(change: impl FnOnce(&mut Card)) -> Error {
    let mut card = card();
    change(&mut card);
    let error = card.sign(&key(1), &key(3)).unwrap_err();
    // A reader refuses the same card, should a signer let it pass.
    let bytes = signed::sign_unchecked(&card, &key(1), &key(3));
    let read = SignedCard::from_bytes(&bytes).unwrap_err();
    assert!(read == error || matches!(read, Error::Document(_)), "{read}");
    error
}

#[test]
fn a_card_comes_back_as_it_was_signed() {
    let signed = card().sign(&key(1), &key(3)).unwrap();
    assert_eq!(signed.card(), &card());
    assert_eq!(SignedCard::from_bytes(signed.as_bytes()), Ok(signed.clone()));
    let text = signed.to_armor();
    assert!(text.starts_with("-----BEGIN IGAIN CARD-----\n") && text.ends_with("\n-----END IGAIN CARD-----\n"));
    assert_eq!(SignedCard::from_armor(&text), Ok(signed));
    assert!(matches!(SignedCard::from_armor("hello"), Err(Error::Armor(_))));
    let bare = Card { addresses: vec![], languages: vec![], contacts: vec![], ..card() };
    assert!(bare.sign(&key(1), &key(3)).is_ok());
}

#[test]
fn a_card_is_signed_by_the_key_it_names() {
    assert_eq!(card().sign(&key(9), &key(3)), Err(Error::NotOwnKey));
    let forged = signed::sign_unchecked(&card(), &key(9), &key(3));
    assert!(matches!(SignedCard::from_bytes(&forged), Err(Error::Document(codec::Error::Key { .. }))));
}

#[test]
fn it_holds_for_its_time() {
    let card = card();
    assert_eq!(card.check_valid(start()), Ok(()));
    assert_eq!(card.check_valid(Timestamp::from_ms(start().as_ms() - CLOCK_SKEW_MS)), Ok(()));
    let early = Timestamp::from_ms(start().as_ms() - CLOCK_SKEW_MS - 1);
    assert_eq!(card.check_valid(early), Err(Error::NotYetValid(start())));
    assert_eq!(card.check_valid(Timestamp::from_ms(card.not_after.as_ms() - 1)), Ok(()));
    assert_eq!(card.check_valid(card.not_after), Err(Error::Expired(card.not_after)));
    assert!(matches!(refused(|card| card.not_after = card.not_before), Error::Validity { .. }));
}

#[test]
fn a_higher_serial_replaces_a_lower_never_the_reverse() {
    let old = card();
    let newer = Card { serial: 4, ..card() };
    assert_eq!(newer.supersedes(&old), Ok(()));
    for serial in [2, 3] {
        let same = Card { serial, ..card() };
        assert_eq!(same.supersedes(&old), Err(Error::NotNewer { bureau: old.bureau, old: 3, new: serial }));
    }
    let other = Card { bureau: "KE-MSA".parse().unwrap(), ..newer.clone() };
    assert!(matches!(other.supersedes(&old), Err(Error::OtherBureau { .. })));
    let rekeyed = Card { signing: key(5).verifying_key(), ..newer };
    assert_eq!(rekeyed.supersedes(&old), Err(Error::OtherKey(old.bureau)));
}

/// A card whose bureau has replaced its signing key 5 by 6, and that by 1.
fn rotated() -> Card {
    let next = |old, new| Former::sign(card().bureau, &key(old), &key(new).verifying_key());
    Card { former: vec![next(5, 6), next(6, 1)], serial: 9, ..card() }
}

#[test]
fn whoever_knows_a_former_key_knows_the_present_one() {
    let signed = rotated().sign(&key(1), &key(3)).unwrap();
    let read = SignedCard::from_bytes(signed.as_bytes()).unwrap();
    assert_eq!(read.card(), &rotated());
    for known in [5, 6, 1] {
        let to_known = rotated().former.into_iter().take_while(|former| former.key != key(known).verifying_key());
        let before = Card { signing: key(known).verifying_key(), former: to_known.collect(), ..card() };
        assert_eq!(read.card().supersedes(&before), Ok(()), "{known}");
        let id = key(known).verifying_key().key_id();
        assert_eq!(read.card().signing_key(id), key(known).verifying_key());
    }
    // The history that was known cannot be told otherwise, nor filled with keys that nobody ever used.
    let next = |old, new| Former::sign(card().bureau, &key(old), &key(new).verifying_key());
    for former in [vec![], vec![next(6, 1)], vec![next(8, 5), next(5, 6), next(6, 1)], vec![next(9, 6), next(6, 1)]] {
        let other = Card { former, serial: 10, ..rotated() };
        assert_eq!(other.supersedes(read.card()), Err(Error::History(card().bureau)));
    }
    let again = Card { serial: 10, ..rotated() };
    assert_eq!(again.supersedes(read.card()), Ok(()));
    let stranger = Card { signing: key(7).verifying_key(), ..card() };
    assert_eq!(read.card().supersedes(&stranger), Err(Error::OtherKey(card().bureau)));
    // Who has a former key alone cannot go back to it.
    let back = Card { signing: key(5).verifying_key(), serial: 10, ..card() };
    assert_eq!(back.supersedes(read.card()), Err(Error::OtherKey(card().bureau)));
}

/// Seen to fail when the word of a former key for the next one is not looked at.
#[test]
fn a_former_key_must_have_signed_the_next() {
    let succession = |change: &dyn Fn(&mut Vec<Former>)| {
        let error = refused(|card| {
            *card = rotated();
            change(&mut card.former);
        });
        assert_eq!(error, Error::Succession);
    };
    succession(&|former| former[0].signature[3] ^= 1);
    succession(&|former| former.truncate(1));
    succession(&|former| former.swap(0, 1));
    succession(&|former| former.insert(0, former[0]));
    let other = |former: &mut Vec<Former>| {
        former[1] = Former::sign("FR".parse().unwrap(), &key(6), &key(1).verifying_key());
    };
    succession(&other);
    // A key that comes back.
    let again = |former: &mut Vec<Former>| {
        former.insert(0, Former::sign(card().bureau, &key(1), &key(5).verifying_key()));
    };
    succession(&again);
    let many = |card: &mut Card| card.former = vec![rotated().former[0]; LIST_LIMIT + 1];
    assert!(matches!(refused(many), Error::TooMany { field: "former keys", .. }));
}

#[test]
fn what_no_bureau_would_write_is_refused() {
    assert!(matches!(refused(|card| card.name = " ".into()), Error::Text { field: "name", fault: text::Fault::Empty }));
    assert!(matches!(refused(|card| card.name = "a\u{202e}b".into()), Error::Text { .. }));
    assert!(matches!(refused(|card| card.name = "a".repeat(LINE_LIMIT + 1)), Error::Text { .. }));
    for address in ["", "192.0.2.7:4433", "/", "/ip4/1.2.3.4 /tcp/1", "/dns/é/tcp/1", "/ip4\n"] {
        let error = refused(|card| card.addresses = vec![address.into()]);
        assert!(matches!(error, Error::Malformed { .. } | Error::Text { .. }), "{address}");
    }
    for language in ["e", "en_GB", "en-", "12", "abcdefghi", "en--x", ""] {
        let error = refused(|card| card.languages = vec![language.into()]);
        assert!(matches!(error, Error::Malformed { .. } | Error::Text { .. }), "{language}");
    }
    for phone in ["254202123456", "+0254202123456", "+254 202 123456", "+123456", "+1234567890123456", "+12345a7"] {
        let error = refused(|card| card.contacts[0].phone = Some(phone.into()));
        assert!(matches!(error, Error::Malformed { .. }), "{phone}");
    }
    for email in ["apc", "@x", "a@", "a b@c"] {
        let error = refused(|card| card.contacts[0].email = Some(email.into()));
        assert!(matches!(error, Error::Malformed { .. }), "{email}");
    }
    assert!(matches!(refused(|card| card.contacts[0].role.clear()), Error::Text { .. }));
    let error = refused(|card| card.addresses = vec!["/ip4/192.0.2.7/tcp/1".into(); LIST_LIMIT + 1]);
    assert_eq!(error, Error::TooMany { field: "addresses", count: LIST_LIMIT + 1 });
}

#[test]
fn weak_keys_are_refused() {
    let mut small = [0; 32];
    small[0] = 1;
    assert_eq!(refused(|card| card.transport = card.signing), Error::SameKey);
    // A weak key cannot even be written by this code: put it into the signed bytes by hand.
    let good = codec::encode(&signed::wire(&card(), &key(3)));
    for weak in [card().signing.as_bytes(), card().sealing.as_bytes(), card().transport.as_bytes()] {
        let at = good.windows(32).position(|window| window == weak).unwrap();
        let mut payload = good.clone();
        payload[at..at + 32].copy_from_slice(&small);
        let error = SignedCard::from_bytes(&codec::sign(Typ::Card, &payload, &key(1))).unwrap_err();
        assert!(matches!(&error, Error::Key { .. }) && error.to_string().contains("weak"), "{error}");
    }
}

/// A bureau cannot name a transport key that it does not have, not even by taking over another's proof.
#[test]
fn the_transport_key_has_signed_for_the_bureau() {
    assert_eq!(card().sign(&key(1), &key(4)), Err(Error::NotOwnKey));
    let without = signed::sign_unchecked(&card(), &key(1), &key(4));
    assert_eq!(SignedCard::from_bytes(&without), Err(Error::Possession));
    let good = codec::encode(&signed::wire(&card(), &key(3)));
    let other = codec::encode(&signed::wire(&Card { bureau: "UG".parse().unwrap(), ..card() }, &key(3)));
    let stolen = [&good[..good.len() - 64], &other[other.len() - 64..]].concat();
    assert_eq!(SignedCard::from_bytes(&codec::sign(Typ::Card, &stolen, &key(1))), Err(Error::Possession));
}

#[test]
fn damaged_cards_are_refused() {
    let signed = card().sign(&key(1), &key(3)).unwrap();
    let bytes = signed.as_bytes();
    for cut in 0..bytes.len() {
        assert!(SignedCard::from_bytes(&bytes[..cut]).is_err(), "cut at {cut}");
    }
    for bit in 0..bytes.len() * 8 {
        let mut altered = bytes.to_vec();
        altered[bit / 8] ^= 1 << (bit % 8);
        assert!(SignedCard::from_bytes(&altered).is_err(), "bit {bit}");
    }
    let long = vec![0; CARD_LIMIT + 1];
    assert!(matches!(SignedCard::from_bytes(&long), Err(Error::Document(codec::Error::TooLong { .. }))));
    let line = "/".repeat(LINE_LIMIT);
    let contact =
        Contact { role: line.clone(), name: line.clone(), email: Some(format!("{}@a", &line[2..])), phone: None };
    let full = Card { addresses: vec![line; LIST_LIMIT], contacts: vec![contact; LIST_LIMIT], ..card() };
    assert!(matches!(full.sign(&key(1), &key(3)), Err(Error::Document(codec::Error::TooLong { .. }))));
}

#[test]
fn what_a_later_version_adds_does_not_stop_this_one_unless_it_says_so() {
    let payload = codec::encode(&signed::wire(&card(), &key(3)));
    // One more entry, under a key that nobody knows yet: 13 entries become 14.
    assert_eq!(payload[0], 0xad);
    let more = [&[0xae], &payload[1..], &[0x18, 0x63, 0xf6]].concat();
    assert!(SignedCard::from_bytes(&codec::sign(Typ::Card, &more, &key(1))).is_ok());
    let mut newer = payload;
    assert_eq!(newer[1..3], [0x00, 0x02]);
    newer[2] = 3;
    let error = SignedCard::from_bytes(&codec::sign(Typ::Card, &newer, &key(1))).unwrap_err();
    assert_eq!(error, Error::Document(codec::Error::Version { found: 3, known: 2 }));
}
