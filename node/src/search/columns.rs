//! What a hit is made of and ranked by: one value a record, read once for each segment and kept.

use igain_protocol::bureau::BureauId;
use igain_protocol::record::RecordId;
use tantivy::columnar::Column;
use tantivy::index::SegmentId;
use tantivy::{DocId, SegmentReader};

use super::Error;
use super::collect::Rank;
use super::schema::{DAY, ID_HIGH, ID_LOW, LENGTH, MODIFIED, OWNER};

/// The columns of one segment. They do not change while the segment is there.
pub(super) struct Columns {
    segment: SegmentId,
    id_high: Column<u64>,
    id_low: Column<u64>,
    /// Indices into `owners`.
    owner: Column<u64>,
    owners: Vec<BureauId>,
    modified: Column<u64>,
    day: Column<u64>,
    length: Column<u64>,
}

impl Columns {
    pub(super) fn open(segment: &SegmentReader) -> Result<Self, Error> {
        let column = |name| segment.fast_fields().u64(name);
        let missing = || Error::Damaged("a segment has no owners".to_owned());
        let (dictionary, owner) = segment.fast_fields().str(OWNER)?.ok_or_else(missing)?.into_parts();
        let mut owners = Vec::new();
        let mut names = dictionary.stream()?;
        while names.advance() {
            let name = std::str::from_utf8(names.key()).ok().and_then(|name| name.parse().ok());
            owners.push(name.ok_or_else(missing)?);
        }
        Ok(Self {
            segment: segment.segment_id(),
            id_high: column(ID_HIGH)?,
            id_low: column(ID_LOW)?,
            owner,
            owners,
            modified: column(MODIFIED)?,
            day: column(DAY)?,
            length: column(LENGTH)?,
        })
    }

    pub(super) fn are_of(&self, segment: &SegmentReader) -> bool {
        self.segment == segment.segment_id()
    }

    pub(super) fn day(&self, doc: DocId) -> u64 {
        self.day.first(doc).unwrap_or_default()
    }

    /// The part of a rank that most hits differ in.
    pub(super) fn merit(&self, doc: DocId, score: u32) -> (u32, u64, u64) {
        let length = self.length.first(doc).unwrap_or_default();
        (score, u64::MAX - length, self.modified.first(doc).unwrap_or_default())
    }

    /// The whole rank; `None` for a record whose owner cannot be told.
    pub(super) fn rank(&self, doc: DocId, merit: (u32, u64, u64)) -> Option<Rank> {
        let high = self.id_high.first(doc)?;
        let low = self.id_low.first(doc)?;
        let owner = usize::try_from(self.owner.first(doc)?).ok().and_then(|ordinal| self.owners.get(ordinal))?;
        let id = RecordId::from_bytes((u128::from(high) << 64 | u128::from(low)).to_be_bytes());
        Some(Rank::new(merit, id, *owner))
    }
}
