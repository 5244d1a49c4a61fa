//! Documents that break one rule each, signed by whom they must be; and documents that say more than is known, and pass.

use coset::cbor::Value as Cbor;
use igain_protocol::bureau::SignedCard;
use igain_protocol::caf::{Acceptance, Membership, SignedAcceptance, SignedCharter};
use igain_protocol::codec::{self, Signed, Typ};
use igain_protocol::parcel::Parcel;
use igain_protocol::receipt::{Receipt, SignedReceipt};
use igain_protocol::record::{Error, Newer, Tombstone, Unverified};
use igain_protocol::vocabulary::{AgeGroup, HandlingCode, Reason};
use serde_json::{Value as Json, json};

use super::{KE_SIGNING, KE_TRANSPORT, SigningKey, at, card, charter, check, fr, hex, id, ke, keys, records};

type Entries = Vec<(Cbor, Cbor)>;

/// One change to the payload of a document.
type Change = (&'static str, &'static str, Box<dyn Fn(&mut Entries)>);

fn decoded(bytes: &[u8]) -> Cbor {
    coset::cbor::from_reader(bytes).unwrap()
}

fn encoded(value: &Cbor) -> Vec<u8> {
    let mut bytes = Vec::new();
    coset::cbor::into_writer(value, &mut bytes).unwrap();
    bytes
}

fn key_of(entry: &(Cbor, Cbor)) -> i128 {
    i128::from(entry.0.as_integer().unwrap())
}

/// Puts an entry in the place of the one with its key, or where it belongs.
fn set(entries: &mut Entries, key: u64, value: impl Into<Cbor>) {
    entries.retain(|entry| key_of(entry) != i128::from(key));
    entries.push((Cbor::from(key), value.into()));
    entries.sort_by_key(key_of);
}

fn put(key: u64, value: impl Into<Cbor> + Clone + 'static) -> Box<dyn Fn(&mut Entries)> {
    Box::new(move |entries| set(entries, key, value.clone()))
}

fn without(key: u64) -> Box<dyn Fn(&mut Entries)> {
    Box::new(move |entries| entries.retain(|entry| key_of(entry) != i128::from(key)))
}

/// A document as its payload is after a change, signed anew.
fn resigned(typ: Typ, document: &[u8], key: &SigningKey, change: &dyn Fn(&mut Entries)) -> Vec<u8> {
    let payload = Signed::parse(typ, document).unwrap().payload();
    let Cbor::Map(mut entries) = decoded(payload) else { panic!("no map") };
    change(&mut entries);
    codec::sign(typ, &encoded(&Cbor::Map(entries)), key)
}

fn list(items: impl IntoIterator<Item = Cbor>) -> Cbor {
    Cbor::Array(items.into_iter().collect())
}

fn signed_card() -> Vec<u8> {
    card().sign(&ke(), &SigningKey::from_seed(KE_TRANSPORT)).unwrap().as_bytes().to_vec()
}

fn acceptance() -> Vec<u8> {
    let acceptance = Acceptance {
        caf: super::caf(),
        bureau: id("FR"),
        charter_serial: 1,
        serial: 1,
        state: Membership::Joined,
        only: "kinds=phone;owners=KE".parse().unwrap(),
        at: at("2026-01-03T00:00:00Z"),
    };
    acceptance.sign(&fr()).unwrap().as_bytes().to_vec()
}

fn receipt() -> Vec<u8> {
    let (from, to, at) = (id("FR"), id("KE"), at("2026-01-04T00:00:00Z"));
    Receipt { from, to, at, upto: Default::default(), refused: Vec::new() }.sign(&fr()).unwrap().as_bytes().to_vec()
}

fn tombstone() -> Vec<u8> {
    Tombstone::new(records::record_id(1), id("KE"), at("2026-03-01T00:00:00Z"), Reason::Incorrect).sign(&ke())
}

fn parcel() -> Vec<u8> {
    Parcel { from: id("KE"), to: id("FR"), created: at("2026-01-05T00:00:00Z"), items: vec![vec![0xf6]] }.sign(&ke())
}

