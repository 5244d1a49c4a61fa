//! `returned`: what the subscriber gives back, in a sealed parcel.

use minicbor::{Decoder, Encoder};

use super::delivery::Delivery;
use super::message::{Error, Written};

/// A parcel of the subscriber's, whose items are [`Given`](super::Given).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Returned {
    /// The age file.
    pub sealed: Vec<u8>,
}

impl Returned {
    pub(super) fn write(&self, e: &mut Encoder<&mut Vec<u8>>) -> Written {
        e.bytes(&self.sealed)?.ok()
    }

    pub(super) fn read(d: &mut Decoder<'_>) -> Result<Self, Error> {
        Ok(Self { sealed: Delivery::read(d)?.sealed })
    }
}
