//! The office: what a bureau does with its books. Enrolling peers, keeping CAFs, contributing and withdrawing records,
//! deciding who may have what, taking in what others send, and answering its analysts.
//!
//! One file a duty. Everything here is blocking; whoever serves a network calls it from a blocking thread. There is one
//! way to write, a turn (`turn.rs`): duties that write are steps of one.

mod account;
mod align;
mod ask;
mod backup;
mod budget;
mod cafs;
mod card;
mod classes;
mod contribute;
mod disclose;
mod entitle;
mod error;
mod expire;
mod give_back;
mod held;
mod holders;
mod index;
mod letters;
mod memory;
mod mend;
mod news;
mod peers;
mod people;
mod policing;
mod purge;
mod receive;
mod reclaim;
mod recovery;
mod revoke;
mod sealed;
mod sent;
mod serve;
mod sweep;
mod time;
mod touched;
mod turn;
mod vouch;
mod why;
mod withdraw;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize};
use std::sync::{Arc, Mutex};

use igain_protocol::bureau::card::Former;
use igain_protocol::bureau::{BureauId, KeyId, SealingIdentity, SigningKey, VerifyingKey};
use igain_protocol::parcel;
use igain_protocol::record::SaltKey;
use zeroize::Zeroizing;

pub use account::{Actor, Deed};
pub use ask::{Answer, Caution, Hit, NameQuery, Question};
pub use backup::Snapshot;
pub use budget::{AT_ONCE_DAYS, Allowance, Budget, Cost};
pub use cafs::{Caf, NewCaf};
pub use card::check_keys;
pub use contribute::{Contribution, Draft, Outcome, Pace, Prepared};
pub use entitle::{Grant, Grants};
pub use error::{Error, Fault};
pub use holders::{Holder, HolderState};
pub use index::Indexer;
pub use mend::Hole;
pub use news::{News, Subscription};
pub use peers::{Bond, Peer, check_valid};
pub use policing::PlanRow;
pub use receive::{Examined, Received};
pub use reclaim::Reclaiming;
pub use recovery::{Heard, Recovery};
pub use serve::{Content, Served, Serving, Step};
pub use turn::Committed;
pub use why::Why;

use crate::audit::AuditLog;
use crate::clock::Clock;
use crate::keystore::Keys;
use crate::ledger::Ledger;
use crate::search::Search;
use crate::store::{Batch, StoreKey};
use align::Basis;
use budget::Budgets;
use give_back::Pages;
use memory::Memory;
use turn::Desk;

/// The secrets that the office works with.
pub struct Secrets {
    /// Signs records, letters and parcels.
    pub signing: SigningKey,
    /// Signed them before, the oldest first.
    pub former: Vec<Former>,
    /// Opens parcels.
    pub sealing: SealingIdentity,
    /// Open parcels of those who do not know that key yet, the newest first.
    pub former_sealing: Vec<SealingIdentity>,
    /// Shows on the network who calls, and proves on the card that this bureau has it.
    pub transport: SigningKey,
    /// Salts commitments.
    pub salt: SaltKey,
    /// Derives ids of imported records.
    pub record_id: Zeroizing<[u8; 32]>,
    /// Hides identifiers in the directory.
    pub identifier: Zeroizing<[u8; 32]>,
    /// Makes the nonces of commitments to the audit log.
    pub commitment: Zeroizing<[u8; 32]>,
}

impl Secrets {
    /// The office's secrets among a bureau's keys. Those that never leave the node are derived from the store's key.
    pub fn of(keys: &Keys) -> Self {
        let store = StoreKey::from_bytes(*keys.store_key());
        Self {
            signing: keys.signing(),
            former: keys.former(),
            sealing: keys.sealing(),
            former_sealing: keys.former_sealing(),
            transport: SigningKey::from_seed(*keys.transport_seed()),
            salt: SaltKey::new(*keys.salt_key()),
            record_id: keys.record_id_secret(),
            identifier: store.subkey(&[], "igain identifiers 1"),
            commitment: store.subkey(&[], "igain commitments 1"),
        }
    }
}

impl Secrets {
    /// The public keys that this bureau's cards name, or named.
    fn keys(&self) -> Vec<[u8; 32]> {
        let verifying = self.verifying().chain([self.transport.verifying_key()]);
        let sealing = self.sealings().map(|identity| *identity.sealing_key().as_bytes());
        verifying.map(|key| *key.as_bytes()).chain(sealing).collect()
    }

    /// What opens parcels, the newest first.
    fn sealings(&self) -> impl Iterator<Item = &SealingIdentity> {
        std::iter::once(&self.sealing).chain(&self.former_sealing)
    }

