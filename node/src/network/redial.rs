//! When to try again to reach a peer: pauses that double, with jitter, up to a bound.

use std::time::{Duration, Instant};

/// A connection that lived this long was a real one: the next loss starts again with the shortest pause. A peer that
/// accepts and hangs up at once would otherwise be dialled in a tight loop.
pub(super) const STABLE: Duration = Duration::from_secs(10);

/// The pauses of one peer. Has no clock and no randomness of its own.
#[derive(Debug)]
pub(super) struct Redial {
    first: Duration,
    longest: Duration,
    failures: u32,
    failed_at: Option<Instant>,
    not_before: Option<Instant>,
}

impl Redial {
    /// Ready to dial at once; `first` and `longest` bound the later pauses.
    pub(super) fn new((first, longest): (Duration, Duration)) -> Self {
        Self { first, longest, failures: 0, failed_at: None, not_before: None }
    }

    /// When the next attempt may be made; `None` is at once.
    pub(super) const fn due(&self) -> Option<Instant> {
        self.not_before
    }

    /// Whether an attempt failed so recently that even an explicit request has to wait.
    pub(super) fn is_fresh(&self, now: Instant) -> bool {
        self.failed_at.is_some_and(|at| now.saturating_duration_since(at) < self.first)
    }

    /// An attempt failed, or a connection ended soon. `jitter` is a random number of the caller.
    pub(super) fn failed(&mut self, now: Instant, jitter: u32) {
        self.failures = self.failures.saturating_add(1);
        self.failed_at = Some(now);
        self.wait(now, jitter);
    }

    /// A connection that had lived for `age` ended.
    pub(super) fn lost(&mut self, now: Instant, age: Duration, jitter: u32) {
        if age < STABLE {
            return self.failed(now, jitter);
        }
        self.failures = 0;
        self.wait(now, jitter);
    }

    /// Forgets past failures, because there is reason to think that the next attempt goes better.
    pub(super) fn renew(&mut self) {
        *self = Self::new((self.first, self.longest));
    }

    fn pause(&self) -> Duration {
        let doublings = self.failures.saturating_sub(1).min(20);
        self.first.saturating_mul(1 << doublings).min(self.longest)
    }

    /// Half the pause for sure, the other half by chance: two nodes that lost each other do not dial in step.
    fn wait(&mut self, now: Instant, jitter: u32) {
        let pause = self.pause();
        let share = f64::from(jitter) / f64::from(u32::MAX);
        self.not_before = Some(now + pause / 2 + (pause / 2).mul_f64(share));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(60));

    #[test]
    fn pauses_double_up_to_the_bound_and_keep_their_jitter() {
        let now = Instant::now();
        for (jitter, share) in [(0, 0.5), (u32::MAX, 1.0)] {
            let mut redial = Redial::new(BOUNDS);
            assert_eq!(redial.due(), None);
            for expected_s in [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0] {
                redial.failed(now, jitter);
                let pause = redial.due().unwrap().duration_since(now).as_secs_f64();
                assert!((pause - expected_s * share).abs() < 1e-6, "{pause} is not {share} of {expected_s}");
            }
        }
        let mut redial = Redial::new(BOUNDS);
        (0..1_000).for_each(|_| redial.failed(now, u32::MAX));
        assert_eq!(redial.due().unwrap() - now, BOUNDS.1);
    }

    #[test]
    fn only_a_connection_that_lasted_resets_the_pauses() {
        let (mut redial, now) = (Redial::new(BOUNDS), Instant::now());
        (0..6).for_each(|_| redial.lost(now, Duration::from_millis(1), u32::MAX));
        assert_eq!(redial.due().unwrap() - now, Duration::from_secs(16));
        redial.lost(now, STABLE, u32::MAX);
        assert_eq!(redial.due().unwrap() - now, BOUNDS.0);
    }
}
