//! Sealing with age v1 (<https://age-encryption.org/v1>), binary form, one X25519 recipient.

use std::io::{Read, Write};
use std::iter;

use zeroize::Zeroizing;

use super::Error;
use crate::bureau::{SealingIdentity, SealingKey};
use crate::codec::SIGNED_LIMIT;

/// Bytes of the header of an age file, up to and with its MAC line: one recipient and one stanza of grease take under
/// 500. The age library parses a header anew with every line, so a long one would cost the square of its length.
pub const HEADER_LIMIT: usize = 1024;

/// What the body adds: a nonce of 16 bytes, and a tag of 16 for each chunk of 64 KiB, of which there are two at most.
const BODY_OVERHEAD: usize = 16 + 2 * 16;

/// Bytes of a sealed parcel.
pub const SEALED_LIMIT: usize = HEADER_LIMIT + BODY_OVERHEAD + SIGNED_LIMIT;

/// What begins the MAC line, the last of the header.
const MAC_LINE: &[u8] = b"\n--- ";

/// Seals a signed parcel for the holder of `to`.
///
/// The ephemeral and file keys come from the operating system by way of the age library: the one place of this crate
/// that draws randomness, so that no caller can get it wrong. Two sealings of one parcel differ.
///
/// # Errors
/// [`Error::TooLong`].
pub fn seal(signed: &[u8], to: &SealingKey) -> Result<Vec<u8>, Error> {
    if signed.len() > SIGNED_LIMIT {
        return Err(Error::TooLong { bytes: signed.len(), limit: SIGNED_LIMIT });
    }
    let recipient = to.to_recipient().ok_or(Error::Damaged)?;
    let encryptor =
        age::Encryptor::with_recipients(iter::once(&recipient as &dyn age::Recipient)).map_err(|_| Error::Damaged)?;
    let mut sealed = Vec::with_capacity(signed.len() + HEADER_LIMIT);
    let mut writer = encryptor.wrap_output(&mut sealed).map_err(|_| Error::Damaged)?;
    writer.write_all(signed).map_err(|_| Error::Damaged)?;
    writer.finish().map_err(|_| Error::Damaged)?;
    Ok(sealed)
}

/// Opens a sealed parcel with one of several keys; what comes out is signed and not yet verified.
///
/// # Errors
/// [`Error::TooLong`], [`Error::Damaged`] and [`Error::NotSealedForUs`].
pub fn open<'a>(
    sealed: &[u8],
    identities: impl IntoIterator<Item = &'a SealingIdentity>,
) -> Result<Zeroizing<Vec<u8>>, Error> {
    if sealed.len() > SEALED_LIMIT {
        return Err(Error::TooLong { bytes: sealed.len(), limit: SEALED_LIMIT });
    }
    let start = sealed.get(..sealed.len().min(HEADER_LIMIT)).unwrap_or_default();
    if !start.windows(MAC_LINE.len()).any(|window| window == MAC_LINE) {
        return Err(Error::Damaged);
    }
    let identities = identities.into_iter();
    let decryptor = age::Decryptor::new_buffered(sealed).map_err(|_| Error::Damaged)?;
    let reader =
        decryptor.decrypt(identities.map(|identity| identity.as_age() as &dyn age::Identity)).map_err(fault)?;
    // Room for all at once: a vector that grows leaves copies of its content behind.
    let mut signed = Zeroizing::new(Vec::with_capacity(sealed.len()));
    reader.take(SIGNED_LIMIT as u64 + 1).read_to_end(&mut signed).map_err(|_| Error::Damaged)?;
    match signed.len() {
        0..=SIGNED_LIMIT => Ok(signed),
        bytes => Err(Error::TooLong { bytes, limit: SIGNED_LIMIT }),
    }
}

fn fault(error: age::DecryptError) -> Error {
    match error {
        age::DecryptError::NoMatchingKeys => Error::NotSealedForUs,
        _ => Error::Damaged,
    }
}
