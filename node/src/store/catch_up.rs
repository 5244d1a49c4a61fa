//! Bringing the directory up to the end of the journal, at the start: one thread reads and sorts, another applies.

use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;

use super::directory::Change;
use super::entry::Entry;
use super::journal::file::Frame;
use super::journal::frame::FrameOp;
use super::pipeline::locked;
use super::state::{State, Tally};
use super::{Error, Progress};

/// How much is gathered before it is applied: the more, the fewer blocks are rewritten. Two of these are in memory.
const RUN_BYTES: usize = 48 << 20;
/// What a change takes in memory beside its key.
const OVERHEAD: usize = 112;

/// When something fell out of use that was found so at the start: nobody knows, so it is due to be erased.
const LONG_AGO_MS: u64 = 0;

/// Applies all commits that the directory has not seen, and tells how many. Without threads, one after the other.
pub(super) fn catch_up(state: &State, rebuilding: bool, progress: &dyn Fn(Progress)) -> Result<u64, Error> {
    if !state.options.threads {
        let mut failed = Ok(());
        let read = read(state, rebuilding, progress, &mut |run| {
            failed = run.apply(state);
            failed.is_ok()
        });
        return failed.and(read);
    }
    // Nothing waits in between: one run is read while the one before is applied.
    let (to_apply, runs) = sync_channel(0);
    thread::scope(|scope| {
        let applier = scope.spawn(|| apply(state, runs));
        let read = read(state, rebuilding, progress, &mut |run| to_apply.send(run).is_ok());
        drop(to_apply);
        let applied = applier.join().unwrap_or_else(|_| Err(Error::directory("the thread that applies commits ended")));
        applied.and(read)
    })
}

fn apply(state: &State, runs: Receiver<Run>) -> Result<(), Error> {
    runs.into_iter().try_for_each(|run| run.apply(state))
}

fn read(
    state: &State,
    rebuilding: bool,
    progress: &dyn Fn(Progress),
    take: &mut dyn FnMut(Run) -> bool,
) -> Result<u64, Error> {
    let applied = locked(&state.tally).applied;
    let files = state.journal.after(applied)?;
    let total_bytes = files.iter().map(|(_, bytes)| bytes).sum();
    let (mut done_bytes, mut replayed, mut run) = (0, 0, Run::default());
    for (file, bytes) in files {
        let mut scan = file.scan(bytes);
        while let Some(frame) = scan.next()? {
            if frame.header.seq <= applied {
                continue;
            }
            replayed += 1;
            let offset = frame.offset;
            run.add(frame, |op| op.entry(file.id, &file.cipher));
            if run.bytes > RUN_BYTES {
                // It only fails where applying failed, which tells why.
                if !take(std::mem::take(&mut run)) {
                    return Ok(replayed);
                }
                progress(Progress { rebuilding, done_bytes: done_bytes + offset, total_bytes });
            }
        }
        done_bytes += bytes;
        progress(Progress { rebuilding, done_bytes, total_bytes });
    }
    if run.through > 0 {
        take(run);
    }
    Ok(replayed)
}

/// Changes in the order of the journal.
#[derive(Default)]
struct Run {
    changes: Vec<(Vec<u8>, Option<Entry>)>,
    bytes: usize,
    through: u64,
}

impl Run {
    fn add(&mut self, frame: Frame, entry: impl Fn(&FrameOp) -> Option<Entry>) {
        self.through = frame.header.seq;
        for op in frame.ops {
            let entry = entry(&op);
            self.bytes += op.key.len() + OVERHEAD;
            self.changes.push((op.key, entry));
        }
    }

    /// Applies the last change of each key, in the order of the keys.
    fn apply(self, state: &State) -> Result<(), Error> {
        let key = |index: u32| self.changes.get(index as usize).map(|(key, _)| key.as_slice());
        // Most keys differ in their first bytes, which lie together here.
        let mut order: Vec<(u128, u32)> = self.changes.iter().map(|(key, _)| head(key)).zip(0..).collect();
        order.sort_unstable_by(|a, b| a.0.cmp(&b.0).then_with(|| key(a.1).cmp(&key(b.1))).then(a.1.cmp(&b.1)));
        let mut dead = Tally::default();
        let mut last = Vec::with_capacity(order.len());
        for (at, (_, index)) in order.iter().enumerate() {
            let Some((changed, entry)) = self.changes.get(*index as usize) else { continue };
            let again = order.get(at + 1).is_some_and(|(_, next)| key(*next) == Some(changed));
            match (again, entry) {
                (false, entry) => last.push((changed.as_slice(), entry.as_ref().map_or(Change::Remove, Change::Set))),
                (true, Some(entry)) => dead.bury(entry, LONG_AGO_MS),
                (true, None) => {}
            }
        }
        state.apply_changes(last.into_iter(), dead, self.through, LONG_AGO_MS)
    }
}

/// The first bytes of a key, such that they sort like the key.
fn head(key: &[u8]) -> u128 {
    let mut head = [0; 16];
    head.iter_mut().zip(key).for_each(|(to, from)| *to = *from);
    u128::from_be_bytes(head)
}
