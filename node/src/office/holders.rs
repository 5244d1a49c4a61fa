//! Who holds a record of this bureau's: who was sent it, and who says it has purged it.

use igain_protocol::bureau::BureauId;
use igain_protocol::record::RecordId;
use igain_protocol::sync::ClassIndex;
use igain_protocol::time::Timestamp;

use super::{Error, Office};
use crate::ledger::RecordKey;

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
        let trail = match &live {
            Some(place) => place.trail(),
            None => self.ledger().tombstone(key)?.ok_or(Error::UnknownRecord(id))?.trail,
        };
        let purges = self.ledger().purges(id)?;
        let mut holders = Vec::new();
        for peer in self.peers() {
            let bureau = peer.card().bureau;
            let sent = |(class, slot): &(ClassIndex, u64)| self.ledger().was_delivered(bureau, *class, *slot);
            let sent: Vec<bool> = trail.iter().map(sent).collect::<Result<_, _>>()?;
            if !sent.contains(&true) {
                continue;
            }
            let held = live.as_ref().map(|place| self.feed_is_open(bureau, place.class)).transpose()?;
            let purged = purges.iter().find(|(from, _)| *from == bureau).map(|(_, at)| *at);
            let state = match (held, purged) {
                (Some(true), _) if sent.last() == Some(&true) => HolderState::Holds,
                (_, Some(at)) => HolderState::Purged(at),
                _ => HolderState::Recalled,
            };
            holders.push(Holder { bureau, state });
        }
        Ok(holders)
    }

    fn feed_is_open(&self, bureau: BureauId, class: ClassIndex) -> Result<bool, Error> {
        Ok(self.ledger().view(bureau)?.open_feeds().any(|(_, feed)| feed.class == class))
    }
}
