//! Taking in what another bureau sends: verified, durable, accounted for; and purging what it takes back.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::MutexGuard;

use igain_protocol::bureau::BureauId;
use igain_protocol::label::Label;
use igain_protocol::log::{Entry, FeedId, Position};
use igain_protocol::record::{self, Record, RecordId, Tombstone, Unverified};
use igain_protocol::sync::{Change, ClassIndex};
use igain_protocol::time::Day;
use igain_protocol::vocabulary::GroupSet;

use super::{Actor, Deed, Error, Office, index, random, read, write};
use crate::ledger::{ClassRow, CursorRow, LogEntry, Op, Place, RecordKey, RecordRow, TombstoneRow};
use crate::store::Batch;

/// How many refusals of one parcel are accounted for one by one; the rest is told as a number. Each waits for the disk,
/// and a peer must neither fill it nor keep others waiting.
const REFUSALS_TOLD: usize = 16;

/// What a provider's changes brought. All of it is durable.
#[derive(Debug, Default)]
pub struct Received {
    /// Records that are new here, or new versions.
    pub put: usize,
    /// Records that are gone.
    pub purged: usize,
    /// Records and letters that were refused: not their owner's word, or not what they claim.
    pub refused: usize,
    /// Entitlements may have changed.
    pub reconsider: bool,
    /// Letters were posted that the provider should pull.
    pub posted: bool,
}

impl Received {
    /// Adds what another call brought.
    pub fn merge(&mut self, other: &Self) {
        self.put += other.put;
        self.purged += other.purged;
        self.refused += other.refused;
        self.reconsider |= other.reconsider;
        self.posted |= other.posted;
    }
}

/// Changes whose records were verified.
#[derive(Debug)]
pub struct Examined {
    changes: Vec<Change>,
    /// What was found of each record among them, in order.
    verdicts: Vec<Verdict>,
}

/// A record that is its owner's word; or which it claims to be, and why it is not.
type Verdict = Result<Record, (Option<RecordId>, record::Error)>;

/// Changes on their way into the books, in one commit.
struct Intake<'a> {
    office: &'a Office,
    provider: BureauId,
    batch: Batch,
    received: Received,
    /// Entries of this node's own logs of the feeds.
    runs: BTreeMap<ClassIndex, Vec<LogEntry>>,
    /// Records more, or fewer, in each log.
    counts: BTreeMap<ClassIndex, i64>,
    /// How far each feed has come.
    cursors: BTreeMap<FeedId, CursorRow>,
    retained: BTreeMap<Day, Vec<RecordKey>>,
    /// Records that are gone: a receipt is due.
    gone: Vec<RecordId>,
    refused: Vec<(RecordId, String)>,
    /// Records that the batch touches: reading them shows what was before.
    touched: BTreeSet<RecordKey>,
    /// Held until all is durable: what is read here must not change meanwhile.
    _writing: MutexGuard<'a, ()>,
}

impl Office {
    /// Takes a provider's changes in, in order. They are durable when this returns.
    ///
    /// # Errors
    /// Where the provider may not take part, or the books cannot be read or written. A record that is refused stops
    /// nothing else.
    pub fn receive(&self, provider: BureauId, changes: Vec<Change>) -> Result<Received, Error> {
        let examined = self.examine(provider, changes);
        self.take_in(provider, vec![examined])
    }

    /// Verifies the records among a provider's changes, all at once.
    pub fn examine(&self, provider: BureauId, changes: Vec<Change>) -> Examined {
        let verdicts = self.verify(provider, &changes);
        Examined { changes, verdicts }
    }

    /// Takes in what was examined, in order and in as few commits as can be. All is durable when this returns.
    ///
    /// # Errors
    /// As for [`Office::receive`].
    pub fn take_in(&self, provider: BureauId, examined: Vec<Examined>) -> Result<Received, Error> {
        self.written(self.take_all(provider, examined))
    }

