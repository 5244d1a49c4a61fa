//! The entries of all logs. They are written in runs, one row for the entries of one class in one commit, and never
//! changed; whether an entry still counts is the record's own row to say.

use igain_protocol::record::RecordId;
use igain_protocol::sync::ClassIndex;
use minicbor::{Decode, Encode};

use super::{Error, Ledger, decode, encode, part, table};
use crate::store::Batch;

const NAME: &str = "log";

/// What an entry says of its record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum Op {
    /// It came into the class, or has a new revision in it.
    #[n(0)]
    Put,
    /// Its owner withdrew it.
    #[n(1)]
    Withdraw,
    /// Its retention date passed.
    #[n(2)]
    Expire,
    /// It went on to another class.
    #[n(3)]
    Leave,
    /// Nobody knows: what stood here was lost. The slot is the time, in milliseconds, before which a feed must have begun
    /// anew to pass it.
    #[n(4)]
    Lost,
}

/// One entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogEntry {
    /// Its number, from 1 on, without gaps.
    pub seq: u64,
    /// What happened.
    pub op: Op,
    /// To which record.
    pub id: RecordId,
    /// The number of the entry with which the record came into this class: what its deliveries are noted under.
    pub slot: u64,
}

#[derive(Encode, Decode)]
struct Stored {
    #[n(0)]
    op: Op,
    #[cbor(n(1), with = "minicbor::bytes")]
    id: [u8; 16],
    #[n(2)]
    slot: u64,
}

/// Most entries of one row, so that reading one entry never reads much more.
const RUN: usize = 512;

impl Ledger {
    /// The number of the last entry of a log; zero for an empty one.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn log_head(&self, class: ClassIndex) -> Result<u64, Error> {
        let key = class.to_be_bytes();
        let last = self.store().last(table::LOG, &key)?;
        let Some((key, bytes)) = last else { return Ok(0) };
        let run: Vec<Stored> = decode(NAME, &bytes)?;
        Ok(u64::from_be_bytes(part(NAME, &key, 4)?) + run.len() as u64 - 1)
    }

    /// Entries after `after` and up to `upto`, in order: the rest of the run that holds the next one. Empty where
    /// nothing lies between the two.
    ///
    /// # Errors
    /// [`Error::Hole`] where the next entry is missing: a hole is never taken for the end of a log. Where the store
    /// cannot be read.
    pub fn log_after(&self, class: ClassIndex, after: u64, upto: u64) -> Result<Vec<LogEntry>, Error> {
        if after >= upto {
            return Ok(Vec::new());
        }
        let wanted = after + 1;
        let start = self.store().last_before(table::LOG, &class.to_be_bytes(), &key(class, wanted))?;
        let run = match start {
            Some((found, bytes)) => entries(u64::from_be_bytes(part(NAME, &found, 4)?), &bytes)?,
            None => Vec::new(),
        };
        let run: Vec<LogEntry> = run.into_iter().filter(|entry| (wanted..=upto).contains(&entry.seq)).collect();
        if run.is_empty() { Err(Error::Hole { class, after }) } else { Ok(run) }
    }

    /// The first run of a log that begins after entry `after`, whatever is missing before it. For a log that is being
    /// purged, and for finding holes.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn run_after(&self, class: ClassIndex, after: u64) -> Result<Vec<LogEntry>, Error> {
        let page = self.store().prefix(table::LOG, &class.to_be_bytes(), Some(&key(class, after)), 1)?;
        let Some((found, bytes)) = page.into_iter().next() else { return Ok(Vec::new()) };
        entries(u64::from_be_bytes(part(NAME, &found, 4)?), &bytes)
    }

    /// Appends entries, which follow each other; their numbers are set by the caller.
    pub fn append_log(&self, batch: &mut Batch, class: ClassIndex, entries: &[LogEntry]) {
        for run in entries.chunks(RUN) {
            let Some(first) = run.first() else { continue };
            let stored = run.iter().map(|e| Stored { op: e.op, id: *e.id.as_bytes(), slot: e.slot });
            batch.put(table::LOG, key(class, first.seq), encode(&stored.collect::<Vec<_>>()));
        }
    }

    /// Removes the run that begins at `first`.
    pub fn delete_run(&self, batch: &mut Batch, class: ClassIndex, first: u64) {
        batch.delete(table::LOG, key(class, first));
    }
}

fn entries(first: u64, bytes: &[u8]) -> Result<Vec<LogEntry>, Error> {
    let run: Vec<Stored> = decode(NAME, bytes)?;
    let numbered = run.into_iter().zip(first..);
    Ok(numbered.map(|(e, seq)| LogEntry { seq, op: e.op, id: RecordId::from_bytes(e.id), slot: e.slot }).collect())
}

fn key(class: ClassIndex, seq: u64) -> [u8; 12] {
    let mut key = [0; 12];
    let (head, tail) = key.split_at_mut(4);
    head.copy_from_slice(&class.to_be_bytes());
    tail.copy_from_slice(&seq.to_be_bytes());
    key
}
