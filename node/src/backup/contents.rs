//! What goes into an archive: a moment of both stores, and the files beside them.

use std::fs;
use std::io::{self, Read as _};
use std::path::Path;

use super::Error;
use super::head::{FILE_LIMIT, File, Head, Kind};
use crate::config::Config;
use crate::store::Snapshot;

/// All that an archive will hold.
pub struct Contents {
    pub(super) head: Head,
    /// The whole files, in the order of the head.
    pub(super) files: Vec<Vec<u8>>,
    pub(super) books: Snapshot,
    pub(super) audit: Snapshot,
}

impl Contents {
    /// What the archive is.
    pub const fn head(&self) -> &Head {
        &self.head
    }

    /// What the archive is called.
    pub fn name(&self) -> String {
        self.head.name().map(|name| name.to_string()).unwrap_or_default()
    }
}

/// The files that a bureau needs beside its stores.
pub struct Files(Vec<(Kind, Vec<u8>)>);

impl Files {
    /// Reads the configuration, policy, people and key files. The key file stays sealed under its passphrase.
    ///
    /// # Errors
    /// Where one cannot be read; a policy file need not be there, for the policy in force is in the books.
    pub fn read(config: &Config) -> Result<Self, Error> {
        let mut files = vec![(Kind::Config, file(&config.file)?)];
        match file(&config.policy) {
            Err(Error::Io { cause, .. }) if cause.kind() == io::ErrorKind::NotFound => {}
            policy => files.push((Kind::Policy, policy?)),
        }
        if let Some(people) = &config.people {
            files.push((Kind::People, file(people)?));
        }
        files.push((Kind::Keys, file(&config.keystore())?));
        Ok(Self(files))
    }

    #[cfg(test)]
    pub(super) const fn of(files: Vec<(Kind, Vec<u8>)>) -> Self {
        Self(files)
    }

    /// With what the stores give whole: their lists of files, and the checkpoint of the audit log.
    pub(super) fn and(mut self, books: &Snapshot, audit: &Snapshot, checkpoint: Vec<u8>) -> Self {
        self.0.push((Kind::BooksList, books.list().to_vec()));
        self.0.push((Kind::AuditList, audit.list().to_vec()));
        self.0.push((Kind::Checkpoint, checkpoint));
        self
    }

    /// As a head lists them, and their bytes.
    pub(super) fn into_parts(self) -> (Vec<File>, Vec<Vec<u8>>) {
        self.0.into_iter().map(|(kind, bytes)| (File { kind, bytes: bytes.len() as u64 }, bytes)).unzip()
    }
}

fn file(path: &Path) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    let opened = fs::File::open(path).map_err(Error::io("read", path))?;
    opened.take(FILE_LIMIT + 1).read_to_end(&mut bytes).map_err(Error::io("read", path))?;
    match bytes.len() as u64 > FILE_LIMIT {
        true => Err(Error::TooLarge { path: path.to_owned(), limit: FILE_LIMIT }),
        false => Ok(bytes),
    }
}
