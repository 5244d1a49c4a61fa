//! Comma-separated values and their kin (RFC 4180), as files in the wild have them.

use std::io::Read;

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};

use super::chunks::Chunks;
use super::{Encoding, ROW_LIMIT, Row};
use crate::intake::{Error, Reject};

/// Most columns of a table; spreadsheets end at 16,384.
const COLUMNS_LIMIT: usize = 16 * 1024;

/// Ends some files of MS-DOS descent, OFAC's among them.
const SUBSTITUTE: u8 = 0x1a;

/// How a table is written.
#[derive(Debug, Clone)]
pub(in crate::intake) struct Dialect {
    /// Between cells.
    pub(in crate::intake) delimiter: u8,
    /// Around cells that hold delimiters or lines.
    pub(in crate::intake) quote: Option<u8>,
    /// What its bytes stand for.
    pub(in crate::intake) encoding: Encoding,
    /// How many lines precede the table.
    pub(in crate::intake) skip: u32,
    /// The columns, where the file does not name them itself.
    pub(in crate::intake) header: Option<Vec<String>>,
}

/// The rows of a table.
pub(in crate::intake) struct Table<R> {
    chunks: Chunks<R>,
    reader: Reader,
    dialect: Dialect,
    columns: Vec<String>,
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

/// What the end of a row looked like.
enum Shape {
    Whole(usize),
    TooLong,
    End,
}

impl<R: Read> Table<R> {
    pub(in crate::intake) fn open(input: R, dialect: Dialect) -> Result<Self, Error> {
        let mut chunks = Chunks::new(input)?;
        for _ in 0..dialect.skip {
            chunks.skip_line()?;
            chunks.begin();
        }
        let reader = reader(&dialect);
        let columns = dialect.header.clone().unwrap_or_default();
        let mut table = Self { chunks, reader, dialect, columns, bytes: Vec::new(), ends: Vec::new() };
        if table.dialect.header.is_none() {
            table.columns = table.header()?;
        }
        Ok(table)
    }

    /// The names of the columns.
    pub(in crate::intake) fn columns(&self) -> &[String] {
        &self.columns
    }

    fn header(&mut self) -> Result<Vec<String>, Error> {
        let line = self.chunks.line();
        let bad = |why: &str| Error::Header { line, why: why.to_owned() };
        let mut row = Row::default();
        match self.shape()? {
            Shape::Whole(columns) => self.decode(columns, &mut row).map_err(|reject| bad(&reject.reason))?,
            Shape::TooLong => return Err(bad("it is longer than 1 MiB")),
            Shape::End => return Err(Error::Empty),
        }
        let columns: Vec<String> = (0..row.len()).map(|at| row.cell(at).trim().to_owned()).collect();
        let twice = columns
            .iter()
            .enumerate()
            .find(|(at, name)| !name.is_empty() && columns.iter().skip(at + 1).any(|other| other == *name));
        match twice {
            Some((_, name)) => Err(bad(&format!("it names `{name}` twice"))),
            None => Ok(columns),
        }
    }

    /// Reads the next row; false at the end.
    pub(super) fn read(&mut self, row: &mut Row) -> Result<Result<bool, Reject>, Error> {
        let columns = match self.shape()? {
            Shape::End => return Ok(Ok(false)),
            Shape::TooLong => {
                return self.give_up(row, format!("the row is longer than {} KiB. Shorten it", ROW_LIMIT / 1024));
            }
            Shape::Whole(columns) => columns,
        };
        row.line = self.chunks.line();
        let lone = self.bytes.first() == Some(&SUBSTITUTE) && self.chunks.row().trim_ascii() == [SUBSTITUTE];
        if lone && self.only_space_follows()? {
            return Ok(Ok(false));
        }
        let expected = self.columns.len();
        if columns != expected {
            return self.give_up(row, format!("the row has {columns} columns, and {expected} are expected"));
        }
        if self.is_unclosed()? {
            return self.give_up(row, "a quote is never closed. Close it, or double it inside a quoted cell".into());
        }
        Ok(self.decode(columns, row).map(|()| true))
    }

