//! Salted commitments, as in SD-JWT (RFC 9901): one digest for each part of a record, and decoys so that their number
//! tells nothing.
//!
//! All salts and decoys of a record come from one seed. Who may have all of it is given the seed; who may have some, the
//! salts of these parts, which reveal nothing of the others.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest as _, Sha256};
use zeroize::{Zeroize, ZeroizeOnDrop};

use super::{FIELDS_LIMIT, RecordId};

/// The number of digests is a multiple of this.
pub(super) const PADDING: usize = 8;

const _: () = assert!(FIELDS_LIMIT.is_multiple_of(PADDING), "padding never exceeds the limit");

/// A commitment to one part.
pub(super) type Digest = [u8; 32];

/// What makes a digest impossible to guess.
pub(super) type Salt = [u8; 16];

/// The secret from which an owner draws its seeds. One seed reveals nothing of another.
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

    /// The seed of one revision of one record.
    ///
    /// What the record says goes in: should an owner ever sign two versions under one revision, after it lost its
    /// memory, say, what the one discloses does not help to guess what the other withholds.
    pub(super) fn seed(&self, id: RecordId, revision: u32, parts: &[Vec<u8>]) -> Seed {
        let mut mac = keyed(&self.0);
        mac.update(b"igain seed 2");
        mac.update(id.as_bytes());
        mac.update(&revision.to_be_bytes());
        for part in parts {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        Seed(first(&mac.finalize().into_bytes()))
    }
}

/// From what all salts and decoys of one revision of a record are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seed(pub(super) [u8; 16]);

impl Seed {
    pub(super) fn salts(self) -> Salts {
        Salts(keyed(&self.0))
    }
}

pub(super) struct Salts(Hmac<Sha256>);

impl Salts {
    /// The salt of the part at `index`.
    pub(super) fn salt(&self, index: usize) -> Salt {
        first(&self.draw(0, index))
    }

    /// A digest that commits to nothing and cannot be told from one that does.
    pub(super) fn decoy(&self, index: usize) -> Digest {
        self.draw(1, index)
    }

    /// The decoys that fill so many parts up.
    pub(super) fn decoys(&self, parts: usize) -> impl Iterator<Item = Digest> {
        // A record with no part has digests too.
        (0..parts.next_multiple_of(PADDING).max(PADDING) - parts).map(|index| self.decoy(index))
    }

    fn draw(&self, what: u8, index: usize) -> [u8; 32] {
        let mut mac = self.0.clone();
        mac.update(&[what]);
        mac.update(&u32::try_from(index).unwrap_or(u32::MAX).to_be_bytes());
        mac.finalize().into_bytes().into()
    }
}

#[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
fn keyed(key: &[u8]) -> Hmac<Sha256> {
    // INVARIANT: RFC 2104 defines HMAC for a key of any length.
    Hmac::new_from_slice(key).expect("any key length")
}

fn first(bytes: &[u8]) -> [u8; 16] {
    let mut out = [0; 16];
    out.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
    out
}

/// The digest of a part: over its salt and its bytes.
pub(super) fn digest(salt: &[u8], part: &[u8]) -> Digest {
    Sha256::new().chain_update(salt).chain_update(part).finalize().into()
}

/// What the owner signs of the parts: the hash over all digests, ascending.
pub(super) fn root(digests: &[Digest]) -> Digest {
    let mut hash = Sha256::new();
    digests.iter().for_each(|digest| hash.update(digest));
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_depends_on_everything_that_it_stands_for() {
        let seed = |key: u8, id: u8, revision, part: &[u8]| {
            SaltKey::new([key; 32]).seed(RecordId::from_bytes([id; 16]), revision, &[part.to_vec()])
        };
        let base = seed(1, 1, 1, b"part");
        assert_eq!(base, seed(1, 1, 1, b"part"), "an owner draws it again, and keeps none");
        let others = [seed(2, 1, 1, b"part"), seed(1, 2, 1, b"part"), seed(1, 1, 2, b"part"), seed(1, 1, 1, b"other")];
        assert!(others.iter().all(|other| *other != base));
        let salts = base.salts();
        assert_ne!(salts.salt(0), salts.salt(1));
        assert_ne!(salts.decoy(0), salts.decoy(1));
        assert!(!salts.decoy(0).starts_with(&salts.salt(0)));
        assert_eq!([0, 1, 8, 9].map(|parts| salts.decoys(parts).count()), [8, 7, 0, 7]);
    }
}
