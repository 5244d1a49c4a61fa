//! Rows that could not be taken, set aside with the reason.

use std::io::Write;

use super::Error;

/// Most bytes of a rejected row that are kept: enough to find and correct it.
pub(super) const RAW_LIMIT: usize = 64 * 1024;

/// A row that was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reject {
    /// The line that it begins on, from 1.
    pub line: u64,
    /// The column that is wrong, or the field that was to be made of it.
    pub column: Option<String>,
    /// What is wrong with it, and what to do.
    pub reason: String,
    /// The row as it stands in the file, its start where it is longer than 64 KiB.
    pub raw: Vec<u8>,
}

/// A rejects file: CSV with a header (line, column, reason, row), so that a row can be corrected and imported again.
pub struct Rejects<W: Write> {
    out: csv::Writer<W>,
    count: u64,
}

impl<W: Write> Rejects<W> {
    /// Writes rejects to `out`. Nothing is written before the first.
    pub fn new(out: W) -> Self {
        Self { out: csv::WriterBuilder::new().from_writer(out), count: 0 }
    }

    /// Sets a row aside.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn put(&mut self, reject: &Reject) -> Result<(), Error> {
        let failed = |error: csv::Error| Error::Rejects(error.into());
        if self.count == 0 {
            self.out.write_record(["line", "column", "reason", "row"]).map_err(failed)?;
        }
        self.count += 1;
        let line = reject.line.to_string();
        let column = reject.column.as_deref().unwrap_or_default();
        let row = reject.raw.trim_ascii_end();
        self.out.write_record([line.as_bytes(), column.as_bytes(), reject.reason.as_bytes(), row]).map_err(failed)
    }

    /// How many there are.
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// Writes out what is buffered.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn finish(mut self) -> Result<u64, Error> {
        self.out.flush().map_err(Error::Rejects)?;
        Ok(self.count)
    }
}
