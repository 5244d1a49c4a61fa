//! Between the daemon and what started it: signals, and systemd's notifications (sd_notify(3)).

use std::time::Duration;

use sd_notify::NotifyState;
use tokio::signal::unix::{Signal as Stream, SignalKind, signal};

use super::Error;
use crate::office::Office;

/// What the daemon is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Signal {
    /// SIGTERM, SIGINT.
    Stop,
    /// SIGHUP.
    Reload,
}

/// The signals that the daemon heeds.
pub(super) struct Signals {
    terminate: Stream,
    interrupt: Stream,
    hang_up: Stream,
}

pub(super) fn signals() -> Result<Signals, Error> {
    let listen = |kind| signal(kind).map_err(|cause| Error::System { what: "to give signals", cause });
    Ok(Signals {
        terminate: listen(SignalKind::terminate())?,
        interrupt: listen(SignalKind::interrupt())?,
        hang_up: listen(SignalKind::hangup())?,
    })
}

impl Signals {
    /// The next one.
    pub(super) async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.terminate.recv() => Signal::Stop,
            _ = self.interrupt.recv() => Signal::Stop,
            _ = self.hang_up.recv() => Signal::Reload,
        }
    }
}

/// Tells systemd, where it listens.
fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!(%error, "systemd could not be told");
    }
}

pub(super) fn tell_ready() {
    tell(&[NotifyState::Ready]);
}

pub(super) fn tell_stopping() {
    tell(&[NotifyState::Stopping]);
}

pub(super) fn tell_reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        Err(error) => tracing::debug!(%error, "systemd could not be told"),
    }
}

/// Tells systemd that the node lives, as long as its books can be read.
pub(super) async fn watchdog(office: Office) {
    let Some(within) = sd_notify::watchdog_enabled() else { return };
    let every = (within / 3).max(Duration::from_millis(100));
    loop {
        tokio::time::sleep(every).await;
        let office = office.clone();
        let read = tokio::task::spawn_blocking(move || office.ledger().clock());
        if let Ok(Ok(Ok(_))) = tokio::time::timeout(within, read).await {
            tell(&[NotifyState::Watchdog]);
        }
    }
}
