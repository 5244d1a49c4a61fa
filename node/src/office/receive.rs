//! Taking in what another bureau sends: verified, durable, accounted for, in one commit; and marking what it takes back,
//! which [`super::purge`] then removes in steps.

use std::collections::{BTreeMap, BTreeSet};

use igain_protocol::bureau::{BureauId, VerifyingKey};
use igain_protocol::label::Label;
use igain_protocol::log::{Entry, FeedId, Letter, Position};
use igain_protocol::record::{self, Record, RecordId, Tombstone, Unverified};
use igain_protocol::sync::{Change, ClassIndex, LETTERS_CLASS, Violation};
use igain_protocol::vocabulary::GroupSet;

use super::turn::Turn;
use super::{Actor, Deed, Error, Office, index};
use crate::ledger::{ClassRow, CursorRow, IdentifierKey, Op, Place, RecordKey, RecordRow, TombstoneRow};

/// How many refusals of one intake are accounted for one by one; the rest is told as a number: a peer must not fill the
/// audit log.
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
}

impl Received {
    /// Adds what another call brought.
    pub fn merge(&mut self, other: &Self) {
        self.put += other.put;
        self.purged += other.purged;
        self.refused += other.refused;
    }
}

/// Changes whose records were verified.
#[derive(Debug)]
pub struct Examined {
    changes: Vec<Change>,
    /// What was found of each record among them, in order.
    verdicts: Vec<Verdict>,
    /// The key by which it was found.
    key: Option<VerifyingKey>,
}

/// A record that is its owner's word, and what it is found by; or which it claims to be, and why it is not.
type Verdict = Result<(Record, Vec<IdentifierKey>), (Option<RecordId>, record::Error)>;

/// Changes on their way into the books: one turn, one commit. What was done so far is read through.
struct Intake<'a> {
    turn: Turn<'a>,
    provider: BureauId,
    /// What the provider signs with while this turn lasts.
    key: VerifyingKey,
    received: Received,
    /// How far each feed has come.
    cursors: BTreeMap<FeedId, CursorRow>,
    /// What this intake made of records: none where one is gone.
    made: BTreeMap<RecordKey, Option<RecordRow>>,
    /// Records that this intake ended for ever.
    ended: BTreeSet<RecordKey>,
    /// Records that are gone: a receipt is due.
    gone: Vec<RecordId>,
    refused: Vec<Deed>,
    /// Logs to be purged.
    ending: Vec<ClassIndex>,
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
        let key = self.key_of(provider);
        let verdicts = self.verify(provider, key, &changes);
        Examined { changes, verdicts, key }
    }

    /// Takes in what was examined, in order and in one commit, and then purges the feeds that ended. All is durable when
    /// this returns.
    ///
    /// # Errors
    /// As for [`Office::receive`].
    pub fn take_in(&self, provider: BureauId, examined: Vec<Examined>) -> Result<Received, Error> {
        let mut intake = Intake::begin(self, provider)?;
        for Examined { changes, verdicts, key } in examined {
            if key != Some(intake.key) {
                // It was revoked meanwhile, and has come back with another.
                return Err(Error::UnknownPeer(provider));
            }
            let mut verdicts = verdicts.into_iter();
            for change in changes {
                intake.change(change, &mut verdicts)?;
            }
        }
        let (mut received, ending) = intake.finish()?;
        for class in ending {
            received.purged += self.purge(class)?;
        }
        Ok(received)
    }

    fn verify(&self, provider: BureauId, key: Option<VerifyingKey>, changes: &[Change]) -> Vec<Verdict> {
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
        let secret = &self.secrets().identifier;
        let judge = |id: Result<RecordId, record::Error>| {
            let id = id.map_err(|error| (None, error))?;
            let record =
                verdicts.next().unwrap_or(Err(record::Error::UnknownOwner)).map_err(|error| (Some(id), error))?;
            let identifiers = index::identifiers(secret, &record);
            Ok((record, identifiers))
        };
        decoded.into_iter().map(judge).collect()
    }
}

/// The records among entries.
fn puts(entries: &[Entry]) -> impl Iterator<Item = &[u8]> {
    entries.iter().filter_map(|entry| match entry {
        Entry::Put(bytes) => Some(bytes.as_slice()),
        _ => None,
    })
}

impl<'a> Intake<'a> {
    fn begin(office: &'a Office, provider: BureauId) -> Result<Self, Error> {
        let turn = office.turn()?;
        let key = turn.active_peer(provider)?.card().signing;
        Ok(Self {
            turn,
            provider,
            key,
            received: Received::default(),
            cursors: BTreeMap::new(),
            made: BTreeMap::new(),
            ended: BTreeSet::new(),
            gone: Vec::new(),
            refused: Vec::new(),
            ending: Vec::new(),
        })
    }

