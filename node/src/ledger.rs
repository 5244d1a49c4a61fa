//! The bureau's books: typed tables over the store, one file a table or two that belong together.
//!
//! Rows are read through [`Ledger`], and written into a [`Batch`] that the caller commits, so that what belongs
//! together becomes durable together.

mod budgets;
mod cafs;
mod carried;
mod classes;
mod commitments;
mod cursors;
mod dismissals;
mod events;
mod feeds;
mod identifiers;
mod keys;
mod letters;
mod log;
mod meta;
mod newer;
mod peers;
mod receipts;
mod records;
mod recovery;
mod renewals;
mod retention;
mod sealed;
mod shares;
mod tombstones;
mod withheld;

pub use budgets::BudgetRow;
pub use cafs::CafRow;
pub use classes::{Aside, Came, ClassIndex, ClassRow, DRAFTS, Extent};
pub use events::Event;
pub use feeds::Deliveries;
pub use identifiers::IdentifierKey;
pub use keys::{KeyRow, KeyUse, RevokedFor};
pub use letters::LetterRow;
pub use log::{LogEntry, LogRun, Op, RUN};
pub use newer::NewerRow;
pub use peers::PeerRow;
pub use receipts::ReceiptRow;
pub use records::{Here, Place, RecordKey, RecordRow};
pub use recovery::{ReclaimRow, RecoveryRow, RedoRow, Stand};
pub use retention::Due;
pub use sealed::{SealedKey, SealedRow};
pub use shares::{PeerNumber, Shares, SharesRow};
pub use tombstones::{Stood, TombstoneRow};
pub use withheld::Withheld;

use minicbor::{Decode, Encode};

use crate::store::{self, Batch, Store, Table};

/// The format of the books: what the tables are, and what their rows say.
const BOOKS: u64 = 3;

/// Numbers of the tables. They are part of the disk format: never reuse one.
mod table {
    use super::Table;

    pub(super) const META: Table = Table(32);
    pub(super) const PEERS: Table = Table(33);
    pub(super) const KEYS: Table = Table(34);
    pub(super) const SYNCED: Table = Table(35);
    pub(super) const CAFS: Table = Table(36);
    pub(super) const ACCEPTANCES: Table = Table(37);
    pub(super) const CLASSES: Table = Table(38);
    pub(super) const EXTENTS: Table = Table(39);
    pub(super) const SHARES: Table = Table(40);
    pub(super) const LOG: Table = Table(41);
    pub(super) const RECORDS: Table = Table(42);
    pub(super) const TOMBSTONES: Table = Table(43);
    pub(super) const IDENTIFIERS: Table = Table(44);
    pub(super) const RETENTION: Table = Table(45);
    pub(super) const FEEDS: Table = Table(46);
    pub(super) const EVENTS: Table = Table(47);
    pub(super) const DELIVERED: Table = Table(48);
    pub(super) const WITHHELD: Table = Table(49);
    pub(super) const KNOWN: Table = Table(50);
    pub(super) const RECEIPTS: Table = Table(51);
    pub(super) const CURSORS: Table = Table(52);
    pub(super) const LETTERS: Table = Table(53);
    pub(super) const NEWER: Table = Table(54);
    pub(super) const SEALED: Table = Table(55);
    pub(super) const DISMISSALS: Table = Table(56);
    pub(super) const RENEWALS: Table = Table(57);
    pub(super) const RECLAIMS: Table = Table(58);
    pub(super) const FORMER: Table = Table(59);
    pub(super) const BUDGETS: Table = Table(60);
    pub(super) const COMMITMENTS: Table = Table(61);
    pub(super) const HEARD: Table = Table(62);
    pub(super) const CARRIED: Table = Table(63);
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
    /// The books were kept by a build whose format this one does not read.
    #[error(
        "the data folder was kept by another version of igain, whose books are of format {found}; this one reads {BOOKS}. \
         Run that version, or make a new folder with `igain init` and import your records there; peers send theirs again"
    )]
    Books {
        /// The format of the books; 1 where it is not said.
        found: u64,
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
            Self::Books { .. } => "store.format",
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

    /// Sees that the books are of the format of this build; new ones are begun with it.
    ///
    /// # Errors
    /// [`Error::Books`] where they are not.
    pub fn check_format(&self) -> Result<(), Error> {
        /// Where a build of before kept single values.
        const BEFORE: Table = Table(1);
        match self.format()? {
            Some(BOOKS) => Ok(()),
            Some(found) => Err(Error::Books { found }),
            None if self.store.contains(BEFORE, b"high-water")? => Err(Error::Books { found: 1 }),
            None => {
                let mut batch = Batch::new();
                self.put_format(&mut batch, BOOKS);
                self.commit(batch)
            }
        }
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
