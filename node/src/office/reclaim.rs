//! Taking back what this bureau has forgotten, since it was put back to a backup, from those who can prove it.
//!
//! A peer that shows a place in its feed that was never sent, as far as is known here, proves that it was. It is served only
//! once it has given back what it holds of this bureau's own: charters, answers, withdrawals, and records, all signed by this
//! bureau with its present key. A former one brings nothing new unless somebody says that it was not stolen. Each peer is asked by
//! itself, so nobody waits for one that is away.

use std::collections::HashSet;

use igain_protocol::bureau::BureauId;
use igain_protocol::bureau::card::SignedCard;
use igain_protocol::caf::{SignedAcceptance, SignedCharter};
use igain_protocol::feed::{Cursors, Letter, LetterKind};
use igain_protocol::record::{self, Content, Record, RecordId, Tombstone, Unverified};
use igain_protocol::sync::{Given, Hello, Reclaim, Violation, WANT_LIMIT};
use igain_protocol::vocabulary::GroupSet;

use super::turn::Turn;
use super::{Actor, Cost, Deed, Error, Office};
use crate::ledger::{Here, Op, ReclaimRow, RecordKey, RecordRow, RecoveryRow, Stand, Stood, TombstoneRow};

/// Pages that one exchange asks for: a peer that names another without end breaks off there.
const PAGES: usize = 1 << 16;

/// What it costs, in changes, to say that this bureau was put back, whether or not it was.
const CLAIM: u64 = 10;

/// Pages after which it is noted how far a peer has come.
const NOTED: usize = 16;

/// What a peer is asked for, one answer at a time. What was taken back is durable with each, and so is the place behind it.
pub struct Reclaiming {
    office: Office,
    peer: BureauId,
    after: Vec<u8>,
    /// Records of the page that are not known here, and not asked for yet.
    want: Vec<RecordId>,
    /// The place behind the page, once it came; none behind the last.
    next: Option<Option<Vec<u8>>>,
    pages: usize,
    /// What came and cannot be taken in.
    refused: u64,
    /// What is signed with a key of before counts as well.
    former: bool,
}

/// What came of an answer.
#[derive(Debug, Default, Clone, Copy)]
struct Came {
    records: u64,
    partly: u64,
    /// Versions that were written here, perhaps since the backup, and gave way to one that came.
    replaced: u64,
    ended: u64,
    letters: u64,
    refused: u64,
}

/// What an answer told.
#[derive(Default)]
struct Told {
    /// Records that are not known here, or whose ends are not.
    lacking: Vec<RecordId>,
    /// Records that came, or whose ends did.
    given: HashSet<RecordId>,
    /// The place behind the page.
    next: Option<Vec<u8>>,
    /// This bureau's card, as it is known there.
    card: Option<Vec<u8>>,
    /// What came and cannot be taken in.
    refused: u64,
}

/// A record of this bureau's own that somebody gave back.
struct Back {
    record: Record,
    granted: GroupSet,
}

impl Office {
    /// Whether a peer is served, where it shows a place that was never sent, or none such any more, since its feed has begun anew.
    /// One that was never asked for such a place is asked from now on.
    ///
    /// # Errors
    /// Where the books cannot be read or written.
    pub(super) fn has_given_back(&self, peer: BureauId, shown: Option<&Cursors>, hello: &Hello) -> Result<bool, Error> {
        let (shown, known) = (shown.map(Cursors::digest), self.ledger().reclaim(peer)?);
        let stand = if hello.gives_back() { Stand::Asked } else { Stand::Unable };
        match &known {
            None if shown.is_none() => return Ok(true),
            Some(row) if shown.is_none_or(|shown| row.shown == shown) => match row.stand {
                known if known.serves() => return Ok(true),
                known if known == stand || known == Stand::Refused => return Ok(false),
                _ => {}
            },
            _ => {}
        }
        let former = known.as_ref().is_some_and(|row| row.former && !row.stand.serves());
        let shown = shown.or(known.map(|row| row.shown)).unwrap_or_default();
        let mut turn = self.turn()?;
        let row = ReclaimRow { shown, since: turn.now(), stand, after: Vec::new(), refused: 0, former };
        // Whoever says so again and again has soon spent what it may.
        self.spend(&mut turn.batch, peer, Cost { commits: 1, changes: CLAIM, ..Cost::default() });
        self.ledger().put_reclaim(&mut turn.batch, peer, &row);
        turn.account(Deed::new(Actor::Bureau(peer), "reclaim.ask").peer(peer).with("able", hello.gives_back()));
        turn.commit_now()?;
        tracing::warn!(%peer, "a bureau has seen more of this one's feed than was ever sent as far as is known here: this bureau was put back. It is asked for what it holds, and served then");
        Ok(false)
    }

