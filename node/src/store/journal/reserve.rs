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
        let path = dir.join("reserve");
        let held = bytes > 0 && disk.length(&path).is_ok_and(|found| found == bytes);
        let state = Mutex::new(if held { State::Held } else { State::Missing });
        Self { disk: disk.clone(), path, bytes, state }
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
        if *state != State::Held || self.disk.remove(&self.path).is_err() {
            return false;
        }
        tracing::warn!("the disk is full; the room that was kept for that is in use now");
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
