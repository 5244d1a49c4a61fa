//! The time: what other bureaus and people say of the system's clock, and the account of it.

use std::collections::BTreeSet;
use std::sync::PoisonError;

use igain_protocol::bureau::BureauId;
use igain_protocol::time::{Day, Timestamp};

use super::{Actor, Deed, Error, Office};
use crate::clock::{Clock, Moved, Outlook, SLACK_MS};

/// Records that are counted at most, where it is asked how many a jump of the clock hides.
const COUNTED: u64 = 100_000;

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
        let accounted = *self.inner.doubted.lock().unwrap_or_else(PoisonError::into_inner);
        match accounted || self.clock().outlook().doubted.is_some() {
            true => self.weigh_clock(),
            false => Ok(()),
        }
    }

    /// Weighs what other bureaus say of the time.
    fn weigh_clock(&self) -> Result<(), Error> {
        let bureaus: BTreeSet<_> = self.active_peers().iter().map(|peer| peer.card().bureau).collect();
        let moved = self.clock().weigh(&bureaus);
        let outlook = self.clock().outlook();
        let mut doubted = self.inner.doubted.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(moved) = moved {
            let agreeing: Vec<_> = outlook.votes.iter().filter(|vote| vote.with_system).collect();
            let names: Vec<_> = agreeing.iter().map(|vote| vote.bureau.to_string()).collect();
            self.account(moved_by(Actor::Node, "clock.confirm", moved).with("agreeing", names.join(" ")))?;
            tracing::warn!(from = %moved.from, to = %moved.to, "other bureaus agree with the system's clock: it is believed");
        } else if *doubted && outlook.doubted.is_none() {
            self.account(Deed::new(Actor::Node, "clock.fit").with("system", outlook.system))?;
            tracing::warn!(now = %outlook.now, "the system's clock fits again");
        } else if !*doubted && outlook.doubted.is_some() {
            self.account(Deed::new(Actor::Node, "clock.doubt").with("system", outlook.system))?;
            tracing::warn!(
                now = %outlook.now, system = %outlook.system,
                "the system's clock has jumped and nothing explains it: nothing is destroyed until it is put right, other \
                 bureaus agree with it, or `igain clock accept` or `reset` says that it is right"
            );
        }
        *doubted = outlook.doubted.is_some();
        drop(doubted);
        moved.map_or(Ok(()), |moved| self.note_moved(moved))
    }

    /// Takes the system's clock for right, which is ahead of what is explained or, where `back`, behind it. `shown` is what it
    /// said when somebody decided on it.
    ///
    /// # Errors
    /// Where it is not doubted, doubted for the other reason, or says something else by now.
    pub fn believe_clock(&self, actor: Actor, back: bool, shown: Timestamp) -> Result<Moved, Error> {
        let Outlook { now, system, doubted, .. } = self.clock().outlook();
        if doubted.is_none() {
            return Err(Error::ClockFits(now));
        }
        if back != (system < now) {
            return Err(if back { Error::ClockAhead { system, now } } else { Error::ClockBehind { system, now } });
        }
        if system.as_ms().abs_diff(shown.as_ms()) > SLACK_MS {
            return Err(Error::ClockMoved { shown, system });
        }
        let action = if back { "clock.reset" } else { "clock.accept" };
        self.account(moved_by(actor, action, Moved { from: now, to: system }))?;
        let moved = self.clock().believe(shown).ok_or(Error::ClockMoved { shown, system })?;
        *self.inner.doubted.lock().unwrap_or_else(PoisonError::into_inner) = false;
        self.note_moved(moved)?;
        Ok(moved)
    }

    /// Writes the mark, or the next start would doubt it again. Where the time went back by days, what was passed over as
    /// ended is sent to others again, in feeds that begin anew.
    fn note_moved(&self, moved: Moved) -> Result<(), Error> {
        let mut turn = self.turn()?;
        turn.note_time();
        let back = moved.to.day() < moved.from.day();
        let bureaus: Vec<_> = self.peers().iter().filter(|_| back).map(|peer| peer.card().bureau).collect();
        for bureau in &bureaus {
            self.ledger().put_renewal(&mut turn.batch, *bureau);
        }
        turn.commit_now()?;
        self.inner.renewals.lock().unwrap_or_else(PoisonError::into_inner).extend(bureaus);
        Ok(())
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
        let mut renewals = self.inner.renewals.lock().unwrap_or_else(PoisonError::into_inner);
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
        while from < to && count < COUNTED {
            let rows = self.ledger().due(to, after.as_ref(), ROWS)?;
            let Some(last) = rows.last() else { break };
            count += rows.iter().filter(|row| row.until >= from).map(|row| row.records.len() as u64).sum::<u64>();
            after = Some(last.clone());
        }
        Ok(count)
    }
}

fn moved_by(actor: Actor, action: &'static str, moved: Moved) -> Deed {
    Deed::new(actor, action).with("from", moved.from).with("to", moved.to)
}
