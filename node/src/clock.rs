//! What time it is, as far as that can be explained.
//!
//! A system's clock may be wrong by years: a dead battery, a wrong time server, a machine that was put back. So no single
//! reading of it decides anything for good. The time is what was noted last and what has passed since by the boot clock,
//! which no administrator or server sets; the system's clock is believed as long as it fits. A jump that nothing explains
//! is **doubted**: it may hide what has ended, but it destroys nothing and is not written down. What ends the doubt is that
//! the system's clock fits again, that the clocks of other bureaus agree with it, or a person's word.

mod reckoning;
mod source;

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use igain_protocol::bureau::BureauId;
use igain_protocol::time::{Day, Timestamp};

use reckoning::Reckoning;
pub use reckoning::{GRACE_MS, Mark, Moved, OFF_MS, SLACK_MS, Vote};
use source::Source;

/// The clock of one node.
#[derive(Debug)]
pub struct Clock {
    source: Source,
    reckoning: Mutex<Reckoning>,
}

/// How it stands with the clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outlook {
    /// The time that is explained.
    pub now: Timestamp,
    /// What the system's clock says.
    pub system: Timestamp,
    /// Since when it is doubted, in the time that is explained; none while it is believed.
    pub doubted: Option<Timestamp>,
    /// What has ended before this day may be destroyed; none while nothing may.
    pub destroys: Option<Day>,
    /// What the clocks of others say.
    pub votes: Vec<Vote>,
}

impl Clock {
    /// The system's clock.
    pub fn system() -> Self {
        Self::of(Source::system())
    }

    /// A clock that is moved by hand.
    pub fn manual(now: Timestamp) -> Self {
        Self::of(Source::manual(now))
    }

    fn of(source: Source) -> Self {
        let reckoning = Mutex::new(Reckoning::new(None, source.read()));
        Self { source, reckoning }
    }

    /// Goes on from what was noted when this node wrote last; none in new books.
    pub fn resume(&self, mark: Option<&Mark>) {
        *self.lock() = Reckoning::new(mark, self.source.read());
    }

    /// Now, as far as it is explained. It goes back by no more than a few days, and only where the system's clock, which
    /// was ahead, is put right.
    pub fn now(&self) -> Timestamp {
        let reading = self.source.read();
        Timestamp::from_ms(self.lock().read(reading))
    }

    /// The day by which it is decided what is shown: what has ended by either clock is hidden.
    pub fn shown_day(&self) -> Day {
        let reading = self.source.read();
        let now = self.lock().read(reading);
        Timestamp::from_ms(now.max(reading.system_ms)).day()
    }

    /// What has ended before this day may be destroyed; none while the clock is doubted, and for the time of grace after
    /// a jump that was believed.
    pub fn destroys(&self) -> Option<Day> {
        self.outlook().destroys
    }

    /// Whether what ended then may be destroyed.
    pub fn has_long_ended(&self, ended: Timestamp) -> bool {
        let reading = self.source.read();
        let mut reckoning = self.lock();
        reckoning.read(reading);
        reckoning.destroys_before().is_some_and(|before| ended.as_ms() <= before)
    }

    /// What is written down with every commit.
    pub fn mark(&self) -> Mark {
        let reading = self.source.read();
        let mut reckoning = self.lock();
        reckoning.read(reading);
        reckoning.mark(reading.boot_id)
    }

    /// What the system's clock says, right or wrong: what others are told, who weigh it against theirs.
    pub fn system_time(&self) -> Timestamp {
        Timestamp::from_ms(self.source.read().system_ms)
    }

    /// Takes down what the system's clock of another bureau says now.
    pub fn hear(&self, bureau: BureauId, theirs: Timestamp) {
        let reading = self.source.read();
        self.lock().hear(bureau, theirs.as_ms(), reading);
    }

    /// Weighs the word of these bureaus where the system's clock is doubted. What moved by it.
    pub fn weigh(&self, bureaus: &BTreeSet<BureauId>) -> Option<Moved> {
        let reading = self.source.read();
        self.lock().weigh(bureaus, reading)
    }

    /// Takes the system's clock for right, on a person's word.
    pub fn believe(&self) -> Moved {
        let reading = self.source.read();
        self.lock().believe(reading)
    }

    /// How it stands with the clock.
    pub fn outlook(&self) -> Outlook {
        let reading = self.source.read();
        let mut reckoning = self.lock();
        let now = reckoning.read(reading);
        Outlook {
            now: Timestamp::from_ms(now),
            system: Timestamp::from_ms(reading.system_ms),
            doubted: reckoning.doubted_since().map(Timestamp::from_ms),
            destroys: reckoning.destroys_before().map(|before| Timestamp::from_ms(before).day()),
            votes: reckoning.votes(reading),
        }
    }

    /// Lets time pass on a manual clock up to `now`, or sets its system's clock back to it. The system's is left alone.
    pub fn set(&self, now: Timestamp) {
        self.source.pass_to(now, &mut || {
            let _ = self.now();
        });
    }

    /// Lets time pass on a manual clock: both of its clocks move, and the system's stays as wrong as it was.
    pub fn pass(&self, ms: u64) {
        let system = self.system_time().plus_ms(ms);
        self.set(system);
    }

    /// Sets the system's clock of a manual one; the boot clock stands.
    pub fn set_system(&self, now: Timestamp) {
        self.source.set_system(now);
    }

    fn lock(&self) -> MutexGuard<'_, Reckoning> {
        // Each change is whole before the lock is given back.
        self.reckoning.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
