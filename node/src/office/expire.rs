//! Expiry: what may be kept no longer goes, own and received alike, whether or not its owner can be reached.

use super::{Actor, Deed, Error, Office, write};
use crate::ledger::{Op, RecordKey, TombstoneRow};

/// Rows of due records that one step removes, so that a step stays short.
const ROWS: usize = 16;

impl Office {
    /// Removes every record whose retention date has passed. Returns how many went.
    ///
    /// # Errors
    /// Where the books cannot be read or written; what is still due goes at the next call.
    pub fn expire(&self) -> Result<usize, Error> {
        self.written(self.expire_all())
    }

    fn expire_all(&self) -> Result<usize, Error> {
        let mut gone = 0;
        loop {
            let due = self.ledger().due(self.now().day(), ROWS)?;
            if due.is_empty() {
                return Ok(gone);
            }
            for row in &due {
                let _writing = self.writing()?;
                let mut batch = self.batch();
                let mut ended = 0;
                for key in &row.records {
                    ended += usize::from(self.expire_one(&mut batch, *key)?);
                }
                self.ledger().delete_due(&mut batch, row);
                if ended > 0 {
                    self.account(Deed::new(Actor::Node, "record.expire").with("records", ended))?;
                }
                self.ledger().commit(batch)?;
                gone += ended;
            }
        }
    }

    /// Ends one record if it is still there and its date is still past.
    fn expire_one(&self, batch: &mut crate::store::Batch, key: RecordKey) -> Result<bool, Error> {
        let Some(row) = self.ledger().record(key)? else { return Ok(false) };
        let until = row.record()?.header().retain_until;
        if until.is_none_or(|until| until >= self.now().day()) {
            return Ok(false);
        }
        if key.owner == self.me() {
            self.end_record(batch, key, &row, Op::Expire, None)?;
        } else {
            write(&self.inner.classes).count(row.place.class, -1, self.ledger(), batch);
            self.ledger().put_tombstone(
                batch,
                key,
                &TombstoneRow { at: self.now(), signed: None, trail: row.place.trail() },
            );
            self.remove_record(batch, key, &row)?;
        }
        Ok(true)
    }
}
