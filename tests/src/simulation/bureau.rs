//! One simulated bureau: what its disk holds, and the machines that a crash wipes out.

use std::collections::{BTreeMap, BTreeSet};

use igain_protocol::bureau::{BureauId, SigningKey};
use igain_protocol::codec;
use igain_protocol::label::{ClassSecret, Label};
use igain_protocol::log::{Entry, FeedId, FeedSecret, Item, Position};
use igain_protocol::record::{self, Content, RecordId, SaltKey, Tombstone, Unverified, Value};
use igain_protocol::sync::{
    Change, ClassIndex, Feed, Grant, Heads, Message, Provider, ProviderEffect, ProviderInput, Read, Subscriber,
    SubscriberEffect, SubscriberInput, View,
};
use igain_protocol::time::{Day, Timestamp};
use igain_protocol::vocabulary::{GroupSet, Kind, Reason, Tlp};

/// What travels: a message of the protocol, or a parcel's items before signing and sealing.
#[derive(Debug, Clone)]
pub enum Wire {
    /// A message.
    Message(Message),
    /// The items of a parcel, and the serial of the pull that it answers: a stream carries the answer to its own pull,
    /// and ends when the next one begins.
    Parcel(u64, Vec<Vec<u8>>),
}

#[derive(Debug, Clone)]
struct Logged {
    op: Op,
    id: RecordId,
    slot: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Op {
    Put,
    Withdraw,
}

#[derive(Debug, Clone)]
struct Own {
    class: ClassIndex,
    seq: u64,
    slot: u64,
    revision: u32,
    refers: Vec<RecordId>,
    bytes: Vec<u8>,
}

/// What is noted beside an answer: which links went without which end, and what was sent.
#[derive(Debug, Default)]
struct Notes {
    withheld: Vec<(RecordId, RecordId)>,
    sent: Vec<RecordId>,
}

/// What a feed asks for.
#[derive(Debug, Clone, Copy)]
struct Wanted {
    feed: FeedId,
    class: ClassIndex,
    groups: GroupSet,
    after: u64,
    again: u64,
    room: usize,
}

/// A record as it came from another bureau.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Held {
    feed: FeedId,
    revision: u32,
    bytes: Vec<u8>,
}

/// What survives a crash.
#[derive(Debug, Clone, Default)]
struct Disk {
    logs: BTreeMap<ClassIndex, Vec<Logged>>,
    own: BTreeMap<RecordId, Own>,
    tombstones: BTreeMap<RecordId, Vec<u8>>,
    delivered: BTreeSet<(BureauId, ClassIndex, u64)>,
    withheld: BTreeSet<(BureauId, RecordId, RecordId)>,
    again: BTreeMap<(BureauId, FeedId), Vec<RecordId>>,
    views: BTreeMap<BureauId, View>,
    cursors: BTreeMap<BureauId, BTreeMap<FeedId, Position>>,
    ended: BTreeMap<BureauId, BTreeSet<FeedId>>,
    labels: BTreeMap<(BureauId, Label), FeedId>,
    held: BTreeMap<(BureauId, RecordId), Held>,
    gone: BTreeSet<(BureauId, RecordId)>,
}

/// One bureau.
#[derive(Debug)]
pub struct Bureau {
    /// Its id.
    pub id: BureauId,
    key: SigningKey,
    salts: SaltKey,
    classes: ClassSecret,
    feeds: FeedSecret,
    labels: Vec<Label>,
    disk: Disk,
    providers: BTreeMap<BureauId, Provider>,
    subscribers: BTreeMap<BureauId, Subscriber>,
    serials: u64,
    /// The last pull from each provider.
    asked: BTreeMap<BureauId, u64>,
    made: u64,
    grants: BTreeMap<BureauId, BTreeMap<ClassIndex, GroupSet>>,
}

impl Bureau {
    /// Bureau number `nth`, with `classes` classes.
    ///
    /// # Panics
    /// For more than 26 bureaus.
    pub fn new(nth: u8, classes: u32) -> Self {
        let id = format!("{}{}", char::from(b'A' + nth), char::from(b'A' + nth));
        let kinds = [Kind::Person, Kind::Link, Kind::Vehicle, Kind::Link, Kind::Phone].iter().cycle();
        let labels = kinds.zip(0..classes).map(|(kind, n)| Label {
            note: None,
            audience: vec![format!("Z{}", char::from(b'A' + (n % 26) as u8)).parse().expect("a bureau")],
            ..Label::new(*kind, Tlp::Green)
        });
        Self {
            id: id.parse().expect("a bureau"),
            key: SigningKey::from_seed([nth + 1; 32]),
            salts: SaltKey::new([nth + 1; 32]),
            classes: ClassSecret::new([nth + 1; 32]),
            feeds: FeedSecret::new([nth + 1; 32]),
            labels: labels.collect(),
            disk: Disk::default(),
            providers: BTreeMap::new(),
            subscribers: BTreeMap::new(),
            serials: 0,
            asked: BTreeMap::new(),
            made: 0,
            grants: BTreeMap::new(),
        }
    }

