//! Giving a bureau back what this one holds of its own: it was put back to a backup, and has forgotten.
//!
//! What it has signed is no secret to it. Nothing is kept of how far it has come: it names the place of the next page.

use igain_protocol::bureau::BureauId;
use igain_protocol::codec;
use igain_protocol::feed::{Letter, LetterKind};
use igain_protocol::parcel::PARCEL_LIMIT;
use igain_protocol::record::RecordId;
use igain_protocol::sync::{Given, Reclaim};
use igain_protocol::vocabulary::GroupSet;

use super::memory::read;
use super::{Actor, Deed, Error, Office};
use crate::ledger::{self, ClassIndex, Op, RecordKey};

/// Bytes of items in one answer, so that they fit a parcel.
const ROOM: usize = PARCEL_LIMIT - 1_024;

/// Runs of logs, or rows, that one answer looks at.
const RUNS: usize = 64;
const ROWS: usize = 2_048;

/// What is gone through, one after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Its card, its charters and its answers, after so many.
    Letters(u32),
    /// Its records, behind an entry of a class.
    Records(ClassIndex, u64),
    /// Ends of records, after one.
    Ends(Option<RecordKey>),
}

impl Place {
    fn to_bytes(self) -> Vec<u8> {
        match self {
            Self::Letters(after) => [&[0][..], &after.to_be_bytes()].concat(),
            Self::Records(class, seq) => [&[1][..], &class.to_be_bytes(), &seq.to_be_bytes()].concat(),
            Self::Ends(None) => vec![2],
            Self::Ends(Some(key)) => [&[2][..], key.id.as_bytes(), key.owner.as_bytes()].concat(),
        }
    }

    /// The place that was named; the first where that is none of this bureau's.
    fn from_bytes(bytes: &[u8], owner: impl Fn(&[u8]) -> Option<BureauId>) -> Self {
        let place = || match bytes.split_first()? {
            (0, after) => Some(Self::Letters(u32::from_be_bytes(after.try_into().ok()?))),
            (1, rest) => {
                let (class, seq) = rest.split_at_checked(4)?;
                Some(Self::Records(
                    u32::from_be_bytes(class.try_into().ok()?),
                    u64::from_be_bytes(seq.try_into().ok()?),
                ))
            }
            (2, []) => Some(Self::Ends(None)),
            (2, key) => {
                let (id, of) = key.split_at_checked(16)?;
                let id = RecordId::from_bytes(id.try_into().ok()?);
                Some(Self::Ends(Some(RecordKey { id, owner: owner(of)? })))
            }
            _ => None,
        };
        place().unwrap_or(Self::Letters(0))
    }
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

impl Office {
    /// What a bureau asks for of its own, as the items of a parcel. What leaves with it is accounted for.
    ///
    /// # Errors
    /// Where the books cannot be read, or the account cannot be written.
    pub fn give_back(&self, owner: BureauId, asked: &Reclaim) -> Result<Vec<Vec<u8>>, Error> {
        let mut giving = Giving::default();
        if asked.want.is_empty() {
            let first = asked.after.is_empty();
            let next = self.page_of(owner, &asked.after, &mut giving)?;
            if let Some(next) = next {
                giving.items.push(codec::encode(&Given::Next(next.to_bytes())));
            }
            if first {
                tracing::warn!(bureau = %owner, "a bureau was put back to a backup, and is given back what it has signed");
                self.account(Deed::new(Actor::Bureau(owner), "reclaim.begin").peer(owner))?;
            }
            return Ok(giving.items);
        }
        for id in &asked.want {
            if let Some(given) = self.held_for(RecordKey { id: *id, owner })?
                && !giving.take(&given)
            {
                break;
            }
        }
        if !giving.items.is_empty() {
            let deed = Deed::new(Actor::Bureau(owner), "reclaim.give").peer(owner);
            self.account(deed.with("records", giving.items.len()))?;
        }
        Ok(giving.items)
    }

    /// Fills a page. The place behind it, unless it is the last.
    fn page_of(&self, owner: BureauId, after: &[u8], giving: &mut Giving) -> Result<Option<Place>, Error> {
        let place = Place::from_bytes(after, |bytes| BureauId::from_bytes(bytes.try_into().ok()?).ok());
        Ok(match place {
            Place::Letters(after) => Some(self.letters_of(owner, after, giving)?),
            Place::Records(class, seq) => Some(self.heads_of(owner, class, seq, giving)?),
            Place::Ends(after) => self.ends_of(owner, after, giving)?.map(|last| Place::Ends(Some(last))),
        })
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
        Ok(Place::Ends(None))
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
        let Some(row) = self.ledger().record(key)? else { return Ok(None) };
        let classes = read(&self.inner.memory.classes);
        let class = classes.row(row.place.class).filter(|class| !class.ending);
        let groups = class.and_then(|class| class.came).map_or(GroupSet::EMPTY, |came| came.groups);
        Ok(class.is_some().then_some(Given::Record(groups, row.bytes)))
    }
}
