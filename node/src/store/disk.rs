//! Files and folders as the store sees them: real ones, or, for tests and simulation, ones in memory that can lose what
//! was not synced. Either can be made to fail by a plan.
//!
//! Everything that the store, its journal and the audit log do with files goes through here, but for what sled does
//! with its own.

mod faults;
mod files;
mod memory;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use faults::{Fault, Step, Trouble};
pub use memory::Lost;

use faults::Faults;
use memory::{Memory, Node};

/// Where stores lie. Clones are the same disk.
#[derive(Clone, Debug)]
pub struct Disk {
    on: On,
    /// None where nothing is ever to fail but by itself.
    faults: Option<Arc<Faults>>,
}

#[derive(Clone, Debug)]
enum On {
    Files,
    Memory(Arc<Memory>),
}

impl Disk {
    /// The files of this machine.
    pub const fn files() -> Self {
        Self { on: On::Files, faults: None }
    }

    /// The files of this machine, for tests in which they fail.
    pub fn failing_files() -> Self {
        Self { on: On::Files, faults: Some(Arc::default()) }
    }

    /// An empty disk in memory, for tests and simulation. What the store draws at random follows from `seed`.
    pub fn memory(seed: u64) -> Self {
        Self { on: On::Memory(Memory::new(seed)), faults: Some(Arc::default()) }
    }

    /// The machine stops: what was opened on a disk in memory works no longer, and of what was not synced, the disk is
    /// left with what `lost` says. This handle is then the disk as it is found at the next start, without faults.
    pub fn crash(&mut self, lost: Lost) {
        if let On::Memory(memory) = &self.on {
            let steps = self.steps();
            *self = Self { on: On::Memory(memory.crash(lost)), faults: Some(Arc::new(Faults::after(steps))) };
        }
    }

    /// A copy of a disk in memory as it is now, such as a backup takes; `None` of real files. What is drawn at random
    /// from then on follows from `seed`.
    #[must_use]
    pub fn snapshot(&self, seed: u64) -> Option<Self> {
        match &self.on {
            On::Files => None,
            On::Memory(memory) => Some(Self { on: On::Memory(memory.snapshot(seed)), faults: Some(Arc::default()) }),
        }
    }

    /// Has something fail from now on; several faults add up.
    pub fn fail(&self, fault: Fault) {
        self.faults.iter().for_each(|faults| faults.add(fault));
    }

    /// Has whoever writes wait until it [goes on](Self::go_on): not for stores without threads.
    pub fn hold(&self) {
        self.faults.iter().for_each(|faults| faults.hold(true));
    }

    /// What waits is written, or fails.
    pub fn go_on(&self) {
        self.faults.iter().for_each(|faults| faults.hold(false));
    }

    /// Leaves room for so many bytes more; what is freed adds to it.
    pub fn leave_room(&self, bytes: u64) {
        self.faults.iter().for_each(|faults| faults.leave_room(Some(bytes)));
    }

    /// Nothing fails any more, and there is room again.
    pub fn heal(&self) {
        self.faults.iter().for_each(|faults| faults.heal());
    }

    /// How many steps that change the disk were taken; none are counted where nothing can be made to fail.
    pub fn steps(&self) -> u64 {
        self.faults.as_ref().map_or(0, |faults| faults.steps())
    }

    pub(crate) const fn is_memory(&self) -> bool {
        matches!(self.on, On::Memory(_))
    }

    /// Fills a buffer with random bytes.
    pub(crate) fn draw(&self, buffer: &mut [u8]) -> io::Result<()> {
        match &self.on {
            On::Files => getrandom::fill(buffer).map_err(|error| io::Error::other(error.to_string())),
            On::Memory(memory) => {
                memory.draw(buffer);
                Ok(())
            }
        }
    }

    /// Makes a folder that only its owner may enter, and those above it, all durable.
    pub(crate) fn create_dir(&self, dir: &Path) -> io::Result<()> {
        match &self.on {
            On::Files => files::create_dir(dir),
            On::Memory(memory) => memory.alive(),
        }
    }

