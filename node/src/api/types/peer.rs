//! Enrolled bureaus, and how it stands with each.

use igain_protocol::bureau::BureauId;
use igain_protocol::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Card, Text};
use crate::ledger::RevokedFor;

/// One enrolled bureau.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Peer {
    /// Which.
    pub bureau: Text<BureauId>,
    /// Whether it takes part.
    pub state: PeerState,
    /// When it was first enrolled.
    pub enrolled: Text<Timestamp>,
    /// Since when it is revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked: Option<Text<Timestamp>>,
    /// Why it is revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_for: Option<RevokedFor>,
    /// Records that are held of it.
    #[serde(default)]
    pub held: u64,
    /// Tags for the policy.
    pub tags: Vec<String>,
    /// Its card.
    pub card: Card,
    /// What it has spent of this bureau's disk and time.
    #[serde(default)]
    pub budget: Budget,
    /// The exchange with it; none for a bureau that takes no part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<Link>,
}

/// How a bureau stands to its budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Budget {
    /// Entries of its feed of records.
    pub records: Spent,
    /// Bytes of them.
    pub bytes: Spent,
    /// Writes that it caused here.
    pub commits: Spent,
    /// Charters, answers, receipts and cards, feeds that began anew, and what of it was refused.
    pub changes: Spent,
    /// Seconds for which what it sends waits; none while it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waits_s: Option<u64>,
}

/// One measure of a budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Spent {
    /// What was spent and is not given back yet.
    pub spent: u64,
    /// The most that may be, before what it sends waits.
    pub at_once: u64,
    /// What is given back in a day.
    pub a_day: u64,
}

/// Whether a bureau takes part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PeerState {
    /// It does.
    Active,
    /// An administrator has revoked it.
    Revoked,
    /// Its card has expired, or is not valid yet.
    Expired,
}

impl PeerState {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Revoked => "revoked",
            Self::Expired => "expired",
        }
    }
}

/// How the exchange with a bureau stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Link {
    /// Whether there is a connection now.
    pub connected: bool,
    /// What it runs over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transport: Option<String>,
    /// Where the other side is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// The last round trip.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rtt_ms: Option<f64>,
    /// Bytes of frames received since the node started.
    pub bytes_in: u64,
    /// Bytes of frames sent since the node started.
    pub bytes_out: u64,
    /// The last pull from it that ended well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pulled: Option<Text<Timestamp>>,
    /// The last answer to it that was complete.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub served: Option<Text<Timestamp>>,
    /// Entries that wait for it.
    pub behind: u64,
    /// The newest version of the format that its program reads, once it has said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<u64>,
    /// Labels under which it may have records of this bureau.
    pub labels_out: usize,
    /// Labels under which it has given records.
    pub labels_in: usize,
    /// Records that it has given and that only a newer version of this node can read.
    #[serde(default)]
    pub newer: usize,
    /// Records received from it since the node started.
    pub received: u64,
    /// Records of it that were refused since the node started.
    pub refused: u64,
    /// What went wrong last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
}

/// All enrolled bureaus.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Peers {
    /// In the order of their names.
    pub peers: Vec<Peer>,
}

/// Why a bureau is to be revoked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Revocation {
    /// `left`: ends still pass. `compromised`: nothing is taken.
    pub why: RevokedFor,
}

/// What undoes a revocation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reinstatement {
    /// The fingerprint or the words that were compared by another channel.
    pub fingerprint: String,
}

/// What was held of a revoked bureau and is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dropped {
    /// Whose it was.
    pub bureau: Text<BureauId>,
    /// How many records.
    pub records: usize,
}

/// A card to enrol.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Enrolment {
    /// The card, armoured.
    pub card: String,
    /// The fingerprint or the words that were compared by another channel.
    pub fingerprint: String,
    /// Tags for the policy; none keep those that are there.
    #[serde(default)]
    pub tags: Vec<String>,
}
