//! Sockets: QUIC, and TCP with TLS and yamux, under limits on what a peer can make this node buffer.

use std::net::{TcpListener, UdpSocket};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use futures::future::Either;
use futures::{FutureExt, StreamExt};
use libp2p::core::muxing::StreamMuxerBox;
use libp2p::core::transport::{Boxed, ListenerId, TransportError};
use libp2p::core::upgrade::Version;
use libp2p::identity::Keypair;
use libp2p::swarm::{self, NetworkBehaviour, Swarm, SwarmEvent};
use libp2p::{PeerId, Transport as _, connection_limits, ping, quic, tcp, tls, yamux};
use tokio::time::{Instant, timeout_at};

use super::address::Address;
use super::error::Error;
use super::peer::Peers;
use super::streams::Streams;
use super::{Limits, Transport};

/// Streams that a peer may open at a time on a QUIC connection, whatever it does with them: the exchanges, ping, and
/// some that are just ending.
const QUIC_STREAMS: u32 = 32;

/// Received bytes that wait on one QUIC stream: keeps a link of 100 Mbit/s and 150 ms full.
const QUIC_STREAM_WINDOW: u32 = 2 * 1024 * 1024;

/// Received bytes that wait on one QUIC connection.
const QUIC_CONNECTION_WINDOW: u32 = 4 * 1024 * 1024;

/// Silence after which a QUIC connection is given up; its keep-alives come every [`QUIC_KEEP_ALIVE`].
const QUIC_IDLE: Duration = Duration::from_secs(15);

/// Time between two keep-alive packets of an idle QUIC connection.
const QUIC_KEEP_ALIVE: Duration = Duration::from_secs(5);

/// Streams of a yamux connection, of which a peer can never use more than a few: negotiations and exchanges are
/// limited well below. The number is large because yamux lets the windows of a connection grow to 1 GiB less 256 KiB
/// for each of these streams, and offers no other way to set that limit: with 4,064 it is 8 MiB.
const YAMUX_STREAMS: usize = 4_064;

/// Inbound streams of one connection whose protocol is being negotiated; further ones are reset.
const NEGOTIATING_STREAMS: usize = 16;

/// How long a retired connection stays open without an exchange, so that the other side's last frames still arrive.
const RETIRED_IDLE: Duration = Duration::from_secs(5);

/// Stream requests that wait for one connection's task.
const HANDLER_QUEUE: usize = 16;

/// What runs on the connections. The order matters: the door comes first, so that who is refused reaches nothing else.
#[derive(NetworkBehaviour)]
pub(super) struct Node {
    pub(super) streams: Streams,
    limits: connection_limits::Behaviour,
    ping: ping::Behaviour,
}

/// The environment variable by which rustls, as libp2p sets it up, writes session keys to a file.
const KEY_LOG: &str = "SSLKEYLOGFILE";

/// Refuses to run where the TLS library was told to write session keys to a file.
pub(super) fn refuse_key_log() -> Result<(), Error> {
    if std::env::var_os(KEY_LOG).is_some() { Err(Error::KeyLog) } else { Ok(()) }
}

/// The swarm, not yet listening.
pub(super) fn swarm(keypair: &Keypair, peers: &Arc<Peers>, limits: &Limits) -> Result<Swarm<Node>, Error> {
    let connections = connection_limits::ConnectionLimits::default()
        .with_max_pending_incoming(Some(limits.pending_handshakes))
        .with_max_established_per_peer(Some(limits.connections_per_peer));
    let behaviour = Node {
        streams: Streams::new(Arc::clone(peers), limits),
        limits: connection_limits::Behaviour::new(connections),
        ping: ping::Behaviour::new(ping::Config::new().with_interval(limits.ping).with_timeout(limits.ping)),
    };
    let config = swarm::Config::with_tokio_executor()
        .with_smart_dial()
        // The protocol is named together with the first frame: no round trip of its own.
        .with_substream_upgrade_protocol_override(Version::V1Lazy)
        .with_max_negotiating_inbound_streams(NEGOTIATING_STREAMS)
        .with_idle_connection_timeout(RETIRED_IDLE);
    let config = match NonZeroUsize::new(HANDLER_QUEUE) {
        Some(queue) => config.with_notify_handler_buffer_size(queue),
        None => config,
    };
    Ok(Swarm::new(transports(keypair, limits.handshake)?, behaviour, keypair.public().to_peer_id(), config))
}

