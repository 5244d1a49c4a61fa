//! Purging what a provider took back: a feed that ended is removed some records at a time, so that others are not held up.
//! Its records have counted as gone since it was marked; a purge that was cut short goes on after the next start.

use std::collections::BTreeSet;

use igain_protocol::log::FeedId;
use igain_protocol::record::RecordId;
use igain_protocol::sync::ClassIndex;

use super::memory::read;
use super::{Actor, Deed, Error, Office};
use crate::ledger::{ClassRow, DRAFTS, RecordKey, RecordRow};

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

    /// Whether a record may be shown: its last day has not passed, and the feed that it came through has not ended.
    ///
    /// # Errors
    /// Where the row cannot be read.
    pub fn is_shown(&self, row: &RecordRow) -> Result<bool, Error> {
        let class = row.place.class;
        let kept = class == DRAFTS || read(&self.inner.memory.classes).row(class).is_some_and(|class| !class.ending);
        Ok(kept && row.is_live(self.now().day())?)
    }

    /// Removes all that came through a feed that is ending, ends the feed for ever, and posts the receipts. Returns how
    /// many records went.
    pub(super) fn purge(&self, class: ClassIndex) -> Result<usize, Error> {
        let row = read(&self.inner.memory.classes).row(class).cloned();
        let Some(ClassRow { owner, feed: Some((feed, _)), ending: true, .. }) = row else { return Ok(0) };
        let (mut purged, mut after) = (0, 0);
        loop {
            let run = self.ledger().run_after(class, after)?;
            let (Some(first), Some(last)) = (run.first(), run.last()) else { break };
            let ids: BTreeSet<RecordId> = run.iter().map(|entry| entry.id).collect();
            let keys: Vec<RecordKey> = ids.into_iter().map(|id| RecordKey { id, owner }).collect();
            for keys in keys.chunks(RECORDS) {
                purged += self.purge_some((class, feed), keys)?;
            }
            let mut turn = self.turn()?;
            if !turn.is_ending(class, feed) {
                return Ok(purged);
            }
            turn.takes_back();
            self.ledger().delete_run(&mut turn.batch, class, first.seq);
            turn.commit_now()?;
            after = last.seq;
        }
        let mut turn = self.turn()?;
        if !turn.is_ending(class, feed) {
            return Ok(purged);
        }
        turn.takes_back();
        turn.account(Deed::new(Actor::Bureau(owner), "feed.close").peer(owner).with("records", purged));
        turn.post_receipts(owner, Some(*feed.as_bytes()), &[])?;
        self.ledger().end_feed(&mut turn.batch, owner, feed);
        turn.remove_class(class);
        turn.commit_now()?;
        Ok(purged)
    }

    fn purge_some(&self, (class, feed): (ClassIndex, FeedId), keys: &[RecordKey]) -> Result<usize, Error> {
        let mut turn = self.turn()?;
        if !turn.is_ending(class, feed) {
            // Somebody else has purged it, or its end was never written.
            return Ok(0);
        }
        turn.takes_back();
        let mut gone = Vec::new();
        for key in keys {
            if let Some(row) = self.ledger().record(*key)?.filter(|row| row.place.class == class) {
                turn.count(class, -1);
                turn.remove_record(*key, &row);
                gone.push(key.id);
            }
        }
        if let Some(owner) = keys.first().map(|key| key.owner) {
            turn.post_receipts(owner, None, &gone)?;
        }
        turn.commit_now()?;
        Ok(gone.len())
    }
}
