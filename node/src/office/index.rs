//! What analysts find records by: keyed hashes of identifiers, written with the record itself, and the name index,
//! which follows the store at its own pace.

use std::time::{Duration, Instant};

use igain_protocol::record::{PartialDate, Record, Value};
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
        let (Some(scheme), Value::Text(raw)) = (def.identifier(), value) else { continue };
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
    let names = record.fields().filter_map(|(_, value)| match value {
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
        caf: header.label.caf,
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
    record.fields().find_map(|(def, value)| match value {
        Value::Date(date) if def.name == "date" => first_day(date),
        _ => None,
    })
}

fn first_day(date: &PartialDate) -> Option<Day> {
    let text = format!("{:04}-{:02}-{:02}", date.year, date.month.unwrap_or(1), date.day.unwrap_or(1));
    text.parse().ok()
}

/// Keeps the name index in step with the store, on a thread of its own.
pub struct Indexer {
    office: Office,
    applied: Position,
}

impl Indexer {
    /// Records between two commits of the index while much is new.
    const STRIDE: usize = 50_000;

    /// An indexer that goes on from where the index last stood.
    pub fn new(office: Office, applied: Position) -> Self {
        Self { office, applied }
    }

    /// Brings the index up to what the store holds now. Returns how many records changed in it.
    ///
    /// # Errors
    /// Where the store or the index fails.
    pub fn catch_up(&mut self) -> Result<usize, Error> {
        let mut changed = 0;
        loop {
            let step = self.step()?;
            changed += step;
            if step < Self::STRIDE {
                return Ok(changed);
            }
        }
    }

    fn step(&mut self) -> Result<usize, Error> {
        let store = self.office.ledger().store().clone();
        if store.position() == self.applied {
            return Ok(0);
        }
        let mut changed = 0;
        let mut failed: Option<Error> = None;
        let search = &self.office.inner.search;
        let reached =
            store.replay(self.applied, Self::STRIDE, &mut |table, key, value| match Ledger::replayed_record(
                table, key, value,
            ) {
                Ok(None) => {}
                Ok(Some((key, row))) => {
                    changed += 1;
                    if let Err(error) = index_one(search, key, row) {
                        failed.get_or_insert(error);
                    }
                }
                Err(error) => drop(failed.get_or_insert(error.into())),
            })?;
        if let Some(error) = failed {
            return Err(error);
        }
        search.commit(reached.to_bytes())?;
        self.applied = reached;
        Ok(changed)
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
        const PATIENCE: Duration = Duration::from_secs(10);
        let wanted = self.ledger().store().position();
        let deadline = Instant::now() + PATIENCE;
        loop {
            let applied = self.inner.search.position();
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
