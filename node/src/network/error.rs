//! What can go wrong between two nodes, and whose doing it is.

use std::time::Duration;

use super::address::{self, PeerKey};

/// Why the network did not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// An address in the configuration is not one.
    #[error(transparent)]
    Address(#[from] address::Error),
    /// Another program listens there.
    #[error("`{address}` is already in use. Stop the program that listens there, or give another port in `listen`")]
    Taken {
        /// The multiaddress from the configuration.
        address: String,
    },
    /// The system does not let this node listen there.
    #[error(
        "cannot listen on `{address}`: {cause}. Give an address of this machine and a port you may use in `listen`"
    )]
    Listen {
        /// The multiaddress from the configuration.
        address: String,
        /// The system's reason.
        cause: String,
    },
    /// The TLS library would write the session keys to a file.
    #[error("the environment sets `SSLKEYLOGFILE`, which would write session keys to a file. Start igain without it")]
    KeyLog,
    /// No key or certificate could be made from the transport seed.
    #[error("the transport key cannot be used. Restore the keystore from its backup")]
    Key,
    /// The peer is not, or no longer, one that this node talks to.
    #[error("peer `{peer}` is not allowed. Enrol its card first, or see whether it was revoked")]
    NotAllowed {
        /// Whom the caller asked for.
        peer: PeerKey,
    },
    /// No connection to the peer could be made.
    #[error("peer `{peer}` cannot be reached: {cause}. Compare its card's addresses with the bureau")]
    Unreachable {
        /// Whom the caller asked for.
        peer: PeerKey,
        /// What happened at each address.
        cause: String,
    },
    /// The peer speaks another version of the protocol.
    #[error("peer `{peer}` does not speak `/igain/sync/3`. Upgrade the older of the two nodes")]
    Unsupported {
        /// The peer.
        peer: PeerKey,
    },
    /// The peer was too slow.
    #[error("peer `{peer}` did not {doing} within {} s. Try again when the link is better", after.as_secs_f32())]
    Deadline {
        /// The peer.
        peer: PeerKey,
        /// What was waited for, as a verb.
        doing: &'static str,
        /// How long it was waited for.
        after: Duration,
    },
    /// A frame is longer than [`FRAME_LIMIT`](super::FRAME_LIMIT).
    #[error("frame of `{bytes}` bytes from or for peer `{peer}` exceeds {limit}. Nothing of it was taken")]
    FrameTooLarge {
        /// The peer.
        peer: PeerKey,
        /// The length that the frame has, or says it has.
        bytes: u64,
        /// The limit it exceeds.
        limit: usize,
    },
    /// The peer ended the exchange in the middle of a frame.
    #[error("peer `{peer}` ended the exchange in the middle of a frame. Ask again")]
    Truncated {
        /// The peer.
        peer: PeerKey,
    },
    /// The exchange or its connection is over.
    #[error("the exchange with peer `{peer}` is closed: {cause}. Open a new one")]
    Closed {
        /// The peer.
        peer: PeerKey,
        /// Why, as far as known.
        cause: String,
    },
    /// The network has shut down.
    #[error("the network has shut down. Start the daemon again")]
    Stopped,
}

/// Who has to act on an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The bureau at the other end, or the link to it.
    Peer,
    /// Whoever runs this node.
    Operator,
    /// The part of this node that asked.
    Caller,
}

impl Error {
    /// A name for the error that does not change between versions.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Address(_) => "network.address",
            Self::Taken { .. } => "network.address-taken",
            Self::Listen { .. } => "network.listen",
            Self::KeyLog => "network.key-log",
            Self::Key => "network.key",
            Self::NotAllowed { .. } => "peer.not-allowed",
            Self::Unreachable { .. } => "peer.unreachable",
            Self::Unsupported { .. } => "peer.unsupported",
            Self::Deadline { .. } => "peer.too-slow",
            Self::FrameTooLarge { .. } => "frame.too-large",
            Self::Truncated { .. } => "frame.truncated",
            Self::Closed { .. } => "exchange.closed",
            Self::Stopped => "network.stopped",
        }
    }

    /// Who has to act.
    pub const fn fault(&self) -> Fault {
        match self {
            Self::Address(_) | Self::Taken { .. } | Self::Listen { .. } | Self::KeyLog | Self::Key => Fault::Operator,
            Self::NotAllowed { .. } | Self::Stopped => Fault::Caller,
            Self::Unreachable { .. }
            | Self::Unsupported { .. }
            | Self::Deadline { .. }
            | Self::FrameTooLarge { .. }
            | Self::Truncated { .. }
            | Self::Closed { .. } => Fault::Peer,
        }
    }
}
