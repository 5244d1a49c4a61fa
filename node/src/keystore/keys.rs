//! The secrets of one bureau.

use std::fmt;

use hkdf::Hkdf;
use igain_protocol::bureau::card::{Former, LIST_LIMIT};
use igain_protocol::bureau::{BureauId, SealingIdentity, SigningKey, VerifyingKey};
use sha2::Sha256;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::Error;

/// 32 secret bytes, wiped when dropped.
pub type Seed = Zeroizing<[u8; 32]>;

/// Bytes of randomness that a new bureau's keys are made of.
pub const ENTROPY_BYTES: usize = NAMES.len() * 32;

/// The names of the keys in the file, in the order of the fields of [`Keys`].
const NAMES: [&str; 6] = ["signing", "sealing", "transport", "store", "salt", "record-id"];
const FIRST_LINE: &str = "igain keys, version 2";

/// How a file begins that was written before keys could be rotated.
const FIRST_LINE_1: &str = "igain keys, version 1";
/// A key that such a file has besides, and that nothing uses.
const UNUSED_1: &str = "class ";

/// What a line of a former key begins with.
const FORMER: &str = "former ";
/// Bytes on such a line: the public signing key, its signature of the next one, the sealing seed.
const FORMER_BYTES: usize = 32 + 64 + 32;

/// All secrets of a bureau, each drawn by itself, so that one that leaks tells nothing of another.
///
/// Wiped from memory when dropped; never shown.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct Keys {
    seeds: [[u8; 32]; NAMES.len()],
    /// Those that others took the place of, the oldest first.
    former: Vec<FormerKeys>,
}

/// What is kept of keys that others took the place of: the secret signing key is not.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
struct FormerKeys {
    signing: [u8; 32],
    /// Its signature of the signing key that came next.
    succession: [u8; 64],
    /// Opens what was sealed before everybody knew of the next one.
    sealing: [u8; 32],
}

/// Where each secret is in [`Keys`].
#[derive(Clone, Copy)]
enum Use {
    Signing,
    Sealing,
    Transport,
    Store,
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
        Self { seeds, former: Vec::new() }
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

    /// These keys, with others to sign and to open with, and to call with where `transport` says so, taken from `drawn`. The
    /// signing key signs the one that comes next, and is forgotten; what opens stays.
    ///
    /// # Errors
    /// [`Error::Rotations`] where a card has no room for another former key.
    pub fn replaced_by(&self, drawn: &Self, bureau: BureauId, transport: bool) -> Result<Self, Error> {
        if self.former.len() >= LIST_LIMIT {
            return Err(Error::Rotations);
        }
        let mut next = self.clone();
        let ([signs, opens, calls, ..], [signing, sealing, calling, ..]) = (&mut next.seeds, &drawn.seeds);
        (*signs, *opens) = (*signing, *sealing);
        if transport {
            *calls = *calling;
        }
        let former = Former::sign(bureau, &self.signing(), &next.signing().verifying_key());
        next.former.push(FormerKeys {
            signing: *former.key.as_bytes(),
            succession: former.signature,
            sealing: *self.seed(Use::Sealing),
        });
        Ok(next)
    }

    /// The keys that verify what this bureau signs, and signed before.
    pub fn verifying(&self) -> Vec<VerifyingKey> {
        let former = self.former().into_iter().map(|former| former.key);
        std::iter::once(self.signing().verifying_key()).chain(former).collect()
    }

    /// The signing keys of before, the oldest first, each with its word for the next.
    pub fn former(&self) -> Vec<Former> {
        // INVARIANT: `from_text` and `rotate` let nothing in that is no key.
        let key = |former: &FormerKeys| VerifyingKey::from_bytes(&former.signing).ok();
        let former = |keys: &FormerKeys| Some(Former { key: key(keys)?, signature: keys.succession });
        self.former.iter().filter_map(former).collect()
    }

