//! What a provider remembers of one peer: how far it has come in each feed, and what each place in a feed stands for.

use std::collections::VecDeque;

use crate::feed::{Cursor, Cursors, FeedKind, LAST_GENERATION, Position};

/// Most places remembered that were sent and not yet confirmed. A subscriber that stops for so long that its place is
/// forgotten gets the feed anew.
const SENT_MARKS: usize = 256;

/// Most places remembered that were confirmed and left behind: a subscriber that was put back to one of them goes on
/// from there, and a receipt that names one is understood.
const PASSED_MARKS: usize = 64;

/// A place in a peer's feed, and what it stands for in the provider's books.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Mark {
    /// The place as the peer knows it.
    pub at: Position,
    /// Entries of the provider's log, or letters, up to this number are behind the place.
    pub through: u64,
    /// Of something that stands between that number and the next, and takes more than one parcel, as much as this is
    /// behind the place. Only the provider knows what it means.
    pub within: (u32, u64),
}

/// One feed to one peer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Feed {
    /// Which beginning it is; zero before the first.
    pub generation: u64,
    /// The number that it begins after.
    pub start: u64,
    /// The place that the peer is known to have reached; none before it is known to have this generation.
    pub acked: Option<Mark>,
    /// Places that it may have reached since, oldest first.
    pub sent: VecDeque<Mark>,
    /// Places that it has left behind, oldest first.
    pub passed: VecDeque<Mark>,
}

/// What became of a cursor that a peer shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Confirmed {
    /// It is where it was.
    Same,
    /// It is somewhere else, where it was sent to.
    Moved,
    /// No such place is known: the feed must begin anew.
    Lost,
}

impl Feed {
    /// A feed that begins after number `start`.
    pub fn begun(generation: u64, start: u64) -> Self {
        Self { generation, start, ..Self::default() }
    }

    /// What comes next follows this.
    pub fn place(&self) -> Mark {
        self.acked.unwrap_or(Mark { through: self.start, ..Mark::default() })
    }

    /// The number up to which everything was sent.
    pub fn sent_through(&self) -> u64 {
        self.sent.back().map_or(self.place().through, |mark| mark.through)
    }

    /// The oldest number that the peer may have to be served from again.
    pub fn oldest(&self) -> u64 {
        self.passed.iter().map(|mark| mark.through).fold(self.place().through, u64::min)
    }

    /// What a place that the peer names stands for: none where it was never sent, or is forgotten.
    pub fn mark(&self, generation: u64, at: Position) -> Option<Mark> {
        let known = self.passed.iter().chain(&self.acked).chain(&self.sent);
        known.copied().filter(|_| generation == self.generation).find(|mark| mark.at == at)
    }

    /// Whether a cursor shows that this side has forgotten: it names a generation, or a place in this one, that was never sent
    /// as far as is known here, and does not lie so far behind that it may be forgotten.
    pub fn is_ahead(&self, cursor: Cursor) -> bool {
        if cursor.generation != self.generation {
            return cursor.generation > self.generation && cursor.generation <= LAST_GENERATION;
        }
        let known = self.passed.iter().chain(&self.acked).chain(&self.sent).map(|mark| mark.at.seq);
        if cursor.is_anew() {
            return self.generation > 0 && cursor.at.seq > known.max().unwrap_or_default();
        }
        let oldest = self.passed.iter().chain(&self.acked).chain(&self.sent).map(|mark| mark.at.seq).min();
        let known = cursor.at == Position::default() || self.mark(cursor.generation, cursor.at).is_some();
        self.generation > 0 && !known && cursor.at.seq > oldest.unwrap_or_default()
    }

    pub(super) fn note_sent(&mut self, mark: Mark) {
        // An answer that broke off went further: what follows is sent again.
        self.sent.retain(|sent| sent.at.seq < mark.at.seq);
        self.sent.push_back(mark);
        if self.sent.len() > SENT_MARKS {
            self.sent.pop_front();
        }
    }

    /// Takes the peer's word for where it is.
    pub(super) fn confirm(&mut self, cursor: Cursor) -> Confirmed {
        if self.generation == 0 {
            return Confirmed::Lost;
        }
        if cursor.generation > LAST_GENERATION {
            return Confirmed::Lost;
        }
        if cursor.generation == self.generation && cursor.is_anew() {
            return Confirmed::Lost;
        }
        if cursor.generation != self.generation {
            // It does not have this one yet.
            let early = self.acked.is_none() && cursor.generation < self.generation;
            return if early { Confirmed::Same } else { Confirmed::Lost };
        }
        if self.acked.is_some_and(|mark| mark.at == cursor.at) {
            return Confirmed::Same;
        }
        if let Some(found) = self.sent.iter().rposition(|mark| mark.at == cursor.at) {
            self.passed.extend(self.acked);
            self.passed.extend(self.sent.drain(..found));
            self.acked = self.sent.pop_front();
            let over = self.passed.len().saturating_sub(PASSED_MARKS);
            self.passed.drain(..over);
            return Confirmed::Moved;
        }
        if self.acked.is_none() && cursor.at == Position::default() {
            self.acked = Some(self.place());
            return Confirmed::Moved;
        }
        // It was put back to where it was before.
        if let Some(found) = self.passed.iter().rposition(|mark| mark.at == cursor.at) {
            self.acked = self.passed.get(found).copied();
            self.passed.truncate(found);
            self.sent.clear();
            return Confirmed::Moved;
        }
        Confirmed::Lost
    }

    /// The cursor of a peer that has come as far as is known.
    fn cursor(&self) -> Cursor {
        self.acked.map_or(Cursor::default(), |mark| Cursor { generation: self.generation, at: mark.at })
    }
}