    fn nth_id(&self, nth: u64) -> RecordId {
        RecordId::derived(&[0; 32], self.id.as_str(), &nth.to_string())
    }

    /// What a link refers to: records that are there, were there, or come only later.
    fn ends(&self, id: RecordId, class: ClassIndex, revision: u32) -> Vec<RecordId> {
        let pick = |at: usize| u64::from(id.as_bytes()[at]) + u64::from(revision);
        match self.labels[class as usize].kind {
            Kind::Link => vec![self.nth_id(pick(1) % (self.made + 4) + 1), self.nth_id(pick(2) % (self.made + 4) + 1)],
            _ => Vec::new(),
        }
    }

    fn content(&self, id: RecordId, class: ClassIndex, revision: u32) -> Content {
        let label = self.labels[class as usize].clone();
        let ends = ["from", "to"].into_iter().zip(self.ends(id, class, revision));
        let ends = ends.map(|(name, id)| (name.to_owned(), Value::Reference(id)));
        Content {
            id,
            revision,
            owner: self.id,
            grading: Some("B2".parse().expect("a grading")),
            created: Timestamp::from_ms(1),
            modified: Timestamp::from_ms(u64::from(revision)),
            retain_until: Some(Day::from_days(60_000)),
            fields: ends
                .chain([
                    ("remarks".into(), Value::Text(format!("revision {revision}"))),
                    ("source".into(), Value::Text("a source".into())),
                ])
                .collect(),
            label,
        }
    }

    fn write(&mut self, id: RecordId, class: ClassIndex, revision: u32, slot: Option<u64>) {
        let record = record::sign(&self.content(id, class, revision), &self.salts, &self.key).expect("a record");
        let log = self.disk.logs.entry(class).or_default();
        let seq = log.len() as u64 + 1;
        let slot = slot.unwrap_or(seq);
        log.push(Logged { op: Op::Put, id, slot });
        let refers = self.ends(id, class, revision);
        let own = Own { class, seq, slot, revision, refers, bytes: record.as_bytes().to_vec() };
        self.disk.own.insert(id, own);
    }

    /// Adds a record to a class.
    pub fn add(&mut self, class: ClassIndex) {
        self.made += 1;
        let id = self.nth_id(self.made);
        self.write(id, class, 1, None);
    }

    fn nth(&self, nth: u64) -> Option<(RecordId, Own)> {
        let count = self.disk.own.len() as u64;
        let (id, own) = self.disk.own.iter().nth((nth % count.max(1)) as usize)?;
        Some((*id, own.clone()))
    }

    /// Revises some record.
    pub fn revise(&mut self, nth: u64) {
        if let Some((id, own)) = self.nth(nth) {
            self.write(id, own.class, own.revision + 1, Some(own.slot));
        }
    }

    /// Withdraws some record.
    pub fn withdraw(&mut self, nth: u64) {
        let Some((id, own)) = self.nth(nth) else { return };
        let signed = Tombstone::new(id, self.id, Timestamp::from_ms(9), Reason::Withdrawn).sign(&self.key);
        self.disk.own.remove(&id);
        self.disk.tombstones.insert(id, signed);
        self.disk.logs.entry(own.class).or_default().push(Logged { op: Op::Withdraw, id, slot: own.slot });
    }

    /// Grants a peer groups of a class, or none.
    pub fn grant(&mut self, peer: BureauId, class: ClassIndex, groups: GroupSet, now: u64) {
        let grants = self.grants.entry(peer).or_default();
        if groups.is_empty() {
            grants.remove(&class)
        } else {
            grants.insert(class, groups)
        };
        let grants: BTreeMap<ClassIndex, Grant> = grants
            .iter()
            .map(|(class, groups)| {
                let label = self.labels[*class as usize].clone();
                (*class, Grant { class_id: label.class_id(&self.classes), label, groups: *groups })
            })
            .collect();
        let secret = self.feeds.clone();
        let provider = self.provider(peer);
        provider.view_mut().entitle(peer, &secret, &grants, now);
        let view = provider.view().clone();
        self.disk.views.insert(peer, view);
    }

