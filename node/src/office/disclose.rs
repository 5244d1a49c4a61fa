//! Reading on in the feed of one peer: in the logs of the classes that it may have, and in what concerns it alone, in the
//! order of their numbers.
//!
//! A reading is of one moment: what the peer may have, and how far the logs went, are those of when its answer began.

use std::cell::RefCell;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap, VecDeque};
use std::sync::Arc;

use igain_protocol::bureau::BureauId;
use igain_protocol::feed::{Entry, FeedKind, Filling, LetterKind};
use igain_protocol::parcel::PARCEL_LIMIT;
use igain_protocol::record::{RecordId, redact_bytes};
use igain_protocol::sync::{Mark, Read};
use igain_protocol::time::Day;
use igain_protocol::vocabulary::{GroupSet, Kind};

use super::classes::Shared;
use super::memory::read;
use super::{Error, Office};
use crate::ledger::{ClassIndex, Deliveries, Event, LogEntry, Op, PeerNumber, RecordKey, RecordRow};

/// Entries of logs that are looked at in one step.
const STEP: usize = 512;

/// Runs of logs that are kept while others are read. Those of one commit alternate; more than these seldom do.
const RUNS: usize = 256;

/// What one peer may have, as it is at one moment.
#[derive(Debug, Clone)]
pub(super) struct Granted {
    pub(super) peer: BureauId,
    number: PeerNumber,
    shared: Arc<Shared>,
    /// How often that has changed.
    pub(super) epoch: u64,
    /// The last number of the log that may be looked at.
    pub(super) upto: u64,
}

impl Granted {
    /// The groups of fields that the peer may have of a class.
    pub(super) fn groups(&self, class: ClassIndex) -> GroupSet {
        self.shared.get(&class).map_or(GroupSet::EMPTY, |shares| shares.of(self.number))
    }

    fn has(&self, class: ClassIndex) -> bool {
        !self.groups(class).is_empty()
    }
}

/// What stands next in a feed, by its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Next {
    Event,
    Entry(ClassIndex),
}

/// A feed of records that is being read, from one parcel of an answer to the next.
#[derive(Debug)]
pub(super) struct Reading {
    granted: Granted,
    today: Day,
    /// Up to here it was read.
    through: u64,
    within: (u32, u64),
    queue: BinaryHeap<Reverse<(u64, Next)>>,
    /// Runs that were read and not used up.
    runs: HashMap<ClassIndex, VecDeque<LogEntry>>,
    events: VecDeque<(u64, Event)>,
    /// The number at which what stood in a class before is sent: until then, only ends are.
    backfills: HashMap<ClassIndex, u64>,
}

/// What to note when that which was read is sent.
#[derive(Debug, Default)]
pub(super) struct Notes {
    /// Records that references to are withheld, and those that refer to them.
    pub(super) withheld: BTreeMap<RecordId, BTreeSet<RecordId>>,
    /// Records that are sent.
    pub(super) sent: Vec<RecordId>,
    /// The classes that they are in.
    pub(super) classes: BTreeSet<ClassIndex>,
}

/// What the peer is told; with a record, its number and its class.
type Told = (Entry, Option<(u64, ClassIndex)>);

/// The part of a feed that goes into one parcel.
pub(super) struct Page<'a> {
    pub(super) notes: &'a mut Notes,
    pub(super) deliveries: &'a mut Deliveries,
    entries: Vec<(Entry, Option<u64>)>,
    filling: Filling,
}

impl<'a> Page<'a> {
    pub(super) const fn new(room: usize, notes: &'a mut Notes, deliveries: &'a mut Deliveries) -> Self {
        Self { notes, deliveries, entries: Vec::new(), filling: Filling::new(room) }
    }

    /// Adds an entry, if there is room; false where there is none.
    fn take(&mut self, (entry, delivers): Told) -> bool {
        if !self.filling.take(&entry) {
            return false;
        }
        self.entries.push((entry, delivers.map(|(number, _)| number)));
        self.notes.classes.extend(delivers.map(|(_, class)| class));
        true
    }
}

