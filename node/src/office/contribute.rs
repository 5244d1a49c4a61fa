//! Contributing: signing new records and revisions, and appending them to their class logs.

use std::collections::HashSet;
use std::num::NonZeroUsize;

use igain_protocol::label::Label;
use igain_protocol::record::{self, Content, Record, RecordId, Value};
use igain_protocol::time::Day;
use igain_protocol::vocabulary::{Group, GroupSet};

use super::turn::{Committed, Turn};
use super::{Actor, Deed, Error, Office, index};
use crate::clock::SLACK_MS;
use crate::ledger::{DRAFTS, Here, Op, Place, RecordKey, RecordRow};

/// What somebody wants to contribute: a new record, or a new version of one.
#[derive(Debug, Clone)]
pub struct Draft {
    /// The record; a new one gets an id where there is none.
    pub id: Option<RecordId>,
    /// Its label.
    pub label: Label,
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
    /// The last turn that was visible when the first draft was looked up.
    began: u64,
    /// Who may contribute what was looked up when this was so.
    standing: u64,
}

#[derive(Debug)]
struct Version {
    record: Record,
    shareable: bool,
    before: Option<RecordRow>,
    /// The groups of fields in which it differs from that.
    changed: GroupSet,
    identifiers: Vec<crate::ledger::IdentifierKey>,
    /// Which of the outcomes is its.
    nth: usize,
}

/// Versions on their way to the disk.
#[derive(Debug)]
pub struct Contribution {
    /// What became of each draft.
    pub outcomes: Vec<Outcome>,
    committed: Committed,
}

impl Contribution {
    /// Waits until all of it is durable and visible.
    ///
    /// # Errors
    /// Where it cannot be accounted for or written; then nothing of it is acknowledged.
    pub fn wait(&self) -> Result<(), Error> {
        self.committed.wait()
    }
}

/// How soon peers are told of a contribution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// At once.
    Prompt,
    /// Now and then: it is one of many that follow each other.
    Bulk,
}

impl Prepared {
    /// Adds what another processor prepared.
    fn take(&mut self, part: Self) {
        let before = self.outcomes.len();
        let versions = part.versions.into_iter();
        self.versions.extend(versions.map(|version| Version { nth: before + version.nth, ..version }));
        self.outcomes.extend(part.outcomes);
    }

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
    /// Signs drafts and appends them for `actor`, and returns when they are durable.
    ///
    /// # Errors
    /// Where the store cannot write. A draft that is refused is an outcome, and stops no other.
    pub fn contribute(&self, actor: Actor, drafts: Vec<Draft>) -> Result<Contribution, Error> {
        let contribution = self.append(Deed::new(actor, "record.contribute"), self.prepare(drafts)?, Pace::Prompt)?;
        contribution.wait()?;
        Ok(contribution)
    }

