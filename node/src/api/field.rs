//! The fields of a request as values.

use igain_protocol::record::{self, FieldDef, FieldType, RecordId, Value};
use igain_protocol::time::Day;
use igain_protocol::vocabulary::{Doubt, Kind};

use super::types::Field;
use crate::text::value::{self, Hints};

/// The name and value of a field of a record of `kind`, doubtful where it says so, as of `today`. `refer` finds the record that a reference names by key.
///
/// # Errors
/// What its type demands.
pub fn read_field(
    kind: Kind,
    field: &Field,
    today: Day,
    refer: &dyn Fn(&str) -> Option<RecordId>,
) -> Result<(String, Value), record::Error> {
    let unknown = || record::Error::UnknownField { kind, field: field.name.chars().take(64).collect() };
    let def = record::field(kind, &field.name).ok_or_else(unknown)?;
    let value = match field.doubt.map(|doubt| doubt.0) {
        None => typed(def, field, today, refer)?,
        Some(doubt @ Doubt::Unsure) => typed(def, field, today, refer)?.doubted(doubt),
        Some(doubt) => Value::Text(field.value.trim().to_owned()).doubted(doubt),
    };
    def.check(&value)?;
    Ok((def.name.to_owned(), value))
}

/// The value that a text says, as its field has it.
fn typed(
    def: &FieldDef,
    field: &Field,
    today: Day,
    refer: &dyn Fn(&str) -> Option<RecordId>,
) -> Result<Value, record::Error> {
    let key = field.value.trim().strip_prefix("key:").filter(|_| def.ty == FieldType::Reference);
    if let Some(id) = key.and_then(|key| refer(key.trim())) {
        return Ok(Value::Reference(id));
    }
    let (lang, script) = (field.lang.as_deref(), field.script.as_deref());
    let hints = Hints { lang, script, today: Some(today), ..Hints::default() };
    match value::parse(def, &field.value, &hints) {
        Ok(parsed) => Ok(parsed.value),
        Err(fault) => Err(record::Error::Value { field: def.name.into(), why: fault.to_string() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::types::Text;

    fn read(kind: Kind, name: &str, value: &str) -> Result<Value, String> {
        let field =
            Field { name: name.into(), value: value.into(), lang: None, script: None, doubt: None, group: None };
        let known = |key: &str| (key == "p1").then(|| RecordId::from_bytes([7; 16]));
        read_field(kind, &field, Day::from_days(20_786), &known)
            .map(|(_, value)| value)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn a_field_is_read_or_refused_with_what_it_takes() {
        assert_eq!(read(Kind::Link, "from", "key:p1"), Ok(Value::Reference(RecordId::from_bytes([7; 16]))));
        assert_eq!(read(Kind::Phone, "number", " +254 700 1 ").unwrap(), Value::Text("+254 700 1".into()));
        assert_eq!(read(Kind::Item, "quantity", "12,5 kg").unwrap().to_string(), "12.5 kg");
        for (kind, name, value, needle) in [
            (Kind::Item, "quantity", "12,500 kg", "12.5000 kg or as 12500 kg"),
            (Kind::Link, "from", "key:nobody", "record id"),
            (Kind::Person, "shoe-size", "44", "no field"),
        ] {
            let error = read(kind, name, value).unwrap_err();
            assert!(error.contains(needle), "{name}: {error}");
        }
    }

    #[test]
    fn what_is_doubtful_is_kept_as_it_was_given() {
        let read = |value: &str, doubt| {
            let (name, doubt) = ("birth-date".to_owned(), Some(Text(doubt)));
            let field = Field { name, value: value.into(), lang: None, script: None, doubt, group: None };
            read_field(Kind::Person, &field, Day::from_days(20_786), &|_| None).map(|(_, value)| value)
        };
        let kept = read(" 03/04/1960 ", Doubt::Ambiguous).unwrap();
        assert_eq!(kept, Value::Text("03/04/1960".into()).doubted(Doubt::Ambiguous));
        assert!(read("03/04/1960", Doubt::Unsure).is_err());
        assert_eq!(read("1960", Doubt::Unsure).unwrap().doubt(), Some(Doubt::Unsure));
    }
}
