//! The logs that this node keeps: one for each class of its own, one for each feed that it receives.

use igain_protocol::bureau::BureauId;
use igain_protocol::label::Label;
use igain_protocol::log::FeedId;
use igain_protocol::sync::ClassIndex;
use igain_protocol::vocabulary::GroupSet;
use minicbor::{Decode, Encode};

use super::{Error, Ledger, decode, encode, part, table};
use crate::store::Batch;

const NAME: &str = "classes";

/// The class of records that cannot be shared yet. It has no log.
pub const DRAFTS: ClassIndex = ClassIndex::MAX - 1;

/// One log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClassRow {
    /// Who owns its records.
    pub owner: BureauId,
    /// The label of all its records.
    pub label: Label,
    /// For a received feed: its handle, and the groups that its owner grants.
    pub feed: Option<(FeedId, GroupSet)>,
    /// A received feed that is being purged: its records count as gone already.
    pub ending: bool,
}

#[derive(Encode, Decode)]
#[cbor(map)]
struct Row {
    #[n(0)]
    owner: BureauId,
    #[cbor(n(1), with = "minicbor::bytes")]
    label: Vec<u8>,
    #[cbor(n(2), with = "minicbor::bytes")]
    feed: Option<Vec<u8>>,
    #[n(3)]
    groups: u8,
    #[n(4)]
    ending: Option<bool>,
}

impl Ledger {
    /// All logs with their indexes, ascending.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn classes(&self) -> Result<Vec<(ClassIndex, ClassRow)>, Error> {
        let rows: Vec<(Vec<u8>, Row)> = self.rows(NAME, table::CLASSES, &[])?;
        rows.into_iter().map(|(key, row)| Ok((ClassIndex::from_be_bytes(part(NAME, &key, 0)?), row.read()?))).collect()
    }

    /// One log.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn class(&self, class: ClassIndex) -> Result<Option<ClassRow>, Error> {
        let bytes = self.store().get(table::CLASSES, &class.to_be_bytes())?;
        bytes.map(|bytes| decode::<Row>(NAME, &bytes)?.read()).transpose()
    }

    /// Adds a log.
    pub fn put_class(&self, batch: &mut Batch, class: ClassIndex, row: &ClassRow) {
        let row = Row {
            owner: row.owner,
            label: row.label.canonical(),
            feed: row.feed.map(|(feed, _)| feed.as_bytes().to_vec()),
            groups: row.feed.map_or(0, |(_, groups)| groups.bits()),
            ending: row.ending.then_some(true),
        };
        batch.put(table::CLASSES, class.to_be_bytes(), encode(&row));
    }

    /// Removes a log.
    pub fn delete_class(&self, batch: &mut Batch, class: ClassIndex) {
        batch.delete(table::CLASSES, class.to_be_bytes());
        batch.delete(table::COUNTS, class.to_be_bytes());
    }

    /// How many live records a log has.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn class_count(&self, class: ClassIndex) -> Result<u64, Error> {
        let bytes = self.store().get(table::COUNTS, &class.to_be_bytes())?;
        bytes.map_or(Ok(0), |bytes| decode(NAME, &bytes))
    }

    /// Notes how many live records a log has.
    pub fn put_class_count(&self, batch: &mut Batch, class: ClassIndex, count: u64) {
        batch.put(table::COUNTS, class.to_be_bytes(), encode(&count));
    }
}

impl Row {
    fn read(self) -> Result<ClassRow, Error> {
        let bad = |why: &str| Error::Row { table: NAME, why: why.into() };
        let label = Label::decode(&self.label).map_err(|error| bad(&error.to_string()))?;
        let groups = GroupSet::from_bits(self.groups).ok_or_else(|| bad("unknown group"))?;
        let feed = self.feed.map(|bytes| -> Result<_, Error> {
            let bytes: [u8; 16] = bytes.try_into().map_err(|_| bad("handle of another length"))?;
            Ok((FeedId::from_bytes(bytes), groups))
        });
        Ok(ClassRow { owner: self.owner, label, feed: feed.transpose()?, ending: self.ending == Some(true) })
    }
}
