//! Handing entries over to be written: they are chained in the order in which they come, and stay under way until they are
//! durable, whatever fails meanwhile.

use std::collections::VecDeque;
use std::sync::Arc;

use super::{AuditLog, ENTRIES, End, Entry, Error, PAGE, entry, follow};
use crate::store::pipeline::locked;
use crate::store::{self, Batch, Epoch, Pending};

/// Entries that were handed over to be written.
#[derive(Debug, Clone)]
pub struct Submitted {
    /// The number of the first.
    pub first: u64,
    /// The end of the log after the last.
    pub end: End,
    /// When they are durable.
    pub pending: Pending,
}

/// The end of what was handed over to be written. What was is never taken back: where it could not be written, it is
/// written again, as it was, before anything that follows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Handed {
    /// In which all that is under way was submitted.
    epoch: Epoch,
    head: End,
}

/// An entry as it is stored, and its number.
pub type Stored = (u64, Arc<[u8]>);

/// How far the log is durable.
#[derive(Debug)]
pub(super) struct Durable {
    head: End,
    /// What was handed over beyond that, in order.
    under_way: VecDeque<Stored>,
    /// The last entry that the store has taken: those behind it may not come to stand there.
    taken: u64,
}

impl Handed {
    /// Nothing yet, beyond the durable end.
    pub(super) const fn at(epoch: Epoch, head: End) -> Self {
        Self { epoch, head }
    }
}

impl Durable {
    /// All up to here, and nothing under way.
    pub(super) const fn at(head: End) -> Self {
        Self { head, under_way: VecDeque::new(), taken: head.seq }
    }

    /// The last durable entry.
    pub(super) const fn head(&self) -> End {
        self.head
    }

    fn reach(&mut self, head: End) {
        (self.head, self.taken) = (head, self.taken.max(head.seq));
        while self.under_way.front().is_some_and(|(seq, _)| *seq <= head.seq) {
            self.under_way.pop_front();
        }
    }
}

impl AuditLog {
    /// Chains entries to the end and hands them over to be written as one; answers the number of the first. They are
    /// durable when the commit is. Should it fail, they are [under way](Self::under_way) still, and are written before
    /// whatever comes next. Whoever does not [`append`](Self::append) calls
    /// [`checkpoint_if_due`](Self::checkpoint_if_due) afterwards.
    ///
    /// # Errors
    /// Where nothing can be written, or something that was handed over before still cannot: then what they account for must
    /// not happen.
    pub fn submit(&self, entries: Vec<Entry>) -> Result<Submitted, Error> {
        self.hand_over(entries, false)
    }

    /// As [`submit`](Self::submit), of deeds that take something back: where the disk is full, their account may take the
    /// room that is kept for that.
    ///
    /// # Errors
    /// As for [`submit`](Self::submit).
    pub fn submit_taking_back(&self, entries: Vec<Entry>) -> Result<Submitted, Error> {
        self.hand_over(entries, true)
    }

    /// What was handed over after entry `after` and is not durable yet. Whoever makes it durable elsewhere, and has it
    /// [taken up](Self::take_up) at the next start, need not wait for this log.
    pub fn under_way(&self, after: u64) -> Vec<Stored> {
        let durable = locked(&self.durable);
        let from = durable.under_way.partition_point(|(seq, _)| *seq <= after);
        let upto = durable.under_way.partition_point(|(seq, _)| *seq <= durable.taken);
        durable.under_way.range(from..upto.max(from)).cloned().collect()
    }

    /// Sees that the log holds an entry as it was, or that it is under way.
    ///
    /// # Errors
    /// As for [`check_holds`](Self::check_holds).
    pub fn check_reaches(&self, end: &End) -> Result<(), Error> {
        let under_way = self.under_way(end.seq.saturating_sub(1));
        let is_it = under_way.first().is_some_and(|(seq, bytes)| *seq == end.seq && entry::hash(bytes) == end.hash);
        if is_it { Ok(()) } else { self.check_holds(end) }
    }

