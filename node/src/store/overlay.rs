//! The newest changes, in memory: what is durable in the journal and not yet in the directory on disk.
//!
//! Commits become visible here at once. When a layer is full it is frozen, and applied to the directory in one sorted
//! sweep, which costs a fraction of applying each commit by itself.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use super::entry::Entry;
use super::journal::frame::Changes;

/// What a key and its entry take in memory beside their bytes.
const OVERHEAD: usize = 96;

/// Changes up to a commit, the last one of each key.
#[derive(Default)]
pub(crate) struct Layer {
    pub(crate) map: BTreeMap<Box<[u8]>, Option<Entry>>,
    bytes: usize,
    /// The last commit in it.
    pub(crate) through: u64,
}

impl Layer {
    /// Takes in a commit, and tells what of it makes an earlier value in this layer dead.
    pub(crate) fn insert(&mut self, seq: u64, changes: Changes, dead: &mut dyn FnMut(&Entry)) {
        self.through = seq;
        for (key, entry) in changes {
            let bytes = key.len() + OVERHEAD;
            match self.map.insert(key.into(), entry) {
                None => self.bytes += bytes,
                Some(Some(old)) => dead(&old),
                Some(None) => {}
            }
        }
    }

    /// About what it takes in memory.
    pub(crate) const fn bytes(&self) -> usize {
        self.bytes
    }
}

/// The layer being filled, over the one being applied.
#[derive(Default)]
pub(crate) struct Overlay {
    pub(crate) active: Layer,
    pub(crate) frozen: Option<Arc<Layer>>,
}

impl Overlay {
    /// What is known of a key: `None` means that the directory knows.
    pub(crate) fn find(&self, key: &[u8]) -> Option<Option<Entry>> {
        let found = self.active.map.get(key);
        found.or_else(|| self.frozen.as_ref().and_then(|layer| layer.map.get(key))).cloned()
    }

    /// The first changes of keys in a range, at most `limit`.
    pub(crate) fn page(&self, from: &[u8], to: Option<&[u8]>, limit: usize) -> Vec<(Vec<u8>, Option<Entry>)> {
        let mut page = BTreeMap::new();
        let range = bounds(from, to);
        if range.is_none() {
            return Vec::new();
        }
        for layer in self.frozen.as_deref().into_iter().chain([&self.active]) {
            let rows = layer.map.range::<[u8], _>(range.unwrap_or((Bound::Unbounded, Bound::Unbounded)));
            page.extend(rows.take(limit).map(|(key, entry)| (key.to_vec(), entry.clone())));
        }
        page.into_iter().take(limit).collect()
    }

    /// The last change of a key in a range.
    pub(crate) fn last(&self, from: &[u8], to: Option<&[u8]>) -> Option<(Vec<u8>, Option<Entry>)> {
        let range = bounds(from, to)?;
        let last = |layer: &Layer| {
            let (key, entry) = layer.map.range::<[u8], _>(range).next_back()?;
            Some((key.to_vec(), entry.clone()))
        };
        let (active, frozen) = (last(&self.active), self.frozen.as_deref().and_then(last));
        match (active, frozen) {
            (Some(active), Some(frozen)) if frozen.0 > active.0 => Some(frozen),
            (Some(active), _) => Some(active),
            (None, frozen) => frozen,
        }
    }
}

type Bounds<'a> = (Bound<&'a [u8]>, Bound<&'a [u8]>);

fn bounds<'a>(from: &'a [u8], to: Option<&'a [u8]>) -> Option<Bounds<'a>> {
    // A map panics where a range is the wrong way round.
    to.is_none_or(|to| from < to).then_some((Bound::Included(from), to.map_or(Bound::Unbounded, Bound::Excluded)))
}
