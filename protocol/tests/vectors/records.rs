//! A stranger's check of records, by the section "Record" of `FORMAT.md`.

use hmac::{Hmac, KeyInit, Mac};

use super::*;

/// The signed payload and the disclosed fields of a record by the holder of a key, and whether anything may be withheld.
fn read(bytes: &[u8], public: &[u8]) -> Result<(Cbor, Vec<Cbor>, bool), String> {
    let record = cbor(bytes)?;
    let [kid, label, head, signature, parts, rest] = record.as_array().ok_or("no array")?.as_slice() else {
        return Err("not six pieces".into());
    };
    let list = |part: &Cbor| -> Option<Vec<Vec<u8>>> {
        part.as_array()?.iter().map(|item| item.as_bytes().cloned()).collect()
    };
    let parts = list(parts).ok_or("no parts")?;
    let (mut digests, contents) = match rest {
        Cbor::Bytes(seed) if seed.len() == 16 => {
            let draw = |what: u8, index: usize| {
                let mut mac = Hmac::<Sha256>::new_from_slice(seed).unwrap();
                mac.update(&[what]);
                mac.update(&(index as u32).to_be_bytes());
                mac.finalize().into_bytes().to_vec()
            };
            let digest =
                |(index, part): (usize, &Vec<u8>)| Sha256::digest([&draw(0, index)[..16], part].concat()).to_vec();
            let mut digests: Vec<Vec<u8>> = parts.iter().enumerate().map(digest).collect();
            let full = parts.len().next_multiple_of(8).max(8);
            digests.extend((0..full - parts.len()).map(|index| draw(1, index)));
            (digests, parts)
        }
        _ => {
            let mut digests = list(rest).ok_or("no digests")?;
            if !digests.is_sorted_by(|a, b| a < b) {
                return Err("digests out of order".into());
            }
            digests.extend(parts.iter().map(|part| Sha256::digest(part).to_vec()));
            (digests, parts.iter().map(|part| part.get(16..).unwrap_or_default().to_vec()).collect())
        }
    };
    digests.sort();
    if digests.is_empty() || digests.len() % 8 != 0 || !digests.is_sorted_by(|a, b| a < b) {
        return Err("digests that cannot be".into());
    }
    let Cbor::Map(mut entries) = cbor(head.as_bytes().ok_or("no head")?)? else { return Err("no map".into()) };
    entries.push((Cbor::from(22), label.clone()));
    entries.push((Cbor::from(23), Cbor::Bytes(Sha256::digest(digests.concat()).to_vec())));
    let head = Cbor::Map(entries);
    let kid = kid.as_bytes().ok_or("no key id")?.clone();
    let protected = Cbor::Map(vec![
        (Cbor::from(1), Cbor::from(-8)),
        (Cbor::from(4), Cbor::Bytes(kid)),
        (Cbor::from(16), Cbor::from("application/igain-record")),
    ]);
    let pieces = [Cbor::Bytes(written(&protected)), Cbor::Map(vec![]), Cbor::Bytes(written(&head)), signature.clone()];
    let document = written(&Cbor::Tag(18, Box::new(Cbor::Array(pieces.to_vec()))));
    let payload = payload("record", &document, |_| Some(public.to_vec()))?;
    let mut fields = Vec::new();
    for part in contents {
        let part = cbor(&part)?;
        let part = part.as_array().filter(|part| part.len() % 2 == 0).ok_or("no part")?;
        fields.extend(part.chunks(2).map(|field| Cbor::Array(field.to_vec())));
    }
    Ok((payload, fields, matches!(rest, Cbor::Array(_))))
}

fn written(value: &Cbor) -> Vec<u8> {
    let mut bytes = Vec::new();
    coset::cbor::into_writer(value, &mut bytes).unwrap();
    bytes
}

fn check(vector: &Json) {
    let (head, fields, redacted) = read(&unhex(&vector["bytes"]), &unhex(&vector["keys"]["signing_public"])).unwrap();
    let input = &vector["input"];
    let names = [(1, "id"), (2, "revision"), (3, "owner"), (7, "modified_ms"), (8, "retain_until_days")];
    compare(&head, input, &names);
    let created = at(&head, 6).or(at(&head, 7)).unwrap();
    assert_eq!(json(created), input["created_ms"]);
    let names = [
        (0, "kind"),
        (1, "cafs"),
        (2, "tlp"),
        (3, "pap"),
        (4, "handling"),
        (5, "note"),
        (6, "category"),
        (7, "crime_area"),
        (8, "audience"),
        (10, "age_group"),
    ];
    compare(at(&head, 22).unwrap(), &input["label"], &names);
    let names = [(0, "reliability"), (1, "accuracy"), (2, "admiralty")];
    compare(at(at(&head, 22).unwrap(), 9).unwrap(), &input["label"]["grading"], &names);
    assert_eq!(fields.iter().map(json).collect::<Json>(), input["fields"]);
    assert_eq!(Json::from(redacted), vector["redacted"]);
}

#[test]
fn records_verify_whole_and_redacted() {
    let all = [vectors("record"), vectors("redacted")].concat();
    assert!(all.len() >= 4);
    all.iter().for_each(check);
    assert_eq!(at_owner(&vector("record")), at_owner(&vector("redacted")), "one signature for both");
}

/// The signature of a record.
fn at_owner(vector: &Json) -> Cbor {
    cbor(&unhex(&vector["bytes"])).unwrap().as_array().unwrap()[3].clone()
}

#[test]
fn the_bad_records_are_refused() {
    let vector = vector("refused-records");
    let public = unhex(&vector["keys"]["signing_public"]);
    let cases = vector["cases"].as_array().unwrap();
    assert!(cases.len() >= 10);
    for case in cases {
        assert!(read(&unhex(&case["bytes"]), &public).is_err(), "{}", case["name"]);
    }
}

#[test]
fn the_tombstone_verifies() {
    let vector = vector("tombstone");
    let public = unhex(&vector["keys"]["signing_public"]);
    let stone = payload("tombstone", &unhex(&vector["bytes"]), |_| Some(public.clone())).unwrap();
    compare(&stone, &vector["input"], &[(1, "id"), (2, "owner"), (3, "at_ms"), (4, "reason")]);
}
