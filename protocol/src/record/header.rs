//! What the owner signs.

use minicbor::{Decode, Encode};

use super::commitment::{self, Digest};
use super::{Content, Error, RecordId};
use crate::bureau::BureauId;
use crate::codec;
use crate::label::Label;
use crate::time::{Day, Timestamp};
use crate::vocabulary::{Grading, Kind};

/// The version of the record format.
pub(super) const VERSION: u64 = 2;

/// The signed head of a record: what it is, whose, and what it commits to.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Header {
    /// The version of the format; another one is refused.
    #[n(0)]
    pub version: u64,
    /// The id.
    #[n(1)]
    pub id: RecordId,
    /// 1 for the first version, and one more with each revision.
    #[n(2)]
    pub revision: u32,
    /// Who signed it.
    #[n(3)]
    pub owner: BureauId,
    /// The label.
    #[n(4)]
    pub label: Label,
    /// How reliable it is; none in a draft.
    #[n(5)]
    pub grading: Option<Grading>,
    /// When the first version was made.
    #[n(6)]
    pub created: Timestamp,
    /// When this version was made.
    #[n(7)]
    pub modified: Timestamp,
    /// The last day on which anybody may keep it; none in a draft.
    #[n(8)]
    pub retain_until: Option<Day>,
    /// SHA-256 over all digests, ascending.
    #[cbor(n(9), with = "minicbor::bytes")]
    pub digests_hash: [u8; 32],
    /// How many digests there are, a multiple of eight.
    #[n(10)]
    pub digest_count: u32,
}

impl Header {
    /// The head of a record with these digests, which are in order.
    pub(super) fn of(content: &Content, digests: &[Digest]) -> Self {
        Self {
            version: VERSION,
            id: content.id,
            revision: content.revision,
            owner: content.owner,
            label: content.label.clone(),
            grading: content.grading,
            created: content.created,
            modified: content.modified,
            retain_until: content.retain_until,
            digests_hash: commitment::hash_of(digests),
            digest_count: u32::try_from(digests.len()).unwrap_or(u32::MAX),
        }
    }

    /// Reads the payload of a signed record.
    pub(super) fn decode(payload: &[u8]) -> Result<Self, Error> {
        let header: Self = codec::decode_version(payload, VERSION)?;
        header.label.check()?;
        match header.revision {
            0 => Err(Error::Revision),
            _ => Ok(header),
        }
    }

    /// Whether the record may be shared: graded, with a retention date, and a person with a subject category (law L13).
    /// A receiver refuses what its sender should not have sent.
    ///
    /// # Errors
    /// [`Error::Draft`] with all that is lacking.
    pub fn check_shareable(&self) -> Result<(), Error> {
        check_shareable(&self.label, self.grading, self.retain_until)
    }
}

pub(super) fn check_shareable(label: &Label, grading: Option<Grading>, retain_until: Option<Day>) -> Result<(), Error> {
    let lacks = [
        (grading.is_none(), "a grading"),
        (retain_until.is_none(), "a retention date"),
        (label.kind == Kind::Person && label.category.is_none(), "a subject category"),
    ];
    let lacks: Vec<&str> = lacks.into_iter().filter(|(lacks, _)| *lacks).map(|(_, what)| what).collect();
    if lacks.is_empty() { Ok(()) } else { Err(Error::Draft(lacks.join(" and "))) }
}
