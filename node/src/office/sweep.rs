//! Sweeping: removing from logs what nobody can ask for any more, and classes of others of which nothing is left. A log is as
//! long as what is live, and what somebody has still to hear, and a part of that again; not as what ever happened.
//!
//! An entry that brought a record, or a revision, is dead once later ones stand for all that it changed: whoever reads the log
//! then is told of those. An end is dead once it is behind every place that a bureau may be served from again, of those that
//! may have the class and were sent the record. The last entry of
//! the log stays, and no run is joined with one that does not follow it, so that a hole is told from what was swept.

use std::collections::HashMap;
use std::sync::atomic::Ordering;

use igain_protocol::bureau::BureauId;
use igain_protocol::feed::FeedKind;
use igain_protocol::vocabulary::GroupSet;
use roaring::RoaringTreemap;

use super::memory::read;
use super::{Error, Office};
use crate::ledger::{ClassIndex, Deliveries, LogEntry, LogRun, Op, PeerNumber, RUN, RecordKey};

/// Runs of a log that one turn writes anew.
const RUNS: usize = 16;

/// A bureau that is served.
struct Reader {
    bureau: BureauId,
    number: PeerNumber,
    /// The oldest number that it may be served from again.
    oldest: u64,
}

/// What is dead in one log.
#[derive(Default)]
struct Dead {
    /// The numbers of the entries.
    entries: RoaringTreemap,
    /// Ends among those that are left, with the numbers under which their records' deliveries are noted.
    ends: Vec<(u64, u64)>,
    /// Records of which later entries say all.
    said: RoaringTreemap,
    /// Records of which later entries say something: the groups that they do not say.
    unsaid: HashMap<u64, GroupSet>,
}

impl Dead {
    /// Looks at an entry, after those behind it.
    fn look_at(&mut self, entry: &LogEntry) {
        if entry.op != Op::Put {
            self.said.insert(entry.number);
            self.ends.push((entry.seq, entry.number));
            return;
        }
        let unsaid = self.unsaid.get(&entry.number).copied().unwrap_or(GroupSet::ALL);
        if self.said.contains(entry.number) || unsaid.intersection(entry.changed).is_empty() {
            self.entries.insert(entry.seq);
            return;
        }
        let unsaid = unsaid.difference(entry.changed);
        if unsaid.is_empty() {
            self.said.insert(entry.number);
            self.unsaid.remove(&entry.number);
        } else {
            self.unsaid.insert(entry.number, unsaid);
        }
    }
}

impl Office {
    /// Sweeps the logs of which more than `spare` entries, and more than a quarter, are dead or told to all who must hear
    /// them. Returns how many entries went.
    ///
    /// # Errors
    /// Where the books cannot be read or written; what was not swept is at the next call.
    pub fn sweep(&self, spare: u64) -> Result<u64, Error> {
        let (me, classes) = (self.me(), read(&self.inner.memory.classes));
        // An answer that is being made may be about to send what ended since.
        let settled = self.inner.swept.swap(classes.upto(), Ordering::AcqRel);
        let worth = |class: ClassIndex| {
            let extent = classes.visible(class);
            let entries = extent.entries.unwrap_or_default();
            let over = entries.saturating_sub(extent.records);
            over > spare.max(entries / 4)
        };
        let empty = |class: ClassIndex| classes.visible(class).records == 0;
        let own: Vec<ClassIndex> = classes.own().map(|(class, _)| class).filter(|class| worth(*class)).collect();
        let theirs = classes.rows().filter(|(_, row)| row.owner != me && !row.ending).map(|(class, _)| class);
        let theirs: Vec<ClassIndex> = theirs.filter(|class| worth(*class) || empty(*class)).collect();
        drop(classes);
        let readers = if own.is_empty() { Vec::new() } else { self.readers()? };
        let mut gone = 0;
        for class in own {
            let dead = self.dead_of_own(class, settled, &readers)?;
            gone += self.sweep_class(class, &dead)?;
        }
        for class in theirs {
            let dead = self.dead_of_received(class)?;
            gone += self.sweep_class(class, &dead)?;
            self.end_if_empty(class)?;
        }
        Ok(gone)
    }

    /// Forgets references that were withheld in records that are gone, or to records that have ended. Returns how many.
    ///
    /// # Errors
    /// Where the books cannot be read or written; what was not looked at is at the next call.
    pub fn sweep_withheld(&self) -> Result<usize, Error> {
        const PAGE: usize = 1_024;
        let own = |id| RecordKey { id, owner: self.me() };
        let (mut gone, mut after) = (0, None);
        loop {
            let page = self.ledger().all_withheld(after, PAGE)?;
            after = page.last().copied();
            let mut turn = self.turn()?;
            for (peer, to, from) in &page {
                if !self.ledger().has_record(own(*from))? || self.ledger().has_ended(own(*to))? {
                    self.ledger().delete_withheld(&mut turn.batch, *peer, *to, *from);
                    gone += 1;
                }
            }
            turn.commit_now()?;
            if page.len() < PAGE {
                return Ok(gone);
            }
        }
    }

    /// The bureaus that were ever served and whose feeds go on.
    fn readers(&self) -> Result<Vec<Reader>, Error> {
        let mut readers = Vec::new();
        for peer in self.peers() {
            let bureau = peer.card().bureau;
            let feed = self.ledger().feed(bureau, FeedKind::Records)?;
            if feed.generation > 0 {
                readers.push(Reader { bureau, number: peer.number, oldest: feed.oldest() });
            }
        }
        Ok(readers)
    }

