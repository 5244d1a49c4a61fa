//! Opening a journal: what a crash left is put right, what is damaged is refused.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU32;
use std::sync::{Arc, Mutex};

use super::file::{DataFile, FILE_HEADER, Step};
use super::manifest::{Manifest, Sealed, VERSION, file_path, sync_dir};
use super::{Journal, lock};
use crate::store::Error;
use crate::store::crypt::StoreKey;

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
    /// A tail that was never acknowledged, cut: its file and length.
    pub(crate) cut: Option<(PathBuf, u64)>,
}

impl Journal {
    /// Opens the journal in `dir`, or makes one where there is none.
    pub(crate) fn open(
        dir: &Path,
        key: &StoreKey,
        purpose: u8,
        on_damage: OnDamage,
    ) -> Result<(Self, Recovered), Error> {
        private_dir(dir)?;
        let held = lock(dir)?;
        let mut found = Recovered::default();
        let list = match Manifest::read(dir, key, purpose)? {
            Some(list) => list,
            None => {
                found.fresh = true;
                fresh(dir, key, purpose)?
            }
        };
        sweep(dir, &list)?;
        let store = list.store;
        let journal = Self {
            dir: dir.into(),
            key: key.clone(),
            store,
            next_file: AtomicU32::new(list.next_file),
            list: Mutex::new(list),
            open: Mutex::new(HashMap::new()),
            _lock: held,
        };
        journal.check_lengths(on_damage)?;
        journal.seal_open_file(on_damage, &mut found)?;
        let list = journal.list();
        found.last =
            list.files.iter().filter_map(|file| file.sealed.as_ref()).map(|sealed| sealed.last).max().unwrap_or(0);
        found.last = found.last.max(list.merged);
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
            let length = fs::metadata(&path).map(|meta| meta.len()).unwrap_or(0);
            if length != bytes && on_damage == OnDamage::Refuse {
                let why = if length == 0 { "the file is missing" } else { "the file is not as long as it was" };
                return Err(Error::damaged(&path, length.min(bytes), why));
            }
            if on_damage == OnDamage::Refuse {
                DataFile::open(&self.dir, id, &self.store, &self.key)?;
            }
        }
        Ok(())
    }

    /// Seals the file that the last run left open.
    fn seal_open_file(&self, on_damage: OnDamage, found: &mut Recovered) -> Result<(), Error> {
        let open = self.list().files.iter().find(|file| file.sealed.is_none()).cloned();
        let Some(open) = open else { return Ok(()) };
        found.unclean = true;
        let sealed = match self.end_of(open.id, open.first, found) {
            Ok(sealed) => sealed,
            Err(Error::Damaged { path, offset, why }) if on_damage == OnDamage::Note => {
                let bytes = fs::metadata(&path).map(|meta| meta.len()).unwrap_or(0);
                let damaged = Some(format!("at byte {offset}: {why}"));
                // Numbers that were given may be unreadable now: go on far above them.
                let last = open.first + bytes / super::frame::HEADER as u64;
                Sealed { last, bytes, ops: 0, chain: [0; 32], damaged }
            }
            Err(error) => return Err(error),
        };
        self.relist(|list| {
            if let Some(listed) = list.files.iter_mut().find(|listed| listed.id == open.id) {
                listed.sealed = Some(sealed);
            }
        })
    }

    /// Reads a file to its end, and cuts a torn tail.
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
            file.file.set_len(site.offset).map_err(Error::io("cut", &file.path))?;
            found.cut = Some((file.path.clone(), length - site.offset));
        }
        file.sync(site.offset)?;
        Ok(Sealed { last, bytes: site.offset, ops: site.ordinal, chain: site.chain, damaged: None })
    }
}

fn private_dir(dir: &Path) -> Result<(), Error> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(Error::io("create", dir))
}

fn fresh(dir: &Path, key: &StoreKey, purpose: u8) -> Result<Manifest, Error> {
    if let Some((path, _, _)) = journal_files(dir)?.into_iter().find(|(_, _, bytes)| *bytes > FILE_HEADER as u64) {
        return Err(Error::damaged(&path, 0, "the list of files is missing"));
    }
    let mut store = [0; 16];
    getrandom::fill(&mut store)
        .map_err(|error| Error::io("draw a number for", dir)(std::io::Error::other(error.to_string())))?;
    let list = Manifest {
        version: VERSION,
        store,
        purpose,
        files: Vec::new(),
        next_file: 1,
        merged: 0,
        forgotten: 0,
        retiring: Vec::new(),
    };
    list.write(dir, key)?;
    Ok(list)
}

/// Removes files that a crash left unlisted. One that holds commits and has a number that the list never gave means
/// that the list is older than the journal.
fn sweep(dir: &Path, list: &Manifest) -> Result<(), Error> {
    let retiring = list.retiring.iter().flat_map(|retiring| &retiring.old);
    let known: HashSet<u32> = list.files.iter().map(|file| &file.id).chain(retiring).copied().collect();
    let mut swept = false;
    for (path, id, bytes) in journal_files(dir)? {
        if known.contains(&id) {
            continue;
        }
        if id >= list.next_file && bytes > FILE_HEADER as u64 {
            return Err(Error::damaged(&path, 0, "the list of files is older than this file"));
        }
        fs::remove_file(&path).map_err(Error::io("remove", &path))?;
        swept = true;
    }
    if swept { sync_dir(dir) } else { Ok(()) }
}

fn journal_files(dir: &Path) -> Result<Vec<(PathBuf, u32, u64)>, Error> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir).map_err(Error::io("list", dir))? {
        let entry = entry.map_err(Error::io("list", dir))?;
        let name = entry.file_name();
        let id = name.to_str().and_then(|name| name.strip_suffix(".journal")).and_then(|id| id.parse().ok());
        if let Some(id) = id {
            let bytes = entry.metadata().map_err(Error::io("look at", &entry.path()))?.len();
            files.push((entry.path(), id, bytes));
        }
    }
    Ok(files)
}
