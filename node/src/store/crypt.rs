//! The keys of the store and the sealing of what it writes: XChaCha20-Poly1305 (RFC 8439 with draft-irtf-cfrg-xchacha).
//!
//! Every journal file has its own key, derived (HKDF-SHA-256, RFC 5869) from the store's key and a random salt in the
//! file's header. Within a file a nonce is the offset of what it seals, and no file is ever appended to by a second
//! run, so no nonce is used twice. When a file is rewritten, its salt goes with it: copies of its values that linger
//! in free blocks or in the key directory can then be read by nobody.

use chacha20poly1305::aead::{AeadInPlace, KeyInit};
use chacha20poly1305::{Tag, XChaCha20Poly1305, XNonce};
use hkdf::Hkdf;
use hmac::{Hmac, Mac};
use sha2::Sha256;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// What sealing adds to the length.
pub(crate) const TAG: usize = 16;

/// Length of the salt of a file.
pub(crate) const SALT: usize = 16;

/// The secret of a store, from the keystore. Everything on disk is sealed under keys derived from it.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct StoreKey([u8; 32]);

impl StoreKey {
    /// The key with these bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// A key for one use, named by `info`; it tells nothing of this one.
    #[expect(clippy::expect_used, reason = "INVARIANT: HKDF gives up to 8,160 bytes")]
    pub fn subkey(&self, salt: &[u8], info: &str) -> Zeroizing<[u8; 32]> {
        let mut key = Zeroizing::new([0; 32]);
        Hkdf::<Sha256>::new(Some(salt), &self.0).expand(info.as_bytes(), key.as_mut()).expect("32 bytes");
        key
    }

    /// The authenticator of the journal's list of files.
    pub(crate) fn mac(&self, bytes: &[u8]) -> Hmac<Sha256> {
        self.mac_of("igain journal manifest 1", bytes)
    }

    /// An authenticator for one use, named by `info`.
    #[expect(clippy::expect_used, reason = "INVARIANT: HMAC takes a key of any length")]
    pub(crate) fn mac_of(&self, info: &str, bytes: &[u8]) -> Hmac<Sha256> {
        let key = self.subkey(&[], info);
        let mut mac = <Hmac<Sha256> as hmac::KeyInit>::new_from_slice(key.as_ref()).expect("any key length");
        mac.update(bytes);
        mac
    }
}

impl std::fmt::Debug for StoreKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("StoreKey(..)")
    }
}

/// What a nonce is for; two uses never share one.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Use {
    /// The list of operations of a frame, by the frame's offset.
    Ops = 1,
    /// A value, by its offset.
    Value = 2,
    /// A small value as the key directory keeps it, by the number of its operation in the file.
    Inline = 3,
}

/// The cipher of one journal file.
#[derive(Clone)]
pub(crate) struct FileCipher(XChaCha20Poly1305);

impl FileCipher {
    pub(crate) fn new(key: &StoreKey, salt: &[u8; SALT]) -> Self {
        let key: &[u8; 32] = &key.subkey(salt, "igain journal file 1");
        Self(XChaCha20Poly1305::new(key.into()))
    }

    /// Seals `buffer[start..]` where it is and appends the tag. `None` only for more than the cipher takes (256 GiB).
    pub(crate) fn seal(&self, what: Use, at: u64, aad: &[u8], buffer: &mut Vec<u8>, start: usize) -> Option<()> {
        let plain = buffer.get_mut(start..)?;
        let tag = self.0.encrypt_in_place_detached(&nonce(what, at), aad, plain).ok()?;
        buffer.extend_from_slice(&tag);
        Some(())
    }

    /// Opens what was sealed; `None` where a bit, the place or the key differs.
    pub(crate) fn open(&self, what: Use, at: u64, aad: &[u8], mut sealed: Vec<u8>) -> Option<Vec<u8>> {
        let split = sealed.len().checked_sub(TAG)?;
        let (text, tag) = sealed.split_at_mut_checked(split)?;
        let tag = *Tag::from_slice(tag);
        self.0.decrypt_in_place_detached(&nonce(what, at), aad, text, &tag).ok()?;
        sealed.truncate(split);
        Some(sealed)
    }
}

fn nonce(what: Use, at: u64) -> XNonce {
    let mut nonce = [0; 24];
    let (head, tail) = nonce.split_at_mut(16);
    head.fill(what as u8);
    tail.copy_from_slice(&at.to_be_bytes());
    nonce.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opens_only_what_it_sealed_at_the_same_place() {
        let cipher = FileCipher::new(&StoreKey::from_bytes([7; 32]), &[1; SALT]);
        let mut buffer = b"head".to_vec();
        buffer.extend_from_slice(b"secret");
        cipher.seal(Use::Value, 40, b"key", &mut buffer, 4).unwrap();
        let sealed = buffer[4..].to_vec();
        assert_eq!(cipher.open(Use::Value, 40, b"key", sealed.clone()).unwrap(), b"secret");
        assert!(cipher.open(Use::Value, 41, b"key", sealed.clone()).is_none());
        assert!(cipher.open(Use::Inline, 40, b"key", sealed.clone()).is_none());
        assert!(cipher.open(Use::Value, 40, b"kez", sealed.clone()).is_none());
        let other = FileCipher::new(&StoreKey::from_bytes([7; 32]), &[2; SALT]);
        assert!(other.open(Use::Value, 40, b"key", sealed.clone()).is_none());
        for bit in 0..sealed.len() * 8 {
            let mut flipped = sealed.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(cipher.open(Use::Value, 40, b"key", flipped).is_none());
        }
        assert!(cipher.open(Use::Value, 40, b"key", vec![0; 3]).is_none());
    }
}
