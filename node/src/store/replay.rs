//! Telling again what happened, for what is built on the store: the search index.

use super::journal::frame::{Put, Site};
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
pub type Each<'a> = dyn FnMut(Table, &[u8], Option<&[u8]>) + 'a;

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
    pub fn replay(&self, from: Position, limit: usize, each: &mut Each<'_>) -> Result<Position, Error> {
        self.tell(from, limit, &|_| true, each)
    }

    /// As [`Store::replay`], of one table only: the values of others are not read.
    ///
    /// # Errors
    /// As for [`Store::replay`].
    pub fn replay_table(
        &self,
        table: Table,
        from: Position,
        limit: usize,
        each: &mut Each<'_>,
    ) -> Result<Position, Error> {
        self.tell(from, limit, &|other| other == table, each)
    }

    fn tell(
        &self,
        from: Position,
        limit: usize,
        wanted: &dyn Fn(Table) -> bool,
        each: &mut Each<'_>,
    ) -> Result<Position, Error> {
        let (journal, end) = (&self.state().journal, self.position());
        self.check_remembered(from, end)?;
        let (mut seen, mut told) = (from.commit, 0);
        for (file, bytes) in journal.after(from.commit)? {
            let mut scan = file.scan(bytes);
            if let Some(site) = self.left_off(seen, file.id) {
                scan.site = site;
            }
            loop {
                let site = scan.site;
                let Some(frame) = scan.next()? else { break };
                let commit = frame.header.seq;
                if commit > end.commit {
                    self.leave_off(seen, site);
                    return Ok(end);
                }
                // A file that was merged while this ran tells again what was told.
                if commit <= seen {
                    continue;
                }
                for op in &frame.ops {
                    let Some((table, key)) = op.key.split_first() else { continue };
                    let table = Table(*table);
                    match &op.put {
                        _ if !wanted(table) => {}
                        None => each(table, key, None),
                        Some(Put::Inline(value)) => each(table, key, Some(value)),
                        Some(Put::Value { offset, length }) => {
                            each(table, key, Some(&file.value(*offset, *length, &op.key)?));
                        }
                    }
                }
                seen = commit;
                told += frame.ops.len();
                if told >= limit {
                    self.leave_off(seen, scan.site);
                    return Ok(Position { commit, ..end });
                }
            }
            self.leave_off(seen, scan.site);
        }
        Ok(end)
    }

    /// Whether what came after `from` can still be told.
    fn check_remembered(&self, from: Position, end: Position) -> Result<(), Error> {
        let known = from.store == end.store && from.commit <= end.commit;
        let forgotten = self.state().journal.list().forgotten;
        let mut begun = locked(&self.state().replaying);
        if from == Position::START {
            // Removals that were forgotten before this are of keys that it never tells. From here on none may be.
            *locked(&self.state().pinned) = 0;
            *begun = Some(forgotten);
            Ok(())
        } else if !known || (from.commit < forgotten && *begun != Some(forgotten)) {
            Err(Error::Forgotten)
        } else {
            Ok(())
        }
    }

    /// Where the commit after `commit` is in a file, if the last replay ended there: a follower that looks often must
    /// not read the whole file each time.
    fn left_off(&self, commit: u64, file: u32) -> Option<Site> {
        let place = *locked(&self.state().left_off);
        place.filter(|(seen, site)| *seen == commit && site.file == file).map(|(_, site)| site)
    }

    fn leave_off(&self, commit: u64, site: Site) {
        *locked(&self.state().left_off) = Some((commit, site));
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
