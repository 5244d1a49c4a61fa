//! What a field is: its type, its disclosure group, whether it singles out.

use super::value::Value;
use super::{Error, value};
use crate::vocabulary::{Doubt, Group, Scheme};

/// What values a field takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldType {
    /// One line or more of text.
    Text,
    /// A name with its language and script.
    Name,
    /// A date as precise as it is known.
    Date,
    /// An instant.
    Moment,
    /// ISO 3166-1 alpha-2.
    Country,
    /// BCP 47.
    Language,
    /// An amount and its unit.
    Quantity,
    /// Latitude and longitude.
    Position,
    /// The id of another record.
    Reference,
    /// One of these codes.
    Code(&'static [&'static str]),
    /// A number that singles out.
    Identifier(Scheme),
    /// Yes or no.
    Flag,
    /// One version of another record.
    Version,
    /// A file that lies elsewhere.
    Attachment,
    /// A source's own object.
    Original,
    /// Nested content.
    Structure,
    /// A signed document, by its digest.
    Document,
}

/// When the date of a field can lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Tense {
    /// It tells of what has happened: until today.
    #[default]
    Past,
    /// It is a birth: within a life, until today.
    Birth,
    /// It may tell of what is still to come, such as an expiry.
    Open,
}

/// One field of a kind of record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FieldDef {
    /// Its name.
    pub name: &'static str,
    /// What values it takes.
    pub ty: FieldType,
    /// With what it is disclosed.
    pub group: Group,
    /// Whether it may be there more than once.
    pub many: bool,
    /// When it can lie, if it is a date.
    pub tense: Tense,
    /// What it says.
    pub doc: &'static str,
}

impl FieldDef {
    pub(super) const fn new(name: &'static str, ty: FieldType, group: Group, doc: &'static str) -> Self {
        Self { name, ty, group, many: false, tense: Tense::Past, doc }
    }

    pub(super) const fn many(mut self) -> Self {
        self.many = true;
        self
    }

    pub(super) const fn lies(mut self, tense: Tense) -> Self {
        self.tense = tense;
        self
    }

    /// The scheme of an identifier.
    pub const fn identifier(&self) -> Option<Scheme> {
        match self.ty {
            FieldType::Identifier(scheme) => Some(scheme),
            _ => None,
        }
    }

    /// Whether the field takes `value`.
    ///
    /// # Errors
    /// What it takes instead.
    pub fn check(&self, value: &Value) -> Result<(), Error> {
        let refused = |why: String| Error::Value { field: self.name.into(), why };
        value.check().map_err(refused)?;
        match (self.ty, value) {
            (ty, Value::Doubtful { .. }) if ty.is_beyond_doubt() => {
                Err(refused(format!("it takes {}, without a doubt", ty.name())))
            }
            (_, Value::Doubtful { doubt: Doubt::Unsure, value }) => self.check(value),
            (_, Value::Doubtful { value, .. }) => match **value {
                Value::Text(ref text) => value::line("what was given", text, value::LINE_LIMIT).map_err(refused),
                _ => Err(refused("what stands as it was given is a text".into())),
            },
            (FieldType::Identifier(_), Value::Text(text)) => {
                value::line("the identifier", text, value::LINE_LIMIT).map_err(refused)
            }
            (FieldType::Code(codes), Value::Text(text)) if !codes.contains(&text.as_str()) => {
                Err(refused(format!("use one of: {}", codes.join(", "))))
            }
            (FieldType::Country, Value::Text(text)) if !value::is_country(text) => {
                Err(refused("it takes an ISO 3166-1 alpha-2 code such as KE".into()))
            }
            (FieldType::Language, Value::Text(text)) if !value::is_language(text) => {
                Err(refused("it takes a BCP 47 tag such as sw or pt-BR".into()))
            }
            (ty, value) if ty.takes(value) => Ok(()),
            (ty, _) => Err(refused(format!("it takes {}", ty.name()))),
        }
    }
}

impl FieldType {
    const fn takes(self, value: &Value) -> bool {
        matches!(
            (self, value),
            (Self::Text | Self::Country | Self::Language | Self::Code(_) | Self::Identifier(_), Value::Text(_))
                | (Self::Name, Value::Name { .. })
                | (Self::Date, Value::Date(_))
                | (Self::Moment, Value::Moment(_))
                | (Self::Quantity, Value::Quantity { .. })
                | (Self::Position, Value::Position { .. })
                | (Self::Reference, Value::Reference(_))
                | (Self::Flag, Value::Flag(_))
                | (Self::Version, Value::Version(_))
                | (Self::Attachment, Value::Attachment(_))
                | (Self::Original, Value::Original(_))
                | (Self::Structure, Value::Structure(_))
                | (Self::Document, Value::Document(_))
        )
    }

    /// Whether it names another record, which a peer may have to know before it is told.
    pub const fn is_reference(self) -> bool {
        matches!(self, Self::Reference | Self::Version)
    }

    /// Whether its values are things, and no statements that could be doubtful.
    pub(super) const fn is_beyond_doubt(self) -> bool {
        self.is_reference() || matches!(self, Self::Attachment | Self::Original | Self::Structure | Self::Document)
    }

    /// What it takes, for people.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Name => "a name",
            Self::Date => "a date",
            Self::Moment => "a time",
            Self::Country => "a country",
            Self::Language => "a language",
            Self::Quantity => "a quantity",
            Self::Position => "a position",
            Self::Reference => "a record id",
            Self::Code(_) => "a code",
            Self::Identifier(scheme) => scheme.title(),
            Self::Flag => "yes or no",
            Self::Version => "a version of a record",
            Self::Attachment => "an attachment",
            Self::Original => "an original",
            Self::Structure => "structured content",
            Self::Document => "a signed document",
        }
    }
}
