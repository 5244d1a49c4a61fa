//! A stranger's check of the vectors: by `FORMAT.md` alone, with `coset`, `age`, `ed25519-dalek` and `sha2`, without
//! this project's code.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on should stop"
)]

use std::path::PathBuf;

use coset::cbor::Value as Cbor;
use coset::iana::Algorithm;
use coset::{CoseSign1, Label, RegisteredLabelWithPrivate, TaggedCborSerializable};
use ed25519_dalek::{Signature, VerifyingKey};
use serde_json::Value as Json;
use sha2::{Digest, Sha256};

#[path = "vectors/records.rs"]
mod records;

fn vectors(prefix: &str) -> Vec<Json> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("vectors");
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| {
        let name = path.file_name().unwrap().to_string_lossy();
        name.starts_with(prefix) && name.ends_with(".json")
    });
    paths.sort();
    assert!(!paths.is_empty(), "no vectors/{prefix}*.json");
    paths.iter().map(|path| serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()).collect()
}

fn vector(name: &str) -> Json {
    vectors(&format!("{name}.json")).remove(0)
}

fn unhex(json: &Json) -> Vec<u8> {
    let text = json.as_str().unwrap();
    (0..text.len() / 2).map(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).unwrap()).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn cbor(bytes: &[u8]) -> Result<Cbor, String> {
    let value: Cbor = coset::cbor::from_reader(bytes).map_err(|error| error.to_string())?;
    let mut again = Vec::new();
    coset::cbor::into_writer(&value, &mut again).unwrap();
    // Deterministic: what a plain encoder makes of the value is what was there, and keys are in order.
    let deterministic = again == bytes && sorted(&value) && depth(&value) <= 17;
    deterministic.then_some(value).ok_or("not deterministic".into())
}

fn sorted(value: &Cbor) -> bool {
    match value {
        Cbor::Map(entries) => {
            let keys = entries.iter().map(|(key, _)| {
                let mut bytes = Vec::new();
                coset::cbor::into_writer(key, &mut bytes).unwrap();
                bytes
            });
            keys.is_sorted_by(|a, b| a < b) && entries.iter().all(|(key, value)| sorted(key) && sorted(value))
        }
        Cbor::Array(items) => items.iter().all(sorted),
        _ => true,
    }
}

fn depth(value: &Cbor) -> usize {
    match value {
        Cbor::Map(entries) => 1 + entries.iter().map(|(_, value)| depth(value)).max().unwrap_or(0),
        Cbor::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        _ => 1,
    }
}

/// The entry of a map under a whole number.
fn at(map: &Cbor, key: i128) -> Option<&Cbor> {
    map.as_map()?.iter().find(|(k, _)| k.as_integer().map(i128::from) == Some(key)).map(|(_, value)| value)
}

/// CBOR as the vectors' inputs write it: bytes in hexadecimal.
fn json(value: &Cbor) -> Json {
    match value {
        Cbor::Integer(number) => Json::from(i64::try_from(i128::from(*number)).unwrap()),
        Cbor::Bytes(bytes) => Json::from(hex(bytes)),
        Cbor::Text(text) => Json::from(text.as_str()),
        Cbor::Bool(truth) => Json::from(*truth),
        Cbor::Array(items) => items.iter().map(json).collect(),
        Cbor::Null => Json::Null,
        Cbor::Map(entries) => {
            let entry = |(key, value): &(Cbor, Cbor)| (key.as_text().unwrap().to_owned(), json(value));
            Json::Object(entries.iter().map(entry).collect())
        }
        other => panic!("{other:?}"),
    }
}

fn key(bytes: &[u8]) -> Result<VerifyingKey, String> {
    let key =
        VerifyingKey::from_bytes(bytes.try_into().map_err(|_| "key length")?).map_err(|error| error.to_string())?;
    (!key.is_weak()).then_some(key).ok_or("weak key".into())
}

/// The payload of a signed document whose key is found by looking into it.
fn payload(typ: &str, bytes: &[u8], key_of: impl Fn(&Cbor) -> Option<Vec<u8>>) -> Result<Cbor, String> {
    cbor(bytes)?;
    let document = CoseSign1::from_tagged_slice(bytes).map_err(|error| error.to_string())?;
    let header = &document.protected.header;
    let algorithm = Some(RegisteredLabelWithPrivate::Assigned(Algorithm::EdDSA));
    let types = vec![(Label::Int(16), Cbor::Text(format!("application/igain-{typ}")))];
    if header.alg != algorithm || header.rest != types || !document.unprotected.is_empty() {
        return Err("header".into());
    }
    let payload = cbor(document.payload.as_deref().ok_or("no payload")?)?;
    if at(&payload, 0) != Some(&Cbor::from(2)) {
        return Err("version".into());
    }
    let bytes = key_of(&payload).ok_or("no key")?;
    if header.key_id != Sha256::digest(&bytes)[..8] {
        return Err("kid".into());
    }
    let key = key(&bytes)?;
    document.verify_signature(&[], |signature, message| {
        let signature = Signature::from_slice(signature).map_err(|error| error.to_string())?;
        key.verify_strict(message, &signature).map_err(|error| error.to_string())
    })?;
    Ok(payload)
}

/// Compares the entries of a payload with the input that it was made from.
fn compare(payload: &Cbor, input: &Json, names: &[(i128, &str)]) {
    for (key, name) in names {
        assert_eq!(at(payload, *key).map_or(Json::Null, json), input[name], "{name}");
    }
}

