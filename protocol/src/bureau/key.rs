//! Signing keys: Ed25519 (RFC 8032), verified strictly.

use std::fmt;
use std::hash::{Hash, Hasher};

use ed25519_dalek::{Signature, Signer};
use minicbor::{Decode, Decoder, Encode, Encoder, decode, encode};
use zeroize::{ZeroizeOnDrop, Zeroizing};

use super::{Error, Fingerprint, KeyId};

/// A bureau's signing key. Wiped from memory when dropped; never shown.
pub struct SigningKey {
    secret: ed25519_dalek::SigningKey,
    public: VerifyingKey,
}

impl ZeroizeOnDrop for SigningKey {}

impl SigningKey {
    /// The key that a seed stands for; the seed must come from a good source of randomness.
    pub fn from_seed(seed: [u8; 32]) -> Self {
        let seed = Zeroizing::new(seed);
        let secret = ed25519_dalek::SigningKey::from_bytes(&seed);
        let public = VerifyingKey::trusted(secret.verifying_key());
        Self { secret, public }
    }

    /// The seed again, to be stored sealed.
    pub fn to_seed(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.secret.to_bytes())
    }

    /// The public half.
    pub fn verifying_key(&self) -> VerifyingKey {
        self.public
    }

    pub(crate) fn key_id(&self) -> KeyId {
        self.public.id
    }

    pub(crate) fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.secret.sign(message).to_bytes()
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.public.id)
    }
}

/// A bureau's public signing key: canonical, and of the group of prime order.
///
/// In CBOR its 32 bytes.
#[derive(Clone, Copy)]
pub struct VerifyingKey {
    key: ed25519_dalek::VerifyingKey,
    /// Kept, since it is compared for every document.
    id: KeyId,
}

impl VerifyingKey {
    /// Reads a public key.
    ///
    /// # Errors
    /// [`Error::NotAKey`] for what is not the canonical encoding of a point, [`Error::WeakKey`] for a point of small
    /// order or with a part of small order: with such a key, one signature can fit many documents, or verify at one
    /// bureau and not at another.
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, Error> {
        let key = ed25519_dalek::VerifyingKey::from_bytes(bytes).map_err(|_| Error::NotAKey)?;
        let point = key.to_edwards();
        if point.compress().as_bytes() != bytes {
            return Err(Error::NotAKey);
        }
        match key.is_weak() || !point.is_torsion_free() {
            true => Err(Error::WeakKey),
            false => Ok(Self::trusted(key)),
        }
    }

    /// The 32 bytes of RFC 8032.
    pub fn as_bytes(&self) -> &[u8; 32] {
        self.key.as_bytes()
    }

    /// What two people compare to know that they speak of the same key.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(self.as_bytes())
    }

    /// How signed documents name this key.
    pub fn key_id(&self) -> KeyId {
        self.id
    }

    fn trusted(key: ed25519_dalek::VerifyingKey) -> Self {
        Self { id: Fingerprint::of(key.as_bytes()).key_id(), key }
    }

    /// Whether `signature` is over `message` and by this key, refusing every malleable form.
    pub(crate) fn verify(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        self.key.verify_strict(message, &Signature::from_bytes(signature)).is_ok()
    }

    pub(crate) fn to_dalek(self) -> ed25519_dalek::VerifyingKey {
        self.key
    }
}

impl PartialEq for VerifyingKey {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for VerifyingKey {}

impl Hash for VerifyingKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_bytes().hash(state);
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifyingKey({})", self.id)
    }
}

impl<C> Encode<C> for VerifyingKey {
    fn encode<W: encode::Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), encode::Error<W::Error>> {
        e.bytes(self.as_bytes())?.ok()
    }
}

impl<'b, C> Decode<'b, C> for VerifyingKey {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, decode::Error> {
        let bytes = d.bytes()?.try_into().map_err(|_| decode::Error::message("a key has 32 bytes"))?;
        Self::from_bytes(bytes).map_err(decode::Error::message)
    }
}
