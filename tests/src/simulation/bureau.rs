//! One bureau of a simulated federation: a real office on a disk in memory, and what stands in for its daemon.

use std::collections::{BTreeMap, VecDeque};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use igain_node::audit::AuditLog;
use igain_node::clock::Clock;
use igain_node::keystore::Keys;
use igain_node::ledger::{Ledger, RevokedFor, Stand};
use igain_node::office::{
    Actor, Bond, Deed, Error, Examined, Grant, Grants, Office, Parts, Prepared, Reclaiming, Secrets, Served, Serving,
    Step, Subscription,
};
use igain_node::store::disk::Lost;
use igain_node::store::{Disk, Store, StoreKey};
use igain_protocol::bureau::{BureauId, VerifyingKey};
use igain_protocol::codec::{self, Typ};
use igain_protocol::feed::{Entry, Item};
use igain_protocol::record::Unverified;
use igain_protocol::sync::{ClockMessage, Message, Pull, Reclaim, Subscriber, SubscriberEffect, SubscriberInput};
use igain_protocol::time::{Day, Timestamp};

use super::books::Books;
use super::hostile;
use super::random::Random;
use crate::bureau::keys;

/// What travels: a message of the protocol, or a parcel's items before signing and sealing.
#[derive(Debug, Clone)]
pub(super) enum Wire {
    /// A message.
    Message(Message),
    /// The items of a parcel, and the serial of the pull that it answers: a stream carries the answer to its own pull,
    /// and ends when the next one begins. The key is the one that it would be signed with.
    Parcel(u64, Vec<Vec<u8>>, VerifyingKey),
    /// What a provider asks back, with the serial of the pull that it answers and the number of the question: a stream carries
    /// each answer to its own.
    Reclaim((u64, u64), Reclaim),
    /// The items of the parcel that answers it.
    Returned((u64, u64), Vec<Vec<u8>>),
}

/// One bureau.
pub(super) struct Bureau {
    pub(super) id: BureauId,
    pub(super) keys: Keys,
    pub(super) disk: Disk,
    /// What it was told is durable, or that it may be.
    pub(super) books: Books,
    /// None while it is down.
    pub(super) up: Option<Up>,
    starts: u64,
    /// By how many milliseconds its system's clock is wrong.
    pub(super) skew: i64,
    /// The serial of its last card.
    pub(super) cards: u64,
    /// A copy of its disk, as somebody made one of the whole machine.
    backup: Option<Disk>,
    was_put_back: bool,
    /// It is down for good.
    pub(super) is_lost: bool,
}

/// A bureau that runs.
pub(super) struct Up {
    pub(super) office: Office,
    news: Subscription,
    pub(super) links: BTreeMap<BureauId, Link>,
    /// What was prepared and not appended yet.
    pub(super) prepared: VecDeque<(Vec<(igain_protocol::record::RecordId, u64)>, Prepared)>,
    /// What has arrived, was examined and is not taken in yet.
    arrived: VecDeque<(BureauId, Examined)>,
    /// What was granted to each when news was heeded last, or the day began: nothing else may leave.
    in_force: Grants,
    /// The day of that.
    day: Day,
    /// Its books and audit log were put back together: what others keep of the log may not fit.
    was_put_back: bool,
}

/// What stands between a bureau and one other.
pub(super) struct Link {
    served: Arc<Served>,
    bond: Bond,
    serving: Option<(u64, Serving)>,
    /// The pull that is answered once the peer has given back what is asked for, and the number of the question.
    reclaiming: Option<(Pull, u64, Reclaiming)>,
    subscriber: Option<Subscriber>,
    last_serial: u64,
    /// The pull whose answer is being taken.
    asked: Option<u64>,
}

impl Bureau {
    pub(super) fn new(nth: u8, seed: u64) -> Self {
        let name = char::from(b'A' + nth);
        Self {
            id: format!("{name}{name}").parse().expect("a bureau"),
            keys: keys(nth + 1),
            disk: Disk::memory(seed),
            books: Books::default(),
            up: None,
            starts: 0,
            skew: 0,
            cards: 1,
            backup: None,
            was_put_back: false,
            is_lost: false,
        }
    }

    /// Starts it, as far as its disk lets it.
    pub(super) fn start(&mut self, now: Timestamp) -> Result<(), String> {
        self.starts += 1;
        let office = self.open(now).map_err(|error| format!("{} does not start: {error}", self.id))?;
        let up = Up {
            news: office.subscribe(),
            office,
            links: BTreeMap::new(),
            prepared: VecDeque::new(),
            arrived: VecDeque::new(),
            in_force: Grants::new(),
            day: now.day(),
            was_put_back: self.was_put_back,
        };
        self.up.insert(up).refresh().map_err(|error| error.to_string())
    }

