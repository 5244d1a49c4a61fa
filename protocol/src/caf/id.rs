//! The name of a file for machines.

use std::fmt;
use std::str::FromStr;

use minicbor::{Decode, Decoder, Encode, Encoder, decode, encode};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::Error;
use crate::bureau::BureauId;
use crate::codec::text;

/// A crime analysis file: a UUID of version 8 (RFC 9562 §5.8), made of its manager's name and a nonce, so that no other
/// bureau can lay down a charter for it.
///
/// In CBOR its 16 bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CafId(Uuid);

impl CafId {
    /// The id of the file that `manager` opens with a nonce, which it draws at random.
    pub fn of(manager: BureauId, nonce: &[u8; 16]) -> Self {
        let mut hash = Sha256::new();
        hash.update(b"igain file 1");
        hash.update(manager.as_bytes());
        hash.update(nonce);
        let mut id = [0; 16];
        id.iter_mut().zip(hash.finalize()).for_each(|(to, from)| *to = from);
        Self(uuid::Builder::from_custom_bytes(id).into_uuid())
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
