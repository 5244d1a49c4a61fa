//! What a directory is as a whole, and how a full read of it is compared with what was noted.

use std::ops::{AddAssign, SubAssign};

use minicbor::{Decode, Encode};
use sha2::Digest as _;

use super::blocks::{BLOCK, Fences, guarded, unreadable};
use super::{Error, block};

/// Up to where the directory has come, and what it knows of the journal's files.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct Marker {
    /// The journal that it belongs to.
    #[cbor(n(0), with = "minicbor::bytes")]
    pub(crate) store: [u8; 16],
    /// All commits up to this one are in.
    #[n(1)]
    pub(crate) applied: u64,
    /// What a full read must find.
    #[n(2)]
    pub(crate) census: Census,
    /// What of the journal is no longer in use.
    #[n(3)]
    pub(crate) dead: Vec<Dead>,
    /// How often it followed merges to their end.
    #[n(4)]
    #[cbor(default)]
    pub(crate) followed: u64,
}

/// What of one journal file is no longer in use. Too much may be noted, never too little.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub(crate) struct Dead {
    #[n(0)]
    pub(crate) file: u32,
    #[n(1)]
    pub(crate) bytes: u64,
    /// Milliseconds since 1970 when the first of it fell out of use; zero where that is not known.
    #[n(2)]
    pub(crate) since_ms: u64,
}

/// How many keys there are, and the digest of them all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Encode, Decode)]
pub(crate) struct Census {
    #[n(0)]
    pub(crate) keys: u64,
    #[n(1)]
    pub(crate) digest: Digest,
}

/// The sum of the SHA-256 digests of all blocks, cut to 128 bits: it follows a change without reading what stays.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Encode, Decode)]
pub(crate) struct Digest(#[n(0)] u64, #[n(1)] u64);

impl Digest {
    pub(super) fn of(fence: &[u8], block: &[u8]) -> Self {
        let length = (fence.len() as u64).to_be_bytes();
        let hash: [u8; 32] =
            sha2::Sha256::new().chain_update(length).chain_update(fence).chain_update(block).finalize().into();
        let number = hash.first_chunk::<16>().map_or(0, |half| u128::from_be_bytes(*half));
        Self::from(number)
    }
}

impl From<u128> for Digest {
    fn from(number: u128) -> Self {
        let (high, low) = (number >> 64, number & u128::from(u64::MAX));
        Self(u64::try_from(high).unwrap_or_default(), u64::try_from(low).unwrap_or_default())
    }
}

impl From<Digest> for u128 {
    fn from(Digest(high, low): Digest) -> Self {
        (Self::from(high) << 64) | Self::from(low)
    }
}

impl AddAssign for Digest {
    fn add_assign(&mut self, other: Self) {
        *self = u128::from(*self).wrapping_add(other.into()).into();
    }
}

impl SubAssign for Digest {
    fn sub_assign(&mut self, other: Self) {
        *self = u128::from(*self).wrapping_sub(other.into()).into();
    }
}

/// Reads all blocks: what they are as a whole, and where each begins.
pub(super) fn take(db: &sled::Db) -> Result<(Census, Fences), Error> {
    let (mut census, mut fences) = (Census::default(), Fences::new());
    let mut last: Option<Vec<u8>> = None;
    // Nothing else uses the directory yet, so this iterator outlives no write.
    let mut blocks = db.range([BLOCK]..);
    while let Some(row) = guarded(|| blocks.next().transpose())? {
        let (at, block) = row;
        let fence = at.get(1..).unwrap_or_default();
        let rows = block::decode(&block).ok_or_else(unreadable)?;
        for (key, _) in &rows {
            let follows = last.as_ref().is_none_or(|last| last < key) && key.as_slice() >= fence;
            if !follows {
                return Err(Error::directory("its keys are out of order"));
            }
            last = Some(key.clone());
        }
        census.keys += rows.len() as u64;
        census.digest += Digest::of(fence, &block);
        fences.insert(fence.into());
    }
    Ok((census, fences))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_forgets_what_is_taken_out_again() {
        let mut digest = Digest::of(b"a", b"one");
        let before = digest;
        digest += Digest::of(b"b", b"two");
        assert_ne!(digest, before);
        assert_ne!(Digest::of(b"ab", b"c"), Digest::of(b"a", b"bc"));
        digest -= Digest::of(b"b", b"two");
        assert_eq!(digest, before);
    }
}