fn read_card(bytes: &[u8]) -> Result<Cbor, String> {
    let payload = payload("card", bytes, |payload| at(payload, 6)?.as_bytes().cloned())?;
    // Sealing for a point of small order gives everybody the same secret.
    let sealing = at(&payload, 7).and_then(Cbor::as_bytes).ok_or("no sealing key")?;
    if sealing[1..].iter().all(|byte| *byte == 0) {
        return Err("weak sealing key".into());
    }
    let part = |key| at(&payload, key).and_then(Cbor::as_bytes).ok_or("an entry is missing");
    let mut message = b"igain transport 1".to_vec();
    let bureau = at(&payload, 1).and_then(Cbor::as_text).ok_or("no bureau")?;
    message.extend(bureau.bytes().chain(std::iter::repeat(0)).take(8));
    message.extend(part(6)?);
    let proof = Signature::from_slice(part(12)?).map_err(|error| error.to_string())?;
    key(part(8)?)?.verify_strict(&message, &proof).map_err(|error| error.to_string())?;
    Ok(payload)
}

#[test]
fn the_card_verifies() {
    let vector = vector("card");
    let card = read_card(&unhex(&vector["bytes"])).unwrap();
    let input = &vector["input"];
    compare(
        &card,
        input,
        &[
            (1, "bureau"),
            (2, "name"),
            (3, "serial"),
            (4, "not_before_ms"),
            (5, "not_after_ms"),
            (6, "signing"),
            (7, "sealing"),
            (8, "transport"),
            (9, "addresses"),
            (10, "languages"),
        ],
    );
    let contacts = at(&card, 11).and_then(Cbor::as_array).unwrap();
    for (contact, input) in contacts.iter().zip(input["contacts"].as_array().unwrap()) {
        compare(contact, input, &[(0, "role"), (1, "name"), (2, "email"), (3, "phone")]);
    }
    let fingerprint = hex(&Sha256::digest(unhex(&input["signing"])));
    assert_eq!(vector["keys"]["fingerprint"].as_str().unwrap().replace(' ', "").to_lowercase(), fingerprint);
    let words = bip39::Mnemonic::parse_normalized(vector["keys"]["words"].as_str().unwrap()).unwrap();
    let (entropy, _) = words.to_entropy_array();
    assert_eq!(hex(&entropy[..16]), fingerprint[..32]);
    let recipient: age::x25519::Recipient = vector["keys"]["sealing_recipient"].as_str().unwrap().parse().unwrap();
    let (_, bytes) = bech32::decode(&recipient.to_string()).unwrap();
    assert_eq!(hex(&bytes), input["sealing"]);
}

#[test]
fn the_bad_cards_are_refused() {
    let vector = vector("refused");
    let cases = vector["cases"].as_array().unwrap();
    assert!(cases.len() >= 15);
    for case in cases {
        let bytes = unhex(&case["bytes"]);
        // Decoders refuse some by themselves; the rest is up to the reader.
        assert!(read_card(&bytes).is_err(), "{}", case["name"]);
    }
}

#[test]
fn the_charter_the_acceptance_and_the_receipt_verify() {
    let read = |name: &str| {
        let vector = vector(name);
        let public = unhex(&vector["keys"]["signing_public"]);
        (payload(name, &unhex(&vector["bytes"]), |_| Some(public.clone())).unwrap(), vector)
    };
    let (charter, vector) = read("charter");
    let names = [
        (2, "name"),
        (3, "purpose"),
        (4, "crime_area"),
        (5, "scope"),
        (6, "manager"),
        (7, "serial"),
        (8, "opened_ms"),
        (9, "closes_days"),
        (10, "kinds"),
        (11, "categories"),
        (12, "members"),
        (14, "nonce"),
    ];
    compare(&charter, &vector["input"], &names);
    let id = vector["input"]["id"].as_str().unwrap().replace('-', "");
    assert_eq!(json(at(&charter, 1).unwrap()), id);
    let (acceptance, vector) = read("acceptance");
    let names = [(2, "bureau"), (3, "charter_serial"), (4, "serial"), (5, "state"), (7, "at_ms")];
    compare(&acceptance, &vector["input"], &names);
    assert_eq!(json(at(&acceptance, 1).unwrap()), id);
    let only = &vector["input"]["only"];
    let lists = Json::from(vec![only["kinds"].clone(), only["crime_areas"].clone(), only["owners"].clone()]);
    assert_eq!(json(at(&acceptance, 6).unwrap()), lists);
    let (receipt, vector) = read("receipt");
    let names = [(1, "from"), (2, "to"), (3, "at_ms"), (4, "upto"), (5, "refused")];
    compare(&receipt, &vector["input"], &names);
}

#[test]
fn the_parcel_opens_and_verifies() {
    let vector = vector("parcel");
    let identity: age::x25519::Identity = vector["keys"]["sealing_identity"].as_str().unwrap().parse().unwrap();
    let signed = age::decrypt(&identity, &unhex(&vector["bytes"])).unwrap();
    assert_eq!(signed, unhex(&vector["signed"]));
    let public = unhex(&vector["keys"]["signing_public"]);
    let parcel = payload("parcel", &signed, |_| Some(public.clone())).unwrap();
    compare(&parcel, &vector["input"], &[(1, "from"), (2, "to"), (3, "created_ms"), (4, "items")]);
    let other: age::x25519::Identity = age::x25519::Identity::generate();
    assert!(age::decrypt(&other, &unhex(&vector["bytes"])).is_err());
}
