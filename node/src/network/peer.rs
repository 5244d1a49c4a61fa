//! The allowed peers: who they are, where they are, what has passed between us.

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use libp2p::{Multiaddr, PeerId};
use tokio::sync::{Notify, Semaphore, watch};

use super::address::{Address, Error, PeerKey, ip_of};
use super::quota::Quota;
use super::{Limits, error};

/// Addresses of one peer that are used; a card with more is cut there.
const ADDRESSES_LIMIT: usize = 16;

/// Longest error text kept for `igain status`; it may hold what a peer's transport said.
const FAILURE_TEXT_LIMIT: usize = 500;

/// What a connection runs over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Transport {
    /// QUIC over UDP (RFC 9000), preferred.
    Quic,
    /// TCP with TLS 1.3 (RFC 8446) and yamux.
    Tcp,
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Quic => "quic",
            Self::Tcp => "tcp",
        })
    }
}

/// How it stands with one allowed peer.
#[derive(Debug, Clone, PartialEq)]
pub struct PeerState {
    /// The peer.
    pub key: PeerKey,
    /// Whether there is a connection now.
    pub connected: bool,
    /// When it came up, or when the last one was lost; `None` where there has been none.
    pub since: Option<SystemTime>,
    /// The last ping on the connection in use.
    pub rtt_ms: Option<f64>,
    /// What the connection in use runs over.
    pub transport: Option<Transport>,
    /// The remote multiaddress of the connection in use.
    pub address: Option<String>,
    /// How many connections there are; two only for a moment after both sides dialled.
    pub connections: usize,
    /// Bytes of frames received from the peer since it was allowed.
    pub bytes_in: u64,
    /// Bytes of frames sent to the peer since it was allowed.
    pub bytes_out: u64,
    /// What last went wrong, and when.
    pub last_error: Option<Failure>,
}

/// Something that went wrong with a peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// When.
    pub at: SystemTime,
    /// What, for a person to read.
    pub message: String,
}

/// Why nothing goes to a peer any more, or comes from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cut {
    /// It was removed from the allowed ones.
    Removed,
    /// This node's network ends.
    Stopped,
}

impl Cut {
    pub(super) const fn error(self, peer: PeerKey) -> error::Error {
        match self {
            Self::Removed => error::Error::NotAllowed { peer },
            Self::Stopped => error::Error::Stopped,
        }
    }
}

/// One allowed peer. An entry that was removed stays cut, even when its key is allowed again: that makes a new one.
#[derive(Debug)]
pub(super) struct Peer {
    pub(super) key: PeerKey,
    pub(super) id: PeerId,
    /// Places for exchanges that the peer opens.
    pub(super) inbound: Arc<Semaphore>,
    /// Places for exchanges that this node opens.
    pub(super) outbound: Arc<Semaphore>,
    /// Frames that the peer may have taken per second.
    pub(super) quota: Mutex<Quota>,
    pub(super) bytes_in: AtomicU64,
    pub(super) bytes_out: AtomicU64,
    cut: watch::Sender<Option<Cut>>,
    facts: Mutex<Facts>,
}

/// What is known about a peer's connections; written by the driver.
#[derive(Debug, Default)]
pub(super) struct Facts {
    pub(super) addresses: Vec<Multiaddr>,
    pub(super) link: Option<LinkFacts>,
    pub(super) connections: usize,
    pub(super) lost_at: Option<SystemTime>,
    /// Where it came from last, where its card does not name that.
    came_from: Option<IpAddr>,
    /// Inbound connections are refused until then.
    pub(super) kept_out_until: Option<Instant>,
    last_error: Option<Failure>,
}

/// The connection in use.
#[derive(Debug, Clone)]
pub(super) struct LinkFacts {
    pub(super) transport: Transport,
    pub(super) address: String,
    pub(super) since: SystemTime,
    pub(super) rtt: Option<Duration>,
}

