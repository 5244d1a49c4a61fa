//! Who is known: the cards that an administrator enrolled.

use igain_protocol::bureau::BureauId;
use igain_protocol::time::Timestamp;
use minicbor::{Decode, Encode};

use super::{Error, Ledger, encode, table};
use crate::store::Batch;

const NAME: &str = "peers";

/// One enrolled bureau.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct PeerRow {
    /// Its signed card.
    #[cbor(n(0), with = "minicbor::bytes")]
    pub card: Vec<u8>,
    /// When its first card was enrolled.
    #[n(1)]
    pub enrolled: Timestamp,
    /// Since when it gets nothing and nothing of it is accepted.
    #[n(2)]
    pub revoked: Option<Timestamp>,
    /// Tags that the policy may ask for, such as a region.
    #[n(3)]
    pub tags: Vec<String>,
    /// The last exchange that ended well, as a subscriber of this bureau.
    #[n(4)]
    pub synced: Option<Timestamp>,
}

impl Ledger {
    /// All bureaus ever enrolled.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn peers(&self) -> Result<Vec<PeerRow>, Error> {
        Ok(self.rows(NAME, table::PEERS, &[])?.into_iter().map(|(_, row)| row).collect())
    }

    /// Adds or replaces a bureau.
    pub fn put_peer(&self, batch: &mut Batch, bureau: BureauId, row: &PeerRow) {
        batch.put(table::PEERS, *bureau.as_bytes(), encode(row));
    }
}
