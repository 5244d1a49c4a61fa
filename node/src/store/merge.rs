//! Merging: files that hold what is no longer in use are rewritten without it, while writes go on.
//!
//! A run of neighbouring files becomes one new file in their place, with the same commits in the same order. The order
//! of steps makes it safe to be killed between any two: the new file is durable before the list names it; the list
//! names the old ones as retiring until the directory durably names them no more. Liveness is what the directory says:
//! an operation is in use if the entry of its key comes from it.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use super::batch::Op;
use super::entry::Entry;
use super::journal::file::{DataFile, Frame, Scan};
use super::journal::frame::{self, FrameOp, Put, Site};
use super::journal::manifest::{Listed, Retiring, Sealed};
use super::open::set;
use super::pipeline::locked;
use super::state::{State, now_ms};
use super::{Error, Store};

/// How many keys are looked up or moved in one sweep over the directory. A sweep over many keys reads each block once,
/// and this many take some 40 MiB.
const SWEEP: usize = 1 << 18;
/// What is written at once.
const CHUNK: usize = 4 << 20;
/// Files below this part of the usual size are put together with their neighbours.
const SMALL: u64 = 8;
/// The longest time between two looks for something to erase.
const LONGEST_TICK: Duration = Duration::from_secs(60);

/// What a merge did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Merged {
    /// Files rewritten or removed.
    pub files: usize,
    /// Bytes that became free.
    pub freed_bytes: u64,
}

impl Store {
    /// Rewrites all files that hold something that is no longer in use. On return that is gone from them.
    ///
    /// # Errors
    /// Where the disk cannot be read or written; the store is as it was then.
    pub fn merge(&self) -> Result<Merged, Error> {
        merge(self.state(), u64::MAX)
    }

    /// Does what a thread does now and then: brings the directory up to date, and erases what must be gone by now. For
    /// a store without threads.
    ///
    /// # Errors
    /// As for [`Store::merge`].
    pub fn upkeep(&self) -> Result<(), Error> {
        erase(self.state(), self.state().options.erase_within)
    }
}

/// Merges the files in which something has been dead since `until_ms` or longer.
pub(super) fn merge(state: &State, until_ms: u64) -> Result<Merged, Error> {
    let _one = locked(&state.merging);
    let merged = match merge_once(state, until_ms) {
        // What it frees, it needs first.
        Err(Error::Full { .. }) if state.reserve.give_up() => merge_once(state, until_ms),
        merged => merged,
    };
    state.reserve.take();
    merged
}

fn merge_once(state: &State, until_ms: u64) -> Result<Merged, Error> {
    state.pipeline()?.seal()?;
    state.checkpoint()?;
    merge_applied(state, until_ms)
}

/// Merges files of which the directory has seen all. Writes go on meanwhile: a file that was filled and ended since the
/// directory was brought up to date is left to the next merge, which can tell what of it is in use.
pub(super) fn merge_applied(state: &State, until_ms: u64) -> Result<Merged, Error> {
    // Where an earlier merge failed half-way, the directory still names its old files: liveness could not be told.
    finish(state)?;
    let applied = locked(&state.tally).applied;
    let (mut merged, mut moving) = (Merged::default(), 0);
    for run in runs(state, until_ms, applied) {
        let (before, _) = state.journal.size();
        moving += rewrite(state, &run, applied)?;
        let (after, _) = state.journal.size();
        merged.files += run.len();
        merged.freed_bytes += before.saturating_sub(after);
        if moving >= SWEEP {
            finish(state)?;
            moving = 0;
        }
    }
    finish(state)?;
    Ok(merged)
}

