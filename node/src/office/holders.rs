//! Who holds a record of this bureau's: who was sent it, and who says it has purged it.

use igain_protocol::bureau::BureauId;
use igain_protocol::record::RecordId;
use igain_protocol::time::Timestamp;

use super::{Error, Office, Peer};
use crate::ledger::{DRAFTS, Place, RecordKey, Stood};

/// One bureau that was sent a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holder {
    /// The bureau.
    pub bureau: BureauId,
    /// What it holds, as far as this bureau knows.
    pub state: HolderState,
}

/// What became of a record at a bureau.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HolderState {
    /// It was sent, and the bureau may have it.
    Holds,
    /// It was told to purge it, and has not said that it did.
    Recalled,
    /// It has signed that it purged it.
    Purged(Timestamp),
}

impl Office {
    /// Every bureau that was ever sent a record, and what became of it there.
    ///
    /// # Errors
    /// Where there never was such a record of this bureau's own.
    pub fn holders(&self, id: RecordId) -> Result<Vec<Holder>, Error> {
        let key = RecordKey { id, owner: self.me() };
        let live = self.ledger().record(key)?.map(|row| row.place);
        let number = match &live {
            Some(place) => place.number,
            None => self.ledger().tombstone(key)?.ok_or(Error::UnknownRecord(id))?.stood.number,
        };
        let mut holders = Vec::new();
        for peer in self.peers() {
            let bureau = peer.card().bureau;
            if self.ledger().was_delivered(bureau, number)? {
                let state = match self.gone_since(&peer, key, live.as_ref())? {
                    None => HolderState::Holds,
                    Some(seq) => {
                        let receipt = self.ledger().receipt_for(bureau, seq)?;
                        receipt.map_or(HolderState::Recalled, |receipt| HolderState::Purged(receipt.at))
                    }
                };
                holders.push(Holder { bureau, state });
            }
        }
        Ok(holders)
    }

    /// The number of the log at which a record was taken back from a peer that was sent it; none where it may have it.
    fn gone_since(&self, peer: &Peer, key: RecordKey, live: Option<&Place>) -> Result<Option<u64>, Error> {
        let Some(place) = live else {
            let Some(Stood { ended, class, since, .. }) = self.ledger().tombstone(key)?.map(|row| row.stood) else {
                return Ok(None);
            };
            // It may have been taken back from this peer before it ended, and the end was nothing to the peer then.
            let lost = self.ledger().shares_of(class)?.unwrap_or_default().lost;
            let lost = lost.iter().find(|(number, _)| *number == peer.number).map(|(_, seq)| (*seq).max(since));
            return Ok(Some(lost.map_or(ended, |lost| lost.min(ended))));
        };
        let shared = self.ledger().shares_of(place.class)?.unwrap_or_default();
        if place.class != DRAFTS && !shared.shares.of(peer.number).is_empty() {
            return Ok(None);
        }
        let lost = shared.lost.iter().find(|(number, _)| *number == peer.number).map(|(_, seq)| *seq);
        Ok(Some(lost.unwrap_or(place.since).max(place.since)))
    }
}
