//! Purging what a provider took back: a class that was recalled is removed some records at a time, so that others are not held up.
//! Its records have counted as gone since it was marked; a purge that was cut short goes on after the next start.

use std::collections::BTreeSet;

use igain_protocol::record::RecordId;

use super::memory::read;
use super::{Actor, Deed, Error, Office};
use crate::ledger::{ClassIndex, ClassRow, DRAFTS, RecordKey, RecordRow};

/// Records that one turn removes.
const RECORDS: usize = 64;

impl Office {
    /// Goes on with purges that were cut short. Returns how many records went.
    ///
    /// # Errors
    /// Where the books cannot be read or written.
    pub fn purge_ending(&self) -> Result<usize, Error> {
        let ending: Vec<ClassIndex> = {
            let classes = read(&self.inner.memory.classes);
            classes.rows().filter(|(_, row)| row.ending).map(|(class, _)| class).collect()
        };
        let (mut gone, mut failed) = (0, Ok(()));
        for class in ending {
            match self.purge(class) {
                Ok(more) => gone += more,
                // The others are purged all the same.
                Err(error) => failed = Err(error),
            }
        }
        failed.map(|()| gone)
    }

    /// Whether a record is kept: its last day has not passed, and its class was not taken back.
    pub fn is_kept(&self, row: &RecordRow) -> bool {
        let class = row.place.class;
        let kept = class == DRAFTS || read(&self.inner.memory.classes).row(class).is_some_and(|class| !class.ending);
        kept && row.is_live(self.clock().shown_day())
    }

    /// Whether a record may be shown: its last day has not passed, its class was not taken back or disputed, and its owner
    /// may contribute it to its file.
    pub fn is_shown(&self, row: &RecordRow) -> bool {
        let aside = |class: &ClassRow| class.came.is_some_and(|came| came.aside.is_some());
        self.is_kept(row) && !read(&self.inner.memory.classes).row(row.place.class).is_some_and(aside)
    }

    /// Removes all of a class that is ending, and then the class; with the last of its owner's, posts a receipt. Returns
    /// how many records went.
    pub(super) fn purge(&self, class: ClassIndex) -> Result<usize, Error> {
        let row = read(&self.inner.memory.classes).row(class).cloned();
        let Some(ClassRow { owner, ending: true, .. }) = row else { return Ok(0) };
        let (mut purged, mut after) = (0, 0);
        while let Some(run) = self.ledger().run_after(class, after)? {
            let ids: BTreeSet<RecordId> = run.entries.iter().map(|entry| entry.id).collect();
            let keys: Vec<RecordKey> = ids.into_iter().map(|id| RecordKey { id, owner }).collect();
            for keys in keys.chunks(RECORDS) {
                purged += self.purge_some(class, keys)?;
            }
            let mut turn = self.turn()?;
            if !turn.is_ending(class) {
                return Ok(purged);
            }
            turn.takes_back();
            let (first, last) = run.ends();
            self.ledger().delete_run(&mut turn.batch, class, first);
            turn.commit_now()?;
            after = last;
        }
        let mut turn = self.turn()?;
        if !turn.is_ending(class) {
            return Ok(purged);
        }
        turn.takes_back();
        turn.account(Deed::new(Actor::Bureau(owner), "feed.recall").peer(owner).with("records", purged));
        if !turn.is_purging(owner, class) {
            let upto = self.ledger().cursors(owner)?.records;
            turn.post_receipt(owner, upto, Vec::new())?;
        }
        turn.remove_class(class);
        turn.commit_now()?;
        Ok(purged)
    }

    fn purge_some(&self, class: ClassIndex, keys: &[RecordKey]) -> Result<usize, Error> {
        let mut turn = self.turn()?;
        if !turn.is_ending(class) {
            // Somebody else has purged it, or its end was never written.
            return Ok(0);
        }
        turn.takes_back();
        let mut gone = 0;
        for key in keys {
            if let Some(row) = self.ledger().record(*key)?.filter(|row| row.place.class == class) {
                turn.count(class, -1);
                turn.remove_record(*key, &row);
                gone += 1;
            }
        }
        turn.commit_now()?;
        Ok(gone)
    }
}
