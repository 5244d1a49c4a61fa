//! References that were withheld from a peer, and the records that it is sent once more when it comes to know what they
//! refer to. The list is each feed's own, so that nobody else sees anything of it.

use igain_protocol::bureau::BureauId;
use igain_protocol::log::FeedId;
use igain_protocol::record::RecordId;

use super::{Error, Ledger, part, table};
use crate::store::Batch;

const NAME: &str = "again";

impl Ledger {
    /// Notes that `from` goes to a peer without its reference to `to`.
    pub fn put_withheld(&self, batch: &mut Batch, peer: BureauId, to: RecordId, from: RecordId) {
        batch.put(table::WITHHELD, withheld_key(peer, to, from), Vec::new());
    }

    /// Forgets that a reference was withheld.
    pub fn delete_withheld(&self, batch: &mut Batch, peer: BureauId, to: RecordId, from: RecordId) {
        batch.delete(table::WITHHELD, withheld_key(peer, to, from));
    }

    /// Whether any reference was withheld from a peer.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn has_withheld(&self, peer: BureauId) -> Result<bool, Error> {
        Ok(!self.store().prefix_keys(table::WITHHELD, peer.as_bytes(), None, 1)?.is_empty())
    }

    /// Some of the records that a peer has without their reference to `to`, at most `limit`.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn withheld(&self, peer: BureauId, to: RecordId, limit: usize) -> Result<Vec<RecordId>, Error> {
        let prefix = [peer.as_bytes().as_slice(), to.as_bytes()].concat();
        let keys = self.store().prefix_keys(table::WITHHELD, &prefix, None, limit)?;
        keys.iter().map(|key| Ok(RecordId::from_bytes(part(NAME, key, 24)?))).collect()
    }

    /// Notes that a peer comes to know `to`: what it has without its reference to it is due to be sent once more.
    pub fn put_known(&self, batch: &mut Batch, peer: BureauId, to: RecordId) {
        batch.put(table::KNOWN, known_key(peer, to), Vec::new());
    }

    /// Notes that all that refers to `to` is on its way once more.
    pub fn delete_known(&self, batch: &mut Batch, peer: BureauId, to: RecordId) {
        batch.delete(table::KNOWN, known_key(peer, to));
    }

    /// A record that a peer came to know, and to which references may still be withheld from it.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn known(&self, peer: BureauId) -> Result<Option<RecordId>, Error> {
        let keys = self.store().prefix_keys(table::KNOWN, peer.as_bytes(), None, 1)?;
        keys.first().map(|key| Ok(RecordId::from_bytes(part(NAME, key, 8)?))).transpose()
    }

    /// Has a record be sent once more through a feed, as number `nth` of those.
    pub fn put_again(&self, batch: &mut Batch, peer: BureauId, feed: FeedId, nth: u64, id: RecordId) {
        batch.put(table::AGAIN, again_key(peer, feed, nth), id.as_bytes().to_vec());
    }

    /// Forgets that a record was to be sent once more.
    pub fn delete_again(&self, batch: &mut Batch, peer: BureauId, feed: FeedId, nth: u64) {
        batch.delete(table::AGAIN, again_key(peer, feed, nth));
    }

    /// A page of the records to be sent once more through a feed, after number `after`, with their numbers.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn again_after(
        &self,
        peer: BureauId,
        feed: FeedId,
        after: u64,
        limit: usize,
    ) -> Result<Vec<(u64, RecordId)>, Error> {
        let prefix = [peer.as_bytes().as_slice(), feed.as_bytes()].concat();
        let after = again_key(peer, feed, after);
        let rows = self.store().prefix(table::AGAIN, &prefix, Some(&after), limit)?;
        let row = |(key, id): (Vec<u8>, Vec<u8>)| {
            Ok((u64::from_be_bytes(part(NAME, &key, 24)?), RecordId::from_bytes(part(NAME, &id, 0)?)))
        };
        rows.into_iter().map(row).collect()
    }
}

fn withheld_key(peer: BureauId, to: RecordId, from: RecordId) -> Vec<u8> {
    [peer.as_bytes().as_slice(), to.as_bytes(), from.as_bytes()].concat()
}

fn known_key(peer: BureauId, to: RecordId) -> Vec<u8> {
    [peer.as_bytes().as_slice(), to.as_bytes()].concat()
}

fn again_key(peer: BureauId, feed: FeedId, nth: u64) -> Vec<u8> {
    [peer.as_bytes().as_slice(), feed.as_bytes(), &nth.to_be_bytes()].concat()
}
