//! The vectors under `vectors/` are what this code writes, byte for byte; `IGAIN_BLESS=1` writes them anew.
//!
//! A change here is a change of the format: raise its version, keep reading the old one, and say so in `FORMAT.md`.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on should stop"
)]

use std::path::PathBuf;

use igain_protocol::bureau::{BureauId, Card, Contact, SealingIdentity, SignedCard, SigningKey};
use igain_protocol::caf::{Acceptance, CafId, Charter, Membership, Role, SignedAcceptance, SignedCharter};
use igain_protocol::codec::{self, Typ};
use igain_protocol::feed::{Cursor, Position};
use igain_protocol::parcel::{self, Parcel};
use igain_protocol::receipt::{Receipt, Refusal, SignedReceipt};
use igain_protocol::record::RecordId;
use igain_protocol::time::Timestamp;
use igain_protocol::vocabulary::{CrimeArea, Kind, Purpose, SubjectCategory};
use serde_json::{Value, json};

#[path = "golden/exchange.rs"]
mod exchange;
#[path = "golden/records.rs"]
mod records;
#[path = "golden/rules.rs"]
mod rules;

/// Seeds of the fictitious bureaus; nobody may use them for anything else.
const KE_SIGNING: [u8; 32] = [0x11; 32];
const KE_SEALING: [u8; 32] = [0x12; 32];
const KE_TRANSPORT: [u8; 32] = [0x13; 32];
const FR_SIGNING: [u8; 32] = [0x21; 32];
const FR_SEALING: [u8; 32] = [0x22; 32];

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("vectors").join(format!("{name}.json"))
}

fn stored(name: &str) -> Option<Value> {
    serde_json::from_slice(&std::fs::read(path(name)).ok()?).ok()
}

/// Compares a vector with its file, or writes it.
fn check(name: &str, vector: &Value) {
    if std::env::var_os("IGAIN_BLESS").is_some() {
        let text = serde_json::to_string_pretty(vector).unwrap() + "\n";
        std::fs::write(path(name), text).unwrap();
    }
    let stored =
        stored(name).unwrap_or_else(|| panic!("vectors/{name}.json is not there. Write it with IGAIN_BLESS=1"));
    assert_eq!(&stored, vector, "vectors/{name}.json is not what this code writes");
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len() / 2).map(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).unwrap()).collect()
}

