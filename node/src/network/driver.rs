//! The task that owns the swarm: turns its events and the node's commands into connections kept, streams handed out
//! and facts noted.

mod dialer;
mod links;

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use futures::StreamExt;
use libp2p::core::connection::ConnectedPoint;
use libp2p::swarm::{ConnectionDenied, ConnectionError, ConnectionId, DialError, ListenError, Swarm, SwarmEvent};
use libp2p::{PeerId, Stream, connection_limits, ping};
use tokio::sync::{broadcast, mpsc, oneshot};

use super::Limits;
use super::address::PeerKey;
use super::exchange::Exchange;
use super::notice::{Notice, Refusal, RefusalMeter};
use super::peer::{Cut, Peer, Peers, Transport};
use super::streams::{Denied, OpenFailure, Opened, Reply};
use super::transport::{Node, NodeEvent};

use dialer::Dialer;
use links::{Link, Links};

/// Longest sleep between two looks at who is due to be dialled.
const IDLE: Duration = Duration::from_secs(3_600);

/// Longest wait for the peers' connections to close on shutdown.
const GOODBYE: Duration = Duration::from_secs(3);

/// A connection that the other side closes so soon was perhaps refused by it.
const SOON: Duration = Duration::from_secs(3);

/// What the node asks of the driver.
#[derive(Debug)]
pub(super) enum Command {
    /// Open a stream with a peer, dialling it where needed.
    Open {
        /// The peer.
        peer: Arc<Peer>,
        /// Where the stream goes.
        reply: Reply,
    },
    /// Close all connections with a peer, and say when they are closed: what they had not sent yet is not sent.
    Cut {
        /// The peer, allowed or not.
        key: PeerKey,
        /// Told when no connection is left.
        done: oneshot::Sender<()>,
    },
    /// Close everything and end.
    Shutdown(oneshot::Sender<()>),
}

/// Owns the swarm and what is known of its connections.
pub(super) struct Driver {
    swarm: Swarm<Node>,
    own: PeerId,
    peers: Arc<Peers>,
    limits: Arc<Limits>,
    commands: mpsc::Receiver<Command>,
    incoming: mpsc::Sender<Exchange>,
    notices: broadcast::Sender<Notice>,
    links: Links,
    dialer: Dialer,
    refusals: RefusalMeter,
    /// Who waits until a peer has no connection left.
    cutting: Vec<(PeerKey, oneshot::Sender<()>)>,
}

impl Driver {
    pub(super) fn new(
        swarm: Swarm<Node>,
        peers: Arc<Peers>,
        limits: Arc<Limits>,
        commands: mpsc::Receiver<Command>,
        incoming: mpsc::Sender<Exchange>,
        notices: broadcast::Sender<Notice>,
    ) -> Self {
        let own = *swarm.local_peer_id();
        let dialer = Dialer::new(limits.redial);
        let (links, refusals) = (Links::default(), RefusalMeter::default());
        let cutting = Vec::new();
        Self { swarm, own, peers, limits, commands, incoming, notices, links, dialer, refusals, cutting }
    }

    /// Runs until it is told to shut down or nobody can command it any more.
    pub(super) async fn run(mut self) {
        loop {
            let due = self.dialer.next_due().unwrap_or_else(|| Instant::now() + IDLE);
            tokio::select! {
                event = self.swarm.select_next_some() => self.on_event(event),
                command = self.commands.recv() => match command {
                    Some(Command::Open { peer, reply }) => self.open(&peer, reply),
                    Some(Command::Cut { key, done }) => self.cut(key, done),
                    Some(Command::Shutdown(done)) => return self.shut_down(done).await,
                    None => return,
                },
                () = self.peers.changed.notified() => self.on_peers_changed(),
                () = tokio::time::sleep_until(due.into()) => self.dial_due(),
            }
        }
    }

    async fn shut_down(mut self, done: oneshot::Sender<()>) {
        self.on_peers_changed();
        let closed = async {
            while self.swarm.connected_peers().next().is_some() {
                self.swarm.select_next_some().await;
            }
        };
        // A peer that takes nothing any more does not take the goodbye either: it is not waited for.
        let _ = tokio::time::timeout(GOODBYE, closed).await;
        drop(self.swarm);
        // The caller may have stopped waiting; the network is down all the same.
        let _ = done.send(());
    }

