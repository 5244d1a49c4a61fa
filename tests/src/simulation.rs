//! A federation of many bureaus in one thread: virtual time, one seed. The offices are the real ones, with their books,
//! audit logs, policies, files and charters, on disks in memory that fill up, fail and tear; the network delays, loses,
//! duplicates, reorders and partitions. One member keeps to no rule, and another may be lost for good. Between any two steps, also of one answer, and between preparing and appending,
//! anything else may happen. Only signing and sealing of parcels, and sockets, are left out.

mod books;
mod bureau;
mod deeds;
mod hostile;
mod random;
mod tomorrow;
mod truth;

use std::collections::BTreeMap;

use igain_node::audit::{Entry, Filter, Numbered};
use igain_node::office::Actor;
use igain_node::store::disk::Lost;
use igain_protocol::bureau::BureauId;
use igain_protocol::caf::CafId;
use igain_protocol::record::RecordId;
use igain_protocol::sync::Message;
use igain_protocol::time::Timestamp;
use sha2::{Digest as _, Sha256};

use bureau::{Bureau, Wire};
use hostile::Hostile;
pub use random::Random;
use tomorrow::Tomorrow;

use crate::bureau::{NOON, card};

const TICK_MS: u64 = 10;

/// The bureaus that are no real ones, by their numbers after the last of those.
const TOMORROW: usize = 0;
const HOSTILE: usize = 1;

/// One federation.
pub struct Federation {
    bureaus: Vec<Bureau>,
    /// One more, of a version to come; the others are of the version before, to it.
    tomorrow: Tomorrow,
    /// One more that keeps to no rule, until all is calm.
    hostile: Hostile,
    random: Random,
    now: Timestamp,
    /// Under way, by the time of arrival and a number that tells equal times apart.
    wires: BTreeMap<(u64, u64), (usize, usize, Wire)>,
    sent: u64,
    /// Pairs that cannot reach each other, and until when.
    cut: BTreeMap<(usize, usize), u64>,
    /// Files, by whom they are managed.
    cafs: BTreeMap<CafId, usize>,
    /// Numbers the texts of records, so that every version is told from every other.
    texts: u64,
    trace: Sha256,
    calm: bool,
    /// What failed while all was calm.
    failed: Option<String>,
}

impl Federation {
    /// A federation of `count` bureaus who all know each other, wholly decided by `seed`.
    ///
    /// # Panics
    /// Where a bureau does not start.
    pub fn new(count: u8, seed: u64) -> Self {
        let mut bureaus: Vec<Bureau> = (0..count).map(|nth| Bureau::new(nth, seed)).collect();
        for bureau in &mut bureaus {
            bureau.start(NOON).expect("an empty disk");
        }
        let (tomorrow, hostile) = (Tomorrow::new(), Hostile::new());
        let mut cards: Vec<_> = bureaus.iter().map(|bureau| card(bureau.id, &bureau.keys, &[])).collect();
        cards.extend([tomorrow.card(), hostile.card()]);
        for bureau in &mut bureaus {
            let up = bureau.up.as_mut().expect("it runs");
            for card in cards.iter().filter(|card| card.card().bureau != bureau.id) {
                up.office.enrol(Actor::Node, card.clone(), None, Vec::new()).expect("a sound card");
            }
            up.heed().expect("the books");
        }
        Self {
            bureaus,
            tomorrow,
            hostile,
            random: Random::new(seed),
            now: NOON,
            wires: BTreeMap::new(),
            sent: 0,
            cut: BTreeMap::new(),
            cafs: BTreeMap::new(),
            texts: 0,
            trace: Sha256::new(),
            calm: false,
            failed: None,
        }
    }

    /// Lets `steps` things happen on a network and disks that fail in every way they can.
    pub fn storm(&mut self, steps: usize) {
        for _ in 0..steps {
            self.happen();
            self.run();
            self.tick();
        }
    }

    /// Lets everything work and nothing new happen, until nothing is under way and nobody has anything to ask.
    ///
    /// # Errors
    /// Where it does not come to rest, or a bureau does not start.
    pub fn calm(&mut self) -> Result<(), String> {
        const ROUNDS: usize = 60;
        self.calm = true;
        self.cut.clear();
        for at in self.there() {
            self.bureaus[at].disk.heal();
            self.bureaus[at].set_skew(0, self.now);
            if !self.bureaus[at].works() {
                self.bureaus[at].crash(Lost::Nothing);
            }
            self.rise(at)?;
            // Answers of before may be about to end with what failed then.
            self.bureaus[at].up.iter_mut().for_each(bureau::Up::hang_up);
            self.bureaus[at].forgive().map_err(|error| error.to_string())?;
        }
        let (mut quiet, mut last) = (0, Vec::new());
        for _ in 0..ROUNDS {
            let before: Vec<u64> = self.bureaus.iter().map(Bureau::commits).collect();
            self.round()?;
            let after: Vec<u64> = self.bureaus.iter().map(Bureau::commits).collect();
            quiet = if after == before { quiet + 1 } else { 0 };
            if quiet == 2 {
                self.calm = false;
                return Ok(());
            }
            last = before.into_iter().zip(after).map(|(before, after)| after - before).collect();
        }
        let (failed, behind) = (&self.failed, truth::behind(&self.bureaus));
        Err(format!("there is no rest after {ROUNDS} rounds, the last with {last:?} commits; {failed:?}; {behind:?}"))
    }

