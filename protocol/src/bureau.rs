//! Who takes part: bureaus, their keys and their cards.

pub mod card;
mod fingerprint;
mod id;
mod key;
mod sealing;

pub use card::{Card, Contact, SignedCard};
pub use fingerprint::{Fingerprint, KeyId};
pub use id::BureauId;
pub use key::{SigningKey, VerifyingKey};
pub use sealing::{SealingIdentity, SealingKey};

/// Why a name or a key is no bureau's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Not a country, or a country and an office.
    #[error("`{0}` is not a bureau. Write a country code like KE, or a country code and an office like FR-LYON")]
    Id(String),
    /// Not a point of the curve, or not in its one canonical form.
    #[error("the key is not an Ed25519 public key. Its bureau must make new keys and a new card")]
    NotAKey,
    /// A key under which anybody can sign, or that is not in the group of prime order.
    #[error("the key is weak: signatures under it prove nothing. Its bureau must make new keys and a new card")]
    WeakKey,
    /// Not an age recipient, or not in its one canonical form.
    #[error("`{0}` is not an age X25519 key. It starts with age1 and has 62 characters")]
    NotASealingKey(String),
    /// A sealing key with which everybody could open what is sealed.
    #[error(
        "the sealing key is weak: anybody could open what is sealed with it. Its bureau must make new keys and a new card"
    )]
    WeakSealingKey,
}

impl Error {
    /// The stable name of this kind of error, for machines.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Id(_) => "bureau.id",
            Self::NotAKey => "bureau.not-a-key",
            Self::WeakKey => "bureau.weak-key",
            Self::NotASealingKey(_) => "bureau.not-a-sealing-key",
            Self::WeakSealingKey => "bureau.weak-sealing-key",
        }
    }
}

#[cfg(test)]
pub(crate) fn weak_sealing_keys() -> [[u8; 32]; 5] {
    sealing::SMALL_ORDER
}

#[cfg(test)]
mod tests;
