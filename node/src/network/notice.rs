//! What happens on the network without anybody having asked.

use std::time::{Duration, Instant};

use tokio::sync::broadcast;

use super::address::PeerKey;
use super::peer::Transport;

/// How many refusals are told one by one within [`REFUSAL_WINDOW`]. Each may become an audit entry, and a stranger
/// must not be able to fill the audit log's disk.
const REFUSALS_TOLD: u32 = 20;

/// The span of time that [`REFUSALS_TOLD`] is counted in.
const REFUSAL_WINDOW: Duration = Duration::from_secs(60);

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// A peer is connected that was not; a good moment to exchange.
    Connected {
        /// The peer.
        peer: PeerKey,
        /// What the connection runs over.
        transport: Transport,
    },
    /// The last connection with a peer ended.
    Disconnected {
        /// The peer.
        peer: PeerKey,
        /// Why, as far as known.
        cause: String,
    },
    /// Somebody was refused.
    Refused {
        /// The key that the handshake named, where it got so far and the key is an Ed25519 one.
        peer: Option<PeerKey>,
        /// The multiaddress that was used.
        address: String,
        /// Why.
        reason: Refusal,
        /// How many refusals before this one were not told, because there were too many.
        untold: u64,
    },
    /// An allowed peer opened streams without end; its connection was cut and it is kept out for a while.
    Flooded {
        /// The peer.
        peer: PeerKey,
    },
}

/// Why a connection was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The key is not that of an allowed peer.
    NotAllowed,
    /// There are too many handshakes or connections.
    TooMany,
    /// A peer's address answered with another key than the peer's.
    WrongKey,
}

/// Receives notices.
#[derive(Debug)]
pub struct Notices(broadcast::Receiver<Notice>);

impl Notices {
    pub(super) const fn new(receiver: broadcast::Receiver<Notice>) -> Self {
        Self(receiver)
    }

    /// The next notice; `None` once the network has shut down. Who falls far behind misses the oldest ones.
    pub async fn recv(&mut self) -> Option<Notice> {
        loop {
            match self.0.recv().await {
                Ok(notice) => return Some(notice),
                Err(broadcast::error::RecvError::Lagged(missed)) => tracing::warn!(missed, "network notices missed"),
                Err(broadcast::error::RecvError::Closed) => return None,
            }
        }
    }
}

/// Thins out refusals, so that a flood of them stays a trickle of notices.
#[derive(Debug, Default)]
pub(super) struct RefusalMeter {
    window: Option<Instant>,
    told: u32,
    untold: u64,
}

impl RefusalMeter {
    /// Whether the refusal at `now` is to be told and, if so, how many before it were not.
    pub(super) fn tell(&mut self, now: Instant) -> Option<u64> {
        if self.window.is_none_or(|start| now.saturating_duration_since(start) >= REFUSAL_WINDOW) {
            self.window = Some(now);
            self.told = 0;
        }
        if self.told == REFUSALS_TOLD {
            self.untold = self.untold.saturating_add(1);
            return None;
        }
        self.told += 1;
        Some(std::mem::take(&mut self.untold))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_refusals_is_a_trickle_of_notices() {
        let (mut meter, now) = (RefusalMeter::default(), Instant::now());
        let told = (0..1_000).filter_map(|_| meter.tell(now)).count();
        assert_eq!(told, REFUSALS_TOLD as usize);
        assert_eq!(meter.tell(now + REFUSAL_WINDOW), Some(1_000 - u64::from(REFUSALS_TOLD)));
        assert_eq!(meter.tell(now + REFUSAL_WINDOW), Some(0));
    }
}
