//! Noting what leaves for a peer, before it leaves: how far its feeds have come, which records it was sent, and which
//! of them it must be sent once more, since it comes to know what they refer to.

use std::collections::{BTreeMap, BTreeSet};

use igain_protocol::bureau::BureauId;
use igain_protocol::log::FeedId;
use igain_protocol::record::RecordId;
use igain_protocol::sync::{ClassIndex, Feed, Provider};

use super::disclose::Notes;
use super::turn::Turn;
use super::{Error, Office};
use crate::ledger::{Deliveries, RecordKey};

/// Records to be sent once more that are looked at together.
const PAGE: usize = 1_024;

impl Turn<'_> {
    /// Notes what must be durable before an answer to a peer is sent: these feeds as they now are, these slots as
    /// delivered, and what was noted when they were read. Whether there is something that must be sent once more, for
    /// [`Office::repeat_some`].
    ///
    /// # Errors
    /// Where the books cannot be read; then nothing must be sent.
    pub(super) fn note_sent(
        &mut self,
        peer: BureauId,
        feeds: &[(FeedId, Feed)],
        delivered: &[(FeedId, u64)],
        notes: &Notes,
        deliveries: &mut Deliveries,
    ) -> Result<bool, Error> {
        let ledger = self.office().ledger();
        let mut slots: BTreeMap<ClassIndex, Vec<u64>> = BTreeMap::new();
        for (id, feed) in feeds {
            let of_feed = delivered.iter().filter(|(from, _)| from == id).map(|(_, slot)| *slot);
            slots.entry(feed.class).or_default().extend(of_feed);
        }
        for (class, slots) in &slots {
            deliveries.note(ledger, &mut self.batch, *class, slots)?;
        }
        for (to, from) in &notes.withheld {
            from.iter().for_each(|from| ledger.put_withheld(&mut self.batch, peer, *to, *from));
        }
        for (id, feed) in feeds {
            self.forget_repeated(peer, *id, feed)?;
            ledger.put_feed(&mut self.batch, peer, *id, feed);
        }
        self.note_known(peer, notes)
    }

    /// Notes which of the records that are sent others were sent without a reference to.
    fn note_known(&mut self, peer: BureauId, notes: &Notes) -> Result<bool, Error> {
        let ledger = self.office().ledger();
        let mut known = false;
        if notes.sent.is_empty() || (notes.withheld.is_empty() && !ledger.has_withheld(peer)?) {
            return Ok(known);
        }
        for to in &notes.sent {
            if notes.withheld.contains_key(to) || !ledger.withheld(peer, *to, 1)?.is_empty() {
                ledger.put_known(&mut self.batch, peer, *to);
                known = true;
            }
        }
        Ok(known)
    }

    /// Forgets what was sent once more and has arrived.
    fn forget_repeated(&mut self, peer: BureauId, id: FeedId, feed: &Feed) -> Result<(), Error> {
        let arrived = feed.acked.map_or(0, |mark| mark.again);
        if arrived > 0 {
            let page = self.office().ledger().again_after(peer, id, 0, PAGE)?;
            let page = page.into_iter().map(|(nth, _)| nth).take_while(|nth| *nth <= arrived);
            page.for_each(|nth| self.office().ledger().delete_again(&mut self.batch, peer, id, nth));
        }
        Ok(())
    }

    /// Has some of the records be sent once more that went without a reference to what the peer has come to know by now.
    /// Whether there may be more of them.
    pub(super) fn repeat_some(&mut self, peer: BureauId, provider: &mut Provider) -> Result<bool, Error> {
        let ledger = self.office().ledger();
        let Some(to) = ledger.known(peer)? else { return Ok(false) };
        let open: BTreeMap<ClassIndex, FeedId> =
            provider.view().open_feeds().map(|(id, feed)| (feed.class, id)).collect();
        let page = ledger.withheld(peer, to, PAGE)?;
        let mut feeds = BTreeSet::new();
        for from in &page {
            ledger.delete_withheld(&mut self.batch, peer, to, *from);
            feeds.extend(self.repeat(peer, provider, &open, *from)?);
        }
        for id in feeds {
            if let Some(feed) = provider.view().feeds.get(&id) {
                ledger.put_feed(&mut self.batch, peer, id, feed);
            }
        }
        if page.len() < PAGE {
            ledger.delete_known(&mut self.batch, peer, to);
        }
        Ok(true)
    }

    /// Has one record be sent once more, if its class is open to the peer. Returns the feed that it goes through.
    fn repeat(
        &mut self,
        peer: BureauId,
        provider: &mut Provider,
        open: &BTreeMap<ClassIndex, FeedId>,
        id: RecordId,
    ) -> Result<Option<FeedId>, Error> {
        let ledger = self.office().ledger();
        let row = ledger.record(RecordKey { id, owner: self.office().me() })?;
        let feed = row.and_then(|row| open.get(&row.place.class)).copied();
        let nth = feed.and_then(|feed| provider.view().feeds.get(&feed)).map(|feed| feed.again + 1);
        if let (Some(feed), Some(nth)) = (feed, nth) {
            ledger.put_again(&mut self.batch, peer, feed, nth, id);
            provider.note_again(feed, nth);
        }
        Ok(feed)
    }
}

impl Office {
    /// Forgets a feed that the peer has purged, and what was to be sent once more through it.
    ///
    /// # Errors
    /// Where the books cannot be read or written.
    pub(super) fn forget_feed(&self, peer: BureauId, id: FeedId) -> Result<(), Error> {
        loop {
            let mut turn = self.turn()?;
            let page = self.ledger().again_after(peer, id, 0, PAGE)?;
            page.iter().for_each(|(nth, _)| self.ledger().delete_again(&mut turn.batch, peer, id, *nth));
            if page.len() < PAGE {
                self.ledger().delete_feed(&mut turn.batch, peer, id);
            }
            turn.commit_now()?;
            if page.len() < PAGE {
                return Ok(());
            }
        }
    }
}
