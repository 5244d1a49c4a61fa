//! What a provider remembers of one peer: its feeds, and how far the peer has come in each.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::bureau::BureauId;
use crate::label::{ClassId, Label};
use crate::log::{FeedId, FeedSecret, Position, digest};
use crate::vocabulary::GroupSet;

/// Where a node keeps a class among its own: a small number, never sent.
pub type ClassIndex = u32;

/// The class under which letters to a peer are kept.
pub const LETTERS_CLASS: ClassIndex = ClassIndex::MAX;

/// The last sequence number of each class log.
pub type Heads = BTreeMap<ClassIndex, u64>;

/// Most unconfirmed places remembered of one feed. A subscriber that stops for so long that its place is forgotten
/// gets the feed anew.
const MAX_MARKS: usize = 256;

/// A place in a peer's feed and the place in the class log that it stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Mark {
    /// The place as the peer knows it.
    pub at: Position,
    /// Entries of the class log up to here are behind the place.
    pub through: u64,
    /// Records to be sent once more, up to this number, are behind the place.
    pub again: u64,
}

/// Whether a feed is served or being taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// The peer may have it.
    Open,
    /// The peer must purge it.
    Closing {
        /// A close has been sent, though perhaps not received.
        sent: bool,
    },
}

/// One feed of one peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Feed {
    /// The class log that it shows.
    pub class: ClassIndex,
    /// The class, as its owner names it.
    pub class_id: ClassId,
    /// The label of that class; letters have none.
    pub label: Option<Label>,
    /// The groups of fields that the peer gets.
    pub groups: GroupSet,
    /// When it was begun, in milliseconds; a feed begun anew has a later one.
    pub generation: u64,
    /// Whether it is served.
    pub phase: Phase,
    /// The place that the peer is known to have reached; none before it is known to have the feed.
    pub acked: Option<Mark>,
    /// Places that it may have reached since, oldest first.
    pub sent: VecDeque<Mark>,
    /// How many records were ever to be sent once more: ones that refer to what the peer came to know only later.
    pub again: u64,
}

/// What a peer is entitled to of one class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// The class.
    pub class_id: ClassId,
    /// Its label.
    pub label: Label,
    /// The groups of fields.
    pub groups: GroupSet,
}

impl Feed {
    /// A feed at its beginning.
    pub fn open(class: ClassIndex, grant: &Grant, generation: u64) -> Self {
        Self {
            class,
            class_id: grant.class_id,
            label: Some(grant.label.clone()),
            groups: grant.groups,
            generation,
            phase: Phase::Open,
            acked: None,
            sent: VecDeque::new(),
            again: 0,
        }
    }

    /// The last place that has been sent, or else confirmed.
    fn last(&self) -> Option<Mark> {
        self.sent.back().copied().or(self.acked)
    }

    /// The peer may hold something of this feed.
    pub fn may_be_held(&self) -> bool {
        self.acked.is_some() || !self.sent.is_empty()
    }

    pub(super) fn note_sent(&mut self, mark: Mark) {
        if self.sent.back().is_some_and(|last| last.at == mark.at) {
            self.sent.pop_back();
        }
        self.sent.push_back(mark);
        if self.sent.len() > MAX_MARKS {
            self.sent.pop_front();
        }
    }

    /// Takes `at` as the peer's place; false where no such place was ever sent.
    pub(super) fn confirm(&mut self, at: Position) -> bool {
        if self.acked.is_some_and(|mark| mark.at == at) {
            return true;
        }
        if let Some(found) = self.sent.iter().rposition(|mark| mark.at == at) {
            self.acked = self.sent.drain(..=found).next_back();
            return true;
        }
        // The peer has the feed and nothing of it yet.
        let opened = at == Position::default() && self.acked.is_none();
        if opened {
            self.acked = Some(Mark::default());
        }
        opened
    }
}

/// All feeds of one peer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct View {
    /// By the handle that the peer knows.
    pub feeds: BTreeMap<FeedId, Feed>,
}

impl View {
    /// What the peer is known to hold.
    pub fn acked_digest(&self) -> [u8; 16] {
        let acked = self.feeds.iter().filter_map(|(id, feed)| feed.acked.map(|mark| (id, mark.at)));
        digest_of(acked)
    }

    /// What the peer holds if all that was sent has arrived.
    pub(super) fn sent_digest(&self) -> [u8; 16] {
        let open = self.feeds.iter().filter(|(_, feed)| feed.phase != Phase::Closing { sent: true });
        digest_of(open.filter_map(|(id, feed)| feed.last().map(|mark| (id, mark.at))))
    }

    /// Something waits for the peer, or is not known to have reached it. `head` is how long each log is.
    pub fn has_news(&self, head: &dyn Fn(ClassIndex) -> u64) -> bool {
        self.feeds.values().any(|feed| feed.is_behind(head))
    }