/// The sealed files to rewrite, with no commit after `applied`; neighbours together as long as the outcome stays a file
/// of the usual size.
fn runs(state: &State, until_ms: u64, applied: u64) -> Vec<Vec<Listed>> {
    let limit = state.options.file_bytes;
    let files = state.journal.list().files.clone();
    let tally = locked(&state.tally);
    let mut runs: Vec<(Vec<Listed>, u64, bool)> = Vec::new();
    let mut open = false;
    for file in files {
        // What the directory has not seen would look as if it were not in use.
        let Some(sealed) = file.sealed.as_ref().filter(|sealed| sealed.last <= applied) else { break };
        let dead = tally.dead.get(&file.id);
        let due = dead.is_some_and(|dead| dead.since_ms <= until_ms);
        let live = sealed.bytes.saturating_sub(dead.map_or(0, |dead| dead.bytes));
        if !due && live > limit / SMALL {
            open = false;
            continue;
        }
        match runs.last_mut().filter(|(_, bytes, _)| open && bytes + live <= limit) {
            Some((run, bytes, any)) => {
                run.push(file);
                *bytes += live;
                *any |= due;
            }
            None => runs.push((vec![file], live, due)),
        }
        open = true;
    }
    // Small files alone are worth it only when there are many.
    const MANY: usize = 8;
    runs.into_iter().filter(|(run, _, due)| *due || run.len() >= MANY).map(|(run, ..)| run).collect()
}

/// Goes through a file, and tells of each operation of a frame whether the directory holds what it put.
fn sweep(
    state: &State,
    file: &Arc<DataFile>,
    mut each: impl FnMut(Frame, &[bool]) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut scan = file.scan(file.bytes()?);
    lookup(state, &mut scan, |frame, entries| {
        let held = |entry: &Option<Entry>, op: &FrameOp| {
            let entry = entry.as_ref().filter(|entry| entry.file() == file.id);
            entry.is_some_and(|entry| Some(entry.origin()) == op.origin())
        };
        let live: Vec<bool> = frame.ops.iter().zip(entries).map(|(op, entry)| held(entry, op)).collect();
        each(frame, &live)
    })
}

/// Goes through the frames of a file, and tells what the directory holds for the key of each operation.
pub(crate) fn lookup(
    state: &State,
    scan: &mut Scan,
    mut each: impl FnMut(Frame, &[Option<Entry>]) -> Result<(), Error>,
) -> Result<(), Error> {
    loop {
        let (mut frames, mut count) = (Vec::new(), 0);
        while count < SWEEP
            && let Some(frame) = scan.next()?
        {
            count += frame.ops.len();
            frames.push(frame);
        }
        if frames.is_empty() {
            return Ok(());
        }
        let entries = entries(state, &frames)?;
        let mut rest = entries.as_slice();
        for frame in frames {
            let (of_frame, after) = rest.split_at_checked(frame.ops.len()).unwrap_or_default();
            rest = after;
            each(frame, of_frame)?;
        }
    }
}

/// What the directory holds for the keys of all operations, in their order; asked in the order of the keys.
fn entries(state: &State, frames: &[Frame]) -> Result<Vec<Option<Entry>>, Error> {
    let ops = frames.iter().flat_map(|frame| &frame.ops);
    let mut asked: Vec<(&[u8], usize)> = ops.enumerate().map(|(index, op)| (op.key.as_slice(), index)).collect();
    asked.sort_unstable();
    let keys: Vec<&[u8]> = asked.iter().map(|(key, _)| *key).collect();
    let found = state.directory.find_many(&keys)?;
    let mut placed: Vec<(usize, Option<Entry>)> = asked.iter().map(|(_, index)| *index).zip(found).collect();
    placed.sort_unstable_by_key(|(index, _)| *index);
    Ok(placed.into_iter().map(|(_, entry)| entry).collect())
}

