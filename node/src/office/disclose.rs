//! Reading class logs as one peer may see them.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use igain_protocol::bureau::BureauId;
use igain_protocol::log::{Entry, FeedId};
use igain_protocol::record::{RecordId, redact_bytes};
use igain_protocol::sync::{ClassIndex, LETTERS_CLASS, Read};
use igain_protocol::time::Day;
use igain_protocol::vocabulary::GroupSet;

use super::memory::read;
use super::{Error, Office};
use crate::ledger::{Deliveries, LogEntry, Op, RecordKey, RecordRow};

/// What a peer's feed wants to read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted {
    /// The feed.
    pub(super) feed: FeedId,
    /// When it was begun, in milliseconds.
    pub(super) generation: u64,
    /// Its class.
    pub(super) class: ClassIndex,
    /// The groups of fields that the peer may have.
    pub(super) groups: GroupSet,
    /// Entries after this number.
    pub(super) after: u64,
    /// And up to this one: how long the log was when the answer began. What came since is the next answer's, which then
    /// knows of all that this one discloses.
    pub(super) upto: u64,
    /// Of the records to be sent once more, those after this number.
    pub(super) again: u64,
    /// Bytes of entries.
    pub(super) room: usize,
}

/// A stretch of a class log that is being read.
#[derive(Debug)]
pub(super) struct Reading {
    wanted: Wanted,
    read: Read,
    room: usize,
}

impl Reading {
    pub(super) const fn new(wanted: Wanted) -> Self {
        let Wanted { feed, after, again, room, .. } = wanted;
        Self { wanted, read: Read { feed, entries: Vec::new(), through: after, again, end: false }, room }
    }

    /// What was read.
    pub(super) fn into_read(self) -> Read {
        self.read
    }
}

/// How a reading goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    /// There may be more to read.
    More,
    /// All that there is, or that there is room for, was read.
    Done,
    /// Entries were lost that the feed has not passed: it must begin anew.
    Lost,
}

/// What to note when that which was read is sent.
#[derive(Debug, Default)]
pub(super) struct Notes {
    /// Records that references to are withheld, and those that refer to them.
    pub(super) withheld: BTreeMap<RecordId, BTreeSet<RecordId>>,
    /// Records that are sent.
    pub(super) sent: Vec<RecordId>,
}

/// For whom something is read.
#[derive(Clone, Copy)]
struct Reader<'a> {
    peer: BureauId,
    /// Classes that it may have: it may know of the records in them.
    open: &'a BTreeSet<ClassIndex>,
    wanted: Wanted,
    /// Records whose last day lies before this are not disclosed.
    today: Day,
}

impl Office {
    /// Reads on in a class log for a peer, one run of entries at a time: live records, redacted, and the ends of records
    /// that it was sent; then the records that it is to be sent once more. `open` are the classes that the peer may have;
    /// `notes` are for [`super::turn::Turn::note_sent`].
    ///
    /// # Errors
    /// Where the books cannot be read.
    pub(super) fn disclose(
        &self,
        peer: BureauId,
        open: &BTreeSet<ClassIndex>,
        reading: &mut Reading,
        notes: &mut Notes,
        deliveries: &mut Deliveries,
    ) -> Result<Progress, Error> {
        let Reading { wanted, read, room } = reading;
        if wanted.class == LETTERS_CLASS {
            self.read_letters(peer, reading)?;
            return Ok(Progress::Done);
        }
        let reader = Reader { peer, open, wanted: *wanted, today: self.now().day() };
        let run = self.ledger().log_after(wanted.class, read.through, wanted.upto)?;
        if run.is_empty() {
            self.read_again(reader, read, room, notes)?;
            return Ok(Progress::Done);
        }
        for entry in run {
            if entry.op == Op::Lost && wanted.generation < entry.slot {
                return Ok(Progress::Lost);
            }
            if !take(read, room, self.disclose_entry(reader, entry, notes, deliveries)?) {
                return Ok(Progress::Done);
            }
            read.through = entry.seq;
        }
        Ok(Progress::More)
    }

