//! A bureau of a version to come, in every schedule: it signs and sends what the others cannot read, and they must keep it
//! sealed, take it back, and go on.

use std::collections::BTreeMap;

use igain_node::keystore::Keys;
use igain_node::ledger::RecordKey;
use igain_node::office::Office;
use igain_protocol::bureau::{BureauId, SignedCard};
use igain_protocol::feed::{Entry, FeedKind, Letter, LetterKind};
use igain_protocol::record::{Newer, RecordId, Tombstone};
use igain_protocol::sync::{
    CardMessage, Feed, Hello, Message, Provider, ProviderEffect, ProviderInput, Pull, Read, View,
};
use igain_protocol::time::{Day, Timestamp};
use igain_protocol::vocabulary::{GroupSet, Reason};

use super::Random;
use super::bureau::Wire;
use crate::bureau::{card, keys, shows};
use crate::tomorrow;

/// Serial of its card: the others know an older one.
const SERIAL: u64 = 2;

/// What it says of its program.
const HELLO: Hello = Hello { format: 9, capabilities: u64::MAX, seen: u64::MAX };

/// An item that only its version knows.
const ITEM: [u8; 4] = [0x82, 0x18, 0x63, 0xf6];

/// The bureau. It shares everything with everybody.
pub(super) struct Tomorrow {
    pub(super) id: BureauId,
    keys: Keys,
    /// All that it ever said, in order.
    said: Vec<Entry>,
    letters: Vec<Entry>,
    /// Its records, the bytes of each and whether the others can read it.
    live: BTreeMap<RecordId, (u32, Vec<u8>, bool)>,
    /// What stands between it and each other.
    peers: BTreeMap<BureauId, Provider>,
    generation: u64,
}

impl Tomorrow {
    pub(super) fn new() -> Self {
        Self {
            id: "TT".parse().expect("a bureau"),
            keys: keys(99),
            said: Vec::new(),
            letters: Vec::new(),
            live: BTreeMap::new(),
            peers: BTreeMap::new(),
            generation: 1,
        }
    }

    /// The card with which it is enrolled.
    pub(super) fn card(&self) -> SignedCard {
        card(self.id, &self.keys, &[])
    }

    /// Says something.
    pub(super) fn say(&mut self, random: &mut Random, now: Timestamp) {
        let some: Vec<RecordId> = self.live.keys().copied().collect();
        let picked = some.get(random.below(some.len().max(1) as u64) as usize).copied();
        match (random.below(10), picked) {
            (0, Some(id)) => {
                self.live.remove(&id);
                self.said.push(Entry::Gone(id));
            }
            (1, Some(id)) => {
                self.live.remove(&id);
                let signed = Tombstone::new(id, self.id, now, Reason::ALL[0]).sign(&self.keys.signing());
                self.said.push(Entry::Withdraw(signed));
            }
            (2, Some(id)) => {
                // All with the label of one of them.
                let label = |bytes: &[u8]| self.label(bytes);
                let recalled = self.live.get(&id).map(|(_, bytes, _)| label(bytes)).expect("it is live");
                let stays: Vec<_> =
                    self.live.iter().map(|(id, (_, bytes, _))| (*id, label(bytes) != recalled)).collect();
                self.live.retain(|id, _| stays.contains(&(*id, true)));
                self.said.push(Entry::Recall(recalled));
            }
            (3, _) => self.said.push(Entry::Other(vec![0x82, 0x18, 0x63, 0x01])),
            (4, _) => {
                let letter = Letter { kind: LetterKind::Other(77), bytes: b"of tomorrow".to_vec() };
                self.letters.push(Entry::Letter(letter));
            }
            (5, Some(id)) => self.put(random, id, now),
            _ => {
                let mut id = [0; 16];
                id.iter_mut().for_each(|byte| *byte = random.next() as u8);
                self.put(random, RecordId::from_bytes(id), now);
            }
        }
    }

    /// A new record, or another revision of one.
    fn put(&mut self, random: &mut Random, id: RecordId, now: Timestamp) {
        let revision = self.live.get(&id).map_or(1, |(revision, ..)| revision + 1);
        let (key, until) = (self.keys.signing(), Day::from_days(now.day().as_days() + 5_000));
        let whole = tomorrow::record(self.id, &key, id, revision, now, until);
        let (bytes, readable) = match random.below(5) {
            0 => (tomorrow::of_another_version(&whole, &key), false),
            1 => (tomorrow::of_another_kind(&whole, &key), false),
            2 => (tomorrow::of_a_longer_label(&whole, &key), false),
            _ => (whole, true),
        };
        self.live.insert(id, (revision, bytes.clone(), readable));
        self.said.push(Entry::Put { groups: GroupSet::ALL, record: bytes });
    }

