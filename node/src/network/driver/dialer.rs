//! Whom to dial and when, and who waits for it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use libp2p::core::transport::TransportError;
use libp2p::swarm::DialError;
use libp2p::swarm::dial_opts::{DialOpts, PeerCondition};
use libp2p::{Multiaddr, PeerId};

use super::super::peer::Peer;
use super::super::redial::Redial;
use super::{OpenFailure, Reply};

/// Dials under way at a time; a federation whose every member is down must not take all of a node's sockets.
const DIALS_LIMIT: usize = 32;

/// Pause before looking again for a free place among the dials.
const PLACE_PAUSE: Duration = Duration::from_millis(200);

/// Keeps the attempts to reach the allowed peers. Every peer in it is either connected, being dialled, or due at
/// a known time.
#[derive(Debug)]
pub(super) struct Dialer {
    bounds: (Duration, Duration),
    targets: HashMap<PeerId, Target>,
}

#[derive(Debug)]
struct Target {
    peer: Arc<Peer>,
    addresses: Vec<Multiaddr>,
    redial: Redial,
    stage: Stage,
    waiting: Vec<Reply>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Away,
    Dialling,
    Connected,
}

impl Dialer {
    pub(super) fn new(bounds: (Duration, Duration)) -> Self {
        Self { bounds, targets: HashMap::new() }
    }

    /// Takes over the allowed peers: forgets who went, starts with who is new or has moved.
    pub(super) fn replace(&mut self, peers: Vec<Arc<Peer>>, is_connected: impl Fn(&Arc<Peer>) -> bool) {
        let mut old = std::mem::take(&mut self.targets);
        for peer in peers {
            let addresses = peer.facts().addresses.clone();
            let target = match old.remove(&peer.id) {
                Some(mut target) if Arc::ptr_eq(&target.peer, &peer) => {
                    if target.addresses != addresses {
                        target.redial.renew();
                    }
                    Target { addresses, ..target }
                }
                _ => {
                    let stage = if is_connected(&peer) { Stage::Connected } else { Stage::Away };
                    let peer = Arc::clone(&peer);
                    Target { peer, addresses, redial: Redial::new(self.bounds), stage, waiting: Vec::new() }
                }
            };
            self.targets.insert(peer.id, target);
        }
    }

    /// Whether `peer` is among those taken over.
    pub(super) fn knows(&self, peer: &Arc<Peer>) -> bool {
        self.targets.get(&peer.id).is_some_and(|target| Arc::ptr_eq(&target.peer, peer))
    }

    /// When somebody is due to be dialled next.
    pub(super) fn next_due(&self) -> Option<Instant> {
        let now = Instant::now();
        let next = self.away().map(|target| target.redial.due().unwrap_or(now)).min()?;
        Some(if self.dials() < DIALS_LIMIT { next } else { next.max(now + PLACE_PAUSE) })
    }

    /// Who is to be dialled now.
    pub(super) fn due(&self, now: Instant) -> Vec<Arc<Peer>> {
        let places = DIALS_LIMIT.saturating_sub(self.dials());
        let due = self.away().filter(|target| target.redial.due().is_none_or(|due| due <= now));
        due.take(places).map(|target| Arc::clone(&target.peer)).collect()
    }

    /// Lets `reply` wait for a connection, or answers it where an attempt has just failed. Says whether to dial.
    pub(super) fn wait(&mut self, peer: &Arc<Peer>, reply: Reply, now: Instant) -> bool {
        let (dials, target) = (self.dials(), self.target(peer));
        let Some(target) = target else {
            // The caller may have stopped waiting.
            let _ = reply.send(Err(OpenFailure::Closed("the peer is no longer allowed".into())));
            return false;
        };
        if target.stage == Stage::Away && target.redial.is_fresh(now) {
            let cause = peer.last_failure().unwrap_or_else(|| "the last attempt failed".into());
            let _ = reply.send(Err(OpenFailure::Unreachable(cause)));
            return false;
        }
        target.waiting.retain(|other| !other.is_closed());
        target.waiting.push(reply);
        target.stage == Stage::Away && dials < DIALS_LIMIT
    }

