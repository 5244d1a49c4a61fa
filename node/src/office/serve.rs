//! Serving a peer: its view, and the answers to its pulls, one step at a time.
//!
//! An answer reads one state: the logs as long as they were when it began, by the entitlements of then. When those
//! change, it ends with what it has, and the peer asks again.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use igain_protocol::bureau::BureauId;
use igain_protocol::feed::{FeedKind, LAST_GENERATION};
use igain_protocol::sync::{
    CardMessage, End, Feed, Hello, Message, Provider, ProviderEffect, ProviderInput, Pull, Read,
};
use igain_protocol::time::Day;

use super::disclose::{Granted, Notes, Page, Progress, Reading};
use super::memory::read;
use super::turn::{Committed, Turn};
use super::{Cost, Error, Office, Reclaiming};
use crate::ledger::{Deliveries, Event, RevokedFor, Stand};
use crate::store::{self, Epoch};

/// How often a write is tried anew that was overtaken by one that failed.
const TRIES: usize = 4;

/// What one peer is served.
pub struct Served {
    office: Office,
    peer: BureauId,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    provider: Provider,
    /// The epoch of the store that the view was read in.
    epoch: Option<Epoch>,
    /// Grows whenever a feed begins anew.
    renewed: u64,
    /// There may be records to be sent once more that are not yet on the lists of their feeds.
    known: bool,
}

impl State {
    fn read(office: &Office, peer: BureauId, renewed: u64) -> Result<Self, Error> {
        let epoch = Some(office.ledger().store().epoch());
        let provider = Provider::new(office.ledger().view(peer)?);
        let known = office.ledger().known(peer)?.is_some();
        Ok(Self { provider, epoch, renewed, known })
    }
}

impl Served {
    /// What `peer` is served, as the books have it.
    ///
    /// # Errors
    /// Where the books cannot be read.
    pub fn open(office: &Office, peer: BureauId) -> Result<Arc<Self>, Error> {
        let state = Mutex::new(State::read(office, peer, 0)?);
        Ok(Arc::new(Self { office: office.clone(), peer, state }))
    }

    /// Whose it is.
    pub fn office(&self) -> &Office {
        &self.office
    }

    /// Whom it is for.
    pub fn peer(&self) -> BureauId {
        self.peer
    }

