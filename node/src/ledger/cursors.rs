//! How far this bureau has come in the feeds that it receives.

use igain_protocol::bureau::BureauId;
use igain_protocol::feed::{Cursor, Cursors, FeedKind};

use super::{Error, Ledger, encode, table};
use crate::store::Batch;

const NAME: &str = "cursors";

impl Ledger {
    /// How far this bureau has come in the feeds of `provider`.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn cursors(&self, provider: BureauId) -> Result<Cursors, Error> {
        let cursor = |feed| Ok::<_, Error>(self.row(NAME, table::CURSORS, &key(provider, feed))?.unwrap_or_default());
        Ok(Cursors { letters: cursor(FeedKind::Letters)?, records: cursor(FeedKind::Records)? })
    }

    /// Notes a place.
    pub fn put_cursor(&self, batch: &mut Batch, provider: BureauId, feed: FeedKind, cursor: Cursor) {
        batch.put(table::CURSORS, key(provider, feed), encode(&cursor));
    }
}

fn key(provider: BureauId, feed: FeedKind) -> Vec<u8> {
    [provider.as_bytes().as_slice(), &[feed.number()]].concat()
}
