//! The side that serves: decides what one peer gets next, and in what order things become durable and leave.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::view::{ClassIndex, Feed, Heads, Mark, Phase, View};
use super::{End, Pull};
use crate::codec;
use crate::log::{Entry, FeedId, Item};
use crate::parcel::PARCEL_LIMIT;
use crate::vocabulary::GroupSet;

/// Room that a parcel keeps for its own frame and the frame of one item.
const FRAMING: usize = 512;

/// Bytes of items that fit one parcel.
const PARCEL_ROOM: usize = PARCEL_LIMIT - FRAMING;

/// Less room than this is not worth another read: the parcel is sent instead.
const WORTHWHILE: usize = 1_024;

/// What a provider is told.
#[derive(Debug)]
pub enum Input<'a> {
    /// The peer asks.
    Pull {
        /// What it says.
        pull: Pull,
        /// How long each class log is.
        heads: &'a Heads,
        /// The digest of the cursors that this bureau, as a subscriber, holds of the peer's feeds.
        mirror: [u8; 16],
    },
    /// Entries of a class log, in answer to [`Effect::Read`].
    Read(Read),
}

/// A stretch of a class log, as the peer may see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Read {
    /// The feed that asked.
    pub feed: FeedId,
    /// What is live in it and what the peer must be told, redacted; each with the slot that it delivers, if it does.
    pub entries: Vec<(Entry, Option<u64>)>,
    /// The last sequence number looked at.
    pub through: u64,
    /// The last record looked at among those to be sent once more.
    pub again: u64,
    /// Nothing more follows for now.
    pub end: bool,
}

/// What the driver must do, strictly in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Read the class log of a feed, entries of at most `room` bytes by
    /// [`Entry::wire_len`], and answer with [`Input::Read`].
    Read {
        /// The feed that asks.
        feed: FeedId,
        /// Its class.
        class: ClassIndex,
        /// The groups that the peer may have.
        groups: GroupSet,
        /// Entries after this sequence number; behind the last of them, records to be sent once more.
        after: u64,
        /// Of those, the ones after this number.
        again: u64,
        /// Bytes of entries.
        room: usize,
    },
    /// Make durable before carrying on: these feeds as they now are, and these slots as delivered.
    Persist {
        /// Feeds that changed.
        feeds: Vec<(FeedId, Feed)>,
        /// Slots delivered with the next parcel.
        delivered: Vec<(FeedId, u64)>,
    },
    /// The peer has purged a feed: forget it.
    Forget(FeedId, Feed),
    /// The peer shows a place that was never sent: its feed must be taken back and begun anew.
    Renew(FeedId),
    /// Sign, seal and send these items as one parcel.
    Deliver(Vec<Vec<u8>>),
    /// Ask for all cursors.
    AskCursors,
    /// The answer is complete.
    End(End),
}

/// The provider of one peer. It keeps the peer's [`View`] and the state of the answer it is giving.
#[derive(Debug, Default)]
pub struct Provider {
    view: View,
    last_serial: u64,
    answer: Option<Answer>,
}

/// An answer in the making.
#[derive(Debug)]
struct Answer {
    todo: VecDeque<FeedId>,
    places: BTreeMap<FeedId, Mark>,
    budget: usize,
    parcel: Vec<Vec<u8>>,
    parcel_bytes: usize,
    opened: BTreeSet<FeedId>,
    touched: BTreeSet<FeedId>,
    delivered: Vec<(FeedId, u64)>,
    mirrored: bool,
}

impl Provider {
    /// The provider of a peer whose view is `view`.
    pub fn new(view: View) -> Self {
        let mut view = view;
        view.letters();
        Self { view, last_serial: 0, answer: None }
    }

    /// The peer's view.
    pub fn view(&self) -> &View {
        &self.view
    }

    /// The peer's view, to change what it is entitled to. An answer under way ends with what it has.
    pub fn view_mut(&mut self) -> &mut View {
        self.answer = None;
        &mut self.view
    }

    /// Records of a feed are to be sent once more, `again` in all until now. An answer under way goes on without them:
    /// the peer, which was sent something, asks again.
    pub fn note_again(&mut self, feed: FeedId, again: u64) {
        if let Some(feed) = self.view.feeds.get_mut(&feed) {
            feed.again = feed.again.max(again);
        }
    }

