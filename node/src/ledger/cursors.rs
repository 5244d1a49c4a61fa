//! How far this bureau has come in the feeds that it receives.

use std::collections::{BTreeMap, BTreeSet};

use igain_protocol::bureau::BureauId;
use igain_protocol::log::{FeedId, Position};
use igain_protocol::sync::ClassIndex;
use minicbor::{Decode, Encode};

use super::{Error, Ledger, encode, part, table};
use crate::store::Batch;

const NAME: &str = "cursors";

/// The place in one feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct CursorRow {
    /// Everything before it is durable here.
    #[n(0)]
    pub at: Position,
    /// The log that keeps the feed's entries here.
    #[n(1)]
    pub class: ClassIndex,
}

impl Ledger {
    /// All places in the feeds of `provider`.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn cursors(&self, provider: BureauId) -> Result<BTreeMap<FeedId, CursorRow>, Error> {
        let rows = self.rows(NAME, table::CURSORS, provider.as_bytes())?;
        rows.into_iter().map(|(key, row)| Ok((FeedId::from_bytes(part(NAME, &key, 8)?), row))).collect()
    }

    /// The place in one feed.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn cursor(&self, provider: BureauId, feed: FeedId) -> Result<Option<CursorRow>, Error> {
        self.row(NAME, table::CURSORS, &key(provider, feed))
    }

    /// Notes a place.
    pub fn put_cursor(&self, batch: &mut Batch, provider: BureauId, feed: FeedId, row: CursorRow) {
        batch.put(table::CURSORS, key(provider, feed), encode(&row));
    }

    /// Ends a feed for ever.
    pub fn end_feed(&self, batch: &mut Batch, provider: BureauId, feed: FeedId) {
        batch.delete(table::CURSORS, key(provider, feed));
        batch.put(table::ENDED, key(provider, feed), Vec::new());
    }

    /// Whether a feed has ended.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn feed_has_ended(&self, provider: BureauId, feed: FeedId) -> Result<bool, Error> {
        Ok(self.store().contains(table::ENDED, &key(provider, feed))?)
    }

    /// The feeds of `provider` that have ended.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn ended_feeds(&self, provider: BureauId) -> Result<BTreeSet<FeedId>, Error> {
        const MOST: usize = 1 << 20;
        let keys = self.store().prefix_keys(table::ENDED, provider.as_bytes(), None, MOST)?;
        keys.iter().map(|key| Ok(FeedId::from_bytes(part(NAME, key, 8)?))).collect()
    }
}

fn key(provider: BureauId, feed: FeedId) -> Vec<u8> {
    [provider.as_bytes().as_slice(), feed.as_bytes()].concat()
}
