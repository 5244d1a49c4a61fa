//! Cards that must not be enrolled.

use igain_node::keystore::Keys;
use igain_protocol::bureau::card::SignedCard;
use igain_protocol::codec::{self, Signed, Typ, armor};
use igain_protocol::time::Timestamp;
use igain_tests::bureau::keys;
use igain_tests::daemon::Bureau;

use super::hostile::{card, now};
use super::{Refusal, assert_sound, audited, particular, refused};

/// Enrolling a card that must be refused.
fn refuse(ke: &Bureau, card: &SignedCard) -> Refusal {
    let print = card.card().signing.fingerprint().to_string();
    ke.write("bad.card", &card.to_armor());
    refused(ke, &["peer", "enrol", "bad.card", "--fingerprint", &print])
}

fn enrol(ke: &Bureau, card: &SignedCard) {
    let print = card.card().signing.fingerprint().to_string();
    ke.write("good.card", &card.to_armor());
    ke.json(&["peer", "enrol", "good.card", "--fingerprint", &print]);
}

/// The card of these keys with some of its bytes replaced, signed again.
fn patched(keys: &Keys, from: &[u8; 32], to: &[u8; 32]) -> String {
    let sound = card("BR", keys, |_| {});
    let payload = Signed::parse(Typ::Card, sound.as_bytes()).expect("a document").payload().to_vec();
    let at = payload.windows(32).position(|window| window == from).expect("the key in the card");
    let payload = [&payload[..at], to, &payload[at + 32..]].concat();
    armor::wrap("IGAIN CARD", &codec::sign(Typ::Card, &payload, &keys.signing()))
}

/// The refusals that were accounted for, in order.
fn accounted(ke: &Bureau) -> Vec<String> {
    let entries = audited(ke, "peer.enrol", Some("BR"));
    entries.iter().map(|entry| particular(entry, "refused").to_owned()).collect()
}

/// L4. Seen to fail with the check for points of small order taken out.
#[test]
fn a_weak_key() {
    let ke = Bureau::start("KE");
    let keys = keys(31);
    let sound = card("BR", &keys, |_| {});
    // The neutral point, and a point of order eight (RFC 8032 §5.1.7, "small-order" points).
    let neutral: [u8; 32] = std::array::from_fn(|at| u8::from(at == 0));
    let order_eight = [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a, 0x20,
        0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a,
    ];
    for weak in [neutral, order_eight] {
        for key in [sound.card().transport, sound.card().signing] {
            ke.write("bad.card", &patched(&keys, key.as_bytes(), &weak));
            let refusal = refused(&ke, &["peer", "enrol", "bad.card", "--fingerprint", "0000"]);
            refusal.expect("bureau.weak-key", &["weak", "must make new keys and a new card"]);
        }
    }
    assert_eq!(ke.json(&["peer", "list"])["peers"], serde_json::json!([]));
    assert_sound(&ke, 0);
}

/// Seen to fail when only the signature is looked at.
#[test]
fn a_card_out_of_its_time() {
    let ke = Bureau::start("KE");
    let (keys, day) = (keys(32), 86_400_000);
    let old = card("BR", &keys, |card| card.not_after = Timestamp::from_ms(now().as_ms() - 1));
    refuse(&ke, &old).expect("card.expired", &["expired on", "Ask the bureau for a new one"]);
    let early = card("BR", &keys, |card| {
        card.not_before = now().plus_ms(day);
        card.not_after = now().plus_ms(2 * day);
    });
    refuse(&ke, &early).expect("card.not-yet-valid", &["still to come", "Check this machine's clock"]);
    assert_eq!(accounted(&ke), ["card.expired", "card.not-yet-valid"]);
    assert_eq!(ke.json(&["peer", "list"])["peers"], serde_json::json!([]));
    assert_sound(&ke, 0);
}

/// L11. Seen to fail when a revoked bureau's own card enrols it again.
#[test]
fn a_revoked_bureau_and_a_lower_serial() {
    let ke = Bureau::start("KE");
    let (keys, others) = (keys(33), keys_of_another());
    enrol(&ke, &card("BR", &keys, |_| {}));
    let lower = card("BR", &keys, |card| card.serial = 4);
    refuse(&ke, &lower).expect("card.not-newer", &["card 4", "card 5", "Ask the bureau for its newest card"]);
    let same = card("BR", &keys, |card| card.name = "Bureau of another name".into());
    refuse(&ke, &same).expect("card.not-newer", &["Ask the bureau for its newest card"]);
    let stolen = card("BR", &others, |card| card.serial = 6);
    refuse(&ke, &stolen).expect("peer.other-key", &["another key", "Revoke it first"]);
    ke.write("bad.card", &card("BR", &keys, |card| card.serial = 6).to_armor());
    let compared = stolen.card().signing.fingerprint().to_string();
    let refusal = refused(&ke, &["peer", "enrol", "bad.card", "--fingerprint", &compared]);
    refusal.expect("peer.fingerprint", &["Do not trust the card", "compare again by telephone"]);
    ke.json(&["peer", "revoke", "BR", "--why", "compromised", "--yes"]);
    for serial in [5, 9] {
        let revoked = card("BR", &keys, |card| card.serial = serial);
        refuse(&ke, &revoked).expect("peer.revoked", &["is revoked", "new card with a new key"]);
    }
    let wanted =
        ["", "card.not-newer", "card.not-newer", "peer.other-key", "peer.fingerprint", "peer.revoked", "peer.revoked"];
    assert_eq!(accounted(&ke), wanted);
    assert_eq!(ke.json(&["peer", "show", "BR"])["state"], "revoked");
    assert_sound(&ke, 0);
}

fn keys_of_another() -> Keys {
    keys(34)
}

#[test]
fn what_is_no_card() {
    let ke = Bureau::start("KE");
    let whole = card("BR", &keys(35), |_| {}).to_armor();
    let middle = whole.len() / 2;
    let cut = format!("{}\n-----END IGAIN CARD-----\n", &whole[..middle - middle % 4 + 2]);
    let mut bent = whole.clone().into_bytes();
    bent[middle] = if bent[middle] == b'A' { b'B' } else { b'A' };
    let bent = String::from_utf8(bent).expect("text");
    for (text, code, word) in [
        ("hello", "card.armor", "Copy the whole text"),
        (&whole[..middle], "card.armor", "Copy the whole text"),
        (&cut, "", ""),
        (&bent, "", ""),
    ] {
        ke.write("bad.card", text);
        let refusal = refused(&ke, &["peer", "enrol", "bad.card", "--fingerprint", "0000"]);
        assert!(!refusal.code.is_empty() && refusal.detail.contains(". "), "{refusal:?}");
        assert!(refusal.code.contains(code) && refusal.detail.contains(word), "{refusal:?}");
    }
    let own = ke.json(&["card", "export"]);
    ke.write("own.card", own["armor"].as_str().expect("a card"));
    let own = refused(&ke, &["peer", "enrol", "own.card", "--fingerprint", own["fingerprint"].as_str().expect("one")]);
    own.expect("peer.own-card", &["this bureau itself"]);
    assert_sound(&ke, 0);
}
