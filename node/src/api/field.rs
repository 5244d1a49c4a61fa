//! Values of fields from the text that people write.

use igain_protocol::record::{self, FieldDef, FieldType, RecordId, Value};
use igain_protocol::vocabulary::{Doubt, Kind};

use super::types::Field;
use crate::text;

/// The name and value of a field of a record of `kind`, doubtful where it says so. `refer` finds the record that a reference names by key.
///
/// # Errors
/// What its type demands.
pub fn read_field(
    kind: Kind,
    field: &Field,
    refer: &dyn Fn(&str) -> Option<RecordId>,
) -> Result<(String, Value), record::Error> {
    let unknown = || record::Error::UnknownField { kind, field: field.name.chars().take(64).collect() };
    let def = record::field(kind, &field.name).ok_or_else(unknown)?;
    let value = match field.doubt.map(|doubt| doubt.0) {
        None => typed(def, field, refer)?,
        Some(doubt @ Doubt::Unsure) => typed(def, field, refer)?.doubted(doubt),
        Some(doubt) => Value::Text(field.value.trim().to_owned()).doubted(doubt),
    };
    def.check(&value)?;
    Ok((def.name.to_owned(), value))
}

/// The value that a text says, as its field has it.
fn typed(def: &FieldDef, field: &Field, refer: &dyn Fn(&str) -> Option<RecordId>) -> Result<Value, record::Error> {
    let refused = |why: String| record::Error::Value { field: def.name.into(), why };
    let given = field.value.trim();
    Ok(match def.ty {
        FieldType::Text | FieldType::Country | FieldType::Language | FieldType::Code(_) | FieldType::Identifier(_) => {
            Value::Text(given.to_owned())
        }
        FieldType::Name => Value::Name {
            text: given.to_owned(),
            lang: field.lang.clone(),
            script: field.script.clone().or_else(|| script_of(given)),
        },
        FieldType::Date => Value::Date(given.parse().map_err(|error| refused(format!("{error}")))?),
        FieldType::Moment => Value::Moment(given.parse().map_err(|error| refused(format!("{error}")))?),
        FieldType::Quantity => {
            quantity(given).ok_or_else(|| refused(written(given, "an amount and its unit, like 2.5 kg")))?
        }
        FieldType::Position => {
            position(given).ok_or_else(|| refused(written(given, "a position, like -1.2833, 36.8167")))?
        }
        FieldType::Reference => {
            let by_key = given.strip_prefix("key:").and_then(|key| refer(key.trim()));
            match by_key {
                Some(id) => Value::Reference(id),
                None => Value::Reference(given.parse().map_err(|error| refused(format!("{error}")))?),
            }
        }
        FieldType::Version => Value::Version(given.parse().map_err(refused)?),
        FieldType::Attachment => Value::Attachment(given.parse().map_err(refused)?),
        FieldType::Original => Value::Original(given.parse().map_err(refused)?),
        FieldType::Structure => Value::Structure(given.parse().map_err(refused)?),
        FieldType::Document => Value::Document(given.parse().map_err(refused)?),
        FieldType::Flag => match given {
            "yes" | "true" => Value::Flag(true),
            "no" | "false" => Value::Flag(false),
            _ => return Err(refused(written(given, "yes or no"))),
        },
    })
}

/// The script in which a name is written, where it tells.
pub fn script_of(name: &str) -> Option<String> {
    text::script(name).map(str::to_owned)
}

fn written(given: &str, how: &str) -> String {
    let given: String = given.chars().take(64).collect();
    format!("`{given}` is not {how}")
}

fn quantity(given: &str) -> Option<Value> {
    let (amount, unit) = given.split_once(char::is_whitespace)?;
    Some(Value::Quantity { amount: amount.replace([',', '\u{202f}', '\''], ""), unit: unit.trim().to_owned() })
}

fn position(given: &str) -> Option<Value> {
    let (latitude, longitude) = given.split_once(',').or_else(|| given.split_once(char::is_whitespace))?;
    Some(Value::Position { latitude_e6: millionths(latitude)?, longitude_e6: millionths(longitude)? })
}

/// A decimal number of degrees, exactly, in millionths.
fn millionths(text: &str) -> Option<i32> {
    let text = text.trim();
    let (negative, digits) = text.strip_prefix('-').map_or((false, text), |digits| (true, digits));
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || whole.len() > 3 || part.len() > 12 || !plain(whole) || !plain(part) {
        return None;
    }
    let part: String = part.chars().chain("000000".chars()).take(6).collect();
    let value = whole.parse::<i32>().ok()? * 1_000_000 + part.parse::<i32>().ok()?;
    Some(if negative { -value } else { value })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::types::Text;

    fn read(kind: Kind, name: &str, value: &str) -> Result<Value, String> {
        let field =
            Field { name: name.into(), value: value.into(), lang: None, script: None, doubt: None, group: None };
        let known = |key: &str| (key == "p1").then(|| RecordId::from_bytes([7; 16]));
        read_field(kind, &field, &known).map(|(_, value)| value).map_err(|error| error.to_string())
    }

    #[test]
    fn each_type_is_read_as_people_write_it() {
        let quantity = Value::Quantity { amount: "2.5".into(), unit: "kg".into() };
        assert_eq!(read(Kind::Item, "quantity", "2.5 kg"), Ok(quantity));
        let position = Value::Position { latitude_e6: -1_283_300, longitude_e6: 36_816_700 };
        assert_eq!(read(Kind::Location, "position", "-1.2833, 36.8167"), Ok(position));
        assert_eq!(read(Kind::Link, "from", "key:p1"), Ok(Value::Reference(RecordId::from_bytes([7; 16]))));
        assert_eq!(read(Kind::Person, "birth-date", "~1971").unwrap().to_string(), "1971~");
        assert_eq!(read(Kind::Phone, "number", " +254 700 1 ").unwrap(), Value::Text("+254 700 1".into()));
    }

    #[test]
    fn what_is_doubtful_is_kept_as_it_was_given() {
        let read = |value: &str, doubt| {
            let (name, doubt) = ("birth-date".to_owned(), Some(Text(doubt)));
            let field = Field { name, value: value.into(), lang: None, script: None, doubt, group: None };
            read_field(Kind::Person, &field, &|_| None).map(|(_, value)| value)
        };
        let kept = read(" 03/04/1960 ", Doubt::Ambiguous).unwrap();
        assert_eq!(kept, Value::Text("03/04/1960".into()).doubted(Doubt::Ambiguous));
        assert!(read("03/04/1960", Doubt::Unsure).is_err());
        assert_eq!(read("1960", Doubt::Unsure).unwrap().doubt(), Some(Doubt::Unsure));
    }

    #[test]
    fn names_get_the_script_that_they_are_written_in() {
        let Ok(Value::Name { script, .. }) = read(Kind::Person, "name", "Владимир") else { panic!("no name") };
        assert_eq!(script.as_deref(), Some("Cyrl"));
    }

    #[test]
    fn what_a_field_does_not_take_is_refused_with_what_it_takes() {
        for (kind, name, value, needle) in [
            (Kind::Item, "quantity", "much", "2.5 kg"),
            (Kind::Location, "position", "here", "36.8167"),
            (Kind::Link, "from", "key:nobody", "record id"),
            (Kind::Person, "birth-date", "yesterday", "1971"),
            (Kind::Person, "sex", "?", "male"),
            (Kind::Person, "shoe-size", "44", "no field"),
        ] {
            let error = read(kind, name, value).unwrap_err();
            assert!(error.contains(needle), "{name}: {error}");
        }
    }
}