    /// The state. After a write that failed it is read from the books again: they may not have what it counts on.
    fn state(&self) -> Result<MutexGuard<'_, State>, Error> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let store = self.office.ledger().store();
        if state.epoch != Some(store.epoch()) {
            store.settle()?;
            *state = State::read(&self.office, self.peer, state.renewed + 1)?;
        }
        Ok(state)
    }

    /// A turn to write what follows from the state.
    fn turn(&self, state: &State) -> Result<Turn<'_>, Error> {
        let turn = self.office.turn_ahead()?;
        if turn.batch.epoch() == state.epoch { Ok(turn) } else { Err(store::Error::Superseded.into()) }
    }

    /// Does a step that changes the view, anew where a write that failed came between.
    fn change<T>(&self, mut step: impl FnMut(&mut State) -> Result<T, Error>) -> Result<T, Error> {
        for _ in 1..TRIES {
            match step(&mut *self.state()?) {
                Err(error) if error.is_superseded() => {}
                done => return done,
            }
        }
        step(&mut *self.state()?)
    }

    /// Begins a feed anew, for a peer that shows a place in it that was never sent, or that names generation `above`.
    fn renew(&self, kind: FeedKind, above: u64) -> Result<(), Error> {
        let (office, peer) = (&self.office, self.peer);
        self.change(|state| {
            let before = state.provider.view().feed(kind).clone();
            // Nobody has a generation that cannot be.
            let above = if above > LAST_GENERATION { 0 } else { above };
            let generation = office.now().as_ms().max(before.generation.saturating_add(1)).max(above.saturating_add(1));
            let mut turn = self.turn(state)?;
            turn.takes_back();
            office.spend(&mut turn.batch, peer, Cost { commits: 1, changes: 1, ..Cost::default() });
            // What was sent of letters is not sent again; of records all is.
            let start = if kind == FeedKind::Letters { before.sent_through() } else { 0 };
            let feed = Feed::begun(generation, start);
            office.ledger().put_feed(&mut turn.batch, peer, kind, &feed);
            if kind == FeedKind::Records && before.generation.max(above) > 0 {
                // All is sent from the beginning, so nothing but what was taken back need stand in it.
                office.ledger().forget_grants(&mut turn.batch, peer)?;
                let seq = turn.next_number();
                office.ledger().put_event(&mut turn.batch, peer, seq, &Event::Complete);
                office.ledger().forget_receipts(&mut turn.batch, peer)?;
            }
            // Where nothing of the generation before was sent, what was posted for it waits still.
            if kind == FeedKind::Letters && before.sent_through() > before.start {
                turn.repost(peer)?;
            }
            if kind == FeedKind::Records {
                office.ledger().delete_renewal(&mut turn.batch, peer);
            }
            let committed = turn.commit()?;
            state.provider.renew(kind, feed);
            state.renewed += 1;
            Ok(committed)
        })
        .and_then(|committed| committed.wait())?;
        if kind == FeedKind::Records {
            office.renews(peer, true);
        }
        Ok(())
    }

    /// Whether something waits for the peer, or it is to be asked for what it holds of this bureau's own, which is done as it pulls.
    ///
    /// # Errors
    /// Where the books cannot be read.
    pub fn has_news(&self) -> Result<bool, Error> {
        let state = self.state()?;
        let view = state.provider.view();
        let (letters, records) = (view.letters.place().through, view.records.place());
        let waits = state.known || self.office.ledger().letter_head(self.peer)? > letters;
        drop(state);
        let is_asked =
            || self.office.ledger().reclaim(self.peer).map(|row| row.is_some_and(|row| row.stand == Stand::Asked));
        Ok(waits || self.office.has_news_after(self.peer, records)? || is_asked()?)
    }

    /// Whether something was sent of which it is not known that it has arrived: it may still be on its way.
    ///
    /// # Errors
    /// Where the books cannot be read.
    pub fn is_under_way(&self) -> Result<bool, Error> {
        let state = self.state()?;
        let view = state.provider.view();
        Ok(FeedKind::ALL.into_iter().any(|kind| !view.feed(kind).sent.is_empty()))
    }

    /// What the peer is known to hold.
    ///
    /// # Errors
    /// Where the books cannot be read.
    pub fn acked_digest(&self) -> Result<[u8; 16], Error> {
        Ok(self.state()?.provider.view().acked_digest())
    }

    /// How many labels with records the peer may have, and how many entries wait for it, as far as they are counted.
    ///
    /// # Errors
    /// Where the books cannot be read.
    pub fn extent(&self) -> Result<(usize, u64), Error> {
        let after = self.state()?.provider.view().records.place().through;
        self.office.extent_for(self.peer, after)
    }

    /// Begins the answer to a pull. `mirror` is the digest of what this bureau holds of the peer.
    ///
    /// # Errors
    /// Where the books cannot be read or written.
    pub fn answer(self: &Arc<Self>, pull: Pull, mirror: [u8; 16]) -> Result<Serving, Error> {
        // What it asks for waits once it has spent what it may, and before it has given back what it holds of this bureau's own.
        let held_up = self.office.holds_up(self.peer, true).is_some();
        // What one that left shows is noted before its feed begins anew: it is asked should it be reinstated, and told of ends till then.
        let revoked = self.office.peer(self.peer)?.revoked_for();
        let owed = held_up || (revoked != Some(RevokedFor::Compromised) && self.is_owed(&pull)? && revoked.is_none());
        if !owed && self.office.renews(self.peer, false) {
            self.renew(FeedKind::Records, 0)?;
        }
        self.repeat_known()?;
        self.office.align_today()?;
        let quiet = mirror == pull.mirror && !pull.news;
        let hello = self.office.hello(self.peer);
        // One that left verifies what takes back what it has by the newest card.
        let card = self.office.card_for(&pull.hello).filter(|_| revoked != Some(RevokedFor::Compromised));
        let mut state = self.state()?;
        let granted = self.office.granted(self.peer)?;
        let letters = self.office.ledger().letter_head(self.peer)?;
        let effects = match revoked {
            // It is asked what it ends, and told nothing.
            Some(RevokedFor::Compromised) => vec![ProviderEffect::End(End { more: false, mirrored: quiet, hello })],
            _ if owed => vec![ProviderEffect::End(End { more: false, mirrored: quiet, hello })],
            _ => state.provider.handle(ProviderInput::Pull { pull, mirror, hello }),
        };
        let renewed = state.renewed;
        drop(state);
        Ok(Serving {
            served: Arc::clone(self),
            card: card.map(|card| CardMessage { card: card.as_bytes().to_vec() }),
            hello,
            revoked: revoked.is_some(),
            effects: effects.into(),
            granted,
            letters,
            renewed,
            day: self.office.now().day(),
            reading: None,
            room: None,
            notes: Notes::default(),
            deliveries: Deliveries::new(self.peer),
            committed: Vec::new(),
            records: 0,
            quiet,
            ended: false,
        })
    }

    /// Whether the peer must give back what it holds of this bureau's own before it is served: it shows, or has shown, a place
    /// that was never sent, as far as is known here.
    fn is_owed(&self, pull: &Pull) -> Result<bool, Error> {
        let behind = self.state()?.provider.view().is_behind(&pull.cursors);
        let given = self.office.has_given_back(self.peer, behind.then_some(&pull.cursors), &pull.hello)?;
        if !behind && given {
            self.office.inner.memory.note_heard(self.peer);
        }
        Ok(!given)
    }

    /// What the peer must be asked for before this pull is answered; none where there is nothing.
    ///
    /// # Errors
    /// Where the books cannot be read or written.
    pub fn reclaims(&self, pull: &Pull) -> Result<Option<Reclaiming>, Error> {
        let revoked = self.office.peer(self.peer)?.revoked.is_some();
        if revoked || self.office.holds_up(self.peer, true).is_some() || !self.is_owed(pull)? {
            Ok(None)
        } else {
            self.office.reclaim(self.peer)
        }
    }

    /// An exchange begins, whose pulls have serials of their own.
    ///
    /// # Errors
    /// Where the books cannot be read.
    pub fn begin_exchange(&self) -> Result<(), Error> {
        self.state()?.provider.begin_exchange();
        Ok(())
    }

    /// Puts the records that are to be sent once more on the lists of their feeds, a page a turn.
    fn repeat_known(&self) -> Result<(), Error> {
        while self.state()?.known {
            let committed = self.change(|state| {
                let mut turn = self.turn(state)?;
                match turn.repeat_some(self.peer).and_then(|more| Ok((more, turn.commit()?))) {
                    Ok((true, committed)) => Ok(Some(committed)),
                    Ok((false, _)) => {
                        state.known = false;
                        Ok(None)
                    }
                    Err(error) => {
                        // The view counts on what is not written.
                        state.epoch = None;
                        Err(error)
                    }
                }
            })?;
            // The next page begins where this one ends.
            committed.as_ref().map_or(Ok(()), Committed::wait)?;
        }
        Ok(())
    }
}

