//! Salted commitments: one digest for each field, as in SD-JWT (RFC 9901), and decoys so that their number tells
//! nothing.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest as _, Sha256};
use zeroize::{Zeroize, ZeroizeOnDrop};

use super::{FIELDS_LIMIT, RecordId};

/// The number of digests is a multiple of this.
pub(super) const PADDING: usize = 8;

const _: () = assert!(FIELDS_LIMIT.is_multiple_of(PADDING), "padding never exceeds the limit");

/// A commitment to one field.
pub(super) type Digest = [u8; 32];

/// The secret from which an owner draws its salts. One salt reveals nothing of another.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct SaltKey([u8; 32]);

impl fmt::Debug for SaltKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SaltKey(..)")
    }
}

impl SaltKey {
    /// A key of 32 uniformly random bytes.
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The salts and decoys of one revision of one record.
    pub(super) fn salts(&self, id: RecordId, revision: u32) -> Salts {
        let mut mac = keyed(&self.0);
        mac.update(b"igain salt 1");
        mac.update(id.as_bytes());
        mac.update(&revision.to_be_bytes());
        // Keyed anew, so that each salt costs no more than the hash of its field.
        let mut key: [u8; 32] = mac.finalize().into_bytes().into();
        let salts = Salts(keyed(&key));
        key.zeroize();
        salts
    }
}

pub(super) struct Salts(Hmac<Sha256>);

impl Salts {
    /// The salt of the field at `index`, which says `field`.
    ///
    /// What the field says goes in: should an owner ever sign two versions under one revision, after it lost its
    /// memory, say, the salt that the one discloses does not help to guess what the other withholds.
    pub(super) fn salt(&self, index: usize, field: &[u8]) -> [u8; 16] {
        let mut salt = [0; 16];
        salt.iter_mut().zip(self.draw(0, index, field)).for_each(|(to, from)| *to = from);
        salt
    }

    /// A digest that commits to nothing and cannot be told from one that does.
    pub(super) fn decoy(&self, index: usize) -> Digest {
        self.draw(1, index, &[])
    }

    fn draw(&self, what: u8, index: usize, field: &[u8]) -> [u8; 32] {
        let mut mac = self.0.clone();
        mac.update(&[what]);
        mac.update(&(index as u64).to_be_bytes());
        mac.update(field);
        mac.finalize().into_bytes().into()
    }
}

#[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
fn keyed(key: &[u8; 32]) -> Hmac<Sha256> {
    // INVARIANT: RFC 2104 defines HMAC for a key of any length.
    Hmac::new_from_slice(key).expect("any key length")
}

/// The digest of a disclosure: the bytes of the array of salt, name and value.
pub(super) fn digest(disclosure: &[u8]) -> Digest {
    Sha256::digest(disclosure).into()
}

/// The hash that the owner signs: over all digests, ascending.
pub(super) fn hash_of(digests: &[Digest]) -> Digest {
    let mut hash = Sha256::new();
    digests.iter().for_each(|digest| hash.update(digest));
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn salts(key: u8, id: u8, revision: u32) -> Salts {
        SaltKey::new([key; 32]).salts(RecordId::from_bytes([id; 16]), revision)
    }

    #[test]
    fn a_salt_depends_on_everything_that_it_stands_for() {
        let base = salts(1, 1, 1).salt(0, b"field");
        assert_eq!(base, salts(1, 1, 1).salt(0, b"field"), "an owner draws it again, and keeps none");
        let others = [
            salts(2, 1, 1).salt(0, b"field"),
            salts(1, 2, 1).salt(0, b"field"),
            salts(1, 1, 2).salt(0, b"field"),
            salts(1, 1, 1).salt(1, b"field"),
            salts(1, 1, 1).salt(0, b"other"),
        ];
        assert!(others.iter().all(|other| *other != base));
        assert!(!salts(1, 1, 1).decoy(0).starts_with(&salts(1, 1, 1).salt(0, &[])));
        assert_ne!(salts(1, 1, 1).decoy(0), salts(1, 1, 1).decoy(1));
    }
}
