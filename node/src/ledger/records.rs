//! Records, own and received: where each stands, and its bytes.

use igain_protocol::bureau::BureauId;
use igain_protocol::record::{self, Record, RecordId};
use igain_protocol::time::{Day, Timestamp};
use igain_protocol::vocabulary::GroupSet;
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
    /// Where revisions in the class changed some groups of fields alone.
    #[n(6)]
    pub changes: Option<Changes>,
    /// That this revision was written here; none where it came from another bureau, or is of a build of before.
    #[n(7)]
    pub here: Option<Here>,
}

/// When a version of this bureau's own was written, by what tells it from one that was forgotten: see
/// `office::reclaim`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct Here {
    /// The number of the start since which it was.
    #[n(0)]
    pub life: u64,
    /// What the system's clock said, where that was doubted, and ahead of what was explained.
    #[n(1)]
    pub later: Option<Timestamp>,
}

/// The entries that changed something of a record since it came into its class, the newest first, each with the groups
/// that no later one changed. Each group is in one of them.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Changes(#[n(0)] Vec<(u64, u32)>);

impl Place {
    /// The entry of the class that last changed what is shown with these groups: who may have these sees the record there,
    /// and hears nothing of revisions of the others.
    pub fn seq_for(&self, groups: GroupSet) -> u64 {
        let shows = |(_, changed): &&(u64, u32)| changed & groups.bits() != 0;
        let change = self.changes.as_ref().map(|Changes(changes)| changes.iter().find(shows));
        change.map_or(self.seq, |change| change.map_or(self.since, |(seq, _)| *seq))
    }

    /// What is noted once entry `seq` has changed `groups` of it.
    pub fn changed_by(&self, seq: u64, groups: GroupSet) -> Option<Changes> {
        let all = || Changes(vec![(self.seq, GroupSet::ALL.bits())]);
        let Changes(before) = self.changes.clone().unwrap_or_else(all);
        let older = before.into_iter().map(|(seq, changed)| (seq, changed & !groups.bits()));
        let changes: Vec<(u64, u32)> =
            [(seq, groups.bits())].into_iter().chain(older).filter(|(_, changed)| *changed != 0).collect();
        // Where one entry changed all, it is the one that the record stands at.
        (groups != GroupSet::ALL).then_some(Changes(changes))
    }
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

#[cfg(test)]
mod tests {
    use super::super::decode;
    use super::*;
    use igain_protocol::vocabulary::Group;

    fn set(groups: &[Group]) -> GroupSet {
        groups.iter().copied().collect()
    }

    /// A record stands, for each set of groups, where something of them changed last.
    #[test]
    fn a_record_stands_where_something_that_is_shown_changed() {
        let (core, narrative, source) = (set(&[Group::Core]), set(&[Group::Narrative]), set(&[Group::Source]));
        let place = Place {
            class: 1,
            seq: 5,
            since: 5,
            number: 5,
            stored: Timestamp::from_ms(0),
            until: None,
            changes: None,
            here: None,
        };
        assert_eq!(place.seq_for(core), 5);
        let after = |place: &Place, seq, groups| Place { seq, changes: place.changed_by(seq, groups), ..place.clone() };
        let one = after(&place, 7, narrative);
        assert_eq!((one.seq_for(core), one.seq_for(narrative), one.seq_for(core.union(narrative))), (5, 7, 7));
        let two = after(&one, 9, source.union(core));
        assert_eq!((two.seq_for(core), two.seq_for(narrative), two.seq_for(set(&[Group::Identity]))), (9, 7, 5));
        let three = after(&two, 11, GroupSet::EMPTY);
        assert_eq!((three.seq_for(GroupSet::ALL), three.changes == two.changes), (9, true), "nothing of it is shown");
        let all = after(&three, 12, GroupSet::ALL);
        assert_eq!((all.changes.clone(), all.seq_for(narrative)), (None, 12));
        let read: Place = decode(NAME, &igain_protocol::codec::encode(&three)).unwrap();
        assert_eq!(read, three);
    }
}
