//! The office: what a bureau does with its books. Enrolling peers, keeping CAFs, contributing and withdrawing records,
//! deciding who may have what, taking in what others send, and answering its analysts.
//!
//! One file a duty. Everything here is blocking; whoever serves a network calls it from a blocking thread. Writes are
//! serialised by one lock, held while a batch is put together and handed to the store, not while it becomes durable.

mod account;
mod ask;
mod cafs;
mod card;
mod classes;
mod clock;
mod contribute;
mod disclose;
mod entitle;
mod error;
mod expire;
mod holders;
mod index;
mod letters;
mod peers;
mod people;
mod policing;
mod receive;
mod sent;
mod why;
mod withdraw;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use igain_protocol::bureau::{BureauId, SealingIdentity, SigningKey};
use igain_protocol::label::ClassSecret;
use igain_protocol::log::FeedSecret;
use igain_protocol::record::SaltKey;
use igain_protocol::time::Timestamp;
use zeroize::Zeroizing;

pub use account::{Actor, Deed};
pub use ask::{Answer, Hit, NameQuery, Question};
pub use cafs::{Caf, NewCaf};
pub use clock::{Clock, TOLERANCE_MS};
pub use contribute::{Contribution, Draft, Outcome, Prepared};
pub use disclose::{Notes, Wanted};
pub use entitle::Grants;
pub use error::{Error, Fault};
pub use holders::{Holder, HolderState};
pub use index::Indexer;
pub use peers::Peer;
pub use policing::PlanRow;
pub use receive::{Examined, Received};
pub use why::Why;

use crate::audit::AuditLog;
use crate::keystore::Keys;
use crate::ledger::Ledger;
use crate::policy::Policy;
use crate::search::Search;
use crate::store::{Batch, StoreKey};

/// The secrets that the office works with.
pub struct Secrets {
    /// Signs records, letters and parcels.
    pub signing: SigningKey,
    /// Opens parcels.
    pub sealing: SealingIdentity,
    /// Names classes.
    pub class: ClassSecret,
    /// Blinds feeds.
    pub feed: FeedSecret,
    /// Salts commitments.
    pub salt: SaltKey,
    /// Derives ids of imported records.
    pub record_id: Zeroizing<[u8; 32]>,
    /// Hides identifiers in the directory.
    pub identifier: Zeroizing<[u8; 32]>,
}

impl Secrets {
    /// The office's secrets among a bureau's keys. Those that never leave the node are derived from the store's key.
    pub fn of(keys: &Keys) -> Self {
        let store = StoreKey::from_bytes(*keys.store_key());
        Self {
            signing: keys.signing(),
            sealing: keys.sealing(),
            class: ClassSecret::new(*keys.class_secret()),
            feed: FeedSecret::new(*store.subkey(&[], "igain feeds 1")),
            salt: SaltKey::new(*keys.salt_key()),
            record_id: keys.record_id_secret(),
            identifier: store.subkey(&[], "igain identifiers 1"),
        }
    }
}

/// The parts that an office is put together from.
pub struct Parts {
    /// Whose office it is.
    pub me: BureauId,
    /// Its secrets.
    pub secrets: Secrets,
    /// Its books.
    pub ledger: Ledger,
    /// Its audit log.
    pub audit: AuditLog,
    /// Its name index.
    pub search: Search,
    /// Its clock.
    pub clock: Clock,
}

/// One bureau's office. Clones share it.
#[derive(Clone)]
pub struct Office {
    inner: Arc<Inner>,
}

struct Inner {
    me: BureauId,
    secrets: Secrets,
    ledger: Ledger,
    audit: AuditLog,
    search: Search,
    clock: Clock,
    peers: RwLock<peers::Peers>,
    cafs: RwLock<cafs::Cafs>,
    classes: RwLock<classes::Classes>,
    policy: RwLock<Arc<Policy>>,
    writing: Mutex<()>,
    /// Questions that wait for the name index.
    asking: AtomicUsize,
    /// A write failed after memory had counted what it would have brought.
    doubtful: AtomicBool,
}

impl Office {
    /// Opens the office on its books: reads what is small and often needed into memory.
    ///
    /// # Errors
    /// Where the books cannot be read, or the clock lies before the latest time seen.
    pub fn open(parts: Parts) -> Result<Self, Error> {
        let seen = parts.ledger.high_water()?;
        let behind_ms = seen.ms_since(parts.clock.raw());
        if behind_ms > TOLERANCE_MS {
            return Err(Error::ClockBehind { now: parts.clock.raw(), seen });
        }
        let peers = peers::Peers::load(&parts.ledger)?;
        let cafs = cafs::Cafs::load(&parts.ledger, |bureau| {
            if bureau == parts.me { Some(parts.secrets.signing.verifying_key()) } else { peers.key_of_any(bureau) }
        })?;
        let classes = classes::Classes::load(parts.me, &parts.ledger)?;
        let policy = policing::load(&parts.ledger)?;
        let inner = Inner {
            me: parts.me,
            secrets: parts.secrets,
            ledger: parts.ledger,
            audit: parts.audit,
            search: parts.search,
            clock: parts.clock,
            peers: RwLock::new(peers),
            cafs: RwLock::new(cafs),
            classes: RwLock::new(classes),
            policy: RwLock::new(Arc::new(policy)),
            writing: Mutex::new(()),
            asking: AtomicUsize::new(0),
            doubtful: AtomicBool::new(false),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Whose office this is.
    pub fn me(&self) -> BureauId {
        self.inner.me
    }

    /// Now, never before a time that was seen already.
    pub fn now(&self) -> Timestamp {
        self.inner.clock.now()
    }

    /// The clock.
    pub fn clock(&self) -> &Clock {
        &self.inner.clock
    }

    /// The books.
    pub fn ledger(&self) -> &Ledger {
        &self.inner.ledger
    }

    /// The audit log.
    pub fn audit(&self) -> &AuditLog {
        &self.inner.audit
    }

    /// The secrets.
    pub(crate) fn secrets(&self) -> &Secrets {
        &self.inner.secrets
    }

    /// Holds off other writers while a batch is put together. After a write that failed, what is in memory is first
    /// brought back in line with the books; as long as that cannot be done, nothing is written.
    fn writing(&self) -> Result<MutexGuard<'_, ()>, Error> {
        let writing = self.inner.writing.lock().unwrap_or_else(PoisonError::into_inner);
        if self.inner.doubtful.load(Ordering::Acquire) {
            self.ledger().store().settle()?;
            *write(&self.inner.classes) = classes::Classes::load(self.me(), self.ledger())?;
            self.inner.doubtful.store(false, Ordering::Release);
        }
        Ok(writing)
    }

    /// What became of a write. Where it failed, logs and their counts may stand in memory that never came to the disk:
    /// they are read again, now or else before the next write. The caller holds no lock.
    fn written<T>(&self, done: Result<T, Error>) -> Result<T, Error> {
        if done.is_err() {
            self.inner.doubtful.store(true, Ordering::Release);
            drop(self.writing());
        }
        done
    }

    /// A batch that also notes the time, so that a clock set back is noticed.
    fn batch(&self) -> Batch {
        let mut batch = Batch::default();
        self.ledger().put_high_water(&mut batch, self.now());
        batch
    }
}

/// A lock is never left in a state that its next holder must not see: writers replace whole values.
fn read<T>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

fn write<T>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}

/// The office's own random bytes.
fn random<const N: usize>() -> Result<[u8; N], Error> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| Error::Entropy(error.to_string()))?;
    Ok(bytes)
}
