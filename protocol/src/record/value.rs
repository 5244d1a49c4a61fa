//! Values of fields, as they were given: nothing is normalised, so that the owner's word stays the owner's word.

mod date;
mod digest;
mod media;
mod structure;
mod tag;
mod version;

use std::fmt;

use minicbor::{Decode, Decoder, Encode, Encoder, decode, encode};

pub use date::{CalendarDay, NotADate, PartialDate};
pub use digest::Digest;
pub use media::{Attachment, ORIGINAL_LIMIT, Original};
pub use structure::{STRUCTURE_LIMIT, Structure};
pub(super) use tag::{is_country, is_language};
pub use version::Version;

use super::RecordId;
use crate::codec::text;
use crate::time::Timestamp;
use crate::vocabulary::Doubt;

/// Most bytes of a text: some eight pages. What is longer is a report, and belongs into several fields or records.
pub const TEXT_LIMIT: usize = 16 * 1024;

/// Most bytes of a name, an identifier or a code, which are one line: more than the longest in OFAC's and the UN's lists
/// of sanctions, little enough to print and to index.
pub const LINE_LIMIT: usize = 512;

/// Most characters of an amount: 10^30 to the last cent, and room to spare.
const AMOUNT_LIMIT: usize = 40;

/// Most bytes of a unit.
const UNIT_LIMIT: usize = 32;

/// One value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Text, a code, a country, or an identifier as it is written.
    Text(String),
    /// A name.
    Name {
        /// As it is written.
        text: String,
        /// Its language (BCP 47).
        lang: Option<String>,
        /// Its script (ISO 15924).
        script: Option<String>,
    },
    /// A date as precise as it is known.
    Date(PartialDate),
    /// An instant.
    Moment(Timestamp),
    /// An amount.
    Quantity {
        /// A decimal number.
        amount: String,
        /// Its unit, such as kg, m, USD.
        unit: String,
    },
    /// A place on Earth (WGS 84), in millionths of a degree.
    Position {
        /// North, -90 to 90 degrees.
        latitude_e6: i32,
        /// East, -180 to 180 degrees.
        longitude_e6: i32,
    },
    /// Another record.
    Reference(RecordId),
    /// Yes or no.
    Flag(bool),
    /// One version of another record.
    Version(Version),
    /// A file that lies elsewhere.
    Attachment(Attachment),
    /// A source's own object.
    Original(Original),
    /// Nested content.
    Structure(Structure),
    /// A signed document, such as a consent, by the SHA-256 of its bytes.
    Document(Digest),
    /// A value that is doubtful; neither a reference nor a thing, and not doubtful twice.
    Doubtful {
        /// What about it is.
        doubt: Doubt,
        /// The value, or the text that was given in its place.
        value: Box<Value>,
    },
}

impl Value {
    /// A name of which only the letters are known.
    pub fn name(text: impl Into<String>) -> Self {
        Self::Name { text: text.into(), lang: None, script: None }
    }

    /// The value, marked as doubtful.
    #[must_use]
    pub fn doubted(self, doubt: Doubt) -> Self {
        Self::Doubtful { doubt, value: Box::new(self) }
    }

    /// What is doubtful about it.
    pub const fn doubt(&self) -> Option<Doubt> {
        match self {
            Self::Doubtful { doubt, .. } => Some(*doubt),
            _ => None,
        }
    }

    /// What it says, where that is known: the value without a mark of doubt, but for what stands as it was given.
    pub fn known(&self) -> Option<&Self> {
        match self {
            Self::Doubtful { doubt: Doubt::Unsure, value } => Some(value),
            Self::Doubtful { .. } => None,
            value => Some(value),
        }
    }

    /// The text of a text or name, where it is known what it means.
    pub fn as_text(&self) -> Option<&str> {
        match self.known()? {
            Self::Text(text) | Self::Name { text, .. } => Some(text),
            _ => None,
        }
    }

