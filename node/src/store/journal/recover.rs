//! Opening a journal: what a crash left is put right, what is damaged is refused.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU32;
use std::sync::{Arc, Mutex};

use super::file::{DataFile, FILE_HEADER, Step};
use super::manifest::{Manifest, Sealed, VERSION, file_path};
use super::{Journal, lock};
use crate::store::Error;
use crate::store::crypt::StoreKey;
use crate::store::disk::Disk;

/// What to do about a damaged file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OnDamage {
    /// Do not open.
    Refuse,
    /// Note it and go on in a new file: for the audit log, which must not be stopped by whoever damaged it.
    Note,
}

/// What was found.
#[derive(Debug, Clone, Default)]
pub(crate) struct Recovered {
    /// The last commit.
    pub(crate) last: u64,
    /// The journal was made just now.
    pub(crate) fresh: bool,
    /// It was not closed.
    pub(crate) unclean: bool,
    /// A tail that was never acknowledged: its file and length.
    pub(crate) cut: Option<(PathBuf, u64)>,
    /// The file that the last run left open.
    pub(crate) open: Option<LeftOpen>,
}

/// A file that the last run left open, and where it ends. What follows is torn, unless somebody knows of a commit there.
#[derive(Debug, Clone)]
pub(crate) struct LeftOpen {
    id: u32,
    end: Sealed,
}

impl Journal {
    /// Opens the journal in `dir`, or makes one where there is none. [`Journal::end_open`] must follow: until then
    /// nothing of it is changed.
    pub(crate) fn open(
        disk: &Disk,
        dir: &Path,
        key: &StoreKey,
        purpose: u8,
        on_damage: OnDamage,
    ) -> Result<(Self, Recovered), Error> {
        disk.create_dir(dir).map_err(Error::io("create", dir))?;
        let held = lock(disk, dir)?;
        let mut found = Recovered::default();
        let list = match Manifest::read(disk, dir, key, purpose)? {
            Some(list) => list,
            None => {
                found.fresh = true;
                fresh(disk, dir, key, purpose)?
            }
        };
        sweep(disk, dir, &list)?;
        let store = list.store;
        let journal = Self {
            disk: disk.clone(),
            dir: dir.into(),
            key: key.clone(),
            store,
            next_file: AtomicU32::new(list.next_file),
            list: Mutex::new(list),
            open: Mutex::new(HashMap::new()),
            writing: Mutex::new(None),
            held: Mutex::default(),
            _lock: held,
        };
        journal.check_lengths(on_damage)?;
        journal.find_open(on_damage, &mut found)?;
        let list = journal.list();
        let ends =
            list.files.iter().filter_map(|file| file.sealed.as_ref()).chain(found.open.as_ref().map(|open| &open.end));
        found.last = ends.map(|end| end.last).max().unwrap_or(0).max(list.merged);
        drop(list);
        Ok((journal, found))
    }

    /// Every sealed file must be there, in its own name and in its whole length. Its contents are read when needed.
    fn check_lengths(&self, on_damage: OnDamage) -> Result<(), Error> {
        let sealed: Vec<(u32, u64)> = {
            let list = self.list();
            let whole = list.files.iter().filter_map(|file| Some((file.id, file.sealed.as_ref()?)));
            whole.filter(|(_, sealed)| sealed.damaged.is_none()).map(|(id, sealed)| (id, sealed.bytes)).collect()
        };
        for (id, bytes) in sealed {
            let path = file_path(&self.dir, id);
            let length = self.disk.length(&path).unwrap_or(0);
            if length != bytes && on_damage == OnDamage::Refuse {
                let why = if length == 0 { "the file is missing" } else { "the file is not as long as it was" };
                return Err(Error::damaged(&path, length.min(bytes), why));
            }
            if on_damage == OnDamage::Refuse {
                DataFile::open(&self.place(), id)?;
            }
        }
        Ok(())
    }

    /// Finds the end of the file that the last run left open.
    fn find_open(&self, on_damage: OnDamage, found: &mut Recovered) -> Result<(), Error> {
        let open = self.list().files.iter().find(|file| file.sealed.is_none()).cloned();
        let Some(open) = open else { return Ok(()) };
        found.unclean = true;
        let end = match self.end_of(open.id, open.first, found) {
            Ok(sealed) => sealed,
            Err(Error::Damaged { path, offset, why }) if on_damage == OnDamage::Note => {
                let bytes = self.disk.length(&path).unwrap_or(0);
                let damaged = Some(format!("at byte {offset}: {why}"));
                // Numbers that were given may be unreadable now: go on far above them.
                let last = open.first + bytes / super::frame::HEADER as u64;
                Sealed { last, bytes, ops: 0, chain: [0; 32], damaged }
            }
            Err(error) => return Err(error),
        };
        found.open = Some(LeftOpen { id: open.id, end });
        Ok(())
    }

