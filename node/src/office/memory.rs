//! What of the books is kept in memory: who takes part, CAFs, logs, the policy. Everybody reads it; it changes only when
//! a turn is durable and visible, or, for what the next turn must count on, when it is handed over.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use igain_protocol::bureau::{BureauId, SignedCard};
use igain_protocol::caf::{CafId, SignedAcceptance};
use igain_protocol::sync::Commitment;
use igain_protocol::time::Timestamp;

use super::cafs::{Caf, Cafs};
use super::classes::{Classes, Extents};
use super::news::{Board, News};
use super::peers::{Peer, Peers};
use crate::ledger::{ClassIndex, KeyRow, SealedKey, Shares};
use crate::policy::Policy;

/// What is read by all.
#[derive(Debug)]
pub(super) struct Memory {
    me: BureauId,
    pub(super) peers: RwLock<Peers>,
    pub(super) cafs: RwLock<Cafs>,
    pub(super) classes: RwLock<Classes>,
    pub(super) policy: RwLock<Arc<Policy>>,
    /// This bureau's own card; none before the first was issued.
    pub(super) card: RwLock<Option<Arc<SignedCard>>>,
    /// When exchanges ended well, and is not in the books yet.
    synced: Mutex<BTreeMap<BureauId, Timestamp>>,
    /// Bureaus that asked since the start, and have seen nothing that is not known here; and whether that is in the books.
    heard: Mutex<BTreeMap<BureauId, bool>>,
    /// What is known of commitments to audit logs since the start.
    commitments: Mutex<BTreeMap<BureauId, Committed>>,
    pub(super) board: Board,
    /// How often who takes part, a CAF or the policy has changed.
    standing: AtomicU64,
    /// The number of the last turn that is visible.
    visible: AtomicU64,
    /// The last entry of the audit log that the books rest on.
    pub(super) noted: AtomicU64,
}

/// What is known of commitments to audit logs, between this bureau and another.
#[derive(Debug, Default)]
struct Committed {
    /// How many of its own it was shown.
    shown: u64,
    /// Its newest, which is not in the books yet.
    unkept: Option<Commitment>,
    /// When the newest was made that it has shown, and that fits this bureau's log.
    fits: Option<Timestamp>,
    /// The same of one that does not.
    unfit: Option<Timestamp>,
}

/// What becomes visible with a turn.
#[derive(Debug, Default)]
pub(super) struct Published {
    pub(super) turn: u64,
    pub(super) extents: Extents,
    /// The number of the last log entry, where there are new ones.
    pub(super) head: Option<u64>,
    pub(super) standing: Standing,
    pub(super) shares: Vec<(ClassIndex, Arc<Shares>)>,
    /// Bureaus that may have something else than before.
    pub(super) regranted: BTreeSet<BureauId>,
    pub(super) news: News,
    /// The last entry of the audit log that the books rest on by then.
    pub(super) noted: Option<u64>,
}

/// What a turn changes of who may have what.
#[derive(Debug, Default)]
pub(super) struct Standing {
    pub(super) peers: BTreeMap<BureauId, Peer>,
    pub(super) keys: BTreeMap<[u8; 32], KeyRow>,
    pub(super) cafs: BTreeMap<CafId, Caf>,
    /// Answers to charters that have not come yet; none where one must be forgotten.
    pub(super) early: BTreeMap<(BureauId, CafId), Option<SignedAcceptance>>,
    /// Documents that cannot be read here; none where one can be by now.
    pub(super) sealed: BTreeMap<SealedKey, Option<u64>>,
    pub(super) policy: Option<Arc<Policy>>,
    /// This bureau's own card.
    pub(super) card: Option<Arc<SignedCard>>,
}

impl Standing {
    pub(super) fn is_empty(&self) -> bool {
        let parties = self.peers.is_empty() && self.cafs.is_empty() && self.early.is_empty() && self.sealed.is_empty();
        parties && self.policy.is_none() && self.card.is_none()
    }
}

impl Memory {
    pub(super) fn new(
        me: BureauId,
        peers: Peers,
        cafs: Cafs,
        classes: Classes,
        policy: Policy,
        card: Option<SignedCard>,
    ) -> Self {
        Self {
            me,
            peers: RwLock::new(peers),
            cafs: RwLock::new(cafs),
            classes: RwLock::new(classes),
            policy: RwLock::new(Arc::new(policy)),
            card: RwLock::new(card.map(Arc::new)),
            synced: Mutex::default(),
            heard: Mutex::default(),
            commitments: Mutex::default(),
            board: Board::default(),
            standing: AtomicU64::new(0),
            visible: AtomicU64::new(0),
            noted: AtomicU64::new(0),
        }
    }

