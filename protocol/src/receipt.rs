//! Signed answers to what a bureau was sent.
//!
//! An owner lists by them who holds a record and who has not yet purged it (law L7), so a receipt is kept as long as
//! the record's withdrawal is remembered.

use std::fmt;

use minicbor::{Decode, Encode};

use crate::bureau::{BureauId, SigningKey, VerifyingKey};
use crate::codec::{self, Signed, Typ, text};
use crate::record::RecordId;
use crate::time::Timestamp;

/// Records in one receipt: with 17 bytes each, a receipt fills a quarter of a parcel.
pub const RECORDS_LIMIT: usize = 1024;
/// Bytes of a reason.
pub const REASON_LIMIT: usize = 512;

const VERSION: u64 = 1;

/// What became of what was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Encode, Decode)]
#[cbor(index_only)]
pub enum Outcome {
    /// Stored, and in use.
    #[n(0)]
    Applied,
    /// Deleted as asked; nothing of it is left in use.
    #[n(1)]
    Purged,
    /// Not taken over, for the reason given.
    #[n(2)]
    Refused,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Applied => "applied",
            Self::Purged => "purged",
            Self::Refused => "refused",
        })
    }
}

/// One bureau's answer to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// Who answers, and signs this.
    pub from: BureauId,
    /// Whom it answers.
    pub to: BureauId,
    /// When it did what it says.
    pub at: Timestamp,
    /// What it did.
    pub outcome: Outcome,
    /// The feed that the answer is about, where it is about a whole feed.
    pub feed: Option<[u8; 16]>,
    /// The records that the answer is about.
    pub records: Vec<RecordId>,
    /// Why, where something was refused.
    pub reason: Option<String>,
}

/// Why a receipt is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Not a signed document, or not by the key at hand.
    #[error(transparent)]
    Document(#[from] codec::Error),
    /// Too many records.
    #[error("the receipt names {count} records, and {RECORDS_LIMIT} is the limit. Its sender breaks the protocol")]
    TooMany {
        /// How many.
        count: usize,
    },
    /// About nothing.
    #[error("the receipt names no feed and no record. Its sender breaks the protocol")]
    Empty,
    /// Its reason is empty, too long or has control characters.
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
            Self::Empty => "receipt.empty",
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
        if self.records.len() > RECORDS_LIMIT {
            return Err(Error::TooMany { count: self.records.len() });
        }
        if self.records.is_empty() && self.feed.is_none() {
            return Err(Error::Empty);
        }
        self.reason.as_ref().map_or(Ok(()), |reason| text::line(reason, REASON_LIMIT)).map_err(Error::Reason)
    }
}

/// A receipt whose bounds are kept and whose signature was found to be by the key of the bureau that answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedReceipt {
    receipt: Receipt,
    bytes: Vec<u8>,
}

impl SignedReceipt {
    /// Who the document says answers: to find the key for [`SignedReceipt::verify`], and for nothing else.
    ///
    /// # Errors
    /// Bytes that are no receipt.
    pub fn claimed_bureau(bytes: &[u8]) -> Result<BureauId, Error> {
        let wire: Wire = codec::decode_version(Signed::parse(Typ::Receipt, bytes)?.payload(), VERSION)?;
        Ok(wire.from)
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
    outcome: Outcome,
    #[cbor(n(5), with = "minicbor::bytes")]
    feed: Option<[u8; 16]>,
    #[n(6)]
    records: Vec<RecordId>,
    #[n(7)]
    reason: Option<String>,
}

impl From<&Receipt> for Wire {
    fn from(receipt: &Receipt) -> Self {
        let receipt = receipt.clone();
        Self {
            version: VERSION,
            from: receipt.from,
            to: receipt.to,
            at: receipt.at,
            outcome: receipt.outcome,
            feed: receipt.feed,
            records: receipt.records,
            reason: receipt.reason,
        }
    }
}

impl From<Wire> for Receipt {
    fn from(wire: Wire) -> Self {
        Self {
            from: wire.from,
            to: wire.to,
            at: wire.at,
            outcome: wire.outcome,
            feed: wire.feed,
            records: wire.records,
            reason: wire.reason,
        }
    }
}

#[cfg(test)]
mod tests;