    /// Has those be asked again of whom something came that could not be taken in: this may be a later build, or have another key.
    ///
    /// # Errors
    /// Where the books cannot be read or written.
    pub(super) fn ask_again(&self) -> Result<(), Error> {
        let refused = self.ledger().reclaims()?.into_iter().filter(|(_, row)| row.stand == Stand::Refused);
        let refused: Vec<_> = refused.collect();
        if refused.is_empty() {
            return Ok(());
        }
        let mut turn = self.turn()?;
        for (peer, row) in refused {
            let row = ReclaimRow { stand: Stand::Asked, after: Vec::new(), refused: 0, ..row };
            self.ledger().put_reclaim(&mut turn.batch, peer, &row);
        }
        turn.commit_now()
    }

    /// Begins, or goes on, to ask a peer; none where it is not asked, or has given back all.
    ///
    /// # Errors
    /// Where the books cannot be read.
    pub fn reclaim(&self, peer: BureauId) -> Result<Option<Reclaiming>, Error> {
        let row = self.ledger().reclaim(peer)?.filter(|row| row.stand == Stand::Asked);
        let begin = |row: ReclaimRow| Reclaiming {
            office: self.clone(),
            peer,
            after: row.after.clone(),
            want: Vec::new(),
            next: None,
            pages: 0,
            refused: row.refused,
            former: row.former,
        };
        Ok(row.map(begin))
    }

    /// Has a peer be asked again, and what it gives count also where it is signed with a key of before: an administrator says that
    /// those were not stolen.
    ///
    /// # Errors
    /// Where it is not enrolled, or not asked for anything.
    pub fn accept_former_keys(&self, actor: Actor, peer: BureauId) -> Result<(), Error> {
        let mut turn = self.turn()?;
        turn.peer(peer)?;
        let row = self.ledger().reclaim(peer)?.filter(|row| !row.stand.serves());
        let row = row.ok_or(Error::NotReclaiming(peer))?;
        turn.account(Deed::new(actor, "reclaim.accept").peer(peer));
        let row = ReclaimRow { stand: Stand::Asked, after: Vec::new(), refused: 0, former: true, ..row };
        self.ledger().put_reclaim(&mut turn.batch, peer, &row);
        turn.tell(peer);
        turn.commit_now()
    }

    /// Has a peer be served although it has not given back what it holds: an administrator says so.
    ///
    /// # Errors
    /// Where it is not enrolled, or not asked for anything.
    pub fn waive_reclaim(&self, actor: Actor, peer: BureauId) -> Result<(), Error> {
        let mut turn = self.turn()?;
        turn.peer(peer)?;
        let row = self.ledger().reclaim(peer)?.filter(|row| !row.stand.serves());
        let row = row.ok_or(Error::NotReclaiming(peer))?;
        turn.account(Deed::new(actor, "reclaim.waive").peer(peer));
        self.ledger().put_reclaim(&mut turn.batch, peer, &ReclaimRow { stand: Stand::Waived, ..row });
        turn.tell(peer);
        turn.commit_now()
    }

