//! The side that asks: follows one provider's feeds and says what changes here.

use std::collections::{BTreeMap, BTreeSet};

use super::{End, Message, Pull};
use crate::label::Label;
use crate::log::{Cursor, Entry, FeedId, Item, MAX_FEEDS, Position, digest};
use crate::vocabulary::GroupSet;

/// What a subscriber is told.
#[derive(Debug)]
pub enum Input {
    /// Ask now. `serial` grows with each pull; `mirror` and `news` speak of the other direction, see [`Pull`].
    Start {
        /// Grows with each pull to this provider, also over restarts.
        serial: u64,
        /// See [`Pull::mirror`].
        mirror: [u8; 16],
        /// See [`Pull::news`].
        news: bool,
        /// See [`Pull::budget_bytes`].
        budget_bytes: u32,
        /// See [`Pull::window`].
        window: u32,
    },
    /// The provider wants all cursors; a new serial for the repeated pull.
    AskedCursors {
        /// Grows with each pull to this provider.
        serial: u64,
    },
    /// The items of a parcel that was opened and whose signature was verified.
    Parcel(Vec<Item>),
    /// The provider has sent what it will.
    End(End),
}

/// What the driver must do, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Send this.
    Send(Message),
    /// Make these changes and the new cursors durable, in one commit.
    Apply(Vec<Change>),
    /// The exchange is over. `more`: pull again at once. `mirrored`: the other direction is quiet too.
    Done {
        /// The budget ran out before the news did.
        more: bool,
        /// The provider holds of this bureau's feeds what [`Pull::mirror`] said.
        mirrored: bool,
    },
    /// The provider broke the protocol: end the exchange and account for it.
    Violated(Violation),
}

/// What changes at this bureau.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// A feed begins.
    Open {
        /// Its handle.
        feed: FeedId,
        /// The label of its records.
        label: Label,
        /// The groups of fields that are granted.
        groups: GroupSet,
    },
    /// Entries of a feed; afterwards its cursor is `to`.
    Entries {
        /// The feed.
        feed: FeedId,
        /// Its entries.
        entries: Vec<Entry>,
        /// The place after them.
        to: Position,
    },
    /// A feed ends: purge what came through it, remember its handle for ever, and send a receipt.
    Close {
        /// Its handle.
        feed: FeedId,
    },
}

/// How a provider can break the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// Entries for a feed that was never opened, or has ended.
    #[error("entries for a feed that is not open")]
    UnknownFeed,
    /// Entries that do not follow what is here.
    #[error("entries that leave a gap after what is held")]
    Gap,
    /// A feed that has ended was opened again.
    #[error("a feed that has ended was opened again")]
    Reopened,
    /// More feeds than two bureaus may have.
    #[error("more than {MAX_FEEDS} feeds")]
    TooManyFeeds,
    /// A letter outside the feed of letters, or something else inside it.
    #[error("an entry that has no place in its feed")]
    Misplaced,
    /// Cursors were asked for although the pull named them.
    #[error("asked for cursors that were given")]
    AskedTwice,
    /// A message that answers nothing.
    #[error("a message that nobody asked for")]
    Unasked,
    /// Many more bytes than [`Pull::budget_bytes`] allows.
    #[error("an answer that is much longer than was asked for")]
    Overlong,
    /// [`End::more`] again and again, and nothing that came of it.
    #[error("more was promised again and again, and never came")]
    Endless,
}

impl Violation {
    /// The stable name of this kind of breach, for machines.
    pub const fn code(self) -> &'static str {
        match self {
            Self::UnknownFeed => "sync.unknown-feed",
            Self::Gap => "sync.gap",
            Self::Reopened => "sync.reopened",
            Self::TooManyFeeds => "sync.too-many-feeds",
            Self::Misplaced => "sync.misplaced",
            Self::AskedTwice => "sync.asked-twice",
            Self::Unasked => "sync.unasked",
            Self::Overlong => "sync.overlong",
            Self::Endless => "sync.endless",
        }
    }
}

/// The subscriber of one provider.
#[derive(Debug)]
pub struct Subscriber {
    cursors: BTreeMap<FeedId, Position>,
    ended: BTreeSet<FeedId>,
    pull: Option<Pull>,
}

