//! What a peer does against the protocol: accounted for, but not without end.

use std::time::{Duration, Instant};

use super::link::Link;
use super::{Replication, blocking, lock};
use crate::network;
use crate::office::{Actor, Deed, Error};

/// How many breaches of one peer are told one by one within [`WINDOW`]. Each is an entry of the audit log, and a peer
/// must not be able to fill its disk.
const TOLD: u32 = 20;

/// The span of time that [`TOLD`] is counted in.
const WINDOW: Duration = Duration::from_secs(60);

/// Thins out what is told of one peer.
#[derive(Debug, Default)]
pub(super) struct Meter {
    window: Option<Instant>,
    told: u32,
    untold: u64,
}

impl Meter {
    /// Whether a breach at `now` is to be told and, if so, how many before it were not.
    fn tell(&mut self, now: Instant) -> Option<u64> {
        if self.window.is_none_or(|start| now.saturating_duration_since(start) >= WINDOW) {
            self.window = Some(now);
            self.told = 0;
        }
        if self.told == TOLD {
            self.untold = self.untold.saturating_add(1);
            return None;
        }
        self.told += 1;
        Some(std::mem::take(&mut self.untold))
    }
}

/// What only a peer can be at fault for.
const BROKEN: &str = "sync.violation";
/// What may as well be the link's doing.
const FAILED: &str = "exchange.failed";

/// What the audit log calls an error that the peer is at fault for, or may be: a frame that ends early or stalls can
/// come of a bad link as well, and is told as just that. A connection that ends between frames is nobody's fault.
fn breach(error: &Error) -> Option<(&'static str, &'static str)> {
    match error {
        Error::Violation(_) | Error::Parcel(_) | Error::Frame(_) | Error::RefusedCard(_) => {
            Some((BROKEN, error.code()))
        }
        Error::Network(error) => match error {
            network::Error::FrameTooLarge { .. } => Some((BROKEN, error.code())),
            network::Error::Truncated { .. } | network::Error::Deadline { .. } => Some((FAILED, error.code())),
            _ => None,
        },
        _ => None,
    }
}

impl Replication {
    /// Notes why an exchange ended early, and accounts for it where the peer is, or may be, at fault; answers whether
    /// nobody else can be. That this node stops is told by itself.
    pub(super) async fn ended_early(&self, link: &Link, error: &Error) -> bool {
        if matches!(error, Error::Network(network::Error::Stopped)) {
            return false;
        }
        tracing::debug!(peer = %link.bureau, %error, "an exchange ended early");
        link.note_error(&error.to_string());
        let Some((action, how)) = breach(error) else { return false };
        let Some(untold) = lock(&link.breaches).tell(Instant::now()) else { return action == BROKEN };
        let deed = Deed::new(Actor::Bureau(link.bureau), action).peer(link.bureau).with("how", how);
        let deed = if untold > 0 { deed.with("untold", untold) } else { deed };
        let office = self.office().clone();
        if let Err(error) = blocking(move || office.account(deed)).await {
            tracing::error!(%error, "a breach of the protocol could not be accounted for");
        }
        action == BROKEN
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_that_goes_on_and_on_is_told_of_now_and_then() {
        let (mut meter, start) = (Meter::default(), Instant::now());
        assert!((0..TOLD).all(|_| meter.tell(start) == Some(0)));
        assert!((0..1_000).all(|_| meter.tell(start).is_none()));
        assert_eq!(meter.tell(start + WINDOW), Some(1_000));
        assert_eq!(meter.tell(start + WINDOW), Some(0));
    }
}