    /// What a record of this bureau's own says, as far as it is known: where its newest version was given back in part, the rest is
    /// what the last one said that is known whole. It is signed anew, and must not leave: nobody can tell whether it is right.
    ///
    /// # Errors
    /// Where the books cannot be read.
    pub fn own_whole(&self, key: RecordKey, record: Record) -> Result<Record, Error> {
        if !record.is_redacted() {
            return Ok(record);
        }
        let filled = record.filled(self.former(key)?.as_ref(), GroupSet::EMPTY);
        Ok(record::sign(&filled, &self.secrets().salt, &self.secrets().signing)?)
    }

    /// The last version of a record of this bureau's own that is known whole, where a later one is known in part.
    fn former(&self, key: RecordKey) -> Result<Option<Record>, Error> {
        let bytes = self.ledger().former(key)?.filter(|bytes| !bytes.is_empty());
        Ok(bytes.map(|bytes| record::trusted(&bytes)).transpose()?)
    }

    /// Takes what a peer gave back, and looks up what it told of. What a key of before has signed counts where `former` says so.
    fn take_back(&self, peer: BureauId, given: Vec<Given>, former: bool) -> Result<Told, Error> {
        self.active_peer(peer)?;
        let own_key =
            |owner, kid| Some(kid).filter(|_| owner == self.me()).and_then(|kid| self.secrets().own_key(kid, former));
        self.spend_unwritten(peer, Cost { commits: 1, ..Cost::default() });
        let (mut came, mut told) = (Came::default(), Told::default());
        let (mut records, mut granted, mut ends, mut letters) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for given in given {
            match given {
                Given::Held(id, revision) if self.lacks(peer, id, revision)? => told.lacking.push(id),
                Given::Ended(id) if self.lacks_end(id)? => told.lacking.push(id),
                Given::Record(groups, bytes) => match Unverified::decode(&bytes) {
                    Ok(record) => {
                        records.push(record);
                        granted.push(groups);
                    }
                    Err(_) => came.refused += 1,
                },
                Given::Withdrawal(bytes) => match Tombstone::verify_end(&bytes, own_key) {
                    Ok(id) => {
                        told.given.insert(id);
                        ends.push((id, bytes));
                    }
                    Err(_) => came.refused += 1,
                },
                Given::Letter(letter) if self.is_newer_of_own(&letter) => letters.push(letter),
                Given::Card(bytes) => told.card = Some(bytes),
                Given::Next(place) => told.next = Some(place),
                Given::Held(..) | Given::Ended(_) | Given::Letter(_) | Given::Other => {}
            }
        }
        let verdicts = record::verify_batch(records, own_key);
        let mut back = Vec::new();
        for (verdict, granted) in verdicts.into_iter().zip(granted) {
            match verdict {
                Ok(record) => {
                    told.given.insert(record.header().id);
                    back.push(Back { record, granted });
                }
                Err(_) => came.refused += 1,
            }
        }
        if !(back.is_empty() && ends.is_empty() && letters.is_empty()) {
            let mut turn = self.turn()?;
            // It may have been revoked meanwhile.
            turn.active_peer(peer)?;
            turn.takes_former = former;
            let changes = letters.len() as u64;
            self.spend(&mut turn.batch, peer, Cost { commits: 1, changes, ..Cost::default() });
            turn.take_back_all(peer, back, ends, &letters, &mut came)?;
            turn.note_recovery(peer, came)?;
            turn.commit_now()?;
        }
        told.refused = came.refused;
        Ok(told)
    }

    /// Whether a letter is a charter or an answer of this bureau's own that says to be newer than what is known, or cannot be read.
    fn is_newer_of_own(&self, letter: &Letter) -> bool {
        let known = |id| self.caf(id).ok();
        match letter.kind {
            LetterKind::Charter => SignedCharter::trusted(&letter.bytes).map_or(true, |signed| {
                let charter = signed.charter();
                let before = known(charter.id).map(|caf| caf.charter().serial);
                charter.manager == self.me() && Some(charter.serial) > before
            }),
            LetterKind::Acceptance => SignedAcceptance::trusted(&letter.bytes).map_or(true, |signed| {
                let answer = signed.acceptance();
                let before = known(answer.caf).and_then(|caf| caf.acceptance_of(self.me()).map(|answer| answer.serial));
                answer.bureau == self.me() && Some(answer.serial) > before
            }),
            LetterKind::Receipt | LetterKind::Other(_) => false,
        }
    }

