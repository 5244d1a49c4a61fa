//! Files that stay on the disk while somebody reads them, although a merge has put others in their place.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::Journal;

/// Which files are held, and which of them are no longer listed.
#[derive(Debug, Default)]
pub(crate) struct Held {
    /// Each with how many hold it.
    holders: BTreeMap<u32, usize>,
    /// To be removed when nobody does any more. A crash leaves them to the next start, which removes what is not listed.
    waiting: BTreeSet<u32>,
}

impl Held {
    /// Whether a file that is no longer listed stays for now.
    pub(crate) fn keeps(&mut self, id: u32) -> bool {
        let held = self.holders.contains_key(&id);
        if held {
            self.waiting.insert(id);
        }
        held
    }

    /// Whether the file is to be removed now that one holder less holds it.
    fn let_go(&mut self, id: u32) -> bool {
        let Some(holders) = self.holders.get_mut(&id) else { return false };
        *holders -= 1;
        if *holders > 0 {
            return false;
        }
        self.holders.remove(&id);
        self.waiting.remove(&id)
    }
}

/// Files that are held until they are let go, or this is dropped.
pub(crate) struct Hold {
    journal: Arc<Journal>,
    ids: BTreeSet<u32>,
}

impl Hold {
    /// Holds listed files. Whoever calls this has the list locked, so that none of them is taken off it before.
    pub(crate) fn new(journal: &Arc<Journal>, ids: BTreeSet<u32>) -> Self {
        let mut held = journal.held();
        ids.iter().for_each(|id| *held.holders.entry(*id).or_default() += 1);
        drop(held);
        Self { journal: Arc::clone(journal), ids }
    }

    /// Lets a file go.
    pub(crate) fn release(&mut self, id: u32) {
        if !self.ids.remove(&id) {
            return;
        }
        let goes = self.journal.held().let_go(id);
        if goes && let Err(error) = self.journal.unlink(id).and_then(|()| self.journal.sync_names()) {
            tracing::warn!(%error, "a file that was merged away stays on the disk until the next start");
        }
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        for id in self.ids.clone() {
            self.release(id);
        }
    }
}