    /// Reads the records that the peer is to be sent once more.
    fn read_again(
        &self,
        reader: Reader<'_>,
        read: &mut Read,
        room: &mut usize,
        notes: &mut Notes,
    ) -> Result<(), Error> {
        const PAGE: usize = 64;
        loop {
            let page = self.ledger().again_after(reader.peer, read.feed, read.again, PAGE)?;
            let full = page.len() == PAGE;
            for (nth, id) in page {
                let row = self.ledger().record(RecordKey { id, owner: self.me() })?;
                // One that came to where it is after the answer began is sent by its own entry.
                let here =
                    |row: &RecordRow| row.place.class == reader.wanted.class && row.place.seq <= reader.wanted.upto;
                let entry = match row.filter(here) {
                    Some(row) => self.disclose_record(reader, id, &row, notes)?,
                    None => None,
                };
                if !take(read, room, entry) {
                    return Ok(());
                }
                read.again = nth;
            }
            if !full {
                read.end = true;
                return Ok(());
            }
        }
    }

    /// One record, as the peer may have it; none once its last day has passed.
    fn disclose_record(
        &self,
        reader: Reader<'_>,
        id: RecordId,
        row: &RecordRow,
        notes: &mut Notes,
    ) -> Result<Option<(Entry, Option<u64>)>, Error> {
        if !row.is_live(reader.today)? {
            return Ok(None);
        }
        let Wanted { class, groups, .. } = reader.wanted;
        let withheld = RefCell::new(&mut notes.withheld);
        let may_refer = |to| {
            let may = self.may_refer(reader, to);
            if !may {
                withheld.borrow_mut().entry(to).or_default().insert(id);
            }
            may
        };
        let bytes = redact_bytes(&row.bytes, self.kind_of(class)?, groups, &may_refer)?;
        notes.sent.push(id);
        Ok(Some((Entry::Put(bytes), Some(row.place.slot))))
    }

    fn disclose_entry(
        &self,
        reader: Reader<'_>,
        entry: LogEntry,
        notes: &mut Notes,
        deliveries: &mut Deliveries,
    ) -> Result<Option<(Entry, Option<u64>)>, Error> {
        let class = reader.wanted.class;
        let key = RecordKey { id: entry.id, owner: self.me() };
        if entry.op == Op::Put {
            let row = self.ledger().record(key)?;
            let Some(row) = row.filter(|row| row.place.class == class && row.place.seq == entry.seq) else {
                return Ok(None);
            };
            return self.disclose_record(reader, entry.id, &row, notes);
        }
        if entry.op == Op::Lost || !deliveries.contains(self.ledger(), class, entry.slot)? {
            return Ok(None);
        }
        let wire = match entry.op {
            Op::Withdraw => {
                let signed = self.ledger().tombstone(key)?.and_then(|row| row.signed);
                signed.map_or(Entry::Expire(entry.id), Entry::Withdraw)
            }
            Op::Expire => Entry::Expire(entry.id),
            Op::Put | Op::Leave | Op::Lost => Entry::Leave(entry.id),
        };
        Ok(Some((wire, None)))
    }

    fn kind_of(&self, class: ClassIndex) -> Result<igain_protocol::vocabulary::Kind, Error> {
        let classes = read(&self.inner.memory.classes);
        let row = classes.row(class);
        row.map(|row| row.label.kind).ok_or(Error::Ledger(crate::ledger::Error::Row {
            table: "classes",
            why: format!("log {class} has no row"),
        }))
    }

    /// Whether a peer may know of the record that a field refers to: one of this bureau's own, in a class that is open to
    /// the peer, or one of the peer's own.
    fn may_refer(&self, reader: Reader<'_>, id: RecordId) -> bool {
        let row = self.ledger().record(RecordKey { id, owner: self.me() });
        let live = row.ok().flatten().filter(|row| row.is_live(reader.today).unwrap_or(false));
        live.is_some_and(|row| reader.open.contains(&row.place.class))
            || self.ledger().has_record(RecordKey { id, owner: reader.peer }).unwrap_or(false)
    }

    fn read_letters(&self, peer: BureauId, reading: &mut Reading) -> Result<(), Error> {
        const PAGE: usize = 256;
        let Reading { wanted, read, room } = reading;
        let letters = self.ledger().letters_after(peer, wanted.after, PAGE)?;
        let full = letters.len() == PAGE;
        for row in letters.into_iter().take_while(|row| row.seq <= wanted.upto) {
            if !take(read, room, Some((Entry::Letter(row.letter), None))) {
                return Ok(());
            }
            read.through = row.seq;
        }
        read.end = !full;
        Ok(())
    }
}

/// Adds an entry, where there is one, if there is room; false where there is none.
fn take(read: &mut Read, room: &mut usize, entry: Option<(Entry, Option<u64>)>) -> bool {
    let Some((wire, slot)) = entry else { return true };
    let Some(left) = room.checked_sub(wire.wire_len()) else { return false };
    *room = left;
    read.entries.push((wire, slot));
    true
}
