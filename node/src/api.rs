//! The node's API: HTTP over a Unix socket that the daemon's user may open, and a group where one is configured.
//!
//! Requests and answers are JSON ([`types`]); what is refused is answered with a problem document (RFC 9457) whose
//! `code` is stable. The actor in the audit log is the user whose process holds the other end of the socket, as the
//! kernel tells it, by the name that the people file gives them.

pub mod client;
mod field;
mod problem;
pub mod server;
pub mod types;

pub use field::read_field;
pub use problem::{PolicyProblem, Problem};

/// Bytes of the body of an ordinary request: a few thousand records with some fields each.
pub const BODY_LIMIT: usize = 16 << 20;

/// Bytes of the first line of an import: a mapping is a few pages of text.
pub const IMPORT_HEAD_LIMIT: usize = 4 << 20;

/// Most records of one request; a file with more is imported.
pub const RECORDS_LIMIT: usize = 10_000;

/// Most records on one page of a list.
pub const LISTING_LIMIT: usize = 1_000;

/// Most entries of the audit log in one answer.
pub const AUDIT_LIMIT: usize = 10_000;
