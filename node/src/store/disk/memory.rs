//! A disk in memory, which knows what of it is durable.

use std::collections::{BTreeMap, HashSet};
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use super::super::pipeline::locked;

/// What is written at once or not at all when the machine stops.
const SECTOR: usize = 512;

/// What a crash leaves of what was not synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lost {
    /// Nothing.
    All,
    /// All of it.
    Nothing,
    /// Some of it, as the number says: of each file none, all, a part from the beginning, or some sectors; of the names
    /// in each folder some.
    Some(u64),
}

type Names = BTreeMap<PathBuf, Arc<Node>>;

#[derive(Debug)]
pub(super) struct Memory {
    stopped: AtomicBool,
    files: Mutex<Files>,
}

#[derive(Debug)]
struct Files {
    names: Names,
    /// The names as of the last sync of their folders.
    durable: Names,
    locks: HashSet<PathBuf>,
    random: Random,
}

impl Memory {
    pub(super) fn new(seed: u64) -> Arc<Self> {
        Self::with(Names::new(), seed)
    }

    fn with(names: Names, seed: u64) -> Arc<Self> {
        let files = Files { durable: names.clone(), names, locks: HashSet::new(), random: Random(seed) };
        Arc::new(Self { stopped: AtomicBool::new(false), files: Mutex::new(files) })
    }

    /// Nothing works any more after the machine stopped.
    pub(super) fn alive(&self) -> io::Result<()> {
        if self.stopped.load(Ordering::Acquire) { Err(io::Error::other("the machine stopped")) } else { Ok(()) }
    }

    pub(super) fn crash(&self, lost: Lost) -> Arc<Self> {
        self.stopped.store(true, Ordering::Release);
        let mut files = locked(&self.files);
        let mut random = Random(match lost {
            Lost::Some(seed) => seed,
            Lost::All | Lost::Nothing => 0,
        });
        let names = match lost {
            Lost::All => files.durable.clone(),
            Lost::Nothing => files.names.clone(),
            Lost::Some(_) => some_names(&files, &mut random),
        };
        let left = names.into_iter().map(|(path, node)| (path, node.left(lost, &mut random))).collect();
        Self::with(left, files.random.next())
    }

    pub(super) fn snapshot(&self, seed: u64) -> Arc<Self> {
        let names = locked(&self.files).names.clone();
        Self::with(
            names.into_iter().map(|(path, node)| (path, node.left(Lost::Nothing, &mut Random(0)))).collect(),
            seed,
        )
    }

    pub(super) fn draw(&self, buffer: &mut [u8]) {
        let random = &mut locked(&self.files).random;
        buffer
            .chunks_mut(8)
            .for_each(|part| part.iter_mut().zip(random.next().to_be_bytes()).for_each(|(to, from)| *to = from));
    }

    pub(super) fn lock(self: &Arc<Self>, path: &Path) -> io::Result<Option<Lock>> {
        self.alive()?;
        let taken = locked(&self.files).locks.insert(path.into());
        Ok(taken.then(|| Lock(Arc::clone(self), path.into())))
    }

    pub(super) fn list(&self, dir: &Path) -> io::Result<Vec<(PathBuf, u64)>> {
        self.alive()?;
        let files = locked(&self.files);
        Ok(below(&files.names, dir).map(|(path, node)| (path.clone(), node.length())).collect())
    }

    pub(super) fn create(&self, path: &Path) -> io::Result<Arc<Node>> {
        self.alive()?;
        let mut files = locked(&self.files);
        if let Some(node) = files.names.get(path) {
            node.cut(0);
            return Ok(Arc::clone(node));
        }
        let node = Arc::<Node>::default();
        files.names.insert(path.into(), Arc::clone(&node));
        Ok(node)
    }

    pub(super) fn open(&self, path: &Path) -> io::Result<Arc<Node>> {
        self.alive()?;
        locked(&self.files).names.get(path).cloned().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    pub(super) fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.alive()?;
        let mut files = locked(&self.files);
        let node = files.names.remove(from).ok_or(io::ErrorKind::NotFound)?;
        files.names.insert(to.into(), node);
        Ok(())
    }

    pub(super) fn remove(&self, path: &Path) -> io::Result<()> {
        self.alive()?;
        locked(&self.files).names.remove(path).map(drop).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    pub(super) fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.alive()?;
        let mut files = locked(&self.files);
        let now: Vec<_> = below(&files.names, dir).map(|(path, node)| (path.clone(), Arc::clone(node))).collect();
        files.durable.retain(|path, _| path.parent() != Some(dir));
        files.durable.extend(now);
        Ok(())
    }
}

fn below<'a>(names: &'a Names, dir: &'a Path) -> impl Iterator<Item = (&'a PathBuf, &'a Arc<Node>)> {
    let from = names.range::<Path, _>((std::ops::Bound::Included(dir), std::ops::Bound::Unbounded));
    from.take_while(move |(path, _)| path.starts_with(dir)).filter(move |(path, _)| path.parent() == Some(dir))
}

