//! Mending logs: where entries are missing before the end of a log of this bureau's own, nobody knows what they said, so
//! what was sent from it is taken back and sent anew. The entries that stand for what was lost say when that was found:
//! a feed that was begun before is begun anew when it comes there.

use igain_protocol::record::RecordId;
use igain_protocol::sync::ClassIndex;

use super::memory::read;
use super::{Actor, Deed, Error, Office};
use crate::ledger::{LogEntry, Op};

/// Entries that were missing from a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hole {
    /// The log.
    pub class: ClassIndex,
    /// The first number that was missing.
    pub first: u64,
    /// The last.
    pub last: u64,
}

impl Office {
    /// Looks for holes in the logs of this bureau's own, and mends them: what was missing is noted as lost, and every
    /// peer gets the feeds of the log anew.
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

    fn mend_log(&self, class: ClassIndex) -> Result<Vec<Hole>, Error> {
        let (mut holes, mut after) = (Vec::new(), 0);
        loop {
            let run = self.ledger().run_after(class, after)?;
            let (Some(first), Some(last)) = (run.first(), run.last()) else { break };
            if first.seq > after + 1 {
                holes.push(Hole { class, first: after + 1, last: first.seq - 1 });
            }
            after = last.seq;
        }
        if holes.is_empty() {
            return Ok(holes);
        }
        let mut turn = self.turn()?;
        // A feed that is begun anew in this millisecond comes after it.
        let found = turn.now().as_ms() + 1;
        for hole in &holes {
            let lost = (hole.first..=hole.last).map(|seq| LogEntry {
                seq,
                op: Op::Lost,
                id: RecordId::from_bytes([0; 16]),
                slot: found,
            });
            self.ledger().append_log(&mut turn.batch, class, &lost.collect::<Vec<_>>());
            let deed = Deed::new(Actor::Node, "store.mend").with("log", class);
            turn.account(deed.with("first", hole.first).with("last", hole.last));
        }
        turn.tell(class);
        turn.commit_now()?;
        Ok(holes)
    }
}
