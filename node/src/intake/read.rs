//! Reading rows out of files, in bounded memory, whatever they hold.

mod chunks;
mod encoding;
mod json;
mod table;

use std::io::Read;

pub(super) use chunks::ROW_LIMIT;
pub(super) use encoding::Encoding;
pub(super) use json::Objects;
pub(super) use table::{Dialect, Table};

use super::{Error, Reject};

/// Separates the values of a list inside one cell: JSON arrays are read so.
pub(super) const LIST_SEPARATOR: char = '\u{1f}';

/// One row: its cells, and where it stands.
#[derive(Debug, Default)]
pub(super) struct Row {
    /// The line that it begins on.
    pub(super) line: u64,
    text: String,
    ends: Vec<usize>,
    raw: Vec<u8>,
}

impl Row {
    /// How many cells it has.
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// One cell, empty where the row has none.
    pub(super) fn cell(&self, at: usize) -> &str {
        let from = at.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or(0);
        self.ends.get(at).and_then(|to| self.text.get(from..*to)).unwrap_or_default()
    }

    /// The row as a reject.
    pub(super) fn reject(&self, column: Option<String>, reason: String) -> Reject {
        Reject { line: self.line, column, reason, raw: self.raw.clone() }
    }

    /// A row of these cells.
    #[cfg(test)]
    pub(super) fn of(cells: &[&str]) -> Self {
        let mut row = Self { line: 1, ..Self::default() };
        cells.iter().for_each(|cell| row.push(cell));
        row
    }

    fn clear(&mut self) {
        self.text.clear();
        self.ends.clear();
        self.raw.clear();
    }

    fn keep_raw(&mut self, raw: &[u8]) {
        let end = raw.len().min(super::reject::RAW_LIMIT);
        self.raw.extend_from_slice(raw.get(..end).unwrap_or(raw));
    }

    fn push(&mut self, cell: &str) {
        self.text.push_str(cell);
        self.ends.push(self.text.len());
    }
}

/// Rows out of either format.
#[expect(clippy::large_enum_variant, reason = "there is one for each import")]
pub(super) enum Source<R> {
    /// CSV and its kin.
    Table(Table<R>),
    /// JSON objects.
    Objects(Objects<R>),
}

impl<R: Read> Source<R> {
    /// Reads the next row into `row`; false at the end. A row that cannot be read is a reject.
    pub(super) fn read(&mut self, row: &mut Row) -> Result<Result<bool, Reject>, Error> {
        row.clear();
        match self {
            Self::Table(table) => table.read(row),
            Self::Objects(objects) => objects.read(row),
        }
    }
}