    /// Whether a revision of a record that a peer holds is not known here, or not whole, or may be another version of the same number.
    fn lacks(&self, peer: BureauId, id: RecordId, revision: u32) -> Result<bool, Error> {
        let key = RecordKey { id, owner: self.me() };
        if self.ledger().has_ended(key)? {
            return Ok(false);
        }
        let Some(row) = self.ledger().record(key)? else { return Ok(true) };
        // One that cannot be read is as good as none.
        let Ok(known) = row.record() else { return Ok(true) };
        let known_revision = known.header().revision;
        let is_doubtful = || Ok::<_, Error>(known.is_redacted() || self.unheard(peer, Some(&row))?.is_some());
        Ok(revision > known_revision || (revision == known_revision && is_doubtful()?))
    }

    fn lacks_end(&self, id: RecordId) -> Result<bool, Error> {
        let known = self.ledger().tombstone(RecordKey { id, owner: self.me() })?;
        Ok(known.is_none_or(|known| known.signed.is_none()))
    }

    /// That a version was written here, where it was since a peer was heard last: it may be one that the peer cannot know, written
    /// since this bureau was put back.
    fn unheard(&self, peer: BureauId, row: Option<&RecordRow>) -> Result<Option<Here>, Error> {
        // None of what others gave back was written here.
        let Some(here) = row.and_then(|row| row.place.here) else { return Ok(None) };
        Ok((here.life > self.ledger().heard(peer)?).then_some(here))
    }

    /// Whether a version that was written here since a peer was heard was written since this bureau was put back: it is its last word
    /// then, whatever others have of a life that it has forgotten. What was written since this start is, for a bureau is put back
    /// before it starts. For the rest, times decide.
    fn is_since(&self, here: Here, known: &Record, given: &Record) -> bool {
        let written = here.later.max(Some(known.header().modified));
        here.life == self.inner.life || written > Some(given.header().modified)
    }

    /// Says where a peer knows this bureau by a key that the key file has not: that was put back as well.
    fn compare_card(&self, peer: BureauId, bytes: &[u8]) {
        let own = self.secrets().signing.verifying_key();
        let other = SignedCard::from_bytes(bytes).ok().filter(|card| card.card().signing != own);
        if let Some(other) = other.filter(|card| card.card().has_signed_with(own.key_id())) {
            tracing::error!(
                %peer, serial = other.card().serial,
                "a bureau knows a newer signing key of this one than the key file has: the key file was put back, too. Put the \
                 newest in place, or rotate and enrol anew"
            );
        }
    }
}

impl Reclaiming {
    /// What to ask for next; none once all was given back.
    pub fn ask(&self) -> Option<Reclaim> {
        let want: Vec<RecordId> = self.want.iter().copied().take(WANT_LIMIT).collect();
        match (&self.next, want.is_empty()) {
            (Some(None), true) => None,
            (Some(Some(next)), true) => Some(Reclaim { after: next.clone(), want }),
            _ => Some(Reclaim { after: self.after.clone(), want }),
        }
    }