    /// Writes entries that were under way when the machine stopped, and that the books have: those that follow the end.
    ///
    /// # Errors
    /// Where they cannot be written.
    pub fn take_up(&self, entries: Vec<Stored>) -> Result<(), Error> {
        let mut handed = locked(&self.handed);
        let mut head = handed.head;
        for (seq, bytes) in entries {
            if let Ok(end) = follow(head, seq, &bytes) {
                head = end;
                locked(&self.durable).under_way.push_back((seq, bytes));
            }
        }
        handed.head = head;
        locked(&self.durable).taken = head.seq;
        self.write_again(&mut handed, true)
    }

    /// Waits until all that was handed over is durable.
    ///
    /// # Errors
    /// Where something cannot be written.
    pub fn settle(&self) -> Result<(), Error> {
        self.store.settle()?;
        let mut handed = locked(&self.handed);
        let stands = handed.epoch == self.store.epoch();
        if stands { Ok(()) } else { self.write_again(&mut handed, false) }
    }

    fn hand_over(&self, entries: Vec<Entry>, takes_back: bool) -> Result<Submitted, Error> {
        /// A write fails between the look at the end and the submit; not again and again.
        const ATTEMPTS: usize = 4;
        let mut handed = locked(&self.handed);
        for _ in 1..ATTEMPTS {
            match self.chain(&mut handed, &entries, takes_back) {
                Err(Error::Store(store::Error::Superseded)) => {}
                chained => return chained,
            }
        }
        self.chain(&mut handed, &entries, takes_back)
    }

    fn chain(&self, handed: &mut Handed, entries: &[Entry], takes_back: bool) -> Result<Submitted, Error> {
        if handed.epoch != self.store.epoch() {
            self.write_again(handed, takes_back)?;
        }
        let (first, mut head) = (handed.head.seq + 1, handed.head);
        let stored: Vec<Stored> = entries.iter().map(|entry| chained(&mut head, entry)).collect();
        locked(&self.durable).under_way.extend(stored.iter().cloned());
        let pending = self.write(handed.epoch, &stored, head, takes_back).inspect_err(|_| {
            // It was not taken: as if it had never been handed over.
            locked(&self.durable).under_way.retain(|(seq, _)| *seq < first);
        })?;
        locked(&self.durable).taken = head.seq;
        handed.head = head;
        Ok(Submitted { first, end: head, pending })
    }

    /// Writes what is under way in an epoch that has ended, and waits for it.
    fn write_again(&self, handed: &mut Handed, takes_back: bool) -> Result<(), Error> {
        let epoch = self.store.epoch();
        // What was written before the failure may be on its way still.
        self.store.settle()?;
        let rest = self.under_way(0);
        for part in rest.chunks(PAGE) {
            let Some((seq, bytes)) = part.last() else { break };
            let head = End { seq: *seq, hash: entry::hash(bytes) };
            self.write(epoch, part, head, takes_back)?.wait()?;
        }
        handed.epoch = epoch;
        Ok(())
    }

    fn write(&self, epoch: Epoch, entries: &[Stored], head: End, takes_back: bool) -> Result<Pending, store::Error> {
        let mut batch = Batch::of(epoch);
        if takes_back {
            batch.takes_back();
        }
        for (seq, bytes) in entries {
            batch.put(ENTRIES, seq.to_be_bytes(), bytes.to_vec());
        }
        let durable = Arc::clone(&self.durable);
        let told = move |outcome: &Result<u64, store::Error>| {
            if outcome.is_ok() {
                locked(&durable).reach(head);
            }
        };
        self.store.submit_told(batch, Box::new(told))
    }
}

/// An entry as it follows the end of the chain, which it becomes.
fn chained(head: &mut End, entry: &Entry) -> Stored {
    let bytes = entry::encode(entry, head.hash);
    *head = End { seq: head.seq + 1, hash: entry::hash(&bytes) };
    (head.seq, bytes.into())
}
