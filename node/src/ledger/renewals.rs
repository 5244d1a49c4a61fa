//! Bureaus whose feed of records must begin anew, because this bureau's clock went back: what it passed over as ended may not
//! have.

use igain_protocol::bureau::BureauId;

use super::{Error, Ledger, encode, part, table};
use crate::store::Batch;

const NAME: &str = "renewals";

impl Ledger {
    /// All of them.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn renewals(&self) -> Result<Vec<BureauId>, Error> {
        let rows: Vec<(Vec<u8>, ())> = self.rows(NAME, table::RENEWALS, &[])?;
        let read = |(key, ()): (Vec<u8>, ())| {
            let bureau = BureauId::from_bytes(part(NAME, &key, 0)?);
            bureau.map_err(|error| Error::Row { table: NAME, why: error.to_string() })
        };
        rows.into_iter().map(read).collect()
    }

    /// Notes that the feed of a bureau must begin anew.
    pub fn put_renewal(&self, batch: &mut Batch, bureau: BureauId) {
        batch.put(table::RENEWALS, *bureau.as_bytes(), encode(&()));
    }

    /// Its feed begins anew.
    pub fn delete_renewal(&self, batch: &mut Batch, bureau: BureauId) {
        batch.delete(table::RENEWALS, *bureau.as_bytes());
    }
}
