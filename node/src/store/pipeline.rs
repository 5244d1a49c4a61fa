//! The writing threads: one frames, seals and writes, the next syncs and publishes.
//!
//! While one group of commits is being synced, the next is being written, and all that waits meanwhile becomes the
//! group after it: however many callers there are, they share one sync. A short group behind which nothing waits is
//! synced by the thread that wrote it.
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
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use inline::Inline;
use pending::Promise;
pub use pending::{Pending, Told};
use queue::{Job, Shared};
pub(crate) use write::Writer;

use super::Error;
use super::batch::{Batch, Epoch};
use super::journal::Written;
use super::journal::frame::Changes;

/// Groups that may be written and not yet synced.
const GROUPS_WRITTEN: usize = 2;

/// Changes of a group that takes no longer to publish than to wake another thread.
const SHORT: usize = 64;

/// Takes durable commits, in order, and makes them visible.
pub(crate) type Publish = Box<dyn FnMut(Vec<(u64, Changes)>) -> Result<(), Error> + Send>;

/// What the writer hands on to be synced and told, in order.
enum Step {
    Sync(Written, Vec<Promise>),
    Refused(Error, Vec<Promise>),
    /// Told when all before it is published or refused.
    Reached(Promise),
}

impl Step {
    fn is_short(&self) -> bool {
        match self {
            Self::Sync(written, _) => written.commits.iter().map(|(_, changes)| changes.len()).sum::<usize>() <= SHORT,
            Self::Refused(..) | Self::Reached(_) => true,
        }
    }
}

/// The publishing end: whoever syncs holds it.
struct Publisher {
    publish: Mutex<Publish>,
    /// Steps that were handed to the other thread and are not told yet.
    under_way: AtomicUsize,
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
        let publisher = Arc::new(Publisher { publish: Mutex::new(publish), under_way: AtomicUsize::new(0) });
        let spawned = |result: std::io::Result<_>| result.map_err(Error::io("start the writer of", dir));
        let (of_writer, own) = (Arc::clone(&shared), Arc::clone(&publisher));
        let write = move || write_all(&of_writer, writer, &own, &to_sync);
        let writer = thread::Builder::new().name("store-write".into()).spawn(write);
        let of_syncer = Arc::clone(&shared);
        let sync = move || publish_all(&of_syncer, &steps, &publisher);
        let syncer = thread::Builder::new().name("store-sync".into()).spawn(sync);
        let threads = vec![spawned(writer)?, spawned(syncer)?];
        Ok(Self { shared, runs: Runs::Threads(Mutex::new(threads)) })
    }

    /// Continues a journal after commit `seq`, in the calls themselves.
    pub(crate) fn inline(writer: Writer, seq: u64, publish: Publish) -> Self {
        let runs = Runs::Inline(Inline::new(writer, publish));
        Self { shared: Arc::new(Shared::new(seq)), runs }
    }

    /// Queues a batch. Waits while the queue is full.
    pub(crate) fn submit(&self, batch: Batch, told: Option<Told>) -> Result<Pending, Error> {
        batch.check()?;
        let pending = self.shared.submit(batch, told)?;
        self.drive();
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
        let (promise, reached) = Promise::new(None);
        self.shared.push(job(promise))?;
        self.drive();
        reached.wait()
    }

    /// Without threads, the caller writes.
    fn drive(&self) {
        if let Runs::Inline(inline) = &self.runs {
            inline.drive(&self.shared);
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
            // Whoever is told may hold the last handle; then it is this thread that closes, and those that come after
            // it end when it has.
            if thread.thread().id() == thread::current().id() {
                break;
            }
            let _ = thread.join();
        }
    }
}

fn write_all(shared: &Shared, mut writer: Writer, publisher: &Publisher, to_sync: &SyncSender<Step>) {
    let mut hand_on = |step: Step| {
        let alone = publisher.under_way.load(Ordering::Acquire) == 0 && shared.queue().jobs.is_empty();
        if alone && step.is_short() {
            publish::publish(shared, vec![step], &mut locked(&publisher.publish));
        } else {
            publisher.under_way.fetch_add(1, Ordering::Relaxed);
            // It only fails where the other thread ended; then the promises in it tell that as they go.
            let _ = to_sync.send(step);
        }
    };
    while let Some(group) = shared.await_group() {
        writer.write(shared, group, &mut hand_on);
    }
    writer.finish(shared);
}

fn publish_all(shared: &Shared, steps: &Receiver<Step>, publisher: &Publisher) {
    while let Ok(step) = steps.recv() {
        // All that was written meanwhile shares this sync.
        let mut group = vec![step];
        group.extend(steps.try_iter().take(GROUPS_WRITTEN));
        let count = group.len();
        publish::publish(shared, group, &mut locked(&publisher.publish));
        publisher.under_way.fetch_sub(count, Ordering::Release);
    }
}

/// A lock whose holder may have panicked: what it guards is whole between any two statements.
pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
