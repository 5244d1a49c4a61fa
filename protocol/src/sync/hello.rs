//! `hello`: what a node's program knows, said with each pull and each end.

use minicbor::{Decoder, Encoder};

use super::message::{Error, Written, array, skip};

/// What one side says of its program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Hello {
    /// The newest version of the format that it reads; zero where it did not say.
    pub format: u64,
    /// What it can do besides, a bit each. None is given a meaning yet; ones that are not known are passed over.
    pub capabilities: u64,
}

impl Hello {
    /// What this program says.
    pub const OURS: Self = Self { format: 2, capabilities: 0 };

    pub(super) fn write(&self, e: &mut Encoder<&mut Vec<u8>>) -> Written {
        e.array(2)?.u64(self.format)?.u64(self.capabilities)?.ok()
    }

    pub(super) fn read(d: &mut Decoder<'_>) -> Result<Self, Error> {
        let more = array(d, 2)?;
        let hello = Self { format: d.u64()?, capabilities: d.u64()? };
        skip(d, more)?;
        Ok(hello)
    }
}
