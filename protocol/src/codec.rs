//! How signed documents are written: deterministic CBOR (RFC 8949 §4.2.1) inside COSE_Sign1 (RFC 9052 §4.2).
//!
//! What was signed is kept and passed on as it came; nothing is encoded anew to be verified. The shell that [`sign`]
//! writes and [`Signed::parse`] accepts has one shape only, a valid COSE_Sign1 that any COSE library reads:
//! `FORMAT.md` gives it byte by byte.

pub mod armor;
mod batch;
mod deterministic;
mod sign1;
pub mod text;

use minicbor::{Decode, Encode};

pub use batch::verify_batch;
pub use deterministic::NESTING_LIMIT;
pub use sign1::{Claim, SIGNED_LIMIT, Signed, Typ, sign, sign_apart};

use crate::bureau::{KeyId, VerifyingKey};
use deterministic::Reader;

/// Why bytes are not the signed document that was expected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The input ends in the middle of an item.
    #[error("the document ends too early, at byte {at}. It was cut off on its way: ask for it again")]
    Truncated {
        /// Length of what is there.
        at: usize,
    },
    /// More bytes follow the document.
    #[error("{bytes} more bytes follow the document. It was altered on its way: ask for it again")]
    Trailing {
        /// How many.
        bytes: usize,
    },
    /// Larger than any document of this protocol.
    #[error("the document has {bytes} bytes, and {limit} is the limit. Its sender breaks the protocol")]
    TooLong {
        /// Length of what is there.
        bytes: usize,
        /// The most that is read.
        limit: usize,
    },
    /// Arrays, maps and tags inside each other beyond [`NESTING_LIMIT`].
    #[error("the document nests deeper than {NESTING_LIMIT} levels. Its sender breaks the protocol")]
    TooDeep,
    /// Not the one deterministic encoding of its value.
    #[error("the document is not deterministic CBOR: {what} at byte {at}. Its sender breaks the protocol")]
    NotDeterministic {
        /// Offset of the offending item.
        at: usize,
        /// What is wrong with it.
        what: &'static str,
    },
    /// Not the COSE_Sign1 that this protocol writes.
    #[error(
        "this is not a signed document of the protocol: byte {at} is not {expected}. Check that it is the right file"
    )]
    Shell {
        /// Offset where the shapes part.
        at: usize,
        /// What belongs there.
        expected: &'static str,
    },
    /// A signed document, but of another type.
    #[error("this is of type `{found}`, where `{expected}` was expected. Check that it is the right file", expected = .expected.as_str())]
    Typ {
        /// What the caller reads.
        expected: Typ,
        /// What the header says, shortened.
        found: String,
    },
    /// Written by a version of the protocol that this one does not know.
    #[error(
        "this is version {found} of the format, and only {known} is known here. Update this node, or ask for an older version"
    )]
    Version {
        /// What the document says.
        found: u64,
        /// What this code reads.
        known: u64,
    },
    /// Signed with another key than the one at hand.
    #[error("this was signed with key `{found}`, not with `{expected}`. Ask its sender for a new card")]
    Key {
        /// The key that the caller trusts.
        expected: KeyId,
        /// The key that the document names.
        found: KeyId,
    },
    /// The signature does not match the bytes.
    #[error("the signature does not match. The document was altered, or its signer is not who it says")]
    Signature,
    /// The CBOR is well formed but does not say what this type says.
    #[error("the document's content is not what its type demands: {0}. Its sender breaks the protocol")]
    Content(String),
}

impl Error {
    /// The stable name of this kind of error, for machines.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Truncated { .. } => "document.truncated",
            Self::Trailing { .. } => "document.trailing",
            Self::TooLong { .. } => "document.too-long",
            Self::TooDeep => "document.too-deep",
            Self::NotDeterministic { .. } => "document.not-deterministic",
            Self::Shell { .. } => "document.shell",
            Self::Typ { .. } => "document.type",
            Self::Version { .. } => "document.version",
            Self::Key { .. } => "document.key",
            Self::Signature => "document.signature",
            Self::Content(_) => "document.content",
        }
    }
}

/// The deterministic CBOR of a value.
#[expect(clippy::expect_used, reason = "an encoder that fails is a mistake in this crate, not in its input")]
pub fn encode<T: Encode<()>>(value: &T) -> Vec<u8> {
    // INVARIANT: a vector takes every byte, and no type of this protocol refuses to be encoded.
    minicbor::to_vec(value).expect("encoding into memory")
}

/// Reads a value from its deterministic CBOR; the whole input must be used.
///
/// Map keys that this version does not know are passed over; a document that must not be read so raises its version.
///
/// # Errors
/// What is truncated, not deterministic, nested too deep, followed by more, or not a `T`.
pub fn decode<'b, T: Decode<'b, ()>>(bytes: &'b [u8]) -> Result<T, Error> {
    deterministic::check(bytes)?;
    let mut decoder = minicbor::Decoder::new(bytes);
    let value = decoder.decode().map_err(|error| Error::Content(text::shorten(&error.to_string())))?;
    match bytes.len().saturating_sub(decoder.position()) {
        0 => Ok(value),
        bytes => Err(Error::Trailing { bytes }),
    }
}

/// As [`decode`], for a map that carries its format version under the key 0: another version is named as such, not
/// taken for a damaged document.
///
/// # Errors
/// As [`decode`], and [`Error::Version`].
pub fn decode_version<'b, T: Decode<'b, ()>>(bytes: &'b [u8], known: u64) -> Result<T, Error> {
    match Reader::new(bytes).version() {
        Some(found) if found != known => Err(Error::Version { found, known }),
        _ => decode(bytes),
    }
}

/// Checks one signed document from shell to signature and reads its payload, a map with its version under the key 0.
///
/// # Errors
/// Whatever is wrong with it, the shell first, then the signature, then the content.
pub fn verify<T>(typ: Typ, bytes: &[u8], key: &VerifyingKey, version: u64) -> Result<T, Error>
where
    T: for<'b> Decode<'b, ()>,
{
    decode_version(Signed::parse(typ, bytes)?.verify(key)?, version)
}

#[cfg(test)]
mod tests;
