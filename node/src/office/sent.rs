//! Noting what leaves for a peer, before it leaves: how far its feeds have come, which records it was sent, and which
//! of them it must be sent once more, since it comes to know what they refer to.

use std::collections::{BTreeMap, BTreeSet};

use igain_protocol::bureau::BureauId;
use igain_protocol::log::FeedId;
use igain_protocol::record::RecordId;
use igain_protocol::sync::{ClassIndex, Feed, Provider};

use super::disclose::Notes;
use super::{Error, Office};
use crate::ledger::{Deliveries, RecordKey};
use crate::store::Batch;

/// Records to be sent once more that are looked at together.
const PAGE: usize = 1_024;

impl Office {
    /// What must be durable before an answer to a peer is sent: these feeds as they now are, these slots as delivered,
    /// and what was noted when they were read. The caller commits it, when it no longer holds the provider.
    ///
    /// # Errors
    /// Where the books cannot be read; then nothing must be sent.
    pub fn note_sent(
        &self,
        peer: BureauId,
        provider: &mut Provider,
        feeds: &[(FeedId, Feed)],
        delivered: &[(FeedId, u64)],
        notes: &Notes,
        deliveries: &mut Deliveries,
    ) -> Result<Batch, Error> {
        let ledger = self.ledger();
        let mut batch = Batch::default();
        let mut slots: BTreeMap<ClassIndex, Vec<u64>> = BTreeMap::new();
        for (id, feed) in feeds {
            let of_feed = delivered.iter().filter(|(from, _)| from == id).map(|(_, slot)| *slot);
            slots.entry(feed.class).or_default().extend(of_feed);
        }
        for (class, slots) in &slots {
            deliveries.note(ledger, &mut batch, *class, slots)?;
        }
        for (to, from) in &notes.withheld {
            from.iter().for_each(|from| ledger.put_withheld(&mut batch, peer, *to, *from));
        }
        let repeated = self.repeat(peer, provider, notes, &mut batch)?;
        for (id, feed) in feeds {
            self.forget_repeated(&mut batch, peer, *id, feed)?;
            let again = provider.view().feeds.get(id).map_or(feed.again, |now| now.again);
            ledger.put_feed(&mut batch, peer, *id, &Feed { again, ..feed.clone() });
        }
        for id in repeated.difference(&feeds.iter().map(|(id, _)| *id).collect()) {
            if let Some(feed) = provider.view().feeds.get(id) {
                ledger.put_feed(&mut batch, peer, *id, feed);
            }
        }
        Ok(batch)
    }

    /// Has the records be sent once more that went without a reference to what the peer now comes to know. Returns the
    /// feeds that they go through.
    fn repeat(
        &self,
        peer: BureauId,
        provider: &mut Provider,
        notes: &Notes,
        batch: &mut Batch,
    ) -> Result<BTreeSet<FeedId>, Error> {
        let mut feeds = BTreeSet::new();
        if notes.sent.is_empty() || (notes.withheld.is_empty() && !self.ledger().has_withheld(peer)?) {
            return Ok(feeds);
        }
        let open: BTreeMap<ClassIndex, FeedId> =
            provider.view().open_feeds().map(|(id, feed)| (feed.class, id)).collect();
        for id in self.lacking(peer, notes, batch)? {
            let row = self.ledger().record(RecordKey { id, owner: self.me() })?;
            let feed = row.and_then(|row| open.get(&row.place.class));
            let nth = feed.and_then(|feed| provider.view().feeds.get(feed)).map(|feed| feed.again + 1);
            if let (Some(feed), Some(nth)) = (feed, nth) {
                self.ledger().put_again(batch, peer, *feed, nth, id);
                provider.note_again(*feed, nth);
                feeds.insert(*feed);
            }
        }
        Ok(feeds)
    }

    /// The records that the peer has, or is just being sent, without a reference to one that it is sent. They are no
    /// longer noted as such then.
    fn lacking(&self, peer: BureauId, notes: &Notes, batch: &mut Batch) -> Result<BTreeSet<RecordId>, Error> {
        let mut lacking = BTreeSet::new();
        for to in &notes.sent {
            let just_now = notes.withheld.get(to).into_iter().flatten().copied();
            for from in self.ledger().withheld(peer, *to)?.into_iter().chain(just_now) {
                self.ledger().delete_withheld(batch, peer, *to, from);
                lacking.insert(from);
            }
        }
        Ok(lacking)
    }

    /// Forgets what was sent once more and has arrived.
    fn forget_repeated(&self, batch: &mut Batch, peer: BureauId, id: FeedId, feed: &Feed) -> Result<(), Error> {
        let arrived = feed.acked.map_or(0, |mark| mark.again);
        if arrived > 0 {
            let page = self.ledger().again_after(peer, id, 0, PAGE)?;
            let page = page.into_iter().map(|(nth, _)| nth).take_while(|nth| *nth <= arrived);
            page.for_each(|nth| self.ledger().delete_again(batch, peer, id, nth));
        }
        Ok(())
    }

    /// Forgets a feed that the peer has purged, and what was to be sent once more through it.
    ///
    /// # Errors
    /// Where the books cannot be read or written.
    pub fn forget_feed(&self, peer: BureauId, id: FeedId) -> Result<(), Error> {
        loop {
            let page = self.ledger().again_after(peer, id, 0, PAGE)?;
            let mut batch = Batch::default();
            if page.is_empty() {
                self.ledger().delete_feed(&mut batch, peer, id);
                return Ok(self.ledger().commit(batch)?);
            }
            page.iter().for_each(|(nth, _)| self.ledger().delete_again(&mut batch, peer, id, *nth));
            self.ledger().commit(batch)?;
        }
    }
}
