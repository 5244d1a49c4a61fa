//! Imports.
//!
//! The body of a request is one line of JSON, an [`ImportRequest`], and after its line feed the bytes of the files that
//! it names, one after the other. The answer is JSON lines, each an [`ImportEvent`]: progress and rejected rows as they
//! come, and a report or a problem as the last.

use serde::{Deserialize, Serialize};

use crate::api::Problem;

/// What to import.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImportRequest {
    /// What problems call the mapping.
    pub mapping_file: String,
    /// The mapping, TOML.
    pub mapping: String,
    /// Values for what the mapping leaves open.
    #[serde(default)]
    pub set: Vec<(String, String)>,
    /// Only say what would become of each row.
    #[serde(default)]
    pub dry_run: bool,
    /// The files, those to be joined first, the one that is imported last.
    pub files: Vec<ImportFile>,
}

/// One file of an import.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImportFile {
    /// What it is called.
    pub name: String,
    /// The name under which the mapping joins it; none for the file that is imported.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// How long it is; none for the last, which goes on to the end of the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
}

/// What happens while an import runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ImportEvent {
    /// How far it has come.
    Progress(Progress),
    /// A row that is set aside.
    Reject(Reject),
    /// Something is odd in a row that was taken, or in all of them.
    Warning(Warning),
    /// It has ended; what it added is durable.
    Report(ImportReport),
    /// It cannot go on; what was added before is durable, and importing the file again adds the rest.
    Problem(Problem),
}

/// How far an import has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Bytes of the file read.
    pub bytes: u64,
    /// Records that are durable, or unchanged.
    pub records: u64,
    /// Rows set aside.
    pub rejected: u64,
}

/// What is odd in a row that was taken, or in all of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warning {
    /// The line on which the row begins, from 1; none where it is said of all rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// What is odd.
    pub text: String,
}

/// A row that is set aside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reject {
    /// The line on which it begins, from 1.
    pub line: u64,
    /// The column of the table, where one is at fault.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// The stable name of the reason.
    pub code: String,
    /// The reason in words.
    pub reason: String,
    /// The row as it was read, shortened where it is very long.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raw: Option<String>,
    /// The same in hexadecimal digits, where it is no UTF-8 text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raw_hex: Option<String>,
}

/// What became of an import.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportReport {
    /// Nothing was written.
    pub dry_run: bool,
    /// Rows read.
    pub rows: u64,
    /// New records.
    pub added: u64,
    /// New versions of records.
    pub revised: u64,
    /// Records that say just this already.
    pub unchanged: u64,
    /// Rows or records set aside.
    pub rejected: u64,
    /// What was odd in rows that were taken.
    pub warnings: u64,
    /// Milliseconds that it took.
    pub took_ms: u64,
}