/// Each name as it is durable, or as it is now.
fn some_names(files: &Files, random: &mut Random) -> Names {
    let all: std::collections::BTreeSet<&PathBuf> = files.names.keys().chain(files.durable.keys()).collect();
    let chosen = all.into_iter().filter_map(|path| {
        let from = if random.below(2) == 0 { &files.names } else { &files.durable };
        from.get(path).map(|node| (path.clone(), Arc::clone(node)))
    });
    chosen.collect()
}

/// A taken file of a disk in memory.
#[derive(Debug)]
pub(crate) struct Lock(Arc<Memory>, PathBuf);

impl Drop for Lock {
    fn drop(&mut self) {
        locked(&self.0.files).locks.remove(&self.1);
    }
}

/// The contents of a file.
#[derive(Debug, Default)]
pub(super) struct Node(Mutex<Contents>);

#[derive(Debug, Default)]
struct Contents {
    bytes: Vec<u8>,
    /// As of the last sync.
    durable: Vec<u8>,
    /// What was written since.
    dirty: Option<Range<usize>>,
    /// As of the last cut since: a disk may have all of it, and not the cut.
    uncut: Option<Vec<u8>>,
}

impl Node {
    pub(super) fn length(&self) -> u64 {
        locked(&self.0).bytes.len() as u64
    }

    pub(super) fn read(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let contents = locked(&self.0);
        let from = usize::try_from(offset).unwrap_or(usize::MAX);
        let found = contents.bytes.get(from..from.saturating_add(buffer.len())).ok_or(io::ErrorKind::UnexpectedEof)?;
        buffer.copy_from_slice(found);
        Ok(())
    }

    pub(super) fn write(&self, bytes: &[u8], offset: u64) {
        let mut contents = locked(&self.0);
        let from = usize::try_from(offset).unwrap_or(usize::MAX);
        let end = from.saturating_add(bytes.len());
        if contents.bytes.len() < end {
            contents.bytes.resize(end, 0);
        }
        if let Some(place) = contents.bytes.get_mut(from..end) {
            place.copy_from_slice(bytes);
        }
        contents.dirty = Some(match &contents.dirty {
            Some(dirty) => dirty.start.min(from)..dirty.end.max(end),
            None => from..end,
        });
    }

    pub(super) fn cut(&self, length: u64) {
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let mut contents = locked(&self.0);
        if length < contents.bytes.len() {
            contents.uncut = Some(contents.bytes.clone());
            contents.bytes.truncate(length);
        }
    }

    pub(super) fn sync(&self) {
        let mut contents = locked(&self.0);
        let Contents { bytes, durable, dirty, uncut } = &mut *contents;
        *uncut = None;
        durable.resize(bytes.len(), 0);
        let dirty = dirty.take().map_or(0..0, |dirty| dirty.start.min(bytes.len())..dirty.end.min(bytes.len()));
        if let (Some(to), Some(from)) = (durable.get_mut(dirty.clone()), bytes.get(dirty)) {
            to.copy_from_slice(from);
        }
    }

    /// What was written since the last sync never becomes durable.
    pub(super) fn forget(&self) {
        locked(&self.0).dirty = None;
    }

    /// What a crash leaves of it.
    fn left(&self, lost: Lost, random: &mut Random) -> Arc<Self> {
        let contents = locked(&self.0);
        let bytes = match lost {
            Lost::All => contents.durable.clone(),
            Lost::Nothing => contents.bytes.clone(),
            Lost::Some(_) => contents.torn(random),
        };
        Arc::new(Self(Mutex::new(Contents { durable: bytes.clone(), bytes, dirty: None, uncut: None })))
    }
}

impl Contents {
    fn torn(&self, random: &mut Random) -> Vec<u8> {
        let dirty = self.dirty.clone().unwrap_or(0..0);
        let dirty = dirty.start.min(self.bytes.len())..dirty.end.min(self.bytes.len());
        let mut left = self.durable.clone();
        match (random.below(4), &self.uncut) {
            (0, _) => left,
            (1, Some(uncut)) => uncut.clone(),
            (1, None) => self.bytes.clone(),
            (2, _) => {
                let end = dirty.start + random.below(dirty.len() + 1);
                left.resize(left.len().max(end), 0);
                self.take(&mut left, dirty.start..end);
                left
            }
            _ => {
                left.resize(left.len().max(dirty.end), 0);
                for at in dirty.clone().step_by(SECTOR) {
                    if random.below(2) == 0 {
                        self.take(&mut left, at..(at + SECTOR).min(dirty.end));
                    }
                }
                left
            }
        }
    }

    fn take(&self, left: &mut [u8], range: Range<usize>) {
        if let (Some(to), Some(from)) = (left.get_mut(range.clone()), self.bytes.get(range)) {
            to.copy_from_slice(from);
        }
    }
}

/// A generator (SplitMix64, Steele, Lea and Flood 2014), so that a seed tells the whole run.
#[derive(Debug)]
struct Random(u64);

impl Random {
    const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % (end.max(1) as u64)).unwrap_or(0)
    }
}