    fn take_all(&self, provider: BureauId, examined: Vec<Examined>) -> Result<Received, Error> {
        let mut all = Received::default();
        let mut intake: Option<Intake<'_>> = None;
        for Examined { changes, verdicts } in examined {
            let mut verdicts = verdicts.into_iter();
            for change in changes {
                // It may be revoked between two of them.
                self.active_peer(provider)?;
                match change {
                    Change::Open { feed, label, groups } => match self.feed_of(provider, &label) {
                        Some(old) if old == feed => {}
                        old => {
                            if let Some(old) = old {
                                finish(intake.take(), &mut all)?;
                                all.merge(&self.close_feed(provider, old)?);
                            }
                            self.begun(&mut intake, provider)?.open(feed, label, groups);
                        }
                    },
                    Change::Entries { feed, entries, to } if feed == FeedId::LETTERS => {
                        finish(intake.take(), &mut all)?;
                        all.merge(&self.take_letters(provider, entries, to, room(&all))?);
                    }
                    Change::Entries { feed, entries, to } => {
                        let verdicts: Vec<Verdict> = verdicts.by_ref().take(puts(&entries).count()).collect();
                        self.begun(&mut intake, provider)?.entries(feed, entries, verdicts, to)?;
                    }
                    Change::Close { feed } => {
                        finish(intake.take(), &mut all)?;
                        all.merge(&self.close_feed(provider, feed)?);
                    }
                }
            }
        }
        finish(intake, &mut all)?;
        if all.refused > REFUSALS_TOLD {
            let deed = Deed::new(Actor::Bureau(provider), "record.refused").peer(provider);
            self.account(deed.with("untold", all.refused - REFUSALS_TOLD))?;
        }
        Ok(all)
    }

    /// The intake under way, or a new one.
    fn begun<'i, 'a>(
        &'a self,
        intake: &'i mut Option<Intake<'a>>,
        provider: BureauId,
    ) -> Result<&'i mut Intake<'a>, Error> {
        let ready = match intake.take() {
            Some(ready) => ready,
            None => Intake::new(self, provider)?,
        };
        Ok(intake.insert(ready))
    }

    /// The feed that one with the same label takes the place of. Its close may still be on its way: what comes late
    /// through it must not take records with it.
    fn feed_of(&self, owner: BureauId, label: &Label) -> Option<FeedId> {
        let classes = read(&self.inner.classes);
        let mut same = classes.rows().filter(|(_, row)| row.owner == owner && row.label == *label);
        same.find_map(|(_, row)| row.feed).map(|(feed, _)| feed)
    }

    /// Takes letters in; of those that are refused, the first `room` are accounted for one by one.
    fn take_letters(
        &self,
        sender: BureauId,
        entries: Vec<Entry>,
        to: Position,
        room: usize,
    ) -> Result<Received, Error> {
        let mut received = Received::default();
        for entry in entries {
            let Entry::Letter(letter) = entry else { continue };
            match self.receive_letter(sender, &letter) {
                Ok(reconsider) => received.reconsider |= reconsider,
                Err(error @ (Error::Ledger(_) | Error::Audit(_))) => return Err(error),
                Err(error) => {
                    received.refused += 1;
                    if received.refused > room {
                        continue;
                    }
                    let deed = Deed::new(Actor::Bureau(sender), "letter.refused").peer(sender);
                    self.account(deed.with("why", error.code()))?;
                }
            }
        }
        let mut batch = self.batch();
        let row = CursorRow { at: to, class: igain_protocol::sync::LETTERS_CLASS };
        self.ledger().put_cursor(&mut batch, sender, FeedId::LETTERS, row);
        self.ledger().commit(batch)?;
        Ok(received)
    }

    fn verify(&self, provider: BureauId, changes: &[Change]) -> Vec<Verdict> {
        let key = self.key_of(provider);
        let runs = changes.iter().filter_map(|change| match change {
            Change::Entries { entries, .. } => Some(entries),
            Change::Open { .. } | Change::Close { .. } => None,
        });
        let mut good = Vec::new();
        let mut judge = |bytes: &[u8]| {
            let unverified = Unverified::decode(bytes)?;
            let id = unverified.header().id;
            good.push(unverified);
            Ok(id)
        };
        let decoded: Vec<Result<RecordId, record::Error>> = runs.flat_map(|run| puts(run)).map(&mut judge).collect();
        let mut verdicts = record::verify_batch(good, |owner| key.filter(|_| owner == provider)).into_iter();
        let judge = |id: Result<RecordId, record::Error>| match id {
            Err(error) => Err((None, error)),
            Ok(id) => verdicts.next().unwrap_or(Err(record::Error::UnknownOwner)).map_err(|error| (Some(id), error)),
        };
        decoded.into_iter().map(judge).collect()
    }

