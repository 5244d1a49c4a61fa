//! Records, whole and redacted, and a withdrawal.

use coset::cbor::Value as Cbor;
use hmac::{Hmac, KeyInit, Mac};
use igain_protocol::bureau::SigningKey;
use igain_protocol::caf::CafId;
use igain_protocol::label::{Audience, Label};
use igain_protocol::record::{
    Attachment, Content, Digest, Error, FieldDef, FieldType, Original, Record, RecordId, SaltKey, Structure, Tombstone,
    Unverified, Value, Version, fields, number, redact_bytes, sign,
};
use igain_protocol::vocabulary::{
    AgeGroup, CrimeArea, Doubt, Grading, Group, GroupSet, HandlingCode, Kind, Pap, Reason, SubjectCategory, Tlp,
};
use serde_json::{Value as Json, json};
use sha2::{Digest as _, Sha256};

use super::{KE_SIGNING, at, check, fr, hex, id, ke, keys};

/// The secret that the salts of these vectors are drawn under; nobody may use it for anything else.
const KE_SALT: [u8; 32] = [0x14; 32];

pub(super) fn record_id(n: u8) -> RecordId {
    RecordId::fresh(at("2026-01-05T00:00:00Z"), &[n; 10])
}

fn name(text: &str, lang: &str, script: &str) -> Value {
    Value::Name { text: text.into(), lang: Some(lang.into()), script: Some(script.into()) }
}

fn date(text: &str) -> Value {
    Value::Date(text.parse().unwrap())
}

fn content(label: Label, fields: Vec<(&str, Value)>) -> Content {
    Content {
        id: record_id(1),
        revision: 1,
        owner: id("KE"),
        label: Label { grading: label.grading.or(Some("B2".parse().unwrap())), ..label },
        created: at("2026-01-05T00:00:00Z"),
        modified: at("2026-01-05T00:00:00Z"),
        retain_until: Some("2029-01-05".parse().unwrap()),
        fields: fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
    }
}

fn person() -> Content {
    let label = Label {
        cafs: vec![super::caf()],
        pap: Some(Pap::Green),
        handling: vec![HandlingCode::H1, HandlingCode::H3],
        note: Some("Call before any action".into()),
        category: Some(SubjectCategory::Suspect),
        crime_area: Some(CrimeArea::Cocaine),
        audience: Audience::Only(vec![id("BR"), id("FR")]),
        grading: Grading::from_admiralty("C3"),
        age_group: Some(AgeGroup::Adult),
        ..Label::new(Kind::Person, Tlp::Amber)
    };
    let text = |text: &str| Value::Text(text.into());
    let fields = vec![
        ("name", name("Amina Wanjiru", "sw", "Latn")),
        ("name", name("أمينة وانجيرو", "ar", "Arab")),
        ("alias", Value::name("Mama Pwani")),
        ("birth-date", date("1984-03~")),
        ("sex", text("female")),
        ("nationality", text("KE")),
        ("nationality", text("Somali?").doubted(Doubt::Unread)),
        ("role", text("courier")),
        ("height", Value::Quantity { amount: "1.68".into(), unit: "m".into() }),
        ("passport", text("BK0012345").doubted(Doubt::Unsure)),
        ("remarks", text("Seen in Mombasa,\nwith two others.")),
        ("officer", text("Duty office")),
    ];
    Content { revision: 2, modified: at("2026-02-01T12:30:00Z"), ..content(label, fields) }
}

fn event() -> Content {
    let fields = vec![
        ("type", Value::Text("seizure".into())),
        ("date", date("2025-12/2026-01-04?")),
        ("until", date("[2026-01-04, 202X]")),
        ("time", Value::Moment(at("2026-01-04T03:15:00Z"))),
        ("position", Value::Position { latitude_e6: -4_043_740, longitude_e6: 39_668_210 }),
    ];
    content(Label { audience: Audience::NOBODY, ..Label::new(Kind::Event, Tlp::Clear) }, fields)
}

fn link() -> Content {
    let fields = vec![
        ("from", Value::Reference(record_id(1))),
        ("to", Value::Reference(record_id(2))),
        ("type", Value::Text("present".into())),
    ];
    Content { id: record_id(3), ..content(Label::new(Kind::Link, Tlp::Green), fields) }
}

