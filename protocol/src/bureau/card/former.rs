//! The signing keys that a bureau had before. Each signed the one that came after it, so that whoever knows any of them
//! knows the present one.

use minicbor::{Decode, Encode};

use super::{Card, Error, LIST_LIMIT};
use crate::bureau::{BureauId, SigningKey, VerifyingKey};

/// A key that signed before, and its word for the one after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Former {
    /// The key.
    pub key: VerifyingKey,
    /// Its signature of the bureau and the key that came next.
    pub signature: [u8; 64],
}

impl Former {
    /// The word of `key` for `next`, which takes its place.
    pub fn sign(bureau: BureauId, key: &SigningKey, next: &VerifyingKey) -> Self {
        Self { key: key.verifying_key(), signature: key.sign(&succession(bureau, next)) }
    }
}

/// What a key signs when another takes its place.
fn succession(bureau: BureauId, next: &VerifyingKey) -> Vec<u8> {
    [b"igain succession 1".as_slice(), bureau.as_bytes(), next.as_bytes()].concat()
}

/// Whether each former key of a card has signed the next, and none is there twice.
pub(super) fn check(card: &Card) -> Result<(), Error> {
    let Card { bureau, signing, transport, former, .. } = card;
    if former.len() > LIST_LIMIT {
        return Err(Error::TooMany { field: "former keys", count: former.len() });
    }
    let next = former.iter().skip(1).map(|former| &former.key).chain([signing]);
    for (nth, (former_key, next)) in former.iter().zip(next).enumerate() {
        let Former { key, signature } = former_key;
        let later = former.iter().skip(nth + 1).map(|former| &former.key).chain([signing, transport]);
        if later.into_iter().any(|other| other == key) || !key.verify(&succession(*bureau, next), signature) {
            return Err(Error::Succession);
        }
    }
    Ok(())
}

/// As it travels.
#[derive(Encode, Decode)]
pub(super) struct Wire {
    #[cbor(n(0), with = "minicbor::bytes")]
    key: [u8; 32],
    #[cbor(n(1), with = "minicbor::bytes")]
    signature: [u8; 64],
}

impl Wire {
    pub(super) fn of(former: &Former) -> Self {
        Self { key: *former.key.as_bytes(), signature: former.signature }
    }

    pub(super) fn read(self) -> Result<Former, Error> {
        let key = VerifyingKey::from_bytes(&self.key).map_err(|why| Error::Key { of: "former", why })?;
        Ok(Former { key, signature: self.signature })
    }
}
