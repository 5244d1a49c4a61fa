//! One disclosed field: the array of salt, name and value, of which a digest is signed.

use minicbor::{Decode, Decoder, Encoder, decode};

use super::commitment::Salts;
use super::{Error, FieldDef, RecordId, Value, kind};
use crate::codec::{self, text};
use crate::vocabulary::Kind;

/// The head of the array, and that of the salt.
const HEAD: [u8; 2] = [0x83, 0x50];
/// Where the salt ends and the name begins.
const SALT_END: usize = HEAD.len() + 16;

/// Writes the field at `index` with its salt.
pub(super) fn encode(salts: &Salts, index: usize, name: &str, value: &Value) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(96);
    bytes.extend_from_slice(&HEAD);
    bytes.extend_from_slice(&[0; 16]);
    let mut e = Encoder::new(&mut bytes);
    let written: Result<(), minicbor::encode::Error<std::convert::Infallible>> =
        (|| e.str(name)?.encode(value)?.ok())();
    let _ = written;
    let salt = salts.salt(index, bytes.get(SALT_END..).unwrap_or_default());
    bytes.iter_mut().skip(HEAD.len()).zip(salt).for_each(|(to, from)| *to = from);
    bytes
}

/// The field that a disclosure says, and its place among the fields of its kind.
pub(super) fn field(bytes: &[u8], kind: Kind) -> Result<(usize, &'static FieldDef, Value), Error> {
    let Disclosure { name, value } = codec::decode(bytes)?;
    match kind::find(kind, name) {
        Some((place, def)) => Ok((place, def, value)),
        None => Err(Error::UnknownField { kind, field: text::shorten(name) }),
    }
}

/// The name of the field that a disclosure says; nothing behind it is read.
pub(super) fn name(bytes: &[u8]) -> Result<&str, Error> {
    opened(&mut Decoder::new(bytes)).map_err(malformed)
}

/// The record that a disclosure refers to; none where its value is no reference.
pub(super) fn reference(bytes: &[u8]) -> Result<Option<RecordId>, Error> {
    let mut d = Decoder::new(bytes);
    match opened(&mut d).and_then(|_| d.decode()).map_err(malformed)? {
        Value::Reference(id) => Ok(Some(id)),
        _ => Ok(None),
    }
}

struct Disclosure<'b> {
    name: &'b str,
    value: Value,
}

impl<'b> Decode<'b, ()> for Disclosure<'b> {
    fn decode(d: &mut Decoder<'b>, _: &mut ()) -> Result<Self, decode::Error> {
        Ok(Self { name: opened(d)?, value: d.decode()? })
    }
}

/// Reads up to the name.
fn opened<'b>(d: &mut Decoder<'b>) -> Result<&'b str, decode::Error> {
    if d.array()? != Some(3) || d.bytes()?.len() != 16 {
        return Err(decode::Error::message("not a salt, a name and a value").at(d.position()));
    }
    d.str()
}

fn malformed(error: decode::Error) -> Error {
    codec::Error::Content(text::shorten(&error.to_string())).into()
}