    /// Begins an attempt; `None` where there is nowhere to dial.
    pub(super) fn begin(&mut self, peer: &Arc<Peer>) -> Option<DialOpts> {
        let target = self.target(peer)?;
        if target.addresses.is_empty() {
            return None;
        }
        target.stage = Stage::Dialling;
        // A port of its own: two nodes that dial each other from their listening ports would meet in one half-open
        // TCP connection, in which both are the client.
        let options = DialOpts::peer_id(peer.id)
            .addresses(target.addresses.clone())
            .condition(PeerCondition::DisconnectedAndNotDialing)
            .allocate_new_port()
            .build();
        Some(options)
    }

    /// A connection came up, from either side. Returns who waited for it.
    pub(super) fn connected(&mut self, peer: &Arc<Peer>) -> Vec<Reply> {
        let Some(target) = self.target(peer) else { return Vec::new() };
        target.stage = Stage::Connected;
        std::mem::take(&mut target.waiting)
    }

    /// An attempt came to nothing. A connection that the peer made meanwhile stands.
    pub(super) fn failed(&mut self, peer: &Arc<Peer>, now: Instant, cause: &str) {
        let Some(target) = self.target(peer) else { return };
        if target.stage == Stage::Connected {
            return;
        }
        target.stage = Stage::Away;
        target.redial.failed(now, jitter());
        for reply in target.waiting.drain(..) {
            let _ = reply.send(Err(OpenFailure::Unreachable(cause.into())));
        }
    }

    /// The last connection ended.
    pub(super) fn lost(&mut self, peer: &Arc<Peer>, now: Instant, age: Duration) {
        let Some(target) = self.target(peer) else { return };
        if target.stage == Stage::Connected {
            target.stage = Stage::Away;
            target.redial.lost(now, age, jitter());
        }
    }

    fn away(&self) -> impl Iterator<Item = &Target> {
        self.targets.values().filter(|target| target.stage == Stage::Away && !target.addresses.is_empty())
    }

    fn dials(&self) -> usize {
        self.targets.values().filter(|target| target.stage == Stage::Dialling).count()
    }

    fn target(&mut self, peer: &Arc<Peer>) -> Option<&mut Target> {
        self.targets.get_mut(&peer.id).filter(|target| Arc::ptr_eq(&target.peer, peer))
    }
}

/// Spreads the attempts of many nodes; no secret hangs on it, so a system without randomness gets none.
fn jitter() -> u32 {
    getrandom::u32().unwrap_or(u32::MAX / 2)
}

/// A failed attempt in words: what happened at each address.
pub(super) fn describe(error: &DialError) -> String {
    match error {
        DialError::Transport(attempts) => {
            let attempts: Vec<String> = attempts.iter().map(|(address, error)| attempt(address, error)).collect();
            attempts.join("; ")
        }
        DialError::WrongPeerId { address, .. } => format!("{} answers with another key", without_peer(address)),
        DialError::LocalPeerId { address } => format!("{} is this node itself", without_peer(address)),
        DialError::NoAddresses => "its only addresses are this node's own".into(),
        DialError::Denied { cause } => cause.to_string(),
        DialError::Aborted | DialError::DialPeerConditionFalse(_) => "the attempt was abandoned".into(),
    }
}

fn attempt(address: &Multiaddr, error: &TransportError<std::io::Error>) -> String {
    let address = without_peer(address);
    match error {
        TransportError::MultiaddrNotSupported(_) => format!("{address} is not supported here"),
        TransportError::Other(error) => format!("{address}: {}", innermost(error)),
    }
}

/// What the system or the other side said, without the layers around it.
fn innermost(error: &std::io::Error) -> String {
    let mut innermost: &dyn std::error::Error = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

fn without_peer(address: &Multiaddr) -> Multiaddr {
    address.iter().filter(|part| !matches!(part, libp2p::multiaddr::Protocol::P2p(_))).collect()
}
