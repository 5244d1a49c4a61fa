//! What may never come back: withdrawn and expired records.

use igain_protocol::time::{Day, Timestamp};
use minicbor::{Decode, Encode};

use super::{ClassIndex, Error, Ledger, RecordKey, decode, encode, table};
use crate::store::Batch;

/// Where a record stood that has ended; all zero for one that was never here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Encode, Decode)]
pub struct Stood {
    /// The number under which its deliveries are noted; zero where it has none.
    #[n(0)]
    pub number: u64,
    /// The number of the log at which it ended.
    #[n(1)]
    pub ended: u64,
    /// The class that it was in.
    #[n(2)]
    pub class: ClassIndex,
    /// The number with which it came there.
    #[n(3)]
    pub since: u64,
}

/// The end of a record.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct TombstoneRow {
    /// When it ended here.
    #[n(0)]
    pub at: Timestamp,
    /// The owner's signed word; none where the retention date passed.
    #[cbor(n(1), with = "minicbor::bytes")]
    pub signed: Option<Vec<u8>>,
    /// Where it stood.
    #[n(2)]
    pub stood: Stood,
    /// For a record of another bureau whose date passed here: the revision that had this date. Its owner may have given
    /// a later one a later date in time, and that one is taken; nothing else is ever.
    #[n(3)]
    pub revision: Option<u32>,
    /// For a record of another bureau that expired here: the last day on which that is remembered. The word of an owner is
    /// remembered for ever: what it withdrew may have had a later date than was heard of here.
    #[n(4)]
    pub until: Option<Day>,
    /// When the revision that had this date was written. An owner that was put back to before it may number another version as low.
    #[n(5)]
    pub modified: Option<Timestamp>,
}

impl TombstoneRow {
    /// Whether a revision of the record may not be taken in; `modified` is when it was written, where that can be read.
    pub fn bars(&self, revision: u32, modified: Option<Timestamp>) -> bool {
        let Some(expired) = self.revision else { return true };
        let is_later = self.modified.zip(modified).is_some_and(|(expired, modified)| modified > expired);
        revision <= expired && !is_later
    }
}

impl Ledger {
    /// The end of a record, if it has ended.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn tombstone(&self, key: RecordKey) -> Result<Option<TombstoneRow>, Error> {
        self.row("tombstones", table::TOMBSTONES, &key.to_bytes())
    }

    /// Whether a record has ended.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn has_ended(&self, key: RecordKey) -> Result<bool, Error> {
        Ok(self.store().contains(table::TOMBSTONES, &key.to_bytes())?)
    }

    /// A page of all ends in the order of their keys, after `after`.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn tombstones(&self, after: Option<RecordKey>, limit: usize) -> Result<Vec<(RecordKey, TombstoneRow)>, Error> {
        let after = after.map(RecordKey::to_bytes);
        let rows = self.store().prefix(table::TOMBSTONES, &[], after.as_ref().map(|key| key.as_slice()), limit)?;
        rows.iter().map(|(key, bytes)| Ok((RecordKey::from_bytes(key, 0)?, decode("tombstones", bytes)?))).collect()
    }

    /// Forgets that a revision of a record has expired: a later one is there.
    pub fn delete_tombstone(&self, batch: &mut Batch, key: RecordKey) {
        batch.delete(table::TOMBSTONES, key.to_bytes());
    }

    /// Ends a record for ever.
    pub fn put_tombstone(&self, batch: &mut Batch, key: RecordKey, row: &TombstoneRow) {
        batch.put(table::TOMBSTONES, key.to_bytes(), encode(row));
    }
}
