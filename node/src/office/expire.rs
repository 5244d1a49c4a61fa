//! Expiry: what may be kept no longer goes, own and received alike, whether or not its owner can be reached. It is hidden
//! from the first second after its last day on, and destroyed after a time of grace, in which a clock that was wrong can be
//! put right; while the clock is doubted, nothing is.

use std::collections::BTreeSet;

use igain_protocol::time::Day;

use super::turn::Turn;
use super::{Actor, Deed, Error, Office};
use crate::ledger::{Due, Op, RecordKey, Stood, TombstoneRow};

/// Days for which it is remembered that a record of another bureau has expired.
const REMEMBERED_DAYS: u32 = 30;

/// Rows of due records that are read together.
const ROWS: usize = 16;

/// Records that one turn removes, so that others are not held up.
const RECORDS: usize = 64;

impl Office {
    /// Removes every record whose retention date passed long enough ago. Returns how many went.
    ///
    /// # Errors
    /// Where the books cannot be read or written; what is still due goes at the next call.
    pub fn expire(&self) -> Result<usize, Error> {
        let Some(before) = self.clock().destroys() else { return Ok(0) };
        let (mut gone, mut after) = (0, None);
        loop {
            let due = self.ledger().due(before, after.as_ref(), ROWS)?;
            let Some(last) = due.last() else { return Ok(gone) };
            after = Some(last.clone());
            for row in &due {
                gone += self.expire_row(row, before)?;
            }
        }
    }

    /// Removes the records of one row, some at a time; with the last of them the row goes, unless one of them could not be
    /// read: that one is looked at again the next time, and holds up no other.
    fn expire_row(&self, row: &Due, before: Day) -> Result<usize, Error> {
        let (mut gone, mut unread) = (0, 0);
        // One that came twice with this date is named twice, and must not be counted out twice.
        let records: Vec<RecordKey> = row.records.iter().copied().collect::<BTreeSet<_>>().into_iter().collect();
        let mut parts = records.chunks(RECORDS).peekable();
        loop {
            let part = parts.next().unwrap_or_default();
            let mut turn = self.turn()?;
            turn.takes_back();
            let mut ended = 0;
            for key in part {
                match turn.expire_one(*key, before) {
                    Ok(expired) => ended += usize::from(expired),
                    Err(error) => {
                        unread += 1;
                        tracing::error!(id = %key.id, owner = %key.owner, %error, "a record that is due cannot be read");
                    }
                }
            }
            let last = parts.peek().is_none();
            if last && unread == 0 {
                self.ledger().delete_due(&mut turn.batch, row);
            }
            if ended > 0 {
                turn.account(Deed::new(Actor::Node, "record.expire").with("records", ended));
            }
            turn.commit_now()?;
            gone += ended;
            if last {
                return Ok(gone);
            }
        }
    }
}

impl Turn<'_> {
    /// Ends one record if it is still there and its date is still before that day.
    fn expire_one(&mut self, key: RecordKey, before: Day) -> Result<bool, Error> {
        let ledger = self.office().ledger();
        let Some(row) = ledger.record(key)? else {
            let newer = ledger.newer(key)?.filter(|row| row.until.is_some_and(|until| until < before));
            if newer.is_some() {
                ledger.delete_newer(&mut self.batch, key);
            }
            let ended = ledger.tombstone(key)?.and_then(|row| row.until);
            if ended.is_some_and(|until| until < before) {
                ledger.delete_tombstone(&mut self.batch, key);
            }
            return Ok(newer.is_some());
        };
        if row.is_live(before) {
            return Ok(false);
        }
        if key.owner == self.office().me() {
            self.end_record(key, &row, Op::Expire, None);
        } else {
            self.count(row.place.class, -1);
            // One that cannot be read does not come back at all.
            let record = row.record().ok();
            let revision = record.as_ref().map(|record| record.header().revision);
            let modified = record.as_ref().map(|record| record.header().modified);
            // Its owner's clock may be behind, or this one was ahead: what it gave does not come back at once.
            let until = self.now().day().plus_days(REMEMBERED_DAYS);
            let (at, stood) = (self.now(), Stood::default());
            self.put_tombstone(key, &TombstoneRow { at, signed: None, stood, revision, until: Some(until), modified });
            self.retain(until, key);
            self.remove_record(key, &row);
        }
        Ok(true)
    }
}
