//! An archive that is written to a folder: a draft until all of it is durable.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;

use crate::backup::draft_of;
use crate::cli::Error;

/// An archive being written. Dropped before it is finished, it is removed.
pub(super) struct Draft {
    file: File,
    draft: PathBuf,
    path: PathBuf,
    folder: PathBuf,
    finished: bool,
}

impl Draft {
    /// Begins the archive of this name. The folder must be there: one that is not may be a disk that is not mounted.
    pub(super) fn create(folder: &Path, name: &str) -> Result<Self, Error> {
        let (draft, path) = (folder.join(draft_of(name)), folder.join(name));
        let file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft);
        let file = file.map_err(Error::file("write", &draft))?;
        Ok(Self { file, draft, path, folder: folder.to_owned(), finished: false })
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.file.write_all(bytes).map_err(Error::file("write", &self.draft))
    }

    /// Makes it durable, and gives it its name, which no other file may have.
    pub(super) fn finish(mut self) -> Result<(), Error> {
        self.file.sync_all().map_err(Error::file("sync", &self.draft))?;
        rename_new(&self.draft, &self.path).map_err(Error::file("make", &self.path))?;
        self.finished = true;
        File::open(&self.folder).and_then(|folder| folder.sync_all()).map_err(Error::file("sync", &self.folder))
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.finished {
            // What stays is told as a draft by `igain backup list`.
            let _ = fs::remove_file(&self.draft);
        }
    }
}

/// Renames, and replaces nothing.
fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        // The file system does not know how. A name has a time and a random number, so nobody else takes it meanwhile.
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) if !to.exists() => fs::rename(from, to),
        renamed => Ok(renamed?),
    }
}
