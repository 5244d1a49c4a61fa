//! The audit log: who did what, to what, why. An entry is on disk before the answer that it accounts for leaves.
//!
//! Entries lie in a store of their own, whose journal is sealed, checksummed and chained, and from which nothing is
//! ever removed. Each entry is chained to the one before by SHA-256; signed checkpoints, kept in a file of their own
//! beside the log, show when its end was cut off or an older copy was put in its place. Nothing in an entry is personal
//! data in clear, ids and keyed digests only, but for the short names of this bureau's own people.

mod carrier;
mod checkpoint;
mod entry;
mod error;
mod hand_over;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use igain_protocol::bureau::VerifyingKey;
use igain_protocol::time::Timestamp;
use minicbor::{Decode, Encode};

pub use carrier::{Carrier, Load};
use checkpoint::Checkpoint;
pub use entry::{Entry, Filter, Numbered};
pub use error::{Broken, Error};
use hand_over::{Durable, Handed};
pub use hand_over::{Stored, Submitted};

use crate::store::pipeline::locked;
use crate::store::{Disk, Options, Snapshot, Store, StoreKey, Table};

const ENTRIES: Table = Table(1);

/// Entries between two checkpoints: what a cut-off tail can hide at most, together with the checkpoint by time.
const CHECKPOINT_EVERY: u64 = 1_024;

/// Time between two checkpoints while entries come in.
const CHECKPOINT_EVERY_MS: u64 = 60_000;

/// What is kept of the disk for accounts of what is taken back while it is full: some thousands of them.
const RESERVE: u64 = 2 << 20;

/// Entries read at a time.
const PAGE: usize = 1_024;

/// Signs the payload of a checkpoint.
pub type Signer = Box<dyn Fn(&[u8]) -> Vec<u8> + Send + Sync>;

/// The log of one node.
pub struct AuditLog {
    disk: Disk,
    store: Store,
    signer: Signer,
    /// The keys that its checkpoints may be signed with.
    own: Vec<VerifyingKey>,
    checkpoint: PathBuf,
    /// The end of what was handed to the store; held while entries are chained to it.
    handed: Mutex<Handed>,
    durable: Arc<Mutex<Durable>>,
    /// What the last checkpoint vouches for; held while one is written.
    vouched: Mutex<Vouched>,
}

/// The end of the chain: what the books keep of it, so that the log cannot be put back or cut without them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Encode, Decode)]
pub struct End {
    /// The number of the last entry.
    #[n(0)]
    pub seq: u64,
    /// Its hash, which holds that of the one before.
    #[cbor(n(1), with = "minicbor::bytes")]
    pub hash: [u8; 32],
}

/// Where and when the last checkpoint was signed.
#[derive(Debug, Clone, Copy, Default)]
struct Vouched {
    seq: u64,
    at: Option<Timestamp>,
}

/// What a whole and unaltered log holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Summary {
    /// How many entries.
    pub entries: u64,
    /// The hash at its end.
    pub head: [u8; 32],
    /// Up to where the last signed checkpoint vouches.
    pub checkpointed: u64,
}

impl AuditLog {
    /// Opens the log in `dir`, or begins one there. `own` are the keys that this bureau signs with, and did before.
    ///
    /// # Errors
    /// Where it cannot be opened, or its end is not what the last checkpoint says.
    pub fn open(dir: &Path, key: &StoreKey, own: &[VerifyingKey], signer: Signer) -> Result<Self, Error> {
        Self::open_on(&Disk::files(), dir, key, own, signer)
    }

    /// As [`AuditLog::open`], on a disk that may be in memory: then without threads, for tests and simulation.
    ///
    /// # Errors
    /// As for [`AuditLog::open`].
    pub fn open_on(
        disk: &Disk,
        dir: &Path,
        key: &StoreKey,
        own: &[VerifyingKey],
        signer: Signer,
    ) -> Result<Self, Error> {
        let options = Options {
            cache_bytes: 8 << 20,
            overlay_bytes: 4 << 20,
            append_only: true,
            reserve_bytes: if disk.is_memory() { 0 } else { RESERVE },
            threads: !disk.is_memory(),
            ..Options::default()
        };
        let (store, opened) = Store::open_on(disk, dir, key, options, &|_| {})?;
        let (epoch, head) = (store.epoch(), durable_end(&store)?);
        let log = Self {
            disk: disk.clone(),
            store,
            signer,
            own: own.to_vec(),
            checkpoint: checkpoint_in(dir),
            handed: Mutex::new(Handed::at(epoch, head)),
            durable: Arc::new(Mutex::new(Durable::at(head))),
            vouched: Mutex::default(),
        };
        if let Some(lost) = opened.torn_tail {
            // A kill leaves this, and so does a hand: what is missing, books and checkpoint tell.
            tracing::warn!(file = %lost.0.display(), bytes = lost.1, "the audit log ended within an entry, which was cut");
        }
        log.check_end()?;
        Ok(log)
    }

