//! The time, and how far it can be explained.

use igain_protocol::bureau::BureauId;
use igain_protocol::time::{Day, Timestamp};
use serde::{Deserialize, Serialize};

use super::Text;

/// How it stands with the clock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Clock {
    /// What the node takes for now.
    pub now: Text<Timestamp>,
    /// What the system's clock says.
    pub system: Text<Timestamp>,
    /// Since when the system's clock is doubted, in the time that the node goes by; none while it is believed.
    pub doubted: Option<Text<Timestamp>>,
    /// Records whose last day was before this one may be destroyed; none while nothing is.
    pub destroys: Option<Text<Day>>,
    /// Records that have ended by the system's clock alone, at most: they are hidden, and there still.
    pub hidden: u64,
    /// What the clocks of other bureaus say.
    pub others: Vec<OtherClock>,
}

/// The clock of another bureau.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct OtherClock {
    /// Whose.
    pub bureau: Text<BureauId>,
    /// What it says now, by what it said last.
    pub says: Text<Timestamp>,
    /// That is about what this system's clock says.
    pub as_system: bool,
    /// That is about what the node takes for now.
    pub as_now: bool,
}

/// A decision that the system's clock is right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockDecision {
    /// What it said when that was decided.
    pub system: Text<Timestamp>,
}

/// What a decision on the clock did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockMoved {
    /// What the node took for now before.
    pub from: Text<Timestamp>,
    /// And what it does since.
    pub to: Text<Timestamp>,
}