/// What is of two crime analysis files and rests on other things: a version of a record, an attachment, a consent; and a
/// source's own words.
fn evidence() -> Content {
    let digest = Digest::from_bytes([0x5e; 32]);
    let name = Some("interview.pdf".to_owned());
    let original = br#"{"type":"phone-number","value":"+254700000001"}"#;
    let details = json!({ "estimate": { "term": "likely", "from": 55, "to": 80 }, "steps": ["seen", -3, null, true] });
    let fields = vec![
        ("number", Value::Text("+254 700 000 001".into())),
        ("based-on", Value::Version(Version { id: record_id(1), revision: 2, digest })),
        ("attachment", Value::Attachment(Attachment { digest, size: 48_213, media: "application/pdf".into(), name })),
        ("original", Value::Original(Original { media: "application/json".into(), content: original.to_vec() })),
        ("consent", Value::Document(digest)),
        ("details", Value::Structure(Structure::new(details))),
    ];
    let label =
        Label { cafs: vec![super::caf(), CafId::from_bytes([0xcc; 16])], ..Label::new(Kind::Phone, Tlp::Green) };
    Content { id: record_id(4), ..content(label.sorted(), fields) }
}

fn signed(content: &Content) -> Record {
    sign(content, &SaltKey::new(KE_SALT), &ke()).unwrap()
}

/// Two records under one label, which a run says once.
pub(super) fn alike() -> [Vec<u8>; 2] {
    [5, 6].map(|nth| {
        let number = Value::Text(format!("+254 700 000 00{nth}"));
        let content = content(Label::new(Kind::Phone, Tlp::Green), vec![("number", number)]);
        signed(&Content { id: record_id(nth), ..content }).as_bytes().to_vec()
    })
}

/// The withdrawal of another one.
pub(super) fn withdrawn() -> Vec<u8> {
    Tombstone::new(record_id(7), id("KE"), at("2026-03-01T00:00:00Z"), Reason::Incorrect).sign(&ke())
}

/// A record with all fields disclosed.
pub(super) fn whole() -> Vec<u8> {
    signed(&event()).as_bytes().to_vec()
}

/// The root of the digests of a record with all fields disclosed: what its owner signed ends with it.
pub(super) fn root(record: &[u8]) -> Vec<u8> {
    let Cbor::Array(pieces) = coset::cbor::from_reader(record).unwrap() else { panic!("no record") };
    let seed = pieces[5].as_bytes().unwrap().clone();
    let draw = |what: u8, index: usize| -> Vec<u8> {
        let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(&seed).unwrap();
        mac.update(&[what]);
        mac.update(&u32::try_from(index).unwrap().to_be_bytes());
        mac.finalize().into_bytes().to_vec()
    };
    let parts: Vec<Vec<u8>> =
        pieces[4].as_array().unwrap().iter().map(|part| part.as_bytes().unwrap().clone()).collect();
    let salted = parts.iter().enumerate().map(|(nth, part)| [&draw(0, nth)[..16], part].concat());
    let mut digests: Vec<Vec<u8>> = salted.map(|part| Sha256::digest(part).to_vec()).collect();
    let decoys = parts.len().next_multiple_of(8).max(8) - parts.len();
    digests.extend((0..decoys).map(|nth| draw(1, nth)));
    digests.sort();
    Sha256::digest(digests.concat()).to_vec()
}

fn value(given: &Value) -> Json {
    match given {
        Value::Text(text) => json!(text),
        Value::Name { text, lang: None, script: None } => json!([0, text]),
        Value::Name { text, lang, script: None } => json!([0, text, lang]),
        Value::Name { text, lang, script } => json!([0, text, lang, script]),
        Value::Date(date) => json!([1, date.as_str()]),
        Value::Moment(at) => json!([2, at.as_ms()]),
        Value::Quantity { amount, unit } => json!([3, amount, unit]),
        Value::Position { latitude_e6, longitude_e6 } => json!([4, latitude_e6, longitude_e6]),
        Value::Reference(id) => json!([5, hex(id.as_bytes())]),
        Value::Flag(flag) => json!(flag),
        Value::Version(of) => json!([7, hex(of.id.as_bytes()), of.revision, of.digest.to_string()]),
        Value::Attachment(file) => {
            let name = file.name.iter().map(|name| json!(name));
            [json!(8), json!(file.digest.to_string()), json!(file.size), json!(file.media)]
                .into_iter()
                .chain(name)
                .collect()
        }
        Value::Original(original) => json!([9, original.media, hex(&original.content)]),
        Value::Structure(structure) => json!([10, structure.content()]),
        Value::Document(digest) => json!([11, digest.to_string()]),
        Value::Doubtful { doubt, value: of } => json!([6, doubt.number(), value(of)]),
    }
}

