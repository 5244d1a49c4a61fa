//! Taking in what another bureau sends: verified, durable, accounted for; and purging what it takes back.

use std::collections::{BTreeMap, BTreeSet};

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

/// One run of a feed on its way into the books.
struct Intake<'a> {
    office: &'a Office,
    provider: BureauId,
    class: ClassIndex,
    label: Label,
    batch: Batch,
    received: Received,
    /// Entries of this node's own log of the feed.
    run: Vec<LogEntry>,
    retained: BTreeMap<Day, Vec<RecordKey>>,
    /// Records that are gone: a receipt is due.
    gone: Vec<RecordId>,
    refused: Vec<(RecordId, String)>,
    /// Records that the batch touches: reading them shows what was before.
    touched: BTreeSet<RecordKey>,
}

impl Office {
    /// Takes a provider's changes in, in order. They are durable when this returns.
    ///
    /// # Errors
    /// Where the provider may not take part, or the books cannot be read or written. A record that is refused stops
    /// nothing else.
    pub fn receive(&self, provider: BureauId, changes: Vec<Change>) -> Result<Received, Error> {
        let mut all = Received::default();
        for change in changes {
            // It may be revoked between two of them.
            self.active_peer(provider)?;
            all.merge(&match change {
                Change::Open { feed, label, groups } => self.open_feed(provider, feed, label, groups)?,
                Change::Entries { feed, entries, to } if feed == FeedId::LETTERS => {
                    self.take_letters(provider, entries, to)?
                }
                Change::Entries { feed, entries, to } => self.take_entries(provider, feed, entries, to)?,
                Change::Close { feed } => self.close_feed(provider, feed)?,
            });
        }
        Ok(all)
    }

    /// Begins a feed. It takes the place of one with the same label, whose close may still be on its way: what comes
    /// late through that one must not take records with it.
    fn open_feed(&self, owner: BureauId, feed: FeedId, label: Label, groups: GroupSet) -> Result<Received, Error> {
        let same = |row: &ClassRow| row.owner == owner && row.label == label;
        let old = read(&self.inner.classes).rows().find(|(_, row)| same(row)).and_then(|(_, row)| row.feed);
        let received = match old {
            Some((old, _)) if old == feed => return Ok(Received::default()),
            Some((old, _)) => self.close_feed(owner, old)?,
            None => Received::default(),
        };
        let _writing = self.writing();
        let mut batch = self.batch();
        let row = ClassRow { owner, label, feed: Some((feed, groups)) };
        let class = write(&self.inner.classes).add(self.me(), row, self.ledger(), &mut batch);
        self.ledger().put_cursor(&mut batch, owner, feed, CursorRow { at: Position::default(), class });
        self.ledger().commit(batch)?;
        Ok(received)
    }

