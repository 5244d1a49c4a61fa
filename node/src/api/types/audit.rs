//! The account of what was done.

use igain_protocol::bureau::BureauId;
use igain_protocol::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::Text;
use crate::audit::{self, Numbered, Summary};

/// One entry of the audit log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEntry {
    /// Its number.
    pub seq: u64,
    /// When.
    pub at: Text<Timestamp>,
    /// Who: `uid:1000`, `bureau:FR` or `node`.
    pub actor: String,
    /// What, a stable name.
    pub action: String,
    /// To what.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<String>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purpose: Option<String>,
    /// In which case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub case: Option<String>,
    /// With which bureau.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer: Option<String>,
    /// Particulars, by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub detail: Vec<(String, String)>,
}

/// A run of entries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEntries {
    /// In the order of their numbers.
    pub entries: Vec<AuditEntry>,
    /// The number of the last entry of the log, before this was asked.
    pub last: u64,
}

/// What verifying the audit log found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditSummary {
    /// Whether all of it is as it was written.
    pub intact: bool,
    /// Entries that were checked.
    pub entries: u64,
    /// Up to where a signed checkpoint vouches for it.
    pub checkpointed: u64,
    /// The hash at its end; none where it is broken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head: Option<String>,
    /// The first entry that is not as it was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub broken_at: Option<u64>,
    /// What is wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// What other bureaus keep of it, as far as they have shown it since the start.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub vouched: Vec<Vouched>,
}

/// What another bureau keeps of this one's audit log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vouched {
    /// Which.
    pub bureau: Text<BureauId>,
    /// The log holds what was committed to towards it until then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fits: Option<Text<Timestamp>>,
    /// It does not fit what was committed to then: it was put back, or cut.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unfit: Option<Text<Timestamp>>,
}

impl AuditSummary {
    /// What going through a log of so many entries has come to.
    ///
    /// # Errors
    /// Where the log could not be gone through.
    pub fn judged(entries: u64, verified: Result<Summary, audit::Error>) -> Result<Self, audit::Error> {
        let broken = |broken_at, error: &audit::Error| Self {
            intact: false,
            entries,
            checkpointed: 0,
            head: None,
            broken_at,
            why: Some(error.to_string()),
            vouched: Vec::new(),
        };
        match verified {
            Ok(summary) => Ok(Self {
                intact: true,
                entries: summary.entries,
                checkpointed: summary.checkpointed,
                head: Some(summary.head.iter().map(|byte| format!("{byte:02x}")).collect()),
                broken_at: None,
                why: None,
                vouched: Vec::new(),
            }),
            Err(error @ audit::Error::Broken(found)) => Ok(broken(Some(found.seq), &error)),
            Err(error @ audit::Error::CutOff { seq, .. }) => Ok(broken(Some(seq), &error)),
            Err(error @ (audit::Error::NoCheckpoint | audit::Error::Checkpoint(_) | audit::Error::Damaged { .. })) => {
                Ok(broken(None, &error))
            }
            Err(error) => Err(error),
        }
    }
}

impl From<Numbered> for AuditEntry {
    fn from(numbered: Numbered) -> Self {
        let entry = numbered.entry;
        Self {
            seq: numbered.seq,
            at: Text(entry.at),
            actor: entry.actor,
            action: entry.action,
            object: entry.object,
            purpose: entry.purpose,
            case: entry.case,
            peer: entry.peer,
            detail: entry.detail,
        }
    }
}
