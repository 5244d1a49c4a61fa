//! Transport keys and the two shapes of address that a bureau may have.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use libp2p::PeerId;
use libp2p::identity::{self, ed25519};
use libp2p::multiaddr::{Multiaddr, Protocol};

/// Longest address text that is looked at; the longest valid one has under 80 characters.
const TEXT_LIMIT: usize = 256;

/// A bureau's Ed25519 transport key (RFC 8032), as its card gives it. Displays as hex.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerKey([u8; 32]);

impl PeerKey {
    /// The key with these bytes. Whether they make a sound key is checked when the key is allowed.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The public key that belongs to a transport seed.
    pub fn of_seed(seed: &[u8; 32]) -> Option<Self> {
        let mut seed = zeroize::Zeroizing::new(*seed);
        let keypair = identity::Keypair::ed25519_from_bytes(seed.as_mut_slice()).ok()?;
        Some(Self(keypair.public().try_into_ed25519().ok()?.to_bytes()))
    }

    /// The 32 bytes of the key.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// libp2p's name for the key: the key itself in an identity multihash.
    ///
    /// A key of small order is refused: there are signatures that anybody can make and that are valid under it, so
    /// anybody could connect in its name, and libp2p does not look.
    pub(super) fn peer_id(&self) -> Result<PeerId, Error> {
        let is_weak = ed25519_dalek::VerifyingKey::from_bytes(&self.0).map_or(true, |key| key.is_weak());
        if is_weak {
            return Err(Error::Key(*self));
        }
        let key = ed25519::PublicKey::try_from_bytes(&self.0).map_err(|_| Error::Key(*self))?;
        Ok(identity::PublicKey::from(key).to_peer_id())
    }

    /// The key that a peer id holds; `None` for keys of another kind, which no bureau has.
    pub(super) fn of_peer_id(id: &PeerId) -> Option<Self> {
        let key = identity::PublicKey::try_decode_protobuf(id.as_ref().digest()).ok()?;
        Some(Self(key.try_into_ed25519().ok()?.to_bytes()))
    }
}

impl fmt::Display for PeerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for PeerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PeerKey({self})")
    }
}

/// Why a text is not an address, or a key not a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Not a multiaddress at all.
    #[error("`{0}` is not a multiaddress. Write it like /ip4/192.0.2.7/udp/7411/quic-v1 or /ip4/192.0.2.7/tcp/7411")]
    Syntax(String),
    /// A multiaddress with protocols that this node does not speak.
    #[error(
        "`{0}` is neither QUIC nor TCP on an IP address. Write it like /ip4/192.0.2.7/udp/7411/quic-v1 or /ip4/192.0.2.7/tcp/7411"
    )]
    Shape(String),
    /// A host name in place of an IP address.
    #[error("`{0}` names a host. Give its IP address: igain asks no name server")]
    Name(String),
    /// Port 0 in an address to dial.
    #[error("`{0}` has port 0, which cannot be reached. Give the port that the bureau listens on")]
    Port(String),
    /// An address that stands for none or many hosts, such as `0.0.0.0`, in an address to dial.
    #[error("`{0}` is not the address of one host. Give the address under which the bureau is reached")]
    Host(String),
    /// The bytes are not a point of the curve, or one of small order.
    #[error("`{0}` is not an Ed25519 transport key. Ask the bureau for a new card")]
    Key(PeerKey),
}

/// An address that igain can listen on or dial: an IP address and a port, over QUIC (RFC 9000) or TCP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Address {
    /// Whether UDP with QUIC or TCP with TLS is spoken there.
    pub transport: super::Transport,
    /// Where.
    pub socket: SocketAddr,
}

impl Address {
    /// An address to listen on. Port 0 takes a free port, `0.0.0.0` and `::` all interfaces.
    ///
    /// # Errors
    /// The text is not a multiaddress of one of the two shapes.
    pub fn to_listen(text: &str) -> Result<Self, Error> {
        text.parse()
    }

    /// An address to dial, as a card gives it.
    ///
    /// # Errors
    /// The text is not a multiaddress of one of the two shapes, or does not lead to one port of one host.
    pub fn to_dial(text: &str) -> Result<Self, Error> {
        let address: Self = text.parse()?;
        if address.socket.port() == 0 {
            return Err(Error::Port(text.into()));
        }
        let ip = address.socket.ip();
        if ip.is_unspecified() || ip.is_multicast() {
            return Err(Error::Host(text.into()));
        }
        Ok(address)
    }

