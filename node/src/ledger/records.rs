//! Records, own and received: where each stands, and its bytes.

use igain_protocol::bureau::BureauId;
use igain_protocol::record::{self, Record, RecordId};
use igain_protocol::time::{Day, Timestamp};
use minicbor::{Decode, Encode};

use super::{ClassIndex, Error, Ledger, part, table};
use crate::store::{Batch, Table};

const NAME: &str = "records";

/// A record is named by its id and its owner: two owners may use one id, and neither can touch the other's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordKey {
    /// The id.
    pub id: RecordId,
    /// The owner.
    pub owner: BureauId,
}

/// Where a record stands.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Place {
    /// Its log; [`super::DRAFTS`] for one that cannot be shared.
    #[n(0)]
    pub class: ClassIndex,
    /// The entry that put this revision there.
    #[n(1)]
    pub seq: u64,
    /// The entry with which it came into the class.
    #[n(2)]
    pub since: u64,
    /// The first entry of all that put it into a log: the number under which its deliveries are noted. Zero for a draft
    /// that never was in one.
    #[n(3)]
    pub number: u64,
    /// When this revision became durable here.
    #[n(4)]
    pub stored: Timestamp,
    /// The last day on which it may be kept; none for a draft without one.
    #[n(5)]
    pub until: Option<Day>,
}

/// A record and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordRow {
    /// Where it stands.
    pub place: Place,
    /// Its bytes, as signed by its owner, perhaps redacted.
    pub bytes: Vec<u8>,
}

impl RecordRow {
    /// The record. It was verified when it came in.
    ///
    /// # Errors
    /// Where the bytes are no record.
    pub fn record(&self) -> Result<Record, Error> {
        record::trusted(&self.bytes).map_err(|error| Error::Row { table: NAME, why: error.to_string() })
    }

    /// Whether its last day has not passed on `today`: an expired record is as if it were gone, also before it is
    /// removed.
    pub fn is_live(&self, today: Day) -> bool {
        self.place.until.is_none_or(|until| today <= until)
    }
}

impl RecordKey {
    pub(super) fn to_bytes(self) -> [u8; 24] {
        let mut key = [0; 24];
        let (id, owner) = key.split_at_mut(16);
        id.copy_from_slice(self.id.as_bytes());
        owner.copy_from_slice(self.owner.as_bytes());
        key
    }

    pub(super) fn from_bytes(bytes: &[u8], at: usize) -> Result<Self, Error> {
        let id = RecordId::from_bytes(part(NAME, bytes, at)?);
        let owner = BureauId::from_bytes(part(NAME, bytes, at + 16)?);
        let owner = owner.map_err(|error| Error::Row { table: NAME, why: error.to_string() })?;
        Ok(Self { id, owner })
    }
}

impl Ledger {
    /// The table of the records, for who follows what changes in it.
    pub const RECORDS: Table = table::RECORDS;

    /// One record.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn record(&self, key: RecordKey) -> Result<Option<RecordRow>, Error> {
        self.store().get(table::RECORDS, &key.to_bytes())?.map(|bytes| split(&bytes)).transpose()
    }

    /// Whether a record is there.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn has_record(&self, key: RecordKey) -> Result<bool, Error> {
        Ok(self.store().contains(table::RECORDS, &key.to_bytes())?)
    }

    /// The records of any owner with this id.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn records_with_id(&self, id: RecordId) -> Result<Vec<(RecordKey, RecordRow)>, Error> {
        const MOST: usize = 256;
        let rows = self.store().prefix(table::RECORDS, id.as_bytes(), None, MOST)?;
        rows.iter().map(|(key, bytes)| Ok((RecordKey::from_bytes(key, 0)?, split(bytes)?))).collect()
    }

    /// A page of all records in the order of their keys, after `after`.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn records(&self, after: Option<RecordKey>, limit: usize) -> Result<Vec<(RecordKey, RecordRow)>, Error> {
        let after = after.map(RecordKey::to_bytes);
        let rows = self.store().prefix(table::RECORDS, &[], after.as_ref().map(|key| key.as_slice()), limit)?;
        rows.iter().map(|(key, bytes)| Ok((RecordKey::from_bytes(key, 0)?, split(bytes)?))).collect()
    }

    /// Adds or replaces a record.
    pub fn put_record(&self, batch: &mut Batch, key: RecordKey, place: &Place, bytes: &[u8]) {
        let mut row = igain_protocol::codec::encode(place);
        row.extend_from_slice(bytes);
        batch.put(table::RECORDS, key.to_bytes(), row);
    }

    /// Removes a record.
    pub fn delete_record(&self, batch: &mut Batch, key: RecordKey) {
        batch.delete(table::RECORDS, key.to_bytes());
    }

    /// What a replayed write says of the records: its key, and the row unless it was removed. None for other tables.
    ///
    /// # Errors
    /// Where the row cannot be read.
    pub fn replayed_record(
        table: Table,
        key: &[u8],
        value: Option<&[u8]>,
    ) -> Result<Option<(RecordKey, Option<RecordRow>)>, Error> {
        if table != table::RECORDS {
            return Ok(None);
        }
        Ok(Some((RecordKey::from_bytes(key, 0)?, value.map(split).transpose()?)))
    }
}

fn split(row: &[u8]) -> Result<RecordRow, Error> {
    let bad = |why: String| Error::Row { table: NAME, why };
    let mut d = minicbor::Decoder::new(row);
    let place: Place = d.decode().map_err(|error| bad(error.to_string()))?;
    let bytes = row.get(d.position()..).unwrap_or_default();
    Ok(RecordRow { place, bytes: bytes.to_vec() })
}
