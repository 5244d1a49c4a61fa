//! A window onto a file that grows with the row being read, up to a limit.

use std::io::Read;

use crate::intake::Error;

/// Most bytes of one row: a record holds 56 KiB, and a source may say more than a record takes of it.
pub(in crate::intake) const ROW_LIMIT: usize = 1024 * 1024;

/// Bytes read at once.
const CHUNK: usize = 128 * 1024;

/// How many bytes may be read again to find the next good row after bad ones: this many, and as many again as the file
/// has. It keeps a file of stray quotes from taking time by the square of its length.
const REREAD: u64 = 64 * 1024 * 1024;

/// The bytes from the start of the current row to what was last read.
pub(super) struct Chunks<R> {
    input: R,
    buffer: Vec<u8>,
    start: usize,
    at: usize,
    eof: bool,
    line: u64,
    read: u64,
    reread: u64,
}

impl<R: Read> Chunks<R> {
    pub(super) fn new(input: R) -> Result<Self, Error> {
        let mut chunks = Self { input, buffer: Vec::new(), start: 0, at: 0, eof: false, line: 1, read: 0, reread: 0 };
        while chunks.buffer.len() < 4 && chunks.more()? {}
        match chunks.buffer.as_slice() {
            [] => Err(Error::Empty),
            [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => Err(Error::Utf16),
            [0xef, 0xbb, 0xbf, ..] => {
                chunks.advance(3);
                chunks.begin();
                Ok(chunks)
            }
            _ => Ok(chunks),
        }
    }

    /// What has been read and not yet consumed.
    pub(super) fn rest(&self) -> &[u8] {
        self.buffer.get(self.at..).unwrap_or_default()
    }

    /// The current row as far as it was consumed.
    pub(super) fn row(&self) -> &[u8] {
        self.buffer.get(self.start..self.at).unwrap_or_default()
    }

    /// The line that the current row begins on.
    pub(super) fn line(&self) -> u64 {
        self.line
    }

    pub(super) fn at_end(&self) -> bool {
        self.eof && self.rest().is_empty()
    }

    pub(super) fn advance(&mut self, bytes: usize) {
        self.at = (self.at + bytes).min(self.buffer.len());
    }

    /// Whether the current row is longer than any may be.
    pub(super) fn is_too_long(&self) -> bool {
        self.at - self.start > ROW_LIMIT
    }

    /// A new row begins here.
    pub(super) fn begin(&mut self) {
        self.line += count_lines(self.row());
        self.start = self.at;
    }

    /// Reads on; false at the end of the file.
    pub(super) fn more(&mut self) -> Result<bool, Error> {
        if self.eof {
            return Ok(false);
        }
        self.buffer.drain(..self.start);
        self.at -= self.start;
        self.start = 0;
        let filled = self.buffer.len();
        self.buffer.resize(filled + CHUNK, 0);
        let read = loop {
            match self.input.read(self.buffer.get_mut(filled..).unwrap_or_default()) {
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                other => break other,
            }
        };
        let read = read.map_err(|error| Error::Read(error, self.line));
        self.buffer.truncate(filled + read.as_ref().copied().unwrap_or(0));
        let read = read?;
        self.read += read as u64;
        self.eof = read == 0;
        Ok(read > 0)
    }

    /// Whether the current row spans lines and may be given up for the line after its first.
    pub(super) fn may_go_back(&self) -> bool {
        let row = self.row();
        let first = row.iter().position(|byte| *byte == b'\n').map_or(row.len(), |at| at + 1);
        first < row.len() && self.reread <= self.read.saturating_add(REREAD)
    }

    /// Gives the current row up for the line after its first: a quote that nobody closed swallows rows that are good.
    pub(super) fn go_back(&mut self) {
        let row = self.row();
        let first = row.iter().position(|byte| *byte == b'\n').map_or(row.len(), |at| at + 1);
        self.reread += (row.len() - first) as u64;
        self.at = self.start + first;
    }

    /// Leaves out everything up to the end of the line, however long it is.
    pub(super) fn skip_line(&mut self) -> Result<(), Error> {
        loop {
            if let Some(end) = self.rest().iter().position(|byte| *byte == b'\n') {
                self.advance(end + 1);
                return Ok(());
            }
            self.advance(self.rest().len());
            self.begin();
            if !self.more()? {
                return Ok(());
            }
        }
    }
}

fn count_lines(bytes: &[u8]) -> u64 {
    bytes.iter().filter(|byte| **byte == b'\n').count() as u64
}