    /// Purges all that came through a feed, ends the feed for ever, and posts the receipt.
    fn close_feed(&self, provider: BureauId, feed: FeedId) -> Result<Received, Error> {
        if feed == FeedId::LETTERS {
            let mut batch = self.batch();
            let row = CursorRow { at: Position::default(), class: igain_protocol::sync::LETTERS_CLASS };
            self.ledger().put_cursor(&mut batch, provider, feed, row);
            self.ledger().commit(batch)?;
            return Ok(Received::default());
        }
        let _writing = self.writing()?;
        let Some(class) = self.ledger().cursor(provider, feed)?.map(|row| row.class) else {
            return Ok(Received::default());
        };
        let purged = self.purge_class(provider, class)?;
        self.account(Deed::new(Actor::Bureau(provider), "feed.close").peer(provider).with("records", purged))?;
        let mut batch = self.batch();
        let letters = self.purge_receipts(provider, Some(*feed.as_bytes()), &[])?;
        self.post_all(&mut batch, provider, letters)?;
        self.ledger().end_feed(&mut batch, provider, feed);
        self.ledger().delete_class(&mut batch, class);
        self.ledger().commit(batch)?;
        write(&self.inner.classes).remove(class);
        Ok(Received { purged, posted: true, ..Received::default() })
    }

    /// Removes every record of a received log, run by run, each run with its receipts in one commit. Returns how many.
    fn purge_class(&self, owner: BureauId, class: ClassIndex) -> Result<usize, Error> {
        let mut purged = 0;
        let mut after = 0;
        loop {
            let run = self.ledger().log_after(class, after)?;
            let (Some(first), Some(last)) = (run.first(), run.last()) else { return Ok(purged) };
            let mut batch = self.batch();
            let mut gone = Vec::new();
            for id in run.iter().map(|entry| entry.id).collect::<BTreeSet<_>>() {
                let key = RecordKey { id, owner };
                if let Some(row) = self.ledger().record(key)?.filter(|row| row.place.class == class) {
                    self.remove_record(&mut batch, key, &row)?;
                    gone.push(id);
                }
            }
            self.ledger().delete_run(&mut batch, class, first.seq);
            after = last.seq;
            let letters = self.purge_receipts(owner, None, &gone)?;
            self.post_all(&mut batch, owner, letters)?;
            self.ledger().commit(batch)?;
            purged += gone.len();
        }
    }
}

/// The records among entries.
fn puts(entries: &[Entry]) -> impl Iterator<Item = &[u8]> {
    entries.iter().filter_map(|entry| match entry {
        Entry::Put(bytes) => Some(bytes.as_slice()),
        _ => None,
    })
}

fn finish(intake: Option<Intake<'_>>, all: &mut Received) -> Result<(), Error> {
    if let Some(intake) = intake {
        let room = room(all);
        all.merge(&intake.finish(room)?);
    }
    Ok(())
}

/// How many more refusals are accounted for one by one.
const fn room(so_far: &Received) -> usize {
    REFUSALS_TOLD.saturating_sub(so_far.refused)
}

impl<'a> Intake<'a> {
    fn new(office: &'a Office, provider: BureauId) -> Result<Self, Error> {
        Ok(Self {
            office,
            provider,
            _writing: office.writing()?,
            batch: office.batch(),
            received: Received::default(),
            runs: BTreeMap::new(),
            counts: BTreeMap::new(),
            cursors: BTreeMap::new(),
            retained: BTreeMap::new(),
            gone: Vec::new(),
            refused: Vec::new(),
            touched: BTreeSet::new(),
        })
    }

    fn open(&mut self, feed: FeedId, label: Label, groups: GroupSet) {
        let row = ClassRow { owner: self.provider, label, feed: Some((feed, groups)) };
        let (office, ledger) = (self.office, self.office.ledger());
        let class = write(&office.inner.classes).add(office.me(), row, ledger, &mut self.batch);
        self.cursors.insert(feed, CursorRow { at: Position::default(), class });
    }

