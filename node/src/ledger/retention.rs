//! When records must go: by day, one row for what one commit brought.

use igain_protocol::time::Day;
use minicbor::bytes::ByteVec;

use super::{Error, Ledger, RecordKey, encode, part, table};
use crate::store::Batch;

const NAME: &str = "retention";

/// Records that are due for removal, and the row to delete once that is done.
#[derive(Debug, Clone)]
pub struct Due {
    /// The day until which they could be kept.
    pub until: Day,
    /// The records. One of them may have gone, or got a later date, since.
    pub records: Vec<RecordKey>,
    key: Vec<u8>,
}

impl Ledger {
    /// Notes that `records` may be kept until the end of `until`. `nonce` tells rows of one day apart.
    pub fn put_retention(&self, batch: &mut Batch, until: Day, nonce: [u8; 16], records: &[RecordKey]) {
        let key = [until.as_days().to_be_bytes().as_slice(), &nonce].concat();
        let bytes: Vec<u8> = records.iter().flat_map(|record| record.to_bytes()).collect();
        batch.put(table::RETENTION, key, encode(&ByteVec::from(bytes)));
    }

    /// Rows of days before `today`, oldest first, after the row `after`, at most `limit`.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn due(&self, today: Day, after: Option<&Due>, limit: usize) -> Result<Vec<Due>, Error> {
        let end = today.as_days().to_be_bytes();
        let from = after.map_or_else(Vec::new, |after| [after.key.as_slice(), &[0]].concat());
        let rows = self.store().scan(table::RETENTION, &from, Some(end.as_slice()), limit)?;
        rows.into_iter().map(|(key, bytes)| Due::read(key, &bytes)).collect()
    }

    /// Removes a row whose records are gone.
    pub fn delete_due(&self, batch: &mut Batch, due: &Due) {
        batch.delete(table::RETENTION, due.key.clone());
    }
}

impl Due {
    fn read(key: Vec<u8>, bytes: &[u8]) -> Result<Self, Error> {
        let until = Day::from_days(u32::from_be_bytes(part(NAME, &key, 0)?));
        let packed: ByteVec = super::decode(NAME, bytes)?;
        let records = packed.chunks_exact(24).map(|chunk| RecordKey::from_bytes(chunk, 0)).collect::<Result<_, _>>()?;
        Ok(Self { until, records, key })
    }
}