    pub(super) fn standing(&self) -> u64 {
        self.standing.load(Ordering::Acquire)
    }

    pub(super) fn visible(&self) -> u64 {
        self.visible.load(Ordering::Acquire)
    }

    /// Called in the order of the commits, when one is visible and before anybody who waits for it goes on.
    pub(super) fn publish(&self, published: Published) {
        let Published { turn, extents, head, standing, shares, regranted, mut news, noted } = published;
        let mut classes = write(&self.classes);
        classes.show(self.me, &extents, head);
        classes.share(shares, &regranted);
        drop(classes);
        if !standing.is_empty() {
            let Standing { peers, keys, cafs, early, sealed, policy, card } = standing;
            write(&self.peers).put(peers, keys);
            write(&self.cafs).put(cafs, early, sealed);
            if let Some(policy) = policy {
                *write(&self.policy) = policy;
            }
            if card.is_some() {
                *write(&self.card) = card;
            }
            news.standing = Some(self.standing.fetch_add(1, Ordering::AcqRel) + 1);
        }
        if let Some(noted) = noted {
            self.noted.store(noted, Ordering::Release);
        }
        self.visible.store(turn, Ordering::Release);
        self.board.tell(&news);
    }

    pub(super) fn note_synced(&self, bureau: BureauId, at: Timestamp) {
        self.synced.lock().unwrap_or_else(PoisonError::into_inner).insert(bureau, at);
        write(&self.peers).note_synced(bureau, at);
    }

    /// Notes that a bureau asked, and has seen nothing that is not known here.
    pub(super) fn note_heard(&self, bureau: BureauId) {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).entry(bureau).or_default();
    }

    /// Those that did since the start.
    pub(super) fn heard(&self) -> BTreeSet<BureauId> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).keys().copied().collect()
    }

    /// Those of which it is not in the books yet.
    pub(super) fn take_heard(&self) -> Vec<BureauId> {
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        let new =
            heard.iter_mut().filter_map(|(bureau, written)| (!std::mem::replace(written, true)).then_some(*bureau));
        new.collect()
    }

    fn committed<T>(&self, peer: BureauId, what: impl FnOnce(&mut Committed) -> T) -> T {
        what(self.commitments.lock().unwrap_or_else(PoisonError::into_inner).entry(peer).or_default())
    }

    /// The number of this commitment of a peer's that it is shown.
    pub(super) fn next_shown(&self, peer: BureauId) -> u64 {
        self.committed(peer, |committed| {
            committed.shown += 1;
            committed.shown - 1
        })
    }

    /// Has a commitment of a peer's be kept with the next write.
    pub(super) fn keep_commitment(&self, peer: BureauId, commitment: Commitment) {
        self.committed(peer, |committed| committed.unkept = Some(commitment));
    }

    /// Those that are to be kept since the last call.
    pub(super) fn take_commitments(&self) -> Vec<(BureauId, Commitment)> {
        let mut all = self.commitments.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter_mut().filter_map(|(peer, committed)| Some((*peer, committed.unkept.take()?))).collect()
    }

    /// Notes that this bureau's log fits what it committed to at a time, or does not; whether it is the first that does not.
    pub(super) fn note_vouched(&self, peer: BureauId, at: Timestamp, fits: bool) -> bool {
        self.committed(peer, |committed| {
            let noted = if fits { &mut committed.fits } else { &mut committed.unfit };
            let first = noted.is_none();
            *noted = (*noted).max(Some(at));
            first && !fits
        })
    }

    /// Of each peer that has shown some: the newest commitment that fits, and the newest that does not.
    pub(super) fn vouched(&self) -> Vec<(BureauId, Option<Timestamp>, Option<Timestamp>)> {
        let all = self.commitments.lock().unwrap_or_else(PoisonError::into_inner);
        let told = all.iter().filter(|(_, committed)| committed.fits.is_some() || committed.unfit.is_some());
        told.map(|(peer, committed)| (*peer, committed.fits, committed.unfit)).collect()
    }

    /// Notes of exchanges that ended well since the last call.
    pub(super) fn take_synced(&self) -> BTreeMap<BureauId, Timestamp> {
        std::mem::take(&mut *self.synced.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A lock is never left in a state that its next holder must not see: writers replace whole values.
pub(super) fn read<T>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

pub(super) fn write<T>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}
