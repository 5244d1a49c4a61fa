//! What the node keeps on disk: ordered tables of keys and values.
//!
//! The shape is Bitcask's (Sheehy and Smith, "Bitcask: A Log-Structured Hash Table for Fast Key/Value Data", 2010) with
//! an ordered directory on disk. The journal holds the truth: every commit is framed, checksummed, chained,
//! sealed and synced there before it is acknowledged. The directory says where the value of each key is;
//! it lags behind the journal, and is rebuilt from it whenever it does not open. Between the two, the newest changes
//! are kept in memory.
//!
//! On disk, values and the lists of keys in the journal are sealed. The directory holds keys as they are given, small
//! values sealed, and no clear text of a value: callers put nothing personal into keys but keyed hashes.
//!
//! The calls block; asynchronous callers use `spawn_blocking`.

mod batch;
mod catch_up;
mod crypt;
mod directory;
pub mod disk;
mod entry;
mod error;
pub(crate) mod journal;
mod merge;
mod open;
mod overlay;
pub(crate) mod pipeline;
mod read;
mod replay;
pub mod snapshot;
mod state;
mod verify;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

pub use batch::{BATCH_LIMIT, Batch, Epoch, KEY_LIMIT, Table, VALUE_LIMIT};
pub use crypt::StoreKey;
pub use disk::Disk;
pub use error::Error;
pub use merge::Merged;
pub use pipeline::{Pending, Told};
pub use replay::{Each, Position};
pub use snapshot::Snapshot;
pub use verify::Report;

use pipeline::Pipeline;
use state::State;

/// How the store works. The default is meant for a bureau.
#[derive(Debug, Clone)]
pub struct Options {
    /// Within this time, what was removed or replaced is gone from the journal's files.
    pub erase_within: Duration,
    /// About how large a journal file grows: a merge rewrites whole files, and a start reads the last one.
    pub file_bytes: u64,
    /// What the directory may keep of its files in memory.
    pub cache_bytes: u64,
    /// How much of the newest changes is kept in memory before it is applied to the directory. At most twice as much
    /// is held.
    pub overlay_bytes: usize,
    /// Rebuild the directory even if it opens.
    pub rebuild: bool,
    /// Never rewrite a file by itself: for what is only ever added to.
    pub append_only: bool,
    /// How much of the disk is kept for when it is full, so that records can be withdrawn and what is removed be merged
    /// away: about a journal file, since that is what a merge needs. Nothing is kept on a disk that has not twice as much.
    pub reserve_bytes: u64,
    /// Write, apply and erase in threads. Without them each call does all that it brings about, and nothing is erased
    /// but by [`Store::upkeep`] and [`Store::merge`]: for tests and simulation.
    pub threads: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            erase_within: Duration::from_secs(3_600),
            file_bytes: 64 << 20,
            cache_bytes: 32 << 20,
            overlay_bytes: 32 << 20,
            rebuild: false,
            append_only: false,
            reserve_bytes: 64 << 20,
            threads: true,
        }
    }
}

/// How far opening has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// The directory is made anew; otherwise only the last commits are read.
    pub rebuilding: bool,
    /// Bytes of the journal gone through.
    pub done_bytes: u64,
    /// Bytes of the journal to go through.
    pub total_bytes: u64,
}

/// What opening found and did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Opened {
    /// The store was made just now.
    pub created: bool,
    /// The last run did not close it.
    pub unclean: bool,
    /// Commits that the directory had not yet seen.
    pub replayed: u64,
    /// Why the directory was made anew, if it was.
    pub rebuilt: Option<String>,
    /// A tail that was never acknowledged, cut from this file, and its length.
    pub torn_tail: Option<(PathBuf, u64)>,
}

/// What the store takes and does.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stats {
    /// Bytes of the journal.
    pub bytes: u64,
    /// About how many of them are no longer in use.
    pub dead_bytes: u64,
    /// Files of the journal.
    pub files: usize,
    /// Keys in the directory on disk; the newest changes may not be counted yet.
    pub keys: u64,
    /// The last commit.
    pub commits: u64,
    /// How long the last sync took.
    pub last_sync_us: u64,
    /// Bytes of the newest changes in memory.
    pub overlay_bytes: usize,
    /// Bytes waiting to be written.
    pub queued_bytes: usize,
}

/// A store, open for reading and writing. Clones are handles to the same store; dropping the last one closes it.
#[derive(Clone)]
pub struct Store(Arc<Handle>);

/// Ends the threads with the last handle.
struct Handle {
    state: Arc<State>,
    /// None in a store without threads.
    upkeep: Option<merge::Upkeep>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.upkeep.iter().for_each(merge::Upkeep::stop);
        // What is not applied to the directory now is applied at the next start.
        let _ = self.state.close();
    }
}

impl Store {
    /// Makes a batch durable and visible, together with what others commit meanwhile.
    ///
    /// # Errors
    /// Where the store cannot write; then nothing of the batch is acknowledged.
    pub fn commit(&self, batch: Batch) -> Result<(), Error> {
        if batch.is_empty() {
            return Ok(());
        }
        self.submit(batch)?.wait().map(|_| ())
    }

    /// Begins a batch that builds on what the store holds now: it is refused with [`Error::Superseded`] once any write
    /// fails. Begin it before reading what it builds on.
    pub fn begin(&self) -> Batch {
        Batch::of(self.epoch())
    }

    /// Changes whenever something could not be written: whatever was counted or numbered in memory must be read again.
    pub fn epoch(&self) -> Epoch {
        // A store that is closed writes nothing in any epoch.
        self.state().pipeline().map_or_else(|_| Epoch::default(), Pipeline::epoch)
    }

    /// Queues a batch. Batches become durable in the order of the submits; when one fails, so do all after it that
    /// were queued by then, and all that were begun by then. Waits while too much is queued.
    ///
    /// # Errors
    /// Where the batch is too large, [`Error::Superseded`], or the store no longer writes.
    pub fn submit(&self, batch: Batch) -> Result<Pending, Error> {
        self.state().pipeline()?.submit(batch, None)
    }

    /// As [`Store::submit`], with whom to tell. Where this fails, `told` is dropped without having been called.
    ///
    /// # Errors
    /// As for [`Store::submit`].
    pub fn submit_told(&self, batch: Batch, told: Told) -> Result<Pending, Error> {
        self.state().pipeline()?.submit(batch, Some(told))
    }

    /// Waits until every batch that was submitted before is durable or refused. A full disk does not keep it from that.
    ///
    /// # Errors
    /// Where the store no longer writes.
    pub fn settle(&self) -> Result<(), Error> {
        self.state().pipeline()?.settle()
    }

    /// Gives up the room that is kept for a full disk, for something beside the store that takes something back.
    pub fn give_up_reserve(&self) {
        self.state().reserve.give_up();
    }

    /// What the store takes and does.
    pub fn stats(&self) -> Stats {
        self.state().stats()
    }

    /// Writes all that is queued, brings the directory up to date and ends the threads. Reads go on, writes are refused.
    ///
    /// # Errors
    /// Where the directory could not be brought up to date; nothing is lost then, the next start takes longer.
    pub fn close(&self) -> Result<(), Error> {
        self.0.upkeep.iter().for_each(merge::Upkeep::stop);
        self.state().close()
    }

    fn state(&self) -> &Arc<State> {
        &self.0.state
    }
}

#[cfg(test)]
mod tests;