    fn on_event(&mut self, event: SwarmEvent<NodeEvent>) {
        match event {
            SwarmEvent::Behaviour(NodeEvent::Streams(opened)) => self.on_stream(opened),
            SwarmEvent::Behaviour(NodeEvent::Ping(event)) => self.on_ping(event),
            SwarmEvent::ConnectionEstablished { peer_id, connection_id, endpoint, .. } => {
                self.on_connected(peer_id, connection_id, &endpoint);
            }
            SwarmEvent::ConnectionClosed { connection_id, cause, .. } => self.on_closed(connection_id, cause),
            SwarmEvent::OutgoingConnectionError { peer_id: Some(id), error, .. } => self.on_dial_failed(id, &error),
            SwarmEvent::IncomingConnectionError { peer_id, send_back_addr, error, .. } => {
                self.on_refused(peer_id, &send_back_addr.to_string(), &error);
            }
            SwarmEvent::ListenerError { error, .. } => tracing::warn!(%error, "listener"),
            SwarmEvent::ListenerClosed { reason: Err(error), .. } => tracing::error!(%error, "listener closed"),
            _ => {}
        }
    }

    /// The allowed peers are others than before: closes what is no longer allowed, dials who is new.
    fn on_peers_changed(&mut self) {
        for id in self.links.cut() {
            self.swarm.close_connection(id);
        }
        self.dialer.replace(self.peers.all(), |peer| self.links.best(peer).is_some());
    }

    fn open(&mut self, peer: &Arc<Peer>, reply: Reply) {
        if !self.dialer.knows(peer) {
            // The command overtook the news of the change that allowed the peer.
            self.on_peers_changed();
        }
        if let Some(link) = self.links.best(peer) {
            return self.swarm.behaviour_mut().streams.open(peer.id, link, reply);
        }
        if self.dialer.wait(peer, reply, Instant::now()) {
            self.dial(peer);
        }
    }

    fn cut(&mut self, key: PeerKey, done: oneshot::Sender<()>) {
        for id in self.links.with(key) {
            self.swarm.close_connection(id);
        }
        self.cutting.push((key, done));
        self.tell_cut(key);
    }

    /// Tells those who wait for it once a peer has no connection left.
    fn tell_cut(&mut self, key: PeerKey) {
        if self.links.with(key).is_empty() {
            for (_, done) in self.cutting.extract_if(.., |(waits, _)| *waits == key) {
                // Whoever waited may have given up.
                let _ = done.send(());
            }
        }
    }

    fn dial_due(&mut self) {
        for peer in self.dialer.due(Instant::now()) {
            self.dial(&peer);
        }
    }

    fn dial(&mut self, peer: &Arc<Peer>) {
        let Some(options) = self.dialer.begin(peer) else {
            return self.on_unreachable(peer, "its card gives no address that can be dialled".into());
        };
        if let Err(error) = self.swarm.dial(options) {
            self.on_dial_failed(peer.id, &error);
        }
    }

    fn on_dial_failed(&mut self, id: PeerId, error: &DialError) {
        if let DialError::WrongPeerId { obtained, address } = error {
            self.refuse(Some(*obtained), &address.to_string(), Refusal::WrongKey);
        }
        if let Some(peer) = self.peers.by_id(&id) {
            self.on_unreachable(&peer, dialer::describe(error));
        }
    }

    fn on_unreachable(&mut self, peer: &Arc<Peer>, cause: String) {
        tracing::debug!(peer = %peer.key, cause, "peer cannot be reached");
        self.dialer.failed(peer, Instant::now(), &cause);
        peer.note_failure(cause);
    }

    fn on_connected(&mut self, id: PeerId, connection: ConnectionId, endpoint: &ConnectedPoint) {
        // The peer may have been removed since the handshake.
        let Some(peer) = self.peers.by_id(&id) else {
            self.swarm.close_connection(connection);
            return;
        };
        let link = Link::new(Arc::clone(&peer), endpoint, self.own, Instant::now());
        let transport = link.transport();
        let is_first = self.links.best(&peer).is_none();
        self.links.insert(connection, link);
        self.rank(&peer);
        for reply in self.dialer.connected(&peer) {
            self.open(&peer, reply);
        }
        if is_first {
            tracing::debug!(peer = %peer.key, %transport, "connected");
            self.tell(Notice::Connected { peer: peer.key, transport });
        }
    }