    /// Everybody does what is to be done, and asks everybody else.
    fn round(&mut self) -> Result<(), String> {
        let said = |error: igain_node::office::Error| error.to_string();
        for at in self.there() {
            let up = self.bureaus[at].up.as_mut().ok_or("it is down")?;
            for (ids, prepared) in up.prepared.drain(..).collect::<Vec<_>>() {
                self.bureaus[at].append(ids, prepared);
            }
            let up = self.bureaus[at].up.as_mut().ok_or("it is down")?;
            up.waive().map_err(said)?;
            up.office.purge_ending().map_err(said)?;
            up.office.expire().map_err(said)?;
            up.office.sweep(0).map_err(said)?;
            while up.heed().map_err(said)? {}
            for from in self.there().into_iter().chain([self.bureaus.len() + TOMORROW]).filter(|from| *from != at) {
                self.pull(at, from);
            }
        }
        let mut idle = 0;
        while idle < 2 {
            self.tick();
            let mut busy = !self.wires.is_empty();
            for at in self.there() {
                let up = self.bureaus[at].up.as_mut().ok_or("it is down")?;
                while up.take_in(false).map_err(said)? {}
                while up.heed().map_err(said)? {}
                for peer in up.serving() {
                    self.step(at, peer);
                    busy = true;
                }
            }
            idle = if busy { 0 } else { idle + 1 };
        }
        Ok(())
    }

    /// The first law that is broken, once all is calm.
    ///
    /// # Errors
    /// What is wrong, and where.
    pub fn check(&self) -> Result<(), String> {
        self.failed.clone().map_or(Ok(()), Err)?;
        truth::check(&self.bureaus)?;
        let mut offices = self.bureaus.iter().filter_map(|bureau| bureau.up.as_ref()).map(|up| &up.office);
        offices.try_for_each(|office| self.tomorrow.check(office))
    }

    /// What the audit logs say was done, in the order of time, but for what only carries on: to see how a schedule fell.
    pub fn story(&self) -> Vec<String> {
        let mut all = Vec::new();
        for office in self.bureaus.iter().filter_map(|bureau| bureau.up.as_ref()).map(|up| &up.office) {
            let entries = office.audit().list(1, usize::MAX, &Filter::default()).unwrap_or_default();
            for Numbered { seq, entry } in entries.into_iter().filter(|row| !row.entry.action.starts_with("feed.")) {
                let Entry { at, actor, action, object, peer, detail, .. } = entry;
                let about = [object, peer].into_iter().flatten().collect::<Vec<_>>().join(" ");
                let detail: Vec<String> = detail.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
                let line = format!("{} {seq} {actor} {action} {about} {}", office.me(), detail.join(" "));
                all.push((at, line));
            }
        }
        all.sort();
        all.into_iter().map(|(at, line)| format!("{} {line}", at.as_ms())).collect()
    }

    /// How many records are held by others than their owners.
    pub fn shared(&self) -> usize {
        self.bureaus.iter().map(truth::received).sum()
    }

    /// The digest of everything that happened.
    pub fn trace(&self) -> [u8; 32] {
        self.trace.clone().finalize().into()
    }

    /// Does some of what is to be done at every bureau, in no fixed order.
    fn run(&mut self) {
        for at in 0..self.bureaus.len() {
            for _ in 0..self.random.below(6) {
                let pick = self.random.next();
                let Some(up) = self.bureaus[at].up.as_mut() else { break };
                // What fails is tried again, or begun anew, later.
                match pick % 8 {
                    0 => drop(up.heed()),
                    1 | 2 => drop(up.take_in(pick & 256 > 0)),
                    3 => self.append_one(at),
                    _ => {
                        let peers = up.serving();
                        if let Some(peer) = peers.get((pick >> 16) as usize % peers.len().max(1)) {
                            self.step(at, *peer);
                        }
                    }
                }
            }
        }
    }