    /// Takes a file for this process; `None` where it is taken.
    pub(crate) fn lock(&self, path: &Path) -> io::Result<Option<Lock>> {
        Ok(match &self.on {
            On::Files => files::lock(path)?.map(Lock::File),
            On::Memory(memory) => memory.lock(path)?.map(Lock::Memory),
        })
    }

    /// The files of a folder with their lengths.
    pub(crate) fn list(&self, dir: &Path) -> io::Result<Vec<(PathBuf, u64)>> {
        match &self.on {
            On::Files => files::list(dir),
            On::Memory(memory) => memory.list(dir),
        }
    }

    /// A new file, or an emptied one, that only its owner may read.
    pub(crate) fn create(&self, path: &Path) -> io::Result<File> {
        self.step(Step::Create)?;
        self.freed(path);
        self.file(match &self.on {
            On::Files => Handle::File(files::create(path)?),
            On::Memory(memory) => Handle::Memory(Arc::clone(memory), memory.create(path)?),
        })
    }

    /// A file that is there, for reading and writing.
    pub(crate) fn open(&self, path: &Path) -> io::Result<File> {
        self.file(match &self.on {
            On::Files => Handle::File(files::open(path)?),
            On::Memory(memory) => Handle::Memory(Arc::clone(memory), memory.open(path)?),
        })
    }

    /// All of a file, which must not be longer than `limit`.
    pub(crate) fn read(&self, path: &Path, limit: u64) -> io::Result<Vec<u8>> {
        let file = self.open(path)?;
        let length = usize::try_from(file.length()?).unwrap_or(usize::MAX);
        if length as u64 > limit {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, "the file is larger than it can be"));
        }
        let mut bytes = vec![0; length];
        file.read_exact_at(&mut bytes, 0)?;
        Ok(bytes)
    }

    /// Replaces a file as a whole; durable on return. A failure that says that the disk is full means that the old file
    /// is there still; after any other it may be either.
    pub(crate) fn replace(&self, path: &Path, by: &Path, bytes: &[u8]) -> io::Result<()> {
        let file = self.create(by)?;
        file.write_all_at(bytes, 0)?;
        file.sync_new()?;
        self.rename(by, path)?;
        path.parent().map_or(Ok(()), |dir| self.sync_dir(dir))
    }

    /// Makes a file of real blocks, so that their room is taken.
    pub(crate) fn allocate(&self, path: &Path, bytes: u64) -> io::Result<()> {
        /// Written at a time where the file system cannot set blocks aside.
        const PART: usize = 1 << 20;
        let file = self.create(path)?;
        let set_aside = match (&file.handle, &self.faults) {
            (Handle::File(file), None) => files::allocate(file, bytes),
            _ => false,
        };
        let mut written = if set_aside { bytes } else { 0 };
        while written < bytes {
            let part = usize::try_from(bytes - written).unwrap_or(PART).min(PART);
            file.write_all_at(&vec![0; part], written)?;
            written += part as u64;
        }
        file.sync_new()
    }

    /// Whether the disk that holds a file has room for so many bytes more.
    pub(crate) fn has_room(&self, path: &Path, bytes: u64) -> bool {
        let room = self.faults.as_ref().is_none_or(|faults| faults.room().is_none_or(|room| room >= bytes));
        room && (self.is_memory() || path.parent().is_some_and(|dir| files::room(dir).is_ok_and(|room| room >= bytes)))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.step(Step::Rename)?;
        self.freed(to);
        match &self.on {
            On::Files => std::fs::rename(from, to),
            On::Memory(memory) => memory.rename(from, to),
        }
    }

    pub(crate) fn remove(&self, path: &Path) -> io::Result<()> {
        self.step(Step::Remove)?;
        self.freed(path);
        match &self.on {
            On::Files => std::fs::remove_file(path),
            On::Memory(memory) => memory.remove(path),
        }
    }

    /// The length of a file.
    pub(crate) fn length(&self, path: &Path) -> io::Result<u64> {
        match &self.on {
            On::Files => Ok(std::fs::metadata(path)?.len()),
            On::Memory(memory) => Ok(memory.open(path)?.length()),
        }
    }

    /// Makes the names in a folder durable.
    pub(crate) fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        let synced = self.step(Step::SyncFolder).and_then(|()| match &self.on {
            On::Files => std::fs::File::open(dir).and_then(|dir| dir.sync_all()),
            On::Memory(memory) => memory.sync_dir(dir),
        });
        synced.map_err(unsure)
    }

    fn file(&self, handle: Handle) -> io::Result<File> {
        Ok(File { handle, faults: self.faults.clone() })
    }

    fn step(&self, step: Step) -> io::Result<()> {
        self.faults.as_ref().map_or(Ok(()), |faults| faults.step(step))
    }

    /// A file goes, and leaves room.
    fn freed(&self, path: &Path) {
        if let Some(faults) = &self.faults {
            faults.freed(self.length(path).unwrap_or(0));
        }
    }
}

