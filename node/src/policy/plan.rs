//! What a change of policy, of a membership or of a bureau's standing would change, before it is applied.

use std::sync::Arc;

use igain_protocol::vocabulary::{Group, GroupSet};

use super::matrix::Matrix;
use super::rule::{Effect, RuleRef};
use super::vocabulary::one;

/// What one bureau would gain and lose of one class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The bureau's index in the matrices.
    pub peer: usize,
    /// The class's index in the matrices.
    pub class: usize,
    /// What it has now.
    pub before: GroupSet,
    /// What it would have.
    pub after: GroupSet,
    /// The groups that it would have and has not.
    pub gained: GroupSet,
    /// The groups that it has and would not have.
    pub lost: GroupSet,
    /// How many records the class holds.
    pub records: u64,
    /// The rules that bring the change about. For what is gained: the permits that would give it, or, where it was
    /// permitted before, the rules that withheld it and would no longer. For what is lost: the rules that would
    /// withhold it, or else the permits that gave it and would no longer.
    pub because: Vec<Arc<RuleRef>>,
}

/// All that would change, bureau by bureau, in each class by class.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Plan {
    /// Only pairs of bureau and class for which something changes.
    pub changes: Vec<Change>,
}

impl Plan {
    /// Compares two matrices over the same classes and bureaus. `records` has the number of records of each class.
    ///
    /// A class or bureau that only one of the matrices has counts as given nothing in the other.
    pub fn diff(old: &Matrix, new: &Matrix, records: &[u64]) -> Self {
        let (peers, classes) = (old.peers().max(new.peers()), old.classes().max(new.classes()));
        let mut changes = Vec::new();
        for peer in 0..peers {
            for class in 0..classes {
                if old.groups(class, peer) != new.groups(class, peer) {
                    let records = records.get(class).copied().unwrap_or(0);
                    changes.push(change(old, new, (peer, class), records));
                }
            }
        }
        Self { changes }
    }

    /// Whether nothing would change.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// Records of which some bureau would gain a group, counted once a bureau.
    pub fn gained_records(&self) -> u64 {
        self.count(|change| change.gained)
    }

    /// Records of which some bureau would lose a group, counted once a bureau.
    pub fn lost_records(&self) -> u64 {
        self.count(|change| change.lost)
    }

    fn count(&self, groups: impl Fn(&Change) -> GroupSet) -> u64 {
        let moved = self.changes.iter().filter(|change| groups(change) != GroupSet::default());
        moved.fold(0, |sum, change| sum.saturating_add(change.records))
    }
}

fn change(old: &Matrix, new: &Matrix, (peer, class): (usize, usize), records: u64) -> Change {
    let (before, after) = (old.groups(class, peer), new.groups(class, peer));
    let (gained, lost) = (after.difference(before), before.difference(after));
    let applied = |matrix: &Matrix, group: Group, effect: Effect| -> Vec<Arc<RuleRef>> {
        matrix.rules(class, peer, one(group)).filter(|rule| rule.effect == effect).cloned().collect()
    };
    let mut because = Vec::new();
    for group in gained.iter() {
        // A permit that was there before gives only now because what withheld the group no longer does.
        let forbade = applied(old, group, Effect::Forbid);
        let permitted = !applied(old, group, Effect::Permit).is_empty();
        because.extend(if permitted && !forbade.is_empty() { forbade } else { applied(new, group, Effect::Permit) });
    }
    for group in lost.iter() {
        let forbid = applied(new, group, Effect::Forbid);
        let permit = applied(new, group, Effect::Permit);
        because.extend(match (forbid.is_empty(), permit.is_empty()) {
            (false, _) => forbid,
            (true, true) => applied(old, group, Effect::Permit),
            // Withheld with `core`, which has its own reason; or else one of the permits failed.
            (true, false) if lost.contains(Group::Core) => Vec::new(),
            (true, false) => permit,
        });
    }
    because.sort();
    because.dedup();
    Change { peer, class, before, after, gained, lost, records, because }
}
