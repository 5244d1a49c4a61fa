//! What the books carry of a log's entries, so that log and books can be synced at the same time.

use std::collections::BTreeSet;

use super::{AuditLog, Stored};

/// Knows which entries stand in the books as well, in one epoch of theirs. Each commit of the books that is accounted for takes along what is
/// under way to the log, and drops what the log has; so whatever of the books is durable, all entries up to the last
/// that it rests on are in one of the two.
#[derive(Debug, Default)]
pub struct Carrier {
    /// Entries that may stand in the books.
    carried: BTreeSet<u64>,
    /// The last one that was handed to them.
    upto: u64,
}

/// What a commit of the books changes of what they carry.
#[derive(Debug, Default)]
pub struct Load {
    /// Entries to put there.
    pub put: Vec<Stored>,
    /// Those to drop.
    pub dropped: Vec<u64>,
}

impl Carrier {
    /// Begins, or begins again in another epoch, with what the books carry.
    pub fn of(carried: &[Stored]) -> Self {
        Self { carried: carried.iter().map(|(seq, _)| *seq).collect(), upto: 0 }
    }

    /// What the next commit of the books takes along.
    pub fn load(&mut self, log: &AuditLog) -> Load {
        let under_way = self.carried.split_off(&log.end().seq.saturating_add(1));
        let dropped = std::mem::replace(&mut self.carried, under_way).into_iter().collect();
        let put = log.under_way(self.upto);
        self.carried.extend(put.iter().map(|(seq, _)| *seq));
        self.upto = put.last().map_or(self.upto, |(seq, _)| *seq);
        Load { put, dropped }
    }
}
