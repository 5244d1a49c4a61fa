//! Writes one sealed file, chunk by chunk.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tantivy::directory::{AntiCallToken, TerminatingWrite};

use super::sealed::{CHUNK, Stream};

/// Sealed bytes gathered before they are written: one call to the system for 16 chunks.
const GATHERED: usize = 16 * CHUNK;

/// The names of files under way, each there before its file is: what is in the folder and not named here is whole.
#[derive(Default)]
pub(super) struct Unfinished(Mutex<BTreeSet<PathBuf>>);

impl Unfinished {
    fn names(&self) -> MutexGuard<'_, BTreeSet<PathBuf>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn begin(&self, name: &Path) {
        self.names().insert(name.to_owned());
    }

    pub(super) fn end(&self, name: &Path) {
        self.names().remove(name);
    }

    pub(super) fn has(&self, name: &Path) -> bool {
        self.names().contains(name)
    }
}

/// A file under way. It is whole once terminated, and refused by readers before.
pub(super) struct Writer {
    name: PathBuf,
    unfinished: Arc<Unfinished>,
    file: File,
    stream: Stream,
    chunk: Vec<u8>,
    sealed: Vec<u8>,
    number: u64,
}

impl Writer {
    /// Writes a file that is noted as unfinished already.
    pub(super) fn start(name: &Path, unfinished: &Arc<Unfinished>, file: File, stream: Stream) -> Self {
        let (name, unfinished) = (name.to_owned(), Arc::clone(unfinished));
        let sealed = stream.header().to_vec();
        Self { name, unfinished, file, stream, chunk: Vec::with_capacity(CHUNK + 64), sealed, number: 0 }
    }

    fn seal(&mut self, last: bool) -> io::Result<()> {
        self.stream.seal(self.number, last, &mut self.chunk)?;
        self.sealed.append(&mut self.chunk);
        self.number += 1;
        if last || self.sealed.len() >= GATHERED {
            self.file.write_all(&self.sealed)?;
            self.sealed.clear();
        }
        Ok(())
    }
}

impl Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // A full chunk waits until more comes: only then is it known not to be the last.
        if self.chunk.len() == CHUNK && !bytes.is_empty() {
            self.seal(false)?;
        }
        let taken = bytes.len().min(CHUNK - self.chunk.len());
        self.chunk.extend_from_slice(bytes.get(..taken).unwrap_or_default());
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        // Half a chunk cannot be sealed; nobody reads a file before it is terminated.
        Ok(())
    }
}

impl TerminatingWrite for Writer {
    fn terminate_ref(&mut self, _: AntiCallToken) -> io::Result<()> {
        self.seal(true)?;
        self.file.sync_all()?;
        self.unfinished.end(&self.name);
        Ok(())
    }
}
