//! The writing side: one thread of tantivy's indexes, one merges.

use std::collections::BTreeSet;
use std::sync::{MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tantivy::index::SegmentId;
use tantivy::indexer::{IndexWriterOptions, LogMergePolicy};
use tantivy::{Index, IndexWriter, TantivyDocument, Term};

use super::directory::META;
use super::removal::Removal;
use super::{Error, Inner, schema};

/// Memory for records that are not yet in a segment.
const HEAP: usize = 64 << 20;

/// Changes after which the index commits by itself, at the old position: deletions wait in memory.
const PENDING_LIMIT: u64 = 200_000;

/// Records of a segment that is not merged further: a merge needs memory for what it writes, and twice the room.
const MERGED_DOCS: usize = 500_000;

/// How long [`erase`] waits for merges that are under way and for queries that read old files.
const PATIENCE: Duration = Duration::from_secs(60);

/// Between two looks at what others are doing.
const PAUSE: Duration = Duration::from_millis(20);

pub(super) struct Writing {
    writer: IndexWriter,
    position: Option<[u8; 16]>,
    pending: u64,
}

impl Writing {
    /// Begins to write where the last commit ended.
    pub(super) fn open(index: &Index) -> Result<Self, Error> {
        let meta = index.load_metas()?;
        // A new index has no commit yet; any other must name its version and position.
        let position = match meta.payload {
            Some(payload) => Some(parse(&payload).ok_or_else(|| Error::Damaged("it is of another version".into()))?),
            None if meta.segments.is_empty() => None,
            None => return Err(Error::Damaged("it does not say how far it has come".into())),
        };
        let options = IndexWriterOptions::builder()
            .memory_budget_per_thread(HEAP)
            .num_worker_threads(1)
            .num_merge_threads(1)
            .build();
        let writer = index.writer_with_options(options)?;
        let mut policy = LogMergePolicy::default();
        policy.set_max_docs_before_merge(MERGED_DOCS);
        writer.set_merge_policy(Box::new(policy));
        // What a killed run left half written is in the way of files of the same name, and looks like damage.
        writer.garbage_collect_files().wait()?;
        Ok(Self { writer, position: position.flatten(), pending: 0 })
    }

    pub(super) fn position(&self) -> Option<[u8; 16]> {
        self.position
    }

    pub(super) fn pending(&self) -> u64 {
        self.pending
    }

    pub(super) fn put(&mut self, key: Term, document: TantivyDocument) -> Result<(), Error> {
        self.delete(key)?;
        let added = self.writer.add_document(document).map(drop);
        self.settle(added)
    }

    pub(super) fn delete(&mut self, key: Term) -> Result<(), Error> {
        if self.pending >= PENDING_LIMIT {
            self.commit_at(self.position)?;
        }
        let removed = self.writer.delete_query(Box::new(Removal(key))).map(drop);
        self.pending += 1;
        self.settle(removed)
    }

    pub(super) fn pass(&mut self, position: [u8; 16]) {
        if self.pending == 0 {
            self.position = Some(position);
        }
    }

    pub(super) fn commit(&mut self, position: [u8; 16]) -> Result<(), Error> {
        self.commit_at(Some(position))
    }

    fn commit_at(&mut self, position: Option<[u8; 16]>) -> Result<(), Error> {
        let committed = self.writer.prepare_commit().and_then(|mut prepared| {
            prepared.set_payload(&payload(position));
            prepared.commit().map(drop)
        });
        self.settle(committed)?;
        self.position = position;
        self.pending = 0;
        Ok(())
    }

    /// After a failure begins anew at the last commit.
    fn settle(&mut self, outcome: tantivy::Result<()>) -> Result<(), Error> {
        let Err(cause) = outcome else { return Ok(()) };
        self.pending = 0;
        let failed = Error::writing(cause);
        match self.writer.rollback() {
            Ok(_) => Err(failed),
            Err(cause) => Err(Error::writing(cause)),
        }
    }
}

/// Rewrites segments with deleted records, one at a time, until there is none, and sees their files go.
pub(super) fn erase(inner: &Inner) -> Result<usize, Error> {
    let deadline = Instant::now() + PATIENCE;
    // What is deleted must be marked so before a merge leaves it out. The store's position stays as it is: what came
    // after it is put again, and changes nothing.
    let mut writing = lock(inner);
    if writing.pending > 0 {
        let position = writing.position;
        writing.commit_at(position)?;
    }
    drop(writing);
    let before = inner.directory.file_names()?;
    let mut rewritten = BTreeSet::new();
    loop {
        let segments = inner.index.searchable_segment_metas()?;
        let holding: Vec<SegmentId> = segments.iter().filter(|meta| meta.has_deletes()).map(|meta| meta.id()).collect();
        drop(segments);
        if holding.is_empty() {
            break;
        }
        for segment in holding {
            let merge = lock(inner).writer.merge(&[segment]);
            // Refused where a merge under way has the segment already: its outcome is looked at next time round.
            match merge.wait() {
                Ok(_) => drop(rewritten.insert(segment)),
                Err(_) if Instant::now() >= deadline => return Err(Error::Busy),
                Err(_) => std::thread::sleep(PAUSE),
            }
        }
    }
    wait_for_old_files(inner, &before, deadline)?;
    Ok(rewritten.len())
}

/// Queries keep old files until they are done with them.
fn wait_for_old_files(inner: &Inner, before: &BTreeSet<String>, deadline: Instant) -> Result<(), Error> {
    loop {
        inner.refresh()?;
        let collected = lock(inner).writer.garbage_collect_files();
        collected.wait()?;
        let segments = inner.index.searchable_segment_metas()?;
        let living: BTreeSet<String> = segments.iter().map(|meta| meta.id().uuid_string()).collect();
        let there = inner.directory.file_names()?;
        let old = |name: &&String| {
            name.as_str() != META && name.split('.').next().is_none_or(|segment| !living.contains(segment))
        };
        match there.intersection(before).find(old) {
            None => return Ok(()),
            Some(_) if Instant::now() >= deadline => return Err(Error::Busy),
            Some(_) => std::thread::sleep(PAUSE),
        }
    }
}

fn lock(inner: &Inner) -> MutexGuard<'_, Writing> {
    inner.writing.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a commit carries: the version and the position, where there is one.
fn payload(position: Option<[u8; 16]>) -> String {
    let digits = position.map(|position| format!("{:032x}", u128::from_be_bytes(position)));
    format!("{} {}", schema::VERSION, digits.as_deref().unwrap_or("-"))
}

fn parse(payload: &str) -> Option<Option<[u8; 16]>> {
    let (version, position) = payload.split_once(' ')?;
    if version.parse() != Ok(schema::VERSION) {
        return None;
    }
    match position {
        "-" => Some(None),
        digits => Some(Some(u128::from_str_radix(digits, 16).ok()?.to_be_bytes())),
    }
}
