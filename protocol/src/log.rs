//! Feeds: what one bureau may see of another's class logs, entry by entry.
//!
//! A class log holds everything that happened to the records of one label. What a peer sees of it is a **feed**: the
//! entries that it is entitled to, numbered for this peer alone, so that neither numbers nor digests tell of anything
//! else. A [`Cursor`] names a place in a feed by count and by the hash of all that came before.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use minicbor::{Decode, Decoder, Encode, Encoder, decode, encode};
use sha2::{Digest as _, Sha256};
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::bureau::BureauId;
use crate::label::{ClassId, Label};
use crate::record::RecordId;
use crate::vocabulary::GroupSet;

/// Most feeds between two bureaus: their cursors must fit one frame.
pub const MAX_FEEDS: usize = 3_000;

/// Most entries in one item; an item must fit a parcel, and no entry is shorter than 19 bytes.
pub const MAX_ENTRIES: usize = 4_096;

/// The secret of a bureau that blinds its feeds, so that two peers cannot compare theirs.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct FeedSecret([u8; 32]);

impl FeedSecret {
    /// A secret of 32 uniformly random bytes.
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl fmt::Debug for FeedSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FeedSecret(..)")
    }
}

/// One peer's handle of one feed: a keyed hash, meaningless to anyone else.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FeedId([u8; 16]);

impl FeedId {
    /// The feed of letters, which every pair of bureaus has in each direction: charters, acceptances, receipts, cards.
    pub const LETTERS: Self = Self([0; 16]);

    /// The handle under which `peer` knows the feed of `class`; `generation` counts how often it was begun anew.
    pub fn derive(secret: &FeedSecret, peer: BureauId, class: ClassId, generation: u64) -> Self {
        #[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
        let mut mac = Hmac::<Sha256>::new_from_slice(&secret.0).expect("any key length");
        mac.update(b"igain feed 1");
        mac.update(peer.as_bytes());
        mac.update(class.as_bytes());
        mac.update(&generation.to_be_bytes());
        Self(first16(&mac.finalize().into_bytes()))
    }

    /// A handle as it came from a peer or a store.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The 16 bytes of the handle.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Debug for FeedId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// A place in a feed: how many entries lie before it, and the hash over them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Position {
    /// Entries before this place.
    pub seq: u64,
    /// Hash chained over the runs of entries before this place; all zero at the start.
    pub head: [u8; 16],
}

impl Position {
    /// The place after `entries`, which follow this one.
    #[must_use]
    pub fn after(&self, entries: &[Entry]) -> Self {
        let mut run = Sha256::new();
        run.update(b"igain run 1");
        run.update(self.head);
        for entry in entries {
            entry.hash_into(&mut run);
        }
        Self { seq: self.seq.saturating_add(entries.len() as u64), head: first16(&run.finalize()) }
    }
}

/// How far a peer has come in one feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor {
    /// The feed.
    pub feed: FeedId,
    /// The place up to which everything is durable at the peer.
    pub at: Position,
}

/// A digest over a set of cursors: equal digests, equal knowledge.
pub fn digest<'a>(cursors: impl Iterator<Item = (&'a FeedId, &'a Position)>) -> [u8; 16] {
    let mut hash = Sha256::new();
    hash.update(b"igain cursors 1");
    for (feed, at) in cursors {
        hash.update(feed.0);
        hash.update(at.seq.to_be_bytes());
        hash.update(at.head);
    }
    first16(&hash.finalize())
}

fn first16(bytes: &[u8]) -> [u8; 16] {
    let mut out = [0; 16];
    out.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
    out
}

/// What happened to one record, as it travels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// A record that is new in this feed, or a new revision of one that is there: the bytes of a (redacted) record.
    Put(Vec<u8>),
    /// The owner withdrew a record: the bytes of its signed tombstone.
    Withdraw(Vec<u8>),
    /// A record's retention date has passed.
    Expire(RecordId),
    /// A record has left this class for another label.
    Leave(RecordId),
    /// A signed document for this peer.
    Letter(Letter),
}

/// A signed document from one bureau to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// What it is.
    pub kind: LetterKind,
    /// Its COSE_Sign1 bytes.
    pub bytes: Vec<u8>,
}

