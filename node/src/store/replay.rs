//! Telling again what happened, for what is built on the store: the search index.

use super::journal::frame::Put;
use super::pipeline::locked;
use super::{Error, Store, Table};

/// A place in the sequence of commits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Position {
    store: u64,
    commit: u64,
}

impl Position {
    /// Before the first commit of any store.
    pub const START: Self = Self { store: 0, commit: 0 };

    /// The bytes to keep beside what was built.
    pub fn to_bytes(self) -> [u8; 16] {
        ((u128::from(self.store) << 64) | u128::from(self.commit)).to_be_bytes()
    }

    /// The position with these bytes.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        let number = u128::from_be_bytes(bytes);
        #[expect(clippy::cast_possible_truncation, reason = "the halves of the number")]
        Self { store: (number >> 64) as u64, commit: number as u64 }
    }

    /// How many commits there were up to here.
    pub const fn commit(self) -> u64 {
        self.commit
    }
}

/// Hears of one operation: its table, its key, and the value unless the key was removed.
pub type Told<'a> = dyn FnMut(Table, &[u8], Option<&[u8]>) + 'a;

impl Store {
    /// The place after the last visible commit.
    pub fn position(&self) -> Position {
        Position { store: self.mark(), commit: self.state().published() }
    }

    /// Tells the operations after `from`, in order, up to the end of the commit in which `limit` of them are reached:
    /// table, key, and the value unless the key was removed. What was overwritten or removed since may be told or not;
    /// the last word on each key is. Answers up to where; it is all when that is [`Store::position`].
    ///
    /// # Errors
    /// [`Error::Forgotten`] where `from` is not a place of this store, or merges have dropped removals after it (see
    /// [`Store::pin`]): then what was built must be built anew from [`Position::START`]. A replay that began there can go
    /// on in steps, as long as the store stays open.
    pub fn replay(&self, from: Position, limit: usize, each: &mut Told<'_>) -> Result<Position, Error> {
        let (journal, end) = (&self.state().journal, self.position());
        let known = from.store == end.store && from.commit <= end.commit;
        let forgotten = journal.list().forgotten;
        let mut begun = locked(&self.state().replaying);
        if from == Position::START {
            // Removals that were forgotten before this are of keys that it never tells. From here on none may be.
            *locked(&self.state().pinned) = 0;
            *begun = Some(forgotten);
        } else if !known || (from.commit < forgotten && *begun != Some(forgotten)) {
            return Err(Error::Forgotten);
        }
        drop(begun);
        let (mut seen, mut told) = (from.commit, 0);
        for (file, bytes) in journal.after(from.commit)? {
            let mut scan = file.scan(bytes);
            while let Some(frame) = scan.next()? {
                let commit = frame.header.seq;
                if commit > end.commit {
                    return Ok(end);
                }
                // A file that was merged while this ran tells again what was told.
                if commit <= seen {
                    continue;
                }
                for op in &frame.ops {
                    let Some((table, key)) = op.key.split_first() else { continue };
                    match &op.put {
                        None => each(Table(*table), key, None),
                        Some(Put::Inline(value)) => each(Table(*table), key, Some(value)),
                        Some(Put::Value { offset, length }) => {
                            each(Table(*table), key, Some(&file.value(*offset, *length, &op.key)?));
                        }
                    }
                }
                seen = commit;
                told += frame.ops.len();
                if told >= limit {
                    return Ok(Position { commit, ..end });
                }
            }
        }
        Ok(end)
    }

    /// Lets merges drop the removals up to `position`: whoever replays has seen them. Without a pin all are kept.
    pub fn pin(&self, position: Position) {
        if position.store == self.mark() {
            *locked(&self.state().pinned) = position.commit;
        }
    }

    /// The number of this store, never zero.
    fn mark(&self) -> u64 {
        let (head, _) = self.state().journal.store.split_at(8);
        head.try_into().map_or(1, u64::from_be_bytes).max(1)
    }
}
