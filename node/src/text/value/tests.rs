//! One value for one text, whoever gives it.

use super::*;
use igain_protocol::record::{RecordId, field, fields};
use igain_protocol::vocabulary::Kind;

fn shown(kind: Kind, name: &str, text: &str) -> String {
    let hints = Hints { region: Some("KE"), ..Hints::default() };
    match parse(field(kind, name).unwrap(), text, &hints) {
        Ok(parsed) => parsed.value.to_string(),
        Err(fault) => format!("error: {fault}"),
    }
}

#[test]
fn values_are_understood() {
    assert_eq!(shown(Kind::Person, "nationality", "Congo, Democratic Republic of the"), "CD");
    assert_eq!(shown(Kind::Person, "birth-country", "SU"), "SU");
    assert_eq!(shown(Kind::Person, "name", "  Ali \u{202e} Juma\n"), "Ali Juma");
    assert_eq!(shown(Kind::Person, "birth-date", "~1971"), "1971~");
    assert_eq!(shown(Kind::Item, "quantity", "12,5 kg"), "12.5 kg");
    assert_eq!(shown(Kind::Firearm, "type", "Assault Rifle"), "assault-rifle");
    assert_eq!(shown(Kind::Location, "position", "-4.0435, 39.6682"), "-4.043500, 39.668200");
    assert_eq!(shown(Kind::Phone, "number", " 0712 345 678"), "0712 345 678");
}

#[test]
fn what_is_not_understood_is_named() {
    for (kind, name, text, word) in [
        (Kind::Item, "quantity", "12", "no unit"),
        (Kind::Item, "quantity", "much", "no digits"),
        (Kind::Location, "position", "Mombasa", "no position"),
        (Kind::Link, "from", "key:nobody", "record id"),
        (Kind::Person, "nationality", "Region: Crimea", "no country"),
        (Kind::Person, "birth-date", "yesterday", "1971"),
        (Kind::Person, "birth-date", "03/04/1960", "1960-03-04 or as 1960-04-03"),
        (Kind::Person, "sex", "M", "`map`"),
        (Kind::Person, "sex", "?", "male"),
    ] {
        let error = shown(kind, name, text);
        assert!(error.starts_with("error") && error.contains(word), "{error}");
    }
}

#[test]
fn names_get_the_script_that_they_are_written_in() {
    let def = field(Kind::Person, "name").unwrap();
    let read = |hints| match parse(def, "Владимир", &hints).unwrap().value {
        Value::Name { script, .. } => script,
        other => panic!("{other}"),
    };
    assert_eq!(read(Hints::default()).as_deref(), Some("Cyrl"));
    assert_eq!(read(Hints { script: Some("Latn"), ..Hints::default() }).as_deref(), Some("Latn"));
}

#[test]
fn a_doubtful_identifier_is_kept_and_said() {
    let iban = field(Kind::Account, "iban").unwrap();
    let parsed = parse(iban, "FR76 1234", &Hints::default()).unwrap();
    assert_eq!(parsed.value, Value::Text("FR76 1234".into()));
    assert!(parsed.warning.is_some());
}

#[test]
fn a_reference_is_an_id() {
    let def = field(Kind::Link, "from").unwrap();
    let id = RecordId::from_bytes([7; 16]);
    assert_eq!(parse(def, &id.to_string(), &Hints::default()).unwrap().value, Value::Reference(id));
}

proptest::proptest! {
    /// L16: any text is a value of a field or is refused, whatever the field takes; and what is shown of a value is read as that
    /// value. Seen to fail when a text was cut after its first byte, and when 12.500 was shown as it was read.
    #[test]
    fn any_text_is_a_value_that_is_read_again_or_refused(
        text in "[0-9 ,./:+~-]{0,24}|\\PC{0,24}|(circa |late |1)?(19|20)[0-9]{0,3}s?( to |-|/)?[A-Za-z0-9 ]{0,12}|[0-9]{1,3}[.,][0-9]{3} kg"
    ) {
        let formats = [Format::parse_text("%d.%m.%y").unwrap()];
        let hints = Hints { formats: &formats, region: Some("KE"), unit: Some("kg"), complete: true, ..Hints::default() };
        for def in Kind::ALL.iter().flat_map(|kind| fields(*kind)) {
            for hints in [&hints, &Hints { decimal: Some(Decimal::Comma), ..Hints::default() }] {
                let Ok(parsed) = parse(def, &text, hints) else { continue };
                // What a field does not take after all is said by the field itself.
                if def.check(&parsed.value).is_ok() {
                    let shown = parsed.value.to_string();
                    let again = parse(def, &shown, &Hints { region: Some("KE"), ..Hints::default() });
                    proptest::prop_assert_eq!(again.map(|again| again.value), Ok(parsed.value), "{} of `{}`", def.name, text);
                }
            }
        }
    }
}