    fn entries(
        &mut self,
        feed: FeedId,
        entries: Vec<Entry>,
        verdicts: Vec<Verdict>,
        to: Position,
    ) -> Result<(), Error> {
        let row = match self.cursors.get(&feed) {
            Some(row) => Some(*row),
            None => self.office.ledger().cursor(self.provider, feed)?,
        };
        let Some(class) = row.map(|row| row.class) else { return Ok(()) };
        let label = read(&self.office.inner.classes).row(class).map(|row| row.label.clone());
        let Some(label) = label else { return Ok(()) };
        let mut verdicts = verdicts.into_iter();
        for entry in entries {
            match entry {
                Entry::Put(_) => match verdicts.next() {
                    Some(Ok(record)) => self.put(class, &label, &record)?,
                    Some(Err((id, error))) => self.refuse(id, error.code()),
                    None => {}
                },
                Entry::Withdraw(bytes) => self.withdraw(&bytes)?,
                Entry::Expire(id) => self.expire(class, id)?,
                Entry::Leave(id) => self.leave(class, id)?,
                Entry::Letter(_) => {}
            }
        }
        self.cursors.insert(feed, CursorRow { at: to, class });
        Ok(())
    }

    fn key(&self, id: RecordId) -> RecordKey {
        RecordKey { id, owner: self.provider }
    }

    fn refuse(&mut self, id: Option<RecordId>, why: &str) {
        self.received.refused += 1;
        self.refused.push((id.unwrap_or(RecordId::from_bytes([0; 16])), why.to_owned()));
    }

    /// What the books hold of a record, with what was done to it here so far.
    fn held(&mut self, key: RecordKey) -> Result<Option<RecordRow>, Error> {
        if !self.touched.insert(key) {
            self.write_runs()?;
            let batch = std::mem::replace(&mut self.batch, self.office.batch());
            self.office.ledger().commit(batch)?;
        }
        Ok(self.office.ledger().record(key)?)
    }

    fn put(&mut self, class: ClassIndex, label: &Label, record: &Record) -> Result<(), Error> {
        let header = record.header();
        let key = self.key(header.id);
        if let Some(why) = self.objection(label, record, key)? {
            self.refuse(Some(key.id), why);
            return Ok(());
        }
        let held = self.held(key)?;
        let known = held.as_ref().map(RecordRow::record).transpose()?;
        if known.as_ref().is_some_and(|known| known.header().revision > header.revision) {
            self.refuse(Some(key.id), "record.stale");
            return Ok(());
        }
        self.find_by(key, known.as_ref(), record);
        let seq = self.count_in(class, held.map(|row| row.place.class));
        self.runs.entry(class).or_default().push(LogEntry { seq, op: Op::Put, id: key.id, slot: seq });
        let place = Place { class, seq, slot: seq, stored: self.office.now(), earlier: Vec::new() };
        self.office.ledger().put_record(&mut self.batch, key, &place, record.as_bytes());
        if let Some(until) = header.retain_until {
            self.retained.entry(until).or_default().push(key);
        }
        self.received.put += 1;
        Ok(())
    }

