//! Withdrawing records of this bureau's own.

use igain_protocol::record::{RecordId, Tombstone};
use igain_protocol::vocabulary::Reason;

use super::turn::Turn;
use super::{Actor, Deed, Error, Office, index};
use crate::ledger::{DRAFTS, IdentifierKey, Op, RecordKey, RecordRow, Stood, TombstoneRow};

impl Office {
    /// Withdraws a record: it is gone here when this returns, and every bureau that ever had it will be told.
    ///
    /// # Errors
    /// Where there is no such record of this bureau's own.
    pub fn withdraw(&self, actor: Actor, id: RecordId, reason: Reason) -> Result<(), Error> {
        let key = RecordKey { id, owner: self.me() };
        let mut turn = self.turn()?;
        turn.takes_back();
        let row = self.ledger().record(key)?.ok_or(Error::UnknownRecord(id))?;
        turn.account(Deed::new(actor, "record.withdraw").record(id).with("reason", reason));
        let signed = Tombstone::new(id, self.me(), self.now(), reason).sign(&self.secrets().signing);
        turn.end_record(key, &row, Op::Withdraw, Some(signed));
        turn.commit_now()
    }
}

impl Turn<'_> {
    /// Removes a record of this bureau's own and notes its end in its class log.
    pub(super) fn end_record(&mut self, key: RecordKey, row: &RecordRow, op: Op, signed: Option<Vec<u8>>) {
        let place = &row.place;
        let ended = match place.class {
            DRAFTS => place.since,
            class => self.push(class, op, key.id, Some(place.number)).0,
        };
        self.count(place.class, -1);
        let stood = Stood { number: place.number, ended, class: place.class, since: place.since };
        self.put_tombstone(
            key,
            &TombstoneRow { at: self.now(), signed, stood, revision: None, until: None, modified: None },
        );
        self.remove_record(key, row);
    }

    /// Removes a record and what it is found by.
    pub(super) fn remove_record(&mut self, key: RecordKey, row: &RecordRow) {
        let identifiers = match row.record() {
            Ok(record) => {
                if key.owner == self.office().me() && record.is_redacted() {
                    self.office().ledger().delete_former(&mut self.batch, key);
                }
                index::identifiers(&self.office().secrets().identifier, &record)
            }
            // What it is found by leads nowhere then; it goes all the same.
            Err(error) => {
                tracing::error!(id = %key.id, owner = %key.owner, %error, "a record that goes cannot be read");
                Vec::new()
            }
        };
        self.remove_found_by(key, &identifiers);
    }

    /// Removes a record that is found by these identifiers.
    pub(super) fn remove_found_by(&mut self, key: RecordKey, identifiers: &[IdentifierKey]) {
        let ledger = self.office().ledger();
        identifiers.iter().for_each(|identifier| ledger.delete_identifier(&mut self.batch, *identifier, key));
        ledger.delete_record(&mut self.batch, key);
        self.touch(key);
    }
}