fn transports(keypair: &Keypair, handshake: Duration) -> Result<Boxed<(PeerId, StreamMuxerBox)>, Error> {
    let mut quic = quic::Config::new(keypair);
    quic.handshake_timeout = handshake;
    quic.max_idle_timeout = u32::try_from(QUIC_IDLE.as_millis()).unwrap_or(u32::MAX);
    quic.keep_alive_interval = QUIC_KEEP_ALIVE;
    quic.max_concurrent_stream_limit = QUIC_STREAMS;
    quic.max_stream_data = QUIC_STREAM_WINDOW;
    quic.max_connection_data = QUIC_CONNECTION_WINDOW;

    let mut yamux = yamux::Config::default();
    yamux.set_max_num_streams(YAMUX_STREAMS);
    let tls = tls::Config::new(keypair).map_err(|_| Error::Key)?;
    let tcp = tcp::tokio::Transport::new(tcp::Config::new().nodelay(true))
        .upgrade(Version::V1Lazy)
        .authenticate(tls)
        .multiplex(yamux)
        .timeout(handshake);

    let both = quic::tokio::Transport::new(quic).or_transport(tcp).map(|either, _| match either {
        Either::Left((peer, connection)) => (peer, StreamMuxerBox::new(connection)),
        Either::Right((peer, connection)) => (peer, StreamMuxerBox::new(connection)),
    });
    Ok(both.boxed())
}

/// Listens on all `addresses` and returns the multiaddresses that came of it.
pub(super) async fn listen(
    swarm: &mut Swarm<Node>,
    addresses: &[Address],
    wait: Duration,
) -> Result<Vec<String>, Error> {
    let mut waiting: Vec<(ListenerId, Address)> = Vec::new();
    for address in addresses {
        refuse_taken(address)?;
        let id = swarm.listen_on(address.multiaddr()).map_err(|error| match error {
            TransportError::Other(error) => listen_error(address, &error),
            TransportError::MultiaddrNotSupported(_) => {
                Error::Listen { address: address.to_string(), cause: "not supported here".into() }
            }
        })?;
        waiting.push((id, *address));
    }
    let by = Instant::now() + wait;
    while let Some((_, address)) = waiting.first() {
        let address = address.to_string();
        let Ok(event) = timeout_at(by, swarm.select_next_some()).await else {
            return Err(Error::Listen { address, cause: "the system reports no address".into() });
        };
        match event {
            SwarmEvent::NewListenAddr { listener_id, .. } => waiting.retain(|(id, _)| *id != listener_id),
            SwarmEvent::ListenerClosed { reason: Err(error), .. } | SwarmEvent::ListenerError { error, .. } => {
                return Err(Error::Listen { address, cause: error.to_string() });
            }
            _ => {}
        }
    }
    // On all interfaces, each has its own address; the system has named the others by now. Nobody is allowed in yet,
    // so no other event can be lost.
    while swarm.next().now_or_never().is_some() {}
    Ok(swarm.listeners().map(ToString::to_string).collect())
}

/// libp2p listens with `SO_REUSEPORT`, under which a second daemon of the same user would silently get a share of the
/// connections: so the port is tried without it first.
pub(super) fn refuse_taken(address: &Address) -> Result<(), Error> {
    if address.socket.port() == 0 {
        return Ok(());
    }
    let tried = match address.transport {
        Transport::Quic => UdpSocket::bind(address.socket).map(drop),
        Transport::Tcp => TcpListener::bind(address.socket).map(drop),
    };
    tried.map_err(|error| listen_error(address, &error))
}

fn listen_error(address: &Address, error: &std::io::Error) -> Error {
    let address = address.to_string();
    match error.kind() {
        std::io::ErrorKind::AddrInUse => Error::Taken { address },
        _ => Error::Listen { address, cause: error.to_string() },
    }
}
