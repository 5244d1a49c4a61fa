//! Giving a bureau back what this one holds of its own: it was put back to a backup, and has forgotten.
//!
//! What it has signed is no secret to it; what else is held here is, and how much of it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{MutexGuard, PoisonError};

use igain_protocol::bureau::BureauId;
use igain_protocol::codec;
use igain_protocol::feed::{Letter, LetterKind};
use igain_protocol::parcel::PARCEL_LIMIT;
use igain_protocol::record::RecordId;
use igain_protocol::sync::{Given, Reclaim};
use igain_protocol::vocabulary::GroupSet;

use super::memory::read;
use super::{Actor, Cost, Deed, Error, Office};
use crate::ledger::{self, ClassIndex, Op, RecordKey};

/// Bytes of items in one answer, so that they fit a parcel.
const ROOM: usize = PARCEL_LIMIT - 1_024;

/// Runs of logs, or rows, that one answer looks at.
const RUNS: usize = 64;
const ROWS: usize = 2_048;

/// Places that are remembered for each bureau: more than it passes before it notes one.
const REMEMBERED: usize = 32;

/// What it costs a bureau, in changes, to begin.
const BEGIN: u64 = 10;

/// What is gone through, one after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Its card, its charters and its answers, after so many.
    Letters(u32),
    /// Its records, behind an entry of a class.
    Records(ClassIndex, u64),
    /// Its records that cannot be read here, after one.
    Newer(Option<RecordId>),
    /// Ends of records, after one.
    Ends(Option<RecordKey>),
}

/// What goes into one answer.
#[derive(Default)]
struct Giving {
    items: Vec<Vec<u8>>,
    bytes: usize,
}

impl Giving {
    /// Adds an item, if there is room.
    fn take(&mut self, given: &Given) -> bool {
        let bytes = codec::encode(given);
        let fits = self.items.is_empty() || self.bytes + bytes.len() + 3 <= ROOM;
        if fits {
            self.bytes += bytes.len() + 3;
            self.items.push(bytes);
        }
        fits
    }
}

/// Places behind pages that a bureau was given, by the numbers under which it knows them: the places themselves tell of what is none
/// of its business.
#[derive(Debug)]
pub(super) struct Pages {
    last: u64,
    behind: VecDeque<(u64, Place)>,
}

impl Pages {
    /// Numbers that none had before a restart: they follow the time, of which a page takes more than a millisecond.
    fn begun(at_ms: u64) -> Self {
        Self { last: at_ms, behind: VecDeque::new() }
    }

    /// The place that a bureau names; none where it begins, or that is forgotten.
    fn place(&self, named: &[u8]) -> Option<Place> {
        let named = u64::from_be_bytes(named.try_into().ok()?);
        self.behind.iter().find(|(number, _)| *number == named).map(|(_, place)| *place)
    }

    /// The number of a place.
    fn note(&mut self, place: Place) -> [u8; 8] {
        self.last += 1;
        self.behind.push_back((self.last, place));
        if self.behind.len() > REMEMBERED {
            self.behind.pop_front();
        }
        self.last.to_be_bytes()
    }
}

impl Office {
    /// What a bureau asks for of its own, as the items of a parcel. What leaves with it is accounted for, and it costs that bureau.
    ///
    /// # Errors
    /// Where it has asked for more than it may, the books cannot be read, or the account cannot be written.
    pub fn give_back(&self, owner: BureauId, asked: &Reclaim) -> Result<Vec<Vec<u8>>, Error> {
        if self.holds_up(owner, true).is_some() {
            return Err(Error::Interrupted);
        }
        if asked.want.is_empty() {
            return self.page_of(owner, &asked.after);
        }
        let mut giving = Giving::default();
        for id in &asked.want {
            if let Some(given) = self.held_for(RecordKey { id: *id, owner })?
                && !giving.take(&given)
            {
                break;
            }
        }
        self.spend_unwritten(owner, Cost { commits: 1, changes: 1, ..Cost::default() });
        if !giving.items.is_empty() {
            let deed = Deed::new(Actor::Bureau(owner), "reclaim.give").peer(owner);
            self.account(deed.with("records", giving.items.len()))?;
        }
        Ok(giving.items)
    }

    /// The page behind a place. Empty ones are passed over, since they would tell how much there is of others.
    fn page_of(&self, owner: BureauId, after: &[u8]) -> Result<Vec<Vec<u8>>, Error> {
        let known = self.pages().get(&owner).and_then(|pages| pages.place(after));
        if known.is_none() {
            tracing::warn!(bureau = %owner, "a bureau says that it was put back to a backup, and is given back what it has signed");
            self.spend_unwritten(owner, Cost { changes: BEGIN, ..Cost::default() });
            self.account(Deed::new(Actor::Bureau(owner), "reclaim.begin").peer(owner))?;
        }
        let (mut giving, mut place) = (Giving::default(), Some(known.unwrap_or(Place::Letters(0))));
        while let Some(from) = place.filter(|_| giving.items.is_empty()) {
            self.spend_unwritten(owner, Cost { changes: 1, ..Cost::default() });
            place = match from {
                Place::Letters(after) => Some(self.letters_of(owner, after, &mut giving)?),
                Place::Records(class, seq) => Some(self.heads_of(owner, class, seq, &mut giving)?),
                Place::Newer(after) => Some(self.newer_of(owner, after, &mut giving)?),
                Place::Ends(after) => self.ends_of(owner, after, &mut giving)?.map(|last| Place::Ends(Some(last))),
            };
        }
        if let Some(place) = place {
            let begun = self.now().as_ms();
            let number = self.pages().entry(owner).or_insert_with(|| Pages::begun(begun)).note(place);
            giving.items.push(codec::encode(&Given::Next(number.to_vec())));
        }
        Ok(giving.items)
    }