    /// Why a record is not taken in, whatever is held already.
    fn objection(&self, label: &Label, record: &Record, key: RecordKey) -> Result<Option<&'static str>, Error> {
        let header = record.header();
        Ok(if let Err(error) = header.check_shareable() {
            Some(error.code())
        } else if header.label != *label {
            Some("record.label")
        } else if header.retain_until.is_none_or(|until| until < self.office.now().day()) {
            Some("record.outdated")
        } else if self.office.ledger().has_ended(key)? {
            Some("record.ended")
        } else {
            None
        })
    }

    /// Brings the identifiers by which a record is found in line with its new version.
    fn find_by(&mut self, key: RecordKey, known: Option<&Record>, record: &Record) {
        let (ledger, secret) = (self.office.ledger(), &self.office.secrets().identifier);
        let fresh = index::identifiers(secret, record);
        let old = known.map(|known| index::identifiers(secret, known)).unwrap_or_default();
        let gone = old.into_iter().filter(|identifier| !fresh.contains(identifier));
        gone.for_each(|identifier| ledger.delete_identifier(&mut self.batch, identifier, key));
        fresh.iter().for_each(|identifier| ledger.put_identifier(&mut self.batch, *identifier, key));
    }

    /// Counts a record into its class, out of the one it came from, and gives its number.
    fn count_in(&mut self, class: ClassIndex, came: Option<ClassIndex>) -> u64 {
        if came != Some(class) {
            *self.counts.entry(class).or_default() += 1;
            if let Some(came) = came {
                *self.counts.entry(came).or_default() -= 1;
            }
        }
        let mut classes = write(&self.office.inner.classes);
        let seq = classes.head(class) + 1;
        classes.set_head(class, seq);
        seq
    }

    /// The owner's signed word ends a record, whatever feed it came through.
    fn withdraw(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let key_of = |owner: BureauId| self.office.key_of(owner).filter(|_| owner == self.provider);
        let tombstone = match Tombstone::verify(bytes, key_of) {
            Ok(tombstone) => tombstone,
            Err(error) => {
                self.refuse(None, error.code());
                return Ok(());
            }
        };
        self.end(tombstone.id, Some(bytes.to_vec()))
    }

    /// The date that the owner signed has passed; a record whose date has not is only dropped.
    fn expire(&mut self, class: ClassIndex, id: RecordId) -> Result<(), Error> {
        let key = self.key(id);
        let until = match self.held(key)? {
            Some(row) => row.record()?.header().retain_until,
            None => None,
        };
        match until {
            Some(until) if until >= self.office.now().day() => self.leave(class, id),
            _ => self.end(id, None),
        }
    }

    fn end(&mut self, id: RecordId, signed: Option<Vec<u8>>) -> Result<(), Error> {
        let key = self.key(id);
        let row = self.held(key)?;
        let trail = row.as_ref().map(|row| row.place.trail()).unwrap_or_default();
        if let Some(row) = row {
            self.remove(key, &row)?;
        }
        self.gone.push(id);
        let tombstone = TombstoneRow { at: self.office.now(), signed, trail };
        self.office.ledger().put_tombstone(&mut self.batch, key, &tombstone);
        Ok(())
    }

    /// The record has left this class; if it came here through another feed since, it stays.
    fn leave(&mut self, class: ClassIndex, id: RecordId) -> Result<(), Error> {
        let key = self.key(id);
        if let Some(row) = self.held(key)?.filter(|row| row.place.class == class) {
            self.remove(key, &row)?;
            self.gone.push(id);
        }
        Ok(())
    }

    fn remove(&mut self, key: RecordKey, row: &RecordRow) -> Result<(), Error> {
        *self.counts.entry(row.place.class).or_default() -= 1;
        self.received.purged += 1;
        self.office.remove_record(&mut self.batch, key, row)
    }

    fn write_runs(&mut self) -> Result<(), Error> {
        let ledger = self.office.ledger();
        for (class, run) in std::mem::take(&mut self.runs) {
            ledger.append_log(&mut self.batch, class, &run);
        }
        for (class, more) in std::mem::take(&mut self.counts) {
            write(&self.office.inner.classes).count(class, more, ledger, &mut self.batch);
        }
        for (until, records) in std::mem::take(&mut self.retained) {
            ledger.put_retention(&mut self.batch, until, random()?, &records);
        }
        Ok(())
    }

    /// Makes all of it, its receipts and the new cursors durable in one commit. Of what is refused, the first `room` are
    /// accounted for one by one.
    fn finish(mut self, room: usize) -> Result<Received, Error> {
        self.write_runs()?;
        for (id, why) in self.refused.iter().take(room) {
            let deed = Deed::new(Actor::Bureau(self.provider), "record.refused").peer(self.provider);
            self.office.account(deed.record(*id).with("why", why))?;
        }
        if self.received.put + self.gone.len() > 0 {
            let deed = Deed::new(Actor::Bureau(self.provider), "feed.receive").peer(self.provider);
            self.office.account(deed.with("records", self.received.put).with("purged", self.gone.len()))?;
        }
        let letters = self.office.purge_receipts(self.provider, None, &self.gone)?;
        self.received.posted = !letters.is_empty();
        self.office.post_all(&mut self.batch, self.provider, letters)?;
        for (feed, row) in &self.cursors {
            self.office.ledger().put_cursor(&mut self.batch, self.provider, *feed, *row);
        }
        self.office.ledger().commit(self.batch)?;
        Ok(self.received)
    }
}
