//! Entries of the audit log that came with a commit of the books, until the log has them.

use super::{Error, Ledger, part, table};
use crate::audit::{Load, Stored};
use crate::store::Batch;

const NAME: &str = "carried";

impl Ledger {
    /// What the books carry, in order.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn carried(&self) -> Result<Vec<Stored>, Error> {
        let rows = self.store().prefix(table::CARRIED, &[], None, usize::MAX)?;
        let read = |(key, bytes): (Vec<u8>, Vec<u8>)| Ok((u64::from_be_bytes(part(NAME, &key, 0)?), bytes.into()));
        rows.into_iter().map(read).collect()
    }

    /// Has them take entries along, and drop others.
    pub fn put_carried(&self, batch: &mut Batch, load: Load) {
        load.dropped.iter().for_each(|seq| batch.delete(table::CARRIED, seq.to_be_bytes()));
        load.put.iter().for_each(|(seq, entry)| batch.put(table::CARRIED, seq.to_be_bytes(), entry.to_vec()));
    }
}