impl Subscriber {
    /// A subscriber that holds what `cursors` say; `ended` are the handles of feeds that were closed.
    pub fn new(cursors: BTreeMap<FeedId, Position>, ended: BTreeSet<FeedId>) -> Self {
        let mut cursors = cursors;
        cursors.entry(FeedId::LETTERS).or_default();
        Self { cursors, ended, pull: None }
    }

    /// The digest of what is held.
    pub fn digest(&self) -> [u8; 16] {
        digest(self.cursors.iter())
    }

    /// How far this bureau has come in each feed.
    pub fn cursors(&self) -> &BTreeMap<FeedId, Position> {
        &self.cursors
    }

    /// One step.
    pub fn handle(&mut self, input: Input) -> Vec<Effect> {
        match input {
            Input::Start { serial, mirror, news, budget_bytes, window } => {
                let pull = Pull { serial, digest: self.digest(), cursors: None, budget_bytes, window, mirror, news };
                self.send(pull)
            }
            Input::AskedCursors { serial } => self.name_cursors(serial),
            Input::Parcel(items) => self.parcel(items),
            Input::End(end) => {
                self.pull = None;
                vec![Effect::Done { more: end.more, mirrored: end.mirrored }]
            }
        }
    }

    fn send(&mut self, pull: Pull) -> Vec<Effect> {
        self.pull = Some(pull.clone());
        vec![Effect::Send(Message::Pull(pull))]
    }

    fn name_cursors(&mut self, serial: u64) -> Vec<Effect> {
        match self.pull.take() {
            Some(pull) if pull.cursors.is_none() => {
                let cursors = self.cursors.iter().map(|(feed, at)| Cursor { feed: *feed, at: *at }).collect();
                self.send(Pull { serial, digest: self.digest(), cursors: Some(cursors), ..pull })
            }
            _ => vec![Effect::Violated(Violation::AskedTwice)],
        }
    }

    fn parcel(&mut self, items: Vec<Item>) -> Vec<Effect> {
        let mut changes = Vec::with_capacity(items.len());
        for item in items {
            match self.item(item) {
                Ok(change) => changes.extend(change),
                Err(violation) => {
                    let applied = (!changes.is_empty()).then_some(Effect::Apply(changes));
                    return applied.into_iter().chain([Effect::Violated(violation)]).collect();
                }
            }
        }
        if changes.is_empty() { Vec::new() } else { vec![Effect::Apply(changes)] }
    }

    /// The change that an item makes; none where it repeats what is known.
    fn item(&mut self, item: Item) -> Result<Option<Change>, Violation> {
        match item {
            Item::Open { feed, label, groups } => self.open(feed, label, groups),
            Item::Entries { feed, from, entries } => self.entries(feed, from, entries),
            Item::Close { feed } => Ok(self.close(feed)),
        }
    }

    fn open(&mut self, feed: FeedId, label: Label, groups: GroupSet) -> Result<Option<Change>, Violation> {
        if self.cursors.contains_key(&feed) {
            return Ok(None);
        }
        if self.ended.contains(&feed) {
            return Err(Violation::Reopened);
        }
        if self.cursors.len() >= MAX_FEEDS {
            return Err(Violation::TooManyFeeds);
        }
        self.cursors.insert(feed, Position::default());
        Ok(Some(Change::Open { feed, label, groups }))
    }

    fn entries(&mut self, feed: FeedId, from: Position, entries: Vec<Entry>) -> Result<Option<Change>, Violation> {
        let letters = feed == FeedId::LETTERS;
        if entries.iter().any(|entry| matches!(entry, Entry::Letter(_)) != letters) {
            return Err(Violation::Misplaced);
        }
        let at = match self.cursors.get_mut(&feed) {
            Some(at) => at,
            // A copy that arrives after the feed was closed says nothing new.
            None if self.ended.contains(&feed) => return Ok(None),
            None => return Err(Violation::UnknownFeed),
        };
        if from != *at {
            return if from.seq < at.seq { Ok(None) } else { Err(Violation::Gap) };
        }
        *at = at.after(&entries);
        Ok(Some(Change::Entries { feed, entries, to: *at }))
    }

    fn close(&mut self, feed: FeedId) -> Option<Change> {
        if feed == FeedId::LETTERS {
            // Letters cannot be taken back; their count begins anew, so that both sides agree again.
            self.cursors.insert(feed, Position::default());
            return Some(Change::Close { feed });
        }
        self.cursors.remove(&feed)?;
        self.ended.insert(feed);
        Some(Change::Close { feed })
    }
}
