//! Who is known: the cards that an administrator enrolled.

use igain_protocol::bureau::BureauId;
use igain_protocol::time::Timestamp;
use minicbor::{Decode, Encode};

use super::{Error, Ledger, PeerNumber, encode, part, table};
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
    /// Tags that the policy may ask for, such as a region.
    #[n(3)]
    pub tags: Vec<String>,
    /// Its number among all that were ever enrolled, by which it is named in sets of peers.
    #[n(5)]
    pub number: PeerNumber,
}

impl Ledger {
    /// All bureaus ever enrolled.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn peers(&self) -> Result<Vec<(BureauId, PeerRow)>, Error> {
        let read = |(key, row): (Vec<u8>, PeerRow)| {
            let bureau = BureauId::from_bytes(part(NAME, &key, 0)?);
            Ok((bureau.map_err(|error| Error::Row { table: NAME, why: error.to_string() })?, row))
        };
        self.rows(NAME, table::PEERS, &[])?.into_iter().map(read).collect()
    }

    /// Adds or replaces a bureau.
    pub fn put_peer(&self, batch: &mut Batch, bureau: BureauId, row: &PeerRow) {
        batch.put(table::PEERS, *bureau.as_bytes(), encode(row));
    }

    /// When the last exchange with each bureau, as a subscriber of it, ended well.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn synced(&self) -> Result<Vec<(BureauId, Timestamp)>, Error> {
        let read = |(key, at): (Vec<u8>, Timestamp)| {
            let bureau = BureauId::from_bytes(part(NAME, &key, 0)?);
            Ok((bureau.map_err(|error| Error::Row { table: NAME, why: error.to_string() })?, at))
        };
        self.rows(NAME, table::SYNCED, &[])?.into_iter().map(read).collect()
    }

    /// Notes when the last exchange with a bureau ended well.
    pub fn put_synced(&self, batch: &mut Batch, bureau: BureauId, at: Timestamp) {
        batch.put(table::SYNCED, *bureau.as_bytes(), encode(&at));
    }
}
