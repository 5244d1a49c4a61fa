//! What this bureau has forgotten, since it was put back to a backup, and how far others have given it back.

use igain_protocol::bureau::BureauId;
use igain_protocol::time::Timestamp;
use minicbor::{Decode, Encode};

use super::{Error, Ledger, RecordKey, encode, part, table};
use crate::store::Batch;

const NAME: &str = "reclaims";

/// That this bureau was put back.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct RecoveryRow {
    /// When that was noticed.
    #[n(0)]
    pub noticed: Timestamp,
    /// The bureau that proved it; none where the books or a restore did.
    #[n(1)]
    pub by: Option<BureauId>,
    /// Records that were given back.
    #[n(2)]
    pub records: u64,
    /// Of those, ones that were not given back whole.
    #[n(3)]
    pub partly: u64,
    /// Withdrawals that were given back.
    #[n(4)]
    pub ended: u64,
    /// Charters and answers that were given back.
    #[n(5)]
    pub letters: u64,
    /// Of the records, ones that took the place of a version that was written here, perhaps since the backup.
    #[n(6)]
    #[cbor(default)]
    pub replaced: u64,
}

impl RecoveryRow {
    /// It was noticed just now, and nothing was given back yet.
    pub const fn new(noticed: Timestamp, by: Option<BureauId>) -> Self {
        Self { noticed, by, records: 0, partly: 0, ended: 0, letters: 0, replaced: 0 }
    }
}

/// How far one bureau has given back what it holds.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct ReclaimRow {
    /// A digest of the place that it showed, and that was never sent as far as is known here.
    #[cbor(n(0), with = "minicbor::bytes")]
    pub shown: [u8; 16],
    /// Since when it is asked.
    #[n(1)]
    pub since: Timestamp,
    /// How it stands.
    #[n(2)]
    pub stand: Stand,
    /// The place behind which it is asked next.
    #[cbor(n(3), with = "minicbor::bytes")]
    pub after: Vec<u8>,
    /// What came and cannot be taken in.
    #[n(4)]
    pub refused: u64,
    /// What is signed with a key of before counts as well: an administrator says that those were not stolen.
    #[n(5)]
    #[cbor(default)]
    pub former: bool,
}

/// Entries of the audit log whose deeds are to be done again: the books have forgotten them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct RedoRow {
    /// The first.
    #[n(0)]
    pub from: u64,
    /// The last.
    #[n(1)]
    pub upto: u64,
}

/// How giving back stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum Stand {
    /// It is asked, and is not served before it has given back.
    #[n(0)]
    Asked,
    /// Its program does not know how to; it is not served.
    #[n(1)]
    Unable,
    /// It has given back what it holds.
    #[n(2)]
    Done,
    /// An administrator has it served without.
    #[n(3)]
    Waived,
    /// It has given back what it holds, and some of it cannot be taken in: of a later version, or signed with a key of before.
    #[n(4)]
    Refused,
}

impl Stand {
    /// Whether the bureau is served.
    pub const fn serves(self) -> bool {
        matches!(self, Self::Done | Self::Waived)
    }
}

impl Ledger {
    /// That this bureau was put back; none where nothing says so.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn recovery(&self) -> Result<Option<RecoveryRow>, Error> {
        self.row("meta", table::META, b"recovery")
    }

    /// Notes that this bureau was put back.
    pub fn put_recovery(&self, batch: &mut Batch, row: &RecoveryRow) {
        batch.put(table::META, *b"recovery", encode(row));
    }

    /// What is to be done again; none mostly.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn redo(&self) -> Result<Option<RedoRow>, Error> {
        self.row("meta", table::META, b"redo")
    }

    /// Notes what is to be done again, until it is done.
    pub fn put_redo(&self, batch: &mut Batch, row: Option<&RedoRow>) {
        match row {
            Some(row) => batch.put(table::META, *b"redo", encode(row)),
            None => batch.delete(table::META, *b"redo"),
        }
    }

    /// Forgets all of it, since it was dealt with.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn delete_recovery(&self, batch: &mut Batch) -> Result<(), Error> {
        batch.delete(table::META, *b"recovery");
        for (peer, row) in self.reclaims()? {
            if row.stand.serves() {
                batch.delete(table::RECLAIMS, *peer.as_bytes());
            }
        }
        Ok(())
    }

    /// The last start since which a bureau showed a place that was sent: it had seen nothing that was forgotten by then; zero where it
    /// never did.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn heard(&self, peer: BureauId) -> Result<u64, Error> {
        Ok(self.row("heard", table::HEARD, peer.as_bytes())?.unwrap_or_default())
    }

    /// Notes it.
    pub fn put_heard(&self, batch: &mut Batch, peer: BureauId, life: u64) {
        batch.put(table::HEARD, *peer.as_bytes(), encode(&life));
    }

    /// How far each bureau that showed a place that was never sent has given back.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn reclaims(&self) -> Result<Vec<(BureauId, ReclaimRow)>, Error> {
        let rows = self.rows(NAME, table::RECLAIMS, &[])?;
        let read = |(key, row): (Vec<u8>, ReclaimRow)| {
            let bureau = BureauId::from_bytes(part(NAME, &key, 0)?);
            Ok((bureau.map_err(|error| Error::Row { table: NAME, why: error.to_string() })?, row))
        };
        rows.into_iter().map(read).collect()
    }

    /// How far one bureau has.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn reclaim(&self, peer: BureauId) -> Result<Option<ReclaimRow>, Error> {
        self.row(NAME, table::RECLAIMS, peer.as_bytes())
    }

    /// Notes how far one has.
    pub fn put_reclaim(&self, batch: &mut Batch, peer: BureauId, row: &ReclaimRow) {
        batch.put(table::RECLAIMS, *peer.as_bytes(), encode(row));
    }

    /// The last version of a record of this bureau's own that is known whole, where a later one was given back in part; empty where
    /// none is.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn former(&self, key: RecordKey) -> Result<Option<Vec<u8>>, Error> {
        Ok(self.store().get(table::FORMER, &key.to_bytes())?)
    }

    /// Keeps it.
    pub fn put_former(&self, batch: &mut Batch, key: RecordKey, bytes: &[u8]) {
        batch.put(table::FORMER, key.to_bytes(), bytes);
    }

    /// Forgets it: the record is whole again, or gone.
    pub fn delete_former(&self, batch: &mut Batch, key: RecordKey) {
        batch.delete(table::FORMER, key.to_bytes());
    }

    /// Records of which a version is known only in part, a page after `after`.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn formers(&self, limit: usize) -> Result<Vec<RecordKey>, Error> {
        let keys = self.store().prefix_keys(table::FORMER, &[], None, limit)?;
        keys.iter().map(|key| RecordKey::from_bytes(key, 0)).collect()
    }
}
