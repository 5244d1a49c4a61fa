//! How much of this bureau's means each other one has spent.

use igain_protocol::bureau::BureauId;
use minicbor::{Decode, Encode};

use super::{Error, Ledger, encode, part, table};
use crate::store::Batch;

const NAME: &str = "budgets";

/// What one bureau has spent: for each measure, the microsecond since 1970 at which all of it is given back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Encode, Decode)]
#[cbor(map)]
pub struct BudgetRow {
    /// Entries of its feed of records.
    #[n(0)]
    pub records: u64,
    /// Bytes of them.
    #[n(1)]
    pub bytes: u64,
    /// Commits that it has caused.
    #[n(2)]
    pub commits: u64,
    /// Charters, answers, receipts, cards, feeds that began anew, and what of it was refused.
    #[n(3)]
    pub changes: u64,
    /// When it spent last, in milliseconds: should the time go back, all of these go back with it.
    #[n(4)]
    pub at_ms: u64,
}

impl Ledger {
    /// What each bureau has spent.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn budgets(&self) -> Result<Vec<(BureauId, BudgetRow)>, Error> {
        let rows = self.rows(NAME, table::BUDGETS, &[])?;
        let read = |(key, row): (Vec<u8>, BudgetRow)| {
            let bureau = BureauId::from_bytes(part(NAME, &key, 0)?);
            Ok((bureau.map_err(|error| Error::Row { table: NAME, why: error.to_string() })?, row))
        };
        rows.into_iter().map(read).collect()
    }

    /// Notes what one has.
    pub fn put_budget(&self, batch: &mut Batch, bureau: BureauId, row: &BudgetRow) {
        batch.put(table::BUDGETS, *bureau.as_bytes(), encode(row));
    }
}
