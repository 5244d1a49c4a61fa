//! `pull`: what the subscriber holds, and how much it can take.

use minicbor::{Decode as _, Decoder, Encode as _, Encoder};

use super::Hello;
use super::message::{Error, Written, array, bytes16, skip};
use crate::feed::{Cursor, Cursors};

/// What the subscriber holds of the provider's feeds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pull {
    /// Grows with each pull of this subscriber; a provider ignores one that does not.
    pub serial: u64,
    /// How far the subscriber has come.
    pub cursors: Cursors,
    /// Most bytes of parcels that the subscriber takes in answer, a parcel more or less.
    pub budget_bytes: u32,
    /// Most parcels that may be under way: sent, and not yet told of by [`super::Taken`].
    pub window: u32,
    /// The other direction: the digest of what the subscriber, as a provider, takes the provider to hold of it. A
    /// provider that holds something else pulls in its turn.
    pub mirror: [u8; 16],
    /// The other direction: the subscriber has something for the provider.
    pub news: bool,
    /// What the subscriber's program knows.
    pub hello: Hello,
}

impl Pull {
    pub(super) fn write(&self, e: &mut Encoder<&mut Vec<u8>>) -> Written {
        e.array(8)?.u64(self.serial)?;
        self.cursors.letters.encode(e, &mut ())?;
        self.cursors.records.encode(e, &mut ())?;
        self.hello.write(e.u32(self.budget_bytes)?.u32(self.window)?.bytes(&self.mirror)?.bool(self.news)?)
    }

    pub(super) fn read(d: &mut Decoder<'_>) -> Result<Self, Error> {
        let more = array(d, 8)?;
        let pull = Self {
            serial: d.u64()?,
            cursors: Cursors { letters: Cursor::decode(d, &mut ())?, records: Cursor::decode(d, &mut ())? },
            budget_bytes: d.u32()?,
            window: d.u32()?,
            mirror: bytes16(d)?,
            news: d.bool()?,
            hello: Hello::read(d)?,
        };
        skip(d, more)?;
        Ok(pull)
    }
}