fn id(text: &str) -> BureauId {
    text.parse().unwrap()
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn ke() -> SigningKey {
    SigningKey::from_seed(KE_SIGNING)
}

fn fr() -> SigningKey {
    SigningKey::from_seed(FR_SIGNING)
}

fn keys(seed: &[u8; 32]) -> Value {
    let key = SigningKey::from_seed(*seed).verifying_key();
    json!({
        "signing_seed": hex(seed),
        "signing_public": hex(key.as_bytes()),
        "kid": hex(key.key_id().as_bytes()),
    })
}

fn card() -> Card {
    Card {
        bureau: id("KE"),
        name: "NCB Nairobi".into(),
        serial: 1,
        not_before: at("2026-01-01T00:00:00Z"),
        not_after: at("2028-01-01T00:00:00Z"),
        signing: ke().verifying_key(),
        sealing: SealingIdentity::from_seed(KE_SEALING).sealing_key(),
        transport: SigningKey::from_seed(KE_TRANSPORT).verifying_key(),
        addresses: vec!["/ip4/192.0.2.7/udp/4433/quic-v1".into(), "/ip4/192.0.2.7/tcp/4433".into()],
        languages: vec!["en".into(), "sw-KE".into()],
        contacts: vec![
            Contact {
                role: "analytical point of contact".into(),
                name: "Duty office".into(),
                email: Some("apc@ncb.example".into()),
                phone: Some("+254202000000".into()),
            },
            Contact { role: "technical".into(), name: "نيروبي".into(), email: None, phone: None },
        ],
        former: Vec::new(),
    }
}

#[test]
fn the_card_is_as_it_was() {
    let card = card();
    let signed = card.sign(&ke(), &SigningKey::from_seed(KE_TRANSPORT)).unwrap();
    let contact = |c: &Contact| json!({"role": c.role, "name": c.name, "email": c.email, "phone": c.phone});
    let fingerprint = card.signing.fingerprint();
    let mut keys = keys(&KE_SIGNING);
    keys["fingerprint"] = json!(fingerprint.to_string());
    keys["words"] = json!(fingerprint.words().join(" "));
    keys["sealing_recipient"] = json!(card.sealing.to_string());
    check(
        "card",
        &json!({
            "name": "card",
            "description": "The card of a bureau, signed with its own key, as bytes and as text",
            "keys": keys,
            "input": {
                "bureau": card.bureau.to_string(),
                "name": card.name,
                "serial": card.serial,
                "not_before_ms": card.not_before.as_ms(),
                "not_after_ms": card.not_after.as_ms(),
                "signing": hex(card.signing.as_bytes()),
                "sealing": hex(card.sealing.as_bytes()),
                "transport": hex(card.transport.as_bytes()),
                "addresses": card.addresses,
                "languages": card.languages,
                "contacts": card.contacts.iter().map(contact).collect::<Vec<_>>(),
            },
            "bytes": hex(signed.as_bytes()),
            "armor": signed.to_armor(),
        }),
    );
    assert_eq!(SignedCard::from_bytes(signed.as_bytes()).unwrap(), signed);
}

const CAF_NONCE: [u8; 16] = [0x5a; 16];

fn caf() -> CafId {
    CafId::of(id("KE"), &CAF_NONCE)
}

fn charter() -> Charter {
    Charter {
        id: caf(),
        name: "Indian Ocean cocaine".into(),
        purpose: Purpose::ALL[0],
        crime_area: CrimeArea::ALL[0],
        scope: "Consignments by sea to Mombasa,\nand what belongs to them.".into(),
        manager: id("KE"),
        serial: 1,
        opened: at("2026-01-02T00:00:00Z"),
        closes: "2027-01-01".parse().unwrap(),
        kinds: vec![Kind::Person, Kind::Phone],
        categories: vec![SubjectCategory::Suspect],
        members: vec![(id("FR"), Role::Contributor), (id("BR"), Role::Reader)],
        closed: None,
        nonce: CAF_NONCE,
    }
}

#[test]
fn the_charter_is_as_it_was() {
    let charter = charter();
    let signed = charter.sign(&ke()).unwrap();
    check(
        "charter",
        &json!({
            "name": "charter",
            "description": "The charter of a crime analysis file, signed by its manager",
            "keys": keys(&KE_SIGNING),
            "input": {
                "id": charter.id.to_string(),
                "name": charter.name,
                "purpose": charter.purpose.number(),
                "crime_area": charter.crime_area.number(),
                "scope": charter.scope,
                "manager": charter.manager.to_string(),
                "serial": charter.serial,
                "opened_ms": charter.opened.as_ms(),
                "closes_days": charter.closes.as_days(),
                "kinds": charter.kinds.iter().map(|kind| kind.number()).collect::<Vec<_>>(),
                "categories": charter.categories.iter().map(|category| category.number()).collect::<Vec<_>>(),
                "members": [["FR", 1], ["BR", 2]],
                "nonce": hex(&charter.nonce),
            },
            "bytes": hex(signed.as_bytes()),
        }),
    );
    assert_eq!(SignedCharter::verify(signed.as_bytes(), &ke().verifying_key()).unwrap(), signed);
}

#[test]
fn the_acceptance_is_as_it_was() {
    let acceptance = Acceptance {
        caf: caf(),
        bureau: id("FR"),
        charter_serial: 1,
        serial: 1,
        state: Membership::Joined,
        only: "kinds=phone;owners=KE".parse().unwrap(),
        at: at("2026-01-03T00:00:00Z"),
    };
    let signed = acceptance.sign(&fr()).unwrap();
    check(
        "acceptance",
        &json!({
            "name": "acceptance",
            "description": "A member's answer to the charter, for a part of the records, signed by the member",
            "keys": keys(&FR_SIGNING),
            "input": {
                "caf": acceptance.caf.to_string(),
                "bureau": "FR",
                "charter_serial": acceptance.charter_serial,
                "serial": acceptance.serial,
                "state": 0,
                "only": {"kinds": [Kind::Phone.number()], "crime_areas": [], "owners": ["KE"]},
                "at_ms": acceptance.at.as_ms(),
            },
            "bytes": hex(signed.as_bytes()),
        }),
    );
    assert_eq!(SignedAcceptance::verify(signed.as_bytes(), &fr().verifying_key()).unwrap(), signed);
}

#[test]
fn the_receipt_is_as_it_was() {
    let refused = Refusal { id: RecordId::from_bytes([0x31; 16]), revision: 2, why: "record.outdated".into() };
    let at_place = Position { seq: 12, head: [0x32; 16] };
    let receipt = Receipt {
        from: id("FR"),
        to: id("KE"),
        at: at("2026-01-04T00:00:00Z"),
        upto: Cursor { generation: 1_767_484_800_000, at: at_place },
        refused: vec![refused.clone()],
    };
    let signed = receipt.sign(&fr()).unwrap();
    check(
        "receipt",
        &json!({
            "name": "receipt",
            "description": "Up to where a bureau has acted on what it was sent, signed by that bureau",
            "keys": keys(&FR_SIGNING),
            "input": {
                "from": "FR",
                "to": "KE",
                "at_ms": receipt.at.as_ms(),
                "upto": [receipt.upto.generation, at_place.seq, hex(&at_place.head)],
                "refused": [[hex(&[0x31; 16]), 2, refused.why]],
            },
            "bytes": hex(signed.as_bytes()),
        }),
    );
    assert_eq!(SignedReceipt::verify(signed.as_bytes(), id("KE"), (id("FR"), &fr().verifying_key())).unwrap(), signed);
}

/// Sealing draws fresh keys, so the sealed bytes are kept as long as they open to the same signed document.
#[test]
fn the_parcel_is_as_it_was() {
    let items = vec![vec![0x83, 0x01, 0x02, 0x03], vec![0xf6]];
    let parcel = Parcel { from: id("KE"), to: id("FR"), created: at("2026-01-05T00:00:00Z"), items };
    let signed = parcel.sign(&ke());
    let identity = SealingIdentity::from_seed(FR_SEALING);
    let opens = |bytes: &Vec<u8>| parcel::open(bytes, [&identity]).is_ok_and(|opened| *opened == signed);
    let kept = stored("parcel").and_then(|old| old["bytes"].as_str().map(unhex)).filter(opens);
    let sealed = match kept {
        Some(kept) => kept,
        None => parcel::seal(&signed, &identity.sealing_key()).unwrap(),
    };
    let mut keys = keys(&KE_SIGNING);
    keys["sealing_seed"] = json!(hex(&FR_SEALING));
    keys["sealing_identity"] = json!(identity_text(&FR_SEALING));
    keys["sealing_recipient"] = json!(identity.sealing_key().to_string());
    check(
        "parcel",
        &json!({
            "name": "parcel",
            "description": "A parcel: signed by its sender (signed), then sealed for its receiver (bytes)",
            "keys": keys,
            "input": {
                "from": "KE",
                "to": "FR",
                "created_ms": parcel.created.as_ms(),
                "items": parcel.items.iter().map(|item| hex(item)).collect::<Vec<_>>(),
            },
            "signed": hex(&signed),
            "bytes": hex(&sealed),
        }),
    );
    let opened = parcel::open(&sealed, [&identity]).unwrap();
    assert_eq!(Parcel::verify(&opened, id("FR"), (id("KE"), &ke().verifying_key())).unwrap(), parcel);
}

fn identity_text(seed: &[u8; 32]) -> String {
    bech32::encode_upper::<bech32::Bech32>(bech32::Hrp::parse("age-secret-key-").unwrap(), seed).unwrap()
}

/// Cards that every reader must refuse, with the code of the error that this one gives.
#[test]
fn what_is_refused_stays_refused() {
    let good = card().sign(&ke(), &SigningKey::from_seed(KE_TRANSPORT)).unwrap().as_bytes().to_vec();
    let payload = codec::Signed::parse(Typ::Card, &good).unwrap().payload().to_vec();
    let resigned = |typ: Typ, payload: &[u8]| codec::sign(typ, payload, &ke());
    let altered = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = good.clone();
        change(&mut bytes);
        bytes
    };
    let repaid = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut payload = payload.clone();
        change(&mut payload);
        resigned(Typ::Card, &payload)
    };
    let find = |part: &[u8]| payload.windows(part.len()).position(|window| window == part).unwrap();
    let (signing, sealing) = (find(card().signing.as_bytes()), find(card().sealing.as_bytes()));
    // The unprotected header, an empty map, follows tag, array and protected header.
    let unprotected = good.iter().position(|byte| *byte == 0xa0).unwrap();
    let mut one = [0; 32];
    one[0] = 1;
    let cases = [
        ("signature", "One bit of the signature is flipped", altered(&|b| *b.last_mut().unwrap() ^= 1)),
        ("payload", "One bit of the bureau's name is flipped", {
            let at = good.windows(7).position(|window| window == b"Nairobi").unwrap();
            altered(&|b| b[at] ^= 1)
        }),
        ("malleable", "The group order is added to s: not the canonical signature", altered(&|b| add_order(b))),
        ("truncated", "The last byte is missing", good[..good.len() - 1].to_vec()),
        ("trailing", "A byte follows", [&good[..], &[0]].concat()),
        ("untagged", "The tag 18 is missing", good[1..].to_vec()),
        (
            "unprotected",
            "The unprotected header is not empty",
            altered(&|b| {
                b.splice(unprotected..=unprotected, [0xa1, 0x18, 0x63, 0xf6]);
            }),
        ),
        ("type", "A charter's type in the header", resigned(Typ::Charter, &payload)),
        ("other-key", "Signed with another key than the card names", codec::sign(Typ::Card, &payload, &fr())),
        ("version", "A version that does not exist yet", repaid(&|p| p[2] = 3)),
        (
            "order",
            "Map keys out of order",
            repaid(&|p| {
                p[1] = 0x01;
                p[3] = 0x00;
            }),
        ),
        (
            "long-form",
            "A number in a longer form than it needs",
            repaid(&|p| {
                p.splice(2..=2, [0x18, 0x02]);
            }),
        ),
        (
            "nested",
            "Nested too deep",
            repaid(&|p| {
                p[0] = 0xae;
                p.extend([vec![0x18, 0x63], vec![0x81; 40], vec![0xf6]].concat());
            }),
        ),
        (
            "another-transport-key",
            "The proof that the bureau has the transport key is by another key",
            repaid(&|p| {
                let at = p.len() - 64;
                p[at] ^= 1;
            }),
        ),
        (
            "weak-signing-key",
            "The signing key is a point of small order",
            repaid(&|p| {
                p[signing..signing + 32].copy_from_slice(&one);
            }),
        ),
        (
            "weak-sealing-key",
            "The sealing key is a point of small order",
            repaid(&|p| {
                p[sealing..sealing + 32].copy_from_slice(&one);
            }),
        ),
    ];
    let cases = cases.map(|(name, description, bytes)| {
        let error = SignedCard::from_bytes(&bytes).unwrap_err();
        json!({"name": name, "description": description, "code": error.code(), "bytes": hex(&bytes)})
    });
    check(
        "refused",
        &json!({
            "name": "refused",
            "description": "Cards that every reader refuses; the code says how this one names the fault",
            "keys": keys(&KE_SIGNING),
            "cases": cases,
        }),
    );
}

/// Adds the order of the group to the last 32 bytes, a little-endian number.
fn add_order(bytes: &mut [u8]) {
    let order = unhex("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
    let start = bytes.len() - 32;
    let mut carry = 0;
    for (byte, add) in bytes[start..].iter_mut().zip(order) {
        let sum = u16::from(*byte) + u16::from(add) + carry;
        (*byte, carry) = ((sum & 0xff) as u8, sum >> 8);
    }
}
