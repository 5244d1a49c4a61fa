//! What a row says, in the words of the protocol.

use igain_protocol::label::Label;
use igain_protocol::record::{RecordId, Value};
use igain_protocol::time::Day;

/// A record that a row asks for. Whoever holds the store tells whether it is new, changed or known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// The record, the same whenever the row is imported.
    pub id: RecordId,
    /// Its label; its kind is there.
    pub label: Label,
    /// The last day on which anybody may keep it.
    pub retain_until: Option<Day>,
    /// Names and values, in the order of the kind's fields.
    pub fields: Vec<(String, Value)>,
    /// The line that the row begins on.
    pub row: u64,
    /// What was odd but not wrong enough to set the row aside, such as a check digit that does not match.
    pub warnings: Vec<String>,
}