/// A taken file. It is free again once this is dropped.
#[derive(Debug)]
#[expect(dead_code, reason = "held for what happens when it is dropped")]
pub(crate) enum Lock {
    File(files::Lock),
    Memory(memory::Lock),
}

/// An open file.
#[derive(Debug)]
pub(crate) struct File {
    handle: Handle,
    faults: Option<Arc<Faults>>,
}

#[derive(Debug)]
enum Handle {
    File(std::fs::File),
    Memory(Arc<Memory>, Arc<Node>),
}

impl File {
    pub(crate) fn length(&self) -> io::Result<u64> {
        match &self.handle {
            Handle::File(file) => Ok(file.metadata()?.len()),
            Handle::Memory(memory, node) => memory.alive().map(|()| node.length()),
        }
    }

    pub(crate) fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        match &self.handle {
            Handle::File(file) => std::os::unix::fs::FileExt::read_exact_at(file, buffer, offset),
            Handle::Memory(memory, node) => memory.alive().and_then(|()| node.read(buffer, offset)),
        }
    }

    /// Writes all of it, or some of it and fails.
    pub(crate) fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let Some(faults) = &self.faults else { return self.put(bytes, offset) };
        let grows = (offset + bytes.len() as u64).saturating_sub(self.length()?.max(offset));
        let (part, outcome) = faults.write(bytes.len(), grows);
        self.put(bytes.get(..part).unwrap_or(bytes), offset)?;
        outcome
    }

    fn put(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        match &self.handle {
            Handle::File(file) => std::os::unix::fs::FileExt::write_all_at(file, bytes, offset),
            Handle::Memory(memory, node) => memory.alive().map(|()| node.write(bytes, offset)),
        }
    }

    /// Cuts the file to this length.
    pub(crate) fn cut(&self, length: u64) -> io::Result<()> {
        if let Some(faults) = &self.faults {
            faults.step(Step::Cut)?;
            faults.freed(self.length()?.saturating_sub(length));
        }
        match &self.handle {
            Handle::File(file) => file.set_len(length),
            Handle::Memory(memory, node) => memory.alive().map(|()| node.cut(length)),
        }
    }

    /// Makes what was written to the file durable. After a failure nobody knows what is on the disk, so none says that
    /// the disk is full: that would mean that nothing was written.
    pub(crate) fn sync(&self) -> io::Result<()> {
        self.sync_new().map_err(unsure)
    }

    /// Makes a file durable that is thrown away if this fails.
    pub(crate) fn sync_new(&self) -> io::Result<()> {
        let allowed = self.faults.as_ref().map_or(Ok(()), |faults| faults.step(Step::Sync));
        match &self.handle {
            Handle::File(file) => allowed.and_then(|()| file.sync_data()),
            Handle::Memory(memory, node) => {
                // As of a real disk: what could not be written is forgotten, and the next sync says that all is well.
                allowed.inspect_err(|_| node.forget())?;
                memory.alive().map(|()| node.sync())
            }
        }
    }
}

/// What a sync says, without the kind that would be taken for a harmless refusal.
fn unsure(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => io::Error::other(error.to_string()),
        _ => error,
    }
}
