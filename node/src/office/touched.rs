//! Which records the last turns changed, for those who looked something up before them.

use std::collections::{HashSet, VecDeque};

use igain_protocol::record::RecordId;

/// Turns whose records are remembered, for those who prepared on what stood before them.
const REMEMBERED: usize = 64;

/// Records of those turns that are remembered at most.
const REMEMBERED_RECORDS: usize = 1 << 16;

/// Which records of this bureau's own the last turns changed.
#[derive(Debug, Default)]
pub(super) struct Touched {
    turns: VecDeque<(u64, Vec<RecordId>)>,
    records: usize,
    /// Of turns up to this one, nothing is known any more.
    forgotten: u64,
}

impl Touched {
    /// Notes what a turn changed.
    pub(super) fn note(&mut self, turn: u64, records: Vec<RecordId>) {
        self.records += records.len();
        self.turns.push_back((turn, records));
        while self.turns.len() > REMEMBERED || self.records > REMEMBERED_RECORDS {
            let Some((turn, records)) = self.turns.pop_front() else { return };
            self.records -= records.len();
            self.forgotten = turn;
        }
    }

    /// Forgets turns after `turn`: they failed.
    pub(super) fn forget_after(&mut self, turn: u64) {
        while self.turns.back().is_some_and(|(at, _)| *at > turn) {
            self.records -= self.turns.pop_back().map_or(0, |(_, records)| records.len());
        }
    }

    /// The records that turns after `turn` changed; none where that is not known any more.
    pub(super) fn since(&self, turn: u64) -> Option<HashSet<RecordId>> {
        let after = self.turns.iter().filter(|(at, _)| *at > turn).flat_map(|(_, records)| records);
        (turn >= self.forgotten).then(|| after.copied().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_last_turns_changed_is_known_and_what_is_no_longer_known_is_told_apart() {
        let id = |nth: u8| RecordId::from_bytes([nth; 16]);
        let mut touched = Touched::default();
        assert_eq!(touched.since(0), Some(HashSet::new()));
        for turn in 1..=REMEMBERED as u64 {
            touched.note(turn, vec![id(turn as u8)]);
        }
        assert_eq!(touched.since(62), Some([id(63), id(64)].into()));
        assert_eq!(touched.since(0).unwrap().len(), REMEMBERED);
        touched.note(65, vec![id(65)]);
        assert_eq!(touched.since(0), None);
        assert_eq!(touched.since(1).unwrap().len(), REMEMBERED);
        touched.note(66, vec![id(1); REMEMBERED_RECORDS]);
        assert_eq!(touched.since(65), Some([id(1)].into()));
        assert_eq!(touched.since(64), None);
    }
}