    /// Takes the answer. It is durable when this returns.
    ///
    /// # Errors
    /// Where the books cannot be read or written, or the peer names pages without end.
    pub fn take(&mut self, given: Vec<Given>) -> Result<(), Error> {
        let asked: HashSet<RecordId> = self.want.iter().copied().take(WANT_LIMIT).collect();
        if asked.is_empty() {
            // The page behind the one before.
            if let Some(Some(next)) = self.next.take() {
                self.after = next;
            }
            self.pages += 1;
            let told = self.office.take_back(self.peer, given, self.former)?;
            self.refused += told.refused;
            if let Some(card) = told.card.filter(|_| self.pages == 1) {
                self.office.compare_card(self.peer, &card);
            }
            if self.pages > PAGES {
                return Err(Error::Violation(Violation::Endless));
            }
            (self.want, self.next) = (told.lacking, Some(told.next));
        } else {
            let Told { given, refused, .. } = self.office.take_back(self.peer, given, self.former)?;
            self.refused += refused;
            // What it does not give when it could, it does not hold any more.
            let none = given.is_disjoint(&asked);
            self.want.retain(|id| !(given.contains(id) || none && asked.contains(id)));
        }
        match (&self.next, self.pages % NOTED) {
            _ if !self.want.is_empty() => Ok(()),
            (Some(None), _) | (_, 0) => self.note_place(),
            _ => Ok(()),
        }
    }

    /// Notes how far the peer has come.
    fn note_place(&self) -> Result<(), Error> {
        let Some(next) = &self.next else { return Ok(()) };
        let (office, peer) = (&self.office, self.peer);
        let mut turn = office.turn()?;
        let row = office.ledger().reclaim(peer)?;
        // Where it was decided meanwhile that former keys count, it is asked anew.
        let Some(row) = row.filter(|row| row.stand == Stand::Asked && row.former == self.former) else { return Ok(()) };
        let row = match next {
            Some(after) => ReclaimRow { after: after.clone(), refused: self.refused, ..row },
            None => {
                // What cannot be taken in would be purged where it is held, once that is served.
                let stand = if self.refused == 0 { Stand::Done } else { Stand::Refused };
                let deed = Deed::new(Actor::Bureau(peer), "reclaim.done").peer(peer);
                turn.account(deed.with("refused", self.refused));
                ReclaimRow { stand, after: Vec::new(), refused: self.refused, ..row }
            }
        };
        office.ledger().put_reclaim(&mut turn.batch, peer, &row);
        turn.commit_now()
    }
}