    fn pages(&self) -> MutexGuard<'_, BTreeMap<BureauId, Pages>> {
        self.inner.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn letters_of(&self, owner: BureauId, after: u32, giving: &mut Giving) -> Result<Place, Error> {
        let letter = |kind, bytes: &[u8]| Given::Letter(Letter { kind, bytes: bytes.to_vec() });
        let mut all = vec![Given::Card(self.peer(owner)?.card.as_bytes().to_vec())];
        for caf in self.cafs() {
            if caf.charter().manager == owner {
                all.push(letter(LetterKind::Charter, caf.charter.as_bytes()));
            }
            let answer = caf.acceptances.get(&owner);
            all.extend(answer.map(|answer| letter(LetterKind::Acceptance, answer.as_bytes())));
        }
        for (given, next) in all.iter().zip(1_u32..).skip(after as usize) {
            if !giving.take(given) {
                return Ok(Place::Letters(next - 1));
            }
        }
        Ok(Place::Records(0, 0))
    }

    fn heads_of(&self, owner: BureauId, class: ClassIndex, seq: u64, giving: &mut Giving) -> Result<Place, Error> {
        let mut classes: Vec<ClassIndex> = {
            let known = read(&self.inner.memory.classes);
            let of = known.received_of(owner, None).into_iter().map(|(_, class)| class);
            of.filter(|one| *one >= class).collect()
        };
        classes.sort_unstable();
        let mut after = seq;
        let mut left = RUNS;
        for one in classes {
            let mut at = if one == class { after } else { 0 };
            loop {
                if left == 0 {
                    return Ok(Place::Records(one, at));
                }
                left -= 1;
                let head = read(&self.inner.memory.classes).visible(one).head;
                let run = match self.ledger().log_after(one, at, u64::MAX, head) {
                    Ok(run) => run,
                    Err(error @ ledger::Error::Hole { .. }) => {
                        tracing::error!(%error, "of a log with a hole nothing more is given back");
                        break;
                    }
                    Err(error) => return Err(error.into()),
                };
                let Some(last) = run.last().map(|entry| entry.seq) else { break };
                for entry in run.iter().filter(|entry| entry.op == Op::Put) {
                    let row = self.ledger().record(RecordKey { id: entry.id, owner })?;
                    let row = row.filter(|row| row.place.class == one && row.place.seq == entry.seq);
                    let head = row.and_then(|row| row.record().ok()).map(|record| record.header().revision);
                    if let Some(revision) = head
                        && !giving.take(&Given::Held(entry.id, revision))
                    {
                        return Ok(Place::Records(one, at));
                    }
                    at = entry.seq;
                }
                at = last;
            }
            after = 0;
        }
        Ok(Place::Newer(None))
    }

    fn newer_of(&self, owner: BureauId, after: Option<RecordId>, giving: &mut Giving) -> Result<Place, Error> {
        let (mut after, rows) = (after, self.ledger().newer_of(owner, after, ROWS)?);
        let all = rows.len() < ROWS;
        for (id, row) in rows {
            if !giving.take(&Given::Held(id, row.revision)) {
                return Ok(Place::Newer(after));
            }
            after = Some(id);
        }
        Ok(if all { Place::Ends(None) } else { Place::Newer(after) })
    }

    fn ends_of(
        &self,
        owner: BureauId,
        after: Option<RecordKey>,
        giving: &mut Giving,
    ) -> Result<Option<RecordKey>, Error> {
        let rows = self.ledger().tombstones(after, ROWS)?;
        let mut last = after;
        for (key, row) in &rows {
            let ended = key.owner == owner && row.signed.is_some();
            if ended && !giving.take(&Given::Ended(key.id)) {
                return Ok(last);
            }
            last = Some(*key);
        }
        Ok(last.filter(|_| rows.len() == ROWS))
    }

    /// A record that is held, or its signed end.
    fn held_for(&self, key: RecordKey) -> Result<Option<Given>, Error> {
        if let Some(signed) = self.ledger().tombstone(key)?.and_then(|row| row.signed) {
            return Ok(Some(Given::Withdrawal(signed)));
        }
        let Some(row) = self.ledger().record(key)? else {
            let newer = self.ledger().newer(key)?;
            return Ok(newer.map(|row| Given::Record(row.groups, row.bytes)));
        };
        let classes = read(&self.inner.memory.classes);
        let class = classes.row(row.place.class).filter(|class| !class.ending);
        let groups = class.and_then(|class| class.came).map_or(GroupSet::EMPTY, |came| came.groups);
        Ok(class.is_some().then_some(Given::Record(groups, row.bytes)))
    }
}