    fn provider(&mut self, peer: BureauId) -> &mut Provider {
        let view = self.disk.views.get(&peer).cloned().unwrap_or_default();
        self.providers.entry(peer).or_insert_with(|| Provider::new(view))
    }

    fn subscriber(&mut self, provider: BureauId) -> &mut Subscriber {
        let cursors = self.disk.cursors.get(&provider).cloned().unwrap_or_default();
        let ended = self.disk.ended.get(&provider).cloned().unwrap_or_default();
        self.subscribers.entry(provider).or_insert_with(|| Subscriber::new(cursors, ended))
    }

    /// Loses all that is not on its disk.
    pub fn crash(&mut self) {
        self.providers.clear();
        self.subscribers.clear();
    }

    fn heads(&self) -> Heads {
        self.disk.logs.iter().map(|(class, log)| (*class, log.len() as u64)).collect()
    }

    /// Begins a pull from `provider`.
    pub fn pull(&mut self, provider: BureauId, now: u64) -> Vec<Wire> {
        self.serials = (self.serials + 1).max(now);
        let serial = self.serials;
        let start = SubscriberInput::Start { serial, mirror: [0; 16], news: false, budget_bytes: 100_000 };
        let effects = self.subscriber(provider).handle(start);
        self.follow(provider, effects)
    }

    /// Takes what came from a peer, and returns what to send back.
    pub fn take(&mut self, from: BureauId, wire: Wire, now: u64) -> Vec<Wire> {
        match wire {
            Wire::Message(Message::Pull(pull)) => self.serve(from, pull, now),
            Wire::Message(Message::AskCursors) => {
                self.serials += 1;
                let serial = self.serials;
                let effects = self.subscriber(from).handle(SubscriberInput::AskedCursors { serial });
                self.follow(from, effects)
            }
            Wire::Message(Message::End(end)) => {
                let effects = self.subscriber(from).handle(SubscriberInput::End(end));
                self.follow(from, effects)
            }
            Wire::Message(_) => Vec::new(),
            Wire::Parcel(serial, _) if self.asked.get(&from) != Some(&serial) => Vec::new(),
            Wire::Parcel(_, items) => {
                let items: Vec<Item> = items.iter().map(|item| codec::decode(item).expect("an item")).collect();
                let effects = self.subscriber(from).handle(SubscriberInput::Parcel(items));
                self.follow(from, effects)
            }
        }
    }

    fn follow(&mut self, provider: BureauId, effects: Vec<SubscriberEffect>) -> Vec<Wire> {
        let mut out = Vec::new();
        for effect in effects {
            match effect {
                SubscriberEffect::Send(message) => {
                    if let Message::Pull(pull) = &message {
                        self.asked.insert(provider, pull.serial);
                    }
                    out.push(Wire::Message(message));
                }
                SubscriberEffect::Apply(changes) => changes.into_iter().for_each(|change| self.apply(provider, change)),
                SubscriberEffect::Done { .. } => {}
                // The network made it look so: begin again from what is on the disk.
                SubscriberEffect::Violated(_) => drop(self.subscribers.remove(&provider)),
            }
        }
        out
    }

    fn apply(&mut self, provider: BureauId, change: Change) {
        match change {
            Change::Open { feed, label, .. } => {
                if let Some(old) = self.disk.labels.insert((provider, label), feed) {
                    self.end(provider, old);
                }
                self.disk.cursors.entry(provider).or_default().insert(feed, Position::default());
            }
            Change::Entries { feed, entries, to } => {
                if !self.disk.cursors.get(&provider).is_some_and(|cursors| cursors.contains_key(&feed)) {
                    return;
                }
                entries.into_iter().for_each(|entry| self.apply_entry(provider, feed, entry));
                self.disk.cursors.entry(provider).or_default().insert(feed, to);
            }
            Change::Close { feed } => self.end(provider, feed),
        }
    }

    fn end(&mut self, provider: BureauId, feed: FeedId) {
        self.disk.held.retain(|(owner, _), held| *owner != provider || held.feed != feed);
        self.disk.cursors.entry(provider).or_default().remove(&feed);
        self.disk.ended.entry(provider).or_default().insert(feed);
    }

