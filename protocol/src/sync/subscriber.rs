//! The side that asks: follows one provider's feeds and says what changes here.

use super::{End, Hello, Message, Pull};
use crate::feed::{Cursor, Cursors, Entry, FeedKind, Item, LAST_GENERATION, Position, Run};

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
        /// See [`Pull::hello`].
        hello: Hello,
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
    /// A feed begins, or begins anew.
    Open {
        /// Which.
        feed: FeedKind,
        /// Its generation, greater than all before.
        generation: u64,
    },
    /// Entries of a feed.
    Entries {
        /// The feed.
        feed: FeedKind,
        /// The place that they follow.
        from: Position,
        /// Its entries.
        entries: Vec<Entry>,
        /// The place after them.
        to: Cursor,
    },
}

/// How a provider can break the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// Entries for a generation of a feed that was never opened.
    #[error("entries for a feed that is not open")]
    UnknownFeed,
    /// Entries that do not follow what is here.
    #[error("entries that leave a gap after what is held")]
    Gap,
    /// A letter outside the feed of letters, or something else inside it.
    #[error("an entry that has no place in its feed")]
    Misplaced,
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
            Self::Misplaced => "sync.misplaced",
            Self::Unasked => "sync.unasked",
            Self::Overlong => "sync.overlong",
            Self::Endless => "sync.endless",
        }
    }
}

/// What a bureau holds of one provider's feeds.
#[derive(Debug, Clone)]
pub struct Subscriber {
    cursors: Cursors,
}

impl Subscriber {
    /// A subscriber that has come this far.
    pub const fn new(cursors: Cursors) -> Self {
        Self { cursors }
    }

    /// How far this bureau has come.
    pub const fn cursors(&self) -> &Cursors {
        &self.cursors
    }

    /// One step.
    pub fn handle(&mut self, input: Input) -> Vec<Effect> {
        match input {
            Input::Start { serial, mirror, news, budget_bytes, window, hello } => {
                let pull = Pull { serial, cursors: self.cursors, budget_bytes, window, mirror, news, hello };
                vec![Effect::Send(Message::Pull(pull))]
            }
            Input::Parcel(items) => self.parcel(items),
            Input::End(end) => vec![Effect::Done { more: end.more, mirrored: end.mirrored }],
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

    /// The change that an item makes; none where it repeats what is known, or is of an earlier generation.
    fn item(&mut self, item: Item) -> Result<Option<Change>, Violation> {
        match item {
            Item::Open { generation, .. } if generation > LAST_GENERATION => Err(Violation::UnknownFeed),
            Item::Open { feed, generation } => Ok(self.open(feed, generation)),
            Item::Run(run) => self.run(run),
            Item::Other => Ok(None),
        }
    }

    fn open(&mut self, feed: FeedKind, generation: u64) -> Option<Change> {
        let cursor = self.cursors.of_mut(feed);
        (generation > cursor.generation).then(|| {
            *cursor = Cursor { generation, at: Position::default() };
            Change::Open { feed, generation }
        })
    }

    fn run(&mut self, run: Run) -> Result<Option<Change>, Violation> {
        let Run { feed, generation, from, to, entries } = run;
        let misplaced = |entry: &Entry| match entry {
            Entry::Letter(_) => feed != FeedKind::Letters,
            Entry::Other(_) => false,
            _ => feed != FeedKind::Records,
        };
        if entries.iter().any(misplaced) {
            return Err(Violation::Misplaced);
        }
        let cursor = self.cursors.of_mut(feed);
        if generation != cursor.generation {
            return if generation < cursor.generation { Ok(None) } else { Err(Violation::UnknownFeed) };
        }
        if from != cursor.at {
            return if from.seq < cursor.at.seq { Ok(None) } else { Err(Violation::Gap) };
        }
        cursor.at = to;
        Ok(Some(Change::Entries { feed, from, entries, to: *cursor }))
    }
}