    fn open(&self, now: Timestamp) -> Result<Office, Box<dyn std::error::Error>> {
        let key = StoreKey::from_bytes(*self.keys.store_key());
        let (store, _) = Store::in_memory(&self.disk, Path::new("/store"), &key)?;
        let signing = self.keys.signing();
        let own = self.keys.verifying();
        let signer = Box::new(move |payload: &[u8]| codec::sign(Typ::AuditCheckpoint, payload, &signing));
        let audit = AuditLog::open_on(&self.disk, Path::new("/audit"), &key, &own, signer)?;
        let random = Mutex::new(Random::new(self.starts ^ u64::from(self.id.as_bytes()[0]) << 32));
        let entropy = move |bytes: &mut [u8]| {
            let mut random = random.lock().unwrap_or_else(PoisonError::into_inner);
            bytes.iter_mut().for_each(|byte| *byte = random.next() as u8);
            Ok(())
        };
        let clock = Clock::manual(now);
        clock.set_system(self.system_time(now));
        let parts = Parts {
            me: self.id,
            secrets: Secrets::of(&self.keys),
            ledger: Ledger::new(store),
            audit,
            search: None,
            clock,
            entropy: Box::new(entropy),
        };
        Ok(Office::open(parts)?)
    }

    /// What its system's clock says at a time.
    fn system_time(&self, now: Timestamp) -> Timestamp {
        Timestamp::from_ms(now.as_ms().saturating_add_signed(self.skew))
    }

    /// Has its system's clock be wrong by so much.
    pub(super) fn set_skew(&mut self, skew: i64, now: Timestamp) {
        self.skew = skew;
        let system = self.system_time(now);
        self.up.iter().for_each(|up| up.office.clock().set_system(system));
    }

    /// Somebody copies the whole machine.
    pub(super) fn back_up(&mut self, seed: u64) {
        self.backup = self.disk.snapshot(seed);
    }

    /// The copy is put in the place of what there is. Whether there was one.
    pub(super) fn put_back(&mut self) -> bool {
        let Some(backup) = self.backup.take() else { return false };
        self.crash(Lost::Nothing);
        self.disk = backup;
        self.disk.heal();
        self.books.put_back();
        self.was_put_back = true;
        true
    }

    /// The copy is of no use any more: other keys opened it.
    pub(super) fn forget_backup(&mut self) {
        self.backup = None;
    }

    /// It is lost, with all that it has.
    pub(super) fn lose(&mut self) {
        (self.up, self.is_lost) = (None, true);
    }

    /// The machine stops.
    pub(super) fn crash(&mut self, lost: Lost) {
        self.up = None;
        self.disk.crash(lost);
    }
}

impl Up {
    /// Acts on what has changed, as the daemon's replication does. News that cannot be acted on stays.
    pub(super) fn heed(&mut self) -> Result<bool, Error> {
        let Some(news) = self.news.take() else { return Ok(false) };
        let done = match (news.standing, news.labels) {
            (Some(_), _) => self.refresh(),
            (None, true) => self.reconsider(),
            (None, false) => Ok(()),
        };
        if done.is_err() {
            self.news.put_back(&news);
        }
        done.map(|()| true)
    }

    fn refresh(&mut self) -> Result<(), Error> {
        let linked: BTreeMap<BureauId, Bond> =
            self.office.linked_peers().iter().map(|peer| (peer.card().bureau, peer.bond())).collect();
        let last: BTreeMap<BureauId, u64> =
            self.links.iter().map(|(bureau, link)| (*bureau, link.last_serial)).collect();
        self.links.retain(|bureau, link| linked.get(bureau) == Some(&link.bond));
        self.arrived.retain(|(from, _)| self.links.contains_key(from));
        for (bureau, bond) in linked {
            if !self.links.contains_key(&bureau) {
                let (served, last_serial) = (Served::open(&self.office, bureau)?, last.get(&bureau).copied());
                let last_serial = last_serial.unwrap_or_default();
                let link =
                    Link { served, bond, serving: None, reclaiming: None, subscriber: None, last_serial, asked: None };
                self.links.insert(bureau, link);
            }
        }
        self.reconsider()
    }

    fn reconsider(&mut self) -> Result<(), Error> {
        self.in_force.retain(|bureau, _| self.links.contains_key(bureau));
        let today = self.office.now().day();
        self.office.align()?;
        self.day = today;
        self.in_force = self.office.grants(None);
        self.in_force.retain(|bureau, _| self.links.contains_key(bureau));
        Ok(())
    }