impl Turn<'_> {
    fn take_back_all(
        &mut self,
        peer: BureauId,
        back: Vec<Back>,
        ends: Vec<(RecordId, Vec<u8>)>,
        letters: &[Letter],
        came: &mut Came,
    ) -> Result<(), Error> {
        if back.is_empty() {
            self.takes_back();
        }
        let mut ended = HashSet::new();
        for (id, signed) in ends {
            if self.end_own(id, signed)? {
                ended.insert(id);
                came.ended += 1;
            }
        }
        for back in back {
            if !ended.contains(&back.record.header().id) {
                self.put_back_own(peer, back, came)?;
            }
        }
        for letter in letters {
            // One that says nothing new is not accounted for.
            let before = self.accounted();
            match self.take_letter(peer, letter) {
                Ok(()) => came.letters += u64::from(self.accounted() > before),
                Err(error @ (Error::Ledger(_) | Error::Audit(_) | Error::Entropy(_))) => return Err(error),
                Err(_) => came.refused += 1,
            }
        }
        Ok(())
    }

    /// Ends a record of this bureau's own by its own word of before. Whether that is new.
    pub(super) fn end_own(&mut self, id: RecordId, signed: Vec<u8>) -> Result<bool, Error> {
        let (ledger, key) = (self.office().ledger(), RecordKey { id, owner: self.office().me() });
        let known = ledger.tombstone(key)?;
        if known.as_ref().is_some_and(|known| known.signed.is_some()) {
            return Ok(false);
        }
        match ledger.record(key)? {
            Some(row) => self.end_record(key, &row, Op::Withdraw, Some(signed)),
            None => {
                let stood = known.map_or(Stood::default(), |known| known.stood);
                let row = TombstoneRow {
                    at: self.now(),
                    signed: Some(signed),
                    stood,
                    revision: None,
                    until: None,
                    modified: None,
                };
                self.put_tombstone(key, &row);
            }
        }
        Ok(true)
    }

    /// Puts a version of a record of this bureau's own back, where it says something new.
    fn put_back_own(&mut self, peer: BureauId, back: Back, came: &mut Came) -> Result<(), Error> {
        let Back { record, granted } = back;
        let (ledger, secrets) = (self.office().ledger(), self.office().secrets());
        let key = RecordKey { id: record.header().id, owner: self.office().me() };
        let (revision, today) = (record.header().revision, self.now().day());
        let over = record.header().retain_until.is_none_or(|until| until < today);
        if over || record.header().check_shareable().is_err() || ledger.has_ended(key)? {
            return Ok(());
        }
        let before = ledger.record(key)?;
        // One that cannot be read gives way.
        let known = before.as_ref().and_then(|row| row.record().ok());
        let (copy, earlier) = match known {
            Some(known) if known.header().revision > revision => return Ok(()),
            Some(known) if known.version()? == record.version()? => {
                match known.joined(&record)?.filter(|joined| *joined != known) {
                    Some(joined) if known.is_redacted() => (joined, self.office().former(key)?),
                    _ => return Ok(()),
                }
            }
            Some(known) => {
                if let Some(here) = self.office().unheard(peer, before.as_ref())? {
                    if self.office().is_since(here, &known, &record) {
                        return self.follow_up(key, &known, revision, before);
                    }
                    let deed = Deed::new(Actor::Bureau(peer), "reclaim.replace").peer(peer).record(key.id);
                    self.account(deed.with("revision", known.header().revision).with("by", revision));
                    came.replaced += 1;
                }
                (record, if known.is_redacted() { self.office().former(key)? } else { Some(known) })
            }
            None => (record, None),
        };
        let whole = copy.completed(earlier.as_ref(), granted, &secrets.salt, &secrets.signing);
        let is_whole = whole.is_some();
        self.put_returned(whole.unwrap_or(copy), before, None);
        if !is_whole {
            let earlier = earlier.map(|earlier| earlier.as_bytes().to_vec());
            ledger.put_former(&mut self.batch, key, &earlier.unwrap_or_default());
        }
        came.records += 1;
        came.partly += u64::from(!is_whole);
        Ok(())
    }

    /// Signs a version again, as the one that follows a revision that others have.
    fn follow_up(
        &mut self,
        key: RecordKey,
        known: &Record,
        revision: u32,
        before: Option<RecordRow>,
    ) -> Result<(), Error> {
        let secrets = self.office().secrets();
        let content = Content { revision: revision.saturating_add(1), ..known.filled(None, GroupSet::ALL) };
        let record = record::sign(&content, &secrets.salt, &secrets.signing)?;
        self.account(Deed::new(Actor::Node, "reclaim.fork").record(key.id).with("revision", content.revision));
        let here = before.as_ref().and_then(|row| row.place.here);
        self.put_returned(record, before, here);
        Ok(())
    }

    /// Notes what came back, and so that this bureau was put back.
    fn note_recovery(&mut self, peer: BureauId, came: Came) -> Result<(), Error> {
        let Came { records, partly, replaced, ended, letters, refused } = came;
        if records + ended + letters > 0 {
            let row = self.office().ledger().recovery()?.unwrap_or(RecoveryRow::new(self.now(), Some(peer)));
            let row = RecoveryRow {
                records: row.records + records,
                partly: row.partly + partly,
                replaced: row.replaced + replaced,
                ended: row.ended + ended,
                letters: row.letters + letters,
                ..row
            };
            self.office().ledger().put_recovery(&mut self.batch, &row);
        }
        if records + ended + letters + refused > 0 {
            let deed = Deed::new(Actor::Bureau(peer), "reclaim.take").peer(peer).with("records", records);
            let deed =
                deed.with("partly", partly).with("replaced", replaced).with("ended", ended).with("letters", letters);
            self.account(deed.with("refused", refused));
        }
        Ok(())
    }
}
