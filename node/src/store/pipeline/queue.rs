//! What waits to be written, in the order of the submits, and what all parts of a pipeline share.

use std::collections::VecDeque;
use std::sync::atomic::AtomicU64;
use std::sync::{Condvar, Mutex, MutexGuard, OnceLock, PoisonError};

use super::pending::{Pending, Promise, Told};
use super::{Error, locked};
use crate::store::batch::{Batch, Epoch};

/// Bytes of batches that may wait to be written. Who submits more waits.
const QUEUE_BYTES: usize = 16 << 20;
/// Batches that may wait, however small.
const QUEUE_BATCHES: usize = 4_096;
/// Bytes that are written as one group: enough to make the sync cheap, little enough to keep it short.
const GROUP_BYTES: usize = 4 << 20;

/// A batch that waits to be written.
pub(super) struct Waiting {
    pub(super) batch: Batch,
    pub(super) promise: Promise,
}

pub(super) enum Job {
    Commit(Waiting),
    /// End the file being written; told when all before it is published.
    Seal(Promise),
    /// Nothing; told when all before it is published or refused.
    Settle(Promise),
}

impl Job {
    fn bytes(&self) -> usize {
        match self {
            Self::Commit(waiting) => waiting.batch.bytes(),
            Self::Seal(_) | Self::Settle(_) => 0,
        }
    }
}

#[derive(Default)]
pub(super) struct Queue {
    pub(super) jobs: VecDeque<Job>,
    pub(super) bytes: usize,
    pub(super) closed: bool,
    /// Raised whenever something could not be written: in the same step in which the queue is emptied, so that nothing
    /// that was made before comes to stand in it afterwards.
    pub(super) epoch: Epoch,
}

/// What the threads of a pipeline and all its callers share.
pub(super) struct Shared {
    queue: Mutex<Queue>,
    filled: Condvar,
    drained: Condvar,
    /// The first failure that stopped writing for good.
    stopped: OnceLock<String>,
    /// The last commit that is durable and visible.
    pub(super) published: AtomicU64,
    pub(super) last_sync_us: AtomicU64,
}

impl Shared {
    /// Continues after commit `seq`.
    pub(super) fn new(seq: u64) -> Self {
        Self {
            queue: Mutex::default(),
            filled: Condvar::new(),
            drained: Condvar::new(),
            stopped: OnceLock::new(),
            published: AtomicU64::new(seq),
            last_sync_us: AtomicU64::new(0),
        }
    }

    pub(super) fn queue(&self) -> MutexGuard<'_, Queue> {
        locked(&self.queue)
    }

    /// Why nothing more is written, if that is so.
    pub(super) fn stopped(&self) -> Result<(), Error> {
        self.stopped.get().map_or(Ok(()), |why| Err(Error::Stopped { why: why.clone() }))
    }

    /// Queues a batch. Waits while the queue is full.
    pub(super) fn submit(&self, batch: Batch, told: Option<Told>) -> Result<Pending, Error> {
        let mut queue = self.room(batch.bytes())?;
        batch.check_epoch(queue.epoch)?;
        // Made only now: from here on its outcome is told.
        let (promise, pending) = Promise::new(told);
        queue.bytes += batch.bytes();
        queue.jobs.push_back(Job::Commit(Waiting { batch, promise }));
        self.filled.notify_one();
        Ok(pending)
    }

    /// Queues something that is not written.
    pub(super) fn push(&self, job: Job) -> Result<(), Error> {
        self.room(0)?.jobs.push_back(job);
        self.filled.notify_one();
        Ok(())
    }

    /// The queue, with room for so many bytes more.
    fn room(&self, bytes: usize) -> Result<MutexGuard<'_, Queue>, Error> {
        let mut queue = self.queue();
        while !queue.closed
            && !queue.jobs.is_empty()
            && (queue.bytes + bytes > QUEUE_BYTES || queue.jobs.len() >= QUEUE_BATCHES)
        {
            queue = self.drained.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
        self.stopped()?;
        if queue.closed { Err(Error::Closed) } else { Ok(queue) }
    }

    /// What is written together next, if anything waits.
    pub(super) fn next_group(&self) -> Option<Vec<Job>> {
        self.take_group(self.queue())
    }

    /// The same, once something waits; none when the pipeline is closed and drained.
    pub(super) fn await_group(&self) -> Option<Vec<Job>> {
        let mut queue = self.queue();
        while queue.jobs.is_empty() && !queue.closed {
            queue = self.filled.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
        self.take_group(queue)
    }

    fn take_group(&self, mut queue: MutexGuard<'_, Queue>) -> Option<Vec<Job>> {
        let (mut jobs, mut bytes) = (Vec::new(), 0);
        while let Some(job) = queue.jobs.pop_front() {
            bytes += job.bytes();
            let is_last = matches!(job, Job::Seal(_) | Job::Settle(_));
            jobs.push(job);
            if is_last || bytes >= GROUP_BYTES {
                break;
            }
        }
        queue.bytes = queue.bytes.saturating_sub(bytes);
        self.drained.notify_all();
        (!jobs.is_empty()).then_some(jobs)
    }

    /// Something could not be written: all that waits may build on it. Raises the epoch and empties the queue as one.
    pub(super) fn fail(&self) -> Vec<Job> {
        let mut queue = self.queue();
        queue.epoch.raise();
        queue.bytes = 0;
        let jobs = queue.jobs.drain(..).collect();
        self.drained.notify_all();
        jobs
    }

    /// Nobody knows what is on the disk now: nothing more is written. What waits is refused by the writer in its turn.
    pub(super) fn stop(&self, error: &Error) {
        let mut queue = self.queue();
        if self.stopped.set(error.to_string()).is_ok() {
            queue.epoch.raise();
            tracing::error!(%error, "the store stopped writing");
        }
    }

    /// Takes no more jobs.
    pub(super) fn close(&self) {
        self.queue().closed = true;
        self.filled.notify_all();
        self.drained.notify_all();
    }
}