/// Puts one new file in the place of a run of files. Answers how many operations it holds; [`finish`] must follow.
fn rewrite(state: &State, run: &[Listed], applied: u64) -> Result<usize, Error> {
    let journal = &state.journal;
    let (Some(first), Some(last)) = (run.first(), run.last().and_then(|file| file.sealed.as_ref())) else {
        return Ok(0);
    };
    let old: Vec<u32> = run.iter().map(|file| file.id).collect();
    // The number is taken first, so that a file that a crash leaves behind is known for what it is.
    let id = journal.new_file();
    journal.relist(|list| list.next_file = list.next_file.max(id + 1))?;
    let file = DataFile::create(&journal.place(), id)?;
    let removals = removals_to_drop(state, first.id);
    let mut copy = Copy { state, site: file.first_site(), file, out: Vec::new(), removals, forgotten: 0 };
    let copied = old.iter().try_for_each(|old| copy.file(*old)).and_then(|()| copy.flush());
    if let Err(error) = copied {
        let _ = journal.disk.remove(&copy.file.path);
        return Err(error);
    }
    let Copy { site, file, forgotten, .. } = copy;
    file.sync(site.offset)?;
    journal.sync_names()?;
    let new = (site.ordinal > 0).then_some(id);
    let sealed = Sealed { last: last.last, bytes: site.offset, ops: site.ordinal, chain: site.chain, damaged: None };
    let listed = Listed { id, first: first.first, sealed: Some(sealed) };
    let replaced = set(&old);
    journal.relist(|list| {
        let at = list.files.iter().position(|file| replaced.contains(&file.id)).unwrap_or(0);
        list.files.retain(|file| !replaced.contains(&file.id));
        if new.is_some() {
            list.files.insert(at, listed);
        }
        list.merged = list.merged.max(applied);
        list.forgotten = list.forgotten.max(forgotten);
        list.retiring.push(Retiring { old, new });
    })?;
    if new.is_none() {
        journal.remove(id)?;
    }
    Ok(site.ordinal as usize)
}

/// Up to which commit removals need not be kept by a merge that begins with file `first`. None may be dropped while an
/// earlier file holds anything dead: it could be what a removal removed, and come back when the directory is rebuilt.
fn removals_to_drop(state: &State, first: u32) -> u64 {
    let list = state.journal.list();
    let tally = locked(&state.tally);
    let clean = list.files.iter().take_while(|file| file.id != first).all(|file| !tally.dead.contains_key(&file.id));
    if clean { *locked(&state.pinned) } else { 0 }
}

/// Lets the directory follow the merges that are not finished, and removes their old files.
pub(crate) fn finish(state: &State) -> Result<(), Error> {
    let (retiring, followed) = {
        let list = state.journal.list();
        (list.retiring.clone(), list.followed + 1)
    };
    if retiring.is_empty() {
        return Ok(());
    }
    follow(state, &retiring)?;
    {
        let mut tally = locked(&state.tally);
        retiring.iter().flat_map(|retiring| &retiring.old).for_each(|old| _ = tally.dead.remove(old));
        tally.followed = followed;
        let marker = tally.marker(state.journal.store);
        drop(tally);
        state.directory.mark(&marker)?;
    }
    state.journal.relist(|list| {
        list.retiring.retain(|listed| !retiring.contains(listed));
        list.followed = followed;
    })?;
    for old in retiring.iter().flat_map(|retiring| &retiring.old) {
        state.journal.remove(*old)?;
    }
    state.journal.sync_names()
}

/// Moves the entries of old files to where the new ones hold their values. A key is in use in one file only, so the
/// moves of several merges can be made together.
fn follow(state: &State, retiring: &[Retiring]) -> Result<(), Error> {
    let old: HashSet<u32> = retiring.iter().flat_map(|retiring| &retiring.old).copied().collect();
    let mut moved: BTreeMap<Vec<u8>, Entry> = BTreeMap::new();
    for new in retiring.iter().filter_map(|retiring| retiring.new) {
        let file = state.journal.listed_file(new)?;
        let mut scan = file.scan(file.bytes()?);
        while let Some(frame) = scan.next()? {
            for op in frame.ops {
                if let Some(entry) = op.entry(new, &file.cipher) {
                    moved.insert(op.key, entry);
                }
            }
            if moved.len() >= SWEEP {
                state.relocate(&std::mem::take(&mut moved), &old)?;
            }
        }
    }
    state.relocate(&moved, &old)
}

/// A new file being filled from old ones.
struct Copy<'a> {
    state: &'a State,
    file: DataFile,
    site: Site,
    out: Vec<u8>,
    /// Removals up to this commit are dropped.
    removals: u64,
    /// The last commit of which a removal was dropped.
    forgotten: u64,
}

