//! The key directory on disk, by sled. The only place that knows sled.
//!
//! A digest over all of it, noted whenever it is made durable, must match what a full read finds at the next start. sled
//! can panic or hang on files that a crash left in a bad state, so it opens them on a thread of its own, and every call
//! into it is caught.
//!
//! Keys lie in [blocks](block) of some dozens. The lowest key of each block, its fence, is also kept in memory, about
//! one for a hundred keys: sled then only ever sees exact keys, and no iterator of it is held while the node runs.

use std::collections::BTreeSet;
use std::iter::Peekable;
use std::ops::Bound;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::mpsc::sync_channel;
use std::sync::{PoisonError, RwLock, RwLockReadGuard};
use std::time::{Duration, Instant};

use super::block::{self, Row};
use super::census::{self, Census, CensusKey, Digest, Marker};
use super::{Change, Error, Growth, settle};
use crate::store::entry::Entry;

const MARKER: &[u8] = &[0];
/// What the keys of blocks begin with; the fence follows.
pub(super) const BLOCK: u8 = 1;

/// How long opening may take before it counts as failed: far more than sled needs to read what any bureau keeps.
const PATIENCE: Duration = Duration::from_secs(300);

/// How long files of sled that are still locked are waited for. Whoever opens a directory holds the journal's lock, so
/// it can only be this process, which has just closed it, or a child of it that has not yet begun.
const RELEASE: Duration = Duration::from_secs(10);
/// Between two looks whether they are free.
const LOOK_AGAIN: Duration = Duration::from_millis(2);

pub(super) type Fences = BTreeSet<Box<[u8]>>;

/// The open directory. One thread at a time may change it; any number may read.
pub(crate) struct Blocks {
    /// Taken when this is dropped.
    db: Option<sled::Db>,
    path: PathBuf,
    key: CensusKey,
    /// Locked for writing while a block and its fence change together, so that readers see both or neither.
    fences: RwLock<Fences>,
}

impl Blocks {
    /// Opens or makes the directory in `path`, and reads all of it.
    pub(crate) fn open(path: &Path, cache_bytes: u64, key: CensusKey) -> Result<(Self, Option<Marker>, Census), Error> {
        let config = sled::Config::new()
            .path(path)
            .cache_capacity(cache_bytes)
            .mode(sled::Mode::HighThroughput)
            .flush_every_ms(None);
        let (to_us, opened) = sync_channel(1);
        let path = path.to_owned();
        let thread = std::thread::Builder::new().name("store-open".into()).spawn(move || {
            let read = open(&config).and_then(|db| {
                let marker = guarded(|| db.get(MARKER))?;
                let marker = marker.map(|bytes| key.open(&bytes)).transpose()?;
                let (census, fences) = census::take(&db, &key)?;
                Ok((Self { db: Some(db), path, key, fences: RwLock::new(fences) }, marker, census))
            });
            // Whoever waited may have given up; then this directory is not wanted any more.
            let _ = to_us.send(read);
        });
        thread.map_err(Error::directory)?;
        opened.recv_timeout(PATIENCE).map_err(|_| Error::directory("sled did not open its files"))?
    }

    /// Notes how far the directory has come; durable on return, with all that was applied before.
    pub(crate) fn mark(&self, marker: &Marker) -> Result<(), Error> {
        let bytes = self.key.seal(marker)?;
        self.call(|db| db.insert(MARKER, bytes))?;
        self.call(|db| db.flush()).map(|_| ())
    }

    /// The entry of a key.
    pub(crate) fn find(&self, key: &[u8]) -> Result<Option<Entry>, Error> {
        let block = {
            let fences = self.fences();
            let Some(fence) = fence_below(&fences, Bound::Included(key)) else { return Ok(None) };
            self.block(fence)?
        };
        block::find(&block, key).ok_or_else(unreadable)
    }

    /// The entries of many keys, which are in order: each block is read once.
    pub(crate) fn find_many(&self, keys: &[&[u8]]) -> Result<Vec<Option<Entry>>, Error> {
        let (mut found, mut rows, mut next) = (Vec::with_capacity(keys.len()), Vec::new(), Some(Vec::new()));
        for key in keys {
            if next.as_ref().is_some_and(|next: &Vec<u8>| next.as_slice() <= *key) {
                let fences = self.fences();
                let fence = fence_below(&fences, Bound::Included(key));
                let block = fence.map(|fence| self.block(fence)).transpose()?;
                next = fence_above(&fences, key).map(<[u8]>::to_vec);
                drop(fences);
                rows = block::decode(block.as_deref().unwrap_or_default()).ok_or_else(unreadable)?;
            }
            let at = rows.binary_search_by(|(row, _)| row.as_slice().cmp(key)).ok();
            found.push(at.and_then(|at| rows.get(at)).map(|(_, entry)| entry.clone()));
        }
        Ok(found)
    }

