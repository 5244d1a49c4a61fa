//! What one direction decides: when each datagram arrives, if at all. No clock and no sockets.

use std::time::Duration;

use super::Profile;
use crate::simulation::Random;

/// What an end that misses a segment of TCP waits beyond a round trip before it is sent again: the least that systems
/// in use do (RFC 6298 says a second).
const SENT_AGAIN_AFTER: Duration = Duration::from_millis(200);

/// One direction of a link. Times are counted from the beginning of the link.
#[derive(Debug)]
pub(super) struct Path {
    profile: Profile,
    random: Random,
    /// When the transmitter has sent all that waits.
    idle_from: Duration,
    /// When the last arrives that was not held back: what comes later arrives later.
    last: Duration,
}

/// What becomes of a datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// Lost on its way.
    Lost,
    /// Dropped, for too much waits already.
    Overflowed,
    /// Arrives.
    Arrives {
        /// When.
        at: Duration,
        /// When it does so once more.
        again: Option<Duration>,
        /// Whether others overtake it.
        held_back: bool,
    },
}

/// What a segment of TCP meets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Passage {
    /// When it arrives.
    pub(super) at: Duration,
    /// Whether it was lost and sent again.
    pub(super) late: bool,
}

/// What is drawn for each datagram, always all of it: so a change of the profile moves no decision to another datagram.
struct Drawn {
    lost: bool,
    doubled: bool,
    held_back: bool,
    jitter: Duration,
}

impl Path {
    pub(super) fn new(profile: Profile, seed: u64) -> Self {
        Self { profile, random: Random::new(seed), idle_from: Duration::ZERO, last: Duration::ZERO }
    }

    /// From now on another link. What is under way arrives as it would have.
    pub(super) const fn set(&mut self, profile: Profile) {
        self.profile = profile;
    }

    /// Decides about a datagram that is handed over `now`.
    pub(super) fn datagram(&mut self, bytes: usize, now: Duration) -> Fate {
        let drawn = self.draw();
        if self.overflows(bytes, now) {
            return Fate::Overflowed;
        }
        let arrives = self.transmit(bytes, now) + self.profile.delay + drawn.jitter;
        if drawn.lost {
            return Fate::Lost;
        }
        let at = if drawn.held_back { arrives + self.hold(bytes) } else { self.in_order(arrives) };
        let again = drawn.doubled.then(|| at + self.lasts(bytes));
        Fate::Arrives { at, again, held_back: drawn.held_back }
    }

    /// Decides about a segment of TCP that is handed over `now`.
    pub(super) fn segment(&mut self, bytes: usize, now: Duration) -> Passage {
        let drawn = self.draw();
        let mut arrives = self.transmit(bytes, now) + self.profile.delay + drawn.jitter;
        if drawn.lost {
            arrives += self.profile.delay * 2 + SENT_AGAIN_AFTER;
        }
        Passage { at: self.in_order(arrives), late: drawn.lost }
    }

    /// When so many bytes find room in the queue.
    pub(super) fn room(&self, bytes: usize) -> Duration {
        let queue = (self.profile.queue_bytes as usize).max(bytes);
        self.idle_from.saturating_sub(self.lasts(queue - bytes))
    }

    fn overflows(&self, bytes: usize, now: Duration) -> bool {
        self.idle_from > now && self.room(bytes) > now
    }

    /// Sends behind all that waits; gives when the last byte is out.
    fn transmit(&mut self, bytes: usize, now: Duration) -> Duration {
        self.idle_from = self.idle_from.max(now) + self.lasts(bytes);
        self.idle_from
    }

    /// No sooner than what came before.
    fn in_order(&mut self, arrives: Duration) -> Duration {
        self.last = self.last.max(arrives);
        self.last
    }

    /// How much later one arrives that is held back: where others follow closely, three of its size overtake it.
    fn hold(&self, bytes: usize) -> Duration {
        self.profile.jitter + self.profile.delay / 2 + self.lasts(bytes) * 3 + Duration::from_millis(1)
    }

    /// How long the transmitter takes over so many bytes.
    fn lasts(&self, bytes: usize) -> Duration {
        let nanoseconds = |rate| (bytes as u64 * 1_000_000_000).checked_div(u64::from(rate));
        self.profile.bytes_per_s.and_then(nanoseconds).map_or(Duration::ZERO, Duration::from_nanos)
    }

    const fn draw(&mut self) -> Drawn {
        let Profile { lost_per_mille, doubled_per_mille, held_back_per_mille, jitter, .. } = self.profile;
        Drawn {
            lost: self.random.below(1_000) < lost_per_mille as u64,
            doubled: self.random.below(1_000) < doubled_per_mille as u64,
            held_back: self.random.below(1_000) < held_back_per_mille as u64,
            jitter: Duration::from_micros(self.random.next() % (jitter.as_micros() as u64 + 1)),
        }
    }
}