    /// Whether a feed is served.
    pub fn is_open(&self, id: FeedId) -> bool {
        self.feeds.get(&id).is_some_and(|feed| feed.phase == Phase::Open)
    }

    /// Begins and ends feeds so that the open ones are just `grants`. Returns the handles of those that changed; one
    /// that is no longer there was never shown to the peer.
    pub fn entitle(
        &mut self,
        peer: BureauId,
        secret: &FeedSecret,
        grants: &BTreeMap<ClassIndex, Grant>,
        now_ms: u64,
    ) -> Vec<FeedId> {
        let granted = |feed: &Feed| grants.get(&feed.class).is_some_and(|grant| grant.groups == feed.groups);
        let lost: Vec<FeedId> = self.open_feeds().filter(|(_, feed)| !granted(feed)).map(|(id, _)| id).collect();
        lost.iter().for_each(|id| self.end(*id));
        let served = self.open_classes();
        let new: Vec<_> = grants.iter().filter(|(class, _)| !served.contains(class)).collect();
        let begun = new.into_iter().map(|(class, grant)| self.begin(peer, secret, *class, grant, now_ms));
        let begun: Vec<FeedId> = begun.collect();
        lost.into_iter().chain(begun).collect()
    }

    /// Takes a feed back and begins it anew, for a peer that shows a place in it that was never sent. Letters are not
    /// sent again; their count starts anew.
    pub fn renew(&mut self, peer: BureauId, secret: &FeedSecret, id: FeedId, now_ms: u64) -> Vec<FeedId> {
        if id == FeedId::LETTERS {
            let letters = self.letters();
            let through = letters.last().map_or(0, |mark| mark.through);
            letters.acked = Some(Mark { through, ..Mark::default() });
            letters.sent.clear();
            return vec![id];
        }
        let Some(feed) = self.feeds.get(&id).filter(|feed| feed.phase == Phase::Open) else { return Vec::new() };
        let (class, groups) = (feed.class, feed.groups);
        let Some(label) = feed.label.clone() else { return Vec::new() };
        let grant = Grant { class_id: feed.class_id, label, groups };
        self.end(id);
        vec![id, self.begin(peer, secret, class, &grant, now_ms)]
    }

    /// Feeds of classes that the peer may have.
    pub fn open_feeds(&self) -> impl Iterator<Item = (FeedId, &Feed)> {
        let classes = self.feeds.iter().filter(|(id, _)| **id != FeedId::LETTERS);
        classes.filter(|(_, feed)| feed.phase == Phase::Open).map(|(id, feed)| (*id, feed))
    }

    /// Classes that the peer may have.
    pub fn open_classes(&self) -> BTreeSet<ClassIndex> {
        self.open_feeds().map(|(_, feed)| feed.class).collect()
    }

    fn end(&mut self, id: FeedId) {
        match self.feeds.get_mut(&id) {
            Some(feed) if feed.may_be_held() => feed.phase = Phase::Closing { sent: false },
            _ => drop(self.feeds.remove(&id)),
        }
    }

    /// A feed has a handle that was never used before: a later generation than all of its class.
    fn begin(&mut self, peer: BureauId, secret: &FeedSecret, class: ClassIndex, grant: &Grant, now_ms: u64) -> FeedId {
        let earlier = self.feeds.values().filter(|feed| feed.class == class).map(|feed| feed.generation).max();
        let generation = earlier.map_or(now_ms, |last| now_ms.max(last.saturating_add(1)));
        let id = FeedId::derive(secret, peer, grant.class_id, generation);
        self.feeds.insert(id, Feed::open(class, grant, generation));
        id
    }

    /// The feed of letters, which every view has.
    pub fn letters(&mut self) -> &mut Feed {
        self.feeds.entry(FeedId::LETTERS).or_insert_with(|| Feed {
            class: LETTERS_CLASS,
            class_id: ClassId::from_bytes([0; 16]),
            label: None,
            groups: GroupSet::EMPTY,
            generation: 0,
            phase: Phase::Open,
            acked: Some(Mark::default()),
            sent: VecDeque::new(),
            again: 0,
        })
    }
}

impl Feed {
    pub(super) fn is_behind(&self, head: &dyn Fn(ClassIndex) -> u64) -> bool {
        match (self.phase, self.acked) {
            (Phase::Closing { .. }, _) | (Phase::Open, None) => true,
            (Phase::Open, Some(mark)) => mark.through < head(self.class) || mark.again < self.again,
        }
    }
}

fn digest_of<'a>(places: impl Iterator<Item = (&'a FeedId, Position)>) -> [u8; 16] {
    let places: Vec<_> = places.collect();
    digest(places.iter().map(|(id, at)| (*id, at)))
}
