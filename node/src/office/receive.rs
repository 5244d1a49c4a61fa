//! Taking in what another bureau sends: verified, durable, accounted for, in one commit; and marking what it takes back,
//! which [`super::purge`] then removes in steps.

mod dispute;
mod ends;
mod examine;
mod newer;

use std::collections::{BTreeMap, BTreeSet};

use igain_protocol::bureau::card::CLOCK_SKEW_MS;
use igain_protocol::bureau::{BureauId, VerifyingKey};
use igain_protocol::feed::{Cursor, Cursors, Entry, FeedKind, Letter, LetterKind};
use igain_protocol::label::{Label, LabelDigest};
use igain_protocol::receipt::{REFUSED_LIMIT, Refusal};
use igain_protocol::record::{Header, Record, RecordId};
use igain_protocol::sync::{Change, Violation};
use igain_protocol::time::{Day, Timestamp};
use igain_protocol::vocabulary::Tlp;

use super::held::{Held, LookedUp};
use super::turn::Turn;
use super::{Actor, Caf, Cost, Deed, Error, Office};
use crate::ledger::{
    Aside, Came, ClassIndex, ClassRow, IdentifierKey, NewerRow, Op, Place, RecordKey, RevokedFor, Stood, TombstoneRow,
};
use ends::End;
pub use examine::Examined;
use examine::{Verdicts, Word, runs};

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
    /// Entries that only a newer version understands.
    pub newer: usize,
    /// A receipt was posted.
    pub receipted: bool,
}

impl Received {
    /// Adds what another call brought.
    pub fn merge(&mut self, other: &Self) {
        self.put += other.put;
        self.purged += other.purged;
        self.refused += other.refused;
        self.newer += other.newer;
        self.receipted |= other.receipted;
    }
}

/// Changes on their way into the books: one turn, one commit. What was done so far is read through.
struct Intake<'a> {
    turn: Turn<'a>,
    provider: BureauId,
    /// What the provider signs with while this turn lasts.
    key: VerifyingKey,
    /// The provider is revoked: nothing is taken but ends.
    revoked: Option<RevokedFor>,
    received: Received,
    /// How far the feeds have come.
    cursors: Cursors,
    /// What this intake made of records: none where one is gone.
    made: BTreeMap<RecordKey, Option<Held>>,
    /// What the books held before.
    books: LookedUp,
    /// Records that this intake ended for ever.
    ended: BTreeSet<RecordKey>,
    /// Something is gone: a receipt is due.
    gone: usize,
    /// What ended.
    ends: Vec<End>,
    /// Records, and whole labels, that were hidden.
    disputed: usize,
    /// Receipts of the provider's.
    receipts: usize,
    refused: Vec<Deed>,
    /// Of those, records.
    refusals: Vec<Refusal>,
    /// Classes to be purged.
    ending: Vec<ClassIndex>,
    /// What ended before this day is not taken in.
    destroys: Option<Day>,
    /// The class that the last record went to.
    last: Option<(Label, Came, ClassIndex)>,
    /// The books hold records of the provider that cannot be read here.
    has_newer: bool,
    /// Those, once they were looked through: their labels and generations.
    sealed: Option<Vec<(RecordId, LabelDigest, u64)>>,
    /// What was taken back since a record came last: that it comes again says nothing new.
    taken_back: BTreeSet<(Option<LabelDigest>, Option<u64>)>,
    /// Those of this intake.
    newer: BTreeMap<RecordId, NewerRow>,
    /// What it costs the provider.
    cost: Cost,
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

    /// Takes in what was examined, in order and in one commit, and then purges the feeds that ended. All is durable when
    /// this returns.
    ///
    /// # Errors
    /// As for [`Office::receive`].
    pub fn take_in(&self, provider: BureauId, examined: Vec<Examined>) -> Result<Received, Error> {
        let mut intake = Intake::begin(self, provider, self.look_up(provider, &examined)?)?;
        for Examined { changes, verdicts, withdrawn, key } in examined {
            if key != Some(intake.key) {
                // It has another since.
                return Err(Error::UnknownPeer(provider));
            }
            let mut verdicts = Verdicts { records: verdicts.into_iter(), withdrawn: withdrawn.into_iter() };
            for change in changes {
                intake.change(change, &mut verdicts)?;
            }
        }
        let (mut received, ending) = match intake.finish() {
            Ok(done) => done,
            Err((error, ends)) if error.is_full() && !ends.is_empty() => {
                self.take_ends(provider, ends)?;
                return Err(error);
            }
            Err((error, _)) => return Err(error),
        };
        for class in ending {
            received.purged += self.purge(class)?;
            received.receipted = true;
        }
        Ok(received)
    }

    /// Posts a receipt for all that has come from a provider until now. Of a long answer, the places that receipts named
    /// while it went on may be forgotten there by now.
    ///
    /// # Errors
    /// Where the books cannot be read or written.
    pub fn receipt_again(&self, provider: BureauId) -> Result<(), Error> {
        let mut turn = self.turn()?;
        let heard = turn.linked_peer(provider).is_ok_and(|peer| peer.revoked_for() != Some(RevokedFor::Compromised));
        if heard && !turn.is_purging(provider, ClassIndex::MAX) {
            let upto = self.ledger().cursors(provider)?.records;
            turn.post_receipt(provider, upto, Vec::new())?;
        }
        turn.commit_now()
    }

    fn look_up(&self, provider: BureauId, examined: &[Examined]) -> Result<LookedUp, Error> {
        let key = |id| RecordKey { id, owner: provider };
        let good = examined.iter().flat_map(|examined| examined.verdicts.iter().flatten());
        let coming = good.map(|word| match word {
            Word::Known(record, _) => key(record.header().id),
            Word::Newer(newer, _) => key(newer.id),
        });
        let entries = examined.iter().flat_map(|examined| runs(&examined.changes)).flatten();
        let going = entries.filter_map(|entry| match entry {
            Entry::Gone(id) => Some(*id),
            _ => None,
        });
        let withdrawn = examined.iter().flat_map(|examined| examined.withdrawn.iter().flatten()).copied();
        LookedUp::of(self, coming, going.chain(withdrawn).map(key))
    }
}

