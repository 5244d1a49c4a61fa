//! Texts into values of a field's type.

use igain_protocol::record::{FieldDef, FieldType, Value};
use igain_protocol::time::Timestamp;

use super::date::{self, Format};
use crate::text;

/// What helps to understand a text.
#[derive(Debug, Default)]
pub(super) struct Hints<'a> {
    /// Date formats of the source.
    pub(super) formats: &'a [Format],
    /// The language of names.
    pub(super) lang: Option<&'a str>,
    /// The unit of bare numbers.
    pub(super) unit: Option<&'a str>,
    /// The country whose national numbers are meant.
    pub(super) region: Option<&'a str>,
    /// Whether national phone numbers are to be completed, since they are not of the bureau's own country.
    pub(super) complete: bool,
}

/// A value, and what is odd about it.
pub(super) struct Converted {
    pub(super) value: Value,
    pub(super) warning: Option<String>,
}

impl From<Value> for Converted {
    fn from(value: Value) -> Self {
        Self { value, warning: None }
    }
}

/// The value that a field takes from a text.
///
/// # Errors
/// Why it takes none.
pub(super) fn value(def: &FieldDef, text: &str, hints: &Hints<'_>) -> Result<Converted, String> {
    let no = |what: &str| format!("`{}` is no {what}", shorten(text));
    let value = match def.ty {
        FieldType::Text => Value::Text(clean(text, true)),
        FieldType::Name => name(&clean(text, false), hints.lang),
        FieldType::Date => date::parse(text, hints.formats)
            .map(Value::Date)
            .ok_or_else(|| no("date. Name the source's order with `formats`, such as %d/%m/%Y"))?,
        FieldType::Moment => Value::Moment(text.parse::<Timestamp>().map_err(|error| error.to_string())?),
        FieldType::Country => {
            let unknown = || no("country. Use ISO 3166 codes, or `map` the name");
            Value::Text(country(text).ok_or_else(unknown)?.to_owned())
        }
        FieldType::Language => Value::Text(clean(text, false)),
        FieldType::Quantity => quantity(text, hints.unit)?,
        FieldType::Position => position(text).ok_or_else(|| no("position. Write it as -4.0435, 39.6682"))?,
        FieldType::Code(codes) => Value::Text(code(text, codes)?),
        FieldType::Identifier(scheme) => return identifier(scheme, text, hints),
        FieldType::Flag => Value::Flag(flag(text).ok_or_else(|| no("yes or no"))?),
        FieldType::Version => Value::Version(text.parse()?),
        FieldType::Attachment => Value::Attachment(text.parse()?),
        FieldType::Original => Value::Original(text.parse()?),
        FieldType::Structure => Value::Structure(text.parse()?),
        FieldType::Document => Value::Document(text.parse()?),
        // Made from keys, not from texts; see `link`.
        FieldType::Reference => Value::Reference(text.parse().map_err(|error| format!("{error}"))?),
    };
    Ok(value.into())
}

/// The code of a country. What looks like one may be that of a country that is no more; the field knows those.
fn country(text: &str) -> Option<&str> {
    let looks_like_one = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_uppercase());
    text::country(text).or_else(|| looks_like_one.then_some(text))
}

fn name(text: &str, lang: Option<&str>) -> Value {
    let script = text::script(text).map(str::to_owned);
    Value::Name { text: text.to_owned(), lang: lang.map(str::to_owned), script }
}

fn identifier(scheme: igain_protocol::vocabulary::Scheme, text: &str, hints: &Hints<'_>) -> Result<Converted, String> {
    let written = clean(text, false);
    match text::identifier(scheme, &written, hints.region) {
        Ok(mut forms) if hints.complete && !forms.is_empty() && !written.starts_with('+') => {
            Ok(Value::Text(forms.swap_remove(0)).into())
        }
        Ok(_) => Ok(Value::Text(written).into()),
        Err(error @ (text::identifier::Error::Empty(_) | text::identifier::Error::TooLong(_))) => {
            Err(error.to_string())
        }
        Err(error) => Ok(Converted { value: Value::Text(written), warning: Some(error.to_string()) }),
    }
}

