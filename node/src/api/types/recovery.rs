//! How it stands with a bureau that was put back to a backup.

use igain_protocol::bureau::BureauId;
use igain_protocol::record::RecordId;
use igain_protocol::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::Text;

/// How it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recovery {
    /// That this bureau was put back; none where nothing says so.
    pub put_back: Option<PutBack>,
    /// Each bureau that takes part.
    pub peers: Vec<RecoveryPeer>,
    /// Records that were given back in part, and are not whole since: some of them.
    pub partly: Vec<Text<RecordId>>,
    /// Own records of which only bureaus that were not heard can tell whether they were withdrawn since.
    pub untold: u64,
    /// Some of those.
    pub some_untold: Vec<Text<RecordId>>,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PutBack {
    /// When it was noticed.
    pub noticed: Text<Timestamp>,
    /// The bureau that proved it; none where the books or a restore did.
    pub by: Option<Text<BureauId>>,
    /// Records that were given back.
    pub records: u64,
    /// Of those, ones that did not come whole.
    pub partly: u64,
    /// Of the records, ones that took the place of a version that was written here, perhaps since the backup.
    #[serde(default)]
    pub replaced: u64,
    /// Withdrawals that were given back.
    pub ended: u64,
    /// Charters and answers that were given back.
    pub letters: u64,
}

/// One bureau.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecoveryPeer {
    /// Which.
    pub bureau: Text<BureauId>,
    /// What was heard of it.
    pub heard: Heard,
    /// Since when it is asked, where it is or was.
    pub since: Option<Text<Timestamp>>,
    /// Whether it is served.
    pub served: bool,
}

/// What was heard of a bureau.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Heard {
    /// Nothing since the last start.
    Nothing,
    /// It has seen nothing that is not known here.
    Same,
    /// It has seen more, and is asked for it.
    Asked,
    /// It has seen more, and its program is too old to give it back.
    Unable,
    /// It has given back what it holds.
    Done,
    /// It has given back what it holds, and some of it cannot be taken in.
    Refused,
    /// It is served without, since an administrator says so.
    Waived,
}
