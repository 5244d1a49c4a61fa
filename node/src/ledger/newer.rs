//! Records of other bureaus that only a later version can read. They are kept as they came, shown to nobody, and read again
//! at the next start.

use igain_protocol::bureau::BureauId;
use igain_protocol::label::LabelDigest;
use igain_protocol::record::RecordId;
use igain_protocol::time::Day;
use igain_protocol::vocabulary::GroupSet;
use minicbor::{Decode, Encode};

use super::{Error, Ledger, RecordKey, encode, part, table};
use crate::store::Batch;

const NAME: &str = "newer";

/// A record that cannot be read here.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct NewerRow {
    /// The generation of the feed that it came in.
    #[n(0)]
    pub generation: u64,
    /// The groups of fields that are granted, as far as they are known here.
    #[n(1)]
    pub groups: GroupSet,
    /// Names its label.
    #[cbor(n(2), with = "minicbor::bytes")]
    pub label: [u8; 16],
    /// Its revision.
    #[n(3)]
    pub revision: u32,
    /// The last day on which it may be kept.
    #[n(4)]
    pub until: Option<Day>,
    /// Its bytes, whose signature was verified.
    #[cbor(n(5), with = "minicbor::bytes")]
    pub bytes: Vec<u8>,
}

impl NewerRow {
    /// Names its label.
    pub const fn label(&self) -> LabelDigest {
        LabelDigest::from_bytes(self.label)
    }
}

impl Ledger {
    /// One record that cannot be read here.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn newer(&self, key: RecordKey) -> Result<Option<NewerRow>, Error> {
        self.row(NAME, table::NEWER, &newer_key(key))
    }

    /// A page of those of one owner, after a record.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn newer_of(
        &self,
        owner: BureauId,
        after: Option<RecordId>,
        limit: usize,
    ) -> Result<Vec<(RecordId, NewerRow)>, Error> {
        let after = after.map(|id| newer_key(RecordKey { id, owner }));
        let rows = self.store().prefix(table::NEWER, owner.as_bytes(), after.as_deref(), limit)?;
        let read = |(key, bytes): &(Vec<u8>, Vec<u8>)| {
            Ok((RecordId::from_bytes(part(NAME, key, 8)?), super::decode(NAME, bytes)?))
        };
        rows.iter().map(read).collect()
    }

    /// How many records of an owner cannot be read here, as far as they are counted.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn newer_count(&self, owner: BureauId) -> Result<usize, Error> {
        const MOST: usize = 1 << 16;
        Ok(self.store().prefix_keys(table::NEWER, owner.as_bytes(), None, MOST)?.len())
    }

    /// Keeps a record that cannot be read here.
    pub fn put_newer(&self, batch: &mut Batch, key: RecordKey, row: &NewerRow) {
        batch.put(table::NEWER, newer_key(key), encode(row));
    }

    /// Removes one.
    pub fn delete_newer(&self, batch: &mut Batch, key: RecordKey) {
        batch.delete(table::NEWER, newer_key(key));
    }
}

fn newer_key(key: RecordKey) -> Vec<u8> {
    [key.owner.as_bytes().as_slice(), key.id.as_bytes()].concat()
}
