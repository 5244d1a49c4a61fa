//! Signed checkpoints: the end of the log, vouched for outside of it.

use std::fs::File;
use std::io::{ErrorKind, Write as _};
use std::path::Path;

use igain_protocol::bureau::VerifyingKey;
use igain_protocol::codec::{self, Typ};
use igain_protocol::time::Timestamp;
use minicbor::{Decode, Encode};

use super::{Error, Signer};

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

impl Checkpoint {
    /// The checkpoint in a file; none where there is no file.
    pub(super) fn read(path: &Path, own: &VerifyingKey) -> Result<Option<Self>, Error> {
        let failed = |error| Error::File { path: path.to_owned(), why: error };
        match std::fs::metadata(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error)),
            Ok(meta) if meta.len() > LIMIT => return Err(Error::Checkpoint(codec::Error::TooDeep)),
            Ok(_) => {}
        }
        let bytes = std::fs::read(path).map_err(failed)?;
        let wire: Wire = codec::verify(Typ::AuditCheckpoint, &bytes, own, VERSION).map_err(Error::Checkpoint)?;
        Ok(Some(Self { seq: wire.seq, hash: wire.hash, at: wire.at }))
    }

    /// Replaces the file as a whole.
    pub(super) fn write(&self, path: &Path, signer: &Signer) -> Result<(), Error> {
        let wire = Wire { version: VERSION, seq: self.seq, hash: self.hash, at: self.at };
        let bytes = signer(&codec::encode(&wire));
        let next = path.with_extension("next");
        let write = || {
            let mut file = File::create(&next)?;
            file.write_all(&bytes)?;
            file.sync_all()?;
            std::fs::rename(&next, path)?;
            path.parent().map_or(Ok(()), |dir| File::open(dir)?.sync_all())
        };
        write().map_err(|why| Error::File { path: path.to_owned(), why })
    }
}