    /// One step.
    pub fn handle(&mut self, input: Input<'_>) -> Vec<Effect> {
        match input {
            Input::Pull { pull, heads, mirror } => self.pull(&pull, heads, mirror),
            Input::Read(read) => self.read(read),
        }
    }

    fn pull(&mut self, pull: &Pull, heads: &Heads, mirror: [u8; 16]) -> Vec<Effect> {
        if pull.serial <= self.last_serial {
            return Vec::new();
        }
        self.last_serial = pull.serial;
        let mut effects = match &pull.cursors {
            Some(cursors) => self.reconcile(cursors),
            // First: a feed that was closed before the peer was known to have it is in neither digest, and is gone.
            None if pull.digest == self.view.sent_digest() => self.confirm_all(),
            None if pull.digest == self.view.acked_digest() => Vec::new(),
            None => return vec![Effect::AskCursors],
        };
        let mirrored = mirror == pull.mirror && !pull.news;
        if effects.contains(&Effect::Renew(FeedId::LETTERS)) {
            let restart = codec::encode(&Item::Close { feed: FeedId::LETTERS });
            effects.push(Effect::Deliver(vec![restart]));
        }
        if effects.iter().any(|effect| matches!(effect, Effect::Renew(_))) {
            effects.push(Effect::End(End { more: true, mirrored }));
            return effects;
        }
        let strangers = pull.cursors.iter().flatten().map(|cursor| cursor.feed);
        let strangers: Vec<FeedId> = strangers.filter(|id| !self.view.feeds.contains_key(id)).collect();
        self.begin_answer(pull, heads, mirrored, &strangers);
        effects.extend(self.advance());
        effects
    }

    /// Takes every cursor as the place where the peer is.
    fn reconcile(&mut self, cursors: &[crate::log::Cursor]) -> Vec<Effect> {
        let held: BTreeMap<FeedId, _> = cursors.iter().map(|cursor| (cursor.feed, cursor.at)).collect();
        let mut effects = Vec::new();
        let mut gone = Vec::new();
        for (id, feed) in &mut self.view.feeds {
            match (held.get(id), feed.phase) {
                (None, Phase::Closing { .. }) => gone.push(*id),
                (None, Phase::Open) => feed.acked = None,
                (Some(at), Phase::Open) => {
                    if !feed.confirm(*at) {
                        effects.push(Effect::Renew(*id));
                    }
                }
                (Some(_), Phase::Closing { .. }) => {}
            }
        }
        for id in gone {
            effects.extend(self.view.feeds.remove(&id).map(|feed| Effect::Forget(id, feed)));
        }
        effects
    }

    /// Takes all that was sent as received.
    fn confirm_all(&mut self) -> Vec<Effect> {
        let mut gone = Vec::new();
        let mut changed = Vec::new();
        for (id, feed) in &mut self.view.feeds {
            if feed.phase == (Phase::Closing { sent: true }) {
                gone.push(*id);
            } else if let Some(last) = feed.sent.pop_back() {
                feed.acked = Some(last);
                feed.sent.clear();
                changed.push((*id, feed.clone()));
            }
        }
        let mut effects = Vec::new();
        if !changed.is_empty() {
            effects.push(Effect::Persist { feeds: changed, delivered: Vec::new() });
        }
        for id in gone {
            effects.extend(self.view.feeds.remove(&id).map(|feed| Effect::Forget(id, feed)));
        }
        effects
    }

    fn begin_answer(&mut self, pull: &Pull, heads: &Heads, mirrored: bool, strangers: &[FeedId]) {
        let head = |class| heads.get(&class).copied().unwrap_or_default();
        let behind = self.view.feeds.iter().filter(|(_, feed)| feed.is_behind(&head));
        let (closing, open): (Vec<_>, Vec<_>) = behind.partition(|(_, feed)| feed.phase != Phase::Open);
        let places = open.iter().map(|(id, feed)| (**id, feed.acked.unwrap_or_default())).collect();
        let mut answer = Answer {
            todo: closing.iter().chain(&open).map(|(id, _)| **id).collect(),
            places,
            budget: usize::try_from(pull.budget_bytes).unwrap_or(usize::MAX),
            parcel: Vec::new(),
            parcel_bytes: 0,
            opened: BTreeSet::new(),
            touched: BTreeSet::new(),
            delivered: Vec::new(),
            mirrored,
        };
        strangers.iter().for_each(|feed| answer.push(&Item::Close { feed: *feed }));
        self.answer = Some(answer);
    }

