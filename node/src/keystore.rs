//! The bureau's secret keys at rest: one age file, opened with a passphrase once, when the node starts.
//!
//! The file is an ordinary age file with a passphrase (<https://age-encryption.org/v1>, scrypt); what is inside is
//! text, one key a line, so that a bureau can restore it from paper with the `age` program alone.

mod error;
mod file;
mod keys;
mod passphrase;

use std::path::Path;

use igain_protocol::bureau::BureauId;

pub use error::Error;
pub use keys::{ENTROPY_BYTES, Keys, Seed};
pub use passphrase::{CREDENTIAL, PASSPHRASE_MIN, Passphrase, Source};

/// How much work a guess at the passphrase costs: scrypt's N is two to this power (RFC 7914).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost(u8);

impl Cost {
    /// About one second and 256 MiB for each guess.
    pub const STANDARD: Self = Self(18);
    /// A millisecond: for throw-away bureaus of demonstrations and tests, and for nothing else.
    pub const THROW_AWAY: Self = Self(10);
}

/// The most work that this node does for a key file it is given: 16 seconds and 4 GiB, and no more.
const COST_LIMIT: u8 = 22;

/// Writes `keys` to a new file at `path`, readable by its owner alone, and makes it durable.
///
/// # Errors
/// [`Error::Exists`] where there is a file already: keys are never overwritten. [`Error::TooShort`] for a passphrase
/// that is easily guessed.
pub fn create(path: &Path, passphrase: &Passphrase, keys: &Keys, cost: Cost) -> Result<(), Error> {
    passphrase.check_strength()?;
    file::write_new(path, &file::seal(keys, passphrase, cost)?)
}

/// Reads the keys from the file at `path`.
///
/// # Errors
/// [`Error::Open`] where others may read the file, [`Error::WrongPassphrase`], or [`Error::Damaged`].
pub fn unlock(path: &Path, passphrase: &Passphrase) -> Result<Keys, Error> {
    file::open(path, &file::read(path)?, passphrase)
}

/// Removes what is left of attempts to change the key file at `path` that were killed, unless one goes on.
///
/// # Errors
/// Where the folder cannot be read or written.
pub fn clear_drafts(path: &Path) -> Result<(), Error> {
    match file::claim(path) {
        Ok(_) | Err(Error::Busy(_)) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Seals the same keys under another passphrase; the old file stays until the new one is durable.
///
/// # Errors
/// Those of [`unlock`] and [`create`]; [`Error::Busy`] where somebody else changes the file at this moment.
pub fn change_passphrase(path: &Path, old: &Passphrase, new: &Passphrase, cost: Cost) -> Result<(), Error> {
    new.check_strength()?;
    let _claim = file::claim(path)?;
    let keys = unlock(path, old)?;
    file::replace(path, &file::seal(&keys, new, cost)?)
}

/// Puts new keys in the place of those that `bureau` signs and opens with, and with `transport` of the one that it calls
/// with; the old file stays until the new one is durable.
///
/// # Errors
/// Those of [`unlock`]; [`Error::Rotations`] where that was done too often; [`Error::Busy`] where somebody else changes the
/// file at this moment.
pub fn rotate(
    path: &Path,
    passphrase: &Passphrase,
    bureau: BureauId,
    transport: bool,
    cost: Cost,
) -> Result<Keys, Error> {
    let _claim = file::claim(path)?;
    let keys = unlock(path, passphrase)?.replaced_by(&Keys::draw()?, bureau, transport)?;
    file::replace(path, &file::seal(&keys, passphrase, cost)?)?;
    Ok(keys)
}

#[cfg(test)]
mod tests;
