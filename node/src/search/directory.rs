//! A folder of encrypted files for tantivy: no text, no token, no id is on the disk in clear.
//!
//! File names are tantivy's own (random segment ids). A file's content is sealed in chunks; reading decrypts only the
//! chunks it needs. Not guarded against: somebody who puts back a whole older copy of the folder. The index is made
//! from the store, and a copy that is behind the store is brought up to it.

mod locks;
mod sealed;
mod writer;

use std::collections::BTreeSet;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tantivy::directory::error::{DeleteError, LockError, OpenReadError, OpenWriteError};
use tantivy::directory::{DirectoryLock, FileHandle, Lock, WatchCallback, WatchCallbackList, WatchHandle, WritePtr};

use locks::Locks;
use sealed::{SealedFile, Sealer};
use writer::Writer;

/// tantivy's list of segments: the one file that a commit replaces.
pub(super) const META: &str = "meta.json";

/// tantivy's list of the files it may delete; it can be made again from the folder.
const MANAGED: &str = ".managed.json";

/// Held for as long as the folder is open, so that two processes never write to it.
const LOCK: &str = ".lock";

/// Marks a file that was being replaced.
const DRAFT: &str = "draft";

/// An open folder of encrypted files. Clones share it.
#[derive(Clone)]
pub(super) struct Encrypted {
    shared: Arc<Shared>,
}

struct Shared {
    folder: PathBuf,
    sealer: Sealer,
    locks: Arc<Locks>,
    watchers: WatchCallbackList,
    /// Set whenever the list of segments was replaced.
    changed: AtomicBool,
    /// Released by the system when the process ends, however it ends.
    _lock: File,
}

/// Why a folder cannot be opened.
#[derive(Debug)]
pub(super) enum OpenError {
    /// Another process has it.
    Locked,
    Io(io::Error),
}

impl Encrypted {
    /// Opens or makes the folder, and clears away what a crash left half written.
    pub(super) fn open(folder: &Path, key: &[u8; 32]) -> Result<Self, OpenError> {
        fs::create_dir_all(folder).map_err(OpenError::Io)?;
        let lock = File::options().create(true).write(true).truncate(false).open(folder.join(LOCK));
        let lock = lock.map_err(OpenError::Io)?;
        lock.try_lock().map_err(|refused| match refused {
            fs::TryLockError::WouldBlock => OpenError::Locked,
            fs::TryLockError::Error(cause) => OpenError::Io(cause),
        })?;
        let shared = Shared {
            folder: folder.to_owned(),
            sealer: Sealer::new(key),
            locks: Arc::default(),
            watchers: WatchCallbackList::default(),
            changed: AtomicBool::new(false),
            _lock: lock,
        };
        let opened = Self { shared: Arc::new(shared) };
        opened.list_files_anew().map_err(OpenError::Io)?;
        Ok(opened)
    }

    /// Deletes everything but the lock.
    pub(super) fn clear(&self) -> io::Result<()> {
        for entry in fs::read_dir(&self.shared.folder)? {
            let entry = entry?;
            if entry.file_name() != LOCK {
                fs::remove_file(entry.path())?;
            }
        }
        self.sync()
    }

    /// Whether the list of segments was replaced since this was last asked.
    pub(super) fn take_changed(&self) -> bool {
        self.shared.changed.swap(false, Ordering::AcqRel)
    }

    /// Reads and checks files that are whole; gives the bytes read.
    pub(super) fn verify(&self, names: impl IntoIterator<Item = PathBuf>) -> io::Result<u64> {
        let mut bytes = 0;
        for name in names {
            match self.shared.sealer.open(&self.shared.folder, &name) {
                Ok(file) => bytes += file.verify()?,
                // A part that this segment does not have, or deleted since: a merge was done.
                Err(gone) if gone.kind() == ErrorKind::NotFound => {}
                Err(damage) => return Err(damage),
            }
        }
        Ok(bytes)
    }

    /// Bytes of all files on the disk.
    pub(super) fn disk_bytes(&self) -> io::Result<u64> {
        let mut bytes = 0;
        for entry in fs::read_dir(&self.shared.folder)? {
            bytes += entry?.metadata().map_or(0, |metadata| metadata.len());
        }
        Ok(bytes)
    }

    /// The files that are tantivy's.
    pub(super) fn file_names(&self) -> io::Result<BTreeSet<String>> {
        let mut names = BTreeSet::new();
        for entry in fs::read_dir(&self.shared.folder)? {
            if let Ok(name) = entry?.file_name().into_string()
                && !name.starts_with('.')
            {
                names.insert(name);
            }
        }
        Ok(names)
    }

