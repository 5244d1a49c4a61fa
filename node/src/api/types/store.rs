//! The store's upkeep.

use serde::{Deserialize, Serialize};

use crate::store::Report;

/// What verifying the store found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoreReport {
    /// Whether all of it can be read and agrees.
    pub intact: bool,
    /// Files of the journal that were read.
    pub files: usize,
    /// Commits in them.
    pub commits: u64,
    /// Operations in them.
    pub operations: u64,
    /// Values that were opened.
    pub values: u64,
    /// Keys in the directory.
    pub keys: u64,
    /// The directory is wrong, and the next start makes it anew.
    pub rebuild: bool,
    /// Bytes of the name index that were read.
    pub index_bytes: u64,
    /// What is wrong, in words; empty where nothing is.
    pub findings: Vec<String>,
    /// What was wrong, and has been mended by this call.
    #[serde(default)]
    pub mended: Vec<String>,
}

impl From<Report> for StoreReport {
    /// What reading the books has found; of the name index nothing.
    fn from(report: Report) -> Self {
        Self {
            intact: report.findings.is_empty(),
            files: report.files,
            commits: report.commits,
            operations: report.operations,
            values: report.values,
            keys: report.keys,
            rebuild: report.rebuild,
            index_bytes: 0,
            findings: report.findings,
            mended: Vec::new(),
        }
    }
}