/// What this implementation says of a document.
fn verdict(typ: Typ, bytes: &[u8]) -> Result<(), String> {
    let (ke_key, fr_key) = (ke().verifying_key(), fr().verifying_key());
    let said = |error: &dyn std::fmt::Display| error.to_string();
    match typ {
        Typ::Card => SignedCard::from_bytes(bytes).map(drop).map_err(|error| said(&error)),
        Typ::Charter => SignedCharter::verify(bytes, &ke_key).map(drop).map_err(|error| said(&error)),
        Typ::Acceptance => SignedAcceptance::verify(bytes, &fr_key).map(drop).map_err(|error| said(&error)),
        Typ::Receipt => {
            SignedReceipt::verify(bytes, id("KE"), (id("FR"), &fr_key)).map(drop).map_err(|error| said(&error))
        }
        Typ::Tombstone => Tombstone::verify_end(bytes, |owner, _| (owner == id("KE")).then_some(ke_key))
            .map(drop)
            .map_err(|error| said(&error)),
        _ => Parcel::verify(bytes, id("FR"), (id("KE"), &ke_key)).map(drop).map_err(|error| said(&error)),
    }
}

/// The good document of a type, and who signs it.
fn good(typ: Typ) -> (Vec<u8>, SigningKey) {
    match typ {
        Typ::Card => (signed_card(), ke()),
        Typ::Charter => (charter().sign(&ke()).unwrap().as_bytes().to_vec(), ke()),
        Typ::Acceptance => (acceptance(), fr()),
        Typ::Receipt => (receipt(), fr()),
        Typ::Tombstone => (tombstone(), ke()),
        _ => (parcel(), ke()),
    }
}

fn former(keys: &[(u8, u8)]) -> Cbor {
    let signed = |(old, next): &(u8, u8)| {
        let old = SigningKey::from_seed([*old; 32]);
        let next = SigningKey::from_seed([*next; 32]).verifying_key();
        let word = igain_protocol::bureau::card::Former::sign(id("KE"), &old, &next);
        list([Cbor::from(word.key.as_bytes().to_vec()), Cbor::from(word.signature.to_vec())])
    };
    list(keys.iter().map(signed))
}

/// Rules that every kind of document keeps.
fn common() -> Vec<Change> {
    vec![
        ("version-missing", "no version", without(0)),
        ("version-newer", "a version that does not exist yet", put(0, 3)),
        ("float", "a number with a fraction", put(90, 1.5)),
    ]
}

