//! What the owner signs of a record, but its parts.

use minicbor::{Decode, Encode};

use super::{Content, Error, RecordId};
use crate::bureau::BureauId;
use crate::codec;
use crate::label::Label;
use crate::time::{Day, Timestamp};
use crate::vocabulary::Kind;

/// The version of the record format.
pub(super) const VERSION: u64 = 2;

/// The signed head of a record: what it is, and whose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// The id.
    pub id: RecordId,
    /// 1 for the first version, and one more with each revision.
    pub revision: u32,
    /// Who signed it.
    pub owner: BureauId,
    /// The label.
    pub label: Label,
    /// When the first version was made.
    pub created: Timestamp,
    /// When this version was made.
    pub modified: Timestamp,
    /// The last day on which anybody may keep it; none in a draft.
    pub retain_until: Option<Day>,
}

/// The map that it is in what is signed; the root of the commitments follows as its last entry.
#[derive(Encode, Decode)]
#[cbor(map)]
pub(super) struct Wire {
    #[n(0)]
    pub(super) version: u64,
    #[n(1)]
    id: RecordId,
    #[n(2)]
    pub(super) revision: u32,
    #[n(3)]
    owner: BureauId,
    /// Left out where this is the first version.
    #[n(6)]
    created: Option<Timestamp>,
    #[n(7)]
    modified: Timestamp,
    #[n(8)]
    retain_until: Option<Day>,
    #[n(22)]
    label: Label,
}

impl Header {
    /// The head of a record.
    pub(super) fn of(content: &Content) -> Self {
        Self {
            id: content.id,
            revision: content.revision,
            owner: content.owner,
            label: content.label.clone(),
            created: content.created,
            modified: content.modified,
            retain_until: content.retain_until,
        }
    }

    pub(super) fn wire(&self) -> Wire {
        Wire {
            version: VERSION,
            id: self.id,
            revision: self.revision,
            owner: self.owner,
            created: (self.created != self.modified).then_some(self.created),
            modified: self.modified,
            retain_until: self.retain_until,
            label: self.label.clone(),
        }
    }

    /// Reads the map with head and label.
    pub(super) fn decode(described: &[u8]) -> Result<Self, Error> {
        let wire: Wire = codec::decode_version(described, VERSION)?;
        wire.label.check()?;
        let header = Self {
            id: wire.id,
            revision: wire.revision,
            owner: wire.owner,
            label: wire.label,
            created: wire.created.unwrap_or(wire.modified),
            modified: wire.modified,
            retain_until: wire.retain_until,
        };
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
        check_shareable(&self.label, self.retain_until)
    }
}

pub(super) fn check_shareable(label: &Label, retain_until: Option<Day>) -> Result<(), Error> {
    let lacks = [
        (label.grading.is_none(), "a grading"),
        (retain_until.is_none(), "a retention date"),
        (label.kind == Kind::Person && label.category.is_none(), "a subject category"),
    ];
    let lacks: Vec<&str> = lacks.into_iter().filter(|(lacks, _)| *lacks).map(|(_, what)| what).collect();
    if lacks.is_empty() { Ok(()) } else { Err(Error::Draft(lacks.join(" and "))) }
}
