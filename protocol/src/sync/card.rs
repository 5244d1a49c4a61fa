//! `card`: the provider's newest card, for a subscriber that says that it has an older one.
//!
//! It comes before the parcels, which may be signed with a key that only this card names.

use minicbor::{Decoder, Encoder};

use super::message::{Error, Written};

/// A card.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CardMessage {
    /// Its signed bytes.
    pub card: Vec<u8>,
}

impl CardMessage {
    pub(super) fn write(&self, e: &mut Encoder<&mut Vec<u8>>) -> Written {
        e.bytes(&self.card)?.ok()
    }

    pub(super) fn read(d: &mut Decoder<'_>) -> Result<Self, Error> {
        Ok(Self { card: d.bytes()?.to_vec() })
    }
}