impl<'a> Intake<'a> {
    fn begin(office: &'a Office, provider: BureauId, mut books: LookedUp) -> Result<Self, Error> {
        let turn = office.turn()?;
        if turn.changed_of(provider, books.began) {
            books.clear();
        }
        let peer = turn.linked_peer(provider)?;
        let (key, revoked) = (peer.card().signing, peer.revoked_for());
        let cursors = office.ledger().cursors(provider)?;
        Ok(Self {
            turn,
            provider,
            key,
            revoked,
            received: Received::default(),
            cursors,
            made: BTreeMap::new(),
            books,
            ended: BTreeSet::new(),
            gone: 0,
            ends: Vec::new(),
            disputed: 0,
            receipts: 0,
            refused: Vec::new(),
            refusals: Vec::new(),
            ending: Vec::new(),
            destroys: office.clock().destroys(),
            last: None,
            has_newer: !office.ledger().newer_of(provider, None, 1)?.is_empty(),
            sealed: None,
            taken_back: BTreeSet::new(),
            newer: BTreeMap::new(),
            cost: Cost { commits: 1, ..Cost::default() },
        })
    }

    fn office(&self) -> &'a Office {
        self.turn.office()
    }

    fn change(&mut self, change: Change, verdicts: &mut Verdicts) -> Result<(), Error> {
        match change {
            Change::Open { feed, generation } => {
                self.cost.changes += 1;
                if generation > self.cursors.of(feed).generation {
                    *self.cursors.of_mut(feed) = Cursor { generation, ..Cursor::default() };
                }
                Ok(())
            }
            Change::Entries { feed, from, entries, to } => {
                let mut verdicts = verdicts.of(&entries);
                let at = self.cursors.of(feed);
                if (to.generation, from.seq) < (at.generation, at.at.seq) {
                    // What was taken in already, or was on its way when the feed began anew.
                    return Ok(());
                }
                if (to.generation, from) != (at.generation, at.at) {
                    return Err(Error::Violation(Violation::Gap));
                }
                for entry in entries {
                    self.cost.bytes += entry.wire_len() as u64;
                    match &entry {
                        Entry::Letter(letter) => self.cost.changes += 1 + letter.bytes.len() as u64 / 1_024,
                        _ => self.cost.records += 1,
                    }
                    self.entry(entry, to.generation, &mut verdicts)?;
                }
                *self.cursors.of_mut(feed) = to;
                Ok(())
            }
        }
    }

    fn entry(&mut self, entry: Entry, generation: u64, verdicts: &mut Verdicts) -> Result<(), Error> {
        if let Some(why) = self.revoked {
            return self.entry_of_revoked(why, entry, verdicts);
        }
        if matches!(entry, Entry::Put { .. }) {
            self.taken_back.clear();
        }
        match entry {
            Entry::Put { groups, .. } => match verdicts.records.next() {
                Some(Ok(Word::Known(record, identifiers))) => {
                    let aside = self.aside(record.header());
                    self.put(Came { generation, groups, aside }, &record, &identifiers)
                }
                Some(Ok(Word::Newer(newer, bytes))) => self.put_newer(generation, groups, &newer, bytes),
                Some(Err((id, error))) => {
                    self.refuse(id, 0, error.code());
                    Ok(())
                }
                None => Ok(()),
            },
            Entry::Withdraw(bytes) => match verdicts.withdrawn.next() {
                Some(Ok(id)) => self.end(id, bytes),
                Some(Err(error)) => {
                    self.refuse(None, 0, error.code());
                    Ok(())
                }
                None => Ok(()),
            },
            Entry::Gone(id) => self.leave(id),
            Entry::Recall(label) => self.take_back(Some(label), None),
            Entry::Complete => self.take_back(None, Some(generation)),
            Entry::Letter(letter) => self.letter(&letter),
            Entry::Other(_) => {
                self.received.newer += 1;
                Ok(())
            }
        }
    }

    /// Marks classes as ending: from this commit on their records count as gone. Of one label where it is named; those
    /// that came in earlier generations where one is named.
    fn take_back(&mut self, label: Option<LabelDigest>, generation: Option<u64>) -> Result<(), Error> {
        self.gone += 1;
        if !self.taken_back.insert((label, generation)) {
            return Ok(());
        }
        self.ends.extend(label.map(End::Recall));
        for (came, class) in self.turn.received_of(self.provider, label) {
            if generation.is_none_or(|generation| came.generation < generation)
                && let Some(row) = self.turn.class(class)
            {
                self.turn.put_class(class, ClassRow { ending: true, ..row });
                self.ending.push(class);
            }
        }
        self.take_newer_back(label, generation)?;
        self.last = None;
        Ok(())
    }

    fn letter(&mut self, letter: &Letter) -> Result<(), Error> {
        match letter.kind {
            LetterKind::Other(_) => {
                self.received.newer += 1;
                return Ok(());
            }
            LetterKind::Receipt => self.receipts += 1,
            LetterKind::Charter | LetterKind::Acceptance => {}
        }
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

    fn record(&self, id: RecordId) -> RecordKey {
        RecordKey { id, owner: self.provider }
    }

    fn refuse(&mut self, id: Option<RecordId>, revision: u32, why: &str) {
        let deed = Deed::new(Actor::Bureau(self.provider), "record.refused").peer(self.provider);
        self.refused.push(deed.record(id.unwrap_or(RecordId::from_bytes([0; 16]))).with("why", why));
        if let Some(id) = id.filter(|_| self.refusals.len() < REFUSED_LIMIT) {
            self.refusals.push(Refusal { id, revision, why: why.to_owned() });
        }
    }

    /// What the books hold of a record, with what was done to it here so far.
    fn held(&self, key: RecordKey) -> Result<Option<Held>, Error> {
        self.made.get(&key).map_or_else(|| self.books.held(self.office(), key), |made| Ok(made.clone()))
    }

    fn put(&mut self, came: Came, record: &Record, identifiers: &[IdentifierKey]) -> Result<(), Error> {
        let header = record.header();
        let key = self.record(header.id);
        let held = self.held(key)?;
        let later = held.as_ref().and_then(|held| held.revision).is_some_and(|known| known > header.revision);
        if let Some(why) = self.objection(record, key)? {
            self.refuse(Some(key.id), header.revision, why);
            // Its owner counts on it that what is here was replaced.
            return if later { Ok(()) } else { self.leave(key.id) };
        }
        // An owner that was put back to before a later revision begins its feed anew.
        let before = held.as_ref().and_then(|held| self.turn.class(held.place.class)).and_then(|row| row.came);
        if later && before.is_none_or(|before| before.generation == came.generation) {
            self.refuse(Some(key.id), header.revision, "record.stale");
            return Ok(());
        }
        if held.as_ref().and_then(|held| held.revision) == Some(header.revision) {
            // It comes again, since a feed begins anew: that is nobody's waste.
            self.cost.records = self.cost.records.saturating_sub(1);
            self.cost.bytes = self.cost.bytes.saturating_sub(record.as_bytes().len() as u64);
        }
        self.forget_newer(key.id);
        self.find_by(key, held.as_ref(), identifiers);
        let class = self.class_of(&header.label, came);
        let (known, before) = (held.is_some(), held.map(|held| held.place.class));
        if before != Some(class) {
            self.turn.count(class, 1);
            before.into_iter().for_each(|before| self.turn.count(before, -1));
        }
        let (seq, number) = self.turn.push(class, Op::Put, key.id, None);
        let until = header.retain_until;
        let place = Place { class, seq, since: seq, number, stored: self.turn.now(), until, changes: None, here: None };
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

    /// The class of what comes with a label, in this way. Those of one label mostly follow each other.
    fn class_of(&mut self, label: &Label, came: Came) -> ClassIndex {
        if let Some((last, how, class)) = &self.last
            && last == label
            && *how == came
        {
            return *class;
        }
        let class = self.turn.received_class(self.provider, label, came);
        self.last = Some((label.clone(), came, class));
        class
    }

    /// Why a record is not taken in, whatever is held already.
    fn objection(&self, record: &Record, key: RecordKey) -> Result<Option<&'static str>, Error> {
        let header = record.header();
        Ok(if let Err(error) = header.check_shareable() {
            Some(error.code())
        } else if let Some(why) = self.outside(header) {
            Some(why)
        } else if self.is_outdated(header.retain_until) {
            Some("record.outdated")
        } else if self.ended.contains(&key)
            || self.books.is_barred(self.office(), key, (header.revision, Some(header.modified)))?
        {
            Some("record.ended")
        } else {
            None
        })
    }

    /// Whether a record was to be kept until a day that passed long ago. What has ended lately is taken in, and hidden: it takes
    /// the place of what is held, and a clock that was ahead and is put right shows it.
    fn is_outdated(&self, until: Option<Day>) -> bool {
        until.is_none_or(|until| self.destroys.is_some_and(|before| until < before))
    }

    /// Why a record is not for this bureau, or not for a file that its label names, whoever may join that still.
    fn outside(&self, header: &Header) -> Option<&'static str> {
        let (label, me) = (&header.label, self.office().me());
        if !label.audience.admits(me) {
            return Some("label.audience");
        }
        if label.tlp == Tlp::Red && !label.audience.names(me) {
            return Some("label.red");
        }
        let late = |closed: Timestamp| closed.plus_ms(CLOCK_SKEW_MS) < header.modified;
        let over = |caf: &Caf| {
            let charter = caf.charter();
            let before = header.modified.plus_ms(CLOCK_SKEW_MS) < charter.opened;
            before || charter.closed.is_some_and(late) || late(charter.closes.plus_days(1).start())
        };
        let mut known = label.cafs.iter().filter_map(|caf| self.turn.caf(*caf).ok());
        known.any(|caf| over(&caf)).then_some("caf.over")
    }

    /// Whether the provider may not contribute a record to each file that its label names, as far as is known here. It may
    /// be that a newer charter, or an answer to it, is still on its way.
    fn aside(&self, header: &Header) -> Option<Aside> {
        let takes = |caf: Caf| caf.takes_from(self.provider, &header.label);
        let invited = header.label.cafs.iter().all(|caf| self.turn.caf(*caf).is_ok_and(takes));
        (!invited).then_some(Aside::Uninvited)
    }

    /// Brings the identifiers by which a record is found in line with its new version.
    fn find_by(&mut self, key: RecordKey, known: Option<&Held>, fresh: &[IdentifierKey]) {
        let ledger = self.office().ledger();
        let old = known.map(|known| known.identifiers.as_slice()).unwrap_or_default();
        let gone = old.iter().filter(|identifier| !fresh.contains(identifier));
        gone.for_each(|identifier| ledger.delete_identifier(&mut self.turn.batch, *identifier, key));
        fresh.iter().for_each(|identifier| ledger.put_identifier(&mut self.turn.batch, *identifier, key));
    }

    /// The owner's signed word ends a record for ever.
    fn end(&mut self, id: RecordId, signed: Vec<u8>) -> Result<(), Error> {
        let key = self.record(id);
        self.forget_newer(id);
        if let Some(held) = self.held(key)? {
            self.remove(key, &held);
        }
        self.gone += 1;
        self.ended.insert(key);
        self.ends.push(End::Withdraw(id, signed.clone()));
        let (at, stood) = (self.turn.now(), Stood::default());
        let row = TombstoneRow { at, signed: Some(signed), stood, revision: None, until: None, modified: None };
        self.turn.put_tombstone(key, &row);
        Ok(())
    }

    /// The record must not be kept.
    fn leave(&mut self, id: RecordId) -> Result<(), Error> {
        let key = self.record(id);
        self.forget_newer(id);
        if let Some(held) = self.held(key)? {
            self.remove(key, &held);
        }
        self.gone += 1;
        self.ends.push(End::Gone(id));
        Ok(())
    }

    fn remove(&mut self, key: RecordKey, held: &Held) {
        self.turn.count(held.place.class, -1);
        self.received.purged += 1;
        self.made.insert(key, None);
        self.turn.remove_found_by(key, &held.identifiers);
    }

    /// The place up to which all was done before this intake.
    fn vouched(&self) -> Result<Cursor, Error> {
        Ok(self.office().ledger().cursors(self.provider)?.records)
    }

    /// Makes all of it, its receipt and the new cursors durable in one commit. Returns the logs that are to be purged; where
    /// that fails, what would have ended.
    fn finish(mut self) -> Result<(Received, Vec<ClassIndex>), (Error, Vec<End>)> {
        let ends = std::mem::take(&mut self.ends);
        self.commit().map_err(|error| (error, ends))
    }

    fn commit(mut self) -> Result<(Received, Vec<ClassIndex>), Error> {
        if self.gone > 0 && self.received.put + self.received.newer == 0 {
            self.turn.takes_back();
        }
        self.received.refused = self.refused.len();
        // A label is kept in memory, also while nothing is asked of it.
        self.cost.changes += self.refused.len().min(REFUSALS_TOLD) as u64 + self.turn.opened();
        self.office().spend(&mut self.turn.batch, self.provider, self.cost);
        let untold = self.refused.len().saturating_sub(REFUSALS_TOLD);
        for deed in self.refused.drain(..).take(REFUSALS_TOLD) {
            self.turn.account(deed);
        }
        let deed = |action| Deed::new(Actor::Bureau(self.provider), action).peer(self.provider);
        if untold > 0 {
            self.turn.account(deed("record.refused").with("untold", untold));
        }
        if self.received.put + self.gone > 0 {
            let deed = deed("feed.receive").with("records", self.received.put).with("purged", self.received.purged);
            self.turn.account(deed);
        }
        if self.disputed > 0 {
            self.turn.account(deed("feed.dispute").with("ends", self.disputed));
        }
        if self.receipts > 0 {
            self.turn.account(deed("receipt").with("letters", self.receipts));
        }
        if self.received.newer > 0 {
            self.turn.account(deed("feed.newer").with("entries", self.received.newer));
        }
        let purging = !self.ending.is_empty() || self.turn.is_purging(self.provider, ClassIndex::MAX);
        if self.gone > 0 && !purging || !self.refusals.is_empty() {
            // While something is being purged, the place before it is what can be vouched for.
            let refused = std::mem::take(&mut self.refusals);
            let upto = if purging { self.vouched()? } else { self.cursors.records };
            self.turn.post_receipt(self.provider, upto, refused)?;
            self.received.receipted = true;
        }
        for feed in FeedKind::ALL {
            self.office().ledger().put_cursor(&mut self.turn.batch, self.provider, feed, self.cursors.of(feed));
        }
        self.turn.commit_now()?;
        Ok((self.received, self.ending))
    }
}