    /// One step of the answer that a bureau gives to a peer.
    fn step(&mut self, at: usize, peer: BureauId) {
        let hostile = || (peer == self.hostile.id).then_some(self.bureaus.len() + HOSTILE);
        let to = self.bureaus.iter().position(|bureau| bureau.id == peer).or_else(hostile);
        let step = self.bureaus[at].up.as_mut().map(|up| up.step(peer));
        let wire = self.told("step", at, step).flatten();
        if let (Some(to), Some(wire)) = (to, wire) {
            self.send(at, to, vec![wire]);
        }
    }

    fn pull(&mut self, of: usize, from: usize) {
        let provider = self.id(from);
        let pulled = self.bureaus[of].up.as_mut().map(|up| up.pull(provider));
        let wires = self.told("pull", of, pulled);
        self.send(of, from, wires.unwrap_or_default());
    }

    fn send(&mut self, from: usize, to: usize, wires: Vec<Wire>) {
        for wire in wires {
            let copies = match self.calm {
                true => 1,
                false => usize::from(!self.random.chance(6)) + usize::from(self.random.chance(4)),
            };
            for _ in 0..copies {
                let delay = if self.calm { 1 } else { 1 + self.random.below(80) };
                let after = self.wires.iter().rev().find(|(_, (a, b, _))| (*a, *b) == (from, to)).map(|(key, _)| key.0);
                // Mostly in order, as a stream is; now and then not.
                let at = self.now.as_ms() + delay;
                let at = if self.calm || !self.random.chance(8) { at.max(after.unwrap_or(0)) } else { at };
                self.sent += 1;
                self.wires.insert((at, self.sent), (from, to, wire.clone()));
            }
        }
    }

    fn tick(&mut self) {
        self.set_time(self.now.plus_ms(TICK_MS));
        let now = self.now.as_ms();
        self.cut.retain(|_, until| *until > now);
        while let Some(entry) = self.wires.first_entry().filter(|entry| entry.key().0 <= now) {
            let (from, to, wire) = entry.remove();
            if self.cut.contains_key(&(from.min(to), from.max(to))) {
                continue;
            }
            self.note(from, to, &wire);
            let sender = self.id(from);
            let answer = match to.checked_sub(self.bureaus.len()) {
                Some(TOMORROW) => self.tomorrow.take(sender, wire, self.now),
                Some(_) if self.calm => Vec::new(),
                Some(_) => self.hostile.take(sender, wire, &mut self.random, self.now),
                None => {
                    let taken = self.bureaus[to].up.as_mut().map(|up| up.take(sender, wire));
                    // What one says that keeps to no rule may be refused at any time.
                    let taken = taken.filter(|taken| sender != self.hostile.id || taken.is_ok());
                    self.told("take", to, taken).unwrap_or_default()
                }
            };
            self.send(to, from, answer);
        }
    }

    fn id(&self, at: usize) -> BureauId {
        match at.checked_sub(self.bureaus.len()) {
            None => self.bureaus[at].id,
            Some(TOMORROW) => self.tomorrow.id,
            Some(_) => self.hostile.id,
        }
    }

    /// Those that are not lost for good.
    fn there(&self) -> Vec<usize> {
        (0..self.bureaus.len()).filter(|at| !self.bureaus[*at].is_lost).collect()
    }

    fn set_time(&mut self, now: Timestamp) {
        let passed = now.ms_since(self.now);
        self.now = now;
        for bureau in &self.bureaus {
            bureau.up.iter().for_each(|up| up.office.clock().pass(passed));
        }
    }

    /// What was done; where it failed although nothing should, that is kept.
    fn told<T>(&mut self, what: &str, at: usize, done: Option<Result<T, igain_node::office::Error>>) -> Option<T> {
        match done? {
            Ok(done) => Some(done),
            Err(error) => {
                if self.calm {
                    let id = self.bureaus[at].id;
                    self.failed.get_or_insert_with(|| format!("{id} fails to {what}: {error}"));
                }
                None
            }
        }
    }

    fn note(&mut self, from: usize, to: usize, wire: &Wire) {
        self.trace.update(self.now.as_ms().to_be_bytes());
        self.trace.update([from as u8, to as u8]);
        match wire {
            Wire::Message(message) => self.trace.update(message.encode()),
            Wire::Parcel(_, items, _) | Wire::Returned(_, items) => {
                items.iter().for_each(|item| self.trace.update(item));
            }
            Wire::Reclaim(_, asked) => self.trace.update(Message::Reclaim(asked.clone()).encode()),
        }
    }

    /// A record that a bureau may still have.
    fn some_record(&mut self, at: usize) -> Option<RecordId> {
        let ids = self.bureaus[at].books.ids();
        ids.get(self.random.below(ids.len() as u64) as usize).copied()
    }
}
