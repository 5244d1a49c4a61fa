//! Noting what leaves for a peer, before it leaves: how far its feeds have come, which records it was sent, and which
//! of them it must be sent once more, since it comes to know what they refer to.

use igain_protocol::bureau::BureauId;
use igain_protocol::feed::FeedKind;
use igain_protocol::record::RecordId;
use igain_protocol::sync::Feed;

use super::Error;
use super::disclose::Notes;
use super::turn::Turn;
use crate::ledger::{Deliveries, Event};

/// Records to be sent once more that are looked at together.
const PAGE: usize = 1_024;

/// Rows that are no longer needed and go with one write.
const FORGOTTEN: usize = 256;

impl Turn<'_> {
    /// Notes what must be durable before an answer to a peer is sent: these feeds as they now are, these records as
    /// delivered, and what was noted when they were read. Whether there is something that must be sent once more, for
    /// [`Turn::repeat_some`].
    ///
    /// # Errors
    /// Where the books cannot be read; then nothing must be sent.
    pub(super) fn note_sent(
        &mut self,
        peer: BureauId,
        feeds: &[(FeedKind, Feed)],
        delivered: &[u64],
        notes: &Notes,
        deliveries: &mut Deliveries,
    ) -> Result<bool, Error> {
        let ledger = self.office().ledger();
        deliveries.note(ledger, &mut self.batch, delivered)?;
        deliveries.note_classes(ledger, &mut self.batch, &notes.classes)?;
        for (to, from) in &notes.withheld {
            from.iter().for_each(|from| ledger.put_withheld(&mut self.batch, peer, *to, *from));
        }
        for (kind, feed) in feeds {
            ledger.put_feed(&mut self.batch, peer, *kind, feed);
            match kind {
                FeedKind::Letters => ledger.forget_letters(&mut self.batch, peer, feed.oldest(), FORGOTTEN)?,
                FeedKind::Records => ledger.forget_events(&mut self.batch, peer, feed.oldest(), FORGOTTEN)?,
            }
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

    /// Has some of the records be sent once more that went without a reference to what the peer has come to know by now.
    /// Whether there may be more of them.
    pub(super) fn repeat_some(&mut self, peer: BureauId) -> Result<bool, Error> {
        let ledger = self.office().ledger();
        let Some(to) = ledger.known(peer)? else { return Ok(false) };
        let page: Vec<RecordId> = ledger.withheld(peer, to, PAGE)?;
        page.iter().for_each(|from| ledger.delete_withheld(&mut self.batch, peer, to, *from));
        if page.len() < PAGE {
            ledger.delete_known(&mut self.batch, peer, to);
        }
        if !page.is_empty() {
            let seq = self.next_number();
            ledger.put_event(&mut self.batch, peer, seq, &Event::Again(page));
        }
        Ok(true)
    }
}
