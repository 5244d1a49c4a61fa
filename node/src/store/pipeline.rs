//! The writing threads: one frames, seals and writes, the next syncs and publishes.
//!
//! While one group of commits is being synced, the next is being written, and all that waits meanwhile becomes the
//! group after it: however many callers there are, they share one sync.
//!
//! What builds on a write that failed is never written. When a group cannot be written, all that waits behind it is
//! refused with it and the epoch is raised, in one step; a batch that was begun in an earlier epoch is refused when it
//! is submitted.

mod inline;
mod pending;
mod publish;
mod queue;
mod write;

use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use inline::Inline;
pub(crate) use pending::Promise;
pub use pending::{Pending, Told, With};
use queue::{Job, Patience, Shared};
pub(crate) use write::Writer;

use super::Error;
use super::batch::{Batch, Epoch};
use super::journal::Written;
use super::journal::frame::Changes;

/// Groups that may be written and not yet synced.
const GROUPS_WRITTEN: usize = 2;

/// Takes durable commits, in order, and makes them visible.
pub(crate) type Publish = Box<dyn FnMut(Vec<(u64, Changes)>) -> Result<(), Error> + Send>;

/// What the writer hands on to be synced and told, in order.
enum Step {
    Sync(Written, Vec<Promise>),
    Refused(Error, Vec<Promise>),
    /// Told when all before it is published or refused.
    Reached(Promise),
}

/// The writing end of an open store.
pub(crate) struct Pipeline {
    shared: Arc<Shared>,
    runs: Runs,
}

/// Who writes.
enum Runs {
    Threads(Mutex<Vec<JoinHandle<()>>>),
    /// Whoever calls.
    Inline(Inline),
}

impl Pipeline {
    /// Continues a journal after commit `seq`, in threads.
    pub(crate) fn start(writer: Writer, seq: u64, publish: Publish, dir: &Path) -> Result<Self, Error> {
        let shared = Arc::new(Shared::new(seq));
        let (to_sync, steps) = sync_channel(GROUPS_WRITTEN);
        let spawned = |result: std::io::Result<_>| result.map_err(Error::io("start the writer of", dir));
        let of_writer = Arc::clone(&shared);
        let writer =
            thread::Builder::new().name("store-write".into()).spawn(move || write_all(&of_writer, writer, &to_sync));
        let of_syncer = Arc::clone(&shared);
        let syncer =
            thread::Builder::new().name("store-sync".into()).spawn(move || publish_all(&of_syncer, &steps, publish));
        let threads = vec![spawned(writer)?, spawned(syncer)?];
        Ok(Self { shared, runs: Runs::Threads(Mutex::new(threads)) })
    }

    /// Continues a journal after commit `seq`, in the calls themselves.
    pub(crate) fn inline(writer: Writer, seq: u64, publish: Publish) -> Self {
        let runs = Runs::Inline(Inline::new(writer, publish));
        Self { shared: Arc::new(Shared::new(seq)), runs }
    }

    /// Queues a batch. Waits while the queue is full.
    pub(crate) fn submit(&self, batch: Batch, with: With) -> Result<Pending, Error> {
        batch.check()?;
        let With { mut after, told } = with;
        // A commit of this store that was queued before is written before, or both are refused.
        after.retain(|pending| !pending.is_of(self.shared.number));
        let pending = self.shared.submit(batch, after, || Promise::new(self.shared.number, told))?;
        self.drive(Patience::None);
        Ok(pending)
    }

    /// Which writes failed so far.
    pub(crate) fn epoch(&self) -> Epoch {
        self.shared.queue().epoch
    }

    /// Ends the file being written. On return all commits before the call are published.
    pub(crate) fn seal(&self) -> Result<u64, Error> {
        self.reach(Job::Seal)
    }

    /// Waits until all commits before the call are published or refused; the disk need have no room for that.
    pub(crate) fn settle(&self) -> Result<(), Error> {
        self.reach(Job::Settle).map(drop)
    }

    fn reach(&self, job: impl FnOnce(Promise) -> Job) -> Result<u64, Error> {
        let (promise, reached) = Promise::new(self.shared.number, None);
        self.shared.push(job(promise))?;
        self.drive(Patience::Held);
        reached.wait()
    }

    /// Without threads, the caller writes.
    fn drive(&self, patience: Patience) {
        if let Runs::Inline(inline) = &self.runs {
            inline.drive(&self.shared, patience);
        }
    }

    /// The last commit that is durable and visible.
    pub(crate) fn published(&self) -> u64 {
        self.shared.published.load(Ordering::Acquire)
    }

    pub(crate) fn last_sync_us(&self) -> u64 {
        self.shared.last_sync_us.load(Ordering::Relaxed)
    }

    /// Bytes waiting to be written.
    pub(crate) fn queued_bytes(&self) -> usize {
        self.shared.queue().bytes
    }

    /// Writes what is queued, seals the file and ends the threads.
    pub(crate) fn close(&self) {
        self.shared.close();
        let threads = match &self.runs {
            Runs::Threads(threads) => std::mem::take(&mut *locked(threads)),
            Runs::Inline(inline) => return inline.close(&self.shared),
        };
        for thread in threads {
            // Whoever is told may hold the last handle; then it is this thread that closes.
            if thread.thread().id() != thread::current().id() {
                let _ = thread.join();
            }
        }
    }
}

fn write_all(shared: &Shared, mut writer: Writer, to_sync: &SyncSender<Step>) {
    // It only fails where the other thread ended; then the promises in it tell that as they go.
    let mut hand_on = |step| _ = to_sync.send(step);
    while let Some(group) = shared.next_group(Patience::Forever) {
        writer.write(shared, group, &mut hand_on);
    }
    writer.finish(shared);
}

fn publish_all(shared: &Shared, steps: &Receiver<Step>, mut publish: Publish) {
    while let Ok(step) = steps.recv() {
        // All that was written meanwhile shares this sync.
        let mut group = vec![step];
        group.extend(steps.try_iter().take(GROUPS_WRITTEN));
        publish::publish(shared, group, &mut publish);
    }
}

/// A lock whose holder may have panicked: what it guards is whole between any two statements.
pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
