//! Files that belong to another one: aliases, addresses, comments, by a key that both have.

use std::collections::HashMap;
use std::io::Read;

use super::read::{Row, Source};
use super::{Error, Reject};

/// Most bytes of a joined file that are held: it must be looked up in any order.
const JOIN_LIMIT: usize = 256 * 1024 * 1024;

/// What a row costs beside its text: its key's entry, and the ends of its cells.
const ROW_COST: usize = 96;

/// Most rejects of a joined file that are reported one by one.
const REJECTS_LIMIT: usize = 10_000;

/// What became of a joined file.
#[derive(Debug, Default)]
pub struct Joined {
    /// How many rows were taken.
    pub rows: u64,
    /// Rows that were not; the first 10,000.
    pub rejects: Vec<Reject>,
    /// How many were not, in all.
    pub rejected: u64,
}

/// A joined file, by key.
#[derive(Debug, Default)]
pub(super) struct Side {
    width: usize,
    text: String,
    ends: Vec<usize>,
    by_key: HashMap<Box<str>, Vec<u32>>,
}

impl Side {
    /// Reads a file whole. `slots` says where the used columns stand, the key's first.
    pub(super) fn read<R: Read>(
        role: &str,
        source: &mut Source<R>,
        slots: &[usize],
        nulls: &[String],
    ) -> Result<(Self, Joined), Error> {
        let mut side = Self { width: slots.len(), ..Self::default() };
        let mut joined = Joined::default();
        let mut row = Row::default();
        loop {
            match source.read(&mut row)? {
                Ok(false) => return Ok((side, joined)),
                Ok(true) => {}
                Err(reject) => {
                    joined.reject(reject);
                    continue;
                }
            }
            let cells = || slots.iter().map(|at| row.cell(*at).trim());
            let key = cells().next().unwrap_or_default();
            if key.is_empty() || nulls.iter().any(|null| null == key) {
                joined.reject(row.reject(None, format!("the row of the file joined as `{role}` has no key")));
                continue;
            }
            if side.text.len() + side.ends.len() * size_of::<usize>() + side.by_key.len() * ROW_COST > JOIN_LIMIT {
                return Err(Error::JoinTooLarge { role: role.to_owned(), limit_mb: JOIN_LIMIT >> 20 });
            }
            let at = u32::try_from(joined.rows).unwrap_or(u32::MAX);
            for cell in cells() {
                side.text.push_str(cell);
                side.ends.push(side.text.len());
            }
            match side.by_key.get_mut(key) {
                Some(rows) => rows.push(at),
                None => drop(side.by_key.insert(key.into(), vec![at])),
            }
            joined.rows += 1;
        }
    }

    /// The rows with a key.
    pub(super) fn rows(&self, key: &str) -> &[u32] {
        self.by_key.get(key).map(Vec::as_slice).unwrap_or_default()
    }

    /// A cell of a row, by the number of its column among those that are used.
    pub(super) fn cell(&self, row: u32, column: usize) -> &str {
        let at = (row as usize).saturating_mul(self.width).saturating_add(column);
        let from = at.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or(0);
        self.ends.get(at).filter(|_| column < self.width).and_then(|to| self.text.get(from..*to)).unwrap_or_default()
    }
}

impl Joined {
    fn reject(&mut self, reject: Reject) {
        self.rejected += 1;
        if self.rejects.len() < REJECTS_LIMIT {
            self.rejects.push(reject);
        }
    }
}