impl Office {
    /// What a peer may have now.
    pub(super) fn granted(&self, peer: BureauId) -> Result<Granted, Error> {
        let number = self.peer(peer)?.number;
        let classes = read(&self.inner.memory.classes);
        let shared = Arc::clone(classes.shared());
        Ok(Granted { peer, number, shared, epoch: classes.epoch(peer), upto: classes.upto() })
    }

    /// Begins to read the feed of records of a peer after a place.
    ///
    /// # Errors
    /// Where the books cannot be read.
    pub(super) fn begin_reading(&self, granted: Granted, after: Mark) -> Result<Reading, Error> {
        const MOST: usize = 1 << 16;
        let mut granted = granted;
        let (peer, through) = (granted.peer, after.through);
        let events: VecDeque<_> = self.ledger().events_after(peer, through, MOST)?.into();
        if let Some((last, _)) = events.back().filter(|_| events.len() == MOST) {
            granted.upto = granted.upto.min(*last);
        }
        let upto = granted.upto;
        let mut backfills = HashMap::new();
        for (seq, event) in &events {
            if let Event::Backfill(classes) = event {
                backfills.extend(classes.iter().map(|class| (class, *seq)));
            }
        }
        let mut reading = Reading {
            granted,
            today: self.clock().served_day(),
            through,
            within: after.within,
            queue: BinaryHeap::new(),
            runs: HashMap::new(),
            events: events.into_iter().filter(|(seq, _)| *seq <= upto).collect(),
            backfills,
        };
        reading.queue.extend(reading.events.front().map(|(seq, _)| Reverse((*seq, Next::Event))));
        let classes = read(&self.inner.memory.classes);
        let changed: Vec<ClassIndex> = classes.changed_after(through).map(|(_, class)| class).collect();
        drop(classes);
        for class in changed {
            if reading.granted.has(class) {
                self.queue(&mut reading, class, through)?;
            }
        }
        Ok(reading)
    }

