//! Signed checkpoints: the end of the log, vouched for outside of it.

use std::io::ErrorKind;
use std::path::Path;

use igain_protocol::bureau::VerifyingKey;
use igain_protocol::codec::{self, Typ};
use igain_protocol::time::Timestamp;
use minicbor::{Decode, Encode};

use super::{Error, Signer};
use crate::store::Disk;

const VERSION: u64 = 1;

/// Most bytes of a checkpoint file; a real one has some 200.
const LIMIT: u64 = 4_096;

/// The end of the log at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Checkpoint {
    pub(super) seq: u64,
    pub(super) hash: [u8; 32],
    pub(super) at: Timestamp,
}

#[derive(Encode, Decode)]
#[cbor(map)]
struct Wire {
    #[n(0)]
    version: u64,
    #[n(1)]
    seq: u64,
    #[cbor(n(2), with = "minicbor::bytes")]
    hash: [u8; 32],
    #[n(3)]
    at: Timestamp,
}

/// The bytes of a checkpoint's file.
pub(super) fn bytes(disk: &Disk, path: &Path) -> Result<Vec<u8>, Error> {
    disk.read(path, LIMIT).map_err(|why| Error::File { path: path.to_owned(), why })
}

impl Checkpoint {
    /// The checkpoint in a file; none where there is no file.
    pub(super) fn read(disk: &Disk, path: &Path, own: &[VerifyingKey]) -> Result<Option<Self>, Error> {
        let failed = |error| Error::File { path: path.to_owned(), why: error };
        let bytes = match disk.read(path, LIMIT) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) if error.kind() == ErrorKind::FileTooLarge => {
                return Err(Error::Checkpoint(codec::Error::TooDeep));
            }
            read => read.map_err(failed)?,
        };
        let mut tried = own.iter().map(|key| codec::verify::<Wire>(Typ::AuditCheckpoint, &bytes, key, VERSION));
        let first = tried.next().ok_or(Error::NoCheckpoint)?;
        let wire = first.or_else(|error| tried.find_map(Result::ok).ok_or(error)).map_err(Error::Checkpoint)?;
        Ok(Some(Self { seq: wire.seq, hash: wire.hash, at: wire.at }))
    }

    /// Replaces the file as a whole.
    pub(super) fn write(&self, disk: &Disk, path: &Path, signer: &Signer) -> Result<(), Error> {
        let wire = Wire { version: VERSION, seq: self.seq, hash: self.hash, at: self.at };
        let bytes = signer(&codec::encode(&wire));
        disk.replace(path, &path.with_extension("next"), &bytes)
            .map_err(|why| Error::File { path: path.to_owned(), why })
    }
}
