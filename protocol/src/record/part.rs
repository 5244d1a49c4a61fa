//! The parts of a record: the fields that are disclosed or withheld together. A part is an array of numbers of fields
//! and their values, by turns; the fields of one disclosure group are one, and each reference is one of its own.

use minicbor::{Decoder, Encoder};

use super::{Error, FIELDS_LIMIT, FieldDef, RecordId, Value, Version, kind};
use crate::codec::{self, text};
use crate::vocabulary::{Group, GroupSet, Kind};

/// Where a field stands in a record: with its group, references last.
pub(super) fn rank(def: &FieldDef) -> (Group, bool) {
    (def.group, def.ty.is_reference())
}

/// A field of a kind: its place among the fields of the kind, and what it is.
pub(super) type Placed = (usize, &'static FieldDef);

/// Sorts fields into parts, and tells the order in which they stand in there.
pub(super) fn arrange(fields: &[Placed]) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> = (0..fields.len()).collect();
    let rank = |index: usize| fields.get(index).map(|(_, def)| rank(def));
    order.sort_by_key(|index| rank(*index));
    let together = |a: &usize, b: &usize| rank(*a) == rank(*b) && rank(*a).is_some_and(|(_, reference)| !reference);
    order.chunk_by(together).map(<[usize]>::to_vec).collect()
}

/// The bytes of a part with these fields, of which each is given by its number and value.
pub(super) fn encode<'a>(fields: impl ExactSizeIterator<Item = (u64, &'a Value)>) -> Vec<u8> {
    let mut e = Encoder::new(Vec::with_capacity(128));
    let written: Result<(), minicbor::encode::Error<std::convert::Infallible>> = (|| {
        e.array(2 * fields.len() as u64)?;
        for (number, value) in fields {
            e.u64(number)?.encode(value)?;
        }
        Ok(())
    })();
    let _ = written;
    e.into_writer()
}

/// A field of a part: its place among the fields of the kind, what it is, and its value.
pub(super) type Field = (usize, &'static FieldDef, Value);

/// Reads the fields of a part.
pub(super) fn decode(part: &[u8], kind: Kind) -> Result<Vec<Field>, Error> {
    let Pairs(pairs) = codec::decode(part)?;
    let known = |(number, value): (u64, Value)| {
        let unknown = || Error::UnknownField { kind, field: number.to_string() };
        let (place, def) = kind::numbered(kind, number).ok_or_else(unknown)?;
        Ok((place, def, value))
    };
    pairs.into_iter().map(known).collect()
}

/// Whether a peer with these groups may have a part: all of its fields are known and granted, and `may_refer` to each
/// record in it. No value is read but references.
pub(super) fn may_disclose(
    part: &[u8],
    kind: Kind,
    groups: GroupSet,
    may_refer: &dyn Fn(RecordId) -> bool,
) -> Result<bool, Error> {
    let mut d = Decoder::new(part);
    for _ in 0..count(&mut d).map_err(malformed)? {
        let number = d.u64().map_err(malformed)?;
        let may = match kind::numbered(kind, number) {
            Some((_, def)) if !groups.contains(def.group) => false,
            Some((_, def)) if def.ty.is_reference() => match d.decode().map_err(malformed)? {
                Value::Reference(id) | Value::Version(Version { id, .. }) => may_refer(id),
                _ => false,
            },
            Some(_) => d.skip().map(|()| true).map_err(malformed)?,
            None => false,
        };
        if !may {
            return Ok(false);
        }
    }
    Ok(true)
}

struct Pairs(Vec<(u64, Value)>);

impl<'b> minicbor::Decode<'b, ()> for Pairs {
    fn decode(d: &mut Decoder<'b>, _: &mut ()) -> Result<Self, minicbor::decode::Error> {
        let count = count(d)?;
        (0..count).map(|_| Ok((d.u64()?, d.decode()?))).collect::<Result<_, _>>().map(Self)
    }
}

/// How many fields follow.
fn count(d: &mut Decoder<'_>) -> Result<usize, minicbor::decode::Error> {
    let items = d.array()?.and_then(|items| usize::try_from(items).ok()).filter(|items| *items <= 2 * FIELDS_LIMIT);
    match items {
        Some(items) if items > 0 && items % 2 == 0 => Ok(items / 2),
        _ => Err(minicbor::decode::Error::message("a part is no array of numbers and values").at(d.position())),
    }
}

fn malformed(error: minicbor::decode::Error) -> Error {
    codec::Error::Content(text::shorten(&error.to_string())).into()
}
