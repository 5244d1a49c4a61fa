//! Who is changing which record: a change that is prepared must not be overtaken by another of the same record.

use std::collections::HashSet;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use igain_protocol::record::RecordId;

/// The records that are being changed. Clones share them.
#[derive(Debug, Clone, Default)]
pub(super) struct Claims {
    inner: Arc<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    held: Mutex<HashSet<RecordId>>,
    freed: Condvar,
}

/// The right to change some records, until it is dropped.
#[derive(Debug)]
pub(super) struct Claim {
    inner: Arc<Inner>,
    ids: Vec<RecordId>,
}

impl Claims {
    /// Waits until nobody else changes any of `ids`. Whoever holds a claim must not wait for another: two that do so
    /// crosswise would wait for ever.
    pub(super) fn claim(&self, ids: Vec<RecordId>) -> Claim {
        let mut held = self.inner.lock();
        while ids.iter().any(|id| held.contains(id)) {
            held = self.inner.freed.wait(held).unwrap_or_else(PoisonError::into_inner);
        }
        held.extend(&ids);
        Claim { inner: Arc::clone(&self.inner), ids }
    }

    /// As [`Claims::claim`], without waiting.
    pub(super) fn try_claim(&self, ids: &[RecordId]) -> Option<Claim> {
        let mut held = self.inner.lock();
        if ids.iter().any(|id| held.contains(id)) {
            return None;
        }
        held.extend(ids);
        Some(Claim { inner: Arc::clone(&self.inner), ids: ids.to_vec() })
    }
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, HashSet<RecordId>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let mut held = self.inner.lock();
        for id in &self.ids {
            held.remove(id);
        }
        self.inner.freed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_changed_by_one_at_a_time() {
        let claims = Claims::default();
        let [a, b] = [RecordId::from_bytes([1; 16]), RecordId::from_bytes([2; 16])];
        let first = claims.claim(vec![a]);
        assert!(claims.try_claim(&[b, a]).is_none());
        let second = claims.try_claim(&[b]).unwrap();
        let waiting = std::thread::spawn({
            let claims = claims.clone();
            move || drop(claims.claim(vec![a, b]))
        });
        drop((first, second));
        waiting.join().unwrap();
        assert!(claims.try_claim(&[a, b]).is_some());
    }
}
