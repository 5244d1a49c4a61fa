//! The publisher: syncs what was written, makes it visible, and tells who waits.

use std::sync::atomic::Ordering;
use std::time::Instant;

use super::queue::Shared;
use super::{Error, Publish, Step};
use crate::store::journal::Written;

/// Syncs and publishes a group of steps, in order. All that was written shares one sync.
pub(super) fn publish(shared: &Shared, steps: Vec<Step>, publish: &mut Publish) {
    let last = steps.iter().rev().find_map(|step| match step {
        Step::Sync(written, _) => Some(written),
        Step::Refused(..) | Step::Reached(_) => None,
    });
    let mut outcome = shared.stopped().and_then(|()| last.map_or(Ok(()), |last| sync(shared, last)));
    for step in steps {
        match step {
            Step::Sync(written, promises) => {
                let seqs: Vec<u64> = written.commits.iter().map(|(seq, _)| *seq).collect();
                outcome = outcome.and_then(|()| publish(written.commits)).inspect_err(|error| shared.stop(error));
                if let (Ok(()), Some(last)) = (&outcome, seqs.last()) {
                    shared.published.store(*last, Ordering::Release);
                }
                promises.into_iter().zip(seqs).for_each(|(promise, seq)| promise.keep(&outcome.clone().map(|()| seq)));
            }
            Step::Refused(error, promises) => {
                let refused = Err(error);
                promises.into_iter().for_each(|promise| promise.keep(&refused));
            }
            Step::Reached(promise) => {
                promise.keep(&outcome.clone().map(|()| shared.published.load(Ordering::Acquire)));
            }
        }
    }
}

fn sync(shared: &Shared, last: &Written) -> Result<(), Error> {
    let begun = Instant::now();
    let synced = last.file.sync(last.end).inspect_err(|error| shared.stop(error));
    let us = u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX);
    shared.last_sync_us.store(us, Ordering::Relaxed);
    synced
}
