//! Withdrawing records of this bureau's own.

use igain_protocol::record::{RecordId, Tombstone};
use igain_protocol::vocabulary::Reason;

use super::{Actor, Deed, Error, Office, index, write};
use crate::ledger::{DRAFTS, LogEntry, Op, RecordKey, RecordRow, TombstoneRow};
use crate::store::Batch;

impl Office {
    /// Withdraws a record: it is gone here when this returns, and every bureau that ever had it will be told.
    ///
    /// # Errors
    /// Where there is no such record of this bureau's own.
    pub fn withdraw(&self, actor: Actor, id: RecordId, reason: Reason) -> Result<(), Error> {
        self.written(self.withdraw_one(actor, id, reason))
    }

    fn withdraw_one(&self, actor: Actor, id: RecordId, reason: Reason) -> Result<(), Error> {
        let key = RecordKey { id, owner: self.me() };
        let _writing = self.writing()?;
        let row = self.ledger().record(key)?.ok_or(Error::UnknownRecord(id))?;
        self.account(Deed::new(actor, "record.withdraw").record(id).with("reason", reason))?;
        let signed = Tombstone::new(id, self.me(), self.now(), reason).sign(&self.secrets().signing);
        let mut batch = self.batch();
        self.end_record(&mut batch, key, &row, Op::Withdraw, Some(signed))?;
        Ok(self.ledger().commit(batch)?)
    }

    /// Removes a record of this bureau's own and notes its end in its class log. The caller holds the writing lock.
    pub(super) fn end_record(
        &self,
        batch: &mut Batch,
        key: RecordKey,
        row: &RecordRow,
        op: Op,
        signed: Option<Vec<u8>>,
    ) -> Result<(), Error> {
        let place = &row.place;
        let mut classes = write(&self.inner.classes);
        if place.class != DRAFTS {
            let seq = classes.head(place.class) + 1;
            let entry = LogEntry { seq, op, id: key.id, slot: place.slot };
            self.ledger().append_log(batch, place.class, &[entry]);
            classes.set_head(place.class, seq);
        }
        classes.count(place.class, -1, self.ledger(), batch);
        drop(classes);
        self.ledger().put_tombstone(batch, key, &TombstoneRow { at: self.now(), signed, trail: place.trail() });
        self.remove_record(batch, key, row)
    }

    /// Removes a record and what it is found by.
    pub(super) fn remove_record(&self, batch: &mut Batch, key: RecordKey, row: &RecordRow) -> Result<(), Error> {
        let record = row.record()?;
        for identifier in index::identifiers(&self.secrets().identifier, &record) {
            self.ledger().delete_identifier(batch, identifier, key);
        }
        self.ledger().delete_record(batch, key);
        Ok(())
    }
}