    fn take_letters(&self, sender: BureauId, entries: Vec<Entry>, to: Position) -> Result<Received, Error> {
        let mut received = Received::default();
        for entry in entries {
            let Entry::Letter(letter) = entry else { continue };
            match self.receive_letter(sender, &letter) {
                Ok(reconsider) => received.reconsider |= reconsider,
                Err(error @ (Error::Ledger(_) | Error::Audit(_))) => return Err(error),
                Err(error) => {
                    received.refused += 1;
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

    fn take_entries(
        &self,
        provider: BureauId,
        feed: FeedId,
        entries: Vec<Entry>,
        to: Position,
    ) -> Result<Received, Error> {
        let verified = self.verify(provider, &entries);
        let _writing = self.writing();
        let Some(class) = self.ledger().cursor(provider, feed)?.map(|row| row.class) else {
            return Ok(Received::default());
        };
        let Some(label) = read(&self.inner.classes).row(class).map(|row| row.label.clone()) else {
            return Ok(Received::default());
        };
        let mut intake = Intake::new(self, provider, class, label);
        let mut verified = verified.into_iter();
        for entry in entries {
            match entry {
                Entry::Put(_) => match verified.next() {
                    Some(Ok(record)) => intake.put(&record)?,
                    Some(Err((id, error))) => intake.refuse(id, error.code()),
                    None => {}
                },
                Entry::Withdraw(bytes) => intake.withdraw(&bytes)?,
                Entry::Expire(id) => intake.expire(id)?,
                Entry::Leave(id) => intake.leave(id)?,
                Entry::Letter(_) => {}
            }
        }
        intake.finish(feed, to)
    }

    /// Verifies all records of a run at once.
    fn verify(&self, provider: BureauId, entries: &[Entry]) -> Vec<Result<Record, (Option<RecordId>, record::Error)>> {
        let key = self.key_of(provider);
        let puts = entries.iter().filter_map(|entry| match entry {
            Entry::Put(bytes) => Some(Unverified::decode(bytes)),
            _ => None,
        });
        let decoded: Vec<Result<Unverified, record::Error>> = puts.collect();
        let good: Vec<Unverified> = decoded.iter().filter_map(|record| record.as_ref().ok().cloned()).collect();
        let key_of = |owner: BureauId| key.filter(|_| owner == provider);
        let mut verdicts = record::verify_batch(good, key_of).into_iter();
        let judge = |record: Result<Unverified, record::Error>| match record {
            Err(error) => Err((None, error)),
            Ok(unverified) => {
                let verdict = verdicts.next().unwrap_or(Err(record::Error::UnknownOwner));
                verdict.map_err(|error| (Some(unverified.header().id), error))
            }
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
        let _writing = self.writing();
        let Some(class) = self.ledger().cursor(provider, feed)?.map(|row| row.class) else {
            return Ok(Received::default());
        };
        let purged = self.purge_class(provider, class)?;
        self.account(Deed::new(Actor::Bureau(provider), "feed.close").peer(provider).with("records", purged.len()))?;
        let mut batch = self.batch();
        let letters = self.purge_receipts(provider, Some(*feed.as_bytes()), &purged)?;
        self.post_all(&mut batch, provider, letters)?;
        self.ledger().end_feed(&mut batch, provider, feed);
        self.ledger().delete_class(&mut batch, class);
        self.ledger().commit(batch)?;
        write(&self.inner.classes).remove(class);
        Ok(Received { purged: purged.len(), posted: true, ..Received::default() })
    }

    /// Removes every record of a received log, run by run, each run in one commit.
    fn purge_class(&self, owner: BureauId, class: ClassIndex) -> Result<Vec<RecordId>, Error> {
        let mut purged = Vec::new();
        let mut after = 0;
        loop {
            let run = self.ledger().log_after(class, after)?;
            let (Some(first), Some(last)) = (run.first(), run.last()) else { return Ok(purged) };
            let mut batch = self.batch();
            for entry in &run {
                let key = RecordKey { id: entry.id, owner };
                if let Some(row) = self.ledger().record(key)?.filter(|row| row.place.class == class) {
                    self.remove_record(&mut batch, key, &row)?;
                    purged.push(entry.id);
                }
            }
            self.ledger().delete_run(&mut batch, class, first.seq);
            after = last.seq;
            self.ledger().commit(batch)?;
        }
    }
}

impl<'a> Intake<'a> {
    fn new(office: &'a Office, provider: BureauId, class: ClassIndex, label: Label) -> Self {
        Self {
            office,
            provider,
            class,
            label,
            batch: office.batch(),
            received: Received::default(),
            run: Vec::new(),
            retained: BTreeMap::new(),
            gone: Vec::new(),
            refused: Vec::new(),
            touched: BTreeSet::new(),
        }
    }

    fn key(&self, id: RecordId) -> RecordKey {
        RecordKey { id, owner: self.provider }
    }

    fn refuse(&mut self, id: Option<RecordId>, why: &str) {
        self.received.refused += 1;
        self.refused.push((id.unwrap_or(RecordId::from_bytes([0; 16])), why.to_owned()));
    }

    /// What the books hold of a record, with what this run has done to it so far.
    fn held(&mut self, key: RecordKey) -> Result<Option<RecordRow>, Error> {
        if !self.touched.insert(key) {
            self.write_run()?;
            let batch = std::mem::replace(&mut self.batch, self.office.batch());
            self.office.ledger().commit(batch)?;
        }
        Ok(self.office.ledger().record(key)?)
    }

    fn put(&mut self, record: &Record) -> Result<(), Error> {
        let header = record.header();
        let key = self.key(header.id);
        if let Some(why) = self.objection(record, key)? {
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
        let seq = self.count_in(held.map(|row| row.place.class));
        self.run.push(LogEntry { seq, op: Op::Put, id: key.id, slot: seq });
        let place = Place { class: self.class, seq, slot: seq, stored: self.office.now(), earlier: Vec::new() };
        self.office.ledger().put_record(&mut self.batch, key, &place, record.as_bytes());
        if let Some(until) = header.retain_until {
            self.retained.entry(until).or_default().push(key);
        }
        self.received.put += 1;
        Ok(())
    }

    /// Why a record is not taken in, whatever is held already.
    fn objection(&self, record: &Record, key: RecordKey) -> Result<Option<&'static str>, Error> {
        let header = record.header();
        Ok(if let Err(error) = header.check_shareable() {
            Some(error.code())
        } else if header.label != self.label {
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

    /// Counts a record into the class, out of the one it came from, and gives its number.
    fn count_in(&mut self, came: Option<ClassIndex>) -> u64 {
        let mut classes = write(&self.office.inner.classes);
        let ledger = self.office.ledger();
        if came != Some(self.class) {
            classes.count(self.class, 1, ledger, &mut self.batch);
            if let Some(came) = came {
                classes.count(came, -1, ledger, &mut self.batch);
            }
        }
        let seq = classes.head(self.class) + 1;
        classes.set_head(self.class, seq);
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
    fn expire(&mut self, id: RecordId) -> Result<(), Error> {
        let key = self.key(id);
        let until = match self.held(key)? {
            Some(row) => row.record()?.header().retain_until,
            None => None,
        };
        match until {
            Some(until) if until >= self.office.now().day() => self.leave(id),
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
    fn leave(&mut self, id: RecordId) -> Result<(), Error> {
        let key = self.key(id);
        if let Some(row) = self.held(key)?.filter(|row| row.place.class == self.class) {
            self.remove(key, &row)?;
            self.gone.push(id);
        }
        Ok(())
    }

    fn remove(&mut self, key: RecordKey, row: &RecordRow) -> Result<(), Error> {
        write(&self.office.inner.classes).count(row.place.class, -1, self.office.ledger(), &mut self.batch);
        self.received.purged += 1;
        self.office.remove_record(&mut self.batch, key, row)
    }

    fn write_run(&mut self) -> Result<(), Error> {
        let run = std::mem::take(&mut self.run);
        self.office.ledger().append_log(&mut self.batch, self.class, &run);
        for (until, records) in std::mem::take(&mut self.retained) {
            self.office.ledger().put_retention(&mut self.batch, until, random()?, &records);
        }
        Ok(())
    }

    /// Makes the run, its receipts and the new cursor durable in one commit.
    fn finish(mut self, feed: FeedId, to: Position) -> Result<Received, Error> {
        self.write_run()?;
        for (id, why) in &self.refused {
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
        let row = CursorRow { at: to, class: self.class };
        self.office.ledger().put_cursor(&mut self.batch, self.provider, feed, row);
        self.office.ledger().commit(self.batch)?;
        Ok(self.received)
    }
}