    /// The content of a sealed parcel.
    ///
    /// # Errors
    /// Where none of this bureau's keys opens it.
    pub fn open(&self, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, parcel::Error> {
        parcel::open(sealed, self.sealings())
    }

    /// The keys that verify what this bureau signs, and signed.
    fn verifying(&self) -> impl Iterator<Item = VerifyingKey> {
        std::iter::once(self.signing.verifying_key()).chain(self.former.iter().map(|former| former.key))
    }

    /// The one of these with an id; one of before only where `former` says that those count.
    fn own_key(&self, kid: KeyId, former: bool) -> Option<VerifyingKey> {
        let count = if former { usize::MAX } else { 1 };
        self.verifying().take(count).find(|key| key.key_id() == kid)
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
    /// Its name index; without one, nobody can ask for names.
    pub search: Option<Search>,
    /// Its clock.
    pub clock: Clock,
    /// Where its random bytes come from.
    pub entropy: Entropy,
}

/// A source of random bytes: fills the buffer, or says why not.
pub type Entropy = Box<dyn Fn(&mut [u8]) -> Result<(), String> + Send + Sync>;

/// The system's random bytes.
pub fn system_entropy() -> Entropy {
    Box::new(|bytes| getrandom::fill(bytes).map_err(|error| error.to_string()))
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
    search: Option<Search>,
    clock: Clock,
    entropy: Entropy,
    /// How often the node has started with these books.
    life: u64,
    /// Shared with commits on their way to the disk: they change it when they are visible.
    memory: Arc<Memory>,
    /// Held by whoever writes.
    desk: Mutex<Desk>,
    /// What was looked at when classes were brought in line last; held by whoever does that.
    basis: Mutex<Basis>,
    /// The day on which that was.
    aligned: AtomicU32,
    /// The last entry of all logs when they were swept last.
    swept: AtomicU64,
    /// Whether the account says that the system's clock is doubted.
    doubted: Mutex<bool>,
    /// Bureaus whose feed of records begins anew with their next pull.
    renewals: Mutex<BTreeSet<BureauId>>,
    /// How far bureaus have come that are given back what is theirs.
    pages: Mutex<BTreeMap<BureauId, Pages>>,
    /// What each member has spent.
    budgets: Mutex<Budgets>,
    /// Questions that wait for the name index.
    asking: AtomicUsize,
}

impl Office {
    /// Opens the office on its books: reads what is small and often needed into memory.
    ///
    /// # Errors
    /// Where the books cannot be read.
    pub fn open(parts: Parts) -> Result<Self, Error> {
        parts.ledger.check_format()?;
        parts.clock.resume(parts.ledger.clock()?.as_ref());
        let peers = peers::Peers::load(&parts.ledger)?;
        let cafs = cafs::Cafs::load(&parts.ledger)?;
        let renewals = parts.ledger.renewals()?.into_iter().collect();
        let budgets = Budgets::load(&parts.ledger)?;
        let policy = policing::load(&parts.ledger)?;
        let card = card::load(&parts.ledger)?;
        // The first turn reads the logs again, as after a write that failed.
        let classes = classes::Classes::load(parts.me, &parts.ledger)?;
        let life = parts.ledger.life()?.saturating_add(1);
        let inner = Inner {
            me: parts.me,
            life,
            secrets: parts.secrets,
            ledger: parts.ledger,
            audit: parts.audit,
            search: parts.search,
            clock: parts.clock,
            entropy: parts.entropy,
            memory: Arc::new(Memory::new(parts.me, peers, cafs, classes, policy, card)),
            desk: Mutex::default(),
            basis: Mutex::default(),
            aligned: AtomicU32::new(u32::MAX),
            swept: AtomicU64::new(0),
            doubted: Mutex::default(),
            renewals: Mutex::new(renewals),
            pages: Mutex::default(),
            budgets: Mutex::new(budgets),
            asking: AtomicUsize::new(0),
        };
        let office = Self { inner: Arc::new(inner) };
        office.check_account()?;
        office.ask_again()?;
        Ok(office)
    }

    /// Whose office this is.
    pub fn me(&self) -> BureauId {
        self.inner.me
    }

    /// The books.
    pub fn ledger(&self) -> &Ledger {
        &self.inner.ledger
    }

    /// The audit log.
    pub fn audit(&self) -> &AuditLog {
        &self.inner.audit
    }

    /// The name index.
    fn search(&self) -> Result<&Search, Error> {
        self.inner.search.as_ref().ok_or(Error::NoIndex)
    }

    /// The secrets.
    pub(crate) fn secrets(&self) -> &Secrets {
        &self.inner.secrets
    }

    /// What goes with every write: the time, so that a clock that jumps is noticed, and when exchanges ended well.
    fn put_passing(&self, batch: &mut Batch) {
        self.ledger().put_clock(batch, &self.clock().mark());
        self.ledger().put_life(batch, self.inner.life);
        for bureau in self.inner.memory.take_heard() {
            self.ledger().put_heard(batch, bureau, self.inner.life);
        }
        for (bureau, at) in self.inner.memory.take_synced() {
            self.ledger().put_synced(batch, bureau, at);
        }
        for (bureau, commitment) in self.inner.memory.take_commitments() {
            if let Err(error) = self.ledger().put_commitment(batch, bureau, self.now(), &commitment) {
                tracing::error!(%error, "what a bureau commits to could not be kept");
            }
        }
    }

    /// The office's own random bytes.
    fn random<const N: usize>(&self) -> Result<[u8; N], Error> {
        let mut bytes = [0; N];
        (self.inner.entropy)(&mut bytes).map_err(Error::Entropy)?;
        Ok(bytes)
    }
}

#[cfg(test)]
pub(crate) mod tests;