    fn on_closed(&mut self, connection: ConnectionId, cause: Option<ConnectionError>) {
        let Some(link) = self.links.remove(connection) else { return };
        let peer = Arc::clone(link.peer());
        self.tell_cut(peer.key);
        self.rank(&peer);
        if self.links.best(&peer).is_some() {
            return;
        }
        let age = link.age(Instant::now());
        let cause = match cause {
            None => match peer.cut() {
                Some(Cut::Removed) => "the peer is no longer allowed".into(),
                Some(Cut::Stopped) => "this node stops".into(),
                None => "this node closed the connection".into(),
            },
            Some(error) if age < SOON => {
                format!("{error} soon after the handshake; the peer may not have enrolled this bureau")
            }
            Some(error) => error.to_string(),
        };
        tracing::debug!(peer = %peer.key, cause, "disconnected");
        peer.facts().lost_at = Some(SystemTime::now());
        peer.note_failure(cause.clone());
        self.dialer.lost(&peer, Instant::now(), age);
        self.tell(Notice::Disconnected { peer: peer.key, cause });
    }

    /// Retires all connections with a peer but the best, and notes which that is.
    fn rank(&mut self, peer: &Arc<Peer>) {
        for (id, retired) in self.links.rank(peer) {
            self.swarm.behaviour_mut().streams.retire(peer.id, id, retired);
        }
    }

    fn on_stream(&mut self, Opened { connection, stream }: Opened) {
        let Some(link) = self.links.by_id(connection) else { return };
        let peer = Arc::clone(link.peer());
        // A connection that is being closed still delivers what was under way.
        if peer.is_cut() || peer.is_kept_out(Instant::now()) {
            return;
        }
        match Arc::clone(&peer.inbound).try_acquire_owned() {
            Ok(place) => self.hand_over(Exchange::new(stream, peer, place, self.limits.pace)),
            Err(_) if link.refuse_stream() > self.limits.refused_streams => self.cut_flooder(&peer, stream),
            Err(_) => tracing::debug!(peer = %peer.key, "stream refused: too many exchanges"),
        }
    }

    fn hand_over(&self, exchange: Exchange) {
        if let Err(error) = self.incoming.try_send(exchange) {
            // Dropping the exchange resets the stream: the peer sees it and asks again.
            tracing::debug!(%error, "exchange refused");
        }
    }

    fn cut_flooder(&mut self, peer: &Arc<Peer>, stream: Stream) {
        drop(stream);
        tracing::debug!(peer = %peer.key, "peer opens streams without end; cut");
        peer.facts().kept_out_until = Some(Instant::now() + self.limits.flood_pause);
        peer.note_failure("it opened exchanges without end and was kept out for a while");
        for id in self.links.all_of(peer) {
            self.swarm.close_connection(id);
        }
        self.tell(Notice::Flooded { peer: peer.key });
    }

    fn on_ping(&mut self, ping::Event { connection, result, .. }: ping::Event) {
        match result {
            Ok(rtt) => self.links.note_rtt(connection, rtt),
            Err(ping::Failure::Unsupported) => {}
            Err(error) => {
                tracing::debug!(%error, "ping failed; closing the connection");
                self.swarm.close_connection(connection);
            }
        }
    }

    fn on_refused(&mut self, peer: Option<PeerId>, address: &str, error: &ListenError) {
        match error {
            ListenError::Denied { cause } => self.refuse(peer, address, refusal(cause)),
            // What scans the Internet's ports ends here, before it has named itself.
            other => tracing::debug!(address, error = %other, "handshake failed"),
        }
    }

    fn refuse(&mut self, peer: Option<PeerId>, address: &str, reason: Refusal) {
        if let Some(untold) = self.refusals.tell(Instant::now()) {
            let peer = peer.and_then(|id| PeerKey::of_peer_id(&id));
            self.tell(Notice::Refused { peer, address: address.into(), reason, untold });
        }
    }

    fn tell(&self, notice: Notice) {
        // Nobody may be listening.
        let _ = self.notices.send(notice);
    }
}

fn refusal(cause: &ConnectionDenied) -> Refusal {
    match (cause.downcast_ref::<Denied>(), cause.downcast_ref::<connection_limits::Exceeded>()) {
        (Some(Denied::TooMany), _) | (_, Some(_)) => Refusal::TooMany,
        _ => Refusal::NotAllowed,
    }
}
