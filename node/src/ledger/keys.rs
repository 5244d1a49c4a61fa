//! All keys that any bureau's card ever named. A key belongs to one bureau for ever, and to one use; one that has ended
//! stays here, so that nobody comes back with it.

use igain_protocol::bureau::BureauId;
use igain_protocol::time::Timestamp;
use minicbor::{Decode, Encode};

use super::{Error, Ledger, encode, part, table};
use crate::store::Batch;

const NAME: &str = "keys";

/// What a key is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum KeyUse {
    /// Signs what its bureau says.
    #[n(0)]
    Signing,
    /// Opens what is sealed for its bureau.
    #[n(1)]
    Sealing,
    /// Shows who calls.
    #[n(2)]
    Transport,
}

/// A key and its history.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct KeyRow {
    /// Whose it is.
    #[n(0)]
    pub bureau: BureauId,
    /// What it is for.
    #[n(1)]
    pub what_for: KeyUse,
    /// When a card first named it.
    #[n(2)]
    pub since: Timestamp,
    /// Since when nothing that it signs counts any more.
    #[n(3)]
    pub revoked: Option<Timestamp>,
}

impl Ledger {
    /// All keys.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn keys(&self) -> Result<Vec<([u8; 32], KeyRow)>, Error> {
        let rows = self.rows(NAME, table::KEYS, &[])?;
        rows.into_iter().map(|(key, row)| Ok((part(NAME, &key, 0)?, row))).collect()
    }

    /// Notes a key. None is ever taken out.
    pub fn put_key(&self, batch: &mut Batch, key: &[u8; 32], row: &KeyRow) {
        batch.put(table::KEYS, *key, encode(row));
    }
}