impl Peer {
    fn new(key: PeerKey, id: PeerId, limits: &Limits) -> Self {
        Self {
            key,
            id,
            inbound: Arc::new(Semaphore::new(limits.inbound_exchanges)),
            outbound: Arc::new(Semaphore::new(limits.outbound_exchanges)),
            quota: Mutex::new(Quota::new(limits.frames_per_s, Instant::now())),
            bytes_in: AtomicU64::new(0),
            bytes_out: AtomicU64::new(0),
            cut: watch::Sender::new(None),
            facts: Mutex::default(),
        }
    }

    /// Where it is, by its card and by where it came from last.
    fn sources(&self) -> Vec<IpAddr> {
        let facts = self.facts();
        facts.addresses.iter().filter_map(ip_of).chain(facts.came_from).collect()
    }

    pub(super) fn facts(&self) -> MutexGuard<'_, Facts> {
        lock(&self.facts)
    }

    /// Why the peer is cut; none where it is not.
    pub(super) fn cut(&self) -> Option<Cut> {
        *self.cut.borrow()
    }

    /// Whether it is cut.
    pub(super) fn is_cut(&self) -> bool {
        self.cut().is_some()
    }

    /// Whether the peer is paying for a flood.
    pub(super) fn is_kept_out(&self, now: Instant) -> bool {
        self.facts().kept_out_until.is_some_and(|until| now < until)
    }

    /// Says when the peer is cut, and why.
    pub(super) fn cut_signal(&self) -> watch::Receiver<Option<Cut>> {
        self.cut.subscribe()
    }

    /// Keeps `message` for `igain status`.
    pub(super) fn note_failure(&self, message: impl Into<String>) {
        let mut message: String = message.into();
        if let Some((end, _)) = message.char_indices().nth(FAILURE_TEXT_LIMIT) {
            message.truncate(end);
        }
        self.facts().last_error = Some(Failure { at: SystemTime::now(), message });
    }

    /// The last failure's text, for an error about the peer.
    pub(super) fn last_failure(&self) -> Option<String> {
        self.facts().last_error.as_ref().map(|failure| failure.message.clone())
    }

    fn state(&self) -> PeerState {
        let facts = self.facts();
        let link = facts.link.as_ref();
        PeerState {
            key: self.key,
            connected: link.is_some(),
            since: link.map(|link| link.since).or(facts.lost_at),
            rtt_ms: link.and_then(|link| link.rtt).map(|rtt| rtt.as_secs_f64() * 1e3),
            transport: link.map(|link| link.transport),
            address: link.map(|link| link.address.clone()),
            connections: facts.connections,
            bytes_in: self.bytes_in.load(Ordering::Relaxed),
            bytes_out: self.bytes_out.load(Ordering::Relaxed),
            last_error: facts.last_error.clone(),
        }
    }
}

/// The allowed peers. The behaviour asks it at every handshake, so a removal needs no message to take effect.
#[derive(Debug)]
pub(super) struct Peers {
    own: PeerId,
    limits: Limits,
    allowed: Mutex<BTreeMap<PeerKey, Arc<Peer>>>,
    /// Where peers are, by their cards and by where they came from.
    sources: Mutex<HashSet<IpAddr>>,
    /// Wakes the driver after a change.
    pub(super) changed: Notify,
}

impl Peers {
    pub(super) fn new(own: PeerId, limits: &Limits) -> Self {
        let (allowed, sources) = (Mutex::default(), Mutex::default());
        Self { own, limits: limits.clone(), allowed, sources, changed: Notify::new() }
    }

    /// Replaces the set; entries that stay keep their state. Returns what of `peers` could not be used.
    pub(super) fn set_allowed(&self, peers: Vec<(PeerKey, Vec<String>)>) -> Vec<(PeerKey, Error)> {
        let mut problems = Vec::new();
        let mut allowed = lock(&self.allowed);
        let mut old = std::mem::take(&mut *allowed);
        for (key, addresses) in peers {
            let id = match key.peer_id() {
                Ok(id) if id == self.own => continue,
                Ok(id) => id,
                Err(error) => {
                    problems.push((key, error));
                    continue;
                }
            };
            let peer = old.remove(&key).or_else(|| allowed.remove(&key));
            let peer = peer.unwrap_or_else(|| Arc::new(Peer::new(key, id, &self.limits)));
            peer.facts().addresses = usable(key, &addresses, &mut problems);
            allowed.insert(key, peer);
        }
        for removed in old.values() {
            removed.cut.send_replace(Some(Cut::Removed));
        }
        let sources = allowed.values().flat_map(|peer| peer.sources()).collect();
        drop(allowed);
        *lock(&self.sources) = sources;
        self.changed.notify_one();
        problems
    }