/// The answer to one pull, in the making.
pub struct Serving {
    served: Arc<Served>,
    /// This bureau's card, where the peer has an older one.
    card: Option<CardMessage>,
    hello: Hello,
    /// The peer is revoked: of letters, it gets receipts alone.
    revoked: bool,
    effects: VecDeque<ProviderEffect>,
    /// What the peer could have, and how far the logs went, when it began.
    granted: Granted,
    /// The number of the last letter then.
    letters: u64,
    renewed: u64,
    /// The day on which it began: with the next, records may have become such as must not leave.
    day: Day,
    /// How far the feed of records was read for it.
    reading: Option<Reading>,
    /// Bytes that the parcel has room for that is being filled from that feed; none while none is.
    room: Option<usize>,
    notes: Notes,
    deliveries: Deliveries,
    committed: Vec<Committed>,
    records: usize,
    quiet: bool,
    ended: bool,
}

/// What a step of an answer brought.
#[derive(Debug)]
pub enum Step {
    /// Nothing to send yet.
    Busy,
    /// Something to send.
    Send(Content),
    /// The answer is complete.
    Done {
        /// Whether the other direction is quiet.
        quiet: bool,
    },
}

/// What is to be sent, once what it depends on is durable.
#[derive(Debug)]
pub struct Content {
    /// What must be durable before it leaves.
    committed: Vec<Committed>,
    /// Records that it discloses.
    pub records: usize,
    /// The day on which it was made: it must not leave on another.
    pub day: Day,
    /// A message; none where it is a parcel.
    pub message: Option<Message>,
    /// The items of a parcel, which is yet to be signed and sealed.
    pub items: Vec<Vec<u8>>,
}

impl Content {
    /// Waits until it may leave.
    ///
    /// # Errors
    /// Where what it depends on could not be written: then it must not leave.
    pub fn wait(&self) -> Result<(), Error> {
        self.committed.iter().try_for_each(Committed::wait)
    }
}