    /// Looks drafts up and signs what is new in them, on all processors. No two drafts may name one record.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn prepare(&self, drafts: Vec<Draft>) -> Result<Prepared, Error> {
        const WORTH_A_THREAD: usize = 64;
        let memory = &self.inner.memory;
        let mut all = Prepared { began: memory.visible(), standing: memory.standing(), ..Prepared::default() };
        let processors = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let share = drafts.len().div_ceil(processors).max(WORTH_A_THREAD);
        if drafts.len() <= share {
            all.take(self.prepare_part(drafts)?);
            return Ok(all);
        }
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
            workers.into_iter().map(|worker| worker.join().unwrap_or(Err(Error::Interrupted))).collect()
        });
        for part in parts {
            all.take(part?);
        }
        Ok(all)
    }

    fn prepare_part(&self, drafts: Vec<Draft>) -> Result<Prepared, Error> {
        let mut prepared = Prepared::default();
        for draft in drafts {
            match self.version(draft) {
                Ok((outcome, version)) => {
                    let nth = prepared.outcomes.len();
                    prepared.outcomes.push(outcome);
                    prepared.versions.extend(version.map(|version| Version { nth, ..version }));
                }
                Err(error @ (Error::Ledger(_) | Error::Entropy(_))) => return Err(error),
                Err(error) => prepared.outcomes.push(Outcome::Refused(error)),
            }
        }
        Ok(prepared)
    }

    fn version(&self, draft: Draft) -> Result<(Outcome, Option<Version>), Error> {
        let now = self.now();
        let draft = Draft { fields: Content::arranged(draft.label.kind, draft.fields), ..draft };
        let id = match draft.id {
            Some(id) => id,
            None => RecordId::fresh(now, &self.random()?),
        };
        let key = RecordKey { id, owner: self.me() };
        if self.ledger().has_ended(key)? {
            return Err(Error::Ended);
        }
        let before = self.ledger().record(key)?;
        if before.as_ref().is_some_and(|row| !row.is_live(now.day())) {
            // It is there until the time of grace has passed, and does not come back in it.
            return Err(Error::Ended);
        }
        let known = before.as_ref().map(RecordRow::record).transpose()?;
        // Of one that is known in part nobody knows whether it says the same.
        if known.as_ref().is_some_and(|known| !known.is_redacted() && says_the_same(known, &draft)) {
            return Ok((Outcome::Unchanged(id), None));
        }
        let changed = known.as_ref().map_or(GroupSet::ALL, |known| changed(known, &draft));
        let content = Content {
            id,
            revision: known.as_ref().map_or(1, |known| known.header().revision + 1),
            owner: self.me(),
            label: draft.label.sorted(),
            created: known.as_ref().map_or(now, |known| known.header().created),
            modified: now,
            retain_until: draft.retain_until,
            fields: draft.fields,
        };
        self.check_contribution(&content.label, content.retain_until)?;
        let shareable = content.check_shareable().is_ok();
        let record = record::sign(&content, &self.secrets().salt, &self.secrets().signing)?;
        let identifiers = index::identifiers(&self.secrets().identifier, &record);
        let outcome = if known.is_some() { Outcome::Revised(id) } else { Outcome::Added(id) };
        Ok((outcome, Some(Version { record, shareable, before, changed, identifiers, nth: 0 })))
    }

    /// What its CAFs' charters and the calendar say to a version.
    fn check_contribution(&self, label: &Label, retain_until: Option<Day>) -> Result<(), Error> {
        if let Some(until) = retain_until.filter(|until| *until < self.now().day()) {
            return Err(Error::Outdated(until));
        }
        for id in &label.cafs {
            let caf = self.caf(*id)?;
            caf.check_open(self.clock().later())?;
            match caf.role_of(self.me()) {
                None => return Err(Error::NotMember),
                Some(role) if !role.contributes() => return Err(Error::ReaderOnly),
                Some(_) => {}
            }
            if !caf.charter().takes(label.kind, label.category) {
                return Err(Error::OutsideCharter(label.kind.title().to_lowercase()));
            }
        }
        Ok(())
    }

    /// Appends what was prepared to its class logs, and accounts for it with `deed`. It is acknowledged once
    /// [`Contribution::wait`] returns. A version that was overtaken since it was prepared is refused.
    ///
    /// # Errors
    /// Where the audit log or the store cannot write.
    pub fn append(&self, deed: Deed, mut prepared: Prepared, pace: Pace) -> Result<Contribution, Error> {
        let mut turn = self.turn_ahead()?;
        let mut changed = turn.changed_since(prepared.began);
        if changed.is_none() {
            // It was prepared so long ago that the books themselves must tell.
            drop(turn);
            turn = self.turn()?;
            changed = Some(self.changed(&prepared)?);
        }
        let changed = changed.unwrap_or_default();
        let standing = self.standing() != prepared.standing;
        let Prepared { versions, outcomes, .. } = &mut prepared;
        versions.retain(|version| {
            let fault = self.overtaken(version, &changed, standing);
            let stays = fault.is_none();
            if let (Some(fault), Some(outcome)) = (fault, outcomes.get_mut(version.nth)) {
                *outcome = Outcome::Refused(fault);
            }
            stays
        });
        if !prepared.outcomes.is_empty() {
            turn.account(accounted(deed, &prepared));
        }
        if pace == Pace::Bulk {
            turn.is_bulk();
        }
        // Those of one label follow each other in the log, so that reading it seldom jumps.
        let mut versions: Vec<&Version> = prepared.versions.iter().collect();
        versions.sort_by_key(|version| &version.record.header().label);
        let here = Some(turn.here());
        versions.into_iter().for_each(|version| turn.put_version(version, here));
        Ok(Contribution { outcomes: prepared.outcomes, committed: turn.commit()? })
    }

    /// Why a version must not be appended any more.
    fn overtaken(&self, version: &Version, changed: &HashSet<RecordId>, standing: bool) -> Option<Error> {
        let header = version.record.header();
        if changed.contains(&header.id) {
            let key = RecordKey { id: header.id, owner: self.me() };
            // Where the end is still on its way to the disk, it is told as another change.
            return Some(if self.ledger().has_ended(key).unwrap_or(false) { Error::Ended } else { Error::Overtaken });
        }
        let check = || self.check_contribution(&header.label, header.retain_until).err();
        standing.then(check).flatten()
    }

    /// The records among those prepared that are not as they were looked up.
    fn changed(&self, prepared: &Prepared) -> Result<HashSet<RecordId>, Error> {
        let mut changed = HashSet::new();
        for version in &prepared.versions {
            let id = version.record.header().id;
            let key = RecordKey { id, owner: self.me() };
            let now = self.ledger().record(key)?.map(|row| row.place);
            if now.as_ref() != version.before.as_ref().map(|row| &row.place) || self.ledger().has_ended(key)? {
                changed.insert(id);
            }
        }
        Ok(changed)
    }
}

