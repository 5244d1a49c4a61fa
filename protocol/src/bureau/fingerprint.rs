//! How people and documents name a key.

use std::fmt;

use sha2::{Digest, Sha256};

/// The SHA-256 of a public signing key's 32 bytes, to compare by telephone or on paper.
///
/// Shown as 16 groups of four hexadecimal digits, or as 12 words.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint([u8; 32]);

/// Words that say a fingerprint: 128 of its bits and a checksum.
const WORDS: usize = 12;

impl Fingerprint {
    pub(super) fn of(key: &[u8; 32]) -> Self {
        Self(Sha256::digest(key).into())
    }

    /// The 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The first half as 12 English words (BIP 39, with its checksum): 128 bits are out of reach for anybody who looks
    /// for a second key with the same words, and can be read aloud.
    pub fn words(&self) -> [&'static str; WORDS] {
        let mut words = [""; WORDS];
        let (half, _) = self.0.split_at(16);
        // INVARIANT: 16 bytes are a length that BIP 39 knows.
        if let Ok(mnemonic) = bip39::Mnemonic::from_entropy(half) {
            words.iter_mut().zip(mnemonic.words()).for_each(|(to, word)| *to = word);
        }
        words
    }

    /// Whether somebody who typed this meant this fingerprint: all 64 digits or all 12 words; spaces, colons, hyphens
    /// and case do not count.
    pub fn matches(&self, typed: &str) -> bool {
        let separates = |c: char| c.is_whitespace() || c == ':' || c == '-';
        let digits: String = typed.chars().filter(|c| !separates(*c)).take(65).collect();
        if digits.eq_ignore_ascii_case(&self.hex()) {
            return true;
        }
        let mut typed = typed.split(separates).filter(|word| !word.is_empty());
        self.words().iter().all(|word| typed.next().is_some_and(|typed| typed.eq_ignore_ascii_case(word)))
            && typed.next().is_none()
    }

    /// How documents name the key: the first 8 bytes.
    pub fn key_id(&self) -> KeyId {
        let [a, b, c, d, e, f, g, h, ..] = self.0;
        KeyId([a, b, c, d, e, f, g, h])
    }

    fn hex(&self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, pair) in self.0.chunks(2).enumerate() {
            if index > 0 {
                f.write_str(" ")?;
            }
            pair.iter().try_for_each(|byte| write!(f, "{byte:02X}"))?;
        }
        Ok(())
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({})", self.hex())
    }
}

/// The `kid` of RFC 9052: the first 8 bytes of the key's fingerprint. A hint which key to verify with, no proof.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyId([u8; 8]);

impl KeyId {
    /// A key id as a document carries it.
    pub const fn from_bytes(bytes: [u8; 8]) -> Self {
        Self(bytes)
    }

    /// The 8 bytes.
    pub const fn as_bytes(&self) -> &[u8; 8] {
        &self.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02X}"))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyId({self})")
    }
}
