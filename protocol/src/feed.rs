//! Feeds: what one bureau tells another, in order.
//!
//! A bureau has two feeds for each other one: letters, and records. The feed of records is all that the peer may have of
//! the bureau's logs, entry by entry, numbered for this peer alone, so that neither numbers nor hashes tell of anything
//! else. A [`Cursor`] names a place in a feed by its generation, a count, and the hash of all that came before.

mod entry;
mod item;
mod letter;

use minicbor::{Decode, Decoder, Encode, Encoder, decode, encode};
use sha2::{Digest as _, Sha256};

pub use entry::Entry;
pub use item::{Filling, Item, MAX_ENTRIES, Run};
pub use letter::{Letter, LetterKind};

/// What a feed is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FeedKind {
    /// Charters, acceptances, receipts, cards.
    Letters,
    /// Records.
    Records,
}

impl FeedKind {
    /// Both, in the order in which they are served.
    pub const ALL: [Self; 2] = [Self::Letters, Self::Records];

    /// Its number.
    pub const fn number(self) -> u8 {
        match self {
            Self::Letters => 0,
            Self::Records => 1,
        }
    }

    /// The kind with this number.
    pub const fn from_number(number: u64) -> Option<Self> {
        match number {
            0 => Some(Self::Letters),
            1 => Some(Self::Records),
            _ => None,
        }
    }
}

/// The greatest generation that a feed can have. Generations follow the clock, so none comes near; there is always room for
/// a later one.
pub const LAST_GENERATION: u64 = 1 << 62;

/// A place in one generation of a feed: how many entries lie before it, and the hash over them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Position {
    /// Entries before this place.
    pub seq: u64,
    /// Hash chained over the runs of entries before this place; all zero at the start.
    pub head: [u8; 16],
}

impl Position {
    /// The place after a run of `count` entries, whose encodings are `bytes`, one after the other.
    #[must_use]
    fn after(&self, count: usize, bytes: &[u8]) -> Self {
        let mut run = Sha256::new();
        run.update(b"igain run 2");
        run.update(self.head);
        run.update(bytes);
        Self { seq: self.seq.saturating_add(count as u64), head: first16(&run.finalize()) }
    }
}

/// How far a peer has come in one feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Cursor {
    /// Which beginning of the feed: a later one is greater. Zero before there was any.
    pub generation: u64,
    /// The place in it up to which everything is durable at the peer.
    pub at: Position,
}

impl Cursor {
    /// Where a subscriber begins anew that had come to this place: its head is none that a place has, so that its provider sends all
    /// of the feed again, and sees by the rest whether it has forgotten some of it.
    #[must_use]
    pub fn anew(self) -> Self {
        Self { at: Position { head: [0; 16], ..self.at }, ..self }
    }

    /// Whether it is such a one.
    pub fn is_anew(&self) -> bool {
        self.at.seq > 0 && self.at.head == [0; 16]
    }
}

/// How far a peer has come in both feeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Cursors {
    /// In that of letters.
    pub letters: Cursor,
    /// In that of records.
    pub records: Cursor,
}

impl Cursors {
    /// That of one feed.
    pub const fn of(&self, feed: FeedKind) -> Cursor {
        match feed {
            FeedKind::Letters => self.letters,
            FeedKind::Records => self.records,
        }
    }

    /// That of one feed, to change it.
    pub const fn of_mut(&mut self, feed: FeedKind) -> &mut Cursor {
        match feed {
            FeedKind::Letters => &mut self.letters,
            FeedKind::Records => &mut self.records,
        }
    }

    /// A digest: equal digests, equal knowledge.
    pub fn digest(&self) -> [u8; 16] {
        let mut hash = Sha256::new();
        hash.update(b"igain cursors 2");
        for cursor in [self.letters, self.records] {
            hash.update(cursor.generation.to_be_bytes());
            hash.update(cursor.at.seq.to_be_bytes());
            hash.update(cursor.at.head);
        }
        first16(&hash.finalize())
    }
}

fn first16(bytes: &[u8]) -> [u8; 16] {
    let mut out = [0; 16];
    out.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
    out
}

impl<C> Encode<C> for Position {
    fn encode<W: encode::Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), encode::Error<W::Error>> {
        e.array(2)?.u64(self.seq)?.bytes(&self.head)?.ok()
    }
}

impl<'b, C> Decode<'b, C> for Position {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, decode::Error> {
        expect_array(d, 2)?;
        Ok(Self { seq: d.u64()?, head: bytes16(d)? })
    }
}

impl<C> Encode<C> for Cursor {
    fn encode<W: encode::Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), encode::Error<W::Error>> {
        e.array(3)?.u64(self.generation)?.u64(self.at.seq)?.bytes(&self.at.head)?.ok()
    }
}

impl<'b, C> Decode<'b, C> for Cursor {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, decode::Error> {
        expect_array(d, 3)?;
        Ok(Self { generation: d.u64()?, at: Position { seq: d.u64()?, head: bytes16(d)? } })
    }
}

fn expect_array(d: &mut Decoder<'_>, len: u64) -> Result<(), decode::Error> {
    let at = d.position();
    match d.array()? {
        Some(n) if n == len => Ok(()),
        _ => Err(decode::Error::message("array of another length").at(at)),
    }
}

fn bytes16(d: &mut Decoder<'_>) -> Result<[u8; 16], decode::Error> {
    let at = d.position();
    d.bytes()?.try_into().map_err(|_| decode::Error::message("expected 16 bytes").at(at))
}
