//! What peers may see and have seen: the view of each, and which records were delivered to it.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use igain_protocol::bureau::BureauId;
use igain_protocol::feed::{FeedKind, Position};
use igain_protocol::sync::{Feed, Mark, View};
use minicbor::bytes::ByteVec;
use minicbor::{Decode, Encode};
use roaring::RoaringBitmap;

use super::{ClassIndex, Error, Ledger, decode, encode, table};
use crate::store::Batch;

const NAME: &str = "feeds";

/// Records that one row of deliveries covers: a bitmap of at most 8 KiB.
const NUMBERS: u64 = 1 << 16;

/// The row of the classes of which something was delivered.
const CLASSES: u64 = u64::MAX;

#[derive(Encode, Decode)]
#[cbor(map)]
struct Row {
    #[n(0)]
    generation: u64,
    #[n(1)]
    start: u64,
    #[n(2)]
    acked: Option<MarkRow>,
    #[n(3)]
    sent: Vec<MarkRow>,
    #[n(4)]
    passed: Vec<MarkRow>,
}

#[derive(Encode, Decode)]
struct MarkRow {
    #[n(0)]
    at: Position,
    #[n(1)]
    through: u64,
    #[n(2)]
    within: (u32, u64),
}

impl Ledger {
    /// The view of one peer.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn view(&self, peer: BureauId) -> Result<View, Error> {
        Ok(View { letters: self.feed(peer, FeedKind::Letters)?, records: self.feed(peer, FeedKind::Records)? })
    }

    /// One feed of a peer.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn feed(&self, peer: BureauId, kind: FeedKind) -> Result<Feed, Error> {
        let row: Option<Row> = self.row(NAME, table::FEEDS, &feed_key(peer, kind))?;
        Ok(row.map_or_else(Feed::default, Row::read))
    }

    /// Notes a feed of a peer's view.
    pub fn put_feed(&self, batch: &mut Batch, peer: BureauId, kind: FeedKind, feed: &Feed) {
        batch.put(table::FEEDS, feed_key(peer, kind), encode(&Row::of(feed)));
    }

    /// Whether a record was ever delivered to a peer.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn was_delivered(&self, peer: BureauId, number: u64) -> Result<bool, Error> {
        Ok(number != 0 && self.delivered_page(peer, number / NUMBERS)?.contains(low(number)))
    }

    /// The classes of which anything was ever delivered to a peer.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn delivered_classes(&self, peer: BureauId) -> Result<RoaringBitmap, Error> {
        self.delivered_page(peer, CLASSES)
    }

    fn delivered_page(&self, peer: BureauId, page: u64) -> Result<RoaringBitmap, Error> {
        let Some(bytes) = self.store().get(table::DELIVERED, &delivered_key(peer, page))? else {
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
    pages: BTreeMap<u64, RoaringBitmap>,
}

impl Deliveries {
    /// What was delivered to `peer`.
    pub const fn new(peer: BureauId) -> Self {
        Self { peer, pages: BTreeMap::new() }
    }

    /// Notes that records are delivered.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn note(&mut self, ledger: &Ledger, batch: &mut Batch, numbers: &[u64]) -> Result<(), Error> {
        let pages: BTreeSet<u64> = numbers.iter().map(|number| number / NUMBERS).collect();
        for page in pages {
            let key = delivered_key(self.peer, page);
            let bitmap = self.page(ledger, page)?;
            let before = bitmap.len();
            bitmap.extend(numbers.iter().filter(|number| *number / NUMBERS == page).map(|number| low(*number)));
            if bitmap.len() > before {
                batch.put(table::DELIVERED, key, bytes_of(bitmap));
            }
        }
        Ok(())
    }

    /// Notes that records of classes are delivered.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn note_classes(
        &mut self,
        ledger: &Ledger,
        batch: &mut Batch,
        classes: &BTreeSet<ClassIndex>,
    ) -> Result<(), Error> {
        if classes.is_empty() {
            return Ok(());
        }
        let key = delivered_key(self.peer, CLASSES);
        let bitmap = self.page(ledger, CLASSES)?;
        let before = bitmap.len();
        bitmap.extend(classes);
        if bitmap.len() > before {
            batch.put(table::DELIVERED, key, bytes_of(bitmap));
        }
        Ok(())
    }

    /// Whether a record was ever delivered as one of a class.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn contains_class(&mut self, ledger: &Ledger, class: ClassIndex) -> Result<bool, Error> {
        Ok(self.page(ledger, CLASSES)?.contains(class))
    }

    /// Whether a record was ever delivered.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn contains(&mut self, ledger: &Ledger, number: u64) -> Result<bool, Error> {
        Ok(self.page(ledger, number / NUMBERS)?.contains(low(number)))
    }

    fn page(&mut self, ledger: &Ledger, page: u64) -> Result<&mut RoaringBitmap, Error> {
        Ok(match self.pages.entry(page) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(place) => place.insert(ledger.delivered_page(self.peer, page)?),
        })
    }
}

/// A bitmap as it is stored.
fn bytes_of(bitmap: &mut RoaringBitmap) -> Vec<u8> {
    bitmap.optimize();
    let mut bytes = Vec::with_capacity(bitmap.serialized_size());
    // INVARIANT: writing to a Vec cannot fail.
    let _ = bitmap.serialize_into(&mut bytes);
    encode(&ByteVec::from(bytes))
}

/// The place of a number in its page.
fn low(number: u64) -> u32 {
    // INVARIANT: the remainder is below 2^16.
    (number % NUMBERS) as u32
}

fn feed_key(peer: BureauId, kind: FeedKind) -> Vec<u8> {
    [peer.as_bytes().as_slice(), &[kind.number()]].concat()
}

fn delivered_key(peer: BureauId, page: u64) -> Vec<u8> {
    [peer.as_bytes().as_slice(), &page.to_be_bytes()].concat()
}

impl Row {
    fn of(feed: &Feed) -> Self {
        Self {
            generation: feed.generation,
            start: feed.start,
            acked: feed.acked.map(MarkRow::of),
            sent: feed.sent.iter().copied().map(MarkRow::of).collect(),
            passed: feed.passed.iter().copied().map(MarkRow::of).collect(),
        }
    }

    fn read(self) -> Feed {
        Feed {
            generation: self.generation,
            start: self.start,
            acked: self.acked.map(MarkRow::read),
            sent: self.sent.into_iter().map(MarkRow::read).collect(),
            passed: self.passed.into_iter().map(MarkRow::read).collect(),
        }
    }
}

impl MarkRow {
    const fn of(mark: Mark) -> Self {
        Self { at: mark.at, through: mark.through, within: mark.within }
    }

    const fn read(self) -> Mark {
        Mark { at: self.at, through: self.through, within: self.within }
    }
}

#[cfg(test)]
mod tests;
