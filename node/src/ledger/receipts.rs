//! Up to where peers say that they have acted on what they were sent.

use igain_protocol::bureau::BureauId;
use igain_protocol::time::Timestamp;
use minicbor::{Decode, Encode};

use super::{Error, Ledger, decode, encode, table};
use crate::store::Batch;

const NAME: &str = "receipts";

/// Receipts of one peer that are kept: with them the owner tells when what was gone by then.
const KEPT: usize = 256;

/// A receipt as it came.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct ReceiptRow {
    /// The signed receipt.
    #[cbor(n(0), with = "minicbor::bytes")]
    pub signed: Vec<u8>,
    /// When its author says that it had done so.
    #[n(1)]
    pub at: Timestamp,
    /// When it came.
    #[n(2)]
    pub received: Timestamp,
}

impl Ledger {
    /// Keeps a receipt of `peer`, which has acted on all up to number `through` of the log. Of those that it makes too
    /// many, the oldest goes.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn put_receipt(&self, batch: &mut Batch, peer: BureauId, through: u64, row: &ReceiptRow) -> Result<(), Error> {
        batch.put(table::RECEIPTS, key(peer, through), encode(row));
        let kept = self.store().prefix_keys(table::RECEIPTS, peer.as_bytes(), None, KEPT)?;
        if kept.len() == KEPT {
            kept.into_iter().take(1).for_each(|oldest| batch.delete(table::RECEIPTS, oldest));
        }
        Ok(())
    }

    /// Forgets the receipts of `peer`: what it holds now may be other than what it answered for.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn forget_receipts(&self, batch: &mut Batch, peer: BureauId) -> Result<(), Error> {
        let kept = self.store().prefix_keys(table::RECEIPTS, peer.as_bytes(), None, KEPT)?;
        kept.into_iter().for_each(|key| batch.delete(table::RECEIPTS, key));
        Ok(())
    }

    /// The first receipt of `peer` that answers what stands at number `seq` of the log.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn receipt_for(&self, peer: BureauId, seq: u64) -> Result<Option<ReceiptRow>, Error> {
        let after = key(peer, seq.saturating_sub(1));
        let rows = self.store().prefix(table::RECEIPTS, peer.as_bytes(), Some(&after), 1)?;
        rows.first().map(|(_, bytes)| decode(NAME, bytes)).transpose()
    }
}

fn key(peer: BureauId, through: u64) -> Vec<u8> {
    [peer.as_bytes().as_slice(), &through.to_be_bytes()].concat()
}