/// The kinds of letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LetterKind {
    /// The charter of a CAF, signed by its manager: an invitation, or a new version.
    Charter,
    /// A member's acceptance, refusal or leave.
    Acceptance,
    /// What became of records that were sent.
    Receipt,
    /// A renewed card.
    Card,
}

impl LetterKind {
    /// Its number in stored rows.
    pub const fn code(self) -> u8 {
        match self {
            Self::Charter => 0,
            Self::Acceptance => 1,
            Self::Receipt => 2,
            Self::Card => 3,
        }
    }

    /// The kind with this number.
    pub const fn from_code(code: u8) -> Option<Self> {
        Some(match code {
            0 => Self::Charter,
            1 => Self::Acceptance,
            2 => Self::Receipt,
            3 => Self::Card,
            _ => return None,
        })
    }
}

impl Entry {
    /// Bytes that this entry takes in an item, at most a few more than it does.
    pub fn wire_len(&self) -> usize {
        const FRAMING: usize = 8;
        FRAMING
            + match self {
                Self::Put(bytes) | Self::Withdraw(bytes) => bytes.len(),
                Self::Expire(_) | Self::Leave(_) => 16,
                Self::Letter(letter) => letter.bytes.len() + 4,
            }
    }

    fn hash_into(&self, hash: &mut Sha256) {
        let (code, body): (u8, &[u8]) = match self {
            Self::Put(bytes) => (0, bytes),
            Self::Withdraw(bytes) => (1, bytes),
            Self::Expire(id) => (2, id.as_bytes()),
            Self::Leave(id) => (3, id.as_bytes()),
            Self::Letter(letter) => (4 + letter.kind.code(), &letter.bytes),
        };
        hash.update([code]);
        hash.update((body.len() as u64).to_be_bytes());
        hash.update(body);
    }
}

/// One item of a parcel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// A feed begins: from here on the peer may have records of this label, these groups of their fields.
    Open {
        /// Its handle.
        feed: FeedId,
        /// The label of all its records.
        label: Label,
        /// The disclosure groups granted.
        groups: GroupSet,
    },
    /// A run of entries.
    Entries {
        /// The feed that they belong to.
        feed: FeedId,
        /// The place that they follow.
        from: Position,
        /// In order, at least one.
        entries: Vec<Entry>,
    },
    /// A feed ends: what came through it must be purged.
    Close {
        /// Its handle.
        feed: FeedId,
    },
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
    fn encode<W: encode::Write>(&self, e: &mut Encoder<W>, ctx: &mut C) -> Result<(), encode::Error<W::Error>> {
        e.array(2)?.bytes(&self.feed.0)?;
        self.at.encode(e, ctx)
    }
}

impl<'b, C> Decode<'b, C> for Cursor {
    fn decode(d: &mut Decoder<'b>, ctx: &mut C) -> Result<Self, decode::Error> {
        expect_array(d, 2)?;
        Ok(Self { feed: FeedId(bytes16(d)?), at: Position::decode(d, ctx)? })
    }
}

impl<C> Encode<C> for Entry {
    fn encode<W: encode::Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), encode::Error<W::Error>> {
        match self {
            Self::Put(bytes) => e.array(2)?.u8(0)?.bytes(bytes)?.ok(),
            Self::Withdraw(bytes) => e.array(2)?.u8(1)?.bytes(bytes)?.ok(),
            Self::Expire(id) => e.array(2)?.u8(2)?.bytes(id.as_bytes())?.ok(),
            Self::Leave(id) => e.array(2)?.u8(3)?.bytes(id.as_bytes())?.ok(),
            Self::Letter(letter) => e.array(2)?.u8(4 + letter.kind.code())?.bytes(&letter.bytes)?.ok(),
        }
    }
}

impl<'b, C> Decode<'b, C> for Entry {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, decode::Error> {
        expect_array(d, 2)?;
        let at = d.position();
        let code = d.u8()?;
        Ok(match code {
            0 => Self::Put(d.bytes()?.to_vec()),
            1 => Self::Withdraw(d.bytes()?.to_vec()),
            2 => Self::Expire(RecordId::from_bytes(bytes16(d)?)),
            3 => Self::Leave(RecordId::from_bytes(bytes16(d)?)),
            _ => {
                let kind = LetterKind::from_code(code - 4)
                    .ok_or_else(|| decode::Error::message("unknown kind of entry").at(at))?;
                Self::Letter(Letter { kind, bytes: d.bytes()?.to_vec() })
            }
        })
    }
}

