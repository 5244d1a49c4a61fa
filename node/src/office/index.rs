//! What analysts find records by: keyed hashes of identifiers, written with the record itself, and the name index,
//! which follows the store at its own pace.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use igain_protocol::record::{CalendarDay, PartialDate, Record, Value};
use igain_protocol::time::Day;

use super::{Error, Office};
use crate::ledger::{IdentifierKey, Ledger, RecordKey, RecordRow};
use crate::search::Doc;
use crate::store::Position;
use crate::text;

/// The keys under which a record's disclosed identifiers are found. One that cannot be read is found by nobody, and
/// stays in the record as it was given.
pub(super) fn identifiers(secret: &[u8; 32], record: &Record) -> Vec<IdentifierKey> {
    let region = record.header().owner;
    let mut keys = Vec::new();
    for (def, value) in record.fields() {
        let (Some(scheme), Some(raw)) = (def.identifier(), value.as_text()) else { continue };
        let forms = text::identifier::index_forms(scheme, raw, Some(region.country()));
        keys.extend(forms.iter().map(|form| IdentifierKey::new(secret, scheme, form)));
    }
    keys.sort_unstable();
    keys.dedup();
    keys
}

/// What the name index holds of a record.
fn doc(record: &Record) -> Doc {
    let header = record.header();
    let names = record.fields().filter_map(|(_, value)| match value.known()? {
        Value::Name { text, .. } => Some(text.as_str()),
        _ => None,
    });
    let mut tokens: Vec<String> = names.flat_map(text::tokens).collect();
    tokens.sort_unstable();
    tokens.dedup();
    let mut skeletons: Vec<String> = tokens.iter().map(|token| text::skeleton(token)).collect();
    skeletons.sort_unstable();
    skeletons.dedup();
    let date = happened(record);
    Doc {
        id: header.id,
        owner: header.owner,
        kind: header.label.kind,
        cafs: header.label.cafs.clone(),
        modified: header.modified,
        date,
        names: tokens,
        skeletons,
    }
}

/// The day by which a record is found: on which what it tells of happened, or else on which it was changed.
pub(super) fn day(record: &Record) -> Day {
    happened(record).unwrap_or(record.header().modified.day())
}

fn happened(record: &Record) -> Option<Day> {
    record.fields().find_map(|(def, value)| match value.known()? {
        Value::Date(date) if def.name == "date" => first_day(date),
        _ => None,
    })
}

fn first_day(date: &PartialDate) -> Option<Day> {
    let CalendarDay { year, month, day } = date.earliest()?;
    format!("{year:04}-{month:02}-{day:02}").parse().ok()
}

/// Keeps the name index in step with the store, on a thread of its own.
pub struct Indexer {
    office: Office,
    /// Up to where records were put into the index.
    applied: Position,
    /// Up to where the index is durable.
    committed: Position,
    committed_at: Instant,
    /// Records that were put since.
    waiting: usize,
    /// Where the store was at the last look, and since when.
    seen: (Position, Instant),
    /// When the index last held all that the store did.
    level_at: Instant,
}

impl Indexer {
    /// Changes of the store that are looked at in one go, and records between two commits of the index at most.
    const STRIDE: usize = 50_000;

    /// How long the store must be quiet before the index follows: an import or an exchange has the processors first, and
    /// fewer commits make fewer files that have to be merged.
    const QUIET: Duration = Duration::from_millis(500);

    /// How long the index may lag behind a store that is never quiet: no more than it can make good while a question
    /// waits.
    const LAG: Duration = Duration::from_secs(5);

    /// Between two commits of the index while only other things than records change in the store.
    const PASS_EVERY: Duration = Duration::from_secs(60);

    /// An indexer that goes on from where the index last stood.
    pub fn new(office: Office, applied: Position) -> Self {
        let now = Instant::now();
        Self {
            office,
            applied,
            committed: applied,
            committed_at: now,
            waiting: 0,
            seen: (Position::START, now),
            level_at: now,
        }
    }

    /// Up to where the index is durable: merges need not keep for it what was removed before.
    pub const fn committed(&self) -> Position {
        self.committed
    }

