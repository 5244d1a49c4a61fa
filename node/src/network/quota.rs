//! A token bucket: how many frames a peer may have taken per second.

use std::time::{Duration, Instant};

/// Tokens that fill up at a steady rate, at most two seconds' worth.
#[derive(Debug)]
pub(super) struct Quota {
    per_s: u32,
    tokens: f64,
    filled: Instant,
}

impl Quota {
    /// A full bucket of `per_s` tokens a second.
    pub(super) fn new(per_s: u32, now: Instant) -> Self {
        let per_s = per_s.max(1);
        Self { per_s, tokens: f64::from(per_s) * 2.0, filled: now }
    }

    /// Takes a token, into debt where there is none, and says how long to wait until the debt is paid.
    pub(super) fn take(&mut self, now: Instant) -> Duration {
        let rate = f64::from(self.per_s);
        let filled = now.saturating_duration_since(self.filled).as_secs_f64() * rate;
        self.filled = now.max(self.filled);
        self.tokens = (self.tokens + filled).min(rate * 2.0) - 1.0;
        if self.tokens >= 0.0 { Duration::ZERO } else { Duration::from_secs_f64(-self.tokens / rate) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_and_a_stream_is_held_to_the_rate() {
        let mut now = Instant::now();
        let (start, mut quota) = (now, Quota::new(100, now));
        assert!((0..200).all(|_| quota.take(now).is_zero()), "two seconds' worth pass at once");
        for _ in 0..1_000 {
            now += quota.take(now);
        }
        let taken = now.duration_since(start).as_secs_f64();
        assert!((9.9..10.1).contains(&taken), "1,000 more at 100 a second took {taken} s");
    }
}
