//! The journal: the truth on disk. Append-only files of commits, each framed, checksummed, chained and sealed.
//!
//! One thread writes (see [`super::pipeline`]); anybody reads. A file is written by one run only: what a run finds
//! open it seals, after cutting a torn tail, so that no place of a file is ever written twice under one key.

mod append;
pub(crate) mod file;
pub(crate) mod frame;
pub(crate) mod hold;
pub(crate) mod manifest;
mod recover;
mod reserve;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub(crate) use append::{Appender, Written};
use file::{DataFile, Place};
use hold::Held;
use manifest::{Listed, Manifest, Sealed};
pub(crate) use recover::{OnDamage, Recovered};
pub(crate) use reserve::{Reserve, give_up};

use super::Error;
use super::crypt::StoreKey;
use super::disk::{Disk, Lock};

/// Most files kept open for reading, well below the usual limit of 1,024 descriptors of a process.
const OPEN_FILES: usize = 256;

/// A journal in a folder, locked for this process.
pub(crate) struct Journal {
    pub(crate) disk: Disk,
    pub(crate) dir: PathBuf,
    pub(crate) key: StoreKey,
    pub(crate) store: [u8; 16],
    list: Mutex<Manifest>,
    /// The number of the next file. The writer and a merge both take numbers from here.
    next_file: AtomicU32,
    open: Mutex<HashMap<u32, Arc<DataFile>>>,
    /// The file being written: it alone knows how far it is durable, so that it is never opened a second time.
    writing: Mutex<Option<Arc<DataFile>>>,
    /// Files that stay on the disk for whoever reads them, listed or not.
    held: Mutex<Held>,
    _lock: Lock,
}

impl Journal {
    /// The list of files as it is now.
    pub(crate) fn list(&self) -> MutexGuard<'_, Manifest> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the list on disk, then here; on failure nothing changes here.
    pub(crate) fn relist<T>(&self, change: impl FnOnce(&mut Manifest) -> T) -> Result<T, Error> {
        let mut list = self.list();
        let mut next = list.clone();
        let told = change(&mut next);
        next.write(&self.disk, &self.dir, &self.key)?;
        *list = next;
        Ok(told)
    }

    /// A number for a new file, that no other file has or had.
    pub(crate) fn new_file(&self) -> u32 {
        self.next_file.fetch_add(1, Ordering::Relaxed)
    }

    /// A file by its number; `None` when it is neither listed nor retiring.
    pub(crate) fn file(&self, id: u32) -> Result<Option<Arc<DataFile>>, Error> {
        if let Some(file) = self.being_written(id) {
            return Ok(Some(file));
        }
        if let Some(file) = self.open_files().get(&id) {
            return Ok(Some(Arc::clone(file)));
        }
        if !self.is_known(id) {
            return Ok(None);
        }
        match DataFile::open(&self.place(), id) {
            Ok(file) => {
                let file = Arc::new(file);
                self.keep_open(&file);
                Ok(Some(file))
            }
            // It may have been merged away just now.
            Err(error) if self.is_known(id) => Err(error),
            Err(_) => Ok(None),
        }
    }

    fn is_known(&self, id: u32) -> bool {
        let list = self.list();
        list.file(id).is_some() || list.retiring.iter().any(|retiring| retiring.old.contains(&id))
    }

    /// A file that must be there.
    pub(crate) fn listed_file(&self, id: u32) -> Result<Arc<DataFile>, Error> {
        let missing = || Error::damaged(&manifest::file_path(&self.dir, id), 0, "the file is not in the list of files");
        self.file(id)?.ok_or_else(missing)
    }

    pub(crate) fn keep_open(&self, file: &Arc<DataFile>) {
        let mut open = self.open_files();
        if open.len() >= OPEN_FILES {
            // Any will do: those in use are soon opened again.
            let victim = open.keys().copied().find(|id| *id != file.id);
            victim.map(|id| open.remove(&id));
        }
        open.insert(file.id, Arc::clone(file));
    }

    /// Notes which file is being written.
    pub(crate) fn write_to(&self, file: Option<&Arc<DataFile>>) {
        *self.writing.lock().unwrap_or_else(PoisonError::into_inner) = file.map(Arc::clone);
    }

    /// The file of this number, if it is the one being written.
    pub(crate) fn being_written(&self, id: u32) -> Option<Arc<DataFile>> {
        let writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        writing.as_ref().filter(|file| file.id == id).map(Arc::clone)
    }

    /// Forgets and removes a file that is no longer listed; one that is held goes when nobody holds it any more.
    pub(crate) fn remove(&self, id: u32) -> Result<(), Error> {
        self.open_files().remove(&id);
        if self.held().keeps(id) { Ok(()) } else { self.unlink(id) }
    }

    fn unlink(&self, id: u32) -> Result<(), Error> {
        let path = manifest::file_path(&self.dir, id);
        match self.disk.remove(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Error::io("remove", &path)(error)),
            _ => Ok(()),
        }
    }

    /// Makes the names of the files durable.
    pub(crate) fn sync_names(&self) -> Result<(), Error> {
        self.disk.sync_dir(&self.dir).map_err(Error::io("sync", &self.dir))
    }

    /// Where its files lie and what they carry.
    pub(crate) fn place(&self) -> Place<'_> {
        Place { disk: &self.disk, dir: &self.dir, store: &self.store, key: &self.key }
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn open_files(&self) -> MutexGuard<'_, HashMap<u32, Arc<DataFile>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The files that hold commits after `after`, in order, each with how far it may be read now.
    pub(crate) fn after(&self, after: u64) -> Result<Vec<(Arc<DataFile>, u64)>, Error> {
        let listed = self.list().files.clone();
        let wanted = listed.into_iter().filter(|file| file.sealed.as_ref().is_none_or(|sealed| sealed.last > after));
        wanted
            .map(|Listed { id, sealed, .. }| {
                let file = self.listed_file(id)?;
                let end = sealed.map_or_else(|| file.synced.load(Ordering::Acquire), |s| s.bytes);
                Ok((file, end))
            })
            .collect()
    }

    /// Bytes and number of the files.
    pub(crate) fn size(&self) -> (u64, usize) {
        let (sealed, open, count) = {
            let list = self.list();
            let sealed: u64 =
                list.files.iter().filter_map(|file| file.sealed.as_ref()).map(|sealed| sealed.bytes).sum();
            let open = list.files.iter().find(|file| file.sealed.is_none()).map(|file| file.id);
            (sealed, open, list.files.len())
        };
        let active = open.and_then(|id| self.file(id).ok().flatten());
        (sealed + active.map_or(0, |file| file.synced.load(Ordering::Acquire)), count)
    }
}

/// Takes the folder for this process.
fn lock(disk: &Disk, dir: &Path) -> Result<Lock, Error> {
    let path = dir.join("lock");
    let taken = disk.lock(&path).map_err(Error::io("lock", &path))?;
    taken.ok_or_else(|| Error::Locked { path: dir.into() })
}