fn input(record: &Record) -> Json {
    let header = record.header();
    let label = &header.label;
    let grading = label.grading.unwrap();
    let audience = match &label.audience {
        Audience::Anyone => Json::Null,
        Audience::Only(bureaus) => bureaus.iter().map(|bureau| json!(bureau.to_string())).collect(),
    };
    json!({
        "id": hex(header.id.as_bytes()),
        "revision": header.revision,
        "owner": header.owner.to_string(),
        "label": {
            "kind": label.kind.number(),
            "cafs": (!label.cafs.is_empty()).then(|| label.cafs.iter().map(|caf| hex(caf.as_bytes())).collect::<Vec<_>>()),
            "tlp": label.tlp.number(),
            "pap": label.pap.map(Pap::number),
            "handling": label.handling.iter().map(|code| code.number()).collect::<Vec<_>>(),
            "note": label.note,
            "category": label.category.map(SubjectCategory::number),
            "crime_area": label.crime_area.map(CrimeArea::number),
            "audience": audience,
            "age_group": label.age_group.map(AgeGroup::number),
            "grading": {
                "reliability": grading.reliability.number(),
                "accuracy": grading.accuracy.number(),
                "admiralty": grading.admiralty.map(|given| given.to_string()),
            },
        },
        "created_ms": header.created.as_ms(),
        "modified_ms": header.modified.as_ms(),
        "retain_until_days": header.retain_until.unwrap().as_days(),
        "fields": record.fields().map(|(def, given)| json!([number(label.kind, def.name), value(given)])).collect::<Vec<_>>(),
    })
}

fn check_record(file: &str, description: &str, bytes: &[u8]) {
    let record = Unverified::decode(bytes).unwrap().verify(&ke().verifying_key()).unwrap();
    let mut keys = keys(&KE_SIGNING);
    keys["salt"] = json!(hex(&KE_SALT));
    let (input, redacted) = (input(&record), record.is_redacted());
    check(
        file,
        &json!({ "name": file, "description": description, "keys": keys, "input": input, "redacted": redacted, "bytes": hex(bytes) }),
    );
}

/// Every field that a record can have, for whoever reads and writes without this crate.
#[test]
fn the_fields_are_as_they_were() {
    let field = |kind: Kind, def: &FieldDef| {
        let codes = if let FieldType::Code(codes) = def.ty { json!(codes) } else { Json::Null };
        json!({
            "number": number(kind, def.name),
            "name": def.name,
            "type": def.identifier().map_or(def.ty.name(), |_| "identifier"),
            "codes": codes,
            "group": def.group.number(),
            "many": def.many,
        })
    };
    let kinds = Kind::ALL.iter().map(|kind| {
        let fields: Vec<_> = fields(*kind).iter().map(|def| field(*kind, def)).collect();
        json!({ "number": kind.number(), "name": kind.code(), "fields": fields })
    });
    let description = "The fields of each kind of record";
    check("fields", &json!({ "name": "fields", "description": description, "kinds": kinds.collect::<Vec<_>>() }));
}

#[test]
fn records_are_as_they_were() {
    let all = "with all fields disclosed";
    check_record("record", &format!("A person, {all}"), signed(&person()).as_bytes());
    check_record("record-event", &format!("An event, {all}"), signed(&event()).as_bytes());
    check_record(
        "record-evidence",
        &format!("A phone, {all}, that rests on other things"),
        signed(&evidence()).as_bytes(),
    );
}

#[test]
fn redacted_records_are_as_they_were() {
    let core: GroupSet = [Group::Core, Group::Contact].into_iter().collect();
    let bytes = signed(&person()).redact(core, &|_| true).unwrap();
    check_record(
        "redacted",
        "The person of record.json, of which only the groups core and contact are disclosed",
        &bytes,
    );
    let bytes = redact_bytes(signed(&link()).as_bytes(), Kind::Link, GroupSet::ALL, &|id| id == record_id(1)).unwrap();
    check_record("redacted-link", "A link, of which the one reference is withheld", &bytes);
}