    /// Brings the index up to what the store holds now. Returns how many records changed in it.
    ///
    /// # Errors
    /// Where the store or the index fails.
    pub fn catch_up(&mut self) -> Result<usize, Error> {
        let (wanted, mut changed) = (self.office.ledger().store().position(), 0);
        while self.applied < wanted {
            changed += self.step()?;
            if self.waiting >= Self::STRIDE {
                self.commit()?;
            }
        }
        if self.waiting > 0 {
            self.commit()?;
        }
        Ok(changed)
    }

    /// Brings the index up to the store once that is quiet, when the index lags too far behind, or at once where a
    /// question waits for it.
    ///
    /// # Errors
    /// Where the store or the index fails.
    pub fn follow(&mut self) -> Result<(), Error> {
        let (position, now) = (self.office.ledger().store().position(), Instant::now());
        if self.seen.0 != position {
            self.seen = (position, now);
        }
        let asked = self.office.inner.asking.load(Ordering::Acquire) > 0;
        let quiet = now.duration_since(self.seen.1) >= Self::QUIET;
        if self.applied < position && (asked || quiet || now.duration_since(self.level_at) >= Self::LAG) {
            self.catch_up()?;
        }
        if self.applied >= position {
            self.level_at = now;
        }
        if self.committed_at.elapsed() >= Self::PASS_EVERY { self.commit() } else { Ok(()) }
    }

    /// Makes durable what was put.
    ///
    /// # Errors
    /// Where the index fails.
    pub fn commit(&mut self) -> Result<(), Error> {
        if self.applied == self.committed {
            return Ok(());
        }
        let committed = self.office.search().and_then(|search| Ok(search.commit(self.applied.to_bytes())?));
        self.settle(committed)?;
        (self.committed, self.committed_at, self.waiting) = (self.applied, Instant::now(), 0);
        Ok(())
    }

    fn step(&mut self) -> Result<usize, Error> {
        let (office, store) = (self.office.clone(), self.office.ledger().store().clone());
        let mut changed = 0;
        let mut failed: Option<Error> = None;
        let search = office.search()?;
        let reached = store.replay_table(Ledger::RECORDS, self.applied, Self::STRIDE, &mut |table, key, value| {
            match Ledger::replayed_record(table, key, value) {
                Ok(None) => {}
                Ok(Some((key, row))) => {
                    changed += 1;
                    if let Err(error) = index_one(search, key, row) {
                        failed.get_or_insert(error);
                    }
                }
                Err(error) => drop(failed.get_or_insert(error.into())),
            }
        });
        let reached = reached.map_err(Error::from).and_then(|reached| failed.map_or(Ok(reached), Err));
        self.applied = self.settle(reached)?;
        self.waiting += changed;
        if self.waiting == 0 {
            search.pass(self.applied.to_bytes());
        }
        Ok(changed)
    }

    /// After a failure begins anew at the last commit, as the index does.
    fn settle<T>(&mut self, outcome: Result<T, Error>) -> Result<T, Error> {
        if outcome.is_err() {
            (self.applied, self.waiting) = (self.committed, 0);
        }
        outcome
    }
}

fn index_one(search: &crate::search::Search, key: RecordKey, row: Option<RecordRow>) -> Result<(), Error> {
    match row {
        Some(row) => Ok(search.put(&doc(&row.record()?))?),
        None => Ok(search.delete(key.id, key.owner)?),
    }
}

impl Office {
    /// Waits until the name index holds all that was durable when this was called.
    ///
    /// # Errors
    /// [`Error::IndexBehind`] when that takes too long.
    pub(super) fn wait_for_index(&self) -> Result<(), Error> {
        self.inner.asking.fetch_add(1, Ordering::AcqRel);
        let waited = self.await_index();
        self.inner.asking.fetch_sub(1, Ordering::AcqRel);
        waited
    }

    fn await_index(&self) -> Result<(), Error> {
        const PATIENCE: Duration = Duration::from_secs(10);
        let wanted = self.ledger().store().position();
        let deadline = Instant::now() + PATIENCE;
        loop {
            let applied = self.search()?.position();
            if applied.is_some_and(|applied| Position::from_bytes(applied) >= wanted) {
                return Ok(());
            }
            if Instant::now() >= deadline {
                return Err(Error::IndexBehind);
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}
