//! The writer: frames, seals and writes what waits, and refuses what may not be written.

use std::sync::Arc;

use super::pending::Promise;
use super::queue::{Job, Shared};
use super::{Error, Step};
use crate::store::batch::Batch;
use crate::store::journal::{Appender, Reserve, Written};

/// The writing end of a pipeline; there is one.
pub(crate) struct Writer {
    appender: Appender,
    reserve: Arc<Reserve>,
}

impl Writer {
    pub(crate) const fn new(appender: Appender, reserve: Arc<Reserve>) -> Self {
        Self { appender, reserve }
    }

    /// Writes a group, and hands on what is to be synced or told, in order.
    pub(super) fn write(&mut self, shared: &Shared, group: Vec<Job>, hand_on: &mut dyn FnMut(Step)) {
        let (mut batches, mut promises, mut last) = (Vec::new(), Vec::new(), None);
        for job in group {
            match job {
                Job::Commit(waiting) => {
                    batches.push(waiting.batch);
                    promises.push(waiting.promise);
                }
                Job::Seal(_) | Job::Settle(_) => last = Some(job),
            }
        }
        match self.commit(shared, batches, promises, hand_on) {
            Err(refusal) => refusal.tell(shared, last, hand_on),
            Ok(()) => last.into_iter().for_each(|last| self.end(shared, last, hand_on)),
        }
    }

    fn commit(
        &mut self,
        shared: &Shared,
        batches: Vec<Batch>,
        mut promises: Vec<Promise>,
        hand_on: &mut dyn FnMut(Step),
    ) -> Result<(), Refusal> {
        if batches.is_empty() {
            return Ok(());
        }
        if let Err(error) = shared.stopped() {
            return Err(Refusal { error, promises });
        }
        let (written, refused) = self.append(batches);
        if let Some(written) = written {
            let rest = promises.split_off(written.commits.len());
            hand_on(Step::Sync(written, promises));
            promises = rest;
        }
        let Some(error) = refused else { return Ok(()) };
        if !matches!(error, Error::Full { .. }) {
            shared.stop(&error);
        }
        Err(Refusal { error, promises })
    }

    /// Writes batches. Where there is no room for them, those at the front that may take the room that is kept for a
    /// full disk; then also why the rest is refused.
    fn append(&mut self, batches: Vec<Batch>) -> (Option<Written>, Option<Error>) {
        let kept: Vec<Batch> = batches.iter().take_while(|batch| batch.may_use_reserve()).cloned().collect();
        let all = kept.len() == batches.len();
        let ordinary = if all { Ok(()) } else { self.reserve.check() };
        match ordinary.and_then(|()| self.appender.append(batches)) {
            Ok(written) => (Some(written), None),
            Err(error @ Error::Full { .. }) if !kept.is_empty() => {
                self.reserve.give_up();
                match self.appender.append(kept) {
                    Ok(written) => (Some(written), (!all).then_some(error)),
                    Err(error) => (None, Some(error)),
                }
            }
            Err(error) => (None, Some(error)),
        }
    }

    /// Ends the file, for a merge: that it frees room needs a little room first.
    fn seal(&mut self) -> Result<(), Error> {
        match self.appender.seal() {
            Err(Error::Full { .. }) if self.reserve.give_up() => self.appender.seal(),
            sealed => sealed,
        }
    }

    fn end(&mut self, shared: &Shared, job: Job, hand_on: &mut dyn FnMut(Step)) {
        match job {
            Job::Commit(_) => {}
            Job::Settle(promise) => hand_on(Step::Reached(promise)),
            Job::Seal(promise) => match shared.stopped().and_then(|()| self.seal()) {
                Ok(()) => hand_on(Step::Reached(promise)),
                Err(error) => {
                    // Without room for the list of files, the file goes on: nothing builds on its end.
                    if !matches!(error, Error::Full { .. } | Error::Stopped { .. }) {
                        shared.stop(&error);
                    }
                    hand_on(Step::Refused(error, vec![promise]));
                }
            },
        }
    }

    /// Ends the file cleanly after the last group.
    pub(super) fn finish(&mut self, shared: &Shared) {
        if shared.stopped().is_ok()
            && let Err(error) = self.appender.seal()
        {
            tracing::warn!(%error, "the journal could not be ended cleanly");
        }
    }
}

/// Why something is not written, and whom to tell.
struct Refusal {
    error: Error,
    promises: Vec<Promise>,
}

impl Refusal {
    /// Refuses these, what ends their group and all that waits, since it may build on them.
    fn tell(self, shared: &Shared, last: Option<Job>, hand_on: &mut dyn FnMut(Step)) {
        let Self { error, promises: mut refused } = self;
        for job in last.into_iter().chain(shared.fail()) {
            match job {
                Job::Commit(waiting) => refused.push(waiting.promise),
                Job::Seal(promise) => refused.push(promise),
                Job::Settle(promise) => {
                    hand_on(Step::Refused(error.clone(), std::mem::take(&mut refused)));
                    hand_on(Step::Reached(promise));
                }
            }
        }
        hand_on(Step::Refused(error, refused));
    }
}
