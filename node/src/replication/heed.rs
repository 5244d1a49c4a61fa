//! Heeding the office's news: links, connections and views follow who takes part and what is granted, and peers are told
//! of what waits for them.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use igain_protocol::bureau::BureauId;
use tokio::time::Instant;

use super::link::Link;
use super::{Replication, Running, blocking, lock};
use crate::network::PeerKey;
use crate::office::{Error, News, Peer, Subscription};

/// How often cards are looked at for expiry.
const CARDS_EVERY: Duration = Duration::from_secs(60);

/// How often peers are told of a bulk of writes that goes on.
const BULK_EVERY: Duration = Duration::from_millis(500);

/// Before news that could not be acted on is taken up again.
const REST: Duration = Duration::from_secs(1);

/// How long an administrator waits until a change is in force.
const PATIENCE: Duration = Duration::from_secs(30);

impl Replication {
    /// Acts on news for as long as there is an office.
    pub(super) async fn heed(self, news: Subscription) {
        let mut last = Instant::now();
        loop {
            let mut told = news.next().await;
            if !told.prompt {
                news.put_back(&told);
                // What is prompt ends the wait; otherwise the time does.
                let _ = tokio::time::timeout_at(last + BULK_EVERY, news.prompt()).await;
                told = news.next().await;
            }
            last = Instant::now();
            match self.act_on(&told).await {
                Ok(()) => self.inner.in_force.send_modify(|number| *number = (*number).max(told.standing.unwrap_or(0))),
                Err(error) => {
                    tracing::error!(%error, "peers could not be brought in line; this is tried again");
                    news.put_back(&told);
                    tokio::time::sleep(REST).await;
                }
            }
        }
    }

    async fn act_on(&self, news: &News) -> Result<(), Error> {
        if news.standing.is_some() {
            return self.refresh().await;
        }
        if news.labels {
            let _aligning = self.inner.aligning.lock().await;
            self.align().await?;
        }
        let all = news.labels || !news.logs.is_empty();
        let links = self.links().into_iter().filter(|link| all || news.letters.contains(&link.bureau));
        self.tell(links.collect()).await
    }

    /// Waits until a change of who takes part, of a CAF or of the policy is in force: from then on nothing leaves that
    /// it takes back. `standing` is what [`crate::office::Office::standing`] said after the change.
    ///
    /// # Errors
    /// Where that takes too long; it is tried on.
    pub async fn in_force(&self, standing: u64) -> Result<(), Error> {
        let mut number = self.inner.in_force.subscribe();
        match tokio::time::timeout(PATIENCE, number.wait_for(|number| *number >= standing)).await {
            Ok(Ok(_)) => Ok(()),
            _ => Err(Error::NotInForce),
        }
    }

    /// Brings links, allowed connections and views in line with who is enrolled, what the policy grants and what CAF
    /// members want. When this returns, nothing leaves any more that was taken back.
    pub(super) async fn refresh(&self) -> Result<(), Error> {
        let aligning = self.inner.aligning.lock().await;
        let this = self.clone();
        blocking(move || {
            this.refresh_links();
            Ok(())
        })
        .await?;
        self.align().await?;
        drop(aligning);
        self.tell(self.links()).await
    }

    /// Brings links and allowed connections in line. A link that cannot be opened is not there, so nothing is served; it
    /// is tried again when cards are looked at.
    fn refresh_links(&self) {
        let mut links = lock(&self.inner.links);
        let peers = self.office().linked_peers();
        let key = |peer: &Peer| PeerKey::from_bytes(*peer.card().transport.as_bytes());
        let linked: BTreeMap<_, _> = peers.iter().map(|peer| (peer.card().bureau, peer.bond())).collect();
        let stays = |bureau: &BureauId, link: &Link| linked.get(bureau) == Some(&link.bond);
        let gone = links.extract_if(.., |bureau, running| !stays(bureau, &running.link));
        lock(&self.inner.gone).extend(gone.map(|(_, running)| Arc::clone(&running.link)));
        *lock(&self.inner.keys) = peers.iter().map(|peer| (key(peer), peer.card().bureau)).collect();
        let allowed = peers.iter().map(|peer| (key(peer), peer.card().addresses.clone()));
        for (key, error) in self.inner.network.set_allowed(allowed.collect()) {
            tracing::warn!(peer = %self.named(key), %error, "a card names an address that cannot be used");
        }
        for (bureau, bond) in linked {
            // One that takes the place of another waits until nothing is served by that any more.
            let waits = lock(&self.inner.gone).iter().any(|link| link.bureau == bureau);
            if let Entry::Vacant(place) = links.entry(bureau)
                && !waits
            {
                match Link::open(self.office(), bureau, bond) {
                    Ok(link) => {
                        let link = Arc::new(link);
                        let task = tokio::spawn(self.clone().follow(Arc::clone(&link)));
                        place.insert(Running { link, task });
                    }
                    Err(error) => tracing::error!(peer = %bureau, %error, "what a peer is served cannot be read"),
                }
            }
        }
    }

    /// Brings what every peer may have in line, and ends what is under way to those from whom something was taken back.
    /// Where that fails, nothing is served to anybody until it is done. The caller holds `aligning`.
    async fn align(&self) -> Result<(), Error> {
        let (office, links) = (self.office().clone(), self.links());
        let aligned = blocking(move || {
            let narrowed = office.align();
            for link in links {
                let taken_back = narrowed.as_ref().map_or(true, |narrowed| narrowed.contains(&link.bureau));
                link.tainted.fetch_or(taken_back, Ordering::AcqRel);
                link.aligned.store(narrowed.is_ok(), Ordering::Release);
            }
            narrowed.map(drop)
        })
        .await;
        let tainted: Vec<_> = self.links().into_iter().filter(|link| link.tainted.load(Ordering::Acquire)).collect();
        let gone = lock(&self.inner.gone).clone();
        futures::future::join_all(tainted.iter().chain(&gone).map(|link| self.end_answers(link))).await;
        tainted.iter().for_each(|link| link.tainted.store(false, Ordering::Release));
        lock(&self.inner.gone).retain(|link| !gone.iter().any(|ended| Arc::ptr_eq(link, ended)));
        if !gone.is_empty() {
            // Who waited for them to end is linked now.
            let this = self.clone();
            blocking(move || {
                this.refresh_links();
                Ok(())
            })
            .await?;
            return Box::pin(self.align()).await;
        }
        aligned
    }

    /// Tells those peers for whom there is something new.
    async fn tell(&self, links: Vec<Arc<Link>>) -> Result<(), Error> {
        let behind = blocking(move || {
            let has_news =
                |link: &Arc<Link>| link.served.has_news().unwrap_or(true) || link.owes_card(link.served.office());
            Ok(links.into_iter().filter(has_news).collect::<Vec<_>>())
        });
        behind.await?.iter().for_each(|link| self.nudge(link));
        Ok(())
    }

    pub(super) async fn keep_cards(self) {
        loop {
            tokio::time::sleep(CARDS_EVERY).await;
            if let Err(error) = self.refresh().await {
                tracing::error!(%error, "links could not be brought in line");
            }
        }
    }
}
