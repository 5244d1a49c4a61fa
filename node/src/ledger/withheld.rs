//! References that were withheld from a peer: what has them is sent once more when the peer comes to know what they refer
//! to.

use igain_protocol::bureau::BureauId;
use igain_protocol::record::RecordId;

use super::{Error, Ledger, part, table};
use crate::store::Batch;

const NAME: &str = "withheld";

/// A reference that was withheld: from a peer, to a record, in a record.
pub type Withheld = (BureauId, RecordId, RecordId);

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

    /// A page of all references that were withheld, after one: from whom, to what, and what has them.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn all_withheld(&self, after: Option<Withheld>, limit: usize) -> Result<Vec<Withheld>, Error> {
        let after = after.map(|(peer, to, from)| withheld_key(peer, to, from));
        let keys = self.store().prefix_keys(table::WITHHELD, &[], after.as_deref(), limit)?;
        let read = |key: &Vec<u8>| {
            let peer = BureauId::from_bytes(part(NAME, key, 0)?);
            let peer = peer.map_err(|error| Error::Row { table: NAME, why: error.to_string() })?;
            let id = |at| Ok::<_, Error>(RecordId::from_bytes(part(NAME, key, at)?));
            Ok((peer, id(8)?, id(24)?))
        };
        keys.iter().map(read).collect()
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
}

fn withheld_key(peer: BureauId, to: RecordId, from: RecordId) -> Vec<u8> {
    [peer.as_bytes().as_slice(), to.as_bytes(), from.as_bytes()].concat()
}

fn known_key(peer: BureauId, to: RecordId) -> Vec<u8> {
    [peer.as_bytes().as_slice(), to.as_bytes()].concat()
}