    /// Whether the value is within its bounds, and text is free of what would make a screen show something else.
    pub(super) fn check(&self) -> Result<(), String> {
        match self {
            Self::Text(text) => prose(text),
            Self::Name { text, lang, script } => {
                line("the name", text, LINE_LIMIT)?;
                if lang.as_ref().is_some_and(|lang| !is_language(lang)) {
                    return Err("the language of a name is a BCP 47 tag such as ar or pt-BR".into());
                }
                if script.as_ref().is_some_and(|script| !tag::is_script(script)) {
                    return Err("the script of a name is an ISO 15924 code such as Latn or Arab".into());
                }
                Ok(())
            }
            Self::Quantity { amount, unit } => {
                line("the unit", unit, UNIT_LIMIT)?;
                if is_decimal(amount) {
                    Ok(())
                } else {
                    Err(format!("`{}` is no decimal number", text::shorten(amount)))
                }
            }
            Self::Position { latitude_e6, longitude_e6 } => {
                let inside = (-90_000_000..=90_000_000).contains(latitude_e6)
                    && (-180_000_000..=180_000_000).contains(longitude_e6);
                if inside { Ok(()) } else { Err("the position is not on Earth".into()) }
            }
            Self::Doubtful { value, .. } => match **value {
                Self::Doubtful { .. }
                | Self::Reference(_)
                | Self::Version(_)
                | Self::Attachment(_)
                | Self::Original(_)
                | Self::Structure(_)
                | Self::Document(_) => Err("this cannot be doubtful".into()),
                ref value => value.check(),
            },
            Self::Version(version) if version.revision == 0 => Err("revisions are counted from 1".into()),
            Self::Attachment(attachment) => attachment.check(),
            Self::Original(original) => original.check(),
            Self::Structure(structure) => structure.check(),
            Self::Date(_)
            | Self::Moment(_)
            | Self::Reference(_)
            | Self::Flag(_)
            | Self::Version(_)
            | Self::Document(_) => Ok(()),
        }
    }
}

/// Checks text of one line.
pub(super) fn line(what: &str, text: &str, limit: usize) -> Result<(), String> {
    text::line(text, limit).map_err(|fault| format!("{what} {fault}"))
}

/// Checks text of many lines, however they end.
fn prose(text: &str) -> Result<(), String> {
    let refused = |fault: text::Fault| format!("the text {fault}");
    match text.len() {
        _ if text.trim().is_empty() => Err(refused(text::Fault::Empty)),
        bytes if bytes > TEXT_LIMIT => Err(refused(text::Fault::TooLong { bytes, limit: TEXT_LIMIT })),
        _ => text.split('\r').try_for_each(|part| text::prose(part, TEXT_LIMIT)).map_err(refused),
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) | Self::Name { text, .. } => f.pad(text),
            Self::Doubtful { value, .. } => value.fmt(f),
            Self::Date(date) => write!(f, "{date}"),
            Self::Moment(at) => write!(f, "{at}"),
            Self::Quantity { amount, unit } => write!(f, "{amount} {unit}"),
            Self::Position { latitude_e6, longitude_e6 } => {
                write!(f, "{:.6}, {:.6}", f64::from(*latitude_e6) / 1e6, f64::from(*longitude_e6) / 1e6)
            }
            Self::Reference(id) => write!(f, "{id}"),
            Self::Version(version) => version.fmt(f),
            Self::Attachment(attachment) => attachment.fmt(f),
            Self::Original(original) => original.fmt(f),
            Self::Structure(structure) => structure.fmt(f),
            Self::Document(digest) => digest.fmt(f),
            Self::Flag(flag) => f.write_str(if *flag { "yes" } else { "no" }),
        }
    }
}

fn is_decimal(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, part) = digits.split_once('.').unwrap_or((digits, "0"));
    let all = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.len() <= AMOUNT_LIMIT && all(whole) && all(part)
}

