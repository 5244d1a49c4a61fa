//! All keys that any bureau's card ever named. A key belongs to one bureau for ever, and to one use; one that has ended
//! stays here, so that nobody comes back with it.

use igain_protocol::bureau::BureauId;
use igain_protocol::time::Timestamp;
use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

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
    /// Why; a build of before did not say.
    #[n(4)]
    pub why: Option<RevokedFor>,
}

/// Why a bureau is revoked.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode, Serialize, Deserialize, clap::ValueEnum,
)]
#[cbor(index_only)]
#[serde(rename_all = "lowercase")]
pub enum RevokedFor {
    /// It takes no part any more. Ends still pass both ways: they only remove.
    #[n(0)]
    Left,
    /// Others may have its keys. Nothing is taken of it, and what it would end is hidden.
    #[n(1)]
    Compromised,
}

impl RevokedFor {
    /// As people write it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Left => "left",
            Self::Compromised => "compromised",
        }
    }

    /// What people write so.
    pub fn named(name: &str) -> Option<Self> {
        [Self::Left, Self::Compromised].into_iter().find(|why| why.as_str() == name)
    }
}

impl KeyRow {
    /// When and why it was revoked. Where nothing is known of why, the worse is taken to be true.
    pub fn revocation(&self) -> Option<(Timestamp, RevokedFor)> {
        self.revoked.map(|at| (at, self.why.unwrap_or(RevokedFor::Compromised)))
    }
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
