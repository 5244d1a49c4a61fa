//! What peers say became of what they were sent.

use igain_protocol::bureau::BureauId;
use igain_protocol::record::RecordId;
use igain_protocol::time::Timestamp;
use minicbor::{Decode, Encode};

use super::{Error, Ledger, encode, part, table};
use crate::store::Batch;

const NAME: &str = "receipts";

/// A receipt as it came.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct ReceiptRow {
    /// The signed receipt.
    #[cbor(n(0), with = "minicbor::bytes")]
    pub signed: Vec<u8>,
    /// When it came.
    #[n(1)]
    pub received: Timestamp,
}

impl Ledger {
    /// Keeps a receipt of `peer`. `nonce` tells apart those that came at the same time.
    pub fn put_receipt(&self, batch: &mut Batch, peer: BureauId, nonce: [u8; 8], row: &ReceiptRow) {
        let key = [peer.as_bytes().as_slice(), &row.received.as_ms().to_be_bytes(), &nonce].concat();
        batch.put(table::RECEIPTS, key, encode(row));
    }

    /// Receipts of `peer`, oldest first.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn receipts(&self, peer: BureauId) -> Result<Vec<ReceiptRow>, Error> {
        Ok(self.rows(NAME, table::RECEIPTS, peer.as_bytes())?.into_iter().map(|(_, row)| row).collect())
    }

    /// Notes that `peer` says it has purged a record of this bureau.
    pub fn put_purge(&self, batch: &mut Batch, record: RecordId, peer: BureauId, at: Timestamp) {
        let key = [record.as_bytes().as_slice(), peer.as_bytes()].concat();
        batch.put(table::PURGES, key, encode(&at));
    }

    /// Which peers have said, and when, that they have purged a record of this bureau.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn purges(&self, record: RecordId) -> Result<Vec<(BureauId, Timestamp)>, Error> {
        let rows: Vec<(Vec<u8>, Timestamp)> = self.rows(NAME, table::PURGES, record.as_bytes())?;
        let read = |(key, at): (Vec<u8>, Timestamp)| {
            let peer = BureauId::from_bytes(part(NAME, &key, 16)?);
            Ok((peer.map_err(|error| Error::Row { table: NAME, why: error.to_string() })?, at))
        };
        rows.into_iter().map(read).collect()
    }
}