    /// The first rows in a range, at most `limit`.
    pub(crate) fn page(&self, from: &[u8], to: Option<&[u8]>, limit: usize) -> Result<Vec<Row>, Error> {
        let mut page = Vec::new();
        let mut from = from.to_vec();
        while page.len() < limit && to.is_none_or(|to| from.as_slice() < to) {
            let (block, next) = {
                let fences = self.fences();
                let next = fence_above(&fences, &from).map(<[u8]>::to_vec);
                let fence = fence_below(&fences, Bound::Included(&from));
                (fence.map(|fence| self.block(fence)).transpose()?, next)
            };
            if let Some(block) = block {
                let rows = block::decode(&block).ok_or_else(unreadable)?;
                let within = |key: &[u8]| key >= from.as_slice() && to.is_none_or(|to| key < to);
                let rows = rows.into_iter().filter(|(key, _)| within(key));
                page.extend(rows.take(limit - page.len()));
            }
            match next {
                Some(next) => from = next,
                None => break,
            }
        }
        Ok(page)
    }

    /// The last row in a range.
    pub(crate) fn before(&self, from: &[u8], to: Option<&[u8]>) -> Result<Option<Row>, Error> {
        let mut end = to.map(<[u8]>::to_vec);
        loop {
            let (fence, block) = {
                let fences = self.fences();
                let below = end.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
                let Some(fence) = fence_below(&fences, below) else { return Ok(None) };
                (fence.to_vec(), self.block(fence)?)
            };
            let rows = block::decode(&block).ok_or_else(unreadable)?;
            let last = rows.into_iter().rev().find(|(key, _)| end.as_ref().is_none_or(|end| key < end));
            match last {
                Some(row) => return Ok((row.0.as_slice() >= from).then_some(row)),
                None if fence.as_slice() <= from => return Ok(None),
                None => end = Some(fence),
            }
        }
    }

    /// Applies changes, which are in the order of their keys. `dead` hears of every entry that falls out of use.
    pub(crate) fn apply<'a>(
        &self,
        changes: impl Iterator<Item = (&'a [u8], Change<'a>)>,
        dead: &mut dyn FnMut(&Entry),
    ) -> Result<Growth, Error> {
        let mut changes = changes.peekable();
        let mut growth = Growth::default();
        while let Some((key, _)) = changes.peek() {
            let (fence, end) = {
                let fences = self.fences();
                let fence = fence_below(&fences, Bound::Included(key));
                (fence.map(<[u8]>::to_vec), fence_above(&fences, key).map(<[u8]>::to_vec))
            };
            let old = fence.as_deref().map(|fence| self.block(fence)).transpose()?;
            let fence = fence.unwrap_or_default();
            let rows = block::decode(old.as_deref().unwrap_or_default()).ok_or_else(unreadable)?;
            growth.keys -= rows.len() as i64;
            let rows = merge(rows, &mut changes, end.as_deref(), dead);
            growth.keys += rows.len() as i64;
            if let Some(old) = old {
                growth.digest -= Digest::of(&self.key, &fence, &old);
            }
            growth.digest += self.replace(&fence, &rows)?;
        }
        Ok(growth)
    }

    /// Puts rows in the place of a block, as one block or several. Answers their digest.
    fn replace(&self, fence: &[u8], rows: &[Row]) -> Result<Digest, Error> {
        let mut digest = Digest::default();
        let blocks: Vec<(&[u8], Vec<u8>)> = block::split(rows)
            .enumerate()
            .map(|(index, piece)| {
                let first = piece.first().filter(|_| index > 0).map_or(fence, |(key, _)| key.as_slice());
                (first, block::encode(piece))
            })
            .collect();
        let mut fences = self.fences.write().unwrap_or_else(PoisonError::into_inner);
        if blocks.is_empty() {
            self.call(|db| db.remove(block_key(fence)))?;
            fences.remove(fence);
        }
        for (fence, block) in blocks {
            digest += Digest::of(&self.key, fence, &block);
            self.call(|db| db.insert(block_key(fence), block))?;
            if !fences.contains(fence) {
                fences.insert(fence.into());
            }
        }
        Ok(digest)
    }

    fn fences(&self) -> RwLockReadGuard<'_, Fences> {
        self.fences.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn call<T>(&self, call: impl FnOnce(&sled::Db) -> sled::Result<T>) -> Result<T, Error> {
        let Some(db) = &self.db else { return Err(Error::Closed) };
        guarded(|| call(db))
    }

    fn block(&self, fence: &[u8]) -> Result<sled::IVec, Error> {
        self.call(|db| db.get(block_key(fence)))?.ok_or_else(|| Error::directory("a block is missing"))
    }
}

