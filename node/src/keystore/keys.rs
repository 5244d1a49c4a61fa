//! The secrets of one bureau.

use std::fmt;

use hkdf::Hkdf;
use igain_protocol::bureau::{SealingIdentity, SigningKey};
use sha2::Sha256;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::Error;

/// 32 secret bytes, wiped when dropped.
pub type Seed = Zeroizing<[u8; 32]>;

/// Bytes of randomness that a new bureau's keys are made of.
pub const ENTROPY_BYTES: usize = NAMES.len() * 32;

/// The names of the keys in the file, in the order of the fields of [`Keys`].
const NAMES: [&str; 7] = ["signing", "sealing", "transport", "store", "class", "salt", "record-id"];
const FIRST_LINE: &str = "igain keys, version 1";

/// All secrets of a bureau, each drawn by itself, so that one that leaks tells nothing of another.
///
/// Wiped from memory when dropped; never shown.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct Keys {
    seeds: [[u8; 32]; NAMES.len()],
}

/// Where each secret is in [`Keys`].
#[derive(Clone, Copy)]
enum Use {
    Signing,
    Sealing,
    Transport,
    Store,
    Class,
    Salt,
    RecordId,
}

impl Keys {
    /// Draws new keys from the system's randomness.
    ///
    /// # Errors
    /// [`Error::Randomness`] where the system has none.
    pub fn draw() -> Result<Self, Error> {
        let mut entropy = Zeroizing::new([0; ENTROPY_BYTES]);
        getrandom::fill(entropy.as_mut_slice()).map_err(|cause| Error::Randomness(cause.to_string()))?;
        Ok(Self::from_entropy(&entropy))
    }

    /// The keys that these bytes stand for: every byte must come from a good source of randomness.
    pub fn from_entropy(entropy: &[u8; ENTROPY_BYTES]) -> Self {
        let mut seeds = [[0; 32]; NAMES.len()];
        seeds.as_flattened_mut().copy_from_slice(entropy);
        Self { seeds }
    }

    /// Signs all that the bureau says.
    pub fn signing(&self) -> SigningKey {
        SigningKey::from_seed(*self.seed(Use::Signing))
    }

    /// Opens what was sealed for the bureau.
    pub fn sealing(&self) -> SealingIdentity {
        SealingIdentity::from_seed(*self.seed(Use::Sealing))
    }

    /// The libp2p Ed25519 seed: names the node in TLS handshakes.
    pub fn transport_seed(&self) -> Seed {
        self.copy(Use::Transport)
    }

    /// Encrypts the store and the audit log.
    pub fn store_key(&self) -> Seed {
        self.copy(Use::Store)
    }

    /// Makes class ids out of labels.
    pub fn class_secret(&self) -> Seed {
        self.copy(Use::Class)
    }

    /// Salts the commitments to fields.
    pub fn salt_key(&self) -> Seed {
        self.copy(Use::Salt)
    }

    /// Makes the ids of imported records out of their source and key, so that a second import finds them again.
    pub fn record_id_secret(&self) -> Seed {
        self.copy(Use::RecordId)
    }

    /// Encrypts the search index: derived from the store's key (HKDF, RFC 5869), since one is as secret as the other.
    pub fn search_key(&self) -> Seed {
        let mut key = Zeroizing::new([0; 32]);
        let derived = Hkdf::<Sha256>::new(None, self.seed(Use::Store)).expand(b"igain/search/1", key.as_mut_slice());
        debug_assert!(derived.is_ok(), "32 bytes are within what HKDF gives");
        key
    }

    /// The text that the key file holds, sealed.
    pub(super) fn to_text(&self) -> Zeroizing<String> {
        // Reserved at once: a string that grows leaves copies of secrets behind.
        let mut text = Zeroizing::new(String::with_capacity(FIRST_LINE.len() + 1 + NAMES.len() * 96));
        text.push_str(FIRST_LINE);
        for (name, seed) in NAMES.iter().zip(&self.seeds) {
            text.push('\n');
            text.push_str(name);
            text.push(' ');
            for byte in seed {
                text.push(hex_digit(byte >> 4));
                text.push(hex_digit(byte & 15));
            }
        }
        text.push('\n');
        text
    }

    /// Reads what [`Keys::to_text`] wrote.
    pub(super) fn from_text(text: &str) -> Result<Self, &'static str> {
        let mut lines = text.lines();
        if lines.next() != Some(FIRST_LINE) {
            return Err("its first line is another");
        }
        let mut keys = Self { seeds: [[0; 32]; NAMES.len()] };
        for (name, seed) in NAMES.iter().zip(&mut keys.seeds) {
            let line = lines.next().ok_or("a key is missing")?;
            let digits = line.strip_prefix(name).and_then(|rest| rest.strip_prefix(' ')).ok_or("a key is missing")?;
            read_hex(digits, seed).ok_or("a key has not 64 hexadecimal digits")?;
        }
        match lines.next() {
            Some(_) => Err("it has more keys than this version knows"),
            None => Ok(keys),
        }
    }

    fn seed(&self, of: Use) -> &[u8; 32] {
        let [signing, sealing, transport, store, class, salt, record_id] = &self.seeds;
        match of {
            Use::Signing => signing,
            Use::Sealing => sealing,
            Use::Transport => transport,
            Use::Store => store,
            Use::Class => class,
            Use::Salt => salt,
            Use::RecordId => record_id,
        }
    }

    fn copy(&self, of: Use) -> Seed {
        Zeroizing::new(*self.seed(of))
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keys(..)")
    }
}

fn hex_digit(nibble: u8) -> char {
    char::from_digit(u32::from(nibble), 16).unwrap_or('0')
}

fn read_hex(digits: &str, into: &mut [u8; 32]) -> Option<()> {
    if digits.len() != 64 || !digits.is_ascii() {
        return None;
    }
    let value = |digit: u8| char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok());
    for (byte, pair) in into.iter_mut().zip(digits.as_bytes().chunks_exact(2)) {
        let &[high, low] = pair else { return None };
        *byte = value(high)? << 4 | value(low)?;
    }
    Some(())
}