impl Serving {
    /// Does the next thing.
    ///
    /// # Errors
    /// Where the books cannot be read or written; the answer is over then.
    pub fn step(&mut self) -> Result<Step, Error> {
        let served = Arc::clone(&self.served);
        if self.is_void()? {
            // What the peer may have has changed while it was answered: it asks again.
            self.effects.clear();
            (self.reading, self.room) = (None, None);
        }
        if let Some(room) = self.room.take() {
            return self.read(room).map(|()| Step::Busy);
        }
        if let Some(card) = self.card.take() {
            return Ok(self.send(Some(Message::Card(card)), Vec::new()));
        }
        let Some(effect) = self.effects.pop_front() else {
            if self.ended {
                return Ok(Step::Done { quiet: self.quiet });
            }
            return Ok(self.end(Message::End(End { more: true, mirrored: self.quiet, hello: self.hello })));
        };
        match effect {
            ProviderEffect::Read { feed: FeedKind::Letters, after, room } => {
                let read = served.office.read_letters(served.peer, after, self.letters, room, self.revoked)?;
                self.hand_over(read)?;
            }
            ProviderEffect::Read { feed: FeedKind::Records, after, room } => {
                if self.reading.is_none() {
                    self.reading = Some(served.office.begin_reading(self.granted.clone(), after)?);
                }
                self.room = Some(room);
            }
            ProviderEffect::Persist { feeds, delivered } => self.persist(&feeds, &delivered)?,
            ProviderEffect::Renew { feed, above } => {
                served.renew(feed, above)?;
                self.renewed = served.state()?.renewed;
            }
            ProviderEffect::Begin => {
                let mut state = served.state()?;
                if state.renewed == self.renewed {
                    self.effects.extend(state.provider.handle(ProviderInput::Begin));
                }
            }
            ProviderEffect::Deliver(items) => return Ok(self.send(None, items)),
            ProviderEffect::End(end) => {
                self.quiet = end.mirrored;
                return Ok(self.end(Message::End(end)));
            }
        }
        Ok(Step::Busy)
    }

    /// Whether what the peer may have is not what it was when this began.
    fn is_void(&self) -> Result<bool, Error> {
        let office = &self.served.office;
        let epoch = read(&office.inner.memory.classes).epoch(self.served.peer);
        let same = self.served.state()?.renewed == self.renewed && epoch == self.granted.epoch;
        Ok(!same || office.now().day() != self.day)
    }

    /// Fills a parcel. What happens meanwhile changes nothing of what is read.
    fn read(&mut self, room: usize) -> Result<(), Error> {
        let served = Arc::clone(&self.served);
        let Some(reading) = &mut self.reading else { return Ok(()) };
        let mut page = Page::new(room, &mut self.notes, &mut self.deliveries);
        let end = loop {
            match served.office.read_on(reading, &mut page)? {
                Progress::More => {}
                Progress::Full => break false,
                Progress::End => break true,
            }
        };
        let read = reading.turn_page(page, end);
        self.hand_over(read)
    }

    fn hand_over(&mut self, read: Read) -> Result<(), Error> {
        let mut state = self.served.state()?;
        if state.renewed == self.renewed {
            self.effects.extend(state.provider.handle(ProviderInput::Read(read)));
        }
        Ok(())
    }

    /// Hands over what is about to be sent, which may leave once this is durable.
    fn persist(&mut self, feeds: &[(FeedKind, Feed)], delivered: &[u64]) -> Result<(), Error> {
        let notes = std::mem::take(&mut self.notes);
        let served = Arc::clone(&self.served);
        let mut state = served.state()?;
        if state.renewed != self.renewed {
            return Ok(());
        }
        let mut turn = served.turn(&state)?;
        if delivered.is_empty() {
            // Ends and receipts go out from a full disk too.
            turn.takes_back();
        }
        served.office.spend(&mut turn.batch, served.peer, Cost { commits: 1, ..Cost::default() });
        let known = turn.note_sent(served.peer, feeds, delivered, &notes, &mut self.deliveries)?;
        state.known |= known;
        let committed = turn.commit()?;
        drop(state);
        // Which references were withheld is read again with the next parcel, so it must be visible by then.
        if known || !notes.withheld.is_empty() {
            committed.wait()?;
        } else {
            self.committed.push(committed);
        }
        self.records += delivered.len();
        Ok(())
    }

    fn end(&mut self, message: Message) -> Step {
        self.ended = true;
        self.send(Some(message), Vec::new())
    }

    fn send(&mut self, message: Option<Message>, items: Vec<Vec<u8>>) -> Step {
        let (committed, records) = (std::mem::take(&mut self.committed), std::mem::take(&mut self.records));
        Step::Send(Content { committed, records, day: self.day, message, items })
    }
}
