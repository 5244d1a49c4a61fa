//! Accounting for reads that the office does not account for itself.

use super::App;
use crate::api::Problem;
use crate::office::Deed;

impl App {
    /// Makes the account of a deed durable before its answer leaves.
    pub(super) async fn account(&self, deed: Deed) -> Result<u64, Problem> {
        self.work(move |office| office.account(deed)).await
    }
}
