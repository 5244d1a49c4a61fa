//! The writing threads: one frames, seals and writes, the next syncs and publishes.
//!
//! While one group of commits is being synced, the next is being written, and all that waits meanwhile becomes the
//! group after it: however many callers there are, they share one sync.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use super::Error;
use super::batch::Batch;
use super::journal::frame::Changes;
use super::journal::{Appender, Journal, Written};

/// Bytes of batches that may wait to be written. Who submits more waits.
const QUEUE_BYTES: usize = 16 << 20;
/// Batches that may wait, however small.
const QUEUE_BATCHES: usize = 4_096;
/// Bytes that are written as one group: enough to make the sync cheap, little enough to keep it short.
const GROUP_BYTES: usize = 4 << 20;
/// Groups that may be written and not yet synced.
const GROUPS_WRITTEN: usize = 2;

/// Takes durable commits, in order, and makes them visible.
pub(crate) type Publish = Box<dyn FnMut(Vec<(u64, Changes)>) -> Result<(), Error> + Send>;

/// A commit on its way. Dropping it does not stop it.
#[derive(Debug)]
#[must_use = "the commit is not durable before it was waited for"]
pub struct Pending(Arc<Ticket>);

impl Pending {
    /// Waits until the batch is durable and visible, and tells its number.
    ///
    /// # Errors
    /// Where the store cannot write; then nothing of the batch is acknowledged.
    pub fn wait(self) -> Result<u64, Error> {
        self.0.wait()
    }
}

#[derive(Debug, Default)]
struct Ticket {
    outcome: Mutex<Option<Result<u64, Error>>>,
    told: Condvar,
}

impl Ticket {
    fn tell(&self, outcome: Result<u64, Error>) {
        locked(&self.outcome).get_or_insert(outcome);
        self.told.notify_all();
    }

