//! The charters with which this bureau dismissed others from its files, for those that were away when it did.

use igain_protocol::bureau::BureauId;
use igain_protocol::caf::CafId;
use minicbor::bytes::ByteVec;

use super::{Error, Ledger, encode, table};
use crate::store::Batch;

const NAME: &str = "dismissals";

impl Ledger {
    /// The charters with which a bureau was dismissed, one of each file.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn dismissals(&self, bureau: BureauId) -> Result<Vec<Vec<u8>>, Error> {
        let rows: Vec<(Vec<u8>, ByteVec)> = self.rows(NAME, table::DISMISSALS, bureau.as_bytes())?;
        Ok(rows.into_iter().map(|(_, charter)| charter.into()).collect())
    }

    /// Notes the signed charter with which a bureau was dismissed.
    pub fn put_dismissal(&self, batch: &mut Batch, bureau: BureauId, caf: CafId, charter: &[u8]) {
        batch.put(table::DISMISSALS, key(bureau, caf), encode(&ByteVec::from(charter.to_vec())));
    }

    /// Forgets a dismissal: the bureau is a member again.
    pub fn delete_dismissal(&self, batch: &mut Batch, bureau: BureauId, caf: CafId) {
        batch.delete(table::DISMISSALS, key(bureau, caf));
    }
}

fn key(bureau: BureauId, caf: CafId) -> Vec<u8> {
    [bureau.as_bytes().as_slice(), caf.as_bytes()].concat()
}