    /// Begins a pull, if all that the last one brought is taken in.
    pub(super) fn pull(&mut self, from: BureauId) -> Result<Vec<Wire>, Error> {
        if self.arrived.iter().any(|(provider, _)| *provider == from) {
            return Ok(Vec::new());
        }
        let (office, now) = (self.office.clone(), self.office.now());
        let Some(link) = self.links.get_mut(&from) else { return Ok(Vec::new()) };
        let serial = link.serial(now);
        let (mirror, hello) = ([0; 16], office.hello(from));
        let start = SubscriberInput::Start { serial, mirror, news: false, budget_bytes: 100_000, window: 4, hello };
        let effects = link.subscriber(&office, from)?.handle(start);
        Ok(self.follow(from, effects))
    }

    /// Takes what came from a peer, and returns what to send back at once.
    pub(super) fn take(&mut self, from: BureauId, wire: Wire) -> Result<Vec<Wire>, Error> {
        let office = self.office.clone();
        let begins = matches!(wire, Wire::Message(Message::Pull(_)) | Wire::Returned(..));
        if begins && self.day != office.now().day() {
            // An answer that begins on a new day brings everything in line first.
            self.reconsider()?;
        }
        let Some(link) = self.links.get_mut(&from) else { return Ok(Vec::new()) };
        let input = match wire {
            Wire::Message(Message::Pull(pull)) => {
                let time = office.clock().system_time();
                let heads = office.heads(from)?;
                let mut out =
                    vec![Wire::Message(Message::Clock(ClockMessage { time })), Wire::Message(Message::Heads(heads))];
                match link.served.reclaims(&pull)? {
                    Some(reclaiming) => out.extend(link.ask_back(pull, 0, reclaiming)?),
                    None => link.serve(pull)?,
                }
                return Ok(out);
            }
            Wire::Reclaim(nth, asked) => {
                let compromised = office.peer(from)?.revoked_for() == Some(RevokedFor::Compromised);
                if compromised {
                    return Ok(Vec::new());
                }
                return Ok(vec![Wire::Returned(nth, office.give_back(from, &asked)?)]);
            }
            Wire::Returned((serial, nth), items) => {
                let asked = |(pull, asked, _): &mut (Pull, u64, _)| (pull.serial, *asked) == (serial, nth);
                let Some((pull, nth, mut reclaiming)) = link.reclaiming.take_if(asked) else { return Ok(Vec::new()) };
                reclaiming.take(items.iter().map(|item| codec::decode(item).expect("an item")).collect())?;
                return Ok(link.ask_back(pull, nth + 1, reclaiming)?.into_iter().collect());
            }
            Wire::Message(Message::End(end)) => SubscriberInput::End(end),
            Wire::Message(Message::Card(card)) => {
                office.renew_peer(from, &card.card)?;
                return Ok(Vec::new());
            }
            Wire::Message(Message::Clock(clock)) => {
                office.hear_time(from, clock.time)?;
                return Ok(Vec::new());
            }
            Wire::Message(Message::Heads(heads)) => {
                // L14: whatever a crash takes, the log holds what was committed to.
                let fits = office.hear_heads(from, &heads)?;
                assert!(
                    fits || self.was_put_back || hostile::is(from),
                    "{} does not hold what {from} keeps of its log",
                    office.me()
                );
                return Ok(Vec::new());
            }
            Wire::Message(_) => return Ok(Vec::new()),
            Wire::Parcel(serial, ..) if link.asked != Some(serial) => return Ok(Vec::new()),
            Wire::Parcel(_, _, key) if office.key_of(from) != Some(key) => {
                self.forget(from);
                return Ok(Vec::new());
            }
            Wire::Parcel(_, items, _) => {
                SubscriberInput::Parcel(items.iter().map(|item| codec::decode(item).expect("an item")).collect())
            }
        };
        let effects = link.subscriber(&office, from)?.handle(input);
        Ok(self.follow(from, effects))
    }

    fn follow(&mut self, provider: BureauId, effects: Vec<SubscriberEffect>) -> Vec<Wire> {
        let mut out = Vec::new();
        for effect in effects {
            match effect {
                SubscriberEffect::Send(message) => {
                    if let (Message::Pull(pull), Some(link)) = (&message, self.links.get_mut(&provider)) {
                        link.asked = Some(pull.serial);
                    }
                    out.push(Wire::Message(message));
                }
                SubscriberEffect::Apply(changes) => {
                    let examined = self.office.examine(provider, changes);
                    self.arrived.push_back((provider, examined));
                }
                SubscriberEffect::Done { .. } => {}
                // The network made it look so: begin again from the books.
                SubscriberEffect::Violated(_) => self.forget(provider),
            }
        }
        out
    }

    /// Begins again from the books with what a provider sends.
    fn forget(&mut self, provider: BureauId) {
        self.arrived.retain(|(from, _)| *from != provider);
        if let Some(link) = self.links.get_mut(&provider) {
            (link.subscriber, link.asked) = (None, None);
        }
    }

