//! The name of a file for machines.

use std::fmt;
use std::str::FromStr;

use minicbor::{Decode, Decoder, Encode, Encoder, decode, encode};
use uuid::Uuid;

use super::Error;
use crate::codec::text;
use crate::time::Timestamp;

/// A crime analysis file: a UUID of version 7 (RFC 9562 §5.7), made by its manager.
///
/// In CBOR its 16 bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CafId(Uuid);

impl CafId {
    /// A new id from an instant and ten random bytes.
    pub fn new(at: Timestamp, random: &[u8; 10]) -> Self {
        Self(uuid::Builder::from_unix_timestamp_millis(at.as_ms(), random).into_uuid())
    }

    /// An id as a document carries it.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(Uuid::from_bytes(bytes))
    }

    /// The 16 bytes.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }
}

impl fmt::Display for CafId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0.hyphenated(), f)
    }
}

impl fmt::Debug for CafId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for CafId {
    type Err = Error;

    fn from_str(typed: &str) -> Result<Self, Error> {
        Uuid::try_parse(typed).map(Self).map_err(|_| Error::Id(text::shorten(typed)))
    }
}

impl<C> Encode<C> for CafId {
    fn encode<W: encode::Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), encode::Error<W::Error>> {
        e.bytes(self.as_bytes())?.ok()
    }
}

impl<'b, C> Decode<'b, C> for CafId {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, decode::Error> {
        let bytes: &[u8; 16] = d.bytes()?.try_into().map_err(|_| decode::Error::message("an id has 16 bytes"))?;
        Ok(Self::from_bytes(*bytes))
    }
}
