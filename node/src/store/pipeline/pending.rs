//! A commit on its way: what waits for it, and what hears of it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use super::{Error, locked};

/// Hears what became of a batch: the number of its commit, or why it was refused. Called once, in the order of the
/// commits, by the thread that publishes: the commit is visible then, and nobody who waits for it was woken yet. It may
/// read the store and must not wait for a write to it.
pub type Told = Box<dyn FnOnce(&Result<u64, Error>) + Send>;

/// A commit on its way. Clones wait for the same commit; dropping them does not stop it.
#[derive(Debug, Clone)]
#[must_use = "the commit is not durable before it was waited for"]
pub struct Pending(Arc<Ticket>);

impl Pending {
    /// Waits until the batch is durable and visible, and tells its number.
    ///
    /// # Errors
    /// Where the store cannot write; then nothing of the batch is acknowledged.
    pub fn wait(&self) -> Result<u64, Error> {
        let mut outcome = locked(&self.0.outcome);
        loop {
            if let Some(outcome) = outcome.as_ref() {
                return outcome.clone();
            }
            outcome = self.0.changed.wait(outcome).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// What became of it, if that is known by now.
    pub(crate) fn outcome(&self) -> Option<Result<u64, Error>> {
        locked(&self.0.outcome).clone()
    }
}

#[derive(Debug, Default)]
struct Ticket {
    outcome: Mutex<Option<Result<u64, Error>>>,
    changed: Condvar,
}

/// The other end of a [`Pending`]: whoever holds it owes an outcome. Dropped without one, it tells that the store ended.
pub(crate) struct Promise {
    ticket: Arc<Ticket>,
    told: Option<Told>,
}

impl Promise {
    /// A promise, and what waits for it.
    pub(crate) fn new(told: Option<Told>) -> (Self, Pending) {
        let ticket = Arc::new(Ticket::default());
        (Self { ticket: Arc::clone(&ticket), told }, Pending(ticket))
    }

    /// Tells the outcome.
    pub(crate) fn keep(mut self, outcome: &Result<u64, Error>) {
        self.tell(outcome);
    }

    fn tell(&mut self, outcome: &Result<u64, Error>) {
        if let Some(told) = self.told.take()
            && catch_unwind(AssertUnwindSafe(|| told(outcome))).is_err()
        {
            // It is the caller's own code: the commit is what it is, and others wait for theirs.
            tracing::error!("what was to hear of a commit panicked");
        }
        locked(&self.ticket.outcome).get_or_insert_with(|| outcome.clone());
        self.ticket.changed.notify_all();
    }
}

impl Drop for Promise {
    fn drop(&mut self) {
        if locked(&self.ticket.outcome).is_none() {
            self.tell(&Err(Error::Stopped { why: "the thread that writes ended".into() }));
        }
    }
}
