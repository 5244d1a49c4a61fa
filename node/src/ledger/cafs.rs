//! Crime Analysis Files: charters, and who has accepted them.

use igain_protocol::bureau::BureauId;
use igain_protocol::caf::CafId;
use igain_protocol::time::Timestamp;
use minicbor::{Decode, Encode};

use super::{Error, Ledger, encode, table};
use crate::store::Batch;

const NAME: &str = "cafs";

/// One CAF.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct CafRow {
    /// The charter, signed by its manager.
    #[cbor(n(0), with = "minicbor::bytes")]
    pub charter: Vec<u8>,
    /// When this version came in.
    #[n(1)]
    pub received: Timestamp,
    /// Another one that its manager signed under the same serial.
    #[cbor(n(2), with = "minicbor::bytes")]
    pub rival: Option<Vec<u8>>,
}

impl Ledger {
    /// All charters.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn cafs(&self) -> Result<Vec<CafRow>, Error> {
        Ok(self.rows(NAME, table::CAFS, &[])?.into_iter().map(|(_, row)| row).collect())
    }

    /// Adds or replaces a charter.
    pub fn put_caf(&self, batch: &mut Batch, caf: CafId, row: &CafRow) {
        batch.put(table::CAFS, *caf.as_bytes(), encode(row));
    }

    /// The signed acceptances of all CAFs, the latest of each member.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn acceptances(&self) -> Result<Vec<Vec<u8>>, Error> {
        let rows: Vec<(Vec<u8>, minicbor::bytes::ByteVec)> = self.rows(NAME, table::ACCEPTANCES, &[])?;
        Ok(rows.into_iter().map(|(_, row)| row.into()).collect())
    }

    /// Forgets a member's acceptance.
    pub fn delete_acceptance(&self, batch: &mut Batch, caf: CafId, member: BureauId) {
        batch.delete(table::ACCEPTANCES, [caf.as_bytes().as_slice(), member.as_bytes()].concat());
    }

    /// Adds or replaces a member's acceptance.
    pub fn put_acceptance(&self, batch: &mut Batch, caf: CafId, member: BureauId, signed: &[u8]) {
        let key = [caf.as_bytes().as_slice(), member.as_bytes()].concat();
        batch.put(table::ACCEPTANCES, key, encode(&minicbor::bytes::ByteVec::from(signed.to_vec())));
    }
}
