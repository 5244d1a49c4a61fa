//! `notify`: a hint to pull now. It says nothing else, so that losing, forging or repeating it changes nothing.

use minicbor::{Decoder, Encoder};

use super::message::{Error, Written};

/// There is something new for you.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Notify;

impl Notify {
    pub(super) fn write(&self, e: &mut Encoder<&mut Vec<u8>>) -> Written {
        e.null()?.ok()
    }

    pub(super) fn read(d: &mut Decoder<'_>) -> Result<Self, Error> {
        d.null()?;
        Ok(Self)
    }
}