    /// Takes in what has arrived first, together with what follows it of the same provider now and then. Whether there
    /// was something.
    pub(super) fn take_in(&mut self, together: bool) -> Result<bool, Error> {
        let Some((provider, first)) = self.arrived.pop_front() else { return Ok(false) };
        let mut all = vec![first];
        if together && self.arrived.front().is_some_and(|(next, _)| *next == provider) {
            all.extend(self.arrived.pop_front().map(|(_, examined)| examined));
        }
        let taken = self.office.take_in(provider, all);
        if taken.is_err() {
            self.forget(provider);
        }
        taken.map(|_| true)
    }

    /// Takes back also what was signed before a key was replaced, as an administrator does who knows that none was stolen; and has
    /// those be served of whom something came back then that cannot be taken in.
    pub(super) fn waive(&self) -> Result<(), Error> {
        for (peer, row) in self.office.ledger().reclaims()? {
            match row.stand {
                Stand::Refused if row.former => self.office.waive_reclaim(Actor::Node, peer)?,
                Stand::Refused => self.office.accept_former_keys(Actor::Node, peer)?,
                _ => {}
            }
        }
        Ok(())
    }

    /// Ends all answers under way.
    pub(super) fn hang_up(&mut self) {
        self.links.values_mut().for_each(|link| link.serving = None);
    }

    /// Whom answers are being made for.
    pub(super) fn serving(&self) -> Vec<BureauId> {
        self.links.iter().filter(|(_, link)| link.serving.is_some()).map(|(bureau, _)| *bureau).collect()
    }

    /// One step of the answer to a peer, and what leaves with it.
    ///
    /// # Panics
    /// Where something leaves that is not granted.
    pub(super) fn step(&mut self, peer: BureauId) -> Result<Option<Wire>, Error> {
        let Some(link) = self.links.get_mut(&peer) else { return Ok(None) };
        let Some((serial, serving)) = &mut link.serving else { return Ok(None) };
        let serial = *serial;
        let step = serving.step().inspect_err(|_| link.serving = None)?;
        match step {
            Step::Busy => Ok(None),
            Step::Done { .. } => {
                link.serving = None;
                Ok(None)
            }
            Step::Send(content) => {
                content.wait().inspect_err(|_| link.serving = None)?;
                if content.records > 0 {
                    let deed = Deed::new(Actor::Bureau(peer), "feed.send").peer(peer).with("records", content.records);
                    self.office.account(deed)?;
                }
                self.judge(peer, &content.items);
                let key = self.office.key_of(self.office.me()).expect("its own");
                Ok(Some(content.message.map_or(Wire::Parcel(serial, content.items, key), Wire::Message)))
            }
        }
    }

    /// L1: what leaves is granted, by what was in force when news was heeded last.
    fn judge(&self, peer: BureauId, items: &[Vec<u8>]) {
        let granted = self.in_force.get(&peer);
        for item in items {
            let Item::Run(run) = codec::decode(item).expect("an item") else { continue };
            for entry in run.entries {
                let Entry::Put { groups, record } = entry else { continue };
                let header = Unverified::decode(&record).expect("a record").header().clone();
                let is_it = |grant: &&Grant| grant.label == header.label && groups.is_subset(grant.groups);
                let may = granted.is_some_and(|grants| grants.values().any(|grant| is_it(&grant)));
                assert!(may, "{} sends {peer} what it may not have", self.office.me());
                let today = self.office.now().day();
                assert!(header.retain_until.is_some_and(|until| today <= until), "an expired record leaves");
            }
        }
    }

    /// Whether nothing waits to be taken in or sent.
    pub(super) fn rests(&self) -> bool {
        self.arrived.is_empty() && self.prepared.is_empty() && self.serving().is_empty()
    }
}

impl Link {
    /// Asks for what is to be given back next; once that is all, the pull is answered.
    fn ask_back(&mut self, pull: Pull, nth: u64, reclaiming: Reclaiming) -> Result<Option<Wire>, Error> {
        let Some(ask) = reclaiming.ask() else { return self.serve(pull).map(|()| None) };
        let serial = pull.serial;
        self.reclaiming = Some((pull, nth, reclaiming));
        Ok(Some(Wire::Reclaim((serial, nth), ask)))
    }

    fn serve(&mut self, pull: Pull) -> Result<(), Error> {
        self.reclaiming = None;
        self.serving = Some((pull.serial, self.served.answer(pull, [0; 16])?));
        Ok(())
    }

    fn serial(&mut self, now: Timestamp) -> u64 {
        self.last_serial = now.as_ms().max(self.last_serial + 1);
        self.last_serial
    }

    fn subscriber(&mut self, office: &Office, provider: BureauId) -> Result<&mut Subscriber, Error> {
        let subscriber = match self.subscriber.take() {
            Some(subscriber) => subscriber,
            None => Subscriber::new(office.ledger().cursors(provider)?),
        };
        Ok(self.subscriber.insert(subscriber))
    }
}