    /// What is dead in the log of a class of this bureau's own; of ends, those up to number `settled`.
    fn dead_of_own(&self, class: ClassIndex, settled: u64, readers: &[Reader]) -> Result<RoaringTreemap, Error> {
        let (mut dead, mut before) = (Dead::default(), u64::MAX);
        while let Some(run) = self.ledger().run_before(class, before)? {
            run.entries.iter().rev().for_each(|entry| dead.look_at(entry));
            (before, _) = run.ends();
        }
        let shares = self.ledger().shares_of(class)?.unwrap_or_default().shares;
        let mut needed = RoaringTreemap::new();
        for reader in readers.iter().filter(|reader| !shares.of(reader.number).is_empty()) {
            let mut deliveries = Deliveries::new(reader.bureau);
            for (seq, number) in dead.ends.iter().filter(|(seq, _)| *seq > reader.oldest) {
                if deliveries.contains(self.ledger(), *number)? {
                    needed.insert(*seq);
                }
            }
        }
        let told = dead.ends.iter().map(|(seq, _)| *seq).filter(|seq| *seq <= settled && !needed.contains(*seq));
        dead.entries.extend(told);
        Ok(dead.entries)
    }

    /// What is dead in the log of a class of another bureau: entries that no record stands at.
    fn dead_of_received(&self, class: ClassIndex) -> Result<RoaringTreemap, Error> {
        let Some(owner) = read(&self.inner.memory.classes).row(class).map(|row| row.owner) else {
            return Ok(RoaringTreemap::new());
        };
        let (mut dead, mut after) = (RoaringTreemap::new(), 0);
        while let Some(run) = self.ledger().run_after(class, after)? {
            for entry in &run.entries {
                let row = self.ledger().record(RecordKey { id: entry.id, owner })?;
                if row.is_none_or(|row| (row.place.class, row.place.seq) != (class, entry.seq)) {
                    dead.insert(entry.seq);
                }
            }
            (_, after) = run.ends();
        }
        Ok(dead)
    }

    /// Writes a log anew without what is dead in it. What is dead stays so, whatever happens meanwhile.
    fn sweep_class(&self, class: ClassIndex, dead: &RoaringTreemap) -> Result<u64, Error> {
        // The last run of what one turn has written is the first of the next, so that its end need not stay.
        let (mut gone, mut after, mut from) = (0, 0, 0);
        while let Some(last) = dead.max().filter(|last| *last >= after) {
            let mut turn = self.turn()?;
            if turn.class(class).is_none_or(|row| row.ending) {
                // A purge goes by the runs that it finds.
                return Ok(gone);
            }
            let mut runs: Vec<LogRun> = Vec::new();
            let reached = std::mem::replace(&mut after, from);
            while runs.len() < RUNS
                && let Some(run) = self.ledger().run_after(class, after)?
            {
                if run.before != runs.last().map_or(from, |run| run.ends().1) {
                    // Here entries are missing. What is joined here would never be missed.
                    return Ok(gone);
                }
                (_, after) = run.ends();
                runs.push(run);
                // One more, so that the last that is dead need not stay as the end of its run.
                if after > last {
                    break;
                }
            }
            let Some(first) = runs.first().filter(|_| after > reached) else { return Ok(gone) };
            let before = first.before;
            let entries = runs.iter().flat_map(|run| &run.entries);
            let kept: Vec<LogEntry> =
                entries.filter(|entry| entry.seq == after || !dead.contains(entry.seq)).copied().collect();
            let dropped = runs.iter().map(|run| run.entries.len()).sum::<usize>().saturating_sub(kept.len()) as u64;
            from = runs.last().map_or(after, |run| run.before);
            if dropped == 0 {
                continue;
            }
            from = kept.chunks(RUN).rev().nth(1).and_then(<[_]>::last).map_or(before, |end| end.seq);
            runs.iter().for_each(|run| self.ledger().delete_run(&mut turn.batch, class, run.ends().0));
            self.ledger().append_log(&mut turn.batch, class, before, &kept);
            turn.drop_entries(class, dropped);
            turn.commit_now()?;
            gone += dropped;
        }
        Ok(gone)
    }

    /// Removes a class of another bureau in which there is nothing any more.
    fn end_if_empty(&self, class: ClassIndex) -> Result<(), Error> {
        let mut turn = self.turn()?;
        let Some(row) = turn.class(class).filter(|row| row.came.is_some() && !row.ending) else { return Ok(()) };
        if turn.extent(class).records > 0 {
            return Ok(());
        }
        let mut after = 0;
        while let Some(run) = self.ledger().run_after(class, after)? {
            for entry in &run.entries {
                let key = RecordKey { id: entry.id, owner: row.owner };
                if self.ledger().record(key)?.is_some_and(|record| record.place.class == class) {
                    tracing::error!(class, "a class counts no record, and has one; it is kept");
                    return Ok(());
                }
            }
            let (first, last) = run.ends();
            self.ledger().delete_run(&mut turn.batch, class, first);
            after = last;
        }
        turn.remove_class(class);
        turn.commit_now()
    }
}
