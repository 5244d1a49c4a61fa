//! Values of fields from texts that people write or sources have: typed and imported, the same text is the same value.
//!
//! Nothing is guessed. What can be read in more ways than one is [`Fault::Ambiguous`], which names them; hints about the source decide.
//! What is shown of a value is read as that value again.

mod code;
mod date;
mod digits;
mod flag;
mod identifier;
mod month;
mod number;
mod plain;
mod position;
mod quantity;

use std::fmt;

use igain_protocol::record::{FieldDef, FieldType, PartialDate, Tense, Value};
use igain_protocol::time::{Day, Timestamp};
use igain_protocol::vocabulary::Doubt;

pub use date::{Format, Order};
pub use number::Decimal;
pub use plain::{clean, shorten};

/// What is known about where a text comes from.
#[derive(Debug, Default)]
pub struct Hints<'a> {
    /// How its source writes dates.
    pub formats: &'a [Format],
    /// The order of day, month and year, where digits do not tell.
    pub order: Option<Order>,
    /// The first of the hundred years that two digits of a year are of.
    pub century: Option<u16>,
    /// The day of today: nobody is born later.
    pub today: Option<Day>,
    /// The language of names.
    pub lang: Option<&'a str>,
    /// The script of names, where it is not that of most of their letters.
    pub script: Option<&'a str>,
    /// The unit of bare numbers.
    pub unit: Option<&'a str>,
    /// What stands before the part of a number that is less than one.
    pub decimal: Option<Decimal>,
    /// The country whose national numbers are meant.
    pub region: Option<&'a str>,
    /// Whether national phone numbers are to be completed, since they are not of the bureau's own country.
    pub complete: bool,
}

/// A value, and what is odd about it.
#[derive(Debug)]
pub struct Parsed {
    /// The value.
    pub value: Value,
    /// What is odd.
    pub warning: Option<String>,
    /// Whether it is an identifier that breaks the rules of its scheme.
    pub broken: bool,
}

/// Why a text is no value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// It cannot be read: why, and how to write it.
    Unread(String),
    /// It can be read in more ways than one.
    Ambiguous {
        /// The text, shortened.
        text: String,
        /// What it may mean.
        readings: Vec<String>,
        /// How to say which.
        remedy: &'static str,
    },
}

impl Fault {
    /// The mark of a text that stands as it was given.
    pub const fn doubt(&self) -> Doubt {
        match self {
            Self::Unread(_) => Doubt::Unread,
            Self::Ambiguous { .. } => Doubt::Ambiguous,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unread(why) => f.write_str(why),
            Self::Ambiguous { text, readings, remedy } => {
                write!(f, "`{text}` can be read as {}. {remedy}", readings.join(" or as "))
            }
        }
    }
}

impl From<Value> for Parsed {
    fn from(value: Value) -> Self {
        Self { value, warning: None, broken: false }
    }
}

/// The value that a field takes from a text. Whether the field takes it after all is for [`FieldDef::check`] to say.
///
/// # Errors
/// Why it is none, or what else it may mean.
pub fn parse(def: &FieldDef, text: &str, hints: &Hints<'_>) -> Result<Parsed, Fault> {
    let unread = |what: &str| Fault::Unread(format!("`{}` is no {what}", shorten(text)));
    let because = |why: String| Fault::Unread(why);
    let given = text.trim();
    let value = match def.ty {
        FieldType::Text => Value::Text(clean(text, true)),
        FieldType::Name => name(&clean(text, false), hints),
        FieldType::Date => {
            let (date, warning) = date::parse(text, hints, def.tense)?;
            return Ok(Parsed { value: Value::Date(date), warning, broken: false });
        }
        FieldType::Moment => Value::Moment(given.parse::<Timestamp>().map_err(|error| because(error.to_string()))?),
        FieldType::Country => Value::Text(
            country(given)
                .ok_or_else(|| unread("country. Use an ISO 3166 code, or `map` the name in a mapping"))?
                .to_owned(),
        ),
        FieldType::Language => Value::Text(clean(text, false)),
        FieldType::Quantity => return quantity::parse(text, hints.unit, hints.decimal),
        FieldType::Position => position::parse(text)?,
        FieldType::Code(codes) => Value::Text(code::parse(text, codes)?),
        FieldType::Identifier(scheme) => return identifier::parse(scheme, text, hints),
        FieldType::Flag => return flag::parse(text),
        FieldType::Version => Value::Version(given.parse().map_err(because)?),
        FieldType::Attachment => Value::Attachment(given.parse().map_err(because)?),
        FieldType::Original => Value::Original(given.parse().map_err(because)?),
        FieldType::Structure => Value::Structure(given.parse().map_err(because)?),
        FieldType::Document => Value::Document(given.parse().map_err(because)?),
        FieldType::Reference => Value::Reference(given.parse().map_err(|error| because(format!("{error}")))?),
    };
    Ok(value.into())
}

/// The date that a text says that is of no field; it may be still to come.
///
/// # Errors
/// As [`parse`] has it.
pub fn date(text: &str) -> Result<PartialDate, Fault> {
    date::parse(text, &Hints::default(), Tense::Open).map(|(date, _)| date)
}

/// The code of a country. What looks like one may be that of a country that is no more; the field knows those.
fn country(text: &str) -> Option<&str> {
    let looks_like_one = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_uppercase());
    super::country(text).or_else(|| looks_like_one.then_some(text))
}

fn name(text: &str, hints: &Hints<'_>) -> Value {
    let script = hints.script.or_else(|| super::script(text)).map(str::to_owned);
    Value::Name { text: text.to_owned(), lang: hints.lang.map(str::to_owned), script }
}

#[cfg(test)]
mod tests;