    /// Whether something stands in the feed of records of a peer after a place. What was looked at for long and brought
    /// nothing so far may bring something.
    ///
    /// # Errors
    /// Where the books cannot be read.
    pub(super) fn has_news_after(&self, peer: BureauId, after: Mark) -> Result<bool, Error> {
        const STEPS: usize = 16;
        let mut reading = self.begin_reading(self.granted(peer)?, after)?;
        let (mut notes, mut deliveries) = (Notes::default(), Deliveries::new(peer));
        let mut page = Page::new(PARCEL_LIMIT, &mut notes, &mut deliveries);
        for _ in 0..STEPS {
            let progress = self.read_on(&mut reading, &mut page)?;
            if !page.entries.is_empty() || progress == Progress::Full {
                return Ok(true);
            }
            if progress == Progress::End {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Reads on, as much as one step allows. Whether there is more to read for this page.
    ///
    /// # Errors
    /// Where the books cannot be read.
    pub(super) fn read_on(&self, reading: &mut Reading, page: &mut Page<'_>) -> Result<Progress, Error> {
        for _ in 0..STEP {
            let Some(Reverse((seq, next))) = reading.queue.peek().copied() else {
                (reading.through, reading.within) = (reading.through.max(reading.granted.upto), (0, 0));
                return Ok(Progress::End);
            };
            let done = match next {
                Next::Entry(class) => self.read_entry(reading, page, class)?,
                Next::Event => self.read_event(reading, page, seq)?,
            };
            match done {
                Progress::More => return Ok(Progress::More),
                Progress::Full => return Ok(Progress::Full),
                Progress::End => (reading.through, reading.within) = (seq, (0, 0)),
            }
        }
        Ok(Progress::More)
    }

    /// Has the next entry of a class after a number take its place in the queue.
    fn queue(&self, reading: &mut Reading, class: ClassIndex, after: u64) -> Result<(), Error> {
        let next = reading.runs.get(&class).and_then(VecDeque::front).map(|entry| entry.seq);
        let next = match next {
            Some(next) => Some(next),
            None => {
                let head = read(&self.inner.memory.classes).visible(class).head;
                let run: VecDeque<LogEntry> = self.ledger().log_after(class, after, reading.granted.upto, head)?.into();
                let next = run.front().map(|entry| entry.seq);
                if reading.runs.len() >= RUNS {
                    // What is dropped is read again when its turn comes.
                    reading.runs.clear();
                }
                if next.is_some() {
                    reading.runs.insert(class, run);
                }
                next
            }
        };
        reading.queue.extend(next.map(|seq| Reverse((seq, Next::Entry(class)))));
        Ok(())
    }

    fn read_entry(&self, reading: &mut Reading, page: &mut Page<'_>, class: ClassIndex) -> Result<Progress, Error> {
        let Some(Reverse((seq, _))) = reading.queue.pop() else { return Ok(Progress::End) };
        let front = reading.runs.get(&class).and_then(VecDeque::front).copied().filter(|entry| entry.seq == seq);
        let Some(entry) = front else {
            // Its run was dropped meanwhile.
            reading.runs.remove(&class);
            self.queue(reading, class, seq - 1)?;
            return Ok(Progress::More);
        };
        if let Some(told) = self.disclose_entry(reading, page, class, entry, false)?
            && !page.take(told)
        {
            reading.queue.push(Reverse((seq, Next::Entry(class))));
            return Ok(Progress::Full);
        }
        let run = reading.runs.get_mut(&class);
        let used_up = run.is_none_or(|run| {
            run.pop_front();
            run.is_empty()
        });
        if used_up {
            reading.runs.remove(&class);
        }
        self.queue(reading, class, seq)?;
        Ok(Progress::End)
    }

    /// What an entry of a class is for the peer.
    fn disclose_entry(
        &self,
        reading: &Reading,
        page: &mut Page<'_>,
        class: ClassIndex,
        entry: LogEntry,
        backfilling: bool,
    ) -> Result<Option<Told>, Error> {
        let key = RecordKey { id: entry.id, owner: self.me() };
        if entry.op == Op::Put {
            if reading.backfills.get(&class).is_some_and(|seq| entry.seq < *seq) && !backfilling {
                return Ok(None);
            }
            let row = self.ledger().record(key)?;
            let groups = reading.granted.groups(class);
            let stands = |row: &RecordRow| row.place.class == class && row.place.seq_for(groups) == entry.seq;
            let Some(row) = row.filter(stands) else { return Ok(None) };
            return self.disclose_record(reading, page, entry.id, &row);
        }
        if !page.deliveries.contains(self.ledger(), entry.number)? {
            return Ok(None);
        }
        Ok(match entry.op {
            Op::Withdraw => {
                let signed = self.ledger().tombstone(key)?.and_then(|row| row.signed);
                Some((signed.map_or(Entry::Gone(entry.id), Entry::Withdraw), None))
            }
            Op::Leave if self.was_sent(reading, key, entry.seq)? => None,
            Op::Expire | Op::Leave | Op::Put => Some((Entry::Gone(entry.id), None)),
        })
    }

    /// Whether a record that left a class had been sent to the peer by then as what it is now.
    fn was_sent(&self, reading: &Reading, key: RecordKey, left: u64) -> Result<bool, Error> {
        let row = self.ledger().record(key)?.filter(|row| row.is_live(reading.today));
        Ok(row.is_some_and(|row| {
            let since = reading.backfills.get(&row.place.class).copied().unwrap_or_default();
            let groups = reading.granted.groups(row.place.class);
            !groups.is_empty() && (since..left).contains(&row.place.seq_for(groups))
        }))
    }

    /// One record, as the peer may have it. Once its last day has passed, it is gone for who was sent it: that day may be
    /// another than the one that was sent.
    fn disclose_record(
        &self,
        reading: &Reading,
        page: &mut Page<'_>,
        id: RecordId,
        row: &RecordRow,
    ) -> Result<Option<Told>, Error> {
        if !row.is_live(reading.today) {
            let sent = page.deliveries.contains(self.ledger(), row.place.number)?;
            return Ok(sent.then_some((Entry::Gone(id), None)));
        }
        let class = row.place.class;
        let groups = reading.granted.groups(class);
        let withheld = RefCell::new(&mut page.notes.withheld);
        let may_refer = |to| {
            let may = self.may_refer(reading, to).unwrap_or(false);
            if !may {
                withheld.borrow_mut().entry(to).or_default().insert(id);
            }
            may
        };
        let record = redact_bytes(&row.bytes, self.kind_of(class)?, groups, &may_refer)?;
        page.notes.sent.push(id);
        Ok(Some((Entry::Put { groups, record }, Some((row.place.number, class)))))
    }

    fn kind_of(&self, class: ClassIndex) -> Result<Kind, Error> {
        let classes = read(&self.inner.memory.classes);
        let row = classes.row(class);
        row.map(|row| row.label.kind).ok_or(Error::Ledger(crate::ledger::Error::Row {
            table: "classes",
            why: format!("class {class} has no row"),
        }))
    }

    /// Whether a peer may know of the record that a field refers to: one of this bureau's own, in a class that the peer may
    /// have; or one of the peer's own, where this bureau never had one of that id, so that nobody learns of a record by
    /// giving its id to another.
    fn may_refer(&self, reading: &Reading, id: RecordId) -> Result<bool, Error> {
        let (ledger, own) = (self.ledger(), RecordKey { id, owner: self.me() });
        match ledger.record(own)? {
            Some(row) => Ok(row.is_live(reading.today) && reading.granted.has(row.place.class)),
            None if ledger.has_ended(own)? => Ok(false),
            None => Ok(ledger.has_record(RecordKey { id, owner: reading.granted.peer })?),
        }
    }

    fn read_event(&self, reading: &mut Reading, page: &mut Page<'_>, seq: u64) -> Result<Progress, Error> {
        let Some((_, event)) = reading.events.front().cloned() else { return Ok(Progress::End) };
        let done = match &event {
            Event::Recall(classes) => self.recall(reading, page, seq, &mut classes.iter())?,
            Event::Backfill(classes) => self.backfill(reading, page, seq, &mut classes.iter())?,
            Event::Again(ids) => self.send_again(reading, page, ids)?,
            Event::Complete if page.take((Entry::Complete, None)) => Progress::End,
            Event::Complete => Progress::Full,
        };
        if done == Progress::End {
            reading.queue.pop();
            reading.events.pop_front();
            reading.queue.extend(reading.events.front().map(|(seq, _)| Reverse((*seq, Next::Event))));
        } else if reading.within != (0, 0) {
            // All before it was read.
            reading.through = seq - 1;
        }
        Ok(done)
    }

    /// Takes classes back, at number `seq`, of which the peer was ever sent something.
    fn recall(
        &self,
        reading: &mut Reading,
        page: &mut Page<'_>,
        seq: u64,
        classes: &mut dyn Iterator<Item = ClassIndex>,
    ) -> Result<Progress, Error> {
        let first = reading.within.0;
        for class in classes.filter(|class| *class >= first) {
            // In a feed that began anew, what the peer has got back since stands before this, not in a backfill behind it.
            let regained = reading.granted.has(class) && reading.backfills.get(&class).is_none_or(|at| *at < seq);
            if !regained && page.deliveries.contains_class(self.ledger(), class)? {
                let label = read(&self.inner.memory.classes).row(class).map(|row| row.label.digest());
                if let Some(label) = label
                    && !page.take((Entry::Recall(label), None))
                {
                    return Ok(Progress::Full);
                }
            }
            reading.within = (class + 1, 0);
        }
        Ok(Progress::End)
    }

    /// Sends what stood in classes before number `seq`, one run of entries at a time.
    fn backfill(
        &self,
        reading: &mut Reading,
        page: &mut Page<'_>,
        seq: u64,
        classes: &mut dyn Iterator<Item = ClassIndex>,
    ) -> Result<Progress, Error> {
        let first = reading.within.0;
        for class in classes.filter(|class| *class >= first) {
            if class > reading.within.0 {
                reading.within = (class, 0);
            }
            // A later one stands for it, or the peer may not have it any more.
            if reading.backfills.get(&class) != Some(&seq) || !reading.granted.has(class) {
                continue;
            }
            match self.backfill_some(reading, page, seq, class)? {
                Progress::End => {}
                stopped => return Ok(stopped),
            }
        }
        Ok(Progress::End)
    }

    /// Sends what the next run of a class brings that stands before number `seq`.
    fn backfill_some(
        &self,
        reading: &mut Reading,
        page: &mut Page<'_>,
        seq: u64,
        class: ClassIndex,
    ) -> Result<Progress, Error> {
        let head = read(&self.inner.memory.classes).visible(class).head;
        let run = self.ledger().log_after(class, reading.within.1, seq, head)?;
        let Some(last) = run.last().map(|entry| entry.seq) else { return Ok(Progress::End) };
        for entry in run.iter().filter(|entry| entry.op == Op::Put) {
            if let Some(told) = self.disclose_entry(reading, page, class, *entry, true)?
                && !page.take(told)
            {
                return Ok(Progress::Full);
            }
            reading.within = (class, entry.seq);
        }
        reading.within = (class, last);
        Ok(if last < head.min(seq) { Progress::More } else { Progress::End })
    }

    /// Sends records once more, as they are now.
    fn send_again(&self, reading: &mut Reading, page: &mut Page<'_>, ids: &[RecordId]) -> Result<Progress, Error> {
        let done = usize::try_from(reading.within.1).unwrap_or(usize::MAX);
        for (nth, id) in ids.iter().enumerate().skip(done) {
            let row = self.ledger().record(RecordKey { id: *id, owner: self.me() })?;
            // One that came to where it is after the answer began is sent by its own entry.
            let here = |row: &RecordRow| {
                let groups = reading.granted.groups(row.place.class);
                !groups.is_empty() && row.place.seq_for(groups) <= reading.granted.upto
            };
            if let Some(row) = row.filter(here)
                && let Some(told) = self.disclose_record(reading, page, *id, &row)?
                && !page.take(told)
            {
                return Ok(Progress::Full);
            }
            reading.within = (0, nth as u64 + 1);
        }
        Ok(Progress::End)
    }

    /// Reads letters to a peer after a number, up to another; receipts alone where it is revoked.
    ///
    /// # Errors
    /// Where the books cannot be read.
    pub(super) fn read_letters(
        &self,
        peer: BureauId,
        after: Mark,
        upto: u64,
        room: usize,
        revoked: bool,
    ) -> Result<Read, Error> {
        const PAGE: usize = 256;
        let letters = self.ledger().letters_after(peer, after.through, PAGE)?;
        let (full, mut left) = (letters.len() == PAGE, room);
        let (feed, through) = (FeedKind::Letters, after.through);
        let mut read = Read { feed, entries: Vec::new(), through, within: (0, 0), end: !full };
        for row in letters.into_iter().take_while(|row| row.seq <= upto) {
            if revoked && row.letter.kind != LetterKind::Receipt {
                read.through = row.seq;
                continue;
            }
            let entry = Entry::Letter(row.letter);
            let Some(rest) = left.checked_sub(entry.wire_len()) else {
                read.end = false;
                return Ok(read);
            };
            left = rest;
            read.entries.push((entry, None));
            read.through = row.seq;
        }
        Ok(read)
    }
}

/// How a reading goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    /// There may be more to read.
    More,
    /// What comes next has no room on this page.
    Full,
    /// All was read.
    End,
}

impl Reading {
    /// What was read for a page.
    pub(super) fn turn_page(&self, page: Page<'_>, end: bool) -> Read {
        let (through, within) = (self.through, self.within);
        Read { feed: FeedKind::Records, entries: page.entries, through, within, end }
    }
}
