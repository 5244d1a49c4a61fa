//! `pull`: what the subscriber holds, and how much it can take.

use minicbor::{Decode as _, Decoder, Encode as _, Encoder};

use super::message::{Error, Written, array, bytes16};
use crate::log::{Cursor, MAX_FEEDS};

/// What the subscriber holds of the provider's feeds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pull {
    /// Grows with each pull of this subscriber; a provider ignores one that does not.
    pub serial: u64,
    /// [`crate::log::digest`] over all cursors of the subscriber.
    pub digest: [u8; 16],
    /// All cursors in the order of their feeds, when the provider asked for them.
    pub cursors: Option<Vec<Cursor>>,
    /// Most bytes of parcels that the subscriber takes in answer, a parcel more or less.
    pub budget_bytes: u32,
    /// Most parcels that may be under way: sent, and not yet told of by [`super::Taken`].
    pub window: u32,
    /// The other direction: the digest of what the subscriber, as a provider, takes the provider to hold of it. A
    /// provider that holds something else pulls in its turn.
    pub mirror: [u8; 16],
    /// The other direction: the subscriber has something for the provider.
    pub news: bool,
}

impl Pull {
    pub(super) fn write(&self, e: &mut Encoder<&mut Vec<u8>>) -> Written {
        e.array(7)?.u64(self.serial)?.bytes(&self.digest)?;
        match &self.cursors {
            None => e.null()?.ok()?,
            Some(cursors) => {
                e.array(cursors.len() as u64)?;
                cursors.iter().try_for_each(|cursor| cursor.encode(e, &mut ()))?;
            }
        }
        e.u32(self.budget_bytes)?.u32(self.window)?.bytes(&self.mirror)?.bool(self.news)?.ok()
    }

    pub(super) fn read(d: &mut Decoder<'_>) -> Result<Self, Error> {
        array(d, 7)?;
        Ok(Self {
            serial: d.u64()?,
            digest: bytes16(d)?,
            cursors: cursors(d)?,
            budget_bytes: d.u32()?,
            window: d.u32()?,
            mirror: bytes16(d)?,
            news: d.bool()?,
        })
    }
}

fn cursors(d: &mut Decoder<'_>) -> Result<Option<Vec<Cursor>>, Error> {
    if d.datatype()? == minicbor::data::Type::Null {
        d.null()?;
        return Ok(None);
    }
    let count = d.array()?.and_then(|n| usize::try_from(n).ok()).filter(|n| *n <= MAX_FEEDS);
    let count = count.ok_or_else(|| Error::Malformed(format!("expected at most {MAX_FEEDS} cursors")))?;
    let cursors: Vec<Cursor> = (0..count).map(|_| Cursor::decode(d, &mut ())).collect::<Result<_, _>>()?;
    if cursors.is_sorted_by(|a, b| a.feed < b.feed) {
        Ok(Some(cursors))
    } else {
        Err(Error::Malformed("cursors must ascend by feed".into()))
    }
}
