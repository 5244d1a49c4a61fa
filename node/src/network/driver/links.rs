//! The connections that are up, and which of a peer's is the one to use.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use libp2p::PeerId;
use libp2p::core::connection::ConnectedPoint;
use libp2p::multiaddr::Protocol;
use libp2p::swarm::ConnectionId;

use super::super::address::PeerKey;
use super::super::peer::{LinkFacts, Peer};
use super::Transport;

/// One connection.
#[derive(Debug)]
pub(super) struct Link {
    peer: Arc<Peer>,
    facts: LinkFacts,
    /// Whether the side with the lower key dialled: both sides see this alike, and so retire the same connection.
    lower_dialled: bool,
    up: Instant,
    retired: bool,
    refused_streams: u32,
}

impl Link {
    pub(super) fn new(peer: Arc<Peer>, endpoint: &ConnectedPoint, own: PeerId, now: Instant) -> Self {
        // A dialler knows the address as the card has it; a listener only the port that the dialler happened to get.
        let (local, remote) = match endpoint {
            ConnectedPoint::Dialer { address, .. } => (address, address),
            ConnectedPoint::Listener { local_addr, send_back_addr } => (local_addr, send_back_addr),
        };
        let is_quic = local.iter().any(|part| part == Protocol::QuicV1);
        let mut address = remote.clone();
        if let Some(Protocol::P2p(_)) = address.iter().last() {
            address.pop();
        }
        let facts = LinkFacts {
            transport: if is_quic { Transport::Quic } else { Transport::Tcp },
            address: address.to_string(),
            since: SystemTime::now(),
            rtt: None,
        };
        let lower_dialled = endpoint.is_dialer() == (own < peer.id);
        Self { peer, facts, lower_dialled, up: now, retired: false, refused_streams: 0 }
    }

    pub(super) const fn peer(&self) -> &Arc<Peer> {
        &self.peer
    }

    pub(super) const fn transport(&self) -> Transport {
        self.facts.transport
    }

    pub(super) fn age(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.up)
    }

    /// Counts a stream that was refused, and says how many there were.
    pub(super) fn refuse_stream(&mut self) -> u32 {
        self.refused_streams = self.refused_streams.saturating_add(1);
        self.refused_streams
    }

    /// The connection with the greatest rank is used. QUIC comes first; then the dialling side decides, as both sides
    /// see it; then the younger one, because the older is what a restarted peer left behind.
    fn rank(&self) -> (bool, bool, Instant) {
        (self.facts.transport == Transport::Quic, self.lower_dialled, self.up)
    }
}

/// All connections. There are few for each peer, so it is looked through rather than indexed.
#[derive(Debug, Default)]
pub(super) struct Links(HashMap<ConnectionId, Link>);

impl Links {
    pub(super) fn insert(&mut self, id: ConnectionId, link: Link) {
        self.0.insert(id, link);
    }

    pub(super) fn remove(&mut self, id: ConnectionId) -> Option<Link> {
        self.0.remove(&id)
    }

    pub(super) fn by_id(&mut self, id: ConnectionId) -> Option<&mut Link> {
        self.0.get_mut(&id)
    }

    /// The connections of peers that are no longer allowed.
    pub(super) fn cut(&self) -> Vec<ConnectionId> {
        self.0.iter().filter(|(_, link)| link.peer.is_cut()).map(|(id, _)| *id).collect()
    }

    pub(super) fn all_of(&self, peer: &Arc<Peer>) -> Vec<ConnectionId> {
        self.of(peer).map(|(id, _)| *id).collect()
    }

    /// All connections with the owner of a key, whether or not it is allowed any more.
    pub(super) fn with(&self, key: PeerKey) -> Vec<ConnectionId> {
        self.0.iter().filter(|(_, link)| link.peer.key == key).map(|(id, _)| *id).collect()
    }

    /// The connection to use with a peer.
    pub(super) fn best(&self, peer: &Arc<Peer>) -> Option<ConnectionId> {
        self.of(peer).max_by_key(|(_, link)| link.rank()).map(|(id, _)| *id)
    }

    /// Ranks a peer's connections anew: notes the best among the peer's facts, and returns those whose retirement
    /// changes, with what it changes to.
    pub(super) fn rank(&mut self, peer: &Arc<Peer>) -> Vec<(ConnectionId, bool)> {
        let best = self.best(peer);
        let mut changed = Vec::new();
        for (id, link) in self.0.iter_mut().filter(|(_, link)| Arc::ptr_eq(&link.peer, peer)) {
            let retired = Some(*id) != best;
            if std::mem::replace(&mut link.retired, retired) != retired {
                changed.push((*id, retired));
            }
        }
        let mut facts = peer.facts();
        facts.connections = self.of(peer).count();
        facts.link = best.and_then(|id| self.0.get(&id)).map(|link| link.facts.clone());
        changed
    }

    pub(super) fn note_rtt(&mut self, id: ConnectionId, rtt: Duration) {
        let Some(link) = self.0.get_mut(&id) else { return };
        link.facts.rtt = Some(rtt);
        if !link.retired {
            link.peer.facts().link = Some(link.facts.clone());
        }
    }

    fn of<'a>(&'a self, peer: &'a Arc<Peer>) -> impl Iterator<Item = (&'a ConnectionId, &'a Link)> {
        self.0.iter().filter(move |(_, link)| Arc::ptr_eq(&link.peer, peer))
    }
}
