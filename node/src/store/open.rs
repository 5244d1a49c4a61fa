//! Opening a store: the journal first, then the directory, which must follow it or is made anew.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::catch_up::catch_up;
use super::directory::{Blocks, CensusKey, Directory, Map};
use super::disk::Disk;
use super::journal::{self, Journal, OnDamage, Recovered};
use super::merge::{self, Upkeep};
use super::state::{State, Tally};
use super::{Error, Handle, Opened, Options, Progress, Store, StoreKey};

/// What the journal of a store is marked with.
const PURPOSE: u8 = 1;

/// Left behind to have the directory made anew at the next start.
pub(crate) const REBUILD: &str = "rebuild";

impl Store {
    /// Opens the store in `dir`, or makes one there. After a crash it puts right what it finds, without asking.
    ///
    /// # Errors
    /// [`Error::Locked`], [`Error::WrongKey`], [`Error::Damaged`] or what the system says.
    pub fn open(
        dir: &Path,
        key: &StoreKey,
        options: Options,
        progress: &dyn Fn(Progress),
    ) -> Result<(Self, Opened), Error> {
        Self::open_on(&Disk::files(), dir, key, options, progress)
    }

    /// Opens a store in memory, without threads: all that a call brings about is done when it returns, and one run is
    /// like another. For tests and simulation.
    ///
    /// # Errors
    /// As for [`Store::open`].
    pub fn in_memory(disk: &Disk, dir: &Path, key: &StoreKey) -> Result<(Self, Opened), Error> {
        let options = Options { threads: false, reserve_bytes: 0, ..Options::default() };
        Self::open_on(disk, dir, key, options, &|_| {})
    }

    /// As [`Store::open`], on a disk that may be in memory. There the key directory is a map, made anew at each start.
    ///
    /// # Errors
    /// As for [`Store::open`].
    pub fn open_on(
        disk: &Disk,
        dir: &Path,
        key: &StoreKey,
        options: Options,
        progress: &dyn Fn(Progress),
    ) -> Result<(Self, Opened), Error> {
        match Self::open_once(disk, dir, key, options.clone(), progress) {
            // A node that does not start can take nothing back either.
            Err(error) if is_full(&error) && journal::give_up(disk, &dir.join("journal")) => {
                Self::open_once(disk, dir, key, options, progress)
            }
            opened => opened,
        }
    }

    fn open_once(
        disk: &Disk,
        dir: &Path,
        key: &StoreKey,
        options: Options,
        progress: &dyn Fn(Progress),
    ) -> Result<(Self, Opened), Error> {
        let (journal, found) = Journal::open(disk, &dir.join("journal"), key, PURPOSE, OnDamage::Refuse)?;
        let journal = Arc::new(journal);
        let mut opened =
            Opened { created: found.fresh, unclean: found.unclean, torn_tail: found.cut.clone(), ..Opened::default() };
        let path = dir.join("directory");
        let (directory, tally, why) = if disk.is_memory() {
            (Directory::Map(Map::default()), Tally::empty(&journal), None)
        } else {
            let (blocks, tally, why) = on_disk(&path, &journal, &found, &options, &CensusKey::new(key))?;
            (Directory::Blocks(blocks), tally, why)
        };
        opened.rebuilt = why.filter(|_| !found.fresh);
        // Only now is it known that nobody has seen a commit in what is cut.
        journal.end_open(&found)?;
        let state = Arc::new(State::new(journal, directory, options, tally));
        opened.replayed = catch_up(&state, opened.rebuilt.is_some(), progress)?;
        if !disk.is_memory() {
            remove_old(&path)?;
        }
        merge::finish(&state)?;
        state.reserve.take();
        state.start(found.last)?;
        let upkeep = state.options.threads.then(|| Upkeep::start(&state)).transpose()?;
        Ok((Self(Arc::new(Handle { state, upkeep })), opened))
    }
}

/// Whether the disk is full. The directory says so in words alone.
fn is_full(error: &Error) -> bool {
    match error {
        Error::Full { .. } => true,
        Error::Directory { why } => why.contains("No space left") || why.contains("os error 28"),
        _ => false,
    }
}

/// The directory on disk: the one that is there, if it can go on, or a new one, and why.
fn on_disk(
    path: &Path,
    journal: &Journal,
    found: &Recovered,
    options: &Options,
    key: &CensusKey,
) -> Result<(Blocks, Tally, Option<String>), Error> {
    match follow(path, journal, found, options, key) {
        Ok((blocks, tally)) => Ok((blocks, tally, None)),
        Err(Unfit::Fatal(error)) => Err(error),
        Err(Unfit::Rebuild(why)) => {
            move_aside(path)?;
            Ok((Blocks::open(path, options.cache_bytes, key.clone())?.0, Tally::empty(journal), Some(why)))
        }
    }
}

enum Unfit {
    Rebuild(String),
    Fatal(Error),
}

/// Opens the directory if it can go on from where it is.
fn follow(
    path: &Path,
    journal: &Journal,
    found: &Recovered,
    options: &Options,
    key: &CensusKey,
) -> Result<(Blocks, Tally), Unfit> {
    let rebuild = |why: &str| Err(Unfit::Rebuild(why.into()));
    if options.rebuild || path.with_extension(REBUILD).exists() {
        return rebuild("this was asked for");
    }
    if !path.exists() {
        return rebuild("it was missing");
    }
    let opened = Blocks::open(path, options.cache_bytes, key.clone()).map_err(|error| match error {
        Error::Directory { why } => Unfit::Rebuild(why),
        other => Unfit::Fatal(other),
    });
    let (directory, marker, census) = opened?;
    let Some(marker) = marker else { return rebuild("it had no marker") };
    if marker.store != journal.store {
        return rebuild("it belonged to another journal");
    }
    if marker.applied > found.last {
        // It is written after the journal only: what it saw was durable, and is gone.
        let why = format!("commits {} to {} are missing", found.last + 1, marker.applied);
        return Err(Unfit::Fatal(Error::damaged(&journal.dir, 0, why)));
    }
    let list = journal.list();
    let older = marker.applied < list.merged || marker.followed < list.followed;
    drop(list);
    if older {
        return rebuild("it was older than the last merge");
    }
    if marker.census != census {
        return rebuild(
            "it was not as it was last noted: the node stopped while changing it, or its files are damaged",
        );
    }
    Ok((directory, Tally::of(&marker)))
}

fn aside(path: &Path) -> PathBuf {
    path.with_extension("unfit")
}

/// Puts an unfit directory out of the way; an earlier one makes room for it.
fn move_aside(path: &Path) -> Result<(), Error> {
    remove_old(path)?;
    if path.exists() {
        fs::rename(path, aside(path)).map_err(Error::io("move aside", path))?;
    }
    Ok(())
}

/// Removes the unfit directory once a new one has taken its place: it may hold what was to be erased.
fn remove_old(path: &Path) -> Result<(), Error> {
    let (old, asked) = (aside(path), path.with_extension(REBUILD));
    if old.exists() {
        fs::remove_dir_all(&old).or_else(|_| fs::remove_file(&old)).map_err(Error::io("remove", &old))?;
    }
    if asked.exists() {
        fs::remove_file(&asked).map_err(Error::io("remove", &asked))?;
    }
    Ok(())
}

/// The numbers of files that were replaced.
pub(crate) fn set(ids: &[u32]) -> HashSet<u32> {
    ids.iter().copied().collect()
}
