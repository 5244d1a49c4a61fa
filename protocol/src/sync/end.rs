//! `end`: the provider has sent what it will in answer to one pull.

use minicbor::{Decoder, Encoder};

use super::message::{Error, Written, array};

/// The end of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct End {
    /// The budget ran out before the news did: pull again.
    pub more: bool,
    /// The other direction: what [`super::Pull::mirror`] says is what this bureau holds.
    pub mirrored: bool,
}

impl End {
    pub(super) fn write(&self, e: &mut Encoder<&mut Vec<u8>>) -> Written {
        e.array(2)?.bool(self.more)?.bool(self.mirrored)?.ok()
    }

    pub(super) fn read(d: &mut Decoder<'_>) -> Result<Self, Error> {
        array(d, 2)?;
        Ok(Self { more: d.bool()?, mirrored: d.bool()? })
    }
}
