//! Checking everything that is on disk.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::entry::Entry;
use super::journal::file::DataFile;
use super::journal::frame::{FrameOp, Put};
use super::merge;
use super::pipeline::locked;
use super::state::State;
use super::{Error, Store};

/// Rows of the directory looked at in one go.
const PAGE: usize = 4_096;
/// Most findings that are told; a thoroughly damaged store has no end of them.
const FINDINGS: usize = 100;
/// Most removed keys whose removal is looked for at a time, to bound memory; more are taken to be removed.
const MISSING: usize = 1 << 20;

/// Keys that were put and are not there, each with what to say if no removal follows.
type Missing = BTreeMap<Vec<u8>, String>;

/// What a check found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Files read.
    pub files: usize,
    /// Commits in them.
    pub commits: u64,
    /// Operations in them.
    pub operations: u64,
    /// Values that were opened.
    pub values: u64,
    /// Keys in the directory.
    pub keys: u64,
    /// What is wrong, at most a hundred findings, each a line that names the place.
    pub findings: Vec<String>,
    /// Something is wrong with the directory, and nothing with the journal: the next start makes the one anew from the other.
    pub rebuild: bool,
}

impl Report {
    fn find(&mut self, what: impl ToString) {
        if self.findings.len() < FINDINGS {
            self.findings.push(what.to_string());
        }
    }
}

impl Store {
    /// Reads the whole journal: checksums, chains, every value; and compares the directory with it. Writes wait no
    /// longer than usual meanwhile, merges wait for the end. Where the directory is wrong, the next start rebuilds it.
    ///
    /// # Errors
    /// Where the disk cannot be read at all; damage is told in the report.
    pub fn verify(&self) -> Result<Report, Error> {
        let state = self.state();
        let _no_merge = locked(&state.merging);
        let seen = state.pipeline()?.seal()?;
        state.checkpoint()?;
        merge::finish(state)?;
        let (mut report, mut missing, mut damaged) = (Report::default(), Missing::new(), false);
        for (file, bytes) in state.journal.after(0)? {
            report.files += 1;
            match check_file(state, &file, (bytes, seen), &mut report, &mut missing) {
                Err(Error::Damaged { path, offset, why }) => {
                    damaged = true;
                    report.find(format!("`{}` at byte {offset}: {why}", path.display()));
                }
                other => other?,
            }
        }
        // What could not be read may have removed any key.
        if !damaged {
            forget_removed(state, seen, &mut missing)?;
            for what in missing.into_values() {
                report.rebuild = true;
                report.find(what);
            }
        }
        check_directory(state, &mut report)?;
        report.rebuild &= !damaged;
        if report.rebuild {
            state.rebuild_next_time();
        }
        Ok(report)
    }
}

/// Checks a file up to a byte, and compares the directory with its commits up to one that it has seen.
fn check_file(
    state: &State,
    file: &Arc<DataFile>,
    (bytes, seen): (u64, u64),
    report: &mut Report,
    missing: &mut Missing,
) -> Result<(), Error> {
    let id = file.id;
    let sealed = state.journal.list().file(id).and_then(|file| file.sealed.clone());
    let length = file.bytes()?;
    let order: HashMap<u32, usize> = state.journal.list().files.iter().map(|file| file.id).zip(0..).collect();
    let mut scan = file.scan(bytes.min(length));
    merge::lookup(state, &mut scan, |frame, entries| {
        report.commits += 1;
        if !file.values_are_whole(&frame)? {
            return Err(Error::damaged(&file.path, frame.offset, "the values of a commit are damaged"));
        }
        for (op, entry) in frame.ops.iter().zip(entries) {
            report.operations += 1;
            if let Some(Put::Value { offset, length }) = op.put {
                file.value(offset, length, &op.key)?;
                report.values += 1;
            }
            let missed = || format!("the directory missed operation {} of `{}`", op.ordinal, file.path.display());
            match (entry, &op.put) {
                // Still in memory.
                _ if frame.header.seq > seen => {}
                (Some(entry), _) if !follows(&order, entry, id, op) => {
                    report.rebuild = true;
                    report.find(missed());
                }
                (Some(_), _) => {}
                // A later operation must have removed it.
                (None, Some(_)) if missing.len() < MISSING => _ = missing.insert(op.key.clone(), missed()),
                (None, Some(_)) => {}
                (None, None) => _ = missing.remove(&op.key),
            }
        }
        Ok(())
    })?;
    if sealed.is_some() && length != bytes {
        return Err(Error::damaged(&file.path, length, format!("the file has {length} bytes instead of {bytes}")));
    }
    if sealed.is_some_and(|sealed| sealed.chain != scan.site.chain || sealed.ops != scan.site.ordinal) {
        return Err(Error::damaged(&file.path, bytes, "the file does not end as it did when it was sealed"));
    }
    Ok(())
}

/// Whether an entry is what this operation left, or something later.
fn follows(order: &HashMap<u32, usize>, entry: &Entry, file: u32, op: &FrameOp) -> bool {
    if entry.file() != file {
        // A file that was begun meanwhile is not in the order: it comes last.
        return order.get(&entry.file()).is_none_or(|place| Some(place) > order.get(&file));
    }
    let (is_value, origin) = entry.origin();
    match (&op.put, is_value) {
        (Some(Put::Value { offset, .. }), true) => origin >= *offset,
        (Some(Put::Inline(_)) | None, false) => origin >= op.ordinal,
        // Offsets and numbers cannot be compared; both are of this file.
        _ => true,
    }
}

/// What is missing because it was removed while the check ran.
fn forget_removed(state: &State, seen: u64, missing: &mut Missing) -> Result<(), Error> {
    if missing.is_empty() {
        return Ok(());
    }
    for (file, bytes) in state.journal.after(seen)? {
        let mut scan = file.scan(bytes);
        while let Some(frame) = scan.next()? {
            frame.ops.iter().filter(|op| op.put.is_none()).for_each(|op| _ = missing.remove(&op.key));
        }
    }
    Ok(())
}

/// Reads the whole directory while nothing changes it.
fn check_directory(state: &State, report: &mut Report) -> Result<(), Error> {
    let _unchanged = locked(&state.changing);
    let mut from = Vec::new();
    loop {
        let rows = state.directory.page(&from, None, PAGE)?;
        report.keys += rows.len() as u64;
        for (key, entry) in &rows {
            let file = state.journal.file(entry.file())?;
            let leads = match (file, entry) {
                (None, _) => false,
                (Some(file), Entry::Value { offset, length, .. }) => {
                    u64::from(*offset) + u64::from(*length) <= file.bytes()?
                }
                (Some(_), _) => state.read(key, entry).is_ok_and(|value| value.is_some()),
            };
            if !leads {
                report.rebuild = true;
                report.find(format!("an entry of table {} leads nowhere", key.first().copied().unwrap_or_default()));
            }
        }
        match rows.last() {
            Some((key, _)) => from = [key, [0].as_slice()].concat(),
            None => break,
        }
    }
    let counted = locked(&state.tally).census.keys;
    if counted != report.keys {
        report.rebuild = true;
        report.find(format!("the directory has {} keys instead of {counted}", report.keys));
    }
    Ok(())
}
