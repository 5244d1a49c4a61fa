//! `taken`: how much of an answer is taken in, so that as much more may follow.

use minicbor::{Decoder, Encoder};

use super::message::{Error, Written, array, skip};

/// Parcels of the answer to one pull that the subscriber has made durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taken {
    /// The serial of the pull; of another one this says nothing.
    pub serial: u64,
    /// Parcels, from the beginning of the answer.
    pub parcels: u32,
}

impl Taken {
    pub(super) fn write(&self, e: &mut Encoder<&mut Vec<u8>>) -> Written {
        e.array(2)?.u64(self.serial)?.u32(self.parcels)?.ok()
    }

    pub(super) fn read(d: &mut Decoder<'_>) -> Result<Self, Error> {
        let more = array(d, 2)?;
        let taken = Self { serial: d.u64()?, parcels: d.u32()? };
        skip(d, more)?;
        Ok(taken)
    }
}