    fn wait(&self) -> Result<u64, Error> {
        let mut outcome = locked(&self.outcome);
        loop {
            if let Some(outcome) = outcome.as_ref() {
                return outcome.clone();
            }
            outcome = self.told.wait(outcome).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

enum Job {
    Commit(Batch, Arc<Ticket>),
    /// End the file being written; told when all before it is published.
    Seal(Arc<Ticket>),
    /// Nothing; told when all before it is published or refused.
    Settle(Arc<Ticket>),
}

#[derive(Default)]
struct Queue {
    jobs: VecDeque<Job>,
    bytes: usize,
    closed: bool,
}

/// What both threads and all callers share.
#[derive(Default)]
struct Shared {
    queue: Mutex<Queue>,
    filled: Condvar,
    drained: Condvar,
    /// The first failure that stopped writing for good.
    stopped: OnceLock<String>,
    published: AtomicU64,
    last_sync_us: AtomicU64,
}

/// The running threads.
pub(crate) struct Pipeline {
    shared: Arc<Shared>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

/// What the writer hands on.
enum Step {
    Sync(Written, Vec<Arc<Ticket>>),
    Sealed(Arc<Ticket>),
}

impl Pipeline {
    /// Continues a journal after commit `seq`.
    pub(crate) fn start(journal: Arc<Journal>, seq: u64, file_bytes: u64, publish: Publish) -> Result<Self, Error> {
        let shared = Arc::new(Shared { published: AtomicU64::new(seq), ..Shared::default() });
        let (to_sync, steps) = sync_channel(GROUPS_WRITTEN);
        let dir = journal.dir.clone();
        let appender = Appender::new(journal, seq, file_bytes);
        let spawned = |result: std::io::Result<_>| result.map_err(Error::io("start the writer of", &dir));
        let of_writer = Arc::clone(&shared);
        let writer =
            thread::Builder::new().name("store-write".into()).spawn(move || of_writer.write(appender, &to_sync));
        let of_syncer = Arc::clone(&shared);
        let syncer = thread::Builder::new().name("store-sync".into()).spawn(move || of_syncer.sync(&steps, publish));
        Ok(Self { shared, threads: Mutex::new(vec![spawned(writer)?, spawned(syncer)?]) })
    }

    /// Queues a batch. Waits while the queue is full.
    pub(crate) fn submit(&self, batch: Batch) -> Result<Pending, Error> {
        batch.check()?;
        let ticket = Arc::new(Ticket::default());
        let bytes = batch.bytes();
        self.shared.push(Job::Commit(batch, Arc::clone(&ticket)), bytes)?;
        Ok(Pending(ticket))
    }

    /// Ends the file being written. On return all commits before the call are published.
    pub(crate) fn seal(&self) -> Result<u64, Error> {
        let ticket = Arc::new(Ticket::default());
        self.shared.push(Job::Seal(Arc::clone(&ticket)), 0)?;
        ticket.wait()
    }

    /// Waits until all commits before the call are published or refused; the disk need have no room for that.
    pub(crate) fn settle(&self) -> Result<(), Error> {
        let ticket = Arc::new(Ticket::default());
        self.shared.push(Job::Settle(Arc::clone(&ticket)), 0)?;
        ticket.wait().map(drop)
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
        locked(&self.shared.queue).bytes
    }

    /// Writes what is queued, seals the file and ends the threads.
    pub(crate) fn close(&self) {
        locked(&self.shared.queue).closed = true;
        self.shared.filled.notify_all();
        self.shared.drained.notify_all();
        for thread in locked(&self.threads).drain(..) {
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn push(&self, job: Job, bytes: usize) -> Result<(), Error> {
        let mut queue = locked(&self.queue);
        while !queue.closed
            && !queue.jobs.is_empty()
            && (queue.bytes + bytes > QUEUE_BYTES || queue.jobs.len() >= QUEUE_BATCHES)
        {
            queue = self.drained.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
        if let Some(why) = self.stopped.get() {
            return Err(Error::Stopped { why: why.clone() });
        }
        if queue.closed {
            return Err(Error::Closed);
        }
        queue.bytes += bytes;
        queue.jobs.push_back(job);
        self.filled.notify_one();
        Ok(())
    }

    /// The jobs of the next group; none when the pipeline is closed and drained.
    fn next_group(&self) -> Option<Vec<Job>> {
        let mut queue = locked(&self.queue);
        while queue.jobs.is_empty() {
            if queue.closed {
                return None;
            }
            queue = self.filled.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
        let (mut group, mut bytes) = (Vec::new(), 0);
        while let Some(job) = queue.jobs.pop_front() {
            if let Job::Commit(batch, _) = &job {
                bytes += batch.bytes();
            }
            let is_last = matches!(job, Job::Seal(_) | Job::Settle(_));
            group.push(job);
            if is_last || bytes >= GROUP_BYTES {
                break;
            }
        }
        queue.bytes = queue.bytes.saturating_sub(bytes);
        self.drained.notify_all();
        Some(group)
    }

    fn write(&self, mut appender: Appender, to_sync: &SyncSender<Step>) {
        while let Some(group) = self.next_group() {
            let (mut batches, mut tickets, mut seal, mut settle) = (Vec::new(), Vec::new(), None, None);
            for job in group {
                match job {
                    Job::Commit(batch, ticket) => {
                        batches.push(batch);
                        tickets.push(ticket);
                    }
                    Job::Seal(ticket) => seal = Some(ticket),
                    Job::Settle(ticket) => settle = Some(ticket),
                }
            }
            if let Some(why) = self.stopped.get() {
                let error = Error::Stopped { why: why.clone() };
                tickets.iter().chain(&seal).chain(&settle).for_each(|ticket| ticket.tell(Err(error.clone())));
                continue;
            }
            if !batches.is_empty() {
                match appender.append(batches) {
                    Ok(written) => _ = to_sync.send(Step::Sync(written, tickets)),
                    Err(error) => self.refuse(&error, &tickets),
                }
            }
            if let Some(ticket) = seal {
                match appender.seal() {
                    Ok(()) => _ = to_sync.send(Step::Sealed(ticket)),
                    Err(error) => self.refuse(&error, &[ticket]),
                }
            }
            if let Some(ticket) = settle {
                // What was written before is synced and told first.
                _ = to_sync.send(Step::Sealed(ticket));
            }
        }
        if self.stopped.get().is_none()
            && let Err(error) = appender.seal()
        {
            tracing::warn!(%error, "the journal could not be ended cleanly");
        }
    }

    fn sync(&self, steps: &Receiver<Step>, mut publish: Publish) {
        while let Ok(step) = steps.recv() {
            // All that was written meanwhile shares this sync.
            let mut group = vec![step];
            group.extend(steps.try_iter().take(GROUPS_WRITTEN));
            let last = group.iter().rev().find_map(|step| match step {
                Step::Sync(written, _) => Some(written),
                Step::Sealed(_) => None,
            });
            let synced = match (self.stopped.get(), last) {
                (Some(why), _) => Err(Error::Stopped { why: why.clone() }),
                (None, Some(last)) => {
                    let begun = Instant::now();
                    let synced = last.file.sync(last.end);
                    let us = u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX);
                    self.last_sync_us.store(us, Ordering::Relaxed);
                    synced
                }
                (None, None) => Ok(()),
            };
            let mut outcome = synced.inspect_err(|error| self.stop(error));
            for step in group {
                match step {
                    Step::Sync(written, tickets) => {
                        let seqs: Vec<u64> = written.commits.iter().map(|(seq, _)| *seq).collect();
                        outcome = outcome.and_then(|()| publish(written.commits)).inspect_err(|error| self.stop(error));
                        if let (Ok(()), Some(last)) = (&outcome, seqs.last()) {
                            self.published.store(*last, Ordering::Release);
                        }
                        for (ticket, seq) in tickets.into_iter().zip(seqs) {
                            ticket.tell(outcome.clone().map(|()| seq));
                        }
                    }
                    Step::Sealed(ticket) => {
                        ticket.tell(outcome.clone().map(|()| self.published.load(Ordering::Acquire)));
                    }
                }
            }
        }
    }

    /// A group could not be written. All that waits is refused with it, since it may build on it.
    fn refuse(&self, error: &Error, tickets: &[Arc<Ticket>]) {
        if !matches!(error, Error::Full { .. }) {
            self.stop(error);
        }
        tickets.iter().for_each(|ticket| ticket.tell(Err(error.clone())));
        let mut queue = locked(&self.queue);
        queue.bytes = 0;
        for job in queue.jobs.drain(..) {
            let (Job::Commit(_, ticket) | Job::Seal(ticket) | Job::Settle(ticket)) = job;
            ticket.tell(Err(error.clone()));
        }
        self.drained.notify_all();
    }

    /// After a failed sync nobody knows what is on the disk: nothing more is written.
    fn stop(&self, error: &Error) {
        if self.stopped.set(error.to_string()).is_ok() {
            tracing::error!(%error, "the store stopped writing");
        }
    }
}

/// A lock whose holder may have panicked: what it guards is whole between any two statements.
pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
