//! What a directory is as a whole, and how a full read of it is compared with what was noted.

use std::ops::{AddAssign, SubAssign};
use std::sync::Arc;

use hmac::{Hmac, Mac as _};
use minicbor::{Decode, Encode};
use sha2::Sha256;

use super::blocks::{BLOCK, Fences, guarded, unreadable};
use super::{Error, block};
use crate::store::StoreKey;

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

/// What vouches for the directory: without its key, nobody who writes to the disk makes a census that fits.
#[derive(Clone)]
pub(crate) struct CensusKey(Arc<Hmac<Sha256>>);

impl CensusKey {
    #[expect(clippy::expect_used, reason = "INVARIANT: HMAC takes a key of any length")]
    pub(crate) fn new(key: &StoreKey) -> Self {
        let key = key.subkey(&[], "igain census 1");
        let mac = <Hmac<Sha256> as hmac::KeyInit>::new_from_slice(key.as_ref()).expect("any key length");
        Self(Arc::new(mac))
    }

    fn mac(&self, parts: &[&[u8]]) -> Hmac<Sha256> {
        let mut mac = Hmac::clone(&self.0);
        for part in parts {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        mac
    }

    /// A marker as it is kept: with its tag before it.
    pub(super) fn seal(&self, marker: &Marker) -> Result<Vec<u8>, Error> {
        let bytes = minicbor::to_vec(marker).map_err(Error::directory)?;
        Ok([self.mac(&[b"marker", &bytes]).finalize().into_bytes().as_slice(), &bytes].concat())
    }

    /// The marker that was kept, if it is this node's.
    pub(super) fn open(&self, sealed: &[u8]) -> Result<Marker, Error> {
        let foreign = || Error::directory("what was noted of it is not this node's word, or that of a version before");
        let (tag, bytes) = sealed.split_first_chunk::<32>().ok_or_else(foreign)?;
        self.mac(&[b"marker", bytes]).verify_slice(tag).map_err(|_| foreign())?;
        minicbor::decode(bytes).map_err(Error::directory)
    }
}

/// The sum of the keyed digests of all blocks, cut to 128 bits: it follows a change without reading what stays.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Encode, Decode)]
pub(crate) struct Digest(#[n(0)] u64, #[n(1)] u64);

impl Digest {
    pub(super) fn of(key: &CensusKey, fence: &[u8], block: &[u8]) -> Self {
        let hash: [u8; 32] = key.mac(&[b"block", fence, block]).finalize().into_bytes().into();
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
pub(super) fn take(db: &sled::Db, key: &CensusKey) -> Result<(Census, Fences), Error> {
    let (mut census, mut fences) = (Census::default(), Fences::new());
    let mut last: Option<Vec<u8>> = None;
    // Nothing else uses the directory yet, so this iterator outlives no write.
    let mut blocks = db.range([BLOCK]..);
    while let Some(row) = guarded(|| blocks.next().transpose())? {
        let (at, block) = row;
        let fence = at.get(1..).unwrap_or_default();
        let rows = block::decode(&block).ok_or_else(unreadable)?;
        for (row, _) in &rows {
            let follows = last.as_ref().is_none_or(|last| last < row) && row.as_slice() >= fence;
            if !follows {
                return Err(Error::directory("its keys are out of order"));
            }
            last = Some(row.clone());
        }
        census.keys += rows.len() as u64;
        census.digest += Digest::of(key, fence, &block);
        fences.insert(fence.into());
    }
    Ok((census, fences))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_forgets_what_is_taken_out_again() {
        let key = CensusKey::new(&StoreKey::from_bytes([1; 32]));
        let of = |fence: &[u8], block: &[u8]| Digest::of(&key, fence, block);
        let mut digest = of(b"a", b"one");
        let before = digest;
        digest += of(b"b", b"two");
        assert_ne!(digest, before);
        assert_ne!(of(b"ab", b"c"), of(b"a", b"bc"));
        digest -= of(b"b", b"two");
        assert_eq!(digest, before);
        let other = CensusKey::new(&StoreKey::from_bytes([2; 32]));
        assert_ne!(Digest::of(&other, b"a", b"one"), before);
    }

    /// Who writes to the disk and has no key cannot note another census. Seen to fail when the marker's tag is not looked at.
    #[test]
    fn a_marker_is_the_nodes_own_word() {
        let [key, other] = [1, 2].map(|seed| CensusKey::new(&StoreKey::from_bytes([seed; 32])));
        let marker = Marker { applied: 7, ..Marker::default() };
        let sealed = key.seal(&marker).unwrap();
        assert_eq!(key.open(&sealed).unwrap(), marker);
        assert!(other.open(&sealed).is_err() && key.open(&sealed[..31]).is_err());
        let changed = Marker { applied: 8, ..Marker::default() };
        let forged = [&sealed[..32], &minicbor::to_vec(&changed).unwrap()].concat();
        assert!(key.open(&forged).is_err());
        assert!(key.open(&minicbor::to_vec(&marker).unwrap()).is_err(), "as builds of before kept it");
    }
}
