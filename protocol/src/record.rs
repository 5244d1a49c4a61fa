//! Records: one entity, event or link, each version signed by its owner.
//!
//! A record is written as [`Content`], signed into a [`Record`], and may be redacted: the fields of each disclosure group,
//! and each reference, are committed to by a salted hash under the owner's signature, so a copy that withholds some still
//! verifies as the owner's word. Bytes from elsewhere are [`Unverified`] until the owner's signature has been checked.

mod commitment;
mod content;
mod envelope;
mod field;
mod header;
mod id;
mod kind;
mod newer;
mod part;
mod redact;
mod rejoin;
mod tombstone;
mod value;
mod verify;

pub use commitment::SaltKey;
pub use content::{Content, sign};
pub(crate) use envelope::{is_short, lengthened, shortened, split};
pub use field::{FieldDef, FieldType, Tense};
pub use header::Header;
pub use id::{NotAnId, RecordId};
pub use kind::{field, fields, number};
pub use newer::Newer;
pub use redact::redact_bytes;
pub use tombstone::Tombstone;
pub use value::{
    Attachment, CalendarDay, Digest, LINE_LIMIT, NotADate, ORIGINAL_LIMIT, Original, PartialDate, STRUCTURE_LIMIT,
    Structure, TEXT_LIMIT, Value, Version,
};
pub use verify::{Record, Unverified, trusted, verify_batch};

use crate::codec;
use crate::vocabulary::Kind;

/// Most fields of a record, and most parts of one, disclosed or withheld, decoys among them: many times what a full record has, and little
/// enough that a stranger's costs little to refuse.
pub const FIELDS_LIMIT: usize = 256;

/// Most bytes of a record: with its frame it must fit a parcel.
pub const RECORD_LIMIT: usize = 56 * 1024;

/// Why a record is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Not a signed document, or not by its owner.
    #[error(transparent)]
    Document(#[from] codec::Error),
    /// Its label is refused.
    #[error(transparent)]
    Label(#[from] crate::label::Error),
    /// A field that its kind does not have.
    #[error("a record of kind `{kind}` has no field `{field}`. `igain record schema {kind}` lists its fields")]
    UnknownField {
        /// The kind of record.
        kind: Kind,
        /// The name of the field.
        field: String,
    },
    /// A value that its field does not take.
    #[error("field `{field}` does not take this value: {why}")]
    Value {
        /// The name of the field.
        field: String,
        /// What it takes.
        why: String,
    },
    /// A field more than once that may be there only once.
    #[error("field `{0}` may be there only once")]
    Repeated(&'static str),
    /// Revision 0.
    #[error("the record has revision 0, and revisions count from 1. Its owner breaks the protocol")]
    Revision,
    /// Too many fields.
    #[error("the record has more than {FIELDS_LIMIT} fields. Split it into linked records")]
    TooManyFields,
    /// Too many bytes.
    #[error(
        "the record, or a redacted copy of it, has {0} bytes, and {RECORD_LIMIT} is the limit. Split it into linked records"
    )]
    TooLong(usize),
    /// Not ready to be shared.
    #[error("the record is a draft: it lacks {0}. Set it with `igain record revise` before sharing")]
    Draft(String),
    /// What is disclosed and withheld is not what its owner committed to.
    #[error("the parts of the record cannot be those that an owner signs. The record was altered on its way")]
    Commitment,
    /// Its owner is unknown.
    #[error("the record is by an owner that is not enrolled here")]
    UnknownOwner,
}

impl Error {
    /// Whether what is refused may be sound for a later version: it says something that is not known here.
    pub const fn may_be_newer(&self) -> bool {
        match self {
            Self::Document(codec::Error::Version { found, known }) => *found > *known,
            Self::Document(codec::Error::Content(_)) | Self::UnknownField { .. } | Self::Value { .. } => true,
            // Bounds that a later version may lift.
            Self::Repeated(_) | Self::TooManyFields => true,
            Self::Label(crate::label::Error::Order(_)) => false,
            Self::Label(_) => true,
            _ => false,
        }
    }

    /// The stable name of this kind of error, for machines.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Document(error) => error.code(),
            Self::Label(_) => "record.label",
            Self::UnknownField { .. } => "record.unknown-field",
            Self::Value { .. } => "record.value",
            Self::Repeated(_) => "record.repeated-field",
            Self::Revision => "record.revision",
            Self::TooManyFields => "record.too-many-fields",
            Self::TooLong(_) => "record.too-long",
            Self::Draft(_) => "record.draft",
            Self::Commitment => "record.commitment",
            Self::UnknownOwner => "record.unknown-owner",
        }
    }
}

#[cfg(test)]
mod tests;