    /// Opens what was sealed for keys of before, the newest first.
    pub fn former_sealing(&self) -> Vec<SealingIdentity> {
        self.former.iter().rev().map(|former| SealingIdentity::from_seed(former.sealing)).collect()
    }

    /// The text that the key file holds, sealed.
    pub(super) fn to_text(&self) -> Zeroizing<String> {
        // Reserved at once: a string that grows leaves copies of secrets behind.
        let room = FIRST_LINE.len() + 1 + NAMES.len() * 96 + self.former.len() * (FORMER.len() + 2 * FORMER_BYTES + 1);
        let mut text = Zeroizing::new(String::with_capacity(room));
        text.push_str(FIRST_LINE);
        for (name, seed) in NAMES.iter().zip(&self.seeds) {
            text.push('\n');
            text.push_str(name);
            text.push(' ');
            push_hex(&mut text, seed);
        }
        for FormerKeys { signing, succession, sealing } in &self.former {
            text.push('\n');
            text.push_str(FORMER);
            push_hex(&mut text, signing);
            push_hex(&mut text, succession);
            push_hex(&mut text, sealing);
        }
        text.push('\n');
        text
    }

    /// Reads what [`Keys::to_text`] wrote.
    pub(super) fn from_text(text: &str) -> Result<Self, &'static str> {
        let (first, rest) = text.split_once('\n').ok_or("its first line is another")?;
        let unused = match first {
            FIRST_LINE => None,
            FIRST_LINE_1 => Some(UNUSED_1),
            _ => return Err("its first line is another"),
        };
        let mut lines = rest.lines().filter(|line| unused.is_none_or(|unused| !line.starts_with(unused)));
        let mut keys = Self { seeds: [[0; 32]; NAMES.len()], former: Vec::new() };
        for (name, seed) in NAMES.iter().zip(&mut keys.seeds) {
            let line = lines.next().ok_or("a key is missing")?;
            let digits = line.strip_prefix(name).and_then(|rest| rest.strip_prefix(' ')).ok_or("a key is missing")?;
            read_hex(digits, seed).ok_or("a key has not 64 hexadecimal digits")?;
        }
        for line in lines {
            let digits = line.strip_prefix(FORMER).ok_or("it has more keys than this version knows")?;
            keys.former.push(FormerKeys::from_hex(digits).ok_or("a former key is not what it must be")?);
        }
        match keys.former.len() {
            0..=LIST_LIMIT => Ok(keys),
            _ => Err("it has more former keys than a card has room for"),
        }
    }

    fn seed(&self, of: Use) -> &[u8; 32] {
        let [signing, sealing, transport, store, salt, record_id] = &self.seeds;
        match of {
            Use::Signing => signing,
            Use::Sealing => sealing,
            Use::Transport => transport,
            Use::Store => store,
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

impl FormerKeys {
    fn from_hex(digits: &str) -> Option<Self> {
        let mut bytes = Zeroizing::new([0; FORMER_BYTES]);
        read_hex(digits, bytes.as_mut_slice())?;
        let (signing, rest) = bytes.split_first_chunk()?;
        let (succession, sealing) = rest.split_first_chunk()?;
        VerifyingKey::from_bytes(signing).ok()?;
        Some(Self { signing: *signing, succession: *succession, sealing: *sealing.first_chunk()? })
    }
}

fn push_hex(text: &mut String, bytes: &[u8]) {
    for byte in bytes {
        text.push(hex_digit(byte >> 4));
        text.push(hex_digit(byte & 15));
    }
}

fn hex_digit(nibble: u8) -> char {
    char::from_digit(u32::from(nibble), 16).unwrap_or('0')
}

fn read_hex(digits: &str, into: &mut [u8]) -> Option<()> {
    if digits.len() != 2 * into.len() || !digits.is_ascii() {
        return None;
    }
    let value = |digit: u8| char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok());
    for (byte, pair) in into.iter_mut().zip(digits.as_bytes().chunks_exact(2)) {
        let &[high, low] = pair else { return None };
        *byte = value(high)? << 4 | value(low)?;
    }
    Some(())
}