/// The code that a text means: itself, or itself in lower case with hyphens.
fn code(text: &str, codes: &[&str]) -> Result<String, String> {
    let folded = text::tokens(text).join("-");
    let found = codes.iter().find(|code| **code == text || **code == folded);
    let unknown = || format!("`{}` is none of: {}. Translate it with `map`", shorten(text), codes.join(", "));
    found.map(|code| (*code).to_owned()).ok_or_else(unknown)
}

fn flag(text: &str) -> Option<bool> {
    match text::fold(text).as_str() {
        "yes" | "y" | "true" | "1" | "oui" | "sim" | "si" | "ndiyo" => Some(true),
        "no" | "n" | "false" | "0" | "non" | "nao" | "hapana" => Some(false),
        _ => None,
    }
}

/// `12.5 kg`, `1,250 kg`, `12,5 kg`, or a bare number whose unit the mapping knows.
fn quantity(text: &str, unit: Option<&str>) -> Result<Value, String> {
    let compact: String = text.chars().filter(|c| !matches!(c, '\u{a0}' | '\u{202f}' | '\'')).collect();
    let digits = |c: char| c.is_ascii_digit() || matches!(c, '.' | ',' | ' ');
    let (sign, rest) = compact.trim().strip_prefix('-').map_or(("", compact.trim()), |rest| ("-", rest));
    let end = rest.find(|c| !digits(c)).unwrap_or(rest.len());
    let (number, rest) = rest.split_at_checked(end).unwrap_or_default();
    let rest = rest.trim();
    let unit = if rest.is_empty() { unit } else { Some(rest) };
    let unit = unit.ok_or_else(|| format!("`{}` has no unit. Say it with `unit` in the mapping", shorten(text)))?;
    let number: String = number.chars().filter(|c| *c != ' ').collect();
    let amount = decimal(&number).ok_or_else(|| format!("`{}` is no quantity. Write it as 12.5 kg", shorten(text)))?;
    Ok(Value::Quantity { amount: format!("{sign}{amount}"), unit: unit.to_owned() })
}

/// A number with a point, whichever way its thousands are set off. A comma alone before three digits sets off
/// thousands, before others it is the decimal point.
fn decimal(text: &str) -> Option<String> {
    let point = match (text.rfind('.'), text.rfind(',')) {
        (Some(point), Some(comma)) => Some(point.max(comma)),
        (Some(point), None) => (text.matches('.').count() == 1).then_some(point),
        (None, Some(comma)) => {
            let after = text.len() - comma - 1;
            (text.matches(',').count() == 1 && after != 3).then_some(comma)
        }
        (None, None) => None,
    };
    let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
    let (whole, part) = match point {
        Some(at) => (text.get(..at)?, text.get(at + 1..)?),
        None => (text, ""),
    };
    let (whole, part) = (digits(whole), digits(part));
    match (whole.is_empty(), part.is_empty()) {
        (true, true) => None,
        (true, false) => Some(format!("0.{part}")),
        (false, true) => Some(whole),
        (false, false) => Some(format!("{whole}.{part}")),
    }
}

/// `-4.0435, 39.6682`: latitude and longitude in degrees.
fn position(text: &str) -> Option<Value> {
    let mut numbers = text.split([',', ';', ' ']).filter(|part| !part.is_empty());
    let mut degrees = || -> Option<i32> {
        let number: f64 = numbers.next()?.parse().ok()?;
        let millionths = (number * 1e6).round();
        #[expect(clippy::cast_possible_truncation, reason = "within the range just checked")]
        (millionths.abs() <= 180e6).then_some(millionths as i32)
    };
    let (latitude_e6, longitude_e6) = (degrees()?, degrees()?);
    numbers.next().is_none().then_some(Value::Position { latitude_e6, longitude_e6 })
}