    /// Writes tantivy's list of files from what is there, so that whatever a crash left behind is collected.
    fn list_files_anew(&self) -> io::Result<()> {
        for entry in fs::read_dir(&self.shared.folder)? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == DRAFT) {
                fs::remove_file(path)?;
            }
        }
        let names = self.file_names()?;
        match names.is_empty() {
            true => Ok(()),
            false => self.replace(Path::new(MANAGED), &serde_json::to_vec(&names)?, Durable::No),
        }
    }

    fn replace(&self, path: &Path, data: &[u8], durable: Durable) -> io::Result<()> {
        let target = self.path(path)?;
        let draft = target.with_extension(DRAFT);
        let mut file = File::create(&draft)?;
        file.write_all(&self.shared.sealer.seal(path, data)?)?;
        if durable == Durable::Yes {
            file.sync_all()?;
        }
        fs::rename(&draft, &target)?;
        match durable {
            Durable::Yes => self.sync(),
            Durable::No => Ok(()),
        }
    }

    fn sync(&self) -> io::Result<()> {
        File::open(&self.shared.folder)?.sync_all()
    }

    /// tantivy's names are plain names: anything else would leave the folder.
    fn path(&self, name: &Path) -> io::Result<PathBuf> {
        match name.file_name() == Some(name.as_os_str()) {
            true => Ok(self.shared.folder.join(name)),
            false => Err(io::Error::new(ErrorKind::InvalidInput, "a file name with a folder in it")),
        }
    }

    fn open_file(&self, path: &Path) -> Result<SealedFile, OpenReadError> {
        let opened = self.path(path).and_then(|_| self.shared.sealer.open(&self.shared.folder, path));
        opened.map_err(|cause| match cause.kind() {
            ErrorKind::NotFound => OpenReadError::FileDoesNotExist(path.to_owned()),
            _ => OpenReadError::wrap_io_error(cause, path.to_owned()),
        })
    }
}

/// Whether a replaced file must outlive a power cut.
#[derive(PartialEq)]
enum Durable {
    Yes,
    /// It can be made again.
    No,
}

impl fmt::Debug for Encrypted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Encrypted").field(&self.shared.folder).finish()
    }
}

impl tantivy::Directory for Encrypted {
    fn get_file_handle(&self, path: &Path) -> Result<Arc<dyn FileHandle>, OpenReadError> {
        Ok(Arc::new(self.open_file(path)?))
    }

    fn delete(&self, path: &Path) -> Result<(), DeleteError> {
        self.path(path).and_then(fs::remove_file).map_err(|cause| match cause.kind() {
            ErrorKind::NotFound => DeleteError::FileDoesNotExist(path.to_owned()),
            _ => DeleteError::IoError { io_error: Arc::new(cause), filepath: path.to_owned() },
        })
    }

    fn exists(&self, path: &Path) -> Result<bool, OpenReadError> {
        let found = self.path(path).and_then(fs::exists);
        found.map_err(|cause| OpenReadError::wrap_io_error(cause, path.to_owned()))
    }

    fn open_write(&self, path: &Path) -> Result<WritePtr, OpenWriteError> {
        let created = self.path(path).and_then(|target| {
            let file = File::options().write(true).create_new(true).open(target)?;
            Writer::start(file, self.shared.sealer.stream(path)?)
        });
        match created {
            Ok(writer) => Ok(io::BufWriter::new(Box::new(writer))),
            Err(taken) if taken.kind() == ErrorKind::AlreadyExists => {
                Err(OpenWriteError::FileAlreadyExists(path.to_owned()))
            }
            Err(cause) => Err(OpenWriteError::wrap_io_error(cause, path.to_owned())),
        }
    }

    fn atomic_read(&self, path: &Path) -> Result<Vec<u8>, OpenReadError> {
        let read = self.open_file(path)?.read_all();
        read.map_err(|cause| OpenReadError::wrap_io_error(cause, path.to_owned()))
    }

    fn atomic_write(&self, path: &Path, data: &[u8]) -> io::Result<()> {
        match path == Path::new(MANAGED) {
            true => self.replace(path, data, Durable::No)?,
            false => self.replace(path, data, Durable::Yes)?,
        }
        if path == Path::new(META) {
            self.shared.changed.store(true, Ordering::Release);
            drop(self.shared.watchers.broadcast());
        }
        Ok(())
    }

    fn sync_directory(&self) -> io::Result<()> {
        self.sync()
    }

    fn acquire_lock(&self, lock: &Lock) -> Result<DirectoryLock, LockError> {
        // Between processes the folder's own lock decides; a lock file would outlive a killed process.
        Locks::acquire(&self.shared.locks, &lock.filepath, lock.is_blocking).map(|held| Box::new(held).into())
    }

    fn watch(&self, callback: WatchCallback) -> tantivy::Result<WatchHandle> {
        Ok(self.shared.watchers.subscribe(callback))
    }
}

#[cfg(test)]
mod tests;
