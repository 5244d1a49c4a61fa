//! Entries that wait to be written. Whoever comes while nobody writes, writes for all that wait: an entry is chained to
//! one that is durable, so that a write that fails leaves no gap behind it.

use std::collections::HashMap;
use std::sync::{Condvar, Mutex, PoisonError};

use super::Entry;
use crate::store;
use crate::store::pipeline::locked;

/// Most entries of one commit.
const GROUP: usize = 1_024;

#[derive(Default)]
pub(super) struct Queue {
    state: Mutex<State>,
    changed: Condvar,
}

/// Bounded by the number of callers, each of which waits.
#[derive(Default)]
struct State {
    waiting: Vec<(u64, Entry)>,
    /// Numbers, or why not, for callers that have not yet looked.
    done: HashMap<u64, Result<u64, store::Error>>,
    writing: bool,
    next: u64,
}

impl Queue {
    /// Waits until the entry is written, by this caller or another, and tells its number. `write` writes entries as one
    /// and tells the number of the first.
    pub(super) fn append(
        &self,
        entry: Entry,
        write: impl Fn(&[Entry]) -> Result<u64, store::Error>,
    ) -> Result<u64, store::Error> {
        let mut state = locked(&self.state);
        let ticket = state.next;
        state.next += 1;
        state.waiting.push((ticket, entry));
        loop {
            if let Some(done) = state.done.remove(&ticket) {
                return done;
            }
            if state.writing {
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            state.writing = true;
            let size = state.waiting.len().min(GROUP);
            let (tickets, entries): (Vec<u64>, Vec<Entry>) = state.waiting.drain(..size).unzip();
            drop(state);
            let written = write(&entries);
            state = locked(&self.state);
            state.writing = false;
            for (ticket, offset) in tickets.into_iter().zip(0..) {
                state.done.insert(ticket, written.clone().map(|first| first + offset));
            }
            self.changed.notify_all();
        }
    }
}