impl Copy<'_> {
    fn file(&mut self, id: u32) -> Result<(), Error> {
        let file = self.state.journal.listed_file(id)?;
        sweep(self.state, &Arc::clone(&file), |frame, live| {
            let seq = frame.header.seq;
            let mut ops = Vec::new();
            for (op, live) in frame.ops.into_iter().zip(live) {
                let value = match &op.put {
                    None if seq > self.removals => None,
                    None => {
                        self.forgotten = self.forgotten.max(seq);
                        continue;
                    }
                    Some(_) if !live => continue,
                    Some(Put::Inline(value)) => Some(value.clone()),
                    Some(Put::Value { offset, length }) => Some(file.value(*offset, *length, &op.key)?),
                };
                ops.push(Op { key: op.key, value });
            }
            if ops.is_empty() { Ok(()) } else { self.commit(seq, ops) }
        })
    }

    fn commit(&mut self, seq: u64, ops: Vec<Op>) -> Result<(), Error> {
        let too_large = || Error::damaged(&self.file.path, self.site.offset, "a commit does not fit its file");
        let (start, count) = (self.out.len(), u32::try_from(ops.len()).map_err(|_| too_large())?);
        let (_, chain) = frame::encode(&mut self.out, &self.site, seq, &self.file.cipher, ops).ok_or_else(too_large)?;
        self.site.chain = chain;
        self.site.ordinal += count;
        self.site.offset += (self.out.len() - start) as u64;
        if self.out.len() >= CHUNK { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), Error> {
        let at = self.site.offset - self.out.len() as u64;
        self.file.file.write_all_at(&self.out, at).map_err(Error::io("write", &self.file.path))?;
        self.out.clear();
        Ok(())
    }
}

/// The thread that erases in time.
pub(crate) struct Upkeep {
    signal: Arc<(Mutex<bool>, Condvar)>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Upkeep {
    pub(crate) fn start(state: &Arc<State>) -> Result<Self, Error> {
        let signal = Arc::new((Mutex::new(false), Condvar::new()));
        let (state, of_thread) = (Arc::clone(state), Arc::clone(&signal));
        let dir = state.journal.dir.clone();
        let thread = std::thread::Builder::new().name("store-upkeep".into()).spawn(move || run(&state, &of_thread));
        let thread = thread.map_err(Error::io("start the upkeep of", &dir))?;
        Ok(Self { signal, thread: Mutex::new(Some(thread)) })
    }

    /// Ends the thread, after the merge that it may be at.
    pub(crate) fn stop(&self) {
        *locked(&self.signal.0) = true;
        self.signal.1.notify_all();
        if let Some(thread) = locked(&self.thread).take() {
            let _ = thread.join();
        }
    }
}

fn run(state: &State, signal: &(Mutex<bool>, Condvar)) {
    let within = state.options.erase_within;
    let tick = (within / 4).clamp(Duration::from_millis(20), LONGEST_TICK);
    let mut stop = locked(&signal.0);
    while !*stop {
        stop = signal.1.wait_timeout(stop, tick).unwrap_or_else(PoisonError::into_inner).0;
        if *stop {
            return;
        }
        drop(stop);
        if let Err(error) = erase(state, within) {
            tracing::warn!(%error, "what was removed could not yet be erased");
        }
        stop = locked(&signal.0);
    }
}

/// Merges what has been dead for half of the time that it may be.
fn erase(state: &State, within: Duration) -> Result<(), Error> {
    state.checkpoint()?;
    state.reserve.take();
    if state.options.append_only {
        return Ok(());
    }
    let now = now_ms();
    let until = now.saturating_sub(u64::try_from(within.as_millis() / 2).unwrap_or(u64::MAX));
    let due = {
        let tally = locked(&state.tally);
        // A time to come means that the clock was set back.
        tally.dead.values().any(|dead| dead.since_ms <= until || dead.since_ms > now)
    };
    if due { merge(state, until).map(|_| ()) } else { Ok(()) }
}
