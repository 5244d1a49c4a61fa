//! What concerns one peer's feed of records alone, and stands in it at a number of the log: classes that it is granted
//! anew or no longer, records to be sent once more.

use igain_protocol::bureau::BureauId;
use igain_protocol::record::RecordId;
use minicbor::bytes::ByteVec;
use minicbor::{Decode, Encode};
use roaring::RoaringBitmap;

use super::{Error, Ledger, decode, encode, part, table};
use crate::store::Batch;

const NAME: &str = "events";

/// Something that concerns one peer.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// What it was sent of these classes must be purged.
    Recall(RoaringBitmap),
    /// What stood in these classes before is to be sent.
    Backfill(RoaringBitmap),
    /// These records are to be sent once more.
    Again(Vec<RecordId>),
    /// All of an earlier generation of the feed was sent again.
    Complete,
}

#[derive(Encode, Decode)]
struct Row {
    #[n(0)]
    kind: u8,
    #[n(1)]
    what: ByteVec,
}

impl Ledger {
    /// What concerns a peer after number `after`, in order, at most `limit`.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn events_after(&self, peer: BureauId, after: u64, limit: usize) -> Result<Vec<(u64, Event)>, Error> {
        let rows = self.store().prefix(table::EVENTS, peer.as_bytes(), Some(&key(peer, after)), limit)?;
        let read = |(key, bytes): &(Vec<u8>, Vec<u8>)| {
            Ok((u64::from_be_bytes(part(NAME, key, 8)?), decode::<Row>(NAME, bytes)?.read()?))
        };
        rows.iter().map(read).collect()
    }

    /// Notes something that concerns a peer, at a number of the log that nothing else has.
    pub fn put_event(&self, batch: &mut Batch, peer: BureauId, seq: u64, event: &Event) {
        batch.put(table::EVENTS, key(peer, seq), encode(&Row::of(event)));
    }

    /// Forgets all that concerns a peer but what was taken back.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn forget_grants(&self, batch: &mut Batch, peer: BureauId) -> Result<(), Error> {
        const PAGE: usize = 1_024;
        let mut after = 0;
        loop {
            let page = self.events_after(peer, after, PAGE)?;
            after = page.last().map_or(after, |(seq, _)| *seq);
            let those = page.iter().filter(|(_, event)| !matches!(event, Event::Recall(_)));
            those.for_each(|(seq, _)| batch.delete(table::EVENTS, key(peer, *seq)));
            if page.len() < PAGE {
                return Ok(());
            }
        }
    }

    /// Forgets what concerned a peer, up to and with number `upto`; at most `limit` at once.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn forget_events(&self, batch: &mut Batch, peer: BureauId, upto: u64, limit: usize) -> Result<(), Error> {
        for key in self.store().prefix_keys(table::EVENTS, peer.as_bytes(), None, limit)? {
            if u64::from_be_bytes(part(NAME, &key, 8)?) > upto {
                break;
            }
            batch.delete(table::EVENTS, key);
        }
        Ok(())
    }
}

fn key(peer: BureauId, seq: u64) -> Vec<u8> {
    [peer.as_bytes().as_slice(), &seq.to_be_bytes()].concat()
}

impl Row {
    fn of(event: &Event) -> Self {
        let (kind, what) = match event {
            Event::Recall(classes) => (0, bitmap(classes)),
            Event::Backfill(classes) => (1, bitmap(classes)),
            Event::Again(ids) => (2, ids.iter().flat_map(|id| *id.as_bytes()).collect()),
            Event::Complete => (3, Vec::new()),
        };
        Self { kind, what: what.into() }
    }

    fn read(self) -> Result<Event, Error> {
        let bad = |why: String| Error::Row { table: NAME, why };
        let classes = || RoaringBitmap::deserialize_from(self.what.as_slice()).map_err(|error| bad(error.to_string()));
        Ok(match self.kind {
            0 => Event::Recall(classes()?),
            1 => Event::Backfill(classes()?),
            2 => {
                let ids = self.what.as_chunks::<16>().0.iter();
                Event::Again(ids.map(|id| RecordId::from_bytes(*id)).collect())
            }
            3 => Event::Complete,
            kind => return Err(bad(format!("unknown kind {kind}"))),
        })
    }
}

/// The bytes of a set of classes.
fn bitmap(classes: &RoaringBitmap) -> Vec<u8> {
    let mut classes = classes.clone();
    classes.optimize();
    let mut bytes = Vec::with_capacity(classes.serialized_size());
    // INVARIANT: writing to a Vec cannot fail.
    let _ = classes.serialize_into(&mut bytes);
    bytes
}
