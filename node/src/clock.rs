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

pub use reckoning::{GRACE_MS, Mark, Moved, OFF_MS, SLACK_MS, Vote};
use reckoning::{Reading, Reckoning};
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
        let mut reckoning = self.lock();
        *reckoning = Reckoning::new(mark, self.source.read());
    }

    /// Now, as far as it is explained. It goes back where the system's clock was ahead and is put right, by a few days; on a
    /// person's word by more.
    pub fn now(&self) -> Timestamp {
        let (mut reckoning, reading) = self.reading();
        Timestamp::from_ms(reckoning.read(reading))
    }

    /// The day by which it is decided what is shown: what has ended by either clock is hidden.
    pub fn shown_day(&self) -> Day {
        self.later().day()
    }

    /// The later of what is explained and what the system's clock says.
    pub fn later(&self) -> Timestamp {
        let (mut reckoning, reading) = self.reading();
        Timestamp::from_ms(reckoning.read(reading).max(reading.system_ms))
    }

    /// The day by which it is decided what others are sent: it has come for sure, so a clock that is put right takes nothing
    /// of it back.
    pub fn served_day(&self) -> Day {
        let (mut reckoning, reading) = self.reading();
        reckoning.read(reading);
        Timestamp::from_ms(reckoning.sure()).day()
    }

    /// What has ended before this day may be destroyed; none while the clock is doubted or most others say another time, and
    /// for the time of grace after a jump that was believed.
    pub fn destroys(&self) -> Option<Day> {
        let (mut reckoning, reading) = self.reading();
        reckoning.read(reading);
        reckoning.destroys_before(reading).map(|before| Timestamp::from_ms(before).day())
    }

    /// Whether the system's clock is doubted.
    pub fn is_doubted(&self) -> bool {
        let (mut reckoning, reading) = self.reading();
        reckoning.read(reading);
        reckoning.doubted_since().is_some()
    }

    /// What is written down with every commit.
    pub fn mark(&self) -> Mark {
        let (mut reckoning, reading) = self.reading();
        reckoning.read(reading);
        reckoning.mark(reading.boot_id)
    }

    /// What the system's clock says, right or wrong: what others are told, who weigh it against theirs.
    pub fn system_time(&self) -> Timestamp {
        Timestamp::from_ms(self.source.read().system_ms)
    }

    /// Takes down what the system's clock of another bureau says now.
    pub fn hear(&self, bureau: BureauId, theirs: Timestamp) {
        let (mut reckoning, reading) = self.reading();
        reckoning.hear(bureau, theirs.as_ms(), reading);
    }

    /// Weighs the word of these bureaus where the system's clock is doubted: what it may be [believed](Self::believe) for.
    pub fn weigh(&self, bureaus: &BTreeSet<BureauId>) -> Option<Moved> {
        let (mut reckoning, reading) = self.reading();
        reckoning.weigh(bureaus, reading)
    }

    /// Takes the system's clock for right, on others' word or a `persons`, as long as it still says about what it was `shown` to
    /// say when that was decided.
    pub fn believe(&self, shown: Timestamp, persons: bool) -> Option<Moved> {
        let (mut reckoning, reading) = self.reading();
        let same = reading.system_ms.abs_diff(shown.as_ms()) <= SLACK_MS;
        same.then(|| reckoning.believe(reading, persons))
    }

    /// How it stands with the clock.
    pub fn outlook(&self) -> Outlook {
        let (mut reckoning, reading) = self.reading();
        let now = reckoning.read(reading);
        Outlook {
            now: Timestamp::from_ms(now),
            system: Timestamp::from_ms(reading.system_ms),
            doubted: reckoning.doubted_since().map(Timestamp::from_ms),
            destroys: reckoning.destroys_before(reading).map(|before| Timestamp::from_ms(before).day()),
            votes: reckoning.votes(reading).collect(),
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

    /// The clocks are read under the lock: what was read earlier would count time twice.
    fn reading(&self) -> (MutexGuard<'_, Reckoning>, Reading) {
        let reckoning = self.lock();
        let reading = self.source.read();
        (reckoning, reading)
    }

    fn lock(&self) -> MutexGuard<'_, Reckoning> {
        // Each change is whole before the lock is given back.
        self.reckoning.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
