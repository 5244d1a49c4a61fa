//! Signed answers to what a bureau was sent.
//!
//! A receipt says up to which place of a feed of records a bureau has acted: what ended or was taken back before that
//! place is gone there. An owner lists by it who has not yet purged a record (law L7). What was sent again after that
//! place is another matter, so an old receipt answers nothing new.

use minicbor::{Decode, Encode};

use crate::bureau::{BureauId, KeyId, SigningKey, VerifyingKey};
use crate::codec::{self, Signed, Typ, text};
use crate::feed::Cursor;
use crate::record::RecordId;
use crate::time::Timestamp;

/// Refusals in one receipt.
pub const REFUSED_LIMIT: usize = 64;
/// Bytes of why a record was refused.
pub const WHY_LIMIT: usize = 64;

const VERSION: u64 = 2;

/// One bureau's answer to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// Who answers, and signs this.
    pub from: BureauId,
    /// Whom it answers.
    pub to: BureauId,
    /// When all was done that lies before the place.
    pub at: Timestamp,
    /// The place in the feed of records.
    pub upto: Cursor,
    /// Records that were not taken over since the receipt before; at most [`REFUSED_LIMIT`], the rest is not named.
    pub refused: Vec<Refusal>,
}

/// A record that was not taken over.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Refusal {
    /// The record.
    #[n(0)]
    pub id: RecordId,
    /// Its revision.
    #[n(1)]
    pub revision: u32,
    /// The stable name of the reason.
    #[n(2)]
    pub why: String,
}

/// Why a receipt is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Not a signed document, or not by the key at hand.
    #[error(transparent)]
    Document(#[from] codec::Error),
    /// Too many refusals.
    #[error("the receipt names {count} records, and {REFUSED_LIMIT} is the limit. Its sender breaks the protocol")]
    TooMany {
        /// How many.
        count: usize,
    },
    /// A reason is empty, too long or has control characters.
    #[error("the receipt's reason {0}. Its sender breaks the protocol")]
    Reason(text::Fault),
    /// From another bureau than the one that brought it, or for another than this one.
    #[error("the receipt is by {from} for {to}. It was not taken over")]
    NotOurs {
        /// Who says it.
        from: BureauId,
        /// To whom.
        to: BureauId,
    },
}

impl Error {
    /// The stable name of this kind of error, for machines.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Document(error) => error.code(),
            Self::TooMany { .. } => "receipt.too-many",
            Self::Reason(_) => "receipt.reason",
            Self::NotOurs { .. } => "receipt.not-ours",
        }
    }
}

impl Receipt {
    /// Signs the receipt with the key of the bureau that answers.
    ///
    /// # Errors
    /// Whatever a reader would refuse.
    pub fn sign(&self, key: &SigningKey) -> Result<SignedReceipt, Error> {
        self.check()?;
        let bytes = codec::sign(Typ::Receipt, &codec::encode(&Wire::from(self)), key);
        Ok(SignedReceipt { receipt: self.clone(), bytes })
    }

    fn check(&self) -> Result<(), Error> {
        if self.refused.len() > REFUSED_LIMIT {
            return Err(Error::TooMany { count: self.refused.len() });
        }
        self.refused.iter().try_for_each(|refused| text::line(&refused.why, WHY_LIMIT)).map_err(Error::Reason)
    }
}

/// A receipt whose bounds are kept and whose signature was found to be by the key of the bureau that answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedReceipt {
    receipt: Receipt,
    bytes: Vec<u8>,
}

impl SignedReceipt {
    /// Who the document says answers, and with which key: to find the key for [`SignedReceipt::verify`], and for nothing else.
    ///
    /// # Errors
    /// Bytes that are no receipt.
    pub fn claims(bytes: &[u8]) -> Result<(BureauId, KeyId), Error> {
        let signed = Signed::parse(Typ::Receipt, bytes)?;
        let wire: Wire = codec::decode_version(signed.payload(), VERSION)?;
        Ok((wire.from, signed.kid()))
    }

    /// Reads a receipt, if it is by `sender` and for `me`.
    ///
    /// # Errors
    /// Whatever is wrong with it.
    pub fn verify(bytes: &[u8], me: BureauId, sender: (BureauId, &VerifyingKey)) -> Result<Self, Error> {
        let (sender, key) = sender;
        let receipt = Receipt::from(codec::verify::<Wire>(Typ::Receipt, bytes, key, VERSION)?);
        if receipt.from != sender || receipt.to != me {
            return Err(Error::NotOurs { from: receipt.from, to: receipt.to });
        }
        receipt.check()?;
        Ok(Self { receipt, bytes: bytes.to_vec() })
    }

    /// The receipt.
    pub fn receipt(&self) -> &Receipt {
        &self.receipt
    }

    /// The signed bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }
}

#[derive(Encode, Decode)]
#[cbor(map)]
struct Wire {
    #[n(0)]
    version: u64,
    #[n(1)]
    from: BureauId,
    #[n(2)]
    to: BureauId,
    #[n(3)]
    at: Timestamp,
    #[n(4)]
    upto: Cursor,
    #[n(5)]
    refused: Vec<Refusal>,
}

impl From<&Receipt> for Wire {
    fn from(receipt: &Receipt) -> Self {
        let Receipt { from, to, at, upto, refused } = receipt.clone();
        Self { version: VERSION, from, to, at, upto, refused }
    }
}

impl From<Wire> for Receipt {
    fn from(wire: Wire) -> Self {
        let Wire { from, to, at, upto, refused, .. } = wire;
        Self { from, to, at, upto, refused }
    }
}

#[cfg(test)]
mod tests;
