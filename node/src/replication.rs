//! Replication: drives the sync machines of `igain_protocol::sync` over the network and the office's books.
//!
//! For each enrolled bureau there is a link: a provider that serves it, and a loop that pulls from it when it
//! hints at news, when a connection comes up, and at an interval. What a peer is told leaves only after what it depends
//! on is durable.

mod heed;
mod link;
mod misconduct;
mod pull;
mod reclaim;
mod serve;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use igain_protocol::bureau::BureauId;
use igain_protocol::sync::{Message, Notify};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use link::Link;
pub use link::LinkState;

use crate::network::{Exchange, Incoming, Network, Notice, Notices, PeerKey, PeerState};
use crate::office::{Actor, Deed, Error, Office};

/// How the node replicates.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// Longest time between two pulls from a peer that hints at nothing.
    pub interval: Duration,
    /// Parcels asked for in one pull.
    pub window: u32,
}

/// The node's replication. Clones share it.
#[derive(Clone)]
pub struct Replication {
    inner: Arc<Inner>,
}

struct Inner {
    office: Office,
    network: Network,
    settings: Settings,
    links: Mutex<BTreeMap<BureauId, Running>>,
    keys: Mutex<BTreeMap<PeerKey, BureauId>>,
    /// Links that are no longer, and whose answers have perhaps not ended yet.
    gone: Mutex<Vec<Arc<Link>>>,
    /// Held by whoever brings links and views in line: what a slower one has reckoned must not replace what is newer.
    aligning: tokio::sync::Mutex<()>,
    /// The last change of standing that is in force: see [`Replication::in_force`].
    in_force: watch::Sender<u64>,
}

struct Running {
    link: Arc<Link>,
    task: JoinHandle<()>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Replication {
    /// Starts serving and pulling. Must be called on a tokio runtime.
    ///
    /// # Errors
    /// Where the books cannot be read.
    pub async fn start(
        office: Office,
        network: Network,
        incoming: Incoming,
        settings: Settings,
    ) -> Result<Self, Error> {
        let notices = network.notices();
        // What changes from here on is news.
        let news = office.subscribe();
        let inner = Inner {
            office,
            network,
            settings,
            links: Mutex::default(),
            keys: Mutex::default(),
            gone: Mutex::default(),
            aligning: tokio::sync::Mutex::default(),
            in_force: watch::Sender::new(0),
        };
        let replication = Self { inner: Arc::new(inner) };
        replication.refresh().await?;
        tokio::spawn(replication.clone().heed(news));
        tokio::spawn(replication.clone().accept(incoming));
        tokio::spawn(replication.clone().watch(notices));
        tokio::spawn(replication.clone().keep_cards());
        Ok(replication)
    }

    /// The office below.
    pub fn office(&self) -> &Office {
        &self.inner.office
    }

    /// The network below.
    pub fn network(&self) -> &Network {
        &self.inner.network
    }

    fn links(&self) -> Vec<Arc<Link>> {
        lock(&self.inner.links).values().map(|running| Arc::clone(&running.link)).collect()
    }

    fn link(&self, bureau: BureauId) -> Option<Arc<Link>> {
        lock(&self.inner.links).get(&bureau).map(|running| Arc::clone(&running.link))
    }

    /// Tells one peer that there is something new, unless it is being told already. A hint that gets lost is made good
    /// by the next interval.
    fn nudge(&self, link: &Arc<Link>) {
        if !link.begin_nudge() {
            return;
        }
        let (this, link) = (self.clone(), Arc::clone(link));
        tokio::spawn(async move {
            let opened = this.inner.network.open(link.key).await;
            // What comes from now on is told by the next hint.
            link.end_nudge();
            let Ok(mut exchange) = opened else { return };
            if exchange.send(&Message::Notify(Notify).encode()).await.is_ok() {
                // The peer ends the exchange when it has the hint; one that does not arrive is no loss.
                let _ = exchange.recv().await;
            }
        });
    }

    async fn accept(self, mut incoming: Incoming) {
        while let Some(exchange) = incoming.recv().await {
            let Some(link) = self.link_of(&exchange) else { continue };
            let this = self.clone();
            tokio::spawn(async move {
                if let Err(error) = this.serve(&link, exchange).await {
                    this.ended_early(&link, &error).await;
                }
            });
        }
    }

    fn link_of(&self, exchange: &Exchange) -> Option<Arc<Link>> {
        self.link(self.bureau_of(exchange.peer())?)
    }

    fn bureau_of(&self, key: PeerKey) -> Option<BureauId> {
        lock(&self.inner.keys).get(&key).copied()
    }

    /// What people call a peer; its key, where it is not linked any more.
    fn named(&self, key: PeerKey) -> String {
        self.bureau_of(key).map_or_else(|| key.to_string(), |bureau| bureau.to_string())
    }

    /// Pulls when a connection comes up, tells of those that come and go by the names that people know, and accounts for who was
    /// refused.
    async fn watch(self, mut notices: Notices) {
        while let Some(notice) = notices.recv().await {
            match notice {
                Notice::Connected { peer, transport } => {
                    tracing::info!(peer = %self.named(peer), %transport, "connected");
                    if let Some(link) = self.bureau_of(peer).and_then(|bureau| self.link(bureau)) {
                        link.wake.notify_one();
                    }
                }
                Notice::Disconnected { peer, cause } => {
                    tracing::info!(peer = %self.named(peer), %cause, "disconnected")
                }
                Notice::Refused { peer, address, reason, untold } => {
                    let key = peer.map_or_else(|| "unknown".to_owned(), |peer| peer.to_string());
                    let deed = Deed::new(Actor::Node, "peer.refused").with("key", key).with("address", address);
                    self.note(deed.with("reason", format!("{reason:?}")).with("untold", untold)).await;
                }
                Notice::Flooded { peer } => {
                    tracing::warn!(peer = %self.named(peer), "peer opens streams without end; cut");
                    let deed = Deed::new(Actor::Node, "peer.flooded").with("key", peer);
                    self.note(self.bureau_of(peer).into_iter().fold(deed, Deed::peer)).await;
                }
            }
        }
    }

    async fn note(&self, deed: Deed) {
        let office = self.office().clone();
        if let Err(error) = blocking(move || office.account(deed)).await {
            tracing::error!(%error, "an event of the network could not be accounted for");
        }
    }

    /// How it stands with every enrolled bureau that may take part.
    ///
    /// # Errors
    /// Where the books cannot be read.
    pub fn states(&self) -> Result<Vec<(LinkState, Option<PeerState>)>, Error> {
        let network: BTreeMap<PeerKey, PeerState> =
            self.inner.network.peers().into_iter().map(|state| (state.key, state)).collect();
        let state = |link: Arc<Link>| Ok((link.state(self.office())?, network.get(&link.key).cloned()));
        self.links().into_iter().map(state).collect()
    }

    /// Ends all pulling.
    pub fn stop(&self) {
        lock(&self.inner.links).clear();
    }
}

/// Runs blocking work off the network's threads.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, Error> + Send + 'static) -> Result<T, Error> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(_) => Err(Error::Interrupted),
    }
}

#[cfg(test)]
mod tests;
