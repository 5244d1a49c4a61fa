//! The file of rows that were set aside.

use std::fs::File;
use std::path::PathBuf;

use crate::api::types::Reject;
use crate::cli::Error;
use crate::intake::{self, Rejects};

/// A rejects file that is there only if a row was set aside.
pub(super) struct RejectsFile {
    path: PathBuf,
    rejects: Option<Rejects<File>>,
}

impl RejectsFile {
    pub(super) const fn new(path: PathBuf) -> Self {
        Self { path, rejects: None }
    }

    pub(super) fn put(&mut self, reject: &Reject) -> Result<(), Error> {
        let rejects = match &mut self.rejects {
            Some(rejects) => rejects,
            None => {
                let file = File::create(&self.path).map_err(Error::file("write", &self.path))?;
                self.rejects.insert(Rejects::new(file))
            }
        };
        let raw = match (&reject.raw, &reject.raw_hex) {
            (Some(raw), _) => raw.clone().into_bytes(),
            (None, Some(hex)) => unhex(hex),
            (None, None) => Vec::new(),
        };
        let row =
            intake::Reject { line: reject.line, column: reject.column.clone(), reason: reject.reason.clone(), raw };
        rejects.put(&row).map_err(|error| self.failed(error))
    }

    /// Writes out what is left; gives the file if there is one.
    pub(super) fn finish(mut self) -> Result<Option<PathBuf>, Error> {
        let Some(rejects) = self.rejects.take() else { return Ok(None) };
        rejects.finish().map_err(|error| self.failed(error))?;
        Ok(Some(self.path))
    }

    fn failed(&self, error: intake::Error) -> Error {
        Error::File { doing: "write", path: self.path.clone(), cause: std::io::Error::other(error) }
    }
}

fn unhex(hex: &str) -> Vec<u8> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let byte = |pair: &[u8]| match pair {
        [high, low] => Some(digit(high)? << 4 | digit(low)?),
        _ => None,
    };
    hex.as_bytes().chunks(2).filter_map(byte).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_no_file_without_a_reject() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.rejects.csv");
        assert_eq!(RejectsFile::new(path.clone()).finish().unwrap(), None);
        assert!(!path.exists());
    }

    #[test]
    fn rows_are_set_aside_as_they_were_whatever_their_encoding() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.rejects.csv");
        let mut rejects = RejectsFile::new(path.clone());
        let reject = |raw: Option<&str>, raw_hex: Option<&str>| Reject {
            line: 3,
            column: Some("tel".into()),
            code: "intake.row".into(),
            reason: "too short".into(),
            raw: raw.map(str::to_owned),
            raw_hex: raw_hex.map(str::to_owned),
        };
        rejects.put(&reject(Some("a,\"b\""), None)).unwrap();
        rejects.put(&reject(None, Some("41ff"))).unwrap();
        assert_eq!(rejects.finish().unwrap(), Some(path.clone()));
        let bytes = std::fs::read(&path).unwrap();
        assert_eq!(bytes, b"line,column,reason,row\n3,tel,too short,\"a,\"\"b\"\"\"\n3,tel,too short,A\xff\n");
    }
}