/// Both feeds of one peer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct View {
    /// Of letters.
    pub letters: Feed,
    /// Of records.
    pub records: Feed,
}

impl View {
    /// One feed.
    pub const fn feed(&self, kind: FeedKind) -> &Feed {
        match kind {
            FeedKind::Letters => &self.letters,
            FeedKind::Records => &self.records,
        }
    }

    /// One feed, to change it.
    pub const fn feed_mut(&mut self, kind: FeedKind) -> &mut Feed {
        match kind {
            FeedKind::Letters => &mut self.letters,
            FeedKind::Records => &mut self.records,
        }
    }

    /// Whether the cursors that the peer shows say that this side has forgotten something, see [`Feed::is_ahead`].
    pub fn is_behind(&self, shown: &Cursors) -> bool {
        FeedKind::ALL.into_iter().any(|kind| self.feed(kind).is_ahead(shown.of(kind)))
    }

    /// A digest of what the peer is known to hold, as [`Cursors::digest`] makes it.
    pub fn acked_digest(&self) -> [u8; 16] {
        Cursors { letters: self.letters.cursor(), records: self.records.cursor() }.digest()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(seq: u64) -> Mark {
        Mark { at: Position { seq, head: [seq as u8; 16] }, through: seq * 10, ..Mark::default() }
    }

    fn shown(generation: u64, seq: u64) -> Cursor {
        Cursor { generation, at: mark(seq).at }
    }

    fn feed(sent: u64) -> Feed {
        let mut feed = Feed::begun(5, 0);
        (1..=sent).for_each(|seq| feed.note_sent(mark(seq)));
        feed
    }

    #[test]
    fn a_peer_goes_on_from_every_place_that_it_was_sent_to() {
        let mut feed = feed(4);
        assert_eq!(feed.confirm(shown(5, 3)), Confirmed::Moved);
        assert_eq!((feed.place(), feed.sent.len(), feed.passed.len()), (mark(3), 1, 2));
        assert_eq!(feed.confirm(shown(5, 3)), Confirmed::Same);
        assert_eq!(feed.oldest(), 10);
        // A backup of the peer was put in place.
        assert_eq!(feed.confirm(shown(5, 1)), Confirmed::Moved);
        assert_eq!((feed.place(), feed.sent.len(), feed.passed.len()), (mark(1), 0, 0));
        assert_eq!(feed.confirm(shown(5, 3)), Confirmed::Lost, "what followed was forgotten, and is sent otherwise");
    }

    #[test]
    fn an_answer_that_broke_off_leaves_no_marks_that_are_out_of_order() {
        let mut feed = feed(5);
        for _ in 0..20 {
            (1..=5).for_each(|seq| feed.note_sent(mark(seq)));
        }
        assert_eq!(feed.sent.len(), 5);
        assert_eq!(feed.confirm(shown(5, 1)), Confirmed::Moved);
        assert_eq!((feed.oldest(), feed.place()), (10, mark(1)), "nothing behind it is forgotten");
    }

    #[test]
    fn other_generations_begin_anew_unless_the_peer_has_not_heard_of_this_one() {
        let mut feed = feed(2);
        assert_eq!(feed.confirm(shown(4, 9)), Confirmed::Same, "an older one");
        assert_eq!(feed.confirm(shown(6, 9)), Confirmed::Lost, "a later one: this side was put back");
        assert_eq!(feed.confirm(Cursor { generation: 5, at: Position::default() }), Confirmed::Moved);
        assert_eq!(feed.confirm(shown(4, 9)), Confirmed::Lost, "it had this one");
        assert_eq!(Feed::default().confirm(Cursor::default()), Confirmed::Lost);
    }

    #[test]
    fn only_a_place_that_was_never_sent_says_that_this_side_has_forgotten() {
        let mut feed = feed(4);
        assert_eq!(feed.confirm(shown(5, 2)), Confirmed::Moved);
        let forged = Cursor { generation: 5, at: Position { seq: 3, head: [9; 16] } };
        let ahead = [shown(5, 5), shown(6, 0), forged];
        assert!(ahead.into_iter().all(|cursor| feed.is_ahead(cursor)));
        let late = Cursor { generation: LAST_GENERATION + 1, at: Position::default() };
        let behind = [shown(5, 4), shown(5, 2), Cursor { generation: 5, at: Position::default() }, shown(4, 9), late];
        assert!(!behind.into_iter().any(|cursor| feed.is_ahead(cursor)));
        // So far behind that it is forgotten.
        let mut long = Feed::begun(5, 0);
        (1..=1_000).for_each(|seq| long.note_sent(mark(seq)));
        assert!(!long.is_ahead(shown(5, 3)));
        assert!(long.is_ahead(shown(5, 1_001)));
        // Who begins anew says how far it had come.
        assert_eq!((feed.is_ahead(shown(5, 4).anew()), feed.is_ahead(shown(5, 5).anew())), (false, true));
        assert_eq!(feed.clone().confirm(shown(5, 2).anew()), Confirmed::Lost);
        assert!(!Feed::default().is_ahead(Cursor::default()));
        assert!(Feed::default().is_ahead(shown(1, 0)));
    }

    #[test]
    fn what_is_remembered_is_bounded_and_old_places_are_understood() {
        let mut feed = feed(1_000);
        assert_eq!(feed.sent.len(), SENT_MARKS);
        assert_eq!(feed.confirm(shown(5, 1_000)), Confirmed::Moved);
        assert_eq!(feed.passed.len(), PASSED_MARKS);
        assert_eq!(feed.mark(5, mark(990).at), Some(mark(990)));
        assert_eq!((feed.mark(5, mark(3).at), feed.mark(4, mark(990).at)), (None, None));
    }
}
