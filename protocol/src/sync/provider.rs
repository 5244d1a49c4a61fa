//! The side that serves: decides what one peer gets next, and in what order things become durable and leave.

use std::collections::{BTreeSet, VecDeque};

use super::view::{Confirmed, Feed, Mark, View};
use super::{End, Hello, Pull};
use crate::codec;
use crate::feed::{Entry, FeedKind, Item, Run};
use crate::parcel::PARCEL_LIMIT;

/// Room that a parcel keeps for its own frame and the frame of one item.
const FRAMING: usize = 512;

/// Bytes of items that fit one parcel.
const PARCEL_ROOM: usize = PARCEL_LIMIT - FRAMING;

/// Less room than this is not worth another read: the parcel is sent instead.
const WORTHWHILE: usize = 1_024;

/// What a provider is told.
#[derive(Debug)]
pub enum Input {
    /// The peer asks.
    Pull {
        /// What it says.
        pull: Pull,
        /// The digest of the cursors that this bureau, as a subscriber, holds of the peer's feeds.
        mirror: [u8; 16],
        /// What this side says of its program.
        hello: Hello,
    },
    /// Feeds have begun anew, and the answer can begin: see [`Effect::Begin`].
    Begin,
    /// What follows in a feed, in answer to [`Effect::Read`].
    Read(Read),
}

/// A stretch of a feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Read {
    /// The feed that asked.
    pub feed: FeedKind,
    /// What the peer must be told; each with the number of the record that it delivers, if it does.
    pub entries: Vec<(Entry, Option<u64>)>,
    /// Up to where the books were looked at, see [`Mark`].
    pub through: u64,
    /// The same.
    pub within: (u32, u64),
    /// Nothing more follows for now.
    pub end: bool,
}

/// What the driver must do, strictly in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Read on in a feed, entries that fill `room` bytes at most, as [`Filling`](crate::feed::Filling) reckons, and answer with [`Input::Read`].
    Read {
        /// The feed.
        feed: FeedKind,
        /// What follows this.
        after: Mark,
        /// Bytes of entries.
        room: usize,
    },
    /// Make durable before carrying on: these feeds as they now are, and these records as delivered.
    Persist {
        /// Feeds that changed.
        feeds: Vec<(FeedKind, Feed)>,
        /// Numbers of records that the next parcel delivers.
        delivered: Vec<u64>,
    },
    /// The peer shows a place that was never sent, or none at all: its feed must begin anew, with a generation above this
    /// one and above all that it had.
    Renew {
        /// The feed.
        feed: FeedKind,
        /// The generation that the peer names.
        above: u64,
    },
    /// Say [`Input::Begin`], now that feeds have begun anew.
    Begin,
    /// Sign, seal and send these items as one parcel.
    Deliver(Vec<Vec<u8>>),
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
    todo: VecDeque<FeedKind>,
    /// The place up to which the first of those was read; none before it was.
    place: Option<Mark>,
    /// Feeds that this answer has opened.
    opened: BTreeSet<FeedKind>,
    budget: usize,
    parcel: Vec<Vec<u8>>,
    parcel_bytes: usize,
    touched: BTreeSet<FeedKind>,
    delivered: Vec<u64>,
    mirrored: bool,
    hello: Hello,
}

impl Provider {
    /// The provider of a peer whose view is `view`.
    pub const fn new(view: View) -> Self {
        Self { view, last_serial: 0, answer: None }
    }

    /// The peer's view.
    pub const fn view(&self) -> &View {
        &self.view
    }

    /// An exchange begins: the serials of its pulls begin anew, too, as they do where the peer has started again.
    pub fn begin_exchange(&mut self) {
        self.last_serial = 0;
    }

    /// Has a feed begin anew, as [`Effect::Renew`] asks.
    pub fn renew(&mut self, kind: FeedKind, feed: Feed) {
        *self.view.feed_mut(kind) = feed;
    }

    /// One step.
    pub fn handle(&mut self, input: Input) -> Vec<Effect> {
        match input {
            Input::Pull { pull, mirror, hello } => self.pull(&pull, mirror, hello),
            Input::Begin => self.advance(),
            Input::Read(read) => self.read(read),
        }
    }

