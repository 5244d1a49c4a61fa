//! The time: what other bureaus and people say of the system's clock, and the account of it.

use std::collections::BTreeSet;
use std::sync::{MutexGuard, PoisonError};

use igain_protocol::bureau::BureauId;
use igain_protocol::time::{Day, Timestamp};

use super::{Actor, Deed, Error, Office};
use crate::clock::{Clock, Moved, Outlook, SLACK_MS};

/// Rows of due records that are read together.
const ROWS: usize = 64;

impl Office {
    /// Now, as far as it is explained.
    pub fn now(&self) -> Timestamp {
        self.inner.clock.now()
    }

    /// The clock.
    pub fn clock(&self) -> &Clock {
        &self.inner.clock
    }

    /// Takes down what the clock of a bureau says now.
    ///
    /// # Errors
    /// Where it moves the time and that cannot be accounted for.
    pub fn hear_time(&self, bureau: BureauId, theirs: Timestamp) -> Result<(), Error> {
        self.clock().hear(bureau, theirs);
        self.weigh_clock()
    }

    /// Accounts for a doubt that has begun or ended.
    ///
    /// # Errors
    /// Where that cannot be accounted for; the next call does.
    pub fn watch_clock(&self) -> Result<(), Error> {
        let accounted = *self.doubted();
        match accounted || self.clock().is_doubted() {
            true => self.weigh_clock(),
            false => Ok(()),
        }
    }

    /// Weighs what other bureaus say of the time.
    fn weigh_clock(&self) -> Result<(), Error> {
        let bureaus: BTreeSet<_> = self.active_peers().iter().map(|peer| peer.card().bureau).collect();
        // Held to the end: one decides at a time.
        let mut doubted = self.doubted();
        if let Some(agreed) = self.clock().weigh(&bureaus) {
            let votes = self.clock().outlook().votes;
            let agreeing: Vec<_> =
                votes.iter().filter(|vote| vote.with_system).map(|vote| vote.bureau.to_string()).collect();
            let deed = moved_by(Actor::Node, "clock.confirm", agreed).with("agreeing", agreeing.join(" "));
            if self.move_clock(deed, agreed, false)?.is_some() {
                tracing::warn!(from = %agreed.from, to = %agreed.to, "other bureaus agree with the system's clock: it is believed");
                *doubted = false;
            }
            return Ok(());
        }
        let Outlook { now, system, doubted: since, .. } = self.clock().outlook();
        if *doubted && since.is_none() {
            self.account(Deed::new(Actor::Node, "clock.fit").with("system", system))?;
            tracing::warn!(%now, "the system's clock fits again");
        } else if !*doubted && since.is_some() {
            self.account(Deed::new(Actor::Node, "clock.doubt").with("system", system))?;
            tracing::warn!(
                %now, %system,
                "the system's clock has jumped and nothing explains it: nothing is destroyed until it is put right, other \
                 bureaus agree with it, or `igain clock accept` or `reset` says that it is right"
            );
        }
        *doubted = since.is_some();
        Ok(())
    }

    /// Takes the system's clock for right, which is ahead of what is explained or, where `back`, behind it. `shown` is what it
    /// said when somebody decided on it.
    ///
    /// # Errors
    /// Where it is not doubted, doubted for the other reason, or says something else by now.
    pub fn believe_clock(&self, actor: Actor, back: bool, shown: Timestamp) -> Result<Moved, Error> {
        let mut doubted = self.doubted();
        let Outlook { now, system, doubted: since, .. } = self.clock().outlook();
        if let Some(error) = Error::of_clock(back, since, system, now) {
            return Err(error);
        }
        if system.as_ms().abs_diff(shown.as_ms()) > SLACK_MS {
            return Err(Error::ClockMoved { shown, system });
        }
        let (action, to) = (if back { "clock.reset" } else { "clock.accept" }, Moved { from: now, to: system });
        let moved =
            self.move_clock(moved_by(actor, action, to), to, true)?.ok_or(Error::ClockMoved { shown, system })?;
        *doubted = false;
        Ok(moved)
    }

    /// Accounts for a move of the time, makes it, and writes the mark, or the next start would doubt it again. Where it goes back
    /// over midnight, what was passed over as ended is sent to others again, in feeds that begin anew: that is written first, for
    /// one time too many costs no more than the sending. None where the system's clock has jumped again meanwhile.
    fn move_clock(&self, deed: Deed, to: Moved, persons: bool) -> Result<Option<Moved>, Error> {
        let mut turn = self.turn()?;
        turn.takes_back();
        turn.account(deed);
        let back = to.to.day() < to.from.day();
        let bureaus: Vec<_> = self.peers().iter().filter(|_| back).map(|peer| peer.card().bureau).collect();
        for bureau in &bureaus {
            self.ledger().put_renewal(&mut turn.batch, *bureau);
        }
        turn.commit_now()?;
        self.renewals().extend(bureaus);
        let moved = self.clock().believe(to.to, persons);
        if moved.is_some()
            && let Err(error) = self.note_time()
        {
            tracing::warn!(%error, "the time is noted with the next write");
        }
        Ok(moved)
    }

    fn doubted(&self) -> MutexGuard<'_, bool> {
        self.inner.doubted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn renewals(&self) -> MutexGuard<'_, BTreeSet<BureauId>> {
        self.inner.renewals.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes the mark, where nothing else is written for long: the next start goes on from it.
    ///
    /// # Errors
    /// Where the books cannot be written.
    pub fn note_time(&self) -> Result<(), Error> {
        let mut turn = self.turn()?;
        turn.note_time();
        turn.commit_now()
    }

    /// Whether the feed of records of a bureau is to begin anew; not any more, where it is `done`.
    pub(super) fn renews(&self, bureau: BureauId, done: bool) -> bool {
        let mut renewals = self.renewals();
        if done { renewals.remove(&bureau) } else { renewals.contains(&bureau) }
    }

    /// How many records have ended by the system's clock alone, at most: they are hidden, and there still. Each date that a record
    /// had counts.
    ///
    /// # Errors
    /// Where the books cannot be read.
    pub fn hidden_by_clock(&self) -> Result<u64, Error> {
        let (from, to): (Day, Day) = (self.now().day(), self.clock().shown_day());
        let (mut count, mut after) = (0, None);
        loop {
            let rows = if from < to { self.ledger().due(to, after.as_ref(), ROWS)? } else { Vec::new() };
            let Some(last) = rows.last() else { return Ok(count) };
            count += rows.iter().filter(|row| row.until >= from).map(|row| row.records.len() as u64).sum::<u64>();
            after = Some(last.clone());
        }
    }
}

fn moved_by(actor: Actor, action: &'static str, moved: Moved) -> Deed {
    Deed::new(actor, action).with("from", moved.from).with("to", moved.to)
}
