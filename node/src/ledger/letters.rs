//! Signed documents on their way to one peer each.

use igain_protocol::bureau::BureauId;
use igain_protocol::feed::{Letter, LetterKind};
use minicbor::{Decode, Encode};

use super::{Error, Ledger, decode, encode, part, table};
use crate::store::Batch;

const NAME: &str = "letters";

/// One letter and its number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LetterRow {
    /// Its number among the letters to this peer, from 1 on.
    pub seq: u64,
    /// The letter.
    pub letter: Letter,
}

#[derive(Encode, Decode)]
struct Stored {
    #[n(0)]
    kind: u64,
    #[cbor(n(1), with = "minicbor::bytes")]
    bytes: Vec<u8>,
}

impl Ledger {
    /// The number of the last letter to `peer`.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn letter_head(&self, peer: BureauId) -> Result<u64, Error> {
        let last = self.store().last(table::LETTERS, peer.as_bytes())?;
        last.map_or(Ok(0), |(key, _)| Ok(u64::from_be_bytes(part(NAME, &key, 8)?)))
    }

    /// Letters to `peer` after `after`, at most `limit`.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn letters_after(&self, peer: BureauId, after: u64, limit: usize) -> Result<Vec<LetterRow>, Error> {
        let rows = self.store().prefix(table::LETTERS, peer.as_bytes(), Some(&key(peer, after)), limit)?;
        rows.iter().map(|(key, bytes)| read(key, bytes)).collect()
    }

    /// Adds a letter; its number follows the last one.
    pub fn put_letter(&self, batch: &mut Batch, peer: BureauId, row: &LetterRow) {
        let stored = Stored { kind: row.letter.kind.number(), bytes: row.letter.bytes.clone() };
        batch.put(table::LETTERS, key(peer, row.seq), encode(&stored));
    }

    /// Removes a letter. The last one must stay, for its number.
    pub fn delete_letter(&self, batch: &mut Batch, peer: BureauId, seq: u64) {
        batch.delete(table::LETTERS, key(peer, seq));
    }

    /// Forgets letters up to and with number `upto`, at most `limit` at once. The last one stays, for its number.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn forget_letters(&self, batch: &mut Batch, peer: BureauId, upto: u64, limit: usize) -> Result<(), Error> {
        let keys = self.store().prefix_keys(table::LETTERS, peer.as_bytes(), None, limit + 1)?;
        let number = |key: &[u8]| Ok::<_, Error>(u64::from_be_bytes(part(NAME, key, 8)?));
        for pair in keys.windows(2) {
            if let [old, _] = pair
                && number(old)? <= upto
            {
                batch.delete(table::LETTERS, old.clone());
            }
        }
        Ok(())
    }
}

fn read(key: &[u8], bytes: &[u8]) -> Result<LetterRow, Error> {
    let stored: Stored = decode(NAME, bytes)?;
    let kind = LetterKind::from_number(stored.kind);
    let seq = u64::from_be_bytes(part(NAME, key, 8)?);
    Ok(LetterRow { seq, letter: Letter { kind, bytes: stored.bytes } })
}

fn key(peer: BureauId, seq: u64) -> Vec<u8> {
    [peer.as_bytes().as_slice(), &seq.to_be_bytes()].concat()
}
