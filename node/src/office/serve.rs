//! Serving a peer: its view, and the answers to its pulls, one step at a time.
//!
//! An answer reads one state: the logs as long as they were when it began, by the entitlements of then. When those
//! change, it ends with what it has, and the peer asks again.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use igain_protocol::bureau::BureauId;
use igain_protocol::log::FeedId;
use igain_protocol::sync::{
    ClassIndex, End, Feed, Grant, Heads, Message, Provider, ProviderEffect, ProviderInput, Pull, View,
};
use igain_protocol::time::Day;

use super::disclose::{Notes, Progress, Reading, Wanted};
use super::turn::{Committed, Turn};
use super::{Error, Office};
use crate::ledger::Deliveries;
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
    /// Grows whenever what the peer may have changes.
    generation: u64,
    /// There may be records to be sent once more that are not yet on the lists of their feeds.
    known: bool,
}

impl State {
    fn read(office: &Office, peer: BureauId, generation: u64) -> Result<Self, Error> {
        let epoch = Some(office.ledger().store().epoch());
        let provider = Provider::new(office.ledger().view(peer)?);
        let known = office.ledger().known(peer)?.is_some();
        Ok(Self { provider, epoch, generation, known })
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
            *state = State::read(&self.office, self.peer, state.generation + 1)?;
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

    /// Brings the view in line with `grants`, and waits until that is durable. Whether something was taken back of which
    /// a part may be under way: then no answer of before may go on.
    ///
    /// # Errors
    /// Where the books cannot be read or written.
    pub fn entitle(&self, grants: &BTreeMap<ClassIndex, Grant>) -> Result<bool, Error> {
        let (office, peer) = (&self.office, self.peer);
        let changed = self.change(|state| {
            let mut view = state.provider.view().clone();
            let shown = office.shown(&view, grants);
            let changed = view.entitle(peer, &office.secrets().feed, &shown, office.now().as_ms());
            if changed.is_empty() {
                return Ok(None);
            }
            let before = state.provider.view();
            let narrowed = before.open_feeds().any(|(id, feed)| !view.is_open(id) && feed.may_be_held());
            let committed = self.store_feeds(state, &view, &changed)?;
            *state.provider.view_mut() = view;
            state.generation += 1;
            Ok(Some((committed, narrowed)))
        })?;
        let Some((committed, narrowed)) = changed else { return Ok(false) };
        committed.wait()?;
        Ok(narrowed)
    }

    /// Begins a feed anew, for a peer that shows a place in it that was never sent.
    fn renew(&self, id: FeedId) -> Result<(), Error> {
        let (office, peer) = (&self.office, self.peer);
        self.change(|state| {
            let mut view = state.provider.view().clone();
            let changed = view.renew(peer, &office.secrets().feed, id, office.now().as_ms());
            let committed = self.store_feeds(state, &view, &changed)?;
            *state.provider.view_mut() = view;
            state.generation += 1;
            Ok(committed)
        })?
        .wait()?;
        if id == FeedId::LETTERS {
            let mut turn = office.turn()?;
            turn.repost(peer);
            turn.commit_now()?;
        }
        Ok(())
    }

    fn store_feeds(&self, state: &State, view: &View, changed: &[FeedId]) -> Result<Committed, Error> {
        let (ledger, mut turn) = (self.office.ledger(), self.turn(state)?);
        if changed.iter().any(|id| !view.is_open(*id)) {
            turn.takes_back();
        }
        for id in changed {
            match view.feeds.get(id) {
                Some(feed) => ledger.put_feed(&mut turn.batch, self.peer, *id, feed),
                None => ledger.delete_feed(&mut turn.batch, self.peer, *id),
            }
        }
        turn.commit()
    }

    /// Whether something waits for the peer.
    ///
    /// # Errors
    /// Where the books cannot be read.
    pub fn has_news(&self) -> Result<bool, Error> {
        let state = self.state()?;
        self.office.with_heads(self.peer, |head| state.known || state.provider.view().has_news(head))
    }

    /// Whether something was sent of which it is not known that it has arrived: it may still be on its way.
    ///
    /// # Errors
    /// Where the books cannot be read.
    pub fn is_under_way(&self) -> Result<bool, Error> {
        Ok(self.state()?.provider.view().feeds.values().any(|feed| !feed.sent.is_empty()))
    }

    /// What the peer is known to hold.
    ///
    /// # Errors
    /// Where the books cannot be read.
    pub fn acked_digest(&self) -> Result<[u8; 16], Error> {
        Ok(self.state()?.provider.view().acked_digest())
    }

    /// How many feeds the peer has, and how many entries wait for it.
    ///
    /// # Errors
    /// Where the books cannot be read.
    pub fn extent(&self) -> Result<(usize, u64), Error> {
        let state = self.state()?;
        let view = state.provider.view();
        let behind = self.office.with_heads(self.peer, |head| {
            let behind =
                |(_, feed): (FeedId, &Feed)| head(feed.class).saturating_sub(feed.acked.map_or(0, |mark| mark.through));
            view.open_feeds().map(behind).sum()
        })?;
        Ok((view.open_feeds().count(), behind))
    }

    /// Begins the answer to a pull. `mirror` is the digest of what this bureau holds of the peer.
    ///
    /// # Errors
    /// Where the books cannot be read or written.
    pub fn answer(self: &Arc<Self>, pull: Pull, mirror: [u8; 16]) -> Result<Serving, Error> {
        self.repeat_known()?;
        let heads = self.office.heads(self.peer)?;
        let quiet = mirror == pull.mirror && !pull.news;
        let mut state = self.state()?;
        let effects = state.provider.handle(ProviderInput::Pull { pull, heads: &heads, mirror });
        let generation = state.generation;
        drop(state);
        Ok(Serving {
            served: Arc::clone(self),
            effects: effects.into(),
            heads,
            generation,
            day: self.office.now().day(),
            reading: None,
            notes: Notes::default(),
            deliveries: Deliveries::new(self.peer),
            committed: Vec::new(),
            records: 0,
            quiet,
            ended: false,
        })
    }

    /// Puts the records that are to be sent once more on the lists of their feeds, a page a turn.
    fn repeat_known(&self) -> Result<(), Error> {
        while self.state()?.known {
            let committed = self.change(|state| {
                let mut turn = self.turn(state)?;
                match turn.repeat_some(self.peer, &mut state.provider).and_then(|more| Ok((more, turn.commit()?))) {
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
    effects: VecDeque<ProviderEffect>,
    /// How long the logs were when it began.
    heads: Heads,
    generation: u64,
    /// The day on which it began: with the next, records may have become such as must not leave.
    day: Day,
    /// What is being read for it.
    reading: Option<Reading>,
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
        if served.state()?.generation != self.generation || served.office.now().day() != self.day {
            // What the peer may have has changed while it was answered: it asks again.
            self.effects.clear();
            self.reading = None;
        }
        if let Some(reading) = self.reading.take() {
            return self.read(reading).map(|()| Step::Busy);
        }
        let Some(effect) = self.effects.pop_front() else {
            if self.ended {
                return Ok(Step::Done { quiet: self.quiet });
            }
            return Ok(self.end(Message::End(End { more: true, mirrored: self.quiet })));
        };
        match effect {
            ProviderEffect::Read { feed, class, groups, after, again, room } => {
                let upto = self.heads.get(&class).copied().unwrap_or_default();
                let generation = served.state()?.provider.view().feeds.get(&feed).map_or(0, |feed| feed.generation);
                let wanted = Wanted { feed, generation, class, groups, after, upto, again, room };
                self.reading = Some(Reading::new(wanted));
            }
            ProviderEffect::Persist { feeds, delivered } => self.persist(&feeds, &delivered)?,
            ProviderEffect::Forget(id, _) => served.office.forget_feed(served.peer, id)?,
            ProviderEffect::Renew(id) => {
                served.renew(id)?;
                self.generation = served.state()?.generation;
            }
            ProviderEffect::Deliver(items) => return Ok(self.send(None, items)),
            ProviderEffect::AskCursors => return Ok(self.end(Message::AskCursors)),
            ProviderEffect::End(end) => {
                self.quiet = end.mirrored;
                return Ok(self.end(Message::End(end)));
            }
        }
        Ok(Step::Busy)
    }

    /// Reads one run of entries. What happens between two of them changes nothing of what is read.
    fn read(&mut self, mut reading: Reading) -> Result<(), Error> {
        let served = &self.served;
        let open = served.state()?.provider.view().open_classes();
        let (notes, deliveries) = (&mut self.notes, &mut self.deliveries);
        match served.office.disclose(served.peer, &open, &mut reading, notes, deliveries)? {
            Progress::More => self.reading = Some(reading),
            Progress::Done => {
                let mut state = served.state()?;
                if state.generation == self.generation {
                    self.effects.extend(state.provider.handle(ProviderInput::Read(reading.into_read())));
                }
            }
            // The answer ends with what it has, and the peer asks again.
            Progress::Lost => served.renew(reading.into_read().feed)?,
        }
        Ok(())
    }

    /// Hands over what is about to be sent, which may leave once this is durable.
    fn persist(&mut self, feeds: &[(FeedId, Feed)], delivered: &[(FeedId, u64)]) -> Result<(), Error> {
        let notes = std::mem::take(&mut self.notes);
        let served = Arc::clone(&self.served);
        let mut state = served.state()?;
        if state.generation != self.generation {
            return Ok(());
        }
        let mut turn = served.turn(&state)?;
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
