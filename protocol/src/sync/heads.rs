//! `heads`: what binds both sides to their audit logs, with the first answer in an exchange and then each ten minutes.
//!
//! A bureau commits to the end of its log towards each peer, and the peer shows it one of those that it keeps: whoever puts the
//! log of a bureau back, or cuts it, with all that is on its machine, cannot change what its peers hold. A commitment is a hash
//! with a nonce of its own, so it says nothing of the log, nor of what happens; all are of one length.

use minicbor::{Decoder, Encoder};

use super::message::{Error, Written, array, skip};
use crate::time::Timestamp;

/// A commitment to the end of an audit log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Commitment {
    /// When it was made, by the clock of its maker.
    pub at: Timestamp,
    /// What only its maker can open.
    pub digest: [u8; 32],
}

/// What a provider says of both logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heads {
    /// To its own.
    pub own: Commitment,
    /// One of those that the subscriber made, and that the provider keeps; zeros where it keeps none.
    pub kept: Commitment,
}

impl Heads {
    pub(super) fn write(&self, e: &mut Encoder<&mut Vec<u8>>) -> Written {
        e.array(2)?;
        [self.own, self.kept].into_iter().try_for_each(|commitment| e.bytes(&commitment.to_bytes())?.ok())
    }

    pub(super) fn read(d: &mut Decoder<'_>) -> Result<Self, Error> {
        let more = array(d, 2)?;
        let heads = Self { own: Commitment::read(d)?, kept: Commitment::read(d)? };
        skip(d, more)?;
        Ok(heads)
    }
}

impl Commitment {
    fn to_bytes(self) -> [u8; 40] {
        let mut bytes = [0; 40];
        let (at, digest) = bytes.split_at_mut(8);
        at.copy_from_slice(&self.at.as_ms().to_be_bytes());
        digest.copy_from_slice(&self.digest);
        bytes
    }

    fn read(d: &mut Decoder<'_>) -> Result<Self, Error> {
        let bytes = d.bytes()?;
        let parts = bytes.split_first_chunk::<8>().and_then(|(at, digest)| Some((*at, digest.try_into().ok()?)));
        let (at, digest) = parts.ok_or_else(|| Error::Malformed("a commitment has 40 bytes".into()))?;
        Ok(Self { at: Timestamp::from_ms(u64::from_be_bytes(at)), digest })
    }
}