    fn office(&self) -> &'a Office {
        self.turn.office()
    }

    fn change(&mut self, change: Change, verdicts: &mut impl Iterator<Item = Verdict>) -> Result<(), Error> {
        match change {
            Change::Open { feed, label, groups } => self.open(feed, label, groups),
            Change::Entries { feed, entries, to } if feed == FeedId::LETTERS => self.letters(entries, to),
            Change::Entries { feed, entries, to } => self.entries(feed, entries, verdicts, to),
            Change::Close { feed } => self.close(feed),
        }
    }

    /// Begins a feed. It takes the place of one with the same label, whose close may still be on its way: what comes
    /// late through that one must not take records with it.
    fn open(&mut self, feed: FeedId, label: Label, groups: GroupSet) -> Result<(), Error> {
        if let Some(old) = self.turn.received_class(self.provider, &label) {
            let same = self.turn.class(old).and_then(|row| row.feed).is_some_and(|(known, _)| known == feed);
            if same {
                if self.cursor(feed)?.is_none() {
                    self.cursors.insert(feed, CursorRow { at: Position::default(), class: old });
                }
                return Ok(());
            }
            self.end_class(old);
        }
        let row = ClassRow { owner: self.provider, label, feed: Some((feed, groups)), ending: false };
        let class = self.turn.open_class(row);
        self.cursors.insert(feed, CursorRow { at: Position::default(), class });
        Ok(())
    }

    fn close(&mut self, feed: FeedId) -> Result<(), Error> {
        if feed == FeedId::LETTERS {
            self.cursors.insert(feed, CursorRow { at: Position::default(), class: LETTERS_CLASS });
        } else if let Some(row) = self.cursor(feed)? {
            self.end_class(row.class);
        }
        Ok(())
    }

    /// Marks a log as ending: from this commit on its records count as gone.
    fn end_class(&mut self, class: ClassIndex) {
        if let Some(row) = self.turn.class(class) {
            self.turn.put_class(class, ClassRow { ending: true, ..row });
            self.ending.push(class);
        }
    }

    fn cursor(&self, feed: FeedId) -> Result<Option<CursorRow>, Error> {
        match self.cursors.get(&feed) {
            Some(row) => Ok(Some(*row)),
            None => Ok(self.office().ledger().cursor(self.provider, feed)?),
        }
    }

    /// Takes letters in.
    fn letters(&mut self, entries: Vec<Entry>, to: Position) -> Result<(), Error> {
        for entry in entries {
            if let Entry::Letter(letter) = entry {
                self.letter(&letter)?;
            }
        }
        self.cursors.insert(FeedId::LETTERS, CursorRow { at: to, class: LETTERS_CLASS });
        Ok(())
    }

    fn letter(&mut self, letter: &Letter) -> Result<(), Error> {
        match self.turn.take_letter(self.provider, letter) {
            Ok(()) => Ok(()),
            Err(error @ (Error::Ledger(_) | Error::Audit(_) | Error::Entropy(_))) => Err(error),
            Err(error) => {
                let deed = Deed::new(Actor::Bureau(self.provider), "letter.refused").peer(self.provider);
                self.refused.push(deed.with("why", error.code()));
                Ok(())
            }
        }
    }

    fn entries(
        &mut self,
        feed: FeedId,
        entries: Vec<Entry>,
        verdicts: &mut impl Iterator<Item = Verdict>,
        to: Position,
    ) -> Result<(), Error> {
        let mut verdicts: Vec<Verdict> = verdicts.take(puts(&entries).count()).collect();
        let Some(CursorRow { class, .. }) = self.cursor(feed)? else {
            // One that has ended may still bring something that was on its way.
            let ended = self.office().ledger().feed_has_ended(self.provider, feed)?;
            return if ended { Ok(()) } else { Err(Error::Violation(Violation::UnknownFeed)) };
        };
        let Some(row) = self.turn.class(class).filter(|row| !row.ending) else { return Ok(()) };
        let mut verdicts = verdicts.drain(..);
        for entry in entries {
            match entry {
                Entry::Put(_) => match verdicts.next() {
                    Some(Ok((record, identifiers))) => self.put(class, &row.label, &record, &identifiers)?,
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

    fn record(&self, id: RecordId) -> RecordKey {
        RecordKey { id, owner: self.provider }
    }

    fn refuse(&mut self, id: Option<RecordId>, why: &str) {
        let deed = Deed::new(Actor::Bureau(self.provider), "record.refused").peer(self.provider);
        self.refused.push(deed.record(id.unwrap_or(RecordId::from_bytes([0; 16]))).with("why", why));
    }

    /// What the books hold of a record, with what was done to it here so far.
    fn held(&self, key: RecordKey) -> Result<Option<RecordRow>, Error> {
        match self.made.get(&key) {
            Some(made) => Ok(made.clone()),
            None => Ok(self.office().ledger().record(key)?),
        }
    }

    fn put(
        &mut self,
        class: ClassIndex,
        label: &Label,
        record: &Record,
        identifiers: &[IdentifierKey],
    ) -> Result<(), Error> {
        let header = record.header();
        let key = self.record(header.id);
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
        self.find_by(key, known.as_ref(), identifiers);
        let came = held.map(|row| row.place.class);
        if came != Some(class) {
            self.turn.count(class, 1);
            came.into_iter().for_each(|came| self.turn.count(came, -1));
        }
        let (seq, slot) = self.turn.push(class, Op::Put, key.id, None);
        let until = header.retain_until;
        let place = Place { class, seq, slot, stored: self.turn.now(), earlier: Vec::new(), until };
        self.office().ledger().put_record(&mut self.turn.batch, key, &place, record.as_bytes());
        if known.is_none() {
            // One that expired here, and was given a later date by its owner in time.
            self.office().ledger().delete_tombstone(&mut self.turn.batch, key);
        }
        self.made.insert(key, Some(RecordRow { place, bytes: record.as_bytes().to_vec() }));
        if let Some(until) = until {
            self.turn.retain(until, key);
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
        } else if header.retain_until.is_none_or(|until| until < self.turn.now().day()) {
            Some("record.outdated")
        } else if self.ended.contains(&key) || self.is_barred(key, header.revision)? {
            Some("record.ended")
        } else {
            None
        })
    }

    fn is_barred(&self, key: RecordKey, revision: u32) -> Result<bool, Error> {
        let ledger = self.office().ledger();
        if !ledger.has_ended(key)? {
            return Ok(false);
        }
        Ok(ledger.tombstone(key)?.is_none_or(|tombstone| tombstone.bars(revision)))
    }

    /// Brings the identifiers by which a record is found in line with its new version.
    fn find_by(&mut self, key: RecordKey, known: Option<&Record>, fresh: &[IdentifierKey]) {
        let (ledger, secret) = (self.office().ledger(), &self.office().secrets().identifier);
        let old = known.map(|known| index::identifiers(secret, known)).unwrap_or_default();
        let gone = old.into_iter().filter(|identifier| !fresh.contains(identifier));
        gone.for_each(|identifier| ledger.delete_identifier(&mut self.turn.batch, identifier, key));
        fresh.iter().for_each(|identifier| ledger.put_identifier(&mut self.turn.batch, *identifier, key));
    }

    /// The owner's signed word ends a record, whatever feed it came through.
    fn withdraw(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let key_of = |owner: BureauId| (owner == self.provider).then_some(self.key);
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
        match self.held(self.record(id))? {
            Some(row) if row.is_live(self.turn.now().day())? => self.leave(class, id),
            _ => self.end(id, None),
        }
    }

    fn end(&mut self, id: RecordId, signed: Option<Vec<u8>>) -> Result<(), Error> {
        let key = self.record(id);
        let row = self.held(key)?;
        let trail = row.as_ref().map(|row| row.place.trail()).unwrap_or_default();
        if let Some(row) = row {
            self.remove(key, &row);
        }
        self.gone.push(id);
        self.ended.insert(key);
        let tombstone = TombstoneRow { at: self.turn.now(), signed, trail, revision: None };
        self.office().ledger().put_tombstone(&mut self.turn.batch, key, &tombstone);
        Ok(())
    }

    /// The record has left this class; if it came here through another feed since, it stays.
    fn leave(&mut self, class: ClassIndex, id: RecordId) -> Result<(), Error> {
        let key = self.record(id);
        if let Some(row) = self.held(key)?.filter(|row| row.place.class == class) {
            self.remove(key, &row);
            self.gone.push(id);
        }
        Ok(())
    }

    fn remove(&mut self, key: RecordKey, row: &RecordRow) {
        self.turn.count(row.place.class, -1);
        self.received.purged += 1;
        self.made.insert(key, None);
        self.turn.remove_record(key, row);
    }

    /// Makes all of it, its receipts and the new cursors durable in one commit. Returns the logs that are to be purged.
    fn finish(mut self) -> Result<(Received, Vec<ClassIndex>), Error> {
        self.received.refused = self.refused.len();
        let untold = self.refused.len().saturating_sub(REFUSALS_TOLD);
        for deed in self.refused.drain(..).take(REFUSALS_TOLD) {
            self.turn.account(deed);
        }
        let deed = |action| Deed::new(Actor::Bureau(self.provider), action).peer(self.provider);
        if untold > 0 {
            self.turn.account(deed("record.refused").with("untold", untold));
        }
        if self.received.put + self.gone.len() > 0 {
            let deed = deed("feed.receive").with("records", self.received.put).with("purged", self.gone.len());
            self.turn.account(deed);
        }
        self.turn.post_receipts(self.provider, None, &self.gone)?;
        for (feed, row) in &self.cursors {
            self.office().ledger().put_cursor(&mut self.turn.batch, self.provider, *feed, *row);
        }
        self.turn.commit_now()?;
        Ok((self.received, self.ending))
    }
}
