//! A stranger's check of records, by the section "Record" of `FORMAT.md`.

use super::*;

/// The head and the disclosed fields of a record by the holder of a key.
fn read(bytes: &[u8], public: &[u8]) -> Result<(Cbor, Vec<Cbor>, usize), String> {
    let record = cbor(bytes)?;
    let [signed, disclosed, withheld] = record.as_array().ok_or("no array")?.as_slice() else {
        return Err("not three parts".into());
    };
    let head = payload("record", signed.as_bytes().ok_or("no document")?, |_| Some(public.to_vec()))?;
    let list = |part: &Cbor| -> Option<Vec<Vec<u8>>> {
        part.as_array()?.iter().map(|item| item.as_bytes().cloned()).collect()
    };
    let disclosed = list(disclosed).ok_or("no disclosures")?;
    let withheld = list(withheld).ok_or("no digests")?;
    if !withheld.is_sorted_by(|a, b| a < b) {
        return Err("digests out of order".into());
    }
    let mut digests = withheld.clone();
    digests.extend(disclosed.iter().map(|disclosure| Sha256::digest(disclosure).to_vec()));
    digests.sort();
    let hash = Sha256::digest(digests.concat()).to_vec();
    let count = at(&head, 10).and_then(Cbor::as_integer).map(i128::from);
    let distinct = digests.is_sorted_by(|a, b| a < b);
    if at(&head, 9) != Some(&Cbor::Bytes(hash)) || count != Some(digests.len() as i128) || !distinct {
        return Err("not what the head commits to".into());
    }
    let fields = disclosed.iter().map(|bytes| {
        let field = cbor(bytes)?;
        match field.as_array().map(Vec::as_slice) {
            Some([Cbor::Bytes(salt), name, value]) if salt.len() == 16 => {
                Ok(Cbor::Array(vec![name.clone(), value.clone()]))
            }
            _ => Err("no field".to_owned()),
        }
    });
    Ok((head, fields.collect::<Result<_, _>>()?, withheld.len()))
}

fn check(vector: &Json) {
    let (head, fields, withheld) = read(&unhex(&vector["bytes"]), &unhex(&vector["keys"]["signing_public"])).unwrap();
    let input = &vector["input"];
    let names =
        [(1, "id"), (2, "revision"), (3, "owner"), (6, "created_ms"), (7, "modified_ms"), (8, "retain_until_days")];
    compare(&head, input, &names);
    let names = [
        (0, "kind"),
        (1, "caf"),
        (2, "tlp"),
        (3, "pap"),
        (4, "handling"),
        (5, "note"),
        (6, "category"),
        (7, "crime_area"),
        (8, "audience"),
    ];
    compare(at(&head, 4).unwrap(), &input["label"], &names);
    let names = [(0, "reliability"), (1, "accuracy"), (2, "admiralty")];
    compare(at(&head, 5).unwrap(), &input["grading"], &names);
    assert_eq!(fields.iter().map(json).collect::<Json>(), input["fields"]);
    assert_eq!(Json::from(withheld), vector["withheld"]);
}

#[test]
fn records_verify_whole_and_redacted() {
    let all = [vectors("record"), vectors("redacted")].concat();
    assert!(all.len() >= 4);
    all.iter().for_each(check);
    assert_eq!(at_owner(&vector("record")), at_owner(&vector("redacted")), "one signature for both");
}

/// The signed document of a record.
fn at_owner(vector: &Json) -> Cbor {
    cbor(&unhex(&vector["bytes"])).unwrap().as_array().unwrap()[0].clone()
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