impl Drop for Blocks {
    fn drop(&mut self) {
        // sled writes to its files in threads of a pool that outlives it, and each piece of work there keeps the files,
        // and their lock, until it is done; it never unlocks them itself. A child that is being started has a copy of
        // the descriptor for a moment, too. Whoever opens the directory next must not find it taken.
        let db = self.db.take();
        if catch_unwind(AssertUnwindSafe(|| drop(db))).is_err() {
            tracing::warn!("sled panicked when it was closed");
        }
        let begun = Instant::now();
        while !is_free(&self.path.join("db")) {
            if begun.elapsed() > RELEASE {
                tracing::warn!(path = %self.path.display(), "sled did not let go of its files");
                return;
            }
            std::thread::sleep(LOOK_AGAIN);
        }
    }
}

/// Whether nobody holds sled's lock on its file.
fn is_free(path: &Path) -> bool {
    use rustix::fs::{FlockOperation, flock};
    let Ok(file) = std::fs::File::open(path) else { return true };
    let taken = flock(&file, FlockOperation::NonBlockingLockExclusive);
    if taken.is_ok() {
        let _ = flock(&file, FlockOperation::Unlock);
    }
    taken != Err(rustix::io::Errno::WOULDBLOCK)
}

/// Opens sled's files once nobody holds them.
fn open(config: &sled::Config) -> Result<sled::Db, Error> {
    let begun = Instant::now();
    loop {
        match guarded(|| config.open()) {
            // sled has no other name for it.
            Err(Error::Directory { why }) if why.contains("acquire lock") && begun.elapsed() < RELEASE => {
                std::thread::sleep(LOOK_AGAIN);
            }
            opened => return opened,
        }
    }
}

/// The highest fence up to a bound.
fn fence_below<'a>(fences: &'a Fences, bound: Bound<&[u8]>) -> Option<&'a [u8]> {
    fences.range::<[u8], _>((Bound::Unbounded, bound)).next_back().map(|fence| &**fence)
}

/// The lowest fence above a key.
fn fence_above<'a>(fences: &'a Fences, key: &[u8]) -> Option<&'a [u8]> {
    fences.range::<[u8], _>((Bound::Excluded(key), Bound::Unbounded)).next().map(|fence| &**fence)
}

fn block_key(fence: &[u8]) -> Vec<u8> {
    [&[BLOCK], fence].concat()
}

pub(super) fn unreadable() -> Error {
    Error::directory("a block cannot be read")
}

/// Calls into sled; an error or a panic there is an error of the directory.
pub(super) fn guarded<T>(call: impl FnOnce() -> sled::Result<T>) -> Result<T, Error> {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(answer) => answer.map_err(Error::directory),
        Err(_) => Err(Error::directory("sled panicked")),
    }
}

/// Merges changes below `end` into the rows of a block.
fn merge<'a>(
    old: Vec<Row>,
    changes: &mut Peekable<impl Iterator<Item = (&'a [u8], Change<'a>)>>,
    end: Option<&[u8]>,
    dead: &mut dyn FnMut(&Entry),
) -> Vec<Row> {
    let mut rows = Vec::with_capacity(old.len() + 16);
    let mut old = old.into_iter().peekable();
    while let Some((key, change)) = changes.next_if(|(key, _)| end.is_none_or(|end| *key < end)) {
        while let Some(row) = old.next_if(|(old, _)| old.as_slice() < key) {
            rows.push(row);
        }
        let current = old.next_if(|(old, _)| old == key).map(|(_, entry)| entry);
        if let Some(entry) = settle(current, change, dead) {
            rows.push((key.to_vec(), entry));
        }
    }
    rows.extend(old);
    rows
}
