//! The journal as it was at one moment, for a backup that is read while writes and merges go on.
//!
//! Files are only ever added to, so a file and a length are a state of it. What a merge replaces meanwhile is held: it
//! stays on the disk until the snapshot lets it go. The key directory is not part of it, for it is made from the journal.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use hmac::Mac as _;

use super::crypt::SALT;
use super::disk::File;
use super::journal::Journal;
use super::journal::file::{DataFile, FILE_HEADER};
use super::journal::hold::Hold;
use super::journal::manifest::{self, Manifest};
use super::{Error, Store};

pub(crate) use super::journal::manifest::LIMIT as LIST_LIMIT;

/// How often the list is looked at again where its newest file is just being begun.
const LOOKS: usize = 1_000;

/// Between two such looks.
const BETWEEN: Duration = Duration::from_millis(1);

/// A journal file and how far it was durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extent {
    /// Its number.
    pub id: u32,
    /// Its durable length.
    pub bytes: u64,
}

/// A journal at one moment. Its files stay until they are let go or this is dropped.
pub struct Snapshot {
    journal: Arc<Journal>,
    list: Vec<u8>,
    files: Vec<Extent>,
    hold: Hold,
}

/// An open file of a snapshot.
pub struct Reading {
    file: File,
    path: PathBuf,
    salt: [u8; SALT],
}

impl Store {
    /// The journal as it is now. All that was acknowledged is in it.
    ///
    /// # Errors
    /// Where the list of files cannot be written down.
    pub fn snapshot(&self) -> Result<Snapshot, Error> {
        let journal = &self.state().journal;
        for _ in 0..LOOKS {
            if let Some(snapshot) = take(journal)? {
                return Ok(snapshot);
            }
            // The file is listed, and not yet known as the one being written.
            std::thread::sleep(BETWEEN);
        }
        Err(Error::damaged(&journal.dir, 0, "the newest file in the list is not the one being written"))
    }

    /// What only the holder of the store's key can say of `bytes`, for the use named by `info`.
    pub fn vouch(&self, info: &str, bytes: &[u8]) -> [u8; 32] {
        self.state().journal.key.mac_of(info, bytes).finalize().into_bytes().into()
    }
}

fn take(journal: &Arc<Journal>) -> Result<Option<Snapshot>, Error> {
    let list = journal.list();
    let mut files = Vec::with_capacity(list.files.len());
    for listed in &list.files {
        let bytes = match &listed.sealed {
            Some(sealed) => Some(sealed.bytes),
            None => journal.being_written(listed.id).map(|file| file.synced.load(Ordering::Acquire)),
        };
        let Some(bytes) = bytes else { return Ok(None) };
        files.push(Extent { id: listed.id, bytes });
    }
    let hold = Hold::new(journal, files.iter().map(|file| file.id).collect());
    // What is on its way out only the directory still needs, which is not part of a backup.
    let kept = Manifest { retiring: Vec::new(), ..list.clone() };
    drop(list);
    let list = kept.encode(&manifest::list_path(&journal.dir), &journal.key)?;
    Ok(Some(Snapshot { journal: Arc::clone(journal), list, files, hold }))
}

impl Snapshot {
    /// The number that was drawn when the journal was made.
    pub fn store(&self) -> [u8; 16] {
        self.journal.store
    }

    /// The list of files, as its file has it.
    pub fn list(&self) -> &[u8] {
        &self.list
    }

    /// The files, in the order of what they hold.
    pub fn files(&self) -> &[Extent] {
        &self.files
    }

    /// Reads a file that was not let go, and sees that every commit in it is what was written.
    ///
    /// # Errors
    /// [`Error::Damaged`] where one is not; where the file cannot be read.
    pub fn check(&self, id: u32) -> Result<(), Error> {
        let bytes = self.files.iter().find(|file| file.id == id).map_or(0, |file| file.bytes);
        let file = Arc::new(DataFile::open(&self.journal.place(), id)?);
        let mut scan = file.scan(bytes);
        while let Some(frame) = scan.next()? {
            if !file.values_are_whole(&frame)? {
                return Err(Error::damaged(&file.path, frame.offset, "the values of a commit are damaged"));
            }
        }
        Ok(())
    }

    /// Opens a file that was not let go.
    ///
    /// # Errors
    /// Where it cannot be opened, or is not the file that it should be.
    pub fn open(&self, id: u32) -> Result<Reading, Error> {
        let opened = DataFile::open(&self.journal.place(), id)?;
        let mut header = [0; FILE_HEADER];
        opened.file.read_exact_at(&mut header, 0).map_err(Error::io("read", &opened.path))?;
        let salt = header.get(12..).and_then(|rest| rest.first_chunk::<SALT>()).copied().unwrap_or_default();
        Ok(Reading { file: opened.file, path: opened.path, salt })
    }

    /// Lets a file go, which is not read any more.
    pub fn release(&mut self, id: u32) {
        self.hold.release(id);
    }
}

impl Reading {
    /// What was drawn when the file was made: it tells the file from any other of its number.
    pub const fn salt(&self) -> [u8; SALT] {
        self.salt
    }

    /// Fills `buffer` from the place `offset` on.
    ///
    /// # Errors
    /// Where the file cannot be read, or ends before.
    pub fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<(), Error> {
        self.file.read_exact_at(buffer, offset).map_err(Error::io("read", &self.path))
    }
}

/// Where the list of files lies in the folder of a store.
pub fn list_in(store: &Path) -> PathBuf {
    manifest::list_path(&store.join("journal"))
}

/// Where a journal file lies in the folder of a store.
pub fn file_in(store: &Path, id: u32) -> PathBuf {
    manifest::file_path(&store.join("journal"), id)
}