fn changes(typ: Typ) -> Vec<Change> {
    let text = |length: usize| "x".repeat(length);
    let instant = 253_402_128_000_001_u64;
    match typ {
        Typ::Card => vec![
            ("bureau-unknown", "a bureau that is none", put(1, "ke")),
            ("name-missing", "no name", without(2)),
            ("name-empty", "an empty name", put(2, "")),
            ("name-blank", "a name of one space", put(2, " ")),
            ("name-long", "a name of 257 bytes", put(2, text(257))),
            ("name-control", "a control character in a name", put(2, "NCB\u{7}Nairobi")),
            ("name-lines", "a name of two lines", put(2, "NCB\nNairobi")),
            ("name-override", "a bidirectional override in a name", put(2, "NCB \u{202e}iboriaN")),
            ("serial-negative", "a negative serial", put(3, -1)),
            ("times-reversed", "it ends when it begins", put(5, at("2026-01-01T00:00:00Z").as_ms())),
            ("time-late", "an instant beyond what there are", put(5, instant)),
            ("one-key-for-two", "the signing key as transport key", put(8, ke().verifying_key().as_bytes().to_vec())),
            ("addresses-many", "17 addresses", put(9, list((0..17).map(|_| Cbor::from("/ip4/192.0.2.1/tcp/1"))))),
            ("address-malformed", "an address that is no multiaddr", put(9, list([Cbor::from("192.0.2.1:1")]))),
            ("language-malformed", "a language that is no tag", put(10, list([Cbor::from("english!")]))),
            ("contact-mail", "a mail address without a host", {
                let contact = Cbor::Map(vec![
                    (Cbor::from(0), Cbor::from("duty")),
                    (Cbor::from(1), Cbor::from("Duty office")),
                    (Cbor::from(2), Cbor::from("duty")),
                ]);
                put(11, list([contact]))
            }),
            ("possession-missing", "no proof of the transport key", without(12)),
            ("former-empty", "an empty list of former keys", put(13, list([]))),
            ("former-unsigned", "a former key that has signed another one", put(13, former(&[(0x31, 0x32)]))),
            ("former-twice", "a former key that comes twice", put(13, former(&[(0x31, 0x31), (0x31, 0x11)]))),
        ],
        Typ::Charter => vec![
            ("id-of-another", "an id that is not made of the manager and the nonce", put(1, vec![7_u8; 16])),
            ("name-empty", "an empty name", put(2, "")),
            ("scope-long", "a scope of 4,097 bytes", put(5, text(4_097))),
            ("members-twice", "a member that is there twice", {
                let member = || list([Cbor::from("FR"), Cbor::from(1)]);
                put(12, list([member(), member()]))
            }),
            ("manager-not-lead", "the manager as a reader", put(12, list([list([Cbor::from("KE"), Cbor::from(2)])]))),
            ("kinds-twice", "a kind that is there twice", put(10, list([Cbor::from(0), Cbor::from(0)]))),
            ("day-late", "a day beyond what there are", put(9, 2_932_896)),
            ("manager-other", "another manager than who signs", put(6, "FR")),
        ],
        Typ::Acceptance => vec![
            ("file-missing", "no file", without(1)),
            ("only-short", "two lists in place of three", put(6, list([list([]), list([])]))),
            ("owners-twice", "an owner that is there twice", {
                let owners = list([Cbor::from("KE"), Cbor::from("KE")]);
                put(6, list([list([]), list([]), owners]))
            }),
            ("time-late", "an instant beyond what there are", put(7, instant)),
        ],
        Typ::Receipt => vec![
            ("for-another", "a receipt for another bureau", put(2, "BR")),
            ("place-missing", "no place", without(4)),
            ("reason-lines", "a reason of two lines", {
                put(5, list([list([Cbor::from(vec![1_u8; 16]), Cbor::from(1), Cbor::from("a\nb")])]))
            }),
            ("refused-many", "65 records that were refused", {
                let refused = || list([Cbor::from(vec![1_u8; 16]), Cbor::from(1), Cbor::from("record.stale")]);
                put(5, list((0..65).map(|_| refused())))
            }),
        ],
        Typ::Tombstone => vec![
            ("id-short", "an id of 15 bytes", put(1, vec![1_u8; 15])),
            ("owner-other", "another owner than who signs", put(2, "FR")),
        ],
        _ => vec![
            ("for-another", "a parcel for another bureau", put(2, "BR")),
            ("by-another", "a parcel that says it is by another bureau", put(1, "BR")),
            ("to-itself", "a parcel for its sender", put(2, "KE")),
            ("items-many", "4,097 items", put(4, list((0..4_097).map(|_| Cbor::from(vec![0xf6_u8]))))),
            ("items-missing", "no items", without(4)),
        ],
    }
}

const TYPES: [Typ; 6] = [Typ::Card, Typ::Charter, Typ::Acceptance, Typ::Receipt, Typ::Tombstone, Typ::Parcel];

fn name_of(typ: Typ) -> &'static str {
    typ.as_str().strip_prefix("application/igain-").unwrap()
}

fn case(typ: Typ, name: &str, description: &str, bytes: &[u8]) -> Json {
    json!({ "type": name_of(typ), "name": name, "description": description, "bytes": hex(bytes) })
}

fn with_keys(name: &str, description: &str, cases: &[Json]) -> Json {
    let signers = json!({ "KE": hex(ke().verifying_key().as_bytes()), "FR": hex(fr().verifying_key().as_bytes()) });
    json!({ "name": name, "description": description, "keys": keys(&KE_SIGNING), "signers": signers, "cases": cases })
}

