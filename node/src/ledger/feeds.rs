//! What peers may see and have seen: the view of each, and which records were delivered to it.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use igain_protocol::bureau::BureauId;
use igain_protocol::label::{ClassId, Label};
use igain_protocol::log::{FeedId, Position};
use igain_protocol::sync::{ClassIndex, Feed, Mark, Phase, View};
use igain_protocol::vocabulary::GroupSet;
use minicbor::bytes::ByteVec;
use minicbor::{Decode, Encode};
use roaring::RoaringBitmap;

use super::{Error, Ledger, decode, encode, part, table};
use crate::store::Batch;

const NAME: &str = "feeds";

/// Slots that one row of deliveries covers: a bitmap of at most 8 KiB.
const SLOTS: u64 = 1 << 16;

#[derive(Encode, Decode)]
#[cbor(map)]
struct Row {
    #[n(0)]
    class: ClassIndex,
    #[cbor(n(1), with = "minicbor::bytes")]
    class_id: [u8; 16],
    #[n(2)]
    label: Option<ByteVec>,
    #[n(3)]
    groups: u8,
    #[n(4)]
    generation: u64,
    /// 0 open, 1 closing, 2 closing and the close was sent.
    #[n(5)]
    phase: u8,
    #[n(6)]
    acked: Option<MarkRow>,
    #[n(7)]
    sent: Vec<MarkRow>,
    #[n(8)]
    again: u64,
}

#[derive(Encode, Decode)]
struct MarkRow {
    #[n(0)]
    at: Position,
    #[n(1)]
    through: u64,
    #[n(2)]
    again: u64,
}

impl Ledger {
    /// The view of one peer.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn view(&self, peer: BureauId) -> Result<View, Error> {
        let rows: Vec<(Vec<u8>, Row)> = self.rows(NAME, table::FEEDS, peer.as_bytes())?;
        let feeds = rows.into_iter().map(|(key, row)| Ok((FeedId::from_bytes(part(NAME, &key, 8)?), row.read()?)));
        Ok(View { feeds: feeds.collect::<Result<_, Error>>()? })
    }

    /// Notes a feed of a peer's view.
    pub fn put_feed(&self, batch: &mut Batch, peer: BureauId, id: FeedId, feed: &Feed) {
        batch.put(table::FEEDS, feed_key(peer, id), encode(&Row::of(feed)));
    }

    /// Forgets a feed of a peer's view.
    pub fn delete_feed(&self, batch: &mut Batch, peer: BureauId, id: FeedId) {
        batch.delete(table::FEEDS, feed_key(peer, id));
    }

    /// Whether a slot of a class was ever delivered to a peer.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn was_delivered(&self, peer: BureauId, class: ClassIndex, slot: u64) -> Result<bool, Error> {
        Ok(self.delivered_page(peer, class, slot / SLOTS)?.contains(low(slot)))
    }

    fn delivered_page(&self, peer: BureauId, class: ClassIndex, page: u64) -> Result<RoaringBitmap, Error> {
        let Some(bytes) = self.store().get(table::DELIVERED, &delivered_key(peer, class, page))? else {
            return Ok(RoaringBitmap::new());
        };
        let bytes: ByteVec = decode(NAME, &bytes)?;
        RoaringBitmap::deserialize_from(bytes.as_slice())
            .map_err(|error| Error::Row { table: NAME, why: error.to_string() })
    }
}

/// What was delivered to one peer, while an answer to it is made: what is noted here counts at once, also before it is
/// durable.
#[derive(Debug)]
pub struct Deliveries {
    peer: BureauId,
    pages: BTreeMap<(ClassIndex, u64), RoaringBitmap>,
}

impl Deliveries {
    /// What was delivered to `peer`.
    pub const fn new(peer: BureauId) -> Self {
        Self { peer, pages: BTreeMap::new() }
    }

    /// Notes that slots of a class are delivered.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn note(&mut self, ledger: &Ledger, batch: &mut Batch, class: ClassIndex, slots: &[u64]) -> Result<(), Error> {
        let pages: BTreeSet<u64> = slots.iter().map(|slot| slot / SLOTS).collect();
        for page in pages {
            let key = delivered_key(self.peer, class, page);
            let bitmap = self.page(ledger, class, page)?;
            let before = bitmap.len();
            bitmap.extend(slots.iter().filter(|slot| *slot / SLOTS == page).map(|slot| low(*slot)));
            if bitmap.len() > before {
                bitmap.optimize();
                let mut bytes = Vec::with_capacity(bitmap.serialized_size());
                // INVARIANT: writing to a Vec cannot fail.
                let _ = bitmap.serialize_into(&mut bytes);
                batch.put(table::DELIVERED, key, encode(&ByteVec::from(bytes)));
            }
        }
        Ok(())
    }

    /// Whether a slot of a class was ever delivered.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn contains(&mut self, ledger: &Ledger, class: ClassIndex, slot: u64) -> Result<bool, Error> {
        Ok(self.page(ledger, class, slot / SLOTS)?.contains(low(slot)))
    }

    fn page(&mut self, ledger: &Ledger, class: ClassIndex, page: u64) -> Result<&mut RoaringBitmap, Error> {
        Ok(match self.pages.entry((class, page)) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(place) => place.insert(ledger.delivered_page(self.peer, class, page)?),
        })
    }
}

/// The place of a slot in its page.
fn low(slot: u64) -> u32 {
    // INVARIANT: the remainder is below 2^16.
    (slot % SLOTS) as u32
}

fn feed_key(peer: BureauId, feed: FeedId) -> Vec<u8> {
    [peer.as_bytes().as_slice(), feed.as_bytes()].concat()
}

fn delivered_key(peer: BureauId, class: ClassIndex, page: u64) -> Vec<u8> {
    [peer.as_bytes().as_slice(), &class.to_be_bytes(), &page.to_be_bytes()].concat()
}

impl Row {
    fn of(feed: &Feed) -> Self {
        Self {
            class: feed.class,
            class_id: *feed.class_id.as_bytes(),
            label: feed.label.as_ref().map(|label| label.canonical().into()),
            groups: feed.groups.bits(),
            generation: feed.generation,
            phase: match feed.phase {
                Phase::Open => 0,
                Phase::Closing { sent: false } => 1,
                Phase::Closing { sent: true } => 2,
            },
            acked: feed.acked.map(MarkRow::of),
            sent: feed.sent.iter().copied().map(MarkRow::of).collect(),
            again: feed.again,
        }
    }

    fn read(self) -> Result<Feed, Error> {
        let bad = |why: String| Error::Row { table: NAME, why };
        let label = self.label.map(|bytes| Label::decode(&bytes)).transpose().map_err(|e| bad(e.to_string()))?;
        Ok(Feed {
            class: self.class,
            class_id: ClassId::from_bytes(self.class_id),
            label,
            groups: GroupSet::from_bits(self.groups).ok_or_else(|| bad("unknown group".into()))?,
            generation: self.generation,
            phase: match self.phase {
                0 => Phase::Open,
                phase => Phase::Closing { sent: phase == 2 },
            },
            acked: self.acked.map(MarkRow::read),
            sent: self.sent.into_iter().map(MarkRow::read).collect(),
            again: self.again,
        })
    }
}

impl MarkRow {
    const fn of(mark: Mark) -> Self {
        Self { at: mark.at, through: mark.through, again: mark.again }
    }

    const fn read(self) -> Mark {
        Mark { at: self.at, through: self.through, again: self.again }
    }
}

#[cfg(test)]
mod tests;