    fn apply_entry(&mut self, owner: BureauId, feed: FeedId, entry: Entry) {
        match entry {
            Entry::Put(bytes) => {
                let header = Unverified::decode(&bytes).expect("a record").header().clone();
                let key = (owner, header.id);
                let stale = self.disk.held.get(&key).is_some_and(|held| held.revision > header.revision);
                if !stale && !self.disk.gone.contains(&key) {
                    self.disk.held.insert(key, Held { feed, revision: header.revision, bytes });
                }
            }
            Entry::Withdraw(bytes) => {
                let key = SigningKey::from_seed([owner.as_str().as_bytes()[0] - b'A' + 1; 32]).verifying_key();
                let tombstone = Tombstone::verify(&bytes, |_| Some(key)).expect("a tombstone");
                self.disk.held.remove(&(owner, tombstone.id));
                self.disk.gone.insert((owner, tombstone.id));
            }
            Entry::Expire(_) | Entry::Leave(_) | Entry::Letter(_) => {}
        }
    }

    fn serve(&mut self, peer: BureauId, pull: igain_protocol::sync::Pull, now: u64) -> Vec<Wire> {
        let (heads, serial) = (self.heads(), pull.serial);
        let input = ProviderInput::Pull { pull, heads: &heads, mirror: [0; 16] };
        let mut effects = std::collections::VecDeque::from(self.provider(peer).handle(input));
        let mut out = Vec::new();
        let mut notes = Notes::default();
        while let Some(effect) = effects.pop_front() {
            match effect {
                ProviderEffect::Read { feed, class, groups, after, again, room } => {
                    let wanted = Wanted { feed, class, groups, after, again, room };
                    let read = self.read(peer, wanted, &mut notes);
                    effects.extend(self.provider(peer).handle(ProviderInput::Read(read)));
                }
                ProviderEffect::Persist { feeds, delivered } => {
                    self.persist(peer, &feeds, &delivered, std::mem::take(&mut notes));
                }
                ProviderEffect::Forget(id, _) => {
                    self.disk.views.entry(peer).or_default().feeds.remove(&id);
                }
                ProviderEffect::Renew(id) => {
                    let secret = self.feeds.clone();
                    self.provider(peer).view_mut().renew(peer, &secret, id, now);
                    let view = self.provider(peer).view().clone();
                    self.disk.views.insert(peer, view);
                }
                ProviderEffect::Deliver(items) => out.push(Wire::Parcel(serial, items)),
                ProviderEffect::AskCursors => out.push(Wire::Message(Message::AskCursors)),
                ProviderEffect::End(end) => out.push(Wire::Message(Message::End(end))),
            }
        }
        out
    }

    fn persist(&mut self, peer: BureauId, feeds: &[(FeedId, Feed)], delivered: &[(FeedId, u64)], notes: Notes) {
        let view = self.disk.views.entry(peer).or_default();
        for (id, feed) in feeds {
            view.feeds.insert(*id, feed.clone());
            let slots = delivered.iter().filter(|(of, _)| of == id).map(|(_, slot)| (peer, feed.class, *slot));
            self.disk.delivered.extend(slots);
        }
        self.disk.withheld.extend(notes.withheld.iter().map(|(to, from)| (peer, *to, *from)));
        let meant = |(to_peer, to, _): &(BureauId, RecordId, RecordId)| *to_peer == peer && notes.sent.contains(to);
        let lacking: BTreeSet<_> = self.disk.withheld.iter().filter(|row| meant(row)).copied().collect();
        self.disk.withheld.retain(|row| !lacking.contains(row));
        let again: BTreeSet<RecordId> = lacking.into_iter().map(|(_, _, from)| from).collect();
        let again = again.into_iter().filter_map(|id| Some((id, self.disk.own.get(&id)?.class)));
        let again: Vec<(RecordId, ClassIndex)> = again.collect();
        for (id, class) in again {
            let Some(feed) = self.provider(peer).view().open_feeds().find(|(_, feed)| feed.class == class) else {
                continue;
            };
            let feed = feed.0;
            let list = self.disk.again.entry((peer, feed)).or_default();
            list.push(id);
            let count = list.len() as u64;
            self.provider(peer).note_again(feed, count);
        }
        let counts: Vec<_> = self.provider(peer).view().feeds.iter().map(|(id, feed)| (*id, feed.clone())).collect();
        let view = self.disk.views.entry(peer).or_default();
        for (id, feed) in counts {
            // The places may run ahead of what is durable; how much is to be sent again may not lag behind.
            view.feeds.entry(id).or_insert_with(|| feed.clone()).again = feed.again;
        }
    }