impl<C> Encode<C> for Item {
    fn encode<W: encode::Write>(&self, e: &mut Encoder<W>, ctx: &mut C) -> Result<(), encode::Error<W::Error>> {
        match self {
            Self::Open { feed, label, groups } => {
                e.array(4)?.u8(0)?.bytes(&feed.0)?.bytes(&label.canonical())?.u8(groups.bits())?.ok()
            }
            Self::Entries { feed, from, entries } => {
                e.array(4)?.u8(1)?.bytes(&feed.0)?;
                from.encode(e, ctx)?;
                e.array(entries.len() as u64)?;
                entries.iter().try_for_each(|entry| entry.encode(e, ctx))
            }
            Self::Close { feed } => e.array(2)?.u8(2)?.bytes(&feed.0)?.ok(),
        }
    }
}

impl<'b, C> Decode<'b, C> for Item {
    fn decode(d: &mut Decoder<'b>, ctx: &mut C) -> Result<Self, decode::Error> {
        let at = d.position();
        let len = d.array()?;
        let code = d.u8()?;
        match (code, len) {
            (0, Some(4)) => {
                let feed = FeedId(bytes16(d)?);
                let label = Label::decode(d.bytes()?).map_err(|_| decode::Error::message("no label").at(at))?;
                let groups =
                    GroupSet::from_bits(d.u8()?).ok_or_else(|| decode::Error::message("unknown group").at(at))?;
                Ok(Self::Open { feed, label, groups })
            }
            (1, Some(4)) => {
                let feed = FeedId(bytes16(d)?);
                let from = Position::decode(d, ctx)?;
                let entries = entries(d, ctx)?;
                Ok(Self::Entries { feed, from, entries })
            }
            (2, Some(2)) => Ok(Self::Close { feed: FeedId(bytes16(d)?) }),
            _ => Err(decode::Error::message("unknown kind of item").at(at)),
        }
    }
}

fn entries<C>(d: &mut Decoder<'_>, ctx: &mut C) -> Result<Vec<Entry>, decode::Error> {
    let at = d.position();
    let count = d.array()?.and_then(|n| usize::try_from(n).ok()).filter(|n| (1..=MAX_ENTRIES).contains(n));
    let count = count.ok_or_else(|| decode::Error::message("a run has 1 to 4096 entries").at(at))?;
    (0..count).map(|_| Entry::decode(d, ctx)).collect()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_depends_on_every_entry_and_its_order() {
        let start = Position::default();
        let (a, b) = (Entry::Put(vec![1]), Entry::Put(vec![2]));
        let ab = start.after(&[a.clone(), b.clone()]);
        assert_eq!(ab.seq, 2);
        assert_ne!(ab.head, start.after(&[b, a.clone()]).head);
        assert_ne!(start.after(&[a]).head, start.after(&[Entry::Withdraw(vec![1])]).head);
    }

    #[test]
    fn items_come_back_as_they_went() {
        let id = RecordId::from_bytes([7; 16]);
        let entries = vec![
            Entry::Put(vec![1, 2]),
            Entry::Withdraw(vec![3]),
            Entry::Expire(id),
            Entry::Leave(id),
            Entry::Letter(Letter { kind: LetterKind::Card, bytes: vec![4] }),
        ];
        let feed = FeedId::from_bytes([9; 16]);
        for item in [Item::Entries { feed, from: Position::default(), entries }, Item::Close { feed }] {
            let bytes = crate::codec::encode(&item);
            assert_eq!(crate::codec::decode::<Item>(&bytes), Ok(item));
        }
    }

    #[test]
    fn hostile_items_are_errors() {
        for bytes in [&[0x80][..], &[0x84, 1], &[0x82, 9, 0x40], &[0x9f], &[0x84, 1, 0x50], &[]] {
            assert!(crate::codec::decode::<Item>(bytes).is_err(), "{bytes:?}");
        }
    }
}