#[test]
fn the_tombstone_is_as_it_was() {
    let stone = Tombstone::new(record_id(1), id("KE"), at("2026-03-01T00:00:00Z"), Reason::Incorrect);
    let bytes = stone.sign(&ke());
    let input = json!({
        "id": hex(stone.id.as_bytes()),
        "owner": stone.owner.to_string(),
        "at_ms": stone.at.as_ms(),
        "reason": stone.reason.number(),
    });
    let description = "The withdrawal of a record by its owner";
    check(
        "tombstone",
        &json!({ "name": "tombstone", "description": description, "keys": keys(&KE_SIGNING), "input": input, "bytes": hex(&bytes) }),
    );
    assert_eq!(Tombstone::verify(&bytes, |_, _| Some(ke().verifying_key())), Ok(stone));
}

/// The good bytes with one stretch of them replaced.
fn spliced(bytes: &[u8], old: &[u8], new: &[u8]) -> Vec<u8> {
    let at = bytes.windows(old.len()).position(|window| window == old).unwrap();
    [&bytes[..at], new, &bytes[at + old.len()..]].concat()
}

fn signed_by(key: &SigningKey) -> Vec<u8> {
    sign(&person(), &SaltKey::new(KE_SALT), key).unwrap().as_bytes().to_vec()
}

#[test]
fn the_refused_records_are_as_they_were() {
    let good = signed(&person()).as_bytes().to_vec();
    let redacted = signed(&person()).redact(GroupSet::EMPTY, &|_| true).unwrap();
    let (first, last) = (redacted.len() - 8 * 34, redacted.len() - 34);
    let mut disorder = redacted.clone();
    disorder[last..].copy_from_slice(&redacted[first..first + 34]);
    disorder[first..first + 34].copy_from_slice(&redacted[last..]);
    let mut twice = redacted.clone();
    twice[last..].copy_from_slice(&redacted[last - 34..last]);
    let mut short = redacted[..last].to_vec();
    short[first - 1] -= 1;
    let earlier = signed(&Content { revision: 1, ..person() }).as_bytes().to_vec();
    let alias = |field| [&[number(Kind::Person, field).unwrap() as u8], &b"\x82\x00\x6aMama Pwani"[..]].concat();
    let signature = |record: &[u8]| {
        let at = record.windows(2).position(|window| window == b"\x58\x40").unwrap();
        record[at..at + 66].to_vec()
    };
    let cases = [
        ("value", "another value in a field", spliced(&good, b"BK0012345", b"BK0012346")),
        ("field", "the number of another field", spliced(&good, &alias("alias"), &alias("name"))),
        ("head", "another handling note in the head", spliced(&good, b"Call before", b"Call betore")),
        ("signature", "the signature of another revision", spliced(&good, &signature(&good), &signature(&earlier))),
        ("order", "digests out of order", disorder),
        ("twice", "a digest twice", twice),
        ("fewer", "a digest left out", short),
        ("length", "a length in a longer form than it needs", [&[0x98, 0x06], &good[1..]].concat()),
        ("seed", "another seed", {
            let mut other = good.clone();
            *other.last_mut().unwrap() ^= 1;
            other
        }),
        ("more", "a byte behind its end", [&good[..], &[0]].concat()),
        ("signer", "signed by another bureau", signed_by(&fr())),
    ];
    for (name, _, bytes) in &cases {
        let verdict = Unverified::decode(bytes).and_then(|record| record.verify(&ke().verifying_key()));
        assert!(
            matches!(verdict, Err(Error::Commitment | Error::Document(_) | Error::UnknownField { .. })),
            "{name}: {verdict:?}"
        );
    }
    let cases = cases.map(|(name, why, bytes)| json!({ "name": name, "description": why, "bytes": hex(&bytes) }));
    let description = "Records that say they are by KE, and that every reader refuses";
    check(
        "refused-records",
        &json!({ "name": "refused-records", "description": description, "keys": keys(&KE_SIGNING), "cases": cases }),
    );
}
