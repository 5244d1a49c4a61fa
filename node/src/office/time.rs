//! The time: what other bureaus and people say of the system's clock, and the account of it.

use std::collections::BTreeSet;
use std::sync::PoisonError;

use igain_protocol::bureau::BureauId;
use igain_protocol::time::{Day, Timestamp};

use super::{Actor, Deed, Error, Office};
use crate::clock::{Clock, Moved, Outlook};

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
        Ok(())
    }

    /// Takes the system's clock for right, which is ahead of what is explained or, where `back`, behind it.
    ///
    /// # Errors
    /// Where it is not doubted, or doubted for the other reason.
    pub fn believe_clock(&self, actor: Actor, back: bool) -> Result<Moved, Error> {
        let Outlook { now, system, doubted, .. } = self.clock().outlook();
        if doubted.is_none() {
            return Err(Error::ClockFits(now));
        }
        if back != (system < now) {
            return Err(if back { Error::ClockAhead { system, now } } else { Error::ClockBehind { system, now } });
        }
        let action = if back { "clock.reset" } else { "clock.accept" };
        self.account(moved_by(actor, action, Moved { from: now, to: system }))?;
        let moved = self.clock().believe();
        *self.inner.doubted.lock().unwrap_or_else(PoisonError::into_inner) = false;
        // The mark goes with a commit: without one, the next start would doubt it again.
        let mut turn = self.turn()?;
        turn.note_time();
        turn.commit_now()?;
        Ok(moved)
    }

    /// How many records have ended by the system's clock alone: they are hidden, and there still.
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