    fn read(&mut self, read: Read) -> Vec<Effect> {
        let Some(answer) = &mut self.answer else { return Vec::new() };
        let Some(feed) = self.view.feeds.get_mut(&read.feed) else { return self.advance() };
        let before = answer.places.get(&read.feed).copied().unwrap_or_default();
        let (entries, slots): (Vec<_>, Vec<_>) = read.entries.into_iter().unzip();
        let mut at = before.at;
        let progressed = read.through > before.through || read.again > before.again;
        if !entries.is_empty() {
            at = at.after(&entries);
            answer.push(&Item::Entries { feed: read.feed, from: before.at, entries });
            answer.delivered.extend(slots.into_iter().flatten().map(|slot| (read.feed, slot)));
        }
        let place = Mark { at, through: read.through.max(before.through), again: read.again.max(before.again) };
        answer.places.insert(read.feed, place);
        answer.touched.insert(read.feed);
        if at == before.at && feed.acked.is_some_and(|acked| acked.at == at) {
            feed.acked = Some(place);
        } else {
            feed.note_sent(place);
        }
        let mut effects = Vec::new();
        let stuck = !progressed && answer.parcel.is_empty();
        if read.end || stuck {
            answer.todo.pop_front();
        } else {
            answer.flush(&self.view, &mut effects);
        }
        effects.extend(self.advance());
        effects
    }

    /// Carries the answer on until something must be read, or it is complete.
    fn advance(&mut self) -> Vec<Effect> {
        let mut effects = Vec::new();
        let Some(answer) = &mut self.answer else { return effects };
        loop {
            if answer.room() < WORTHWHILE {
                answer.flush(&self.view, &mut effects);
            }
            let Some(id) = answer.todo.front().copied().filter(|_| answer.budget > 0) else { break };
            let read = self.view.feeds.get_mut(&id).and_then(|feed| answer.serve(id, feed));
            if let Some(read) = read {
                effects.push(read);
                return effects;
            }
            answer.todo.pop_front();
        }
        effects.extend(self.finish());
        effects
    }

    fn finish(&mut self) -> Vec<Effect> {
        let mut effects = Vec::new();
        if let Some(mut answer) = self.answer.take() {
            answer.flush(&self.view, &mut effects);
            effects.push(Effect::End(End { more: !answer.todo.is_empty(), mirrored: answer.mirrored }));
        }
        effects
    }
}

impl Answer {
    fn room(&self) -> usize {
        PARCEL_ROOM.saturating_sub(self.parcel_bytes)
    }

    fn push(&mut self, item: &Item) {
        let bytes = codec::encode(item);
        self.parcel_bytes += bytes.len() + FRAMING / 64;
        self.parcel.push(bytes);
    }

    /// Closes or opens a feed; an open one asks for its entries.
    fn serve(&mut self, id: FeedId, feed: &mut Feed) -> Option<Effect> {
        if feed.phase != Phase::Open {
            feed.phase = Phase::Closing { sent: true };
            self.push(&Item::Close { feed: id });
            self.touched.insert(id);
            return None;
        }
        let Mark { through: after, again, .. } = *self.places.entry(id).or_default();
        if let Some(label) = feed.label.as_ref().filter(|_| feed.acked.is_none() && self.opened.insert(id)) {
            let open = Item::Open { feed: id, label: label.clone(), groups: feed.groups };
            feed.note_sent(Mark::default());
            self.push(&open);
            self.touched.insert(id);
        }
        Some(Effect::Read { feed: id, class: feed.class, groups: feed.groups, after, again, room: self.room() })
    }

    /// Emits what is packed: first what must be durable, then the parcel.
    fn flush(&mut self, view: &View, effects: &mut Vec<Effect>) {
        let feeds = std::mem::take(&mut self.touched);
        let feeds: Vec<_> = feeds.into_iter().filter_map(|id| view.feeds.get(&id).map(|f| (id, f.clone()))).collect();
        let delivered = std::mem::take(&mut self.delivered);
        if !feeds.is_empty() {
            effects.push(Effect::Persist { feeds, delivered });
        }
        if !self.parcel.is_empty() {
            self.budget = self.budget.saturating_sub(self.parcel_bytes);
            self.parcel_bytes = 0;
            effects.push(Effect::Deliver(std::mem::take(&mut self.parcel)));
        }
    }
}
