//! The writer: frames, seals and writes what waits, and refuses what may not be written.

use super::pending::Promise;
use super::queue::{Group, Job, Shared};
use super::{Error, Step};
use crate::store::batch::Batch;
use crate::store::journal::Appender;

/// The writing end of a pipeline; there is one.
pub(super) struct Writer {
    appender: Appender,
}

impl Writer {
    pub(super) const fn new(appender: Appender) -> Self {
        Self { appender }
    }

    /// Writes a group, and hands on what is to be synced or told, in order.
    pub(super) fn write(&mut self, shared: &Shared, group: Group, hand_on: &mut dyn FnMut(Step)) {
        let (mut batches, mut promises, mut rest) = (Vec::new(), Vec::new(), group.jobs.into_iter());
        let (mut failed, mut last) = (None, None);
        for job in rest.by_ref() {
            let Job::Commit(waiting) = job else {
                last = Some(job);
                break;
            };
            match shared.stopped().and_then(|()| waiting.check(group.epoch)) {
                Ok(()) => {
                    batches.push(waiting.batch);
                    promises.push(waiting.promise);
                }
                Err(error) => {
                    failed = Some(Refusal { error, promises: vec![waiting.promise] });
                    break;
                }
            }
        }
        // What came before the first that may not be written is written; if it cannot be, that is why.
        if let Err(mut refusal) = self.commit(shared, batches, promises, hand_on) {
            refusal.promises.extend(failed.take().into_iter().flat_map(|later| later.promises));
            failed = Some(refusal);
        }
        match (failed, last) {
            (Some(refusal), last) => refusal.tell(shared, last.into_iter().chain(rest), hand_on),
            (None, Some(last)) => self.end(shared, last, hand_on),
            (None, None) => {}
        }
    }

    fn commit(
        &mut self,
        shared: &Shared,
        batches: Vec<Batch>,
        promises: Vec<Promise>,
        hand_on: &mut dyn FnMut(Step),
    ) -> Result<(), Refusal> {
        if batches.is_empty() {
            return Ok(());
        }
        match self.appender.append(batches) {
            Ok(written) => {
                hand_on(Step::Sync(written, promises));
                Ok(())
            }
            Err(error) => {
                if !matches!(error, Error::Full { .. }) {
                    shared.stop(&error);
                }
                Err(Refusal { error, promises })
            }
        }
    }

    fn end(&mut self, shared: &Shared, job: Job, hand_on: &mut dyn FnMut(Step)) {
        match job {
            Job::Commit(_) => {}
            Job::Settle(promise) => hand_on(Step::Reached(promise)),
            Job::Seal(promise) => match shared.stopped().and_then(|()| self.appender.seal()) {
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
    /// Refuses these, the rest of their group and all that waits, since it may build on them.
    fn tell(self, shared: &Shared, rest: impl Iterator<Item = Job>, hand_on: &mut dyn FnMut(Step)) {
        let Self { error, promises: mut refused } = self;
        for job in rest.chain(shared.fail()) {
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
