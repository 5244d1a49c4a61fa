//! What happened to the records of each class. All entries of this node have numbers of one count; those of a class are
//! written in runs, one row for what one commit brings to it, and never changed; whether an entry still counts is the
//! record's own row to say.

use igain_protocol::record::RecordId;
use igain_protocol::vocabulary::GroupSet;
use minicbor::{Decode, Encode};

use super::{ClassIndex, Error, Ledger, decode, encode, part, table};
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
}

/// One entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogEntry {
    /// Its number among all entries of this node. Within a class the numbers ascend.
    pub seq: u64,
    /// What happened.
    pub op: Op,
    /// To which record.
    pub id: RecordId,
    /// The number under which the record's deliveries are noted.
    pub number: u64,
    /// The groups of fields that it changed; all but where a revision in the class changed some.
    pub changed: GroupSet,
}

/// A run, as it is stored under its class and the number of its first entry.
#[derive(Encode, Decode)]
struct Row {
    /// The number of the last entry of the class before it: what is missing between two runs is seen by it.
    #[n(0)]
    before: u64,
    #[n(1)]
    entries: Vec<Stored>,
}

#[derive(Encode, Decode)]
struct Stored {
    #[n(0)]
    op: Op,
    #[cbor(n(1), with = "minicbor::bytes")]
    id: [u8; 16],
    #[n(2)]
    number: u64,
    /// Its number, counted from that of the run's first entry.
    #[n(3)]
    after: u64,
    /// The groups that it changed, where it was not all.
    #[n(4)]
    changed: Option<u32>,
}

/// A run of a class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogRun {
    /// The number of the last entry of the class before it, zero where it is the first.
    pub before: u64,
    /// In order, at least one.
    pub entries: Vec<LogEntry>,
}

impl LogRun {
    /// The numbers of its first and last entry.
    pub fn ends(&self) -> (u64, u64) {
        let seq = |entry: Option<&LogEntry>| entry.map_or(0, |entry| entry.seq);
        (seq(self.entries.first()), seq(self.entries.last()))
    }
}

/// Most entries of one row, so that reading one entry never reads much more.
pub const RUN: usize = 512;

impl Ledger {
    /// Entries of a class after number `after` and up to `upto`, in order: those of the run that holds the next one.
    /// `head` is the number of the last entry of the class. Empty where nothing lies between.
    ///
    /// # Errors
    /// [`Error::Hole`] where the next entry is missing: a hole is never taken for the end of a log. Where the store
    /// cannot be read.
    pub fn log_after(&self, class: ClassIndex, after: u64, upto: u64, head: u64) -> Result<Vec<LogEntry>, Error> {
        if after >= upto.min(head) {
            return Ok(Vec::new());
        }
        // Between two looks at it the log may have been swept.
        let next = match self.holding(class, after)? {
            Some(run) => Some(run),
            None => self.holding(class, after)?,
        };
        // With one count for all, only the run before tells whether something is missing.
        let next = next.ok_or(Error::Hole { class, after })?;
        Ok(next.entries.into_iter().filter(|entry| entry.seq > after && entry.seq <= upto).collect())
    }

    /// The run of a class that holds the entry after number `after`; none where that is missing.
    fn holding(&self, class: ClassIndex, after: u64) -> Result<Option<LogRun>, Error> {
        let start = self.store().last_before(table::LOG, &class.to_be_bytes(), &key(class, after + 1))?;
        let here = match start {
            Some((found, bytes)) => Some(run(&found, &bytes)?),
            None => None,
        };
        let holds = |run: &LogRun| run.ends().1 > after;
        match here.filter(holds) {
            Some(run) => Ok(Some(run)),
            None => Ok(self.run_after(class, after)?.filter(|run| run.before <= after)),
        }
    }

    /// The first run of a class that begins after number `after`, whatever is missing before it.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn run_after(&self, class: ClassIndex, after: u64) -> Result<Option<LogRun>, Error> {
        let page = self.store().prefix(table::LOG, &class.to_be_bytes(), Some(&key(class, after)), 1)?;
        page.first().map(|(found, bytes)| run(found, bytes)).transpose()
    }

    /// The last run of a class that begins before number `before`.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn run_before(&self, class: ClassIndex, before: u64) -> Result<Option<LogRun>, Error> {
        let upto = before.saturating_sub(1);
        let found = self.store().last_before(table::LOG, &class.to_be_bytes(), &key(class, upto))?;
        found.map(|(found, bytes)| run(&found, &bytes)).transpose()
    }

    /// Appends entries to a class, whose last one had the number `before`.
    pub fn append_log(&self, batch: &mut Batch, class: ClassIndex, before: u64, entries: &[LogEntry]) {
        let mut before = before;
        for run in entries.chunks(RUN) {
            self.put_run(batch, class, &LogRun { before, entries: run.to_vec() });
            before = run.last().map_or(before, |last| last.seq);
        }
    }

    /// Writes a run, in the place of one that began at the same number.
    pub fn put_run(&self, batch: &mut Batch, class: ClassIndex, run: &LogRun) {
        let (first, _) = run.ends();
        let some = |groups: GroupSet| (groups != GroupSet::ALL).then_some(groups.bits());
        let stored = |e: &LogEntry| Stored {
            op: e.op,
            id: *e.id.as_bytes(),
            number: e.number,
            after: e.seq - first,
            changed: some(e.changed),
        };
        let row = Row { before: run.before, entries: run.entries.iter().map(stored).collect() };
        batch.put(table::LOG, key(class, first), encode(&row));
    }

    /// Removes the run that begins at `first`.
    pub fn delete_run(&self, batch: &mut Batch, class: ClassIndex, first: u64) {
        batch.delete(table::LOG, key(class, first));
    }
}

fn run(found: &[u8], bytes: &[u8]) -> Result<LogRun, Error> {
    let first = u64::from_be_bytes(part(NAME, found, 4)?);
    let row: Row = decode(NAME, bytes)?;
    let entry = |e: Stored| LogEntry {
        seq: first.saturating_add(e.after),
        op: e.op,
        id: RecordId::from_bytes(e.id),
        number: e.number,
        changed: e.changed.map_or(GroupSet::ALL, |bits| GroupSet::from_bits_known(bits.into())),
    };
    Ok(LogRun { before: row.before, entries: row.entries.into_iter().map(entry).collect() })
}

fn key(class: ClassIndex, seq: u64) -> [u8; 12] {
    let mut key = [0; 12];
    let (head, tail) = key.split_at_mut(4);
    head.copy_from_slice(&class.to_be_bytes());
    tail.copy_from_slice(&seq.to_be_bytes());
    key
}