impl Turn<'_> {
    /// Puts a version of this bureau's own that came back in the place of the one known, or one that was written `here` again behind it.
    pub(super) fn put_returned(&mut self, record: Record, before: Option<RecordRow>, here: Option<Here>) {
        let identifiers = index::identifiers(&self.office().secrets().identifier, &record);
        let shareable = record.header().check_shareable().is_ok();
        let version = Version { record, shareable, before, changed: GroupSet::ALL, identifiers, nth: 0 };
        self.put_version(&version, here);
    }

    /// What tells that something is written here, and since which start.
    pub(super) fn here(&self) -> Here {
        let later = Some(self.clock().later()).filter(|later| later.ms_since(self.now()) > SLACK_MS);
        Here { life: self.office().inner.life, later }
    }

    fn put_version(&mut self, version: &Version, here: Option<Here>) {
        let (ledger, header) = (self.office().ledger(), version.record.header());
        let key = RecordKey { id: header.id, owner: self.office().me() };
        let class = if version.shareable { self.own_class(&header.label) } else { DRAFTS };
        let before = version.before.as_ref().map(|row| &row.place);
        let stays = before.filter(|place| place.class == class);
        let known = before.map(|place| place.number).filter(|number| *number > 0);
        // Before it leaves another class: who may have both is told of the change, and of nothing that is gone.
        let (mut seq, number) = match (class, stays, known) {
            (DRAFTS, ..) => (0, known.unwrap_or_default()),
            (class, Some(_), Some(number)) => (self.push_revision(class, header.id, number, version.changed), number),
            (class, ..) => self.push(class, Op::Put, header.id, known),
        };
        if stays.is_none() {
            self.count(class, 1);
            if let Some(place) = before {
                self.count(place.class, -1);
                if place.class != DRAFTS {
                    let (left, _) = self.push(place.class, Op::Leave, header.id, Some(place.number));
                    seq = if class == DRAFTS { left } else { seq };
                }
            }
        }
        let since = stays.map_or(seq, |place| place.since);
        let changes = stays.filter(|_| class != DRAFTS).and_then(|place| place.changed_by(seq, version.changed));
        let place = Place { class, seq, since, number, stored: self.now(), until: header.retain_until, changes, here };
        self.put_record(key, &place, version.record.as_bytes());
        if let Some(old) = version.before.as_ref().and_then(|row| row.record().ok()) {
            if old.is_redacted() {
                ledger.delete_former(&mut self.batch, key);
            }
            let gone = index::identifiers(&self.office().secrets().identifier, &old);
            let gone = gone.into_iter().filter(|identifier| !version.identifiers.contains(identifier));
            gone.for_each(|identifier| ledger.delete_identifier(&mut self.batch, identifier, key));
        }
        version.identifiers.iter().for_each(|identifier| ledger.put_identifier(&mut self.batch, *identifier, key));
        if let Some(until) = header.retain_until {
            self.retain(until, key);
        }
    }
}

/// The account of what is about to be appended; one record by its id, more by their count.
fn accounted(deed: Deed, prepared: &Prepared) -> Deed {
    let (mut added, mut revised, mut refused) = (0, 0, 0);
    for outcome in &prepared.outcomes {
        match outcome {
            Outcome::Added(_) => added += 1,
            Outcome::Revised(_) => revised += 1,
            Outcome::Unchanged(_) => {}
            Outcome::Refused(_) => refused += 1,
        }
    }
    let deed = match prepared.outcomes.as_slice() {
        [Outcome::Added(id) | Outcome::Revised(id) | Outcome::Unchanged(id)] => deed.record(*id),
        _ => deed,
    };
    deed.with("added", added).with("revised", revised).with("refused", refused)
}

/// The groups of fields in which a draft differs from a version of its record. When it may be kept no longer than
/// another day, everybody who has it must know.
fn changed(known: &Record, draft: &Draft) -> GroupSet {
    if known.header().retain_until != draft.retain_until {
        return GroupSet::ALL;
    }
    let kind = draft.label.kind;
    let shown = |group: Group| {
        let before = known.fields().filter(move |(def, _)| def.group == group).map(|(def, value)| (def.name, value));
        let is_of = move |name: &str| record::field(kind, name).is_none_or(|def| def.group == group);
        let after =
            draft.fields.iter().filter(move |(name, _)| is_of(name)).map(|(name, value)| (name.as_str(), value));
        !before.eq(after)
    };
    Group::ALL.iter().copied().filter(|group| shown(*group)).collect()
}

fn says_the_same(known: &Record, draft: &Draft) -> bool {
    let header = known.header();
    header.label == draft.label.clone().sorted()
        && header.retain_until == draft.retain_until
        && known.fields().map(|(def, value)| (def.name, value)).eq(draft.fields.iter().map(|(n, v)| (n.as_str(), v)))
}
