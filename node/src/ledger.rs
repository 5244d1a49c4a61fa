//! The bureau's books: typed tables over the store, one file a table or two that belong together.
//!
//! Rows are read through [`Ledger`], and written into a [`Batch`] that the caller commits, so that what belongs
//! together becomes durable together.

mod again;
mod cafs;
mod classes;
mod cursors;
mod feeds;
mod identifiers;
mod letters;
mod log;
mod meta;
mod peers;
mod receipts;
mod records;
mod retention;
mod tombstones;

pub use cafs::CafRow;
pub use classes::{ClassRow, DRAFTS};
pub use cursors::CursorRow;
pub use feeds::Deliveries;
pub use identifiers::IdentifierKey;
pub use letters::LetterRow;
pub use log::{LogEntry, Op};
pub use peers::{PeerRow, RevokedRow};
pub use receipts::ReceiptRow;
pub use records::{Place, RecordKey, RecordRow};
pub use retention::Due;
pub use tombstones::TombstoneRow;

use igain_protocol::sync::ClassIndex;
use minicbor::{Decode, Encode};

use crate::store::{self, Batch, Store, Table};

/// Numbers of the tables. They are part of the disk format: never reuse one.
mod table {
    use super::Table;

    pub(super) const META: Table = Table(1);
    pub(super) const PEERS: Table = Table(2);
    pub(super) const CAFS: Table = Table(3);
    pub(super) const ACCEPTANCES: Table = Table(4);
    pub(super) const CLASSES: Table = Table(5);
    pub(super) const LOG: Table = Table(6);
    pub(super) const RECORDS: Table = Table(7);
    pub(super) const IDENTIFIERS: Table = Table(8);
    pub(super) const RETENTION: Table = Table(9);
    pub(super) const TOMBSTONES: Table = Table(10);
    pub(super) const FEEDS: Table = Table(11);
    pub(super) const DELIVERED: Table = Table(12);
    pub(super) const CURSORS: Table = Table(13);
    pub(super) const ENDED: Table = Table(14);
    pub(super) const LETTERS: Table = Table(15);
    pub(super) const RECEIPTS: Table = Table(16);
    pub(super) const PURGES: Table = Table(17);
    pub(super) const COUNTS: Table = Table(18);
    pub(super) const WITHHELD: Table = Table(19);
    pub(super) const AGAIN: Table = Table(20);
    pub(super) const REVOKED: Table = Table(21);
    pub(super) const SYNCED: Table = Table(22);
    pub(super) const KNOWN: Table = Table(23);
}

/// Why a table cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// A log lacks entries before its end.
    #[error(
        "log {class} lacks what follows entry {after}, which is not its end. Run `igain store verify`, which mends it"
    )]
    Hole {
        /// The log.
        class: ClassIndex,
        /// The last entry before the hole.
        after: u64,
    },
    /// A row is not what its table holds.
    #[error("a row of table `{table}` cannot be read: {why}. Run `igain store verify`")]
    Row {
        /// The table.
        table: &'static str,
        /// What is wrong with it.
        why: String,
    },
}

impl Error {
    /// A stable name for scripts and metrics.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Store(error) => error.code(),
            Self::Hole { .. } => "store.hole",
            Self::Row { .. } => "store.row",
        }
    }
}

/// The typed tables of one bureau.
#[derive(Clone)]
pub struct Ledger {
    store: Store,
}

impl Ledger {
    /// The tables in `store`.
    pub fn new(store: Store) -> Self {
        Self { store }
    }

    /// The store below, for its upkeep.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Makes a batch durable and visible.
    ///
    /// # Errors
    /// Where the store cannot write; nothing of the batch is then acknowledged.
    pub fn commit(&self, batch: Batch) -> Result<(), Error> {
        Ok(self.store.commit(batch)?)
    }

    fn row<T: for<'b> Decode<'b, ()>>(&self, name: &'static str, table: Table, key: &[u8]) -> Result<Option<T>, Error> {
        self.store.get(table, key)?.map(|bytes| decode(name, &bytes)).transpose()
    }

    /// All rows of a table whose keys begin with `prefix`, read in pages so that no iterator is held.
    fn rows<T: for<'b> Decode<'b, ()>>(
        &self,
        name: &'static str,
        table: Table,
        prefix: &[u8],
    ) -> Result<Vec<(Vec<u8>, T)>, Error> {
        const PAGE: usize = 1_024;
        let mut rows = Vec::new();
        let mut after: Option<Vec<u8>> = None;
        loop {
            let page = self.store.prefix(table, prefix, after.as_deref(), PAGE)?;
            let full = page.len() == PAGE;
            after = page.last().map(|(key, _)| key.clone());
            for (key, bytes) in page {
                rows.push((key, decode(name, &bytes)?));
            }
            if !full {
                return Ok(rows);
            }
        }
    }
}

fn decode<T: for<'b> Decode<'b, ()>>(table: &'static str, bytes: &[u8]) -> Result<T, Error> {
    minicbor::decode(bytes).map_err(|error| Error::Row { table, why: error.to_string() })
}

fn encode<T: Encode<()>>(row: &T) -> Vec<u8> {
    igain_protocol::codec::encode(row)
}

/// The part of `key` from `at` on, as an array; for keys that this node wrote.
fn part<const N: usize>(table: &'static str, key: &[u8], at: usize) -> Result<[u8; N], Error> {
    let bytes = key.get(at..at + N).and_then(|bytes| bytes.try_into().ok());
    bytes.ok_or_else(|| Error::Row { table, why: "short key".into() })
}
