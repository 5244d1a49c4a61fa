//! The key directory of a store in memory, which is made anew from the journal at every start.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use super::block::Row;
use super::{Change, Growth, settle};
use crate::store::entry::Entry;

type Rows = BTreeMap<Box<[u8]>, Entry>;

#[derive(Default)]
pub(crate) struct Map(RwLock<Rows>);

impl Map {
    pub(super) fn find(&self, key: &[u8]) -> Option<Entry> {
        self.rows().get(key).cloned()
    }

    pub(super) fn page(&self, from: &[u8], to: Option<&[u8]>, limit: usize) -> Vec<Row> {
        let Some(range) = range(from, to) else { return Vec::new() };
        self.rows().range::<[u8], _>(range).take(limit).map(|(key, entry)| row(key, entry)).collect()
    }

    pub(super) fn before(&self, from: &[u8], to: Option<&[u8]>) -> Option<Row> {
        self.rows().range::<[u8], _>(range(from, to)?).next_back().map(|(key, entry)| row(key, entry))
    }

    pub(super) fn apply<'a>(
        &self,
        changes: impl Iterator<Item = (&'a [u8], Change<'a>)>,
        dead: &mut dyn FnMut(&Entry),
    ) -> Growth {
        let mut rows = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let mut growth = Growth::default();
        for (key, change) in changes {
            let current = rows.remove(key);
            growth.keys -= i64::from(current.is_some());
            if let Some(entry) = settle(current, change, dead) {
                growth.keys += 1;
                rows.insert(key.into(), entry);
            }
        }
        growth
    }

    fn rows(&self) -> RwLockReadGuard<'_, Rows> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }
}

fn row(key: &[u8], entry: &Entry) -> Row {
    (key.to_vec(), entry.clone())
}

fn range<'a>(from: &'a [u8], to: Option<&'a [u8]>) -> Option<(Bound<&'a [u8]>, Bound<&'a [u8]>)> {
    // A map panics where a range is the wrong way round.
    to.is_none_or(|to| from < to).then_some((Bound::Included(from), to.map_or(Bound::Unbounded, Bound::Excluded)))
}
