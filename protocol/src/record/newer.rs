//! Records of a later version: their owner's word, and not to be read here.
//!
//! Some entries of a record's head mean the same in every version, so that what cannot be read can still be kept, ended
//! and recalled.

use minicbor::Decoder;

use super::envelope::Envelope;
use super::{Error, RecordId, verify};
use crate::bureau::{BureauId, VerifyingKey};
use crate::codec::{self, Signed, Typ, text};
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
    /// What can be told of a record whose signature is by `key`, and whose fields are those that it commits to.
    ///
    /// # Errors
    /// Where it is not its owner's word, or lacks what every version says.
    pub fn verify(bytes: &[u8], key: &VerifyingKey) -> Result<Self, Error> {
        let envelope = Envelope::decode(bytes)?;
        let payload = Signed::parse(Typ::Record, envelope.signed)?.verify(key)?;
        let head = Head::read(payload)?;
        verify::check_digests(&envelope, head.digest_count, &head.digests_hash)?;
        Ok(head.newer)
    }
}

struct Head {
    newer: Newer,
    digests_hash: [u8; 32],
    digest_count: u32,
}

impl Head {
    /// Reads a payload that was found to be deterministic CBOR.
    fn read(payload: &[u8]) -> Result<Self, Error> {
        let lacking = || Error::from(codec::Error::Content("it lacks what every version says".into()));
        let malformed = |error: minicbor::decode::Error| codec::Error::Content(text::shorten(&error.to_string()));
        let mut d = Decoder::new(payload);
        let (mut id, mut revision, mut owner, mut label) = (None, None, None, None);
        let (mut retain_until, mut hash, mut count) = (None, None, None);
        for _ in 0..d.map().map_err(malformed)?.unwrap_or_default() {
            match d.u64().map_err(malformed)? {
                1 => id = Some(d.decode().map_err(malformed)?),
                2 => revision = Some(d.u32().map_err(malformed)?),
                3 => owner = Some(d.decode().map_err(malformed)?),
                4 => {
                    let start = d.position();
                    d.skip().map_err(malformed)?;
                    label = payload.get(start..d.position()).map(LabelDigest::of);
                }
                8 => retain_until = Some(d.decode().map_err(malformed)?),
                9 => hash = d.bytes().map_err(malformed)?.try_into().ok(),
                10 => count = Some(d.u32().map_err(malformed)?),
                _ => d.skip().map_err(malformed)?,
            }
        }
        let (Some(id), Some(revision), Some(owner), Some(label)) = (id, revision, owner, label) else {
            return Err(lacking());
        };
        let (Some(digests_hash), Some(digest_count)) = (hash, count) else { return Err(lacking()) };
        Ok(Self { newer: Newer { id, revision, owner, label, retain_until }, digests_hash, digest_count })
    }
}