/// Each breaks one rule of the text and is signed as it must be, so that a reader that does not know that rule takes it.
#[test]
fn what_breaks_one_rule_is_refused() {
    let mut cases = Vec::new();
    for typ in TYPES {
        let (document, key) = good(typ);
        assert_eq!(verdict(typ, &document), Ok(()), "{typ:?}");
        // A withdrawal holds, whatever a later version says besides.
        let newer = |change: &Change| typ == Typ::Tombstone && change.0 == "version-newer";
        for (name, description, change) in common().into_iter().filter(|each| !newer(each)).chain(changes(typ)) {
            let bytes = resigned(typ, &document, &key, &change);
            assert!(verdict(typ, &bytes).is_err(), "{typ:?}: {name}");
            cases.push(case(typ, name, description, &bytes));
        }
        // Raw bytes of the payload that are no deterministic CBOR, under a sound signature.
        let payload = Signed::parse(typ, &document).unwrap().payload().to_vec();
        let raw: [(&str, &str, Vec<u8>); 3] = [
            ("indefinite", "a map of indefinite length", [&[0xbf], &payload[1..], &[0xff]].concat()),
            ("key-twice", "a key that is there twice", {
                let Cbor::Map(mut entries) = decoded(&payload) else { panic!("no map") };
                entries.insert(1, entries[0].clone());
                encoded(&Cbor::Map(entries))
            }),
            ("utf8", "text that is no UTF-8", {
                let Cbor::Map(mut entries) = decoded(&payload) else { panic!("no map") };
                set(&mut entries, 90, "x");
                let mut bytes = encoded(&Cbor::Map(entries));
                *bytes.last_mut().unwrap() = 0xff;
                bytes
            }),
        ];
        for (name, description, payload) in raw {
            let bytes = codec::sign(typ, &payload, &key);
            assert!(verdict(typ, &bytes).is_err(), "{typ:?}: {name}");
            cases.push(case(typ, name, description, &bytes));
        }
    }
    let description = "Documents that break one rule each, and are signed by whom they must be";
    check("refused-rules", &with_keys("refused-rules", description, &cases));
}

/// What says more than is known is read as what is known of it.
#[test]
fn what_says_more_than_is_known_passes() {
    let mut cases = Vec::new();
    for typ in TYPES {
        let (document, key) = good(typ);
        let bytes = resigned(typ, &document, &key, &|entries| {
            set(entries, 90, list([Cbor::from("of tomorrow"), Cbor::Null, Cbor::from(true)]));
            set(entries, 91, Cbor::Map(vec![(Cbor::from("nested"), list([Cbor::from(-7)]))]));
        });
        assert_eq!(verdict(typ, &bytes), Ok(()), "{typ:?}");
        cases.push(case(typ, "more", "with two entries that nobody knows yet", &bytes));
    }
    let rotated = igain_protocol::bureau::Card {
        former: vec![
            igain_protocol::bureau::card::Former::sign(
                id("KE"),
                &SigningKey::from_seed([0x31; 32]),
                &SigningKey::from_seed([0x32; 32]).verifying_key(),
            ),
            igain_protocol::bureau::card::Former::sign(
                id("KE"),
                &SigningKey::from_seed([0x32; 32]),
                &ke().verifying_key(),
            ),
        ],
        ..card()
    };
    let rotated = rotated.sign(&ke(), &SigningKey::from_seed(KE_TRANSPORT)).unwrap();
    cases.push(case(Typ::Card, "former", "with two former keys", rotated.as_bytes()));
    let (document, key) = good(Typ::Tombstone);
    let newer = resigned(Typ::Tombstone, &document, &key, &|entries| {
        set(entries, 0, 3);
        set(entries, 4, list([Cbor::from("a reason of tomorrow")]));
    });
    assert_eq!(verdict(Typ::Tombstone, &newer), Ok(()));
    cases.push(case(Typ::Tombstone, "newer", "of a later version, which ends its record all the same", &newer));
    check("passed", &with_keys("passed", "Documents that every reader takes", &cases));
}

/// A record with another label and head, signed by its owner all the same.
fn record_of(label: &dyn Fn(&mut Entries), head: &dyn Fn(&mut Entries)) -> Vec<u8> {
    let good = records::whole();
    let Cbor::Array(mut pieces) = decoded(&good) else { panic!("no record") };
    let Cbor::Map(mut entries) = pieces[1].clone() else { panic!("no label") };
    label(&mut entries);
    pieces[1] = Cbor::Map(entries);
    let Cbor::Map(mut entries) = decoded(pieces[2].as_bytes().unwrap()) else { panic!("no head") };
    head(&mut entries);
    pieces[2] = Cbor::from(encoded(&Cbor::Map(entries.clone())));
    set(&mut entries, 22, pieces[1].clone());
    set(&mut entries, 23, records::root(&good));
    let payload = encoded(&Cbor::Map(entries));
    pieces[3] = Cbor::from(codec::sign_apart(Typ::Record, &payload, &ke()).to_vec());
    encoded(&Cbor::Array(pieces))
}

