//! Authenticated connections to enrolled bureaus, and framed exchanges over them.
//!
//! This is the only place that knows libp2p. What the rest of the node sees is small: [`Network::set_allowed`] says
//! who may connect, [`Network::open`] and [`Incoming`] give an [`Exchange`], and an exchange sends and receives frames.
//!
//! - **Transports.** QUIC, and TCP with TLS 1.3 and yamux where UDP does not get through. No Noise, no name resolution,
//!   no discovery, no relaying, no gossip: a bureau is found at the addresses on its card and nowhere else.
//! - **Who may connect.** Only the keys given to `set_allowed`. Everyone else is refused when the handshake has named
//!   them, before a byte of any application protocol is read, and nothing is kept about them.
//! - **Connections.** The node keeps one connection to each allowed peer that has an address, dialling again with
//!   growing, jittered pauses (module `redial`). When two bureaus dial each other at once, both sides retire the same one of
//!   the two connections.
//! - **Bounds.** Streams, connections, handshakes, frames, queues and waiting times all have one; see [`Limits`].

pub mod address;
mod driver;
mod error;
mod exchange;
mod notice;
mod peer;
mod quota;
mod redial;
mod streams;
mod transport;

use std::sync::Arc;
use std::time::Duration;

use libp2p::identity::Keypair;
use tokio::sync::{broadcast, mpsc, oneshot};
use tokio::time::{Instant, timeout_at};
use zeroize::Zeroizing;

pub use address::{Address, PeerKey};
pub use error::{Error, Fault};
pub use exchange::{Exchange, FRAME_LIMIT, Pace};
pub use notice::{Notice, Notices, Refusal};
pub use peer::{Failure, PeerState, Transport};

use driver::{Command, Driver};
use peer::Peers;
use streams::OpenFailure;

/// How many commands may wait for the driver; callers beyond it wait their turn.
const COMMAND_QUEUE: usize = 64;

/// How many notices a slow listener may fall behind before it misses the oldest.
const NOTICE_QUEUE: usize = 256;

/// How often a stream is asked for again when the connection closed under the first request.
const OPEN_ATTEMPTS: usize = 2;

/// What the network needs to start.
#[derive(Debug, Clone)]
pub struct Config {
    /// Seed of the Ed25519 transport key that this bureau's card names.
    pub transport_seed: Zeroizing<[u8; 32]>,
    /// Multiaddresses to listen on, such as `/ip4/0.0.0.0/udp/7411/quic-v1` and `/ip4/0.0.0.0/tcp/7411`.
    /// Port 0 takes a free one. An empty list makes a node that only dials.
    pub listen: Vec<String>,
    /// Bounds; the defaults suit a bureau.
    pub limits: Limits,
}

impl Config {
    /// Listens on `listen` with the key made from `transport_seed`, under the default limits.
    pub fn new(transport_seed: Zeroizing<[u8; 32]>, listen: Vec<String>) -> Self {
        Self { transport_seed, listen, limits: Limits::default() }
    }
}

/// The bounds on what peers and strangers can make this node hold or wait for.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Exchanges that one peer may have open with this node at a time. Twice what a peer opens itself, because the end
    /// of an exchange is seen later on the other side.
    pub inbound_exchanges: usize,
    /// Exchanges that this node opens to one peer at a time; further calls of [`Network::open`] wait.
    pub outbound_exchanges: usize,
    /// Inbound exchanges, of all peers, that wait for [`Incoming::recv`]; further ones are reset.
    pub incoming_queue: usize,
    /// Handshakes from outside that may be under way at a time, of all sources.
    pub pending_handshakes: u32,
    /// Of those, handshakes from addresses that no card names and that no peer came from lately: the other places are for
    /// peers, however many strangers knock.
    pub pending_strangers: usize,
    /// Handshakes from one address that may be under way at a time, so that one source cannot hold all places.
    pub pending_per_address: usize,
    /// Connections with one peer: one dialled by either side, and one of each being replaced after a restart.
    pub connections_per_peer: u32,
    /// Streams beyond `inbound_exchanges` that a peer may try on one connection before the connection is cut.
    pub refused_streams: u32,
    /// How long a peer that was cut for flooding is kept out.
    pub flood_pause: Duration,
    /// Frames a second that are taken from one peer over a longer time; faster peers are slowed down, not refused.
    pub frames_per_s: u32,
    /// Longest time for one handshake, and for one attempt to dial.
    pub handshake: Duration,
    /// Longest time for [`Network::open`], dialling included.
    pub open: Duration,
    /// How slowly a peer may send and take frames.
    pub pace: Pace,
    /// Time between two pings on a connection; one that is not answered within it cuts the connection.
    pub ping: Duration,
    /// First and longest pause between two attempts to reach a peer.
    pub redial: (Duration, Duration),
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            inbound_exchanges: 8,
            outbound_exchanges: 4,
            incoming_queue: 64,
            pending_handshakes: 128,
            pending_strangers: 96,
            pending_per_address: 16,
            connections_per_peer: 4,
            refused_streams: 256,
            flood_pause: Duration::from_secs(30),
            frames_per_s: 2_000,
            handshake: Duration::from_secs(10),
            open: Duration::from_secs(20),
            pace: Pace::default(),
            ping: Duration::from_secs(10),
            redial: (Duration::from_millis(500), Duration::from_secs(60)),
        }
    }
}

/// The node's connections; a handle that is cheap to clone. The connections end with [`Network::shutdown`], or when
/// the last handle is dropped.
#[derive(Debug, Clone)]
pub struct Network {
    commands: mpsc::Sender<Command>,
    notices: broadcast::Sender<Notice>,
    peers: Arc<Peers>,
    listening: Arc<[String]>,
    limits: Arc<Limits>,
}

