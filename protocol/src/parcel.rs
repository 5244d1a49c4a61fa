//! Parcels: a batch of log entries, signed by its sender and sealed for one bureau.
//!
//! Sign, then seal: nobody but the receiver can read a parcel, whatever carries it, and the receiver can show who sent
//! it. Sender and receiver stand inside the signature, so a parcel that is opened and sealed again for somebody else is
//! refused there.

mod seal;

use minicbor::bytes::ByteVec;
use minicbor::{Decode, Encode};

use crate::bureau::{BureauId, SigningKey, VerifyingKey};
use crate::codec::{self, Signed, Typ};
use crate::time::Timestamp;

pub use seal::{HEADER_LIMIT, SEALED_LIMIT, open, seal};

/// Bytes of a parcel's payload: at most this is sent twice when a transfer breaks off.
pub const PARCEL_LIMIT: usize = 64 * 1024;

/// The lengths that payloads are filled up to, so that whoever sees sealed parcels go by, or keeps them for others, learns
/// little of what is in them.
const SIZES: [usize; 4] = [1 << 10, 1 << 12, 1 << 14, PARCEL_LIMIT];
/// Items in one parcel: more than fit with one entry each.
pub const ITEMS_LIMIT: usize = 4096;

const VERSION: u64 = 2;

/// What one bureau tells another at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parcel {
    /// Who sends it and signs it.
    pub from: BureauId,
    /// Who may open it; anybody else refuses it.
    pub to: BureauId,
    /// When it was packed, by the sender's clock.
    pub created: Timestamp,
    /// What is in it: CBOR whose meaning belongs to the layer above.
    pub items: Vec<Vec<u8>>,
}

/// Why a parcel is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Not a signed document, or not by the sender's key.
    #[error(transparent)]
    Document(#[from] codec::Error),
    /// For another bureau.
    #[error("the parcel is for {to}, not for {me}. Give it to {to}; nothing in it was taken over")]
    NotForUs {
        /// Who refuses it.
        me: BureauId,
        /// Whom it is for.
        to: BureauId,
    },
    /// Not by the bureau that handed it over.
    #[error("the parcel says that it is by {from}, and came as one by {sender}. Nothing in it was taken over")]
    NotBySender {
        /// Who handed it over.
        sender: BureauId,
        /// Who it says packed it.
        from: BureauId,
    },
    /// From nobody to oneself.
    #[error("the parcel is by {0} and for {0}. A bureau sends itself nothing")]
    ToItself(BureauId),
    /// Too many items.
    #[error("the parcel has {count} items, and {ITEMS_LIMIT} is the limit. Its sender breaks the protocol")]
    TooMany {
        /// How many.
        count: usize,
    },
    /// Too many bytes.
    #[error("the parcel has {bytes} bytes, and {limit} is the limit. Its sender breaks the protocol")]
    TooLong {
        /// How many.
        bytes: usize,
        /// The most that is taken.
        limit: usize,
    },
    /// Not an age file, or damaged on its way.
    #[error("the sealed parcel is damaged or is no age file. Ask for it again")]
    Damaged,
    /// Sealed with another key.
    #[error("the parcel was sealed with another key than this bureau's. Send its sender this bureau's newest card")]
    NotSealedForUs,
}

impl Error {
    /// The stable name of this kind of error, for machines.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Document(error) => error.code(),
            Self::NotForUs { .. } => "parcel.not-for-us",
            Self::NotBySender { .. } => "parcel.not-by-sender",
            Self::ToItself(_) => "parcel.to-itself",
            Self::TooMany { .. } => "parcel.too-many",
            Self::TooLong { .. } => "parcel.too-long",
            Self::Damaged => "parcel.damaged",
            Self::NotSealedForUs => "parcel.not-sealed-for-us",
        }
    }
}

impl Parcel {
    /// The parcel as a signed document, fit to be [`seal`]ed.
    ///
    /// The caller keeps it within [`PARCEL_LIMIT`] and [`ITEMS_LIMIT`]; beyond them, it is refused where it arrives.
    pub fn sign(&self, key: &SigningKey) -> Vec<u8> {
        let wire = Wire {
            version: VERSION,
            from: self.from,
            to: self.to,
            created: self.created,
            items: self.items.iter().cloned().map(ByteVec::from).collect(),
            padding: None,
        };
        let mut payload = codec::encode(&wire);
        if let Some(padding) = padding(payload.len()) {
            payload = codec::encode(&Wire { padding: Some(vec![0; padding].into()), ..wire });
        }
        codec::sign(Typ::Parcel, &payload, key)
    }

    /// Reads an opened parcel, if it is by `sender` and for `me`. The signature is checked before anything else is read.
    ///
    /// # Errors
    /// Whatever is wrong with it; then nothing in it may be used.
    pub fn verify(bytes: &[u8], me: BureauId, sender: (BureauId, &VerifyingKey)) -> Result<Self, Error> {
        let (sender, key) = sender;
        let payload = Signed::parse(Typ::Parcel, bytes)?.verify(key)?;
        if payload.len() > PARCEL_LIMIT {
            return Err(Error::TooLong { bytes: payload.len(), limit: PARCEL_LIMIT });
        }
        let wire: Wire = codec::decode_version(payload, VERSION)?;
        if wire.from != sender {
            return Err(Error::NotBySender { sender, from: wire.from });
        }
        if wire.to != me {
            return Err(Error::NotForUs { me, to: wire.to });
        }
        if wire.from == wire.to {
            return Err(Error::ToItself(me));
        }
        match wire.items.len() {
            0..=ITEMS_LIMIT => Ok(Self::from(wire)),
            count => Err(Error::TooMany { count }),
        }
    }
}

/// How many bytes fill a payload of this length up to the next of [`SIZES`]; none where it is longer than all of them, or
/// just as long as one.
fn padding(length: usize) -> Option<usize> {
    // The key of the entry, and the head of a byte string of so many bytes.
    const HEADS: [(usize, std::ops::Range<usize>); 3] = [(2, 0..24), (3, 24..256), (4, 256..65_536)];
    let fills = |size: &usize| {
        let room = size.checked_sub(length)?;
        HEADS.into_iter().find_map(|(head, fits)| room.checked_sub(head).filter(|bytes| fits.contains(bytes)))
    };
    if SIZES.contains(&length) { None } else { SIZES.iter().find_map(fills) }
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
    created: Timestamp,
    #[n(4)]
    items: Vec<ByteVec>,
    /// Zeros.
    #[n(5)]
    padding: Option<ByteVec>,
}

impl From<Wire> for Parcel {
    fn from(wire: Wire) -> Self {
        let items = wire.items.into_iter().map(Vec::from).collect();
        Self { from: wire.from, to: wire.to, created: wire.created, items }
    }
}

#[cfg(test)]
mod tests;
