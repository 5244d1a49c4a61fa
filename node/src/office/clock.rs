//! The node's clock: the system's, but never before a time that was seen already.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use igain_protocol::time::Timestamp;

/// How far the system's clock may lie behind the latest time seen before the node refuses to start.
pub const TOLERANCE_MS: u64 = 5 * 60 * 1_000;

/// A clock that never goes back.
#[derive(Debug)]
pub struct Clock {
    latest: AtomicU64,
    source: Source,
}

#[derive(Debug)]
enum Source {
    System,
    Manual(AtomicU64),
}

impl Clock {
    /// The system's clock, not before `seen`.
    pub const fn system(seen: Timestamp) -> Self {
        Self { latest: AtomicU64::new(seen.as_ms()), source: Source::System }
    }

    /// A clock that is moved by hand.
    pub const fn manual(now: Timestamp) -> Self {
        Self { latest: AtomicU64::new(now.as_ms()), source: Source::Manual(AtomicU64::new(now.as_ms())) }
    }

    /// Now.
    pub fn now(&self) -> Timestamp {
        let now = self.raw().as_ms();
        Timestamp::from_ms(self.latest.fetch_max(now, Ordering::Relaxed).max(now))
    }

    /// Sets a manual clock; the system's is left alone.
    pub fn set(&self, now: Timestamp) {
        if let Source::Manual(at) = &self.source {
            at.store(now.as_ms(), Ordering::Relaxed);
        }
    }

    /// What the source says, even if it went back.
    pub fn raw(&self) -> Timestamp {
        match &self.source {
            Source::System => {
                let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                Timestamp::from_ms(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
            }
            Source::Manual(at) => Timestamp::from_ms(at.load(Ordering::Relaxed)),
        }
    }

    /// By how much the source lies behind the latest time seen.
    pub fn behind_ms(&self) -> u64 {
        Timestamp::from_ms(self.latest.load(Ordering::Relaxed)).ms_since(self.raw())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_set_back_stands_still() {
        let clock = Clock::manual(Timestamp::from_ms(1_000));
        clock.set(Timestamp::from_ms(400));
        assert_eq!(clock.now(), Timestamp::from_ms(1_000));
        assert_eq!(clock.behind_ms(), 600);
        clock.set(Timestamp::from_ms(2_000));
        assert_eq!(clock.now(), Timestamp::from_ms(2_000));
    }
}
