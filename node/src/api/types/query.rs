//! Questions and answers.

use igain_protocol::bureau::BureauId;
use igain_protocol::caf::CafId;
use igain_protocol::time::{Day, Timestamp};
use igain_protocol::vocabulary::{Kind, Purpose, Scheme};
use serde::{Deserialize, Serialize};

use super::{Record, Text};

/// What an analyst asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// Why.
    pub purpose: Text<Purpose>,
    /// In which case.
    pub case: String,
    /// An identifier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identifier: Option<Identifier>,
    /// A name; a word that ends in `*` is a prefix.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Compare consonants only, for names written in another script.
    #[serde(default)]
    pub loose: bool,
    /// Only these kinds; empty for all.
    #[serde(default)]
    pub kinds: Vec<Text<Kind>>,
    /// Only these owners; empty for all.
    #[serde(default)]
    pub owners: Vec<Text<BureauId>>,
    /// Only these CAFs; empty for all.
    #[serde(default)]
    pub cafs: Vec<Text<CafId>>,
    /// Only what happened, or else was changed, on or after this day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Text<Day>>,
    /// Only what happened, or else was changed, on or before this day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Text<Day>>,
    /// Most hits wanted.
    #[serde(default = "fifty")]
    pub limit: usize,
}

const fn fifty() -> usize {
    50
}

/// An identifier, however it is spelled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Identifier {
    /// What it is a number of.
    pub scheme: Text<Scheme>,
    /// The number.
    pub value: String,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// Best first.
    pub hits: Vec<Hit>,
    /// There are more than the limit allows.
    pub more: bool,
    /// The number of the entry in the audit log.
    pub audit: u64,
    /// When it was asked.
    pub at: Text<Timestamp>,
}

/// One record that was found.
pub type Hit = Record;
