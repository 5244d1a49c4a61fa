//! How the node is.

use igain_protocol::bureau::BureauId;
use igain_protocol::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Peer, PolicyFile, Text};

/// The node and all around it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// Which bureau.
    pub bureau: Text<BureauId>,
    /// Its name.
    pub name: String,
    /// The program's version.
    pub version: String,
    /// The process.
    pub pid: u32,
    /// Seconds since it started.
    pub uptime_s: u64,
    /// Where it listens for peers.
    pub listening: Vec<String>,
    /// Its card is valid until then.
    pub card_until: Text<Timestamp>,
    /// Its clock.
    pub clock: ClockStatus,
    /// The policy file, beside the policy in force.
    pub policy: PolicyFile,
    /// That this bureau was put back to a backup; none where nothing says so.
    pub recovery: Option<RecoveryStatus>,
    /// Live records by owner.
    pub records: Vec<OwnerCount>,
    /// Crime Analysis Files.
    pub cafs: usize,
    /// Its store.
    pub store: StoreStatus,
    /// Other bureaus.
    pub peers: Vec<Peer>,
}

/// The clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockStatus {
    /// What the node takes for now.
    pub now: Text<Timestamp>,
    /// What the system's clock says.
    pub system: Text<Timestamp>,
    /// That is believed: the two are about the same, and `igain clock show` says more where they are not.
    pub believed: bool,
}

/// What follows from this bureau's having been put back to a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecoveryStatus {
    /// When it was noticed; none where nothing came back yet.
    pub noticed: Option<Text<Timestamp>>,
    /// Bureaus that are not served before they have given back what they hold.
    pub waits_for: Vec<Text<BureauId>>,
}

/// How many live records of one owner are held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnerCount {
    /// Whose.
    pub owner: Text<BureauId>,
    /// How many.
    pub records: u64,
}

/// The store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoreStatus {
    /// Bytes of the journal.
    pub journal_bytes: u64,
    /// About how many of them are no longer in use.
    pub dead_bytes: u64,
    /// Files of the journal.
    pub journal_files: usize,
    /// The last commit.
    pub commits: u64,
    /// How long the last sync to the disk took.
    pub last_sync_us: u64,
    /// Names in the index.
    pub indexed: u64,
    /// Commits that the name index has yet to follow.
    pub index_behind: u64,
}
