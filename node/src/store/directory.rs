//! The key directory: ordered keys to entries. On disk it lies in [blocks](blocks) kept by sled, in memory in a map.
//!
//! It holds nothing that the journal does not, and is never trusted: one that does not open, or is not what was noted, is
//! made anew from the journal.

mod block;
mod blocks;
mod census;
mod map;

use std::collections::HashSet;

use block::Row;
pub(crate) use blocks::Blocks;
pub(crate) use census::{Census, CensusKey, Dead, Digest, Marker};
pub(crate) use map::Map;

use super::Error;
use super::entry::Entry;

/// What is to become of a key.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Change<'a> {
    Set(&'a Entry),
    Remove,
    /// Set it if it comes from one of these files: a merge moved it, unless somebody changed it meanwhile.
    Move(&'a Entry, &'a HashSet<u32>),
}

/// What a change of the directory did to it as a whole.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Growth {
    /// Keys more, or fewer.
    pub(crate) keys: i64,
    /// To be added to the digest.
    pub(crate) digest: Digest,
}

/// The open directory. One thread at a time may change it; any number may read.
pub(crate) enum Directory {
    Blocks(Blocks),
    Map(Map),
}

impl Directory {
    /// Notes how far the directory has come; durable on return, with all that was applied before.
    pub(crate) fn mark(&self, marker: &Marker) -> Result<(), Error> {
        match self {
            Self::Blocks(blocks) => blocks.mark(marker),
            // It is made anew at every start.
            Self::Map(_) => Ok(()),
        }
    }

    /// The entry of a key.
    pub(crate) fn find(&self, key: &[u8]) -> Result<Option<Entry>, Error> {
        match self {
            Self::Blocks(blocks) => blocks.find(key),
            Self::Map(map) => Ok(map.find(key)),
        }
    }

    /// The entries of many keys, which are in order.
    pub(crate) fn find_many(&self, keys: &[&[u8]]) -> Result<Vec<Option<Entry>>, Error> {
        match self {
            Self::Blocks(blocks) => blocks.find_many(keys),
            Self::Map(map) => Ok(keys.iter().map(|key| map.find(key)).collect()),
        }
    }

    /// The first rows in a range, at most `limit`.
    pub(crate) fn page(&self, from: &[u8], to: Option<&[u8]>, limit: usize) -> Result<Vec<Row>, Error> {
        match self {
            Self::Blocks(blocks) => blocks.page(from, to, limit),
            Self::Map(map) => Ok(map.page(from, to, limit)),
        }
    }

    /// The last row in a range.
    pub(crate) fn before(&self, from: &[u8], to: Option<&[u8]>) -> Result<Option<Row>, Error> {
        match self {
            Self::Blocks(blocks) => blocks.before(from, to),
            Self::Map(map) => Ok(map.before(from, to)),
        }
    }

    /// Applies changes, which are in the order of their keys. `dead` hears of every entry that falls out of use.
    pub(crate) fn apply<'a>(
        &self,
        changes: impl Iterator<Item = (&'a [u8], Change<'a>)>,
        dead: &mut dyn FnMut(&Entry),
    ) -> Result<Growth, Error> {
        match self {
            Self::Blocks(blocks) => blocks.apply(changes, dead),
            Self::Map(map) => Ok(map.apply(changes, dead)),
        }
    }
}

/// What a key holds after a change.
fn settle(current: Option<Entry>, change: Change<'_>, dead: &mut dyn FnMut(&Entry)) -> Option<Entry> {
    let mut replaced = |new: Option<&Entry>| {
        // After a crash a merge may be followed a second time.
        if let Some(current) = current.as_ref().filter(|current| Some(*current) != new) {
            dead(current);
        }
    };
    match change {
        Change::Set(entry) => {
            replaced(Some(entry));
            Some(entry.clone())
        }
        Change::Remove => {
            replaced(None);
            None
        }
        Change::Move(entry, from) if current.as_ref().is_some_and(|current| from.contains(&current.file())) => {
            Some(entry.clone())
        }
        Change::Move(entry, _) => {
            if current.as_ref() != Some(entry) {
                dead(entry);
            }
            current
        }
    }
}
