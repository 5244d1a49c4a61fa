//! Mending logs: where entries are missing before the end of a log of this bureau's own, nobody knows what they said, so
//! all of the class is taken back from those who may have it and sent to them anew.

use igain_protocol::bureau::BureauId;
use roaring::RoaringBitmap;

use super::memory::read;
use super::{Actor, Deed, Error, Office};
use crate::ledger::{ClassIndex, Event, LogRun};

/// Entries that were missing from a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hole {
    /// The class.
    pub class: ClassIndex,
    /// The last entry before them; zero where they were the first.
    pub after: u64,
    /// The last entry that was missing.
    pub last: u64,
}

impl Office {
    /// Looks for holes in the logs of this bureau's own, and mends them: what is left of the log is joined, and every peer
    /// that may have the class gets it anew.
    ///
    /// # Errors
    /// Where the books cannot be read or written.
    pub fn mend_logs(&self) -> Result<Vec<Hole>, Error> {
        let own: Vec<ClassIndex> = read(&self.inner.memory.classes).own().map(|(class, _)| class).collect();
        let mut mended = Vec::new();
        for class in own {
            mended.extend(self.mend_log(class)?);
        }
        Ok(mended)
    }

    /// The holes in a log, the runs behind them as they are to be joined, and the last entry.
    fn look_for_holes(&self, class: ClassIndex) -> Result<(Vec<Hole>, Vec<LogRun>, u64), Error> {
        let (mut holes, mut joined, mut after) = (Vec::new(), Vec::new(), 0);
        while let Some(run) = self.ledger().run_after(class, after)? {
            if run.before != after {
                holes.push(Hole { class, after, last: run.before });
                joined.push(LogRun { before: after, entries: run.entries.clone() });
            }
            (_, after) = run.ends();
        }
        Ok((holes, joined, after))
    }

    fn mend_log(&self, class: ClassIndex) -> Result<Vec<Hole>, Error> {
        let (holes, _, after) = self.look_for_holes(class)?;
        if holes.is_empty() && read(&self.inner.memory.classes).visible(class).head == after {
            return Ok(holes);
        }
        let mut turn = self.turn()?;
        // What was swept meanwhile looks like a hole to whoever reads on.
        let (mut holes, joined, after) = self.look_for_holes(class)?;
        let head = turn.extent(class).head;
        if head > after && self.ledger().run_after(class, after)?.is_none() {
            holes.push(Hole { class, after, last: head });
        }
        if holes.is_empty() {
            return Ok(holes);
        }
        joined.iter().for_each(|run| self.ledger().put_run(&mut turn.batch, class, run));
        turn.set_head(class, after);
        let shared = self.ledger().shares_of(class)?.unwrap_or_default();
        let having: Vec<BureauId> = self
            .peers()
            .iter()
            .filter(|peer| !shared.shares.of(peer.number).is_empty())
            .map(|peer| peer.card().bureau)
            .collect();
        let classes: RoaringBitmap = [class].into_iter().collect();
        for peer in having {
            for event in [Event::Recall(classes.clone()), Event::Backfill(classes.clone())] {
                let seq = turn.next_number();
                self.ledger().put_event(&mut turn.batch, peer, seq, &event);
            }
            turn.regrant(peer);
            turn.tell(peer);
        }
        for hole in &holes {
            let deed = Deed::new(Actor::Node, "store.mend").with("log", class);
            turn.account(deed.with("after", hole.after).with("last", hole.last));
        }
        turn.commit_now()?;
        Ok(holes)
    }
}
