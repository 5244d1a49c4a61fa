//! The entries of a feed, as they travel.

use minicbor::{Decode, Decoder, Encode, Encoder, decode, encode};

use super::{Letter, LetterKind, bytes16};
use crate::label::LabelDigest;
use crate::record::RecordId;
use crate::vocabulary::GroupSet;

/// What happened, as the peer is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// A record that is new to the peer, a new revision of one that it has, or one of which it gets other groups now.
    Put {
        /// The groups of fields that the peer is granted.
        groups: GroupSet,
        /// The bytes of the (redacted) record.
        record: Vec<u8>,
    },
    /// The owner withdrew a record: the bytes of its signed tombstone.
    Withdraw(Vec<u8>),
    /// A record must be purged. Whether it ended, or is another's now, is not said.
    Gone(RecordId),
    /// All records with this label must be purged.
    Recall(LabelDigest),
    /// All that the peer may have was sent in this generation of the feed: what is left of an earlier one must be purged.
    Complete,
    /// A signed document for this peer; in the feed of letters, and nothing else in there.
    Letter(Letter),
    /// Something that a newer version knows: its encoding. It counts, and is passed over.
    Other(Vec<u8>),
}

const PUT: u64 = 0;
const WITHDRAW: u64 = 1;
const GONE: u64 = 2;
const RECALL: u64 = 3;
const COMPLETE: u64 = 4;
const LETTER: u64 = 5;

impl Entry {
    /// Bytes that this entry takes in an item, at most a few more than it does.
    pub fn wire_len(&self) -> usize {
        const FRAMING: usize = 8;
        FRAMING
            + match self {
                Self::Put { record, .. } => record.len() + 4,
                Self::Withdraw(bytes) | Self::Other(bytes) => bytes.len(),
                Self::Gone(_) | Self::Recall(_) => 16,
                Self::Complete => 0,
                Self::Letter(letter) => letter.bytes.len() + 8,
            }
    }
}

impl<C> Encode<C> for Entry {
    fn encode<W: encode::Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), encode::Error<W::Error>> {
        match self {
            Self::Put { groups, record } => e.array(3)?.u64(PUT)?.u64(groups.bits().into())?.bytes(record)?.ok(),
            Self::Withdraw(bytes) => e.array(2)?.u64(WITHDRAW)?.bytes(bytes)?.ok(),
            Self::Gone(id) => e.array(2)?.u64(GONE)?.bytes(id.as_bytes())?.ok(),
            Self::Recall(label) => e.array(2)?.u64(RECALL)?.bytes(label.as_bytes())?.ok(),
            Self::Complete => e.array(1)?.u64(COMPLETE)?.ok(),
            Self::Letter(letter) => e.array(3)?.u64(LETTER)?.u64(letter.kind.number())?.bytes(&letter.bytes)?.ok(),
            Self::Other(bytes) => e.writer_mut().write_all(bytes).map_err(encode::Error::write),
        }
    }
}

impl<'b, C> Decode<'b, C> for Entry {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, decode::Error> {
        let start = d.position();
        let parts = d.array()?.ok_or_else(|| decode::Error::message("an entry without its length").at(start))?;
        let code = d.u64()?;
        let known = match code {
            PUT | LETTER => 3,
            WITHDRAW | GONE | RECALL => 2,
            COMPLETE => 1,
            _ => {
                d.set_position(start);
                d.skip()?;
                return Ok(Self::Other(d.input().get(start..d.position()).unwrap_or_default().to_vec()));
            }
        };
        let more = parts.checked_sub(known).ok_or_else(|| decode::Error::message("a shorter entry").at(start))?;
        let entry = match code {
            PUT => Self::Put { groups: GroupSet::from_bits_known(d.u64()?), record: d.bytes()?.to_vec() },
            WITHDRAW => Self::Withdraw(d.bytes()?.to_vec()),
            GONE => Self::Gone(RecordId::from_bytes(bytes16(d)?)),
            RECALL => Self::Recall(LabelDigest::from_bytes(bytes16(d)?)),
            COMPLETE => Self::Complete,
            _ => Self::Letter(Letter { kind: LetterKind::from_number(d.u64()?), bytes: d.bytes()?.to_vec() }),
        };
        // What a later version says besides.
        (0..more).try_for_each(|_| d.skip())?;
        Ok(entry)
    }
}
