//! Contributing: signing new records and revisions, and appending them to their class logs.

use std::collections::{BTreeMap, HashSet};
use std::num::NonZeroUsize;

use igain_protocol::label::Label;
use igain_protocol::record::{self, Content, Record, RecordId, Value};
use igain_protocol::sync::ClassIndex;
use igain_protocol::time::Day;
use igain_protocol::vocabulary::Grading;

use super::{Actor, Deed, Error, Office, index, random, write};
use crate::ledger::{DRAFTS, LogEntry, Op, Place, RecordKey, RecordRow};
use crate::store::{Batch, Pending};

/// What somebody wants to contribute: a new record, or a new version of one.
#[derive(Debug, Clone)]
pub struct Draft {
    /// The record; a new one gets an id where there is none.
    pub id: Option<RecordId>,
    /// Its label.
    pub label: Label,
    /// How reliable it is.
    pub grading: Option<Grading>,
    /// The last day on which anybody may keep it.
    pub retain_until: Option<Day>,
    /// Names and values.
    pub fields: Vec<(String, Value)>,
}

/// What became of a draft.
#[derive(Debug)]
pub enum Outcome {
    /// A new record.
    Added(RecordId),
    /// A new version of a record.
    Revised(RecordId),
    /// Nothing: the record says just this already.
    Unchanged(RecordId),
    /// Nothing: it is refused.
    Refused(Error),
}

/// Drafts that were looked up and signed, ready to be appended.
#[derive(Debug, Default)]
pub struct Prepared {
    versions: Vec<Version>,
    outcomes: Vec<Outcome>,
}

#[derive(Debug)]
struct Version {
    record: Record,
    shareable: bool,
    before: Option<RecordRow>,
    identifiers: Vec<crate::ledger::IdentifierKey>,
}

/// Versions on their way to the disk.
pub struct Contribution {
    /// What became of each draft.
    pub outcomes: Vec<Outcome>,
    /// Classes that had no record before: peers may be entitled to them.
    pub new_classes: Vec<ClassIndex>,
    office: Office,
    pending: Option<Pending>,
}

impl Contribution {
    /// Waits until all of it is durable and visible.
    ///
    /// # Errors
    /// Where the store cannot write; then nothing of it is acknowledged.
    pub fn wait(&mut self) -> Result<(), Error> {
        let done = self.pending.take().map_or(Ok(()), |pending| Ok(pending.wait().map(drop)?));
        self.office.written(done)
    }
}

impl Prepared {
    /// The records that will change.
    pub fn ids(&self) -> HashSet<RecordId> {
        self.versions.iter().map(|version| version.record.header().id).collect()
    }

    /// What will become of each draft.
    pub fn outcomes(&self) -> &[Outcome] {
        &self.outcomes
    }

    /// What would become of each draft, where nothing is to be appended.
    pub fn into_outcomes(self) -> Vec<Outcome> {
        self.outcomes
    }
}

impl Office {
    /// Signs drafts and appends them, and returns when they are durable.
    ///
    /// # Errors
    /// Where the store cannot write. A draft that is refused is an outcome, and stops no other.
    pub fn contribute(&self, drafts: Vec<Draft>) -> Result<Contribution, Error> {
        let mut contribution = self.append(self.prepare(drafts)?)?;
        contribution.wait()?;
        Ok(contribution)
    }

