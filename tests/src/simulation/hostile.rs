//! A member that keeps to no rule, in every schedule: it is enrolled and may be granted something, and says whatever may do
//! harm. The others must be as if it said nothing, once it is silent.

use igain_node::keystore::Keys;
use igain_protocol::bureau::{BureauId, SignedCard};
use igain_protocol::codec;
use igain_protocol::feed::{Cursor, Cursors, Entry, FeedKind, Item, Letter, LetterKind, Position, Run};
use igain_protocol::record::{RecordId, Tombstone, Unverified};
use igain_protocol::sync::{CardMessage, ClockMessage, Commitment, End, Given, Heads, Hello, Message, Pull, Reclaim};
use igain_protocol::time::Timestamp;
use igain_protocol::vocabulary::{GroupSet, Reason};

use super::Random;
use super::bureau::Wire;
use crate::bureau::{card, keys};
use crate::tomorrow;

/// Its name.
const NAME: &str = "XX";

/// Most that it keeps of what it saw.
const SEEN: usize = 64;

/// The bureau.
pub(super) struct Hostile {
    pub(super) id: BureauId,
    keys: Keys,
    /// Entries that others have sent it, the last of them.
    seen: Vec<Entry>,
    serial: u64,
}

impl Hostile {
    pub(super) fn new() -> Self {
        Self { id: NAME.parse().expect("a bureau"), keys: keys(98), seen: Vec::new(), serial: 0 }
    }

    /// The card with which it is enrolled.
    pub(super) fn card(&self) -> SignedCard {
        card(self.id, &self.keys, &[])
    }

    /// Begins something with a bureau.
    pub(super) fn strike(&mut self, random: &mut Random, now: Timestamp) -> Vec<Wire> {
        let message = match random.below(6) {
            // As one that begins, so that it is served; or with a place that was never sent, which says that the other has forgotten.
            0..3 => Message::Pull(Pull {
                serial: self.next(now, random),
                cursors: match random.chance(50) {
                    true => Cursors::default(),
                    false => Cursors { letters: cursor(random), records: cursor(random) },
                },
                budget_bytes: random.below(200_000) as u32,
                window: 1 + random.below(64) as u32,
                mirror: [random.below(256) as u8; 16],
                news: random.chance(50),
                hello: Hello { format: random.below(4), capabilities: random.next(), seen: random.below(3) },
            }),
            3 => {
                let mut commitment = || Commitment { at: now, digest: [random.below(256) as u8; 32] };
                Message::Heads(Heads { own: commitment(), kept: commitment() })
            }
            4 => {
                let ms = now.as_ms() + random.below(1 << 42);
                Message::Clock(ClockMessage { time: Timestamp::from_ms(ms) })
            }
            _ => Message::Card(CardMessage { card: self.card().as_bytes().to_vec() }),
        };
        let mut wires = vec![Wire::Message(message)];
        if random.chance(30) {
            let want = self.some_ids(random);
            wires.push(Wire::Reclaim((self.serial, random.below(3)), Reclaim { after: Vec::new(), want }));
        }
        wires
    }

    /// Answers what a bureau sends.
    pub(super) fn take(&mut self, from: BureauId, wire: Wire, random: &mut Random, now: Timestamp) -> Vec<Wire> {
        match wire {
            Wire::Message(Message::Pull(pull)) => self.answer(&pull, random, now),
            Wire::Reclaim(nth, _) => vec![Wire::Returned(nth, self.given(from, random, now))],
            Wire::Parcel(_, items, _) => {
                for item in items {
                    if let Ok(Item::Run(run)) = codec::decode(&item) {
                        self.seen.extend(run.entries);
                    }
                }
                let more = self.seen.len().saturating_sub(SEEN);
                self.seen.drain(..more);
                Vec::new()
            }
            Wire::Message(_) | Wire::Returned(..) => Vec::new(),
        }
    }

    fn answer(&mut self, pull: &Pull, random: &mut Random, now: Timestamp) -> Vec<Wire> {
        let mut items = Vec::new();
        for feed in [FeedKind::Letters, FeedKind::Records] {
            let mut cursor = pull.cursors.of(feed);
            if cursor.generation == 0 || random.chance(10) {
                cursor = Cursor { generation: cursor.generation + 1 + random.below(3), at: Position::default() };
                items.push(Item::Open { feed, generation: cursor.generation });
            }
            let entries: Vec<Entry> = (0..=random.below(4)).map(|_| self.entry(feed, random, now)).collect();
            let mut run = Run::new(feed, cursor.generation, cursor.at, entries);
            if random.chance(15) {
                (run.from, run.to) = (run.to, run.from);
            }
            items.push(Item::Run(run));
        }
        let items = items.iter().map(codec::encode).collect();
        let end = End { more: random.chance(20), mirrored: random.chance(50), hello: Hello::ours(random.below(2)) };
        let parcel = Wire::Parcel(pull.serial, items, self.keys.signing().verifying_key());
        vec![parcel, Wire::Message(Message::End(end))]
    }