    fn read(&self, peer: BureauId, wanted: Wanted, notes: &mut Notes) -> Read {
        let Wanted { feed, class, groups, after, again, room } = wanted;
        let mut read = Read { feed, entries: Vec::new(), through: after, again, end: false };
        let mut left = room;
        let log = self.disk.logs.get(&class).map(Vec::as_slice).unwrap_or_default();
        for (logged, seq) in log.iter().zip(1u64..).skip(after as usize) {
            if let Some((entry, slot)) = self.disclose(peer, class, groups, logged, seq, notes) {
                let Some(rest) = left.checked_sub(entry.wire_len()) else { return read };
                left = rest;
                read.entries.push((entry, slot));
            }
            read.through = seq;
        }
        let list = self.disk.again.get(&(peer, feed)).map(Vec::as_slice).unwrap_or_default();
        for (id, nth) in list.iter().zip(1u64..).skip(again as usize) {
            if let Some(own) = self.disk.own.get(id).filter(|own| own.class == class) {
                let logged = Logged { op: Op::Put, id: *id, slot: own.slot };
                let Some((entry, slot)) = self.disclose(peer, class, groups, &logged, own.seq, notes) else { continue };
                let Some(rest) = left.checked_sub(entry.wire_len()) else { return read };
                left = rest;
                read.entries.push((entry, slot));
            }
            read.again = nth;
        }
        read.end = true;
        read
    }

    /// Whether a peer may know of a record: it is there, in a class that is open to the peer.
    fn may_refer(&self, peer: BureauId, id: RecordId) -> bool {
        let open = |class| {
            let view = self.providers.get(&peer).map(Provider::view).or_else(|| self.disk.views.get(&peer));
            view.is_some_and(|view| view.open_feeds().any(|(_, feed)| feed.class == class))
        };
        self.disk.own.get(&id).is_some_and(|own| open(own.class))
    }

    fn disclose(
        &self,
        peer: BureauId,
        class: ClassIndex,
        groups: GroupSet,
        logged: &Logged,
        seq: u64,
        notes: &mut Notes,
    ) -> Option<(Entry, Option<u64>)> {
        match logged.op {
            Op::Put => {
                let own = self.disk.own.get(&logged.id).filter(|own| own.class == class && own.seq == seq)?;
                let kind = self.labels[class as usize].kind;
                let may_refer = |id| self.may_refer(peer, id);
                let bytes = record::redact_bytes(&own.bytes, kind, groups, &may_refer).expect("a record");
                notes.sent.push(logged.id);
                let withheld = own.refers.iter().filter(|to| !may_refer(**to));
                notes.withheld.extend(withheld.map(|to| (*to, logged.id)));
                Some((Entry::Put(bytes), Some(logged.slot)))
            }
            Op::Withdraw => {
                let delivered = self.disk.delivered.contains(&(peer, class, logged.slot));
                delivered.then(|| (Entry::Withdraw(self.disk.tombstones[&logged.id].clone()), None))
            }
        }
    }

    /// What a peer is entitled to hold of this bureau.
    pub fn entitlement(&self, peer: BureauId) -> BTreeMap<RecordId, Vec<u8>> {
        let none = BTreeMap::new();
        let grants = self.grants.get(&peer).unwrap_or(&none);
        let entitled = self.disk.own.iter().filter_map(|(id, own)| {
            let groups = grants.get(&own.class)?;
            Some((*id, self.as_known(peer, own.class, &own.bytes, *groups)))
        });
        entitled.collect()
    }

    /// What a peer holds of this bureau. A reference to what it knew once and may know no longer does not count.
    pub fn held_by(&self, peer: &Self) -> BTreeMap<RecordId, Vec<u8>> {
        let held = peer.disk.held.iter().filter(|((of, _), _)| *of == self.id);
        let held = held.map(|((_, id), held)| {
            let class = self.disk.own.get(id).map(|own| own.class);
            let bytes = class.map(|class| self.as_known(peer.id, class, &held.bytes, GroupSet::ALL));
            (*id, bytes.unwrap_or_default())
        });
        held.collect()
    }

    fn as_known(&self, peer: BureauId, class: ClassIndex, bytes: &[u8], groups: GroupSet) -> Vec<u8> {
        let kind = self.labels[class as usize].kind;
        record::redact_bytes(bytes, kind, groups, &|id| self.may_refer(peer, id)).expect("a record")
    }
}