    /// Looks drafts up and signs what is new in them, on all processors. No two drafts may name one record.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn prepare(&self, drafts: Vec<Draft>) -> Result<Prepared, Error> {
        const WORTH_A_THREAD: usize = 64;
        let processors = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let share = drafts.len().div_ceil(processors).max(WORTH_A_THREAD);
        let parts: Vec<Result<Prepared, Error>> = std::thread::scope(|scope| {
            let mut drafts = drafts.into_iter();
            let mut workers = Vec::new();
            loop {
                let part: Vec<Draft> = drafts.by_ref().take(share).collect();
                if part.is_empty() {
                    break;
                }
                workers.push(scope.spawn(move || self.prepare_part(part)));
            }
            workers.into_iter().filter_map(|worker| worker.join().ok()).collect()
        });
        let mut all = Prepared::default();
        for part in parts {
            let part = part?;
            all.versions.extend(part.versions);
            all.outcomes.extend(part.outcomes);
        }
        Ok(all)
    }

    fn prepare_part(&self, drafts: Vec<Draft>) -> Result<Prepared, Error> {
        let mut prepared = Prepared::default();
        for draft in drafts {
            match self.version(draft) {
                Ok((outcome, version)) => {
                    prepared.outcomes.push(outcome);
                    prepared.versions.extend(version);
                }
                Err(error @ (Error::Ledger(_) | Error::Entropy(_))) => return Err(error),
                Err(error) => prepared.outcomes.push(Outcome::Refused(error)),
            }
        }
        Ok(prepared)
    }

    fn version(&self, draft: Draft) -> Result<(Outcome, Option<Version>), Error> {
        let now = self.now();
        let id = match draft.id {
            Some(id) => id,
            None => RecordId::fresh(now, &random()?),
        };
        let key = RecordKey { id, owner: self.me() };
        if self.ledger().has_ended(key)? {
            return Err(Error::Ended);
        }
        let before = self.ledger().record(key)?;
        let known = before.as_ref().map(RecordRow::record).transpose()?;
        if known.as_ref().is_some_and(|known| says_the_same(known, &draft)) {
            return Ok((Outcome::Unchanged(id), None));
        }
        let content = Content {
            id,
            revision: known.as_ref().map_or(1, |known| known.header().revision + 1),
            owner: self.me(),
            label: draft.label.sorted(),
            grading: draft.grading,
            created: known.as_ref().map_or(now, |known| known.header().created),
            modified: now,
            retain_until: draft.retain_until,
            fields: draft.fields,
        };
        self.check_contribution(&content)?;
        let shareable = content.check_shareable().is_ok();
        let record = record::sign(&content, &self.secrets().salt, &self.secrets().signing)?;
        let identifiers = index::identifiers(&self.secrets().identifier, &record);
        let outcome = if known.is_some() { Outcome::Revised(id) } else { Outcome::Added(id) };
        Ok((outcome, Some(Version { record, shareable, before, identifiers })))
    }

    /// What its CAF's charter and the calendar say to a version.
    fn check_contribution(&self, content: &Content) -> Result<(), Error> {
        if let Some(until) = content.retain_until.filter(|until| *until < self.now().day()) {
            return Err(Error::Outdated(until));
        }
        let Some(id) = content.label.caf else { return Ok(()) };
        let caf = self.caf(id)?;
        caf.charter().check_open(self.now())?;
        match caf.role_of(self.me()) {
            None => return Err(Error::NotMember),
            Some(role) if !role.contributes() => return Err(Error::ReaderOnly),
            Some(_) => {}
        }
        if caf.charter().takes(content.label.kind, content.label.category) {
            Ok(())
        } else {
            Err(Error::OutsideCharter(content.label.kind.title().to_lowercase()))
        }
    }

    /// Appends what was prepared to its class logs. It is acknowledged once [`Contribution::wait`] returns.
    ///
    /// # Errors
    /// Where the audit log or the store cannot write.
    pub fn append(&self, prepared: Prepared) -> Result<Contribution, Error> {
        self.written(self.append_all(prepared))
    }

    fn append_all(&self, prepared: Prepared) -> Result<Contribution, Error> {
        if !prepared.versions.is_empty() {
            self.account(accounted(&prepared.versions))?;
        }
        let _writing = self.writing()?;
        let mut batch = self.batch();
        let mut append = Append::default();
        let mut classes = write(&self.inner.classes);
        for version in &prepared.versions {
            let label = &version.record.header().label;
            let class = match version.shareable {
                true => classes.own_class(self.me(), label, self.ledger(), &mut batch),
                false => DRAFTS,
            };
            if class != DRAFTS && !append.runs.contains_key(&class) {
                append.runs.insert(class, (classes.head(class), Vec::new()));
            }
            self.put_version(&mut batch, &mut append, class, version);
        }
        for (from, entry_id, slot) in std::mem::take(&mut append.left) {
            let run = append.runs.entry(from).or_insert_with(|| (classes.head(from), Vec::new()));
            push(run, Op::Leave, entry_id, Some(slot));
        }
        for (class, (head, entries)) in &append.runs {
            self.ledger().append_log(&mut batch, *class, entries);
            classes.set_head(*class, head + entries.len() as u64);
        }
        let woken = |(class, more): (&ClassIndex, &i64)| {
            (*class != DRAFTS && *more > 0 && classes.count_of(*class) == 0).then_some(*class)
        };
        let new_classes: Vec<ClassIndex> = append.counts.iter().filter_map(woken).collect();
        for (class, more) in &append.counts {
            classes.count(*class, *more, self.ledger(), &mut batch);
        }
        for (until, records) in &append.retained {
            self.ledger().put_retention(&mut batch, *until, random()?, records);
        }
        let pending = self.ledger().store().submit(batch)?;
        Ok(Contribution { outcomes: prepared.outcomes, new_classes, office: self.clone(), pending: Some(pending) })
    }

    fn put_version(&self, batch: &mut Batch, append: &mut Append, class: ClassIndex, version: &Version) {
        let header = version.record.header();
        let key = RecordKey { id: header.id, owner: self.me() };
        let before = version.before.as_ref().map(|row| &row.place);
        let stays = before.filter(|place| place.class == class);
        let (seq, slot) = match append.runs.get_mut(&class) {
            Some(run) => push(run, Op::Put, header.id, stays.map(|place| place.slot)),
            None => (0, 0),
        };
        let mut earlier = before.map(|place| place.earlier.clone()).unwrap_or_default();
        if stays.is_none() {
            *append.counts.entry(class).or_default() += 1;
            if let Some(place) = before {
                *append.counts.entry(place.class).or_default() -= 1;
                if place.class != DRAFTS {
                    earlier.push((place.class, place.slot));
                    append.left.push((place.class, header.id, place.slot));
                }
            }
        }
        let place = Place { class, seq, slot, stored: self.now(), earlier };
        self.ledger().put_record(batch, key, &place, version.record.as_bytes());
        if let Some(old) = version.before.as_ref().and_then(|row| row.record().ok()) {
            let gone = index::identifiers(&self.secrets().identifier, &old);
            let gone = gone.into_iter().filter(|identifier| !version.identifiers.contains(identifier));
            gone.for_each(|identifier| self.ledger().delete_identifier(batch, identifier, key));
        }
        version.identifiers.iter().for_each(|identifier| self.ledger().put_identifier(batch, *identifier, key));
        if let Some(until) = header.retain_until {
            append.retained.entry(until).or_default().push(key);
        }
    }
}

