//! What stands between this bureau and one other: what it is served, and how far this one has come.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use igain_protocol::bureau::BureauId;
use igain_protocol::sync::{Hello, Subscriber};
use igain_protocol::time::Timestamp;
use tokio::sync::{Notify, watch};

use super::lock;
use super::misconduct::Meter;
use crate::network::PeerKey;
use crate::office::{Bond, Error, Office, Served};

/// One other bureau.
pub(super) struct Link {
    pub(super) bureau: BureauId,
    pub(super) key: PeerKey,
    /// What the exchange rests on.
    pub(super) bond: Bond,
    /// What it is served.
    pub(super) served: Arc<Served>,
    /// Only one answer to it is given at a time.
    pub(super) serving: tokio::sync::Mutex<()>,
    /// Changes when an answer under way must end at once.
    pub(super) void: watch::Sender<u64>,
    /// Something was taken back that may be under way: set until nothing is any more.
    pub(super) tainted: AtomicBool,
    /// Its view was brought in line since it was read: before, nothing is served.
    pub(super) aligned: AtomicBool,
    /// Wakes the loop that pulls from it.
    pub(super) wake: Notify,
    /// What this bureau holds of it; none until it is read from the books again.
    subscriber: Mutex<Option<Subscriber>>,
    last_serial: AtomicU64,
    nudging: AtomicBool,
    /// What it did against the protocol of late.
    pub(super) breaches: Mutex<Meter>,
    status: Mutex<Status>,
}

#[derive(Debug, Clone, Default)]
struct Status {
    pulled: Option<Timestamp>,
    served: Option<Timestamp>,
    received: u64,
    refused: u64,
    last_error: Option<String>,
    hello: Hello,
}

/// How it stands with one bureau.
#[derive(Debug, Clone)]
pub struct LinkState {
    /// The bureau.
    pub bureau: BureauId,
    /// The last pull from it that ended well.
    pub pulled: Option<Timestamp>,
    /// The last answer to it that was complete.
    pub served: Option<Timestamp>,
    /// Entries that wait for it.
    pub behind: u64,
    /// The newest version of the format that its program says it reads; none before it said so.
    pub format: Option<u64>,
    /// Labels under which it may have records of this bureau.
    pub labels_out: usize,
    /// Labels under which it has given records.
    pub labels_in: usize,
    /// Records that it has given and that only a newer version of this node can read.
    pub newer: usize,
    /// Records received from it since the node started.
    pub received: u64,
    /// Records of it that were refused since the node started.
    pub refused: u64,
    /// What went wrong last.
    pub last_error: Option<String>,
}

impl Link {
    pub(super) fn open(office: &Office, bureau: BureauId, bond: Bond) -> Result<Self, Error> {
        Ok(Self {
            bureau,
            key: PeerKey::from_bytes(*bond.transport.as_bytes()),
            bond,
            served: Served::open(office, bureau)?,
            serving: tokio::sync::Mutex::new(()),
            void: watch::Sender::new(0),
            tainted: AtomicBool::new(false),
            aligned: AtomicBool::new(false),
            wake: Notify::new(),
            subscriber: Mutex::new(None),
            last_serial: AtomicU64::new(0),
            nudging: AtomicBool::new(false),
            breaches: Mutex::default(),
            status: Mutex::default(),
        })
    }

    /// Takes the machine that follows the peer, read from the books if an exchange was cut off.
    pub(super) fn take_subscriber(&self, office: &Office) -> Result<Subscriber, Error> {
        if let Some(subscriber) = lock(&self.subscriber).take() {
            return Ok(subscriber);
        }
        Ok(Subscriber::new(office.ledger().cursors(self.bureau)?))
    }

    /// Gives the machine back after an exchange that ended well.
    pub(super) fn put_subscriber(&self, subscriber: Subscriber) {
        *lock(&self.subscriber) = Some(subscriber);
    }

    /// The digest of what this bureau holds of the peer.
    pub(super) fn held_digest(&self, office: &Office) -> Result<[u8; 16], Error> {
        if let Some(subscriber) = lock(&self.subscriber).as_ref() {
            return Ok(subscriber.cursors().digest());
        }
        Ok(office.ledger().cursors(self.bureau)?.digest())
    }

    /// A serial for the next pull: it grows within an exchange, whatever the clock does.
    pub(super) fn next_serial(&self, now: Timestamp) -> u64 {
        let last = self.last_serial.load(Ordering::Relaxed);
        let serial = now.as_ms().max(last + 1);
        self.last_serial.store(serial, Ordering::Relaxed);
        serial
    }

    /// Claims the right to send a hint; false while one is on its way.
    pub(super) fn begin_nudge(&self) -> bool {
        !self.nudging.swap(true, Ordering::AcqRel)
    }

    pub(super) fn end_nudge(&self) {
        self.nudging.store(false, Ordering::Release);
    }

    pub(super) fn note_pulled(&self, now: Timestamp, received: usize, refused: usize) {
        let mut status = lock(&self.status);
        status.pulled = Some(now);
        status.received += received as u64;
        status.refused += refused as u64;
        status.last_error = None;
    }

    pub(super) fn note_hello(&self, hello: Hello) {
        lock(&self.status).hello = hello;
    }

    /// Whether the bureau is known to have an older card than this one's newest.
    pub(super) fn owes_card(&self, office: &Office) -> bool {
        self.bond.revoked.is_none() && office.card_for(&lock(&self.status).hello).is_some()
    }

    pub(super) fn note_served(&self, now: Timestamp) {
        lock(&self.status).served = Some(now);
    }

    pub(super) fn note_error(&self, error: &str) {
        lock(&self.status).last_error = Some(error.chars().take(300).collect());
    }

    pub(super) fn state(&self, office: &Office) -> Result<LinkState, Error> {
        let status = lock(&self.status).clone();
        let labels_in = office.labels_of(self.bureau);
        let (labels_out, behind) = self.served.extent()?;
        Ok(LinkState {
            bureau: self.bureau,
            pulled: status.pulled,
            served: status.served,
            behind,
            format: Some(status.hello.format).filter(|format| *format > 0),
            labels_out,
            labels_in,
            newer: office.ledger().newer_count(self.bureau)?,
            received: status.received,
            refused: status.refused,
            last_error: status.last_error,
        })
    }
}
