//! What the node knows of the last archive of a set, without an identity that opens it: a small file in the data folder.
//!
//! `note := "IGBNOTE1" cbor mac:32`, replaced as a whole. It has no secrets. The authenticator is HMAC-SHA-256 under a key
//! of the store, so that nobody without it has the next archive leave out what it should hold. A note that is missing or
//! does not verify costs a full archive, and nothing else.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use minicbor::{Decode, Encode};

use super::head::{Digest, Id, Place};
use super::name::SetName;
use super::{Error, Written};
use crate::store::Store;

const BEGIN: &[u8] = b"IGBNOTE1";

/// What the store vouches for it as.
const USE: &str = "igain backup note 1";

/// Most bytes of a note: as many journal files as a head takes.
const LIMIT: u64 = 16 << 20;

/// The last archive of a set, and what it and those before it hold.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Note {
    #[n(0)]
    pub(super) series: Id,
    /// The number of the archive.
    #[n(1)]
    pub(super) number: u32,
    #[n(2)]
    pub(super) id: Id,
    /// The archives of the series, the full one first.
    #[n(3)]
    pub(super) chain: Vec<Link>,
    #[n(4)]
    pub(super) books: Noted,
    #[n(5)]
    pub(super) audit: Noted,
}

/// One archive of a series, as a folder has it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Link {
    /// Its name.
    #[n(0)]
    pub name: String,
    /// Its length.
    #[n(1)]
    pub bytes: u64,
}

/// The journal files of a store.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(super) struct Noted {
    #[n(0)]
    pub(super) store: Id,
    #[n(1)]
    pub(super) files: Vec<NotedFile>,
}

/// A journal file, as far as archives have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(super) struct NotedFile {
    #[n(0)]
    pub(super) id: u32,
    /// Tells it from any other of its number.
    #[n(1)]
    pub(super) salt: Id,
    #[n(2)]
    pub(super) bytes: u64,
    #[n(3)]
    pub(super) digest: Digest,
}

impl Note {
    pub(super) const fn noted(&self, place: Place) -> &Noted {
        match place {
            Place::Books => &self.books,
            Place::Audit => &self.audit,
        }
    }

    /// The note of an archive that was written behind the one that `before` is of; `salts` are those of its journal files,
    /// in the order of its head, and `bytes` is its length once it is sealed.
    pub fn of(written: &Written, salts: &[[u8; 16]], before: Option<&Self>, bytes: u64) -> Self {
        let Written { head, digests } = written;
        let mut known = salts.iter().zip(digests);
        let mut noted = |place| {
            let journal = head.journal(place);
            let files = journal.files.iter().zip(known.by_ref());
            let files = files.map(|(piece, (salt, digest))| NotedFile {
                id: piece.id,
                salt: (*salt).into(),
                bytes: piece.bytes,
                digest: *digest,
            });
            Noted { store: journal.store, files: files.collect() }
        };
        let (books, audit) = (noted(Place::Books), noted(Place::Audit));
        let mut chain = before.filter(|_| !head.is_full()).map(|before| before.chain.clone()).unwrap_or_default();
        chain.push(Link { name: head.name().map(|name| name.to_string()).unwrap_or_default(), bytes });
        Self { series: head.series, number: head.number, id: head.id, chain, books, audit }
    }
}

/// The notes of a data folder.
pub struct Notes<'a> {
    folder: PathBuf,
    store: &'a Store,
}

impl<'a> Notes<'a> {
    /// Those in `data`, which `store` vouches for.
    pub fn new(data: &Path, store: &'a Store) -> Self {
        Self { folder: data.join("backup"), store }
    }

    fn path(&self, set: &SetName) -> PathBuf {
        self.folder.join(format!("{set}.note"))
    }

    /// The note of a set; none where there never was one.
    ///
    /// # Errors
    /// Why it cannot be used, in words.
    pub fn read(&self, set: &SetName) -> Result<Option<Note>, String> {
        let path = self.path(set);
        let lost = |why: &str| format!("what the last backup held is not known: `{}` {why}", path.display());
        let mut bytes = Vec::new();
        match fs::File::open(&path).and_then(|file| file.take(LIMIT + 1).read_to_end(&mut bytes)) {
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(cause) => return Err(lost(&format!("cannot be read: {cause}"))),
            Ok(_) => {}
        }
        let damaged = || lost("is damaged");
        let (signed, mac) = bytes.split_last_chunk::<32>().ok_or_else(damaged)?;
        // What is compared is no secret: whoever can try has the folder.
        if self.store.vouch(USE, &vouched(set, signed)) != *mac {
            return Err(damaged());
        }
        let cbor = signed.strip_prefix(BEGIN).ok_or_else(damaged)?;
        minicbor::decode(cbor).map(Some).map_err(|_| damaged())
    }

    /// Replaces the note of a set; durable on return.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn write(&self, set: &SetName, note: &Note) -> Result<(), Error> {
        let path = self.path(set);
        let draft = path.with_extension("note.new");
        let mut bytes = BEGIN.to_vec();
        bytes.extend(igain_protocol::codec::encode(note));
        let mac = self.store.vouch(USE, &vouched(set, &bytes));
        bytes.extend(mac);
        let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.folder);
        made.map_err(Error::io("make", &self.folder))?;
        let file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft);
        file.and_then(|mut file| file.write_all(&bytes).and_then(|()| file.sync_all()))
            .map_err(Error::io("write", &draft))?;
        fs::rename(&draft, &path).map_err(Error::io("replace", &path))?;
        fs::File::open(&self.folder).and_then(|folder| folder.sync_all()).map_err(Error::io("sync", &self.folder))
    }
}

/// The note of one set is none of another's.
fn vouched(set: &SetName, signed: &[u8]) -> Vec<u8> {
    [set.as_str().as_bytes(), b"\0", signed].concat()
}
