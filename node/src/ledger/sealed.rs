//! Charters and answers to them that only a later version can read. They are kept as they came, and read again at the next
//! start; meanwhile the file, or the member, shares nothing.

use igain_protocol::bureau::BureauId;
use igain_protocol::caf::CafId;
use minicbor::{Decode, Encode};

use super::{Error, Ledger, encode, part, table};
use crate::store::Batch;

const NAME: &str = "sealed";

/// Which document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct SealedKey {
    /// The file.
    pub caf: CafId,
    /// An answer, or else the charter.
    pub answer: bool,
    /// Who signed it.
    pub signer: BureauId,
}

/// One document.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct SealedRow {
    /// A higher one replaces a lower one.
    #[n(0)]
    pub serial: u64,
    /// Its bytes, whose signature was verified.
    #[cbor(n(1), with = "minicbor::bytes")]
    pub bytes: Vec<u8>,
}

impl Ledger {
    /// All of them.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn sealed(&self) -> Result<Vec<(SealedKey, SealedRow)>, Error> {
        let read = |(key, row): (Vec<u8>, SealedRow)| {
            let signer = BureauId::from_bytes(part(NAME, &key, 17)?);
            let signer = signer.map_err(|error| Error::Row { table: NAME, why: error.to_string() })?;
            let answer = part::<1>(NAME, &key, 16)? != [0];
            Ok((SealedKey { caf: CafId::from_bytes(part(NAME, &key, 0)?), answer, signer }, row))
        };
        self.rows(NAME, table::SEALED, &[])?.into_iter().map(read).collect()
    }

    /// Keeps one.
    pub fn put_sealed(&self, batch: &mut Batch, key: SealedKey, row: &SealedRow) {
        batch.put(table::SEALED, sealed_key(key), encode(row));
    }

    /// Removes one.
    pub fn delete_sealed(&self, batch: &mut Batch, key: SealedKey) {
        batch.delete(table::SEALED, sealed_key(key));
    }
}

fn sealed_key(SealedKey { caf, answer, signer }: SealedKey) -> Vec<u8> {
    [caf.as_bytes().as_slice(), &[u8::from(answer)], signer.as_bytes()].concat()
}
