//! Taking in what another bureau sends: verified, durable, accounted for, in one commit; and marking what it takes back,
//! which [`super::purge`] then removes in steps.

use std::collections::{BTreeMap, BTreeSet};

use igain_protocol::bureau::{BureauId, VerifyingKey};
use igain_protocol::label::Label;
use igain_protocol::log::{Entry, FeedId, Letter, Position};
use igain_protocol::record::{self, Record, RecordId, Tombstone, Unverified};
use igain_protocol::sync::{Change, ClassIndex, LETTERS_CLASS, Violation};
use igain_protocol::vocabulary::GroupSet;

use super::held::{Held, LookedUp};
use super::turn::Turn;
use super::{Actor, Deed, Error, Office, index};
use crate::ledger::{ClassRow, CursorRow, IdentifierKey, Op, Place, RecordKey, TombstoneRow};

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
    /// The same of each withdrawal.
    withdrawn: Vec<Result<RecordId, record::Error>>,
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
    made: BTreeMap<RecordKey, Option<Held>>,
    /// What the books held before.
    books: LookedUp,
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
        let key_of = |owner| key.filter(|_| owner == provider);
        let withdrawn = runs(&changes).flatten().filter_map(|entry| match entry {
            Entry::Withdraw(bytes) => Some(Tombstone::verify(bytes, key_of).map(|tombstone| tombstone.id)),
            _ => None,
        });
        let withdrawn = withdrawn.collect();
        Examined { changes, verdicts, withdrawn, key }
    }

    /// Takes in what was examined, in order and in one commit, and then purges the feeds that ended. All is durable when
    /// this returns.
    ///
    /// # Errors
    /// As for [`Office::receive`].
    pub fn take_in(&self, provider: BureauId, examined: Vec<Examined>) -> Result<Received, Error> {
        let mut intake = Intake::begin(self, provider, self.look_up(provider, &examined)?)?;
        for Examined { changes, verdicts, withdrawn, key } in examined {
            if key != Some(intake.key) {
                // It was revoked meanwhile, and has come back with another.
                return Err(Error::UnknownPeer(provider));
            }
            let mut verdicts = Verdicts { records: verdicts.into_iter(), withdrawn: withdrawn.into_iter() };
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

    fn look_up(&self, provider: BureauId, examined: &[Examined]) -> Result<LookedUp, Error> {
        let key = |id| RecordKey { id, owner: provider };
        let good = examined.iter().flat_map(|examined| examined.verdicts.iter().flatten());
        let coming = good.map(|(record, _)| key(record.header().id));
        let entries = examined.iter().flat_map(|examined| runs(&examined.changes)).flatten();
        let going = entries.filter_map(|entry| match entry {
            Entry::Expire(id) | Entry::Leave(id) => Some(*id),
            Entry::Put(_) | Entry::Withdraw(_) | Entry::Letter(_) => None,
        });
        let withdrawn = examined.iter().flat_map(|examined| examined.withdrawn.iter().flatten()).copied();
        LookedUp::of(self, coming, going.chain(withdrawn).map(key))
    }

    fn verify(&self, provider: BureauId, key: Option<VerifyingKey>, changes: &[Change]) -> Vec<Verdict> {
        let mut good = Vec::new();
        let mut judge = |bytes: &[u8]| {
            let unverified = Unverified::decode(bytes)?;
            let id = unverified.header().id;
            good.push(unverified);
            Ok(id)
        };
        let decoded: Vec<Result<RecordId, record::Error>> = runs(changes).flat_map(puts).map(&mut judge).collect();
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

/// The runs of entries among changes.
fn runs(changes: &[Change]) -> impl Iterator<Item = &[Entry]> {
    changes.iter().filter_map(|change| match change {
        Change::Entries { entries, .. } => Some(entries.as_slice()),
        Change::Open { .. } | Change::Close { .. } => None,
    })
}

/// What was found of records and withdrawals, in order.
struct Verdicts {
    records: std::vec::IntoIter<Verdict>,
    withdrawn: std::vec::IntoIter<Result<RecordId, record::Error>>,
}

impl Verdicts {
    /// Those of the next entries.
    fn of(&mut self, entries: &[Entry]) -> Self {
        let withdrawals = entries.iter().filter(|entry| matches!(entry, Entry::Withdraw(_))).count();
        let records: Vec<Verdict> = self.records.by_ref().take(puts(entries).count()).collect();
        let withdrawn: Vec<_> = self.withdrawn.by_ref().take(withdrawals).collect();
        Self { records: records.into_iter(), withdrawn: withdrawn.into_iter() }
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
    fn begin(office: &'a Office, provider: BureauId, mut books: LookedUp) -> Result<Self, Error> {
        let turn = office.turn()?;
        if turn.changed_of(provider, books.began) {
            books.clear();
        }
        let key = turn.active_peer(provider)?.card().signing;
        Ok(Self {
            turn,
            provider,
            key,
            received: Received::default(),
            cursors: BTreeMap::new(),
            made: BTreeMap::new(),
            books,
            ended: BTreeSet::new(),
            gone: Vec::new(),
            refused: Vec::new(),
            ending: Vec::new(),
        })
    }

    fn office(&self) -> &'a Office {
        self.turn.office()
    }

    fn change(&mut self, change: Change, verdicts: &mut Verdicts) -> Result<(), Error> {
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
        verdicts: &mut Verdicts,
        to: Position,
    ) -> Result<(), Error> {
        let mut verdicts = verdicts.of(&entries);
        let Some(CursorRow { class, .. }) = self.cursor(feed)? else {
            // One that has ended may still bring something that was on its way.
            let ended = self.office().ledger().feed_has_ended(self.provider, feed)?;
            return if ended { Ok(()) } else { Err(Error::Violation(Violation::UnknownFeed)) };
        };
        let Some(row) = self.turn.class(class).filter(|row| !row.ending) else { return Ok(()) };
        for entry in entries {
            match entry {
                Entry::Put(_) => match verdicts.records.next() {
                    Some(Ok((record, identifiers))) => self.put(class, &row.label, &record, &identifiers)?,
                    Some(Err((id, error))) => self.refuse(id, error.code()),
                    None => {}
                },
                // The owner's signed word ends a record, whatever feed it came through.
                Entry::Withdraw(bytes) => match verdicts.withdrawn.next() {
                    Some(Ok(id)) => self.end(id, Some(bytes))?,
                    Some(Err(error)) => self.refuse(None, error.code()),
                    None => {}
                },
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
    fn held(&self, key: RecordKey) -> Result<Option<Held>, Error> {
        self.made.get(&key).map_or_else(|| self.books.held(self.office(), key), |made| Ok(made.clone()))
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
        if held.as_ref().and_then(|held| held.revision).is_some_and(|known| known > header.revision) {
            self.refuse(Some(key.id), "record.stale");
            return Ok(());
        }
        self.find_by(key, held.as_ref(), identifiers);
        let (known, came) = (held.is_some(), held.map(|held| held.place.class));
        if came != Some(class) {
            self.turn.count(class, 1);
            came.into_iter().for_each(|came| self.turn.count(came, -1));
        }
        let (seq, slot) = self.turn.push(class, Op::Put, key.id, None);
        let until = header.retain_until;
        let place = Place { class, seq, slot, stored: self.turn.now(), earlier: Vec::new(), until };
        self.turn.put_record(key, &place, record.as_bytes());
        if !known {
            // One that expired here, and was given a later date by its owner in time.
            self.office().ledger().delete_tombstone(&mut self.turn.batch, key);
        }
        let identifiers = identifiers.to_vec();
        self.made.insert(key, Some(Held { place, revision: Some(header.revision), identifiers }));
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
        } else if self.ended.contains(&key) || self.books.is_barred(self.office(), key, header.revision)? {
            Some("record.ended")
        } else {
            None
        })
    }

    /// Brings the identifiers by which a record is found in line with its new version.
    fn find_by(&mut self, key: RecordKey, known: Option<&Held>, fresh: &[IdentifierKey]) {
        let ledger = self.office().ledger();
        let old = known.map(|known| known.identifiers.as_slice()).unwrap_or_default();
        let gone = old.iter().filter(|identifier| !fresh.contains(identifier));
        gone.for_each(|identifier| ledger.delete_identifier(&mut self.turn.batch, *identifier, key));
        fresh.iter().for_each(|identifier| ledger.put_identifier(&mut self.turn.batch, *identifier, key));
    }

    /// The date that the owner signed has passed; a record whose date has not is only dropped.
    fn expire(&mut self, class: ClassIndex, id: RecordId) -> Result<(), Error> {
        match self.held(self.record(id))? {
            Some(held) if held.place.until.is_none_or(|until| self.turn.now().day() <= until) => self.leave(class, id),
            _ => self.end(id, None),
        }
    }

    fn end(&mut self, id: RecordId, signed: Option<Vec<u8>>) -> Result<(), Error> {
        let key = self.record(id);
        let held = self.held(key)?;
        let trail = held.as_ref().map(|held| held.place.trail()).unwrap_or_default();
        if let Some(held) = held {
            self.remove(key, &held);
        }
        self.gone.push(id);
        self.ended.insert(key);
        self.turn.put_tombstone(key, &TombstoneRow { at: self.turn.now(), signed, trail, revision: None });
        Ok(())
    }

    /// The record has left this class; if it came here through another feed since, it stays.
    fn leave(&mut self, class: ClassIndex, id: RecordId) -> Result<(), Error> {
        let key = self.record(id);
        if let Some(held) = self.held(key)?.filter(|held| held.place.class == class) {
            self.remove(key, &held);
            self.gone.push(id);
        }
        Ok(())
    }

    fn remove(&mut self, key: RecordKey, held: &Held) {
        self.turn.count(held.place.class, -1);
        self.received.purged += 1;
        self.made.insert(key, None);
        self.turn.remove_found_by(key, &held.identifiers);
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
