//! The journal's list of its files: what was there cannot silently be missing, shortened or put in another order.
//!
//! `manifest := "IGMANIF1" length:u32 cbor crc:u32 mac:32`, replaced as a whole (write, sync, rename, sync folder). The
//! checksum tells damage, the authenticator (HMAC-SHA-256 under the store's key) tells a wrong key.

use std::io;
use std::path::{Path, PathBuf};

use hmac::Mac;
use minicbor::{Decode, Encode};

use super::frame::Chain;
use crate::store::Error;
use crate::store::crypt::StoreKey;
use crate::store::disk::Disk;

/// The version of everything in the folder.
pub(crate) const VERSION: u32 = 1;
const MAGIC: [u8; 8] = *b"IGMANIF1";
const NAME: &str = "manifest";
/// Most bytes of the list: far more files than a disk holds.
pub(crate) const LIMIT: u64 = 256 << 20;

/// A list of files in the order of what they hold.
#[derive(Debug, Clone, Encode, Decode)]
#[cbor(map)]
pub(crate) struct Manifest {
    #[n(0)]
    pub(crate) version: u32,
    /// Drawn when the journal was made; every file carries it.
    #[cbor(n(1), with = "minicbor::bytes")]
    pub(crate) store: [u8; 16],
    /// What the journal is for: files of one kind cannot pass for another's.
    #[n(2)]
    pub(crate) purpose: u8,
    #[n(3)]
    pub(crate) files: Vec<Listed>,
    /// No file was ever given this number or a higher one.
    #[n(4)]
    pub(crate) next_file: u32,
    /// The directory must have seen all commits up to this one: of earlier ones, some operations were merged away.
    #[n(5)]
    pub(crate) merged: u64,
    /// Removals up to this commit are no longer told.
    #[n(6)]
    pub(crate) forgotten: u64,
    /// Files that were rewritten, but that the directory may still name.
    #[n(7)]
    pub(crate) retiring: Vec<Retiring>,
    /// How often the directory followed merges to their end. It must have done so as often: one that is older may name
    /// files that are gone, with the same last commit.
    #[n(8)]
    #[cbor(default)]
    pub(crate) followed: u64,
}

/// One file of the list.
#[derive(Debug, Clone, Encode, Decode)]
#[cbor(map)]
pub(crate) struct Listed {
    #[n(0)]
    pub(crate) id: u32,
    /// The first commit that it may hold.
    #[n(1)]
    pub(crate) first: u64,
    /// Set when nothing more is written to it.
    #[n(2)]
    pub(crate) sealed: Option<Sealed>,
}

/// The end of a file.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct Sealed {
    /// The last commit that it holds or, after a merge, held.
    #[n(0)]
    pub(crate) last: u64,
    #[n(1)]
    pub(crate) bytes: u64,
    /// Operations in it.
    #[n(2)]
    pub(crate) ops: u32,
    #[cbor(n(3), with = "minicbor::bytes")]
    pub(crate) chain: Chain,
    /// It was damaged when it was given up for writing; only the audit log goes on with such a file in it.
    #[n(4)]
    pub(crate) damaged: Option<String>,
}

/// Old files, and what took their place.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct Retiring {
    #[n(0)]
    pub(crate) old: Vec<u32>,
    /// None where nothing of them was still in use.
    #[n(1)]
    pub(crate) new: Option<u32>,
}

impl Manifest {
    /// The list in `dir`; `None` where there is none.
    pub(crate) fn read(disk: &Disk, dir: &Path, key: &StoreKey, purpose: u8) -> Result<Option<Self>, Error> {
        let path = list_path(dir);
        let bytes = match disk.read(&path, LIMIT) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Error::io("read", &path)(error)),
        };
        let damaged = |why| Error::damaged(&path, 0, why);
        let (signed, crc, mac) = split(&bytes).ok_or_else(|| damaged("the list of files is cut short"))?;
        if crc32fast::hash(signed) != crc {
            return Err(damaged("the checksum of the list of files does not match"));
        }
        if key.mac(signed).verify_slice(mac).is_err() {
            return Err(Error::WrongKey { path: dir.into() });
        }
        let list: Self = signed
            .get(MAGIC.len() + 4..)
            .and_then(|cbor| minicbor::decode(cbor).ok())
            .ok_or_else(|| damaged("the list of files cannot be read"))?;
        if list.version != VERSION {
            return Err(Error::Version { path, found: list.version, known: VERSION });
        }
        if list.purpose != purpose {
            return Err(damaged("the list of files is that of another kind of journal"));
        }
        Ok(Some(list))
    }

    /// Replaces the list in `dir`; durable on return. [`Error::Full`] means that the old one is there still.
    pub(crate) fn write(&self, disk: &Disk, dir: &Path, key: &StoreKey) -> Result<(), Error> {
        let (path, fresh) = (list_path(dir), dir.join("manifest.new"));
        let bytes = self.encode(&path, key)?;
        disk.replace(&path, &fresh, &bytes).map_err(Error::io("replace", &path))
    }

    /// The bytes of the list, as a file has them.
    pub(crate) fn encode(&self, path: &Path, key: &StoreKey) -> Result<Vec<u8>, Error> {
        let cbor = minicbor::to_vec(self).map_err(|error| Error::damaged(path, 0, error.to_string()))?;
        let mut bytes = MAGIC.to_vec();
        bytes.extend_from_slice(&u32::try_from(cbor.len()).unwrap_or(u32::MAX).to_be_bytes());
        bytes.extend_from_slice(&cbor);
        let mac = key.mac(&bytes).finalize().into_bytes();
        bytes.extend_from_slice(&crc32fast::hash(&bytes).to_be_bytes());
        bytes.extend_from_slice(&mac);
        Ok(bytes)
    }

    pub(crate) fn file(&self, id: u32) -> Option<&Listed> {
        self.files.iter().find(|file| file.id == id)
    }
}

fn split(bytes: &[u8]) -> Option<(&[u8], u32, &[u8])> {
    let (head, mac) = bytes.split_at_checked(bytes.len().checked_sub(32)?)?;
    let (signed, crc) = head.split_last_chunk::<4>()?;
    let (magic, rest) = signed.split_first_chunk::<8>()?;
    let (length, cbor) = rest.split_first_chunk::<4>()?;
    (*magic == MAGIC && cbor.len() == u32::from_be_bytes(*length) as usize).then_some((
        signed,
        u32::from_be_bytes(*crc),
        mac,
    ))
}

/// The path of the list.
pub(crate) fn list_path(dir: &Path) -> PathBuf {
    dir.join(NAME)
}

/// The path of a journal file.
pub(crate) fn file_path(dir: &Path, id: u32) -> PathBuf {
    dir.join(format!("{id:010}.journal"))
}
