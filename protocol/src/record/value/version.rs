//! One version of a record, for what rests on just that one.

use std::fmt;
use std::str::FromStr;

use super::digest::Digest;
use crate::record::RecordId;

/// One revision of a record, and what its owner signed of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Version {
    /// The record.
    pub id: RecordId,
    /// Its revision, from 1.
    pub revision: u32,
    /// The SHA-256 of what was signed: the payload with head, label and root. It is the same for every redacted copy.
    pub digest: Digest,
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}#{}", self.id, self.revision, self.digest)
    }
}

impl FromStr for Version {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let no = || "a version is written ID@REVISION#DIGEST".to_owned();
        let (id, rest) = text.trim().split_once('@').ok_or_else(no)?;
        let (revision, digest) = rest.split_once('#').ok_or_else(no)?;
        let id = id.parse().map_err(|error| format!("{error}"))?;
        let revision = revision.parse().ok().filter(|revision| *revision > 0).ok_or_else(no)?;
        Ok(Self { id, revision, digest: digest.parse()? })
    }
}