/// What no version of a label says, in a record that its owner has signed.
#[test]
fn what_breaks_a_rule_of_labels_is_refused() {
    let files = |numbers: &[u8]| list(numbers.iter().map(|n| Cbor::from(vec![*n; 16])));
    let codes = |numbers: &[u8]| list(numbers.iter().map(|n| Cbor::from(*n)));
    let (h1, h2) = (HandlingCode::H1.number(), HandlingCode::H2.number());
    let broken: [(&str, &str, &dyn Fn(&mut Entries)); 5] = [
        ("files-order", "files out of order", &|label| set(label, 1, files(&[2, 1]))),
        ("files-twice", "a file twice", &|label| set(label, 1, files(&[1, 1]))),
        ("codes-order", "handling codes out of order", &|label| set(label, 4, codes(&[h2, h1]))),
        ("codes-twice", "a handling code twice", &|label| set(label, 4, codes(&[h1, h1]))),
        ("audience-order", "an audience out of order", &|label| set(label, 8, list(["FR", "BR"].map(Cbor::from)))),
    ];
    let cases = broken.map(|(name, description, change)| {
        let bytes = record_of(change, &|_| {});
        let refused = Unverified::decode(&bytes).unwrap_err();
        assert!(matches!(refused, Error::Label(_)), "{name}: {refused}");
        json!({ "name": name, "description": description, "bytes": hex(&bytes) })
    });
    let description = "Records whose label breaks one rule each, and that their owner has signed";
    check(
        "refused-labels",
        &json!({ "name": "refused-labels", "description": description, "keys": keys(&KE_SIGNING), "cases": cases }),
    );
}

/// Records that only a later version can read: their owner's word, kept as it came.
#[test]
fn what_is_of_tomorrow_is_kept() {
    let same: &dyn Fn(&mut Entries) = &|_| {};
    let bureaus = |count: u16| list((0..count).map(|n| Cbor::from(format!("KE-{n:03}"))));
    let files = |count: u8| list((0..count).map(|n| Cbor::from(vec![n; 16])));
    let adult = u64::from(AgeGroup::Adult.number());
    let cases = [
        ("version", "of another version", record_of(same, &|head| set(head, 0, 3))),
        ("kind", "of a kind that is not known", record_of(&|label| set(label, 0, 99), same)),
        ("label", "with an entry of its label that is not known", record_of(&|label| set(label, 40, 1), same)),
        (
            "group",
            "with a handling code that is not known",
            record_of(&|label| set(label, 4, list([Cbor::from(200)])), same),
        ),
        ("files-many", "of nine files", record_of(&|label| set(label, 1, files(9)), same)),
        ("audience-many", "for 257 bureaus", record_of(&|label| set(label, 8, bureaus(257)), same)),
        (
            "note-missing",
            "with H3 and without its words",
            record_of(&|label| set(label, 4, list([Cbor::from(3)])), same),
        ),
        ("note-more", "with words and without H3", record_of(&|label| set(label, 5, "Call before"), same)),
        ("age-group", "with the age group of what is no person", record_of(&|label| set(label, 10, adult), same)),
    ];
    let cases = cases.map(|(name, description, bytes)| {
        assert!(Unverified::decode(&bytes).unwrap_err().may_be_newer(), "{name}");
        let newer = Newer::verify(&bytes, |_| Some(ke().verifying_key())).unwrap();
        json!({
            "name": name,
            "description": description,
            "id": hex(newer.id.as_bytes()),
            "revision": newer.revision,
            "label_digest": hex(newer.label.as_bytes()),
            "bytes": hex(&bytes),
        })
    });
    let description = "Records of a later version, which are kept as they came and shown to nobody";
    check(
        "tomorrow",
        &json!({ "name": "tomorrow", "description": description, "keys": keys(&KE_SIGNING), "cases": cases }),
    );
}
