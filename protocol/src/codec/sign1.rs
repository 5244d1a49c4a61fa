//! COSE_Sign1 in the one shape of this protocol.
//!
//! Written and read by hand, because it runs once for every record: parsing takes no allocation. Tests hold it against
//! `coset`, byte for byte, both ways.

use ed25519_dalek::Signature;

use super::Error;
use super::deterministic::Reader;
use crate::bureau::{KeyId, SigningKey, VerifyingKey};

/// The largest signed document, in bytes: a parcel of full payload with its shell.
pub const SIGNED_LIMIT: usize = 65 * 1024;

/// What a signed document is, as the `typ` header says it (RFC 9596): a signature for one type is none for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Typ {
    /// A version of a record.
    Record,
    /// The owner's word that a record is withdrawn.
    Tombstone,
    /// A bureau's card.
    Card,
    /// The charter of a crime analysis file.
    Charter,
    /// A member's answer to a charter.
    Acceptance,
    /// An answer to what a bureau was sent.
    Receipt,
    /// A batch of log entries for one bureau.
    Parcel,
    /// The state of a class log.
    Checkpoint,
    /// The state of an audit log.
    AuditCheckpoint,
}

impl Typ {
    /// Every type.
    pub const ALL: [Self; 9] = [
        Self::Record,
        Self::Tombstone,
        Self::Card,
        Self::Charter,
        Self::Acceptance,
        Self::Receipt,
        Self::Parcel,
        Self::Checkpoint,
        Self::AuditCheckpoint,
    ];

    /// The media type in the header.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Record => "application/igain-record",
            Self::Tombstone => "application/igain-tombstone",
            Self::Card => "application/igain-card",
            Self::Charter => "application/igain-charter",
            Self::Acceptance => "application/igain-acceptance",
            Self::Receipt => "application/igain-receipt",
            Self::Parcel => "application/igain-parcel",
            Self::Checkpoint => "application/igain-checkpoint",
            Self::AuditCheckpoint => "application/igain-audit-checkpoint",
        }
    }
}

/// `{1: -8, 4: h'` in the protected header: the algorithm is EdDSA, then the key id of 8 bytes.
const ALG_KID: [u8; 5] = [0xa3, 0x01, 0x27, 0x04, 0x48];
/// The label of `typ`, 16.
const TYP: u8 = 0x10;
const TEXT: u8 = 0x60;
const BYTES: u8 = 0x40;
/// Tag 18 on an array of four.
const SHELL: [u8; 2] = [0xd2, 0x84];
const EMPTY_MAP: u8 = 0xa0;
/// The head and first element of the `Sig_structure` of RFC 9052 §4.4.
const CONTEXT: &[u8] = b"\x84\x6aSignature1";

/// Signs `payload` as a document of one type.
///
/// A payload that makes the whole longer than [`SIGNED_LIMIT`] is refused by every reader; callers bound theirs.
pub fn sign(typ: Typ, payload: &[u8], key: &SigningKey) -> Vec<u8> {
    let signature = sign_apart(typ, payload, key);
    let protected = protected(typ, key.key_id());
    let mut out = Vec::with_capacity(payload.len() + protected.len() + 80);
    out.extend_from_slice(&SHELL);
    push(&mut out, BYTES, &protected);
    out.push(EMPTY_MAP);
    push(&mut out, BYTES, payload);
    push(&mut out, BYTES, &signature);
    out
}

/// The signature of a document whose parts travel otherwise than in one piece.
pub fn sign_apart(typ: Typ, payload: &[u8], key: &SigningKey) -> [u8; 64] {
    key.sign(&to_be_signed(&protected(typ, key.key_id()), payload))
}

/// What is to be verified: which key is said to have signed what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    kid: KeyId,
    /// What the signature is over.
    pub(super) message: Vec<u8>,
    signature: [u8; 64],
}

impl Claim {
    /// That the key `kid` signed `payload` as a document of one type.
    pub fn new(typ: Typ, kid: KeyId, payload: &[u8], signature: [u8; 64]) -> Self {
        Self { kid, message: to_be_signed(&protected(typ, kid), payload), signature }
    }

    /// Whether it is true, and the key is `key`.
    ///
    /// # Errors
    /// [`Error::Key`] if it names another key, [`Error::Signature`] if the signature does not match.
    pub fn verify(&self, key: &VerifyingKey) -> Result<(), Error> {
        self.check_key(key)?;
        match key.verify(&self.message, &self.signature) {
            true => Ok(()),
            false => Err(Error::Signature),
        }
    }

    /// Which key is said to have signed.
    pub const fn kid(&self) -> KeyId {
        self.kid
    }

    pub(super) fn check_key(&self, key: &VerifyingKey) -> Result<(), Error> {
        match key.key_id() {
            expected if expected == self.kid => Ok(()),
            expected => Err(Error::Key { expected, found: self.kid }),
        }
    }

    pub(super) fn signature(&self) -> Signature {
        Signature::from_bytes(&self.signature)
    }
}

