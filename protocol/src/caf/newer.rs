//! Charters and answers of a later version: their signer's word, and not to be read here.
//!
//! Some entries mean the same in every version, so that such a document can be kept until it can be read, and takes the place
//! of an earlier one meanwhile: it may say less.

use minicbor::Decode;

use super::charter::CHARTER_LIMIT;
use super::{CafId, Error};
use crate::bureau::{BureauId, KeyId, VerifyingKey};
use crate::codec::{self, Signed, Typ};

/// A charter or an answer that only a later version can read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Newer {
    /// The file.
    pub caf: CafId,
    /// The manager, or the member that answers.
    pub signer: BureauId,
    /// A higher one replaces a lower one.
    pub serial: u64,
}

impl Newer {
    /// What can be told of a charter whose signature is by the key that `key_of` gives for its manager and the id of one.
    ///
    /// # Errors
    /// Where it is not its manager's word, or lacks what every version says.
    pub fn charter(
        bytes: &[u8],
        key_of: impl Fn(BureauId, KeyId) -> Result<VerifyingKey, Error>,
    ) -> Result<Self, Error> {
        let common: Charter = verified(Typ::Charter, bytes, |common: &Charter, kid| key_of(common.manager, kid))?;
        if CafId::of(common.manager, &common.nonce) != common.id {
            return Err(Error::NotItsId(common.id));
        }
        Ok(Self { caf: common.id, signer: common.manager, serial: common.serial })
    }

    /// The same of an answer.
    ///
    /// # Errors
    /// Where it is not its member's word, or lacks what every version says.
    pub fn acceptance(
        bytes: &[u8],
        key_of: impl Fn(BureauId, KeyId) -> Result<VerifyingKey, Error>,
    ) -> Result<Self, Error> {
        let common: Acceptance =
            verified(Typ::Acceptance, bytes, |common: &Acceptance, kid| key_of(common.bureau, kid))?;
        Ok(Self { caf: common.caf, signer: common.bureau, serial: common.serial })
    }
}

fn verified<T>(typ: Typ, bytes: &[u8], key_of: impl Fn(&T, KeyId) -> Result<VerifyingKey, Error>) -> Result<T, Error>
where
    T: for<'b> Decode<'b, ()>,
{
    if bytes.len() > CHARTER_LIMIT {
        return Err(codec::Error::TooLong { bytes: bytes.len(), limit: CHARTER_LIMIT }.into());
    }
    let signed = Signed::parse(typ, bytes)?;
    let common = codec::decode(signed.payload())?;
    signed.verify(&key_of(&common, signed.kid())?)?;
    Ok(common)
}

/// The entries of a charter that mean the same in every version.
#[derive(Decode)]
#[cbor(map)]
struct Charter {
    #[n(1)]
    id: CafId,
    #[n(6)]
    manager: BureauId,
    #[n(7)]
    serial: u64,
    #[cbor(n(14), with = "minicbor::bytes")]
    nonce: [u8; 16],
}

/// Those of an answer.
#[derive(Decode)]
#[cbor(map)]
struct Acceptance {
    #[n(1)]
    caf: CafId,
    #[n(2)]
    bureau: BureauId,
    #[n(4)]
    serial: u64,
}
