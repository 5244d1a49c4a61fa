//! `reclaim`: the provider asks for what the subscriber holds of the provider's own.
//!
//! A subscriber that shows a place that was never sent proves that the provider has forgotten: it was put back to a backup.
//! Before the provider answers, it has this peer give back what it can prove. The subscriber says which of the provider's
//! records it holds, a page at a time, and gives those that are asked for; it keeps no state, so that this goes on after
//! whatever broke it off.

use minicbor::{Decoder, Encoder};

use super::message::{Error, Written, array, bytes16, skip};
use crate::record::RecordId;

/// Most records that are asked for at once.
pub const WANT_LIMIT: usize = 1_024;

/// Most bytes of a place among what the subscriber holds.
pub const PLACE_LIMIT: usize = 64;

/// What the provider asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reclaim {
    /// The page behind this place, which the subscriber has named; empty for the first.
    pub after: Vec<u8>,
    /// These records, or their ends, rather than a page.
    pub want: Vec<RecordId>,
}

impl Reclaim {
    pub(super) fn write(&self, e: &mut Encoder<&mut Vec<u8>>) -> Written {
        e.array(2)?.bytes(&self.after)?.array(self.want.len() as u64)?;
        self.want.iter().try_for_each(|id| e.bytes(id.as_bytes())?.ok())
    }

    pub(super) fn read(d: &mut Decoder<'_>) -> Result<Self, Error> {
        let more = array(d, 2)?;
        let after = d.bytes()?;
        if after.len() > PLACE_LIMIT {
            return Err(Error::Malformed(format!("a place has at most {PLACE_LIMIT} bytes")));
        }
        let count = d.array()?.and_then(|count| usize::try_from(count).ok()).filter(|count| *count <= WANT_LIMIT);
        let count = count.ok_or_else(|| Error::Malformed(format!("at most {WANT_LIMIT} records are asked for")))?;
        let want = (0..count).map(|_| Ok(RecordId::from_bytes(bytes16(d)?))).collect::<Result<_, Error>>()?;
        let reclaim = Self { after: after.to_vec(), want };
        skip(d, more)?;
        Ok(reclaim)
    }
}