    /// Cuts all of them: the network ends.
    pub(super) fn stop(&self) {
        let stopped = std::mem::take(&mut *lock(&self.allowed));
        stopped.values().for_each(|peer| _ = peer.cut.send_replace(Some(Cut::Stopped)));
        self.changed.notify_one();
    }

    /// Whether a peer is, or came from, there.
    pub(super) fn is_source(&self, ip: IpAddr) -> bool {
        lock(&self.sources).contains(&ip)
    }

    /// Notes where a peer has come from.
    pub(super) fn note_source(&self, id: &PeerId, ip: IpAddr) {
        let Some(peer) = self.by_id(id) else { return };
        peer.facts().came_from = Some(ip);
        *lock(&self.sources) = self.all().iter().flat_map(|peer| peer.sources()).collect();
    }

    pub(super) fn by_key(&self, key: &PeerKey) -> Option<Arc<Peer>> {
        lock(&self.allowed).get(key).cloned()
    }

    pub(super) fn by_id(&self, id: &PeerId) -> Option<Arc<Peer>> {
        self.by_key(&PeerKey::of_peer_id(id)?)
    }

    pub(super) fn all(&self) -> Vec<Arc<Peer>> {
        lock(&self.allowed).values().cloned().collect()
    }

    pub(super) fn states(&self) -> Vec<PeerState> {
        self.all().iter().map(|peer| peer.state()).collect()
    }
}

/// The addresses of a peer that can be dialled.
fn usable(key: PeerKey, addresses: &[String], problems: &mut Vec<(PeerKey, Error)>) -> Vec<Multiaddr> {
    let mut usable = Vec::new();
    for text in addresses.iter().take(ADDRESSES_LIMIT) {
        match Address::to_dial(text) {
            Ok(address) => usable.push(address.multiaddr()),
            Err(error) => problems.push((key, error)),
        }
    }
    usable
}

/// Nothing panics while it holds one of these locks, and what they guard is whole between any two statements.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replacing_the_set_keeps_who_stays_and_cuts_who_goes() {
        let [own, a, b] = [1, 2, 3].map(|seed| PeerKey::of_seed(&[seed; 32]).unwrap());
        let peers = Peers::new(own.peer_id().unwrap(), &Limits::default());
        assert_eq!(peers.set_allowed(vec![(own, vec![]), (a, vec![]), (b, vec![])]), []);
        assert_eq!(peers.all().len(), 2, "a node is not its own peer");
        let (first_a, first_b) = (peers.by_key(&a).unwrap(), peers.by_key(&b).unwrap());

        peers.set_allowed(vec![(a, vec!["/ip4/127.0.0.1/tcp/9".into()])]);
        assert!(Arc::ptr_eq(&first_a, &peers.by_key(&a).unwrap()) && !first_a.is_cut());
        assert!(first_b.is_cut() && peers.by_key(&b).is_none());

        peers.set_allowed(vec![(a, vec![]), (b, vec![])]);
        assert!(first_b.is_cut(), "a removed entry stays cut when its key comes back");
        assert!(!peers.by_key(&b).unwrap().is_cut());
    }

    #[test]
    fn one_bad_address_leaves_the_others_in_force() {
        let [own, a] = [1, 2].map(|seed| PeerKey::of_seed(&[seed; 32]).unwrap());
        let peers = Peers::new(own.peer_id().unwrap(), &Limits::default());
        let addresses = vec!["nonsense".into(), "/ip4/127.0.0.1/tcp/9".into(), "/ip4/127.0.0.1/tcp/0".into()];
        let problems = peers.set_allowed(vec![(a, addresses), (PeerKey::from_bytes([2; 32]), vec![])]);
        assert_eq!(problems.len(), 3);
        assert_eq!(peers.by_key(&a).unwrap().facts().addresses.len(), 1);
    }
}