/// The account of what is about to be appended; one record by its id, more by their count.
fn accounted(versions: &[Version]) -> Deed {
    let deed = Deed::new(Actor::Node, "record.contribute").with("records", versions.len());
    match versions {
        [version] => deed.record(version.record.header().id),
        _ => deed,
    }
}

/// Next number and entries of each log.
type Run = (u64, Vec<LogEntry>);

/// What one batch adds.
#[derive(Default)]
struct Append {
    runs: BTreeMap<ClassIndex, Run>,
    left: Vec<(ClassIndex, RecordId, u64)>,
    counts: BTreeMap<ClassIndex, i64>,
    retained: BTreeMap<Day, Vec<RecordKey>>,
}

/// Adds an entry to a run; one without a slot is the first of its record in the class. Returns its number and slot.
fn push(run: &mut Run, op: Op, id: RecordId, slot: Option<u64>) -> (u64, u64) {
    let seq = run.0 + run.1.len() as u64 + 1;
    let slot = slot.unwrap_or(seq);
    run.1.push(LogEntry { seq, op, id, slot });
    (seq, slot)
}

fn says_the_same(known: &Record, draft: &Draft) -> bool {
    let header = known.header();
    header.label == draft.label.clone().sorted()
        && header.grading == draft.grading
        && header.retain_until == draft.retain_until
        && known.fields().map(|(def, value)| (def.name, value)).eq(draft.fields.iter().map(|(n, v)| (n.as_str(), v)))
}
