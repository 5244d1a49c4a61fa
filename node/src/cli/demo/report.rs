//! What the demonstration showed, as data.

use serde::Serialize;

use crate::api::types::{AuditEntry, Explanation, Holders, Record};

/// Everything that was shown.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    /// What each bureau holds.
    pub(super) bureaus: Vec<Held>,
    /// One record as its owner and the others hold it.
    pub(super) compared: Compared,
    /// A record that policy keeps from a bureau.
    pub(super) kept: Kept,
    /// A record that was withdrawn.
    pub(super) withdrawn: Withdrawn,
    /// A question that was answered.
    pub(super) found: Found,
    /// What must hold, and whether it does.
    pub(super) checks: Vec<Check>,
    /// Milliseconds from the start of the daemons to the last answer.
    pub(super) took_ms: u64,
}

/// What one bureau holds.
#[derive(Debug, Serialize)]
pub(super) struct Held {
    pub(super) bureau: String,
    pub(super) name: String,
    /// Records of its own.
    pub(super) own: u64,
    /// What it has of each other bureau.
    pub(super) received: Vec<From>,
}

/// What a bureau has of another.
#[derive(Debug, Serialize)]
pub(super) struct From {
    pub(super) owner: String,
    /// Records of which it may have all groups of fields.
    pub(super) whole: u64,
    /// Records of which it may have some.
    pub(super) redacted: u64,
    /// Records that the owner's policy gives it.
    pub(super) granted: u64,
}

/// One record at several bureaus.
#[derive(Debug, Serialize)]
pub(super) struct Compared {
    pub(super) owner: Record,
    /// Bureaus and what they hold of it.
    pub(super) others: Vec<(String, Record)>,
}

/// A record that one bureau has and another may not know of.
#[derive(Debug, Serialize)]
pub(super) struct Kept {
    pub(super) record: Record,
    pub(super) given_to: String,
    pub(super) kept_from: String,
    /// What the one it is kept from gets as an answer when it asks for the record.
    pub(super) answer: String,
    pub(super) explanation: Explanation,
}

/// A record that was withdrawn, and who answered.
#[derive(Debug, Serialize)]
pub(super) struct Withdrawn {
    pub(super) record: Record,
    pub(super) before: Holders,
    pub(super) after: Holders,
    /// Milliseconds from the withdrawal to the last receipt.
    pub(super) took_ms: u64,
}

/// A question and its answer.
#[derive(Debug, Serialize)]
pub(super) struct Found {
    pub(super) bureau: String,
    /// The question as typed.
    pub(super) typed: String,
    pub(super) hits: Vec<Record>,
    /// The account of it.
    pub(super) entry: AuditEntry,
}

/// Something that must hold.
#[derive(Debug, Serialize)]
pub(super) struct Check {
    pub(super) what: String,
    pub(super) holds: bool,
}
