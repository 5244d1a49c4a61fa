//! Backups.

use igain_protocol::bureau::BureauId;
use igain_protocol::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::Text;

/// A backup that is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewBackup {
    /// Whom it is sealed to: X25519 recipients of age, `age1...`.
    pub to: Vec<String>,
    /// Of which set.
    pub set: String,
    /// It must not follow another.
    #[serde(default)]
    pub full: bool,
    /// The archives that are where it goes; none where that cannot be seen.
    pub held: Option<Vec<HeldArchive>>,
}

/// An archive that is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldArchive {
    /// Its name.
    pub name: String,
    /// Its length.
    pub bytes: u64,
}

/// What an archive is. It is the first line of the answer; what follows is the archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backup {
    /// The archive's own number, drawn at random, in hexadecimal.
    pub id: String,
    /// What it is called.
    pub name: String,
    /// Whose it is.
    pub bureau: Text<BureauId>,
    /// Of which set.
    pub set: String,
    /// The moment that it holds.
    pub at: Text<Timestamp>,
    /// Its place in its series, from 1.
    pub number: u32,
    /// It follows no other.
    pub full: bool,
    /// Why that is so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// How many it is sealed to.
    pub recipients: usize,
}

/// Says that an archive is stored where it cannot be lost: the next one may follow it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoredBackup {
    /// Which.
    pub id: String,
    /// How many bytes were stored.
    pub bytes: u64,
}