    fn pull(&mut self, pull: &Pull, mirror: [u8; 16], hello: Hello) -> Vec<Effect> {
        if pull.serial <= self.last_serial {
            return Vec::new();
        }
        self.last_serial = pull.serial;
        let (mut moved, mut lost) = (Vec::new(), Vec::new());
        for feed in FeedKind::ALL {
            let cursor = pull.cursors.of(feed);
            match self.view.feed_mut(feed).confirm(cursor) {
                Confirmed::Same => {}
                Confirmed::Moved => moved.push((feed, self.view.feed(feed).clone())),
                Confirmed::Lost => lost.push(Effect::Renew { feed, above: cursor.generation }),
            }
        }
        let mirrored = mirror == pull.mirror && !pull.news;
        let mut effects = Vec::new();
        if !moved.is_empty() {
            effects.push(Effect::Persist { feeds: moved, delivered: Vec::new() });
        }
        self.answer = Some(Answer {
            todo: FeedKind::ALL.into(),
            place: None,
            opened: BTreeSet::new(),
            budget: usize::try_from(pull.budget_bytes).unwrap_or(usize::MAX),
            parcel: Vec::new(),
            parcel_bytes: 0,
            touched: BTreeSet::new(),
            delivered: Vec::new(),
            mirrored,
            hello,
        });
        if lost.is_empty() {
            effects.extend(self.advance());
        } else {
            effects.extend(lost);
            effects.push(Effect::Begin);
        }
        effects
    }

    fn read(&mut self, read: Read) -> Vec<Effect> {
        let Some(answer) = &mut self.answer else { return Vec::new() };
        let feed = self.view.feed_mut(read.feed);
        let before = answer.place.unwrap_or(feed.place());
        let (entries, delivered): (Vec<_>, Vec<_>) = read.entries.into_iter().unzip();
        let mut place = Mark { at: before.at, through: read.through, within: read.within };
        if !entries.is_empty() {
            if feed.acked.is_none() && answer.opened.insert(read.feed) {
                // The peer is not known to have this generation.
                answer.push(&Item::Open { feed: read.feed, generation: feed.generation });
            }
            let run = Run::new(read.feed, feed.generation, before.at, entries);
            place.at = run.to;
            answer.push(&Item::Run(run));
            answer.delivered.extend(delivered.into_iter().flatten());
            answer.touched.insert(read.feed);
            feed.note_sent(place);
        } else if let Some(acked) = feed.acked.as_mut().filter(|acked| acked.at == place.at) {
            // Nothing of it was for the peer, which need not be asked whether it knows.
            *acked = place;
        } else if let Some(last) = feed.sent.back_mut().filter(|last| last.at == place.at) {
            *last = place;
            answer.touched.insert(read.feed);
        } else if feed.acked.is_none() && feed.sent.is_empty() && place.within == (0, 0) {
            // Neither was anything for a peer that has heard of nothing yet.
            feed.start = place.through;
        }
        answer.place = Some(place);
        let mut effects = Vec::new();
        let stuck = (place.through, place.within) == (before.through, before.within) && answer.parcel.is_empty();
        if read.end || stuck {
            answer.todo.pop_front();
            answer.place = None;
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
        if answer.room() < WORTHWHILE {
            answer.flush(&self.view, &mut effects);
        }
        if let Some(feed) = answer.todo.front().copied().filter(|_| answer.budget > 0) {
            let after = answer.place.unwrap_or(self.view.feed(feed).place());
            effects.push(Effect::Read { feed, after, room: answer.room() });
            return effects;
        }
        effects.extend(self.finish());
        effects
    }

    fn finish(&mut self) -> Vec<Effect> {
        let mut effects = Vec::new();
        if let Some(mut answer) = self.answer.take() {
            answer.flush(&self.view, &mut effects);
            effects.push(Effect::End(End {
                more: !answer.todo.is_empty(),
                mirrored: answer.mirrored,
                hello: answer.hello,
            }));
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

    /// Emits what is packed: first what must be durable, then the parcel.
    fn flush(&mut self, view: &View, effects: &mut Vec<Effect>) {
        let feeds: Vec<_> =
            std::mem::take(&mut self.touched).into_iter().map(|kind| (kind, view.feed(kind).clone())).collect();
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
