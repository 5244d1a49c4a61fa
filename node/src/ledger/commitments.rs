//! Commitments of other bureaus to the ends of their audit logs: the last of each day.

use igain_protocol::bureau::BureauId;
use igain_protocol::sync::Commitment;
use igain_protocol::time::Timestamp;
use minicbor::{Decode, Encode};

use super::{Error, Ledger, decode, encode, table};
use crate::store::Batch;

const NAME: &str = "commitments";

/// Days of one bureau that are kept.
const KEPT: usize = 60;

#[derive(Encode, Decode)]
struct Row {
    #[n(0)]
    at: Timestamp,
    #[cbor(n(1), with = "minicbor::bytes")]
    digest: [u8; 32],
}

impl Ledger {
    /// Those of a bureau, the oldest first.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn commitments(&self, of: BureauId) -> Result<Vec<Commitment>, Error> {
        let rows = self.store().prefix(table::COMMITMENTS, of.as_bytes(), None, KEPT + 1)?;
        let read = |(_, bytes): &(Vec<u8>, Vec<u8>)| {
            decode::<Row>(NAME, bytes).map(|row| Commitment { at: row.at, digest: row.digest })
        };
        rows.iter().map(read).collect()
    }

    /// Keeps one, in the place of an earlier one that came on the same day; `today` is that. Of too many days, the oldest goes.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn put_commitment(
        &self,
        batch: &mut Batch,
        of: BureauId,
        today: Timestamp,
        commitment: &Commitment,
    ) -> Result<(), Error> {
        let key = [of.as_bytes().as_slice(), &today.day().as_days().to_be_bytes()].concat();
        let row = Row { at: commitment.at, digest: commitment.digest };
        batch.put(table::COMMITMENTS, key, encode(&row));
        let kept = self.store().prefix_keys(table::COMMITMENTS, of.as_bytes(), None, KEPT + 1)?;
        if kept.len() > KEPT {
            kept.into_iter().take(1).for_each(|oldest| batch.delete(table::COMMITMENTS, oldest));
        }
        Ok(())
    }
}