/// The exchanges that peers open.
#[derive(Debug)]
pub struct Incoming(mpsc::Receiver<Exchange>);

impl Incoming {
    /// The next exchange that an allowed peer opened; `None` once the network has shut down.
    pub async fn recv(&mut self) -> Option<Exchange> {
        self.0.recv().await
    }
}

impl Network {
    /// Starts listening. No peer is allowed yet: call [`Network::set_allowed`].
    ///
    /// Must be called on a tokio runtime; the connections are driven by a task of it.
    ///
    /// # Errors
    /// An address that does not parse or is taken, or an environment that would write session keys to a file.
    pub async fn start(config: Config) -> Result<(Self, Incoming), Error> {
        transport::refuse_key_log()?;
        let Config { mut transport_seed, listen, limits } = config;
        let listen = listen.iter().map(|text| Address::to_listen(text)).collect::<Result<Vec<_>, _>>()?;
        let keypair = Keypair::ed25519_from_bytes(transport_seed.as_mut_slice()).map_err(|_| Error::Key)?;
        let peers = Arc::new(Peers::new(keypair.public().to_peer_id(), &limits));
        let mut swarm = transport::swarm(&keypair, &peers, &limits)?;
        let listening = transport::listen(&mut swarm, &listen, limits.handshake).await?;

        let (commands, command_queue) = mpsc::channel(COMMAND_QUEUE);
        let (exchanges, incoming) = mpsc::channel(limits.incoming_queue.max(1));
        let (notices, _) = broadcast::channel(NOTICE_QUEUE);
        let limits = Arc::new(limits);
        let driver =
            Driver::new(swarm, Arc::clone(&peers), Arc::clone(&limits), command_queue, exchanges, notices.clone());
        tokio::spawn(driver.run());
        Ok((Self { commands, notices, peers, listening: listening.into(), limits }, Incoming(incoming)))
    }

    /// The multiaddresses this node listens on, with the ports it really has.
    pub fn listening(&self) -> Vec<String> {
        self.listening.to_vec()
    }

    /// Replaces the peers that may connect, with the addresses to reach them at.
    ///
    /// Takes effect at once: when it returns, no connection of a peer that is not in `peers` is accepted any more, its
    /// exchanges fail on their next use, and its connections are being closed. Peers that stay keep their connections.
    ///
    /// Returns the entries that could not be used in full; the rest of the list, and the other addresses of the same
    /// peer, are in force all the same.
    pub fn set_allowed(&self, peers: Vec<(PeerKey, Vec<String>)>) -> Vec<(PeerKey, address::Error)> {
        self.peers.set_allowed(peers)
    }

    /// Opens an exchange with an allowed peer, dialling it first where there is no connection.
    ///
    /// # Errors
    /// The peer is not allowed, cannot be reached, or did not answer in time.
    pub async fn open(&self, key: PeerKey) -> Result<Exchange, Error> {
        let peer = self.peers.by_key(&key).ok_or(Error::NotAllowed { peer: key })?;
        let deadline = Instant::now() + self.limits.open;
        let late = |_| Error::Deadline { peer: key, doing: "open an exchange", after: self.limits.open };
        let permit = timeout_at(deadline, Arc::clone(&peer.outbound).acquire_owned()).await.map_err(late)?;
        let permit = permit.map_err(|_| Error::Stopped)?;
        for _ in 0..OPEN_ATTEMPTS {
            let (reply, answer) = oneshot::channel();
            let command = Command::Open { peer: Arc::clone(&peer), reply };
            timeout_at(deadline, self.commands.send(command)).await.map_err(late)?.map_err(|_| Error::Stopped)?;
            match timeout_at(deadline, answer).await.map_err(late)? {
                Ok(Ok(stream)) => return Ok(Exchange::new(stream, peer, permit, self.limits.pace)),
                Ok(Err(failure)) => return Err(failure.into_error(key)),
                Err(_) if self.commands.is_closed() => return Err(Error::Stopped),
                Err(_) => {}
            }
        }
        Err(OpenFailure::Closed("the connection closed".into()).into_error(key))
    }

    /// Closes the connections with a peer. When this returns they are closed: what was handed over and had not left yet
    /// does not leave any more. A peer that is allowed may connect anew at once.
    pub async fn cut(&self, key: PeerKey) {
        /// A connection that does not close by then is gone for all that it can still carry.
        const PATIENCE: Duration = Duration::from_secs(5);
        let (done, closed) = oneshot::channel();
        if self.commands.send(Command::Cut { key, done }).await.is_ok() {
            let _ = tokio::time::timeout(PATIENCE, closed).await;
        }
    }

    /// Every allowed peer and how the connection to it stands, in the order of their keys.
    pub fn peers(&self) -> Vec<PeerState> {
        self.peers.states()
    }

    /// Connections made and lost, and strangers refused, from now on.
    pub fn notices(&self) -> Notices {
        Notices::new(self.notices.subscribe())
    }

    /// Closes all connections and ends the network; later calls give [`Error::Stopped`].
    pub async fn shutdown(&self) {
        self.peers.stop();
        let (done, ended) = oneshot::channel();
        if self.commands.send(Command::Shutdown(done)).await.is_ok() {
            // An error says that the driver has ended without a word, which is as good.
            let _ = ended.await;
        }
    }
}

#[cfg(test)]
impl Network {
    /// A stream on which a bureau can send what no [`Exchange`] would, on a connection that is there.
    pub(crate) async fn raw(&self, to: PeerKey) -> libp2p::Stream {
        let peer = self.peers.by_key(&to).unwrap();
        let (reply, answer) = oneshot::channel();
        self.commands.send(Command::Open { peer, reply }).await.unwrap();
        answer.await.unwrap().unwrap()
    }
}

#[cfg(test)]
mod tests;
