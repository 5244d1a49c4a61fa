//! Structured content: what a source says beyond fields, and what findings, requests and answers are made of.

use std::fmt;
use std::str::FromStr;

use minicbor::data::Type;
use minicbor::{Decoder, Encoder, decode, encode};
use serde_json::{Map, Value as Json};

use super::{TEXT_LIMIT, prose};

/// Most bytes of a structure, as it travels.
pub const STRUCTURE_LIMIT: usize = 16 * 1024;

/// How deep its arrays and maps may lie in each other.
const NESTING: usize = 8;

/// Most entries of one array or map.
const ENTRIES: usize = 1_024;

/// Nested content: texts, whole numbers, yes or no, nothing, arrays, and maps with texts for keys. There are no fractions,
/// since those would not come back as they were written: they are texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Structure(Json);

impl Structure {
    /// This content.
    pub const fn new(content: Json) -> Self {
        Self(content)
    }

    /// Its content.
    pub const fn content(&self) -> &Json {
        &self.0
    }

    pub(super) fn check(&self) -> Result<(), String> {
        check(&self.0, 0)?;
        let mut bytes = Vec::new();
        let written = write(&self.0, &mut Encoder::new(&mut bytes));
        match bytes.len() {
            0..=STRUCTURE_LIMIT if written.is_ok() => Ok(()),
            bytes => Err(format!("the structure has {bytes} bytes, and {STRUCTURE_LIMIT} is the limit")),
        }
    }

    pub(super) fn encode<W: encode::Write>(&self, e: &mut Encoder<W>) -> Result<(), encode::Error<W::Error>> {
        write(&self.0, e)
    }

    pub(super) fn decode(d: &mut Decoder<'_>) -> Result<Self, decode::Error> {
        read(d, 0).map(Self)
    }
}

fn check(content: &Json, depth: usize) -> Result<(), String> {
    if depth > NESTING {
        return Err(format!("the structure nests deeper than {NESTING} levels"));
    }
    let many = |entries: usize| {
        let bounded = entries <= ENTRIES;
        bounded
            .then_some(())
            .ok_or_else(|| format!("a list in the structure has {entries} entries, and {ENTRIES} is the limit"))
    };
    match content {
        Json::Null | Json::Bool(_) => Ok(()),
        Json::Number(number) if number.is_f64() => {
            Err(format!("`{number}` is no whole number: write fractions as texts"))
        }
        Json::Number(_) => Ok(()),
        Json::String(text) => text_in(text),
        Json::Array(items) => {
            many(items.len())?;
            items.iter().try_for_each(|item| check(item, depth + 1))
        }
        Json::Object(entries) => {
            many(entries.len())?;
            entries.iter().try_for_each(|(key, entry)| text_in(key).and_then(|()| check(entry, depth + 1)))
        }
    }
}

/// A text may be empty here.
fn text_in(text: &str) -> Result<(), String> {
    if text.trim().is_empty() && text.len() <= TEXT_LIMIT { Ok(()) } else { prose(text) }
}

fn write<W: encode::Write>(content: &Json, e: &mut Encoder<W>) -> Result<(), encode::Error<W::Error>> {
    match content {
        Json::Null => e.null()?.ok(),
        Json::Bool(flag) => e.bool(*flag)?.ok(),
        Json::Number(number) => match (number.as_u64(), number.as_i64()) {
            (Some(number), _) => e.u64(number)?.ok(),
            (None, Some(number)) => e.i64(number)?.ok(),
            (None, None) => Err(encode::Error::message("a fraction")),
        },
        Json::String(text) => e.str(text)?.ok(),
        Json::Array(items) => {
            e.array(items.len() as u64)?;
            items.iter().try_for_each(|item| write(item, e))
        }
        Json::Object(entries) => {
            e.map(entries.len() as u64)?;
            sorted(entries).into_iter().try_for_each(|(key, entry)| write(entry, e.str(key)?))
        }
    }
}

/// Entries in the order of their encodings: those with shorter keys first.
fn sorted(entries: &Map<String, Json>) -> Vec<(&String, &Json)> {
    let mut sorted: Vec<_> = entries.iter().collect();
    sorted.sort_by_key(|(key, _)| (key.len(), key.as_bytes()));
    sorted
}

fn read(d: &mut Decoder<'_>, depth: usize) -> Result<Json, decode::Error> {
    let at = d.position();
    let refused = |why| decode::Error::message(why).at(at);
    if depth > NESTING {
        return Err(refused("a structure that is nested too deep"));
    }
    let bounded = |count: Option<u64>| {
        let count = count.and_then(|count| usize::try_from(count).ok()).filter(|count| *count <= ENTRIES);
        count.ok_or_else(|| refused("a structure with too many entries"))
    };
    Ok(match d.datatype()? {
        Type::Null => {
            d.null()?;
            Json::Null
        }
        Type::Bool => Json::Bool(d.bool()?),
        Type::U8 | Type::U16 | Type::U32 | Type::U64 => Json::from(d.u64()?),
        Type::I8 | Type::I16 | Type::I32 | Type::I64 => Json::from(d.i64()?),
        Type::String => Json::from(d.str()?),
        Type::Array => {
            let count = bounded(d.array()?)?;
            Json::Array((0..count).map(|_| read(d, depth + 1)).collect::<Result<_, _>>()?)
        }
        Type::Map => {
            let count = bounded(d.map()?)?;
            let mut entries = Map::new();
            for _ in 0..count {
                let key = d.str()?.to_owned();
                entries.insert(key, read(d, depth + 1)?);
            }
            Json::Object(entries)
        }
        _ => return Err(refused("something that a structure does not hold")),
    })
}

impl fmt::Display for Structure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        show(&self.0, f)
    }
}

/// JSON, with entries in the order in which they travel.
fn show(content: &Json, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match content {
        Json::Array(items) => {
            f.write_str("[")?;
            for (nth, item) in items.iter().enumerate() {
                f.write_str(if nth > 0 { "," } else { "" })?;
                show(item, f)?;
            }
            f.write_str("]")
        }
        Json::Object(entries) => {
            f.write_str("{")?;
            for (nth, (key, entry)) in sorted(entries).into_iter().enumerate() {
                write!(f, "{}{}:", if nth > 0 { "," } else { "" }, Json::from(key.as_str()))?;
                show(entry, f)?;
            }
            f.write_str("}")
        }
        leaf => write!(f, "{leaf}"),
    }
}

impl FromStr for Structure {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        serde_json::from_str(text).map(Self).map_err(|error| format!("this is no JSON: {error}"))
    }
}
