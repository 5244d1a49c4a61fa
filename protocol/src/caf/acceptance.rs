//! A member's answer to a charter.

use std::fmt;

use minicbor::{Decode, Encode};

use super::{CafId, Error, Subset};
use crate::bureau::{BureauId, KeyId, SigningKey, VerifyingKey};
use crate::codec::{self, Signed, Typ};
use crate::time::Timestamp;

const VERSION: u64 = 2;

/// Whether a member takes part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Encode, Decode)]
#[cbor(index_only)]
pub enum Membership {
    /// Takes part.
    #[n(0)]
    Joined,
    /// Took part once.
    #[n(1)]
    Left,
    /// Does not want to.
    #[n(2)]
    Declined,
}

impl fmt::Display for Membership {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Joined => "joined",
            Self::Left => "left",
            Self::Declined => "declined",
        })
    }
}

/// What a member says to a charter: whether it takes part, and in which of the records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acceptance {
    /// Which file.
    pub caf: CafId,
    /// The member, which signs this.
    pub bureau: BureauId,
    /// The version of the charter that it answers to.
    pub charter_serial: u64,
    /// Counts the member's answers about this file: a higher one replaces a lower one.
    pub serial: u64,
    /// Whether it takes part.
    pub state: Membership,
    /// What it wants to receive; more is never sent to it.
    pub only: Subset,
    /// When it said so.
    pub at: Timestamp,
}

impl Acceptance {
    /// Signs the answer with the member's key.
    ///
    /// # Errors
    /// A subset beyond its bounds.
    pub fn sign(&self, key: &SigningKey) -> Result<SignedAcceptance, Error> {
        self.only.check()?;
        let bytes = codec::sign(Typ::Acceptance, &codec::encode(&Wire::from(self)), key);
        Ok(SignedAcceptance { acceptance: self.clone(), bytes })
    }

    /// Whether this answer takes the place of `older`: same file, same member, higher serial.
    ///
    /// # Errors
    /// What is not so.
    pub fn supersedes(&self, older: &Self) -> Result<(), Error> {
        if self.caf != older.caf {
            return Err(Error::Other("file"));
        }
        if self.bureau != older.bureau {
            return Err(Error::Other("member"));
        }
        match self.serial > older.serial {
            true => Ok(()),
            false => Err(Error::NotNewer { old: older.serial, new: self.serial }),
        }
    }
}

/// An acceptance whose bounds are kept and whose signature was found to be by the member's key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedAcceptance {
    acceptance: Acceptance,
    bytes: Vec<u8>,
}

impl SignedAcceptance {
    /// Who the document says answers, and with which key: to find the key for [`SignedAcceptance::verify`], and for nothing else.
    ///
    /// # Errors
    /// Bytes that are no acceptance.
    pub fn claims(bytes: &[u8]) -> Result<(BureauId, KeyId), Error> {
        let signed = Signed::parse(Typ::Acceptance, bytes)?;
        let wire: Wire = codec::decode_version(signed.payload(), VERSION)?;
        Ok((wire.bureau, signed.kid()))
    }

    /// Reads an acceptance signed by `key`, which must be the key of the bureau that it names.
    ///
    /// # Errors
    /// Whatever is wrong with it.
    pub fn verify(bytes: &[u8], key: &VerifyingKey) -> Result<Self, Error> {
        let acceptance = Acceptance::from(codec::verify::<Wire>(Typ::Acceptance, bytes, key, VERSION)?);
        acceptance.only.check()?;
        Ok(Self { acceptance, bytes: bytes.to_vec() })
    }

    /// An acceptance in bytes that were verified when they were stored here: whatever key signed it then, it stays its
    /// member's word. The signature is not checked.
    ///
    /// # Errors
    /// Bytes that are no acceptance.
    pub fn trusted(bytes: &[u8]) -> Result<Self, Error> {
        let wire: Wire = codec::decode_version(Signed::parse(Typ::Acceptance, bytes)?.payload(), VERSION)?;
        Ok(Self { acceptance: wire.into(), bytes: bytes.to_vec() })
    }

    /// The acceptance.
    pub fn acceptance(&self) -> &Acceptance {
        &self.acceptance
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
    caf: CafId,
    #[n(2)]
    bureau: BureauId,
    #[n(3)]
    charter_serial: u64,
    #[n(4)]
    serial: u64,
    #[n(5)]
    state: Membership,
    #[n(6)]
    only: Subset,
    #[n(7)]
    at: Timestamp,
}

impl From<&Acceptance> for Wire {
    fn from(acceptance: &Acceptance) -> Self {
        Self {
            version: VERSION,
            caf: acceptance.caf,
            bureau: acceptance.bureau,
            charter_serial: acceptance.charter_serial,
            serial: acceptance.serial,
            state: acceptance.state,
            only: acceptance.only.clone(),
            at: acceptance.at,
        }
    }
}

impl From<Wire> for Acceptance {
    fn from(wire: Wire) -> Self {
        Self {
            caf: wire.caf,
            bureau: wire.bureau,
            charter_serial: wire.charter_serial,
            serial: wire.serial,
            state: wire.state,
            only: wire.only,
            at: wire.at,
        }
    }
}