    /// Finds the end of the next row, its cells in `bytes` and `ends`.
    fn shape(&mut self) -> Result<Shape, Error> {
        self.chunks.begin();
        let (mut written, mut cells) = (0, 0);
        loop {
            if self.chunks.rest().is_empty() && !self.chunks.at_end() && self.chunks.more()? {
                continue;
            }
            self.bytes.resize((written + self.chunks.rest().len() + 64).max(self.bytes.len()), 0);
            self.ends.resize((cells + 64).max(self.ends.len()), 0);
            let out = self.bytes.get_mut(written..).unwrap_or_default();
            let ends = self.ends.get_mut(cells..).unwrap_or_default();
            let (result, read, wrote, ended) = self.reader.read_record(self.chunks.rest(), out, ends);
            self.chunks.advance(read);
            written += wrote;
            cells += ended;
            match result {
                ReadRecordResult::Record => {
                    self.end_line()?;
                    return Ok(Shape::Whole(cells));
                }
                ReadRecordResult::End => return Ok(Shape::End),
                _ if self.chunks.is_too_long() || cells > COLUMNS_LIMIT => return Ok(Shape::TooLong),
                _ => {}
            }
        }
    }

    /// Takes the line feed after the carriage return that ended a row, so that the next row begins on its own line.
    fn end_line(&mut self) -> Result<(), Error> {
        if self.chunks.row().last() != Some(&b'\r') {
            return Ok(());
        }
        if self.chunks.rest().is_empty() {
            self.chunks.more()?;
        }
        if self.chunks.rest().first() == Some(&b'\n') {
            self.chunks.advance(1);
        }
        Ok(())
    }

    /// Whether the row goes to the end of the file because of a quote.
    fn is_unclosed(&mut self) -> Result<bool, Error> {
        let Some(quote) = self.dialect.quote else { return Ok(false) };
        if !self.chunks.rest().is_empty() || self.chunks.more()? {
            return Ok(false);
        }
        let row = self.chunks.row();
        Ok(row.contains(&b'\n') && row.iter().filter(|byte| **byte == quote).count() % 2 == 1)
    }

    fn only_space_follows(&mut self) -> Result<bool, Error> {
        while self.chunks.rest().is_empty() && self.chunks.more()? {}
        Ok(self.chunks.rest().trim_ascii().is_empty())
    }

    /// Rejects the row, or its first line only where it has several: the next may be good again.
    fn give_up(&mut self, row: &mut Row, reason: String) -> Result<Result<bool, Reject>, Error> {
        row.line = self.chunks.line();
        let too_long = self.chunks.is_too_long();
        if self.chunks.may_go_back() {
            self.chunks.go_back();
            self.reader = reader(&self.dialect);
            row.keep_raw(self.chunks.row());
        } else {
            row.keep_raw(self.chunks.row());
            if too_long {
                self.chunks.skip_line()?;
                self.reader = reader(&self.dialect);
            }
        }
        Ok(Err(row.reject(None, reason)))
    }

    /// Turns bytes into text.
    fn decode(&self, columns: usize, row: &mut Row) -> Result<(), Reject> {
        row.keep_raw(self.chunks.row());
        let mut from = 0;
        for at in 0..columns {
            let to = self.ends.get(at).copied().unwrap_or(from);
            let cell = self.bytes.get(from..to).unwrap_or_default();
            let name = || self.columns.get(at).cloned();
            if let Err(byte) = self.dialect.encoding.decode(cell, &mut row.text) {
                let reason =
                    format!("byte {} of the cell is not UTF-8. Say the file's `encoding` in the mapping", byte + 1);
                return Err(row.reject(name(), reason));
            }
            if cell.contains(&0) {
                return Err(row.reject(name(), "the cell holds a NUL byte. Export the row again".into()));
            }
            row.ends.push(row.text.len());
            from = to;
        }
        Ok(())
    }
}

fn reader(dialect: &Dialect) -> Reader {
    let mut builder = ReaderBuilder::new();
    builder.delimiter(dialect.delimiter);
    match dialect.quote {
        Some(quote) => builder.quote(quote),
        None => builder.quoting(false),
    };
    builder.build()
}