    /// Something that it may say in a feed, and something that it may not.
    fn entry(&self, feed: FeedKind, random: &mut Random, now: Timestamp) -> Entry {
        let seen = self.seen.get(random.below(self.seen.len().max(1) as u64) as usize).cloned();
        let ids = self.some_ids(random);
        let id = ids.first().copied().unwrap_or(RecordId::from_bytes([9; 16]));
        match (feed, random.below(6), seen) {
            // Another's word, as its own.
            (_, 0..2, Some(seen)) => seen,
            (FeedKind::Letters, pick, _) => {
                let kind = [LetterKind::Charter, LetterKind::Acceptance, LetterKind::Receipt][pick as usize % 3];
                Entry::Letter(Letter { kind, bytes: vec![random.below(256) as u8; 40] })
            }
            (_, 2, _) => Entry::Gone(id),
            (_, 3, _) => Entry::Withdraw(Tombstone::new(id, self.id, now, Reason::ALL[0]).sign(&self.keys.signing())),
            (_, 4, _) => Entry::Complete,
            // A record of its own under an id that another bureau gave.
            _ => Entry::Put { groups: GroupSet::ALL, record: self.record(id, random, now) },
        }
    }

    /// What it gives back to who asks: what it knows, what it has signed itself, and no more than a page.
    fn given(&self, from: BureauId, random: &mut Random, now: Timestamp) -> Vec<Vec<u8>> {
        let mut given = Vec::new();
        for id in self.some_ids(random) {
            given.push(match random.below(6) {
                0 => Given::Held(id, random.below(9) as u32),
                1 => Given::Ended(id),
                2 => Given::Withdrawal(Tombstone::new(id, from, now, Reason::ALL[0]).sign(&self.keys.signing())),
                3 => Given::Record(GroupSet::ALL, self.record(id, random, now)),
                4 => Given::Card(self.card().as_bytes().to_vec()),
                _ => Given::Letter(Letter { kind: LetterKind::Charter, bytes: vec![1; 30] }),
            });
        }
        let seen = self.seen.iter().filter_map(|entry| match entry {
            Entry::Put { groups, record } => Some(Given::Record(*groups, record.clone())),
            Entry::Withdraw(signed) => Some(Given::Withdrawal(signed.clone())),
            Entry::Letter(letter) => Some(Given::Letter(letter.clone())),
            _ => None,
        });
        given.extend(seen.take(random.below(8) as usize));
        if random.chance(20) {
            given.push(Given::Next(vec![random.below(256) as u8; 16]));
        }
        given.iter().map(codec::encode).collect()
    }

    fn record(&self, id: RecordId, random: &mut Random, now: Timestamp) -> Vec<u8> {
        let until = igain_protocol::time::Day::from_days(now.day().as_days() + 5_000);
        tomorrow::record(self.id, &self.keys.signing(), id, 1 + random.below(9) as u32, now, until)
    }

    /// Ids that others gave.
    fn some_ids(&self, random: &mut Random) -> Vec<RecordId> {
        let ids = self.seen.iter().filter_map(|entry| match entry {
            Entry::Put { record, .. } => Some(Unverified::decode(record).ok()?.header().id),
            Entry::Gone(id) => Some(*id),
            _ => None,
        });
        let skip = random.below(8) as usize;
        ids.skip(skip).take(1 + random.below(6) as usize).collect()
    }

    fn next(&mut self, now: Timestamp, random: &mut Random) -> u64 {
        self.serial = now.as_ms().max(self.serial + random.below(3));
        self.serial
    }
}

/// Whether a bureau is this one.
pub(super) fn is(bureau: BureauId) -> bool {
    bureau.to_string() == NAME
}

/// Any place.
fn cursor(random: &mut Random) -> Cursor {
    let mut head = [0; 16];
    head.iter_mut().for_each(|byte| *byte = random.next() as u8);
    let generation = if random.chance(50) { 1 + random.below(4) } else { random.next() >> 20 };
    Cursor { generation, at: Position { seq: random.below(40), head } }
}
