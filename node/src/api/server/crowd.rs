//! How many connections each user has, so that no user of several keeps the others out.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

/// Guests by who they are; it holds nobody who has no connection.
#[derive(Debug)]
pub(super) struct Crowd<K> {
    counts: Arc<Mutex<HashMap<K, usize>>>,
    most: usize,
}

/// One connection of somebody, until it is dropped.
pub(super) struct Guest(Option<Box<dyn FnMut() + Send>>);

impl Guest {
    /// Somebody who is not counted.
    pub(super) const fn of_the_house() -> Self {
        Self(None)
    }
}

impl std::fmt::Debug for Guest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Guest")
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        if let Some(leave) = &mut self.0 {
            leave();
        }
    }
}

impl<K: Hash + Eq + Copy + Send + 'static> Crowd<K> {
    /// Each may have `most` connections, at least one.
    pub(super) fn new(most: usize) -> Self {
        Self { counts: Arc::default(), most: most.max(1) }
    }

    /// Counts one more; none where there are as many as there may be.
    pub(super) fn enter(&self, who: K) -> Option<Guest> {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(who).or_default();
        if *count >= self.most {
            return None;
        }
        *count += 1;
        let counts = Arc::clone(&self.counts);
        Some(Guest(Some(Box::new(move || leave(&counts, &who)))))
    }
}

fn leave<K: Hash + Eq>(counts: &Mutex<HashMap<K, usize>>, who: &K) {
    let mut counts = counts.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(count) = counts.get_mut(who) else { return };
    *count -= 1;
    if *count == 0 {
        counts.remove(who);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_user_has_so_many_connections_and_keeps_nobody_out() {
        let crowd = Crowd::new(2);
        let (first, _second) = (crowd.enter(7).unwrap(), crowd.enter(7).unwrap());
        assert!(crowd.enter(7).is_none());
        assert!(crowd.enter(8).is_some());
        drop(first);
        assert!(crowd.enter(7).is_some());
        assert_eq!(crowd.counts.lock().unwrap().len(), 1, "who has gone is forgotten");
    }
}