    /// Seals the file that the last run left open, and cuts its torn tail.
    pub(crate) fn end_open(&self, found: &Recovered) -> Result<(), Error> {
        let Some(LeftOpen { id, end }) = &found.open else { return Ok(()) };
        if end.damaged.is_none() {
            let file = self.listed_file(*id)?;
            if found.cut.is_some() {
                file.file.cut(end.bytes).map_err(Error::io("cut", &file.path))?;
            }
            file.sync(end.bytes)?;
        }
        self.relist(|list| {
            if let Some(listed) = list.files.iter_mut().find(|listed| listed.id == *id) {
                listed.sealed = Some(end.clone());
            }
        })
    }

    /// Reads a file to its end, where a torn tail begins.
    fn end_of(&self, id: u32, first: u64, found: &mut Recovered) -> Result<Sealed, Error> {
        let file: Arc<DataFile> = self.listed_file(id)?;
        let length = file.bytes()?;
        let mut scan = file.scan(length);
        let mut last = first.saturating_sub(1);
        let end = loop {
            let before = scan.site;
            match scan.step()? {
                Step::Frame(frame) if frame.header.seq <= last => break (before, Some("commits are out of order")),
                Step::Frame(frame) if !file.values_are_whole(&frame)? => {
                    break (before, Some("the values of a commit are damaged"));
                }
                Step::Frame(frame) => last = frame.header.seq,
                Step::End => break (before, None),
                Step::Bad(why) => break (before, Some(why)),
            }
        };
        let (site, bad) = end;
        scan.site = site;
        if let Some(why) = bad {
            if scan.was_durable()? {
                return Err(Error::damaged(&file.path, site.offset, why));
            }
            found.cut = Some((file.path.clone(), length - site.offset));
        }
        Ok(Sealed { last, bytes: site.offset, ops: site.ordinal, chain: site.chain, damaged: None })
    }
}

fn fresh(disk: &Disk, dir: &Path, key: &StoreKey, purpose: u8) -> Result<Manifest, Error> {
    if let Some((path, _, _)) = journal_files(disk, dir)?.into_iter().find(|(_, _, bytes)| *bytes > FILE_HEADER as u64)
    {
        return Err(Error::damaged(&path, 0, "the list of files is missing"));
    }
    let mut store = [0; 16];
    disk.draw(&mut store).map_err(Error::io("draw a number for", dir))?;
    let list = Manifest {
        version: VERSION,
        store,
        purpose,
        files: Vec::new(),
        next_file: 1,
        merged: 0,
        forgotten: 0,
        retiring: Vec::new(),
        followed: 0,
    };
    list.write(disk, dir, key)?;
    Ok(list)
}

/// Removes files that a crash left unlisted. One that holds commits and has a number that the list never gave means
/// that the list is older than the journal.
fn sweep(disk: &Disk, dir: &Path, list: &Manifest) -> Result<(), Error> {
    let retiring = list.retiring.iter().flat_map(|retiring| &retiring.old);
    let known: HashSet<u32> = list.files.iter().map(|file| &file.id).chain(retiring).copied().collect();
    let mut swept = false;
    for (path, id, bytes) in journal_files(disk, dir)? {
        if known.contains(&id) {
            continue;
        }
        if id >= list.next_file && bytes > FILE_HEADER as u64 {
            return Err(Error::damaged(&path, 0, "the list of files is older than this file"));
        }
        disk.remove(&path).map_err(Error::io("remove", &path))?;
        swept = true;
    }
    if swept { disk.sync_dir(dir).map_err(Error::io("sync", dir)) } else { Ok(()) }
}

fn journal_files(disk: &Disk, dir: &Path) -> Result<Vec<(PathBuf, u32, u64)>, Error> {
    let files = disk.list(dir).map_err(Error::io("list", dir))?;
    let numbered = files.into_iter().filter_map(|(path, bytes)| {
        let id = path.file_name()?.to_str()?.strip_suffix(".journal")?.parse().ok()?;
        Some((path, id, bytes))
    });
    Ok(numbered.collect())
}
