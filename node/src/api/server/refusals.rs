//! How many refusals are accounted for: each user's first few a minute, and the number of the rest, so that nobody fills
//! the audit log by asking for what they may not have.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

const WINDOW: Duration = Duration::from_secs(60);

/// Accounts of one user in a window.
const EACH: u64 = 5;

/// Accounts of all users in a window.
const ALL: u64 = 60;

/// Users that are counted apart; beyond them nobody is accounted for until the window ends.
const USERS: usize = 1_024;

/// The count. Clones share it.
#[derive(Debug, Clone, Default)]
pub(super) struct Refusals(Arc<Mutex<Counts>>);

#[derive(Debug, Default)]
struct Counts {
    began: Option<Instant>,
    accounted: u64,
    users: HashMap<u32, Count>,
}

#[derive(Debug, Default)]
struct Count {
    accounted: u64,
    /// Refusals without an account of their own, since the user's last account.
    unrecorded: u64,
}

impl Refusals {
    /// Counts one more refusal of a user. Where it is to be accounted for, how many before it were not.
    pub(super) fn count(&self, uid: u32) -> Option<u64> {
        self.count_at(uid, Instant::now())
    }

    fn count_at(&self, uid: u32, now: Instant) -> Option<u64> {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.began.is_none_or(|began| now.duration_since(began) >= WINDOW) {
            counts.began = Some(now);
            counts.accounted = 0;
            // Whoever has something unrecorded is remembered, so that their next account tells.
            counts.users.retain(|_, count| count.unrecorded > 0);
            counts.users.values_mut().for_each(|count| count.accounted = 0);
        }
        if counts.users.len() >= USERS && !counts.users.contains_key(&uid) {
            return None;
        }
        let full = counts.accounted >= ALL;
        let count = counts.users.entry(uid).or_default();
        if full || count.accounted >= EACH {
            count.unrecorded += 1;
            return None;
        }
        count.accounted += 1;
        let unrecorded = std::mem::take(&mut count.unrecorded);
        counts.accounted += 1;
        Some(unrecorded)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accounted(refusals: &Refusals, uid: u32, times: usize, now: Instant) -> usize {
        (0..times).filter(|_| refusals.count_at(uid, now).is_some()).count()
    }

    #[test]
    fn nobody_fills_the_log_and_the_rest_is_counted() {
        let (refusals, now) = (Refusals::default(), Instant::now());
        assert_eq!(accounted(&refusals, 7, 100, now), 5);
        assert_eq!(accounted(&refusals, 8, 1, now), 1, "one user's refusals do not hide another's");
        let later = now + WINDOW;
        assert_eq!(refusals.count_at(7, later), Some(95));
        assert_eq!(refusals.count_at(7, later), Some(0));
        let all: usize = (0..100).map(|uid| accounted(&refusals, uid, 5, later)).sum();
        assert_eq!(all, 58, "sixty in all");
    }

    #[test]
    fn the_count_is_bounded_however_many_users_there_are() {
        let (refusals, now) = (Refusals::default(), Instant::now());
        for uid in 0..10_000 {
            refusals.count_at(uid, now);
        }
        assert_eq!(refusals.0.lock().unwrap().users.len(), USERS);
        refusals.count_at(9_999, now + WINDOW);
        assert!(refusals.0.lock().unwrap().users.len() <= USERS);
    }
}