    /// The log must reach at least as far as the last checkpoint, and say there what it said then.
    fn check_end(&self) -> Result<(), Error> {
        let Some(last) = Checkpoint::read(&self.disk, &self.checkpoint, &self.own)? else {
            // The first checkpoint is signed before the first entry, so a log with entries has one.
            return if self.last() > 0 { Err(Error::NoCheckpoint) } else { self.sign(Timestamp::from_ms(0)) };
        };
        self.check_holds(&End { seq: last.seq, hash: last.hash })?;
        *locked(&self.vouched) = Vouched { seq: last.seq, at: Some(last.at) };
        Ok(())
    }

    /// Sees that the log holds an entry as it was: one that a checkpoint or the books rest on.
    ///
    /// # Errors
    /// [`Error::CutOff`] where it does not, with the last entry that there is.
    pub fn check_holds(&self, end: &End) -> Result<(), Error> {
        let bytes = self.store.get(ENTRIES, &end.seq.to_be_bytes())?;
        if end.seq == 0 || bytes.as_deref().map(entry::hash) == Some(end.hash) {
            return Ok(());
        }
        Err(Error::CutOff { seq: end.seq, last: self.last_entry()?.map(|last| (last.seq, last.entry.at)) })
    }

    /// The last durable entry.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub fn last_entry(&self) -> Result<Option<Numbered>, Error> {
        let Some((key, bytes)) = self.store.last(ENTRIES, &[])? else { return Ok(None) };
        let seq = entry::seq_of(&key)?;
        Ok(Some(Numbered { seq, entry: entry::decode(seq, &bytes)?.0 }))
    }

    /// Whether some end of the log, then or now, is what was committed to at a time: first those of about that time are looked at,
    /// then all, for a clock may have been wrong.
    ///
    /// # Errors
    /// Where the log cannot be read.
    pub fn is_end(&self, at: Timestamp, is_it: impl Fn(&End) -> bool) -> Result<bool, Error> {
        let (mut low, mut high) = (0, self.last());
        while low < high {
            let middle = high - (high - low) / 2;
            let row = self.store.get(ENTRIES, &middle.to_be_bytes())?;
            let earlier =
                row.and_then(|bytes| entry::decode(middle, &bytes).ok()).is_some_and(|(entry, _)| entry.at <= at);
            if earlier { low = middle } else { high = middle - 1 }
        }
        let around = low.saturating_sub(PAGE as u64 / 2)..=low + PAGE as u64 / 2;
        if is_it(&End::default()) || self.has_end(*around.start(), *around.end(), &is_it)? {
            return Ok(true);
        }
        self.has_end(1, self.last(), &is_it)
    }

    fn has_end(&self, from: u64, upto: u64, is_it: &impl Fn(&End) -> bool) -> Result<bool, Error> {
        let mut next = from.max(1);
        while next <= upto {
            let page = self.page(next)?;
            let Some((last, _)) = page.last() else { break };
            next = last + 1;
            if page.iter().any(|(seq, bytes)| is_it(&End { seq: *seq, hash: entry::hash(bytes) })) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The durable end.
    pub fn end(&self) -> End {
        locked(&self.durable).head()
    }

    /// Appends an entry and returns its number once it is durable. Callers that come at the same time share a commit.
    ///
    /// # Errors
    /// Where it cannot be written: then what it accounts for must not happen.
    pub fn append(&self, entry: Entry) -> Result<u64, Error> {
        let at = entry.at;
        let submitted = self.submit(vec![entry])?;
        submitted.pending.wait()?;
        self.checkpoint_if_due(at)?;
        Ok(submitted.first)
    }

    /// Signs a checkpoint where enough durable entries or enough time have come since the last one.
    ///
    /// # Errors
    /// Where the checkpoint cannot be written.
    pub fn checkpoint_if_due(&self, now: Timestamp) -> Result<(), Error> {
        let vouched = *locked(&self.vouched);
        let waited_ms = vouched.at.map_or(u64::MAX, |last| now.as_ms().saturating_sub(last.as_ms()));
        let due = self.last() >= vouched.seq + CHECKPOINT_EVERY || waited_ms >= CHECKPOINT_EVERY_MS;
        if due { self.checkpoint(now) } else { Ok(()) }
    }

    /// Signs the end of the log as it is now, if it has grown since the last time.
    ///
    /// # Errors
    /// Where the checkpoint cannot be written.
    pub fn checkpoint(&self, now: Timestamp) -> Result<(), Error> {
        if locked(&self.vouched).seq == self.last() { Ok(()) } else { self.sign(now) }
    }

    fn sign(&self, now: Timestamp) -> Result<(), Error> {
        let mut vouched = locked(&self.vouched);
        let head = self.end();
        Checkpoint { seq: head.seq, hash: head.hash, at: now }.write(&self.disk, &self.checkpoint, &self.signer)?;
        *vouched = Vouched { seq: head.seq, at: Some(now) };
        Ok(())
    }

    /// Entries from number `from` on that pass the filter, at most `limit`.
    ///
    /// # Errors
    /// Where the log cannot be read.
    pub fn list(&self, from: u64, limit: usize, filter: &Filter) -> Result<Vec<Numbered>, Error> {
        let mut found = Vec::new();
        let mut next = from.max(1);
        while found.len() < limit {
            let page = self.page(next)?;
            let Some(last) = page.last() else { break };
            next = last.0 + 1;
            for (seq, bytes) in &page {
                let (entry, _) = entry::decode(*seq, bytes)?;
                if filter.passes(&entry) && found.len() < limit {
                    found.push(Numbered { seq: *seq, entry });
                }
            }
        }
        Ok(found)
    }

    /// The number of the last durable entry.
    pub fn last(&self) -> u64 {
        self.end().seq
    }

    fn page(&self, from: u64) -> Result<Vec<(u64, Vec<u8>)>, Error> {
        let rows = self.store.scan(ENTRIES, &from.to_be_bytes(), None, PAGE)?;
        rows.into_iter().map(|(key, bytes)| Ok((entry::seq_of(&key)?, bytes))).collect()
    }

    /// Goes through the whole log: every number must be there, and every entry chained to the one before.
    ///
    /// # Errors
    /// [`Error::Broken`] names the first bad entry.
    pub fn verify(&self) -> Result<Summary, Error> {
        let checkpoint = Checkpoint::read(&self.disk, &self.checkpoint, &self.own)?;
        let end = self.end().seq;
        let mut head = End::default();
        while head.seq < end {
            let page = match self.page(head.seq + 1) {
                Ok(page) => page,
                Err(_) => self.readable(head.seq + 1)?,
            };
            if page.is_empty() {
                return Err(Broken { seq: head.seq + 1, why: "it and all after it are missing" }.into());
            }
            for (number, bytes) in page {
                head = follow(head, number, &bytes)?;
                if checkpoint.is_some_and(|last| last.seq == head.seq && last.hash != head.hash) {
                    return Err(Broken { seq: head.seq, why: "it is not what was signed" }.into());
                }
            }
        }
        // Of what was overwritten since, or frames what is read, no entry tells.
        let snapshot = self.store.snapshot()?;
        snapshot.files().iter().try_for_each(|file| snapshot.check(file.id))?;
        let checkpointed = checkpoint.map_or(0, |last| last.seq);
        if checkpointed > head.seq {
            let last = self.last_entry()?.map(|last| (last.seq, last.entry.at));
            return Err(Error::CutOff { seq: checkpointed, last });
        }
        Ok(Summary { entries: head.seq, head: head.hash, checkpointed })
    }

    /// The entries up to the first that cannot be read, so that it can be named.
    fn readable(&self, from: u64) -> Result<Vec<(u64, Vec<u8>)>, Error> {
        let mut read = Vec::new();
        for seq in from..from.saturating_add(PAGE as u64) {
            match self.store.get(ENTRIES, &seq.to_be_bytes()) {
                Ok(Some(bytes)) => read.push((seq, bytes)),
                Ok(None) => break,
                Err(_) if read.is_empty() => return Err(Broken { seq, why: "it is damaged on the disk" }.into()),
                Err(_) => break,
            }
        }
        Ok(read)
    }

    /// The log as it is now, for a backup: its last signed checkpoint, and its store, which reaches at least as far.
    ///
    /// # Errors
    /// Where the checkpoint or the store cannot be read.
    pub fn snapshot(&self) -> Result<(Vec<u8>, Snapshot), Error> {
        // The checkpoint first: one that is signed later may vouch for what the snapshot has not.
        let checkpoint = checkpoint::bytes(&self.disk, &self.checkpoint)?;
        Ok((checkpoint, self.store.snapshot()?))
    }

    /// Closes the log with a checkpoint.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn close(&self, now: Timestamp) -> Result<(), Error> {
        // What is on its way is vouched for too, unless it is refused: then the books carry it, or it was not acknowledged.
        let _ = self.settle();
        self.checkpoint(now)?;
        Ok(self.store.close()?)
    }
}

/// Where the checkpoint lies in the folder of a log.
pub fn checkpoint_in(dir: &Path) -> PathBuf {
    dir.join("checkpoint")
}

/// The last entry that the store has.
fn durable_end(store: &Store) -> Result<End, Error> {
    let last = store.last(ENTRIES, &[])?;
    last.map_or_else(
        || Ok(End::default()),
        |(key, bytes)| Ok(End { seq: entry::seq_of(&key)?, hash: entry::hash(&bytes) }),
    )
}

/// The end of the chain after one more entry.
fn follow(head: End, number: u64, bytes: &[u8]) -> Result<End, Error> {
    let seq = head.seq + 1;
    if number != seq {
        return Err(Broken { seq, why: "it is missing" }.into());
    }
    let (_, before) = entry::decode(number, bytes)?;
    if before != head.hash {
        return Err(Broken { seq, why: "it is not chained to the one before" }.into());
    }
    Ok(End { seq, hash: entry::hash(bytes) })
}

#[cfg(test)]
mod tests;
