//! The behaviour that guards the door and opens streams: who may connect, and `/igain/sync/3` on each connection.

mod handler;

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use libp2p::core::{Endpoint, transport::PortUse};
use libp2p::swarm::{
    ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, NotifyHandler, THandler, THandlerInEvent,
    THandlerOutEvent, ToSwarm,
};
use libp2p::{Multiaddr, PeerId, Stream, StreamProtocol};
use tokio::sync::oneshot;

use super::Limits;
use super::address::PeerKey;
use super::address::ip_of;
use super::error::Error;
use super::peer::Peers;

use handler::{Handler, Order};

/// The one protocol that bureaus speak with each other. Another version is another name.
pub(super) const PROTOCOL: StreamProtocol = StreamProtocol::new("/igain/sync/3");

/// Where the stream goes that was asked for; dropped without a word when its connection goes.
pub(super) type Reply = oneshot::Sender<Result<Stream, OpenFailure>>;

/// Why no stream was opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum OpenFailure {
    /// The peer could not be reached.
    Unreachable(String),
    /// The peer does not speak the protocol.
    Unsupported,
    /// The connection ended.
    Closed(String),
}

impl OpenFailure {
    pub(super) fn into_error(self, peer: PeerKey) -> Error {
        match self {
            Self::Unreachable(cause) => Error::Unreachable { peer, cause },
            Self::Unsupported => Error::Unsupported { peer },
            Self::Closed(cause) => Error::Closed { peer, cause },
        }
    }
}

/// The reason given to libp2p for a connection that is not wanted; never sent to the other side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Denied {
    /// The key is not that of an allowed peer.
    NotAllowed,
    /// The peer is kept out after a flood, or its address has too many handshakes under way.
    TooMany,
}

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotAllowed => "the peer is not allowed",
            Self::TooMany => "too many connections",
        })
    }
}

impl std::error::Error for Denied {}

/// A stream that a peer opened.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) connection: ConnectionId,
    pub(super) stream: Stream,
}

/// The door and the streams. Keeps nothing about anyone it refuses.
#[derive(Debug)]
pub(super) struct Streams {
    peers: Arc<Peers>,
    per_address: usize,
    strangers: usize,
    /// Handshakes under way: where they come from, and whether that is where a peer is.
    pending: HashMap<ConnectionId, (IpAddr, bool)>,
    actions: VecDeque<ToSwarm<Opened, Order>>,
    waker: Option<Waker>,
}

impl Streams {
    pub(super) fn new(peers: Arc<Peers>, limits: &Limits) -> Self {
        Self {
            peers,
            per_address: limits.pending_per_address,
            strangers: limits.pending_strangers,
            pending: HashMap::new(),
            actions: VecDeque::new(),
            waker: None,
        }
    }

    /// Opens a stream on `connection`.
    pub(super) fn open(&mut self, peer: PeerId, connection: ConnectionId, reply: Reply) {
        self.order(peer, connection, Order::Open(reply));
    }

    /// Lets `connection` end once no exchange uses it, or takes that back.
    pub(super) fn retire(&mut self, peer: PeerId, connection: ConnectionId, retired: bool) {
        self.order(peer, connection, Order::Retire(retired));
    }

    fn order(&mut self, peer_id: PeerId, connection: ConnectionId, event: Order) {
        let handler = NotifyHandler::One(connection);
        self.actions.push_back(ToSwarm::NotifyHandler { peer_id, handler, event });
        self.wake();
    }

    fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    fn handler_for(&self, id: &PeerId, inbound: bool) -> Result<Handler, ConnectionDenied> {
        let peer = self.peers.by_id(id).ok_or_else(|| ConnectionDenied::new(Denied::NotAllowed))?;
        if inbound && peer.is_kept_out(Instant::now()) {
            return Err(ConnectionDenied::new(Denied::TooMany));
        }
        Ok(Handler::default())
    }
}

impl NetworkBehaviour for Streams {
    type ConnectionHandler = Handler;
    type ToSwarm = Opened;

    fn handle_pending_inbound_connection(
        &mut self,
        id: ConnectionId,
        _: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<(), ConnectionDenied> {
        let Some(ip) = ip_of(remote) else {
            return Err(ConnectionDenied::new(Denied::TooMany));
        };
        let known = self.peers.is_source(ip);
        let from_there = self.pending.values().filter(|(other, _)| *other == ip).count();
        let strangers = self.pending.values().filter(|(_, known)| !known).count();
        if from_there >= self.per_address || (!known && strangers >= self.strangers) {
            return Err(ConnectionDenied::new(Denied::TooMany));
        }
        self.pending.insert(id, (ip, known));
        Ok(())
    }

    fn handle_established_inbound_connection(
        &mut self,
        id: ConnectionId,
        peer: PeerId,
        _: &Multiaddr,
        _: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        let source = self.pending.remove(&id);
        let handler = self.handler_for(&peer, true)?;
        if let Some((ip, _)) = source {
            self.peers.note_source(&peer, ip);
        }
        Ok(handler)
    }

    fn handle_pending_outbound_connection(
        &mut self,
        _: ConnectionId,
        peer: Option<PeerId>,
        _: &[Multiaddr],
        _: Endpoint,
    ) -> Result<Vec<Multiaddr>, ConnectionDenied> {
        match peer {
            Some(peer) => self.handler_for(&peer, false).map(|_| Vec::new()),
            None => Err(ConnectionDenied::new(Denied::NotAllowed)),
        }
    }

    fn handle_established_outbound_connection(
        &mut self,
        _: ConnectionId,
        peer: PeerId,
        _: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.handler_for(&peer, false)
    }

    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        if let FromSwarm::ListenFailure(failure) = event {
            self.pending.remove(&failure.connection_id);
        }
    }

    fn on_connection_handler_event(&mut self, _: PeerId, id: ConnectionId, stream: THandlerOutEvent<Self>) {
        // The connection's task waits when the driver lags behind, so this queue stays as long as there are connections.
        self.actions.push_back(ToSwarm::GenerateEvent(Opened { connection: id, stream }));
        self.wake();
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        if let Some(action) = self.actions.pop_front() {
            return Poll::Ready(action);
        }
        self.waker = Some(cx.waker().clone());
        Poll::Pending
    }
}
