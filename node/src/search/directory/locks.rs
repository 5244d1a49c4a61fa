//! tantivy's locks, between the threads of this process.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use tantivy::directory::error::LockError;

/// How long to wait for a lock that is held: longer than any step under it takes.
const PATIENCE: Duration = Duration::from_secs(30);

/// The locks that are held now.
#[derive(Default)]
pub(super) struct Locks {
    held: Mutex<BTreeSet<PathBuf>>,
    released: Condvar,
}

/// A lock, released when dropped.
pub(super) struct Held {
    locks: Arc<Locks>,
    name: PathBuf,
}

impl Locks {
    pub(super) fn acquire(locks: &Arc<Self>, name: &Path, wait: bool) -> Result<Held, LockError> {
        let patience = if wait { PATIENCE } else { Duration::ZERO };
        let held = locks.held.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut held, _) = locks
            .released
            .wait_timeout_while(held, patience, |held| held.contains(name))
            .unwrap_or_else(PoisonError::into_inner);
        match held.insert(name.to_owned()) {
            true => Ok(Held { locks: locks.clone(), name: name.to_owned() }),
            false => Err(LockError::LockBusy),
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.locks.held.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.name);
        self.locks.released.notify_all();
    }
}
