//! Reading class logs as one peer may see them.

use std::collections::BTreeSet;

use igain_protocol::bureau::BureauId;
use igain_protocol::log::{Entry, FeedId};
use igain_protocol::record::{RecordId, redact_bytes};
use igain_protocol::sync::{ClassIndex, LETTERS_CLASS, Read};
use igain_protocol::vocabulary::GroupSet;

use super::{Error, Office, read};
use crate::ledger::{Deliveries, LogEntry, Op, RecordKey};

/// What a peer's feed wants to read.
#[derive(Debug, Clone, Copy)]
pub struct Wanted {
    /// The feed.
    pub feed: FeedId,
    /// Its class.
    pub class: ClassIndex,
    /// The groups of fields that the peer may have.
    pub groups: GroupSet,
    /// Entries after this number.
    pub after: u64,
    /// Bytes of entries.
    pub room: usize,
}

impl Office {
    /// Reads on in a class log for a peer: live records, redacted, and the ends of records that it was sent. `open` are
    /// the classes that the peer may have: it may know of the records in them.
    ///
    /// # Errors
    /// Where the books cannot be read.
    pub fn disclose(
        &self,
        peer: BureauId,
        open: &BTreeSet<ClassIndex>,
        delivered: &mut Deliveries,
        wanted: Wanted,
    ) -> Result<Read, Error> {
        if wanted.class == LETTERS_CLASS {
            return self.read_letters(peer, wanted);
        }
        let mut read = Read { feed: wanted.feed, entries: Vec::new(), through: wanted.after, end: false };
        let mut room = wanted.room;
        loop {
            let run = self.ledger().log_after(wanted.class, read.through)?;
            if run.is_empty() {
                read.end = true;
                return Ok(read);
            }
            for entry in run {
                if let Some((wire, slot)) = self.disclose_entry(open, delivered, wanted, entry)? {
                    let Some(left) = room.checked_sub(wire.wire_len()) else { return Ok(read) };
                    room = left;
                    read.entries.push((wire, slot));
                }
                read.through = entry.seq;
            }
        }
    }

    fn disclose_entry(
        &self,
        open: &BTreeSet<ClassIndex>,
        delivered: &mut Deliveries,
        wanted: Wanted,
        entry: LogEntry,
    ) -> Result<Option<(Entry, Option<u64>)>, Error> {
        let key = RecordKey { id: entry.id, owner: self.me() };
        if entry.op == Op::Put {
            let row = self.ledger().record(key)?;
            let Some(row) = row.filter(|row| row.place.class == wanted.class && row.place.seq == entry.seq) else {
                return Ok(None);
            };
            let kind = self.kind_of(wanted.class)?;
            let bytes = redact_bytes(&row.bytes, kind, wanted.groups, &|id| self.may_refer(open, id))?;
            return Ok(Some((Entry::Put(bytes), Some(entry.slot))));
        }
        if !delivered.contains(self.ledger(), wanted.class, entry.slot)? {
            return Ok(None);
        }
        let wire = match entry.op {
            Op::Withdraw => {
                let signed = self.ledger().tombstone(key)?.and_then(|row| row.signed);
                signed.map_or(Entry::Expire(entry.id), Entry::Withdraw)
            }
            Op::Expire => Entry::Expire(entry.id),
            Op::Put | Op::Leave => Entry::Leave(entry.id),
        };
        Ok(Some((wire, None)))
    }

    fn kind_of(&self, class: ClassIndex) -> Result<igain_protocol::vocabulary::Kind, Error> {
        let classes = read(&self.inner.classes);
        let row = classes.row(class);
        row.map(|row| row.label.kind).ok_or(Error::Ledger(crate::ledger::Error::Row {
            table: "classes",
            why: format!("log {class} has no row"),
        }))
    }

    /// Whether a peer may know of the record that a field refers to: only one of this bureau's own, in a class that is
    /// open to the peer.
    fn may_refer(&self, open: &BTreeSet<ClassIndex>, id: RecordId) -> bool {
        let row = self.ledger().record(RecordKey { id, owner: self.me() });
        let class = row.ok().flatten().map(|row| row.place.class);
        class.is_some_and(|class| open.contains(&class))
    }

    fn read_letters(&self, peer: BureauId, wanted: Wanted) -> Result<Read, Error> {
        const PAGE: usize = 256;
        let mut read = Read { feed: wanted.feed, entries: Vec::new(), through: wanted.after, end: false };
        let mut room = wanted.room;
        let letters = self.ledger().letters_after(peer, wanted.after, PAGE)?;
        let full = letters.len() == PAGE;
        for row in letters {
            let wire = Entry::Letter(row.letter);
            let Some(left) = room.checked_sub(wire.wire_len()) else { return Ok(read) };
            room = left;
            read.entries.push((wire, None));
            read.through = row.seq;
        }
        read.end = !full;
        Ok(read)
    }
}
