//! Records of a later version: their owner's word, and not to be read here.
//!
//! Some entries of a record's head mean the same in every version, so that what cannot be read can still be kept, ended
//! and recalled.

use minicbor::Decode;

use super::envelope::Envelope;
use super::{Error, RecordId};
use crate::bureau::{BureauId, KeyId, VerifyingKey};
use crate::codec;
use crate::label::LabelDigest;
use crate::time::Day;

/// A record that only a later version can read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Newer {
    /// Its id.
    pub id: RecordId,
    /// Its revision.
    pub revision: u32,
    /// Who signed it.
    pub owner: BureauId,
    /// Names its label.
    pub label: LabelDigest,
    /// The last day on which anybody may keep it.
    pub retain_until: Option<Day>,
}

impl Newer {
    /// What can be told of a record whose signature is by the key that `key_of` gives for the id of one, and whose fields
    /// are those that it commits to.
    ///
    /// # Errors
    /// Where it is not its owner's word, or lacks what every version says.
    pub fn verify(bytes: &[u8], key_of: impl Fn(KeyId) -> Option<VerifyingKey>) -> Result<Self, Error> {
        let envelope = Envelope::decode(bytes)?;
        let claim = envelope.claim()?;
        claim.verify(&key_of(claim.kid()).ok_or(Error::UnknownOwner)?)?;
        Self::read(&envelope.described()?, LabelDigest::of(envelope.label))
    }

    /// Reads the map with head and label.
    fn read(described: &[u8], label: LabelDigest) -> Result<Self, Error> {
        let lacking = || Error::from(codec::Error::Content("it lacks what every version says".into()));
        let Common { id, revision, owner, retain_until } = codec::decode(described)?;
        match (id, revision, owner) {
            (Some(id), Some(revision), Some(owner)) => Ok(Self { id, revision, owner, label, retain_until }),
            _ => Err(lacking()),
        }
    }
}

/// The entries that mean the same in every version.
#[derive(Decode)]
#[cbor(map)]
struct Common {
    #[n(1)]
    id: Option<RecordId>,
    #[n(2)]
    revision: Option<u32>,
    #[n(3)]
    owner: Option<BureauId>,
    #[n(8)]
    retain_until: Option<Day>,
}
