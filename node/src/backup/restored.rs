//! The mark in a folder that was put back: the next start accounts for it, and takes it away.

use std::fs;
use std::io::{self, Read as _};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::Error;

/// The name of the mark's file in the data folder.
const NAME: &str = "restored.json";

/// Most bytes of it.
const LIMIT: u64 = 4_096;

/// What was put back, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// The moment that the backup holds.
    pub backup: String,
    /// When it was put back.
    pub restored: String,
    /// The archive.
    pub archive: String,
}

impl Mark {
    /// The mark in a data folder; none where there is none. One that cannot be read says so of itself: that a folder was
    /// put back is what matters most.
    ///
    /// # Errors
    /// Where the system does not let it be read.
    pub fn read(data: &Path) -> Result<Option<Self>, Error> {
        let path = data.join(NAME);
        let mut bytes = Vec::new();
        match fs::File::open(&path).and_then(|file| file.take(LIMIT).read_to_end(&mut bytes)) {
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(None),
            read => read.map_err(Error::io("read", &path))?,
        };
        let unknown = || "unknown".to_owned();
        let unreadable = || Self { backup: unknown(), restored: unknown(), archive: unknown() };
        Ok(Some(serde_json::from_slice(&bytes).map(Self::short).unwrap_or_else(|_| unreadable())))
    }

    /// With texts that an account can hold.
    fn short(self) -> Self {
        let short = |text: String| text.chars().filter(|c| !c.is_control()).take(128).collect();
        Self { backup: short(self.backup), restored: short(self.restored), archive: short(self.archive) }
    }

    /// As an account has it.
    pub fn particulars(&self) -> [(&'static str, String); 3] {
        [("backup", self.backup.clone()), ("restored", self.restored.clone()), ("archive", self.archive.clone())]
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        serde_json::to_vec_pretty(self).unwrap_or_default()
    }

    pub(super) const fn name() -> &'static str {
        NAME
    }
}

/// Takes the mark away, once it is accounted for.
///
/// # Errors
/// Where it cannot be removed; the next start accounts for it again.
pub fn remove(data: &Path) -> Result<(), Error> {
    let path = data.join(NAME);
    fs::remove_file(&path).map_err(Error::io("remove", &path))?;
    fs::File::open(data).and_then(|folder| folder.sync_all()).map_err(Error::io("sync", data))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_that_cannot_be_read_still_says_that_a_folder_was_put_back() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Mark::read(folder.path()).unwrap(), None);
        let mark = Mark { backup: "a".into(), restored: "b".into(), archive: "c\n".repeat(200) };
        fs::write(folder.path().join(NAME), mark.bytes()).unwrap();
        let read = Mark::read(folder.path()).unwrap().unwrap();
        assert_eq!((read.backup.as_str(), read.archive.len()), ("a", 128));
        fs::write(folder.path().join(NAME), "{").unwrap();
        assert_eq!(Mark::read(folder.path()).unwrap().unwrap().backup, "unknown");
        remove(folder.path()).unwrap();
        assert_eq!(Mark::read(folder.path()).unwrap(), None);
    }
}