/// A signed document, taken apart but not yet verified.
#[derive(Debug, Clone, Copy)]
pub struct Signed<'a> {
    protected: &'a [u8],
    kid: KeyId,
    payload: &'a [u8],
    signature: &'a [u8; 64],
}

impl<'a> Signed<'a> {
    /// Takes a document of one type apart.
    ///
    /// # Errors
    /// What is longer than [`SIGNED_LIMIT`], truncated, of another shape or of another type.
    pub fn parse(typ: Typ, bytes: &'a [u8]) -> Result<Self, Error> {
        if bytes.len() > SIGNED_LIMIT {
            return Err(Error::TooLong { bytes: bytes.len(), limit: SIGNED_LIMIT });
        }
        let mut reader = Reader::new(bytes);
        reader.expect(6, 18, "tag 18, a COSE_Sign1")?;
        reader.expect(4, 4, "an array of four")?;
        let start = reader.at();
        let protected = reader.bytes("a protected header")?;
        let kid = kid(typ, protected, start)?;
        reader.expect(5, 0, "an empty unprotected header")?;
        let payload = reader.bytes("a payload")?;
        let start = reader.at();
        let signature = reader.bytes("a signature")?;
        let signature =
            signature.try_into().map_err(|_| Error::Shell { at: start, expected: "a signature of 64 bytes" })?;
        reader.end()?;
        Ok(Self { protected, kid, payload, signature })
    }

    /// What the document says, not yet verified: fit to find out whose key to verify with, and for nothing else.
    pub fn payload(&self) -> &'a [u8] {
        self.payload
    }

    /// The key that the document says it was signed with.
    pub fn kid(&self) -> KeyId {
        self.kid
    }

    /// The payload, once its signature is found to be by `key`.
    ///
    /// # Errors
    /// [`Error::Key`] if the document names another key, [`Error::Signature`] if the signature does not match.
    pub fn verify(&self, key: &VerifyingKey) -> Result<&'a [u8], Error> {
        self.claim().verify(key).map(|()| self.payload)
    }

    /// What is to be verified of it.
    pub fn claim(&self) -> Claim {
        let message = to_be_signed(self.protected, self.payload);
        Claim { kid: self.kid, message, signature: *self.signature }
    }
}

fn protected(typ: Typ, kid: KeyId) -> Vec<u8> {
    let typ = typ.as_str().as_bytes();
    let mut out = Vec::with_capacity(ALG_KID.len() + 8 + 3 + typ.len());
    out.extend_from_slice(&ALG_KID);
    out.extend_from_slice(kid.as_bytes());
    out.push(TYP);
    push(&mut out, TEXT, typ);
    out
}

/// The key id in a protected header; `start` is where the header begins in the document.
fn kid(typ: Typ, header: &[u8], start: usize) -> Result<KeyId, Error> {
    let shape = Error::Shell { at: start, expected: "the header {1: -8, 4: key id, 16: type}" };
    let rest = header.strip_prefix(&ALG_KID).ok_or_else(|| shape.clone())?;
    let (kid, rest) = rest.split_first_chunk::<8>().ok_or_else(|| shape.clone())?;
    let (label, found) = rest.split_first().ok_or_else(|| shape.clone())?;
    if *label != TYP {
        return Err(shape);
    }
    // Every type's text has 24 bytes to 255 but the shortest, so that its head is 0x78 and a length, or one byte.
    let text = match found {
        [0x78, length, text @ ..] if usize::from(*length) == text.len() && *length >= 24 => text,
        [head @ 0x60..0x78, text @ ..] if usize::from(head & 0x1f) == text.len() => text,
        _ => return Err(shape),
    };
    if text == typ.as_str().as_bytes() {
        return Ok(KeyId::from_bytes(*kid));
    }
    Err(Error::Typ { expected: typ, found: super::text::shorten(&String::from_utf8_lossy(text)) })
}

/// The `Sig_structure` (RFC 9052 §4.4) with no external data.
fn to_be_signed(protected: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(CONTEXT.len() + protected.len() + payload.len() + 16);
    out.extend_from_slice(CONTEXT);
    push(&mut out, BYTES, protected);
    push(&mut out, BYTES, &[]);
    push(&mut out, BYTES, payload);
    out
}

/// Writes a string of bytes or text with the shortest head.
fn push(out: &mut Vec<u8>, major: u8, bytes: &[u8]) {
    let length = (bytes.len() as u64).to_be_bytes();
    let [.., b4, b3, b2, b1] = length;
    match bytes.len() {
        0..24 => out.push(major | b1),
        24..0x100 => out.extend_from_slice(&[major | 24, b1]),
        0x100..0x1_0000 => out.extend_from_slice(&[major | 25, b2, b1]),
        0x1_0000..=0xffff_ffff => out.extend_from_slice(&[major | 26, b4, b3, b2, b1]),
        _ => {
            out.push(major | 27);
            out.extend_from_slice(&length);
        }
    }
    out.extend_from_slice(bytes);
}