/// The text without what no screen shows; on one line, unless it may have many.
pub(super) fn clean(text: &str, lines: bool) -> String {
    let plain = text.bytes().all(|byte| (0x20..0x7f).contains(&byte)) && !text.contains("  ");
    if plain {
        return text.trim().to_owned();
    }
    let mut cleaned = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\t' if lines => cleaned.push(c),
            '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{200b}' | '\u{feff}' | '\u{2028}' | '\u{2029}' => {}
            c if c.is_whitespace() => {
                if !cleaned.ends_with(' ') {
                    cleaned.push(' ');
                }
            }
            c if c.is_control() => {}
            c => cleaned.push(c),
        }
    }
    cleaned.trim().to_owned()
}

/// What of a cell goes into a message.
pub(super) fn shorten(text: &str) -> String {
    clean(text, false).chars().take(64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use igain_protocol::record::field;
    use igain_protocol::vocabulary::Kind;

    fn shown(kind: Kind, name: &str, text: &str) -> String {
        let hints = Hints { region: Some("KE"), ..Hints::default() };
        match value(field(kind, name).unwrap(), text, &hints) {
            Ok(converted) => converted.value.to_string(),
            Err(error) => format!("error: {error}"),
        }
    }

    #[test]
    fn values_are_understood() {
        assert_eq!(shown(Kind::Person, "nationality", "Congo, Democratic Republic of the"), "CD");
        assert_eq!(shown(Kind::Person, "birth-country", "SU"), "SU");
        assert_eq!(shown(Kind::Person, "name", "  Ali \u{202e} Juma\n"), "Ali Juma");
        assert_eq!(shown(Kind::Item, "quantity", "1,250 kg"), "1250 kg");
        assert_eq!(shown(Kind::Item, "quantity", "12,5 kg"), "12.5 kg");
        assert_eq!(shown(Kind::Item, "quantity", "1.250,75 EUR"), "1250.75 EUR");
        assert_eq!(shown(Kind::Item, "quantity", "2 500 000 KES"), "2500000 KES");
        assert_eq!(shown(Kind::Firearm, "type", "Assault Rifle"), "assault-rifle");
        assert_eq!(shown(Kind::Location, "position", "-4.0435, 39.6682"), "-4.043500, 39.668200");
        assert_eq!(shown(Kind::Phone, "number", "0712 345 678"), "0712 345 678");
    }

    #[test]
    fn what_is_not_understood_is_named() {
        for (kind, name, text, word) in [
            (Kind::Item, "quantity", "12", "no unit"),
            (Kind::Item, "quantity", "kg", "no quantity"),
            (Kind::Location, "position", "Mombasa", "no position"),
            (Kind::Location, "position", "1,2,3", "no position"),
            (Kind::Person, "nationality", "Region: Crimea", "no country"),
            (Kind::Person, "birth-date", "03/04/1960", "formats"),
            (Kind::Person, "sex", "M", "`map`"),
        ] {
            let error = shown(kind, name, text);
            assert!(error.contains(word), "{error}");
        }
    }

    proptest::proptest! {
        /// L16: any text is a value of a field or is refused, whatever the field takes. Seen to fail when a text was cut
        /// after its first byte.
        #[test]
        fn any_text_is_a_value_or_refused(text in "[0-9 ,./:+~-]{0,24}|\\PC{0,24}|(circa |late |1)?(19|20)[0-9]{0,3}s?( to |-|/)?[A-Za-z0-9 ]{0,12}") {
            let formats = [Format::parse_text("%d.%m.%y").unwrap()];
            let hints = Hints { formats: &formats, region: Some("KE"), unit: Some("kg"), complete: true, ..Hints::default() };
            for def in Kind::ALL.iter().flat_map(|kind| igain_protocol::record::fields(*kind)) {
                if let Ok(converted) = value(def, &text, &hints) {
                    // What a field does not take after all is said by the field itself.
                    let _ = def.check(&converted.value);
                    if let Value::Date(date) = converted.value {
                        proptest::prop_assert_eq!(date.to_string().parse(), Ok(date));
                    }
                }
            }
        }
    }

    #[test]
    fn a_doubtful_identifier_is_kept_and_said() {
        let iban = field(Kind::Account, "iban").unwrap();
        let converted = value(iban, "FR76 1234", &Hints::default()).ok().unwrap();
        assert_eq!(converted.value, Value::Text("FR76 1234".into()));
        assert!(converted.warning.is_some());
    }
}