impl<C> Encode<C> for Value {
    fn encode<W: encode::Write>(&self, e: &mut Encoder<W>, ctx: &mut C) -> Result<(), encode::Error<W::Error>> {
        match self {
            Self::Text(text) => e.str(text)?.ok(),
            Self::Flag(flag) => e.bool(*flag)?.ok(),
            Self::Name { text, lang, script } => {
                // What nobody knows is left out at the end.
                let known = if script.is_some() { 2 } else { u64::from(lang.is_some()) };
                e.array(2 + known)?.u8(0)?.str(text)?;
                if known > 0 {
                    e.encode_with(lang, ctx)?;
                }
                if known > 1 { e.encode_with(script, ctx)?.ok() } else { Ok(()) }
            }
            Self::Date(date) => e.array(2)?.u8(1)?.str(date.as_str())?.ok(),
            Self::Moment(at) => e.array(2)?.u8(2)?.u64(at.as_ms())?.ok(),
            Self::Quantity { amount, unit } => e.array(3)?.u8(3)?.str(amount)?.str(unit)?.ok(),
            Self::Position { latitude_e6, longitude_e6 } => {
                e.array(3)?.u8(4)?.i32(*latitude_e6)?.i32(*longitude_e6)?.ok()
            }
            Self::Doubtful { doubt, value } => {
                e.array(3)?.u8(6)?.encode_with(doubt, ctx)?.encode_with(value, ctx)?.ok()
            }
            Self::Reference(id) => e.array(2)?.u8(5)?.bytes(id.as_bytes())?.ok(),
            Self::Version(Version { id, revision, digest }) => {
                e.array(4)?.u8(7)?.bytes(id.as_bytes())?.u32(*revision)?.bytes(digest.as_bytes())?.ok()
            }
            Self::Attachment(Attachment { digest, size, media, name }) => {
                e.array(4 + u64::from(name.is_some()))?.u8(8)?.bytes(digest.as_bytes())?.u64(*size)?.str(media)?;
                name.as_ref().map_or(Ok(()), |name| e.str(name)?.ok())
            }
            Self::Original(Original { media, content }) => e.array(3)?.u8(9)?.str(media)?.bytes(content)?.ok(),
            Self::Structure(structure) => structure.encode(e.array(2)?.u8(10)?),
            Self::Document(digest) => e.array(2)?.u8(11)?.bytes(digest.as_bytes())?.ok(),
        }
    }
}

impl<'b, C> Decode<'b, C> for Value {
    fn decode(d: &mut Decoder<'b>, ctx: &mut C) -> Result<Self, decode::Error> {
        use minicbor::data::Type;
        match d.datatype()? {
            Type::String => return Ok(Self::Text(d.str()?.to_owned())),
            Type::Bool => return d.bool().map(Self::Flag),
            _ => {}
        }
        let at = d.position();
        Ok(match (d.array()?, d.u8()?) {
            (Some(parts @ 2..=4), 0) => {
                let text = d.str()?.to_owned();
                let lang: Option<String> = if parts > 2 { d.decode_with(ctx)? } else { None };
                let script: Option<String> = if parts > 3 { d.decode_with(ctx)? } else { None };
                if (parts == 3 && lang.is_none()) || (parts == 4 && script.is_none()) {
                    return Err(decode::Error::message("a name with nothing at its end").at(at));
                }
                Self::Name { text, lang, script }
            }
            (Some(2), 1) => {
                let date = PartialDate::read(d.str()?);
                Self::Date(date.ok_or_else(|| decode::Error::message("not a date").at(at))?)
            }
            (Some(2), 2) => Self::Moment(Timestamp::from_ms(d.u64()?)),
            (Some(3), 3) => Self::Quantity { amount: d.str()?.to_owned(), unit: d.str()?.to_owned() },
            (Some(3), 4) => Self::Position { latitude_e6: d.i32()?, longitude_e6: d.i32()? },
            (Some(2), 5) => Self::Reference(d.decode_with(ctx)?),
            (Some(4), 7) => {
                let (id, revision) = (d.decode_with(ctx)?, d.u32()?);
                Self::Version(Version { id, revision, digest: digest_in(d)? })
            }
            (Some(parts @ 4..=5), 8) => {
                let (digest, size, media) = (digest_in(d)?, d.u64()?, d.str()?.to_owned());
                let name = if parts > 4 { Some(d.str()?.to_owned()) } else { None };
                Self::Attachment(Attachment { digest, size, media, name })
            }
            (Some(3), 9) => Self::Original(Original { media: d.str()?.to_owned(), content: d.bytes()?.to_vec() }),
            (Some(2), 10) => Self::Structure(Structure::decode(d)?),
            (Some(2), 11) => Self::Document(digest_in(d)?),
            (Some(3), 6) => Self::Doubtful { doubt: d.decode_with(ctx)?, value: d.decode_with(ctx)? },
            _ => return Err(decode::Error::message("unknown kind of value").at(at)),
        })
    }
}

fn digest_in(d: &mut Decoder<'_>) -> Result<Digest, decode::Error> {
    let at = d.position();
    let bytes = d.bytes()?.try_into().map_err(|_| decode::Error::message("a digest has 32 bytes").at(at))?;
    Ok(Digest::from_bytes(bytes))
}