    fn label(&self, bytes: &[u8]) -> igain_protocol::label::LabelDigest {
        Newer::verify(bytes, |_| Some(self.keys.signing().verifying_key())).expect("its own word").label
    }

    /// Answers a peer.
    pub(super) fn take(&mut self, from: BureauId, wire: Wire, now: Timestamp) -> Vec<Wire> {
        let Wire::Message(Message::Pull(pull)) = wire else { return Vec::new() };
        let mut out = vec![Wire::Message(Message::Other)];
        if pull.hello.seen < SERIAL {
            let newest = igain_protocol::bureau::Card { serial: SERIAL, ..self.card().card().clone() };
            let transport = igain_protocol::bureau::SigningKey::from_seed(*self.keys.transport_seed());
            let signed = newest.sign(&self.keys.signing(), &transport).expect("a card");
            out.push(Wire::Message(Message::Card(CardMessage { card: signed.as_bytes().to_vec() })));
        }
        out.extend(self.answer(from, pull, now));
        out
    }

    fn answer(&mut self, to: BureauId, pull: Pull, now: Timestamp) -> Vec<Wire> {
        let (serial, key) = (pull.serial, self.keys.signing().verifying_key());
        let (said, letters, generation) = (&self.said, &self.letters, &mut self.generation);
        let provider = self.peers.entry(to).or_insert_with(|| Provider::new(View::default()));
        let mut out = Vec::new();
        let mut effects: std::collections::VecDeque<_> =
            provider.handle(ProviderInput::Pull { pull, mirror: [0; 16], hello: HELLO }).into();
        while let Some(effect) = effects.pop_front() {
            match effect {
                ProviderEffect::Read { feed, after, room } => {
                    let all = if feed == FeedKind::Letters { letters } else { said };
                    let start = usize::try_from(after.through).expect("a number");
                    let mut left = room;
                    let fits = |entry: &&Entry| {
                        let rest = left.checked_sub(entry.wire_len());
                        left = rest.unwrap_or_default();
                        rest.is_some()
                    };
                    let entries: Vec<_> =
                        all[start..].iter().take_while(fits).map(|entry| (entry.clone(), None)).collect();
                    let through = after.through + entries.len() as u64;
                    let end = through == all.len() as u64;
                    effects.extend(provider.handle(ProviderInput::Read(Read {
                        feed,
                        entries,
                        through,
                        within: (0, 0),
                        end,
                    })));
                }
                ProviderEffect::Renew { feed, above } => {
                    *generation = (*generation).max(above).max(now.as_ms()) + 1;
                    provider.renew(feed, Feed::begun(*generation, 0));
                }
                ProviderEffect::Begin => effects.extend(provider.handle(ProviderInput::Begin)),
                ProviderEffect::Persist { .. } => {}
                ProviderEffect::Deliver(mut items) => {
                    items.push(ITEM.to_vec());
                    out.push(Wire::Parcel(serial, items, key));
                }
                ProviderEffect::End(end) => out.push(Wire::Message(Message::End(end))),
            }
        }
        out
    }

    /// L19: an office shows what it can read of it, keeps the rest sealed, and nothing else.
    pub(super) fn check(&self, office: &Office) -> Result<(), String> {
        let (me, them) = (self.id, office.me());
        for (id, (revision, _, readable)) in &self.live {
            let key = RecordKey { id: *id, owner: me };
            let sealed = office.ledger().newer(key).map_err(|error| error.to_string())?;
            let good = match readable {
                true => shows(office, *id) && sealed.is_none(),
                false => !shows(office, *id) && sealed.is_some_and(|row| row.revision == *revision),
            };
            if !good {
                return Err(format!("{them} does not hold {id} of {me} as it must; it can read it: {readable}"));
            }
        }
        let newer = office.ledger().newer_count(me).map_err(|error| error.to_string())?;
        let sealed = self.live.values().filter(|(_, _, readable)| !readable).count();
        let (held, shown) = (office.held_of(me) as usize, self.live.len() - sealed);
        if (newer, held) == (sealed, shown) {
            return Ok(());
        }
        Err(format!("{them} holds {held} of {me} and keeps {newer} sealed, and should {shown} and {sealed}"))
    }
}
