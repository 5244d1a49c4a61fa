//! `end`: the provider has sent what it will in answer to one pull.

use minicbor::{Decoder, Encoder};

use super::Hello;
use super::message::{Error, Written, array, skip};

/// The end of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct End {
    /// The budget ran out before the news did: pull again.
    pub more: bool,
    /// The other direction: what [`super::Pull::mirror`] says is what this bureau holds.
    pub mirrored: bool,
    /// What the provider's program knows.
    pub hello: Hello,
}

impl End {
    pub(super) fn write(&self, e: &mut Encoder<&mut Vec<u8>>) -> Written {
        self.hello.write(e.array(3)?.bool(self.more)?.bool(self.mirrored)?)
    }

    pub(super) fn read(d: &mut Decoder<'_>) -> Result<Self, Error> {
        let more = array(d, 3)?;
        let end = Self { more: d.bool()?, mirrored: d.bool()?, hello: Hello::read(d)? };
        skip(d, more)?;
        Ok(end)
    }
}
