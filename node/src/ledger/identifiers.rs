//! Exact identifiers, each under a keyed hash of its scheme and canonical form.

use hmac::{Hmac, KeyInit, Mac};
use igain_protocol::vocabulary::Scheme;
use sha2::Sha256;

use super::{Error, Ledger, RecordKey, table};
use crate::store::Batch;

/// The keyed hash of an identifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IdentifierKey([u8; 16]);

impl IdentifierKey {
    /// The key of a canonical form under this node's `secret`.
    pub fn new(secret: &[u8; 32], scheme: Scheme, canonical: &str) -> Self {
        #[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
        let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("any key length");
        mac.update(b"igain identifier 1");
        mac.update(scheme.code().as_bytes());
        mac.update(&[0]);
        mac.update(canonical.as_bytes());
        let mut key = [0; 16];
        key.iter_mut().zip(mac.finalize().into_bytes()).for_each(|(to, from)| *to = from);
        Self(key)
    }
}

impl Ledger {
    /// The records that carry an identifier, at most `limit`.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn identified(&self, identifier: IdentifierKey, limit: usize) -> Result<Vec<RecordKey>, Error> {
        let keys = self.store().prefix_keys(table::IDENTIFIERS, &identifier.0, None, limit)?;
        keys.iter().map(|key| RecordKey::from_bytes(key, 16)).collect()
    }

    /// Notes that a record carries an identifier.
    pub fn put_identifier(&self, batch: &mut Batch, identifier: IdentifierKey, record: RecordKey) {
        batch.put(table::IDENTIFIERS, key(identifier, record), Vec::new());
    }

    /// Notes that a record no longer carries an identifier.
    pub fn delete_identifier(&self, batch: &mut Batch, identifier: IdentifierKey, record: RecordKey) {
        batch.delete(table::IDENTIFIERS, key(identifier, record));
    }
}

fn key(identifier: IdentifierKey, record: RecordKey) -> Vec<u8> {
    [identifier.0.as_slice(), &record.to_bytes()].concat()
}
