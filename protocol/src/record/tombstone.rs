//! The owner's word that a record is no more.

use minicbor::{Decode, Encode};

use super::RecordId;
use crate::bureau::{BureauId, KeyId, SigningKey, VerifyingKey};
use crate::codec::{self, Signed, Typ};
use crate::time::Timestamp;
use crate::vocabulary::Reason;

const VERSION: u64 = 2;

/// A withdrawal. It is final: no revision brings the record back.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Tombstone {
    /// The version of the format.
    #[n(0)]
    version: u64,
    /// The record.
    #[n(1)]
    pub id: RecordId,
    /// Its owner, who signs.
    #[n(2)]
    pub owner: BureauId,
    /// When it was withdrawn.
    #[n(3)]
    pub at: Timestamp,
    /// Why.
    #[n(4)]
    pub reason: Reason,
}

impl Tombstone {
    /// The withdrawal of a record.
    pub const fn new(id: RecordId, owner: BureauId, at: Timestamp, reason: Reason) -> Self {
        Self { version: VERSION, id, owner, at, reason }
    }

    /// The signed withdrawal.
    pub fn sign(&self, key: &SigningKey) -> Vec<u8> {
        codec::sign(Typ::Tombstone, &codec::encode(self), key)
    }

    /// The record that is withdrawn in signed bytes, once `key_of` its owner verifies them: also where a later version says
    /// more of it, for its id and its owner mean the same in every version.
    ///
    /// # Errors
    /// Where it is malformed, by an unknown owner or by somebody else.
    pub fn verify_end(
        bytes: &[u8],
        key_of: impl Fn(BureauId, KeyId) -> Option<VerifyingKey>,
    ) -> Result<RecordId, super::Error> {
        let signed = Signed::parse(Typ::Tombstone, bytes)?;
        let common: Common = codec::decode(signed.payload())?;
        if common.version < VERSION {
            return Err(codec::Error::Version { found: common.version, known: VERSION }.into());
        }
        let key = key_of(common.owner, signed.kid()).ok_or(super::Error::UnknownOwner)?;
        signed.verify(&key)?;
        Ok(common.id)
    }

    /// The withdrawal in signed bytes, once `key_of` its owner verifies them.
    ///
    /// # Errors
    /// Where it is malformed, by an unknown owner or by somebody else.
    pub fn verify(
        bytes: &[u8],
        key_of: impl Fn(BureauId, KeyId) -> Option<VerifyingKey>,
    ) -> Result<Self, super::Error> {
        let signed = Signed::parse(Typ::Tombstone, bytes)?;
        let tombstone: Self = codec::decode_version(signed.payload(), VERSION)?;
        let key = key_of(tombstone.owner, signed.kid()).ok_or(super::Error::UnknownOwner)?;
        signed.verify(&key)?;
        Ok(tombstone)
    }
}

/// The entries that mean the same in every version.
#[derive(Decode)]
#[cbor(map)]
struct Common {
    #[n(0)]
    version: u64,
    #[n(1)]
    id: RecordId,
    #[n(2)]
    owner: BureauId,
}
