//! `delivery`: one sealed parcel on its way.

use minicbor::{Decoder, Encoder};

use super::message::{Error, Written};

/// Most bytes of a sealed parcel: a full one, its signature, and what sealing adds.
const MAX_SEALED: usize = crate::parcel::PARCEL_LIMIT + 8 * 1024;

/// A sealed parcel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The age file.
    pub sealed: Vec<u8>,
}

impl Delivery {
    pub(super) fn write(&self, e: &mut Encoder<&mut Vec<u8>>) -> Written {
        e.bytes(&self.sealed)?.ok()
    }

    pub(super) fn read(d: &mut Decoder<'_>) -> Result<Self, Error> {
        let sealed = d.bytes()?;
        if sealed.len() > MAX_SEALED {
            return Err(Error::Malformed(format!("a sealed parcel has at most {MAX_SEALED} bytes")));
        }
        Ok(Self { sealed: sealed.to_vec() })
    }
}
