//! Room that is kept for when the disk is full: what takes something back, and the merge that frees its room, can then
//! still be written.
//!
//! It is a file of real blocks beside the journal. Once it is given up, nothing else is written until there is room for
//! it again: otherwise the next record would take what it left.

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use crate::store::Error;
use crate::store::disk::Disk;
use crate::store::pipeline::locked;

/// Gives up the room that is kept by the journal in `dir`, which cannot be opened on a full disk otherwise; whether there was
/// any.
pub(crate) fn give_up(disk: &Disk, dir: &Path) -> bool {
    let path = path(dir);
    disk.length(&path).is_ok_and(|bytes| bytes > 0) && empty(disk, &path)
}

fn path(dir: &Path) -> PathBuf {
    dir.join("reserve")
}

/// Frees the blocks of a reserve. The empty file stays, so that a start knows.
fn empty(disk: &Disk, path: &Path) -> bool {
    let freed = disk.create(path).is_ok();
    if freed {
        tracing::warn!("the disk is full; the room that was kept for that is in use now");
    }
    freed
}

/// The room kept by one store.
pub(crate) struct Reserve {
    disk: Disk,
    path: PathBuf,
    bytes: u64,
    state: Mutex<State>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// There never was room for it: as good as none.
    Missing,
    Held,
    GivenUp,
}

impl Reserve {
    /// The reserve of a journal; none of no bytes.
    pub(crate) fn new(disk: &Disk, dir: &Path, bytes: u64) -> Self {
        let path = path(dir);
        let state = match disk.length(&path) {
            Ok(found) if found == bytes && bytes > 0 => State::Held,
            Ok(0) if bytes > 0 => State::GivenUp,
            _ => State::Missing,
        };
        Self { disk: disk.clone(), path, bytes, state: Mutex::new(state) }
    }

    /// Takes the room where the disk has twice as much, so that nobody who writes meanwhile is left without.
    pub(crate) fn take(&self) {
        let mut state = locked(&self.state);
        if self.bytes > 0 && *state != State::Held && self.disk.has_room(&self.path, self.bytes.saturating_mul(2)) {
            match self.disk.allocate(&self.path, self.bytes) {
                Ok(()) => *state = State::Held,
                Err(error) => {
                    tracing::debug!(%error, "no room is kept for a full disk");
                    let _ = self.disk.remove(&self.path);
                }
            }
        }
    }

    /// Gives the room up; whether there was any.
    pub(crate) fn give_up(&self) -> bool {
        let mut state = locked(&self.state);
        if *state != State::Held || !empty(&self.disk, &self.path) {
            return false;
        }
        *state = State::GivenUp;
        true
    }

    /// Whether ordinary writes may go on.
    pub(crate) fn check(&self) -> Result<(), Error> {
        if *locked(&self.state) == State::GivenUp {
            self.take();
        }
        match *locked(&self.state) {
            State::GivenUp => Err(Error::Full { path: self.path.clone() }),
            State::Missing | State::Held => Ok(()),
        }
    }
}