    pub(super) fn multiaddr(&self) -> Multiaddr {
        let host = match self.socket.ip() {
            IpAddr::V4(ip) => Multiaddr::from(ip),
            IpAddr::V6(ip) => Multiaddr::from(ip),
        };
        match self.transport {
            super::Transport::Quic => host.with(Protocol::Udp(self.socket.port())).with(Protocol::QuicV1),
            super::Transport::Tcp => host.with(Protocol::Tcp(self.socket.port())),
        }
    }
}

impl FromStr for Address {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        if text.len() > TEXT_LIMIT {
            let start: String = text.chars().take(TEXT_LIMIT / 4).collect();
            return Err(Error::Syntax(start));
        }
        let multiaddr: Multiaddr = text.parse().map_err(|_| Error::Syntax(text.into()))?;
        let mut parts = multiaddr.iter();
        let ip = match parts.next() {
            Some(Protocol::Ip4(ip)) => IpAddr::V4(ip),
            Some(Protocol::Ip6(ip)) => IpAddr::V6(ip),
            Some(Protocol::Dns(_) | Protocol::Dns4(_) | Protocol::Dns6(_) | Protocol::Dnsaddr(_)) => {
                return Err(Error::Name(text.into()));
            }
            _ => return Err(Error::Shape(text.into())),
        };
        let (transport, port) = match (parts.next(), parts.next(), parts.next()) {
            (Some(Protocol::Udp(port)), Some(Protocol::QuicV1), None) => (super::Transport::Quic, port),
            (Some(Protocol::Tcp(port)), None, None) => (super::Transport::Tcp, port),
            _ => return Err(Error::Shape(text.into())),
        };
        Ok(Self { transport, socket: SocketAddr::new(ip, port) })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.multiaddr().fmt(f)
    }
}

/// The host of an address; IPv6 hosts count by their /64, which one of them has whole.
pub(super) fn ip_of(address: &Multiaddr) -> Option<IpAddr> {
    address.iter().find_map(|part| match part {
        Protocol::Ip4(ip) => Some(IpAddr::V4(ip)),
        Protocol::Ip6(ip) => Some(IpAddr::V6((u128::from(ip) >> 64 << 64).into())),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_two_shapes_round_trip() {
        for text in ["/ip4/192.0.2.7/udp/7411/quic-v1", "/ip6/2001:db8::1/tcp/7411"] {
            assert_eq!(Address::to_dial(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn other_addresses_are_refused_with_the_reason() {
        let check = |text: &str, expected: fn(String) -> Error| {
            assert_eq!(Address::to_dial(text), Err(expected(text.into())), "{text}");
        };
        check("", Error::Shape);
        check("10.0.0.1:7411", Error::Syntax);
        check("/ip4/10.0.0.1", Error::Shape);
        check("/ip4/10.0.0.1/udp/7411", Error::Shape);
        check("/ip4/10.0.0.1/tcp/7411/ws", Error::Shape);
        check("/dns4/ncb.example/tcp/7411", Error::Name);
        check("/ip4/10.0.0.1/tcp/0", Error::Port);
        check("/ip4/0.0.0.0/tcp/7411", Error::Host);
        check("/ip4/224.0.0.1/udp/7411/quic-v1", Error::Host);
        check("/ip4/10.0.0.1/tcp/99999", Error::Syntax);
        assert!(Address::to_listen("/ip4/0.0.0.0/tcp/0").is_ok());
        assert!(matches!(Address::to_dial(&"/".repeat(10_000)), Err(Error::Syntax(text)) if text.len() < 100));
    }

    #[test]
    fn a_key_survives_the_way_through_its_peer_id() {
        let key = PeerKey::of_seed(&[7; 32]).unwrap();
        assert_eq!(PeerKey::of_peer_id(&key.peer_id().unwrap()), Some(key));
        let mut identity = [0; 32];
        identity[0] = 1;
        for bytes in [[2; 32], identity, [0; 32]] {
            let unsound = PeerKey::from_bytes(bytes);
            assert_eq!(unsound.peer_id(), Err(Error::Key(unsound)));
        }
    }
}
