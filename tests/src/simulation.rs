//! A federation of many bureaus in one thread: virtual time, one seed, a network that delays, loses, duplicates,
//! reorders and partitions, bureaus that crash, and policies that change. The sync machines are the real ones, and so
//! are records, redaction, cursors and tombstones; only disks and wires are simulated.

mod bureau;
mod random;

use std::collections::BTreeMap;

use igain_protocol::vocabulary::GroupSet;
use sha2::{Digest as _, Sha256};

pub use bureau::{Bureau, Wire};
pub use random::Random;

const CLASSES: u32 = 5;
const TICK_MS: u64 = 10;

/// One federation.
#[derive(Debug)]
pub struct Federation {
    bureaus: Vec<Bureau>,
    random: Random,
    now: u64,
    /// Under way, by the time of arrival and a number that tells equal times apart.
    wires: BTreeMap<(u64, u64), (usize, usize, Wire)>,
    sent: u64,
    /// Pairs that cannot reach each other, and until when.
    cut: BTreeMap<(usize, usize), u64>,
    trace: Sha256,
    calm: bool,
}

impl Federation {
    /// A federation of `count` bureaus, wholly decided by `seed`.
    pub fn new(count: u8, seed: u64) -> Self {
        Self {
            bureaus: (0..count).map(|nth| Bureau::new(nth, CLASSES)).collect(),
            random: Random::new(seed),
            now: 1_000,
            wires: BTreeMap::new(),
            sent: 0,
            cut: BTreeMap::new(),
            trace: Sha256::new(),
            calm: false,
        }
    }

    /// Lets `steps` things happen on a network that fails in every way it can.
    pub fn storm(&mut self, steps: usize) {
        for _ in 0..steps {
            self.happen();
            self.tick();
        }
    }

    /// Lets the network work and nothing new happen, until every message has arrived and every pull is answered.
    pub fn calm(&mut self) {
        const ROUNDS: usize = 60;
        self.calm = true;
        self.cut.clear();
        for _ in 0..ROUNDS {
            for of in 0..self.bureaus.len() {
                self.pull_from_all(of);
            }
            while !self.wires.is_empty() {
                self.tick();
            }
        }
        self.calm = false;
    }

    /// The first bureau that holds something else of another than what it is entitled to.
    ///
    /// # Errors
    /// Who, of whom, and how many records of each.
    pub fn check(&self) -> Result<(), String> {
        for owner in &self.bureaus {
            for peer in self.bureaus.iter().filter(|peer| peer.id != owner.id) {
                let (holds, entitled) = (owner.held_by(peer), owner.entitlement(peer.id));
                if holds != entitled {
                    let (h, e) = (holds.len(), entitled.len());
                    let other = entitled.iter().filter(|(id, bytes)| holds.get(id).is_some_and(|held| held != *bytes));
                    let other = other.count();
                    return Err(format!(
                        "{} holds {h} records of {}, and is entitled to {e}; {other} say something else",
                        peer.id, owner.id
                    ));
                }
            }
        }
        Ok(())
    }

    /// How many records are held by others than their owners.
    pub fn shared(&self) -> usize {
        let pairs = self.bureaus.iter().flat_map(|a| self.bureaus.iter().map(move |b| (a, b)));
        pairs.map(|(holder, owner)| owner.held_by(holder).len()).sum()
    }

    /// The digest of everything that happened.
    pub fn trace(&self) -> [u8; 32] {
        self.trace.clone().finalize().into()
    }

    fn happen(&mut self) {
        let count = self.bureaus.len() as u64;
        let at = self.random.below(count) as usize;
        let other = (at + 1 + self.random.below(count - 1) as usize) % self.bureaus.len();
        let class = self.random.below(u64::from(CLASSES)) as u32;
        let pick = self.random.next();
        match self.random.below(100) {
            0..30 => self.bureaus[at].add(class),
            30..40 => self.bureaus[at].revise(pick),
            40..47 => self.bureaus[at].withdraw(pick),
            47..57 => {
                let peer = self.bureaus[other].id;
                let groups = GroupSet::from_bits((pick % 64) as u8).unwrap_or_default();
                self.bureaus[at].grant(peer, class, groups, self.now);
            }
            57..62 => self.bureaus[at].crash(),
            62..66 => {
                let until = self.now + self.random.below(2_000);
                self.cut.insert((at.min(other), at.max(other)), until);
            }
            _ => self.pull(at, other),
        }
    }

    fn pull_from_all(&mut self, of: usize) {
        for from in (0..self.bureaus.len()).filter(|from| *from != of) {
            self.pull(of, from);
        }
    }

    fn pull(&mut self, of: usize, from: usize) {
        let provider = self.bureaus[from].id;
        let wires = self.bureaus[of].pull(provider, self.now);
        self.send(of, from, wires);
    }

    fn send(&mut self, from: usize, to: usize, wires: Vec<Wire>) {
        let mut last = self.now;
        for wire in wires {
            let copies = match self.calm {
                true => 1,
                false => usize::from(!self.random.chance(8)) + usize::from(self.random.chance(5)),
            };
            for _ in 0..copies {
                let delay = if self.calm { 1 } else { 1 + self.random.below(80) };
                // Mostly in order, as a stream is; now and then not.
                let at =
                    if self.calm || !self.random.chance(10) { last.max(self.now + delay) } else { self.now + delay };
                last = last.max(at);
                self.sent += 1;
                self.wires.insert((at, self.sent), (from, to, wire.clone()));
            }
        }
    }

    fn tick(&mut self) {
        self.now += TICK_MS;
        self.cut.retain(|_, until| *until > self.now);
        while let Some(entry) = self.wires.first_entry().filter(|entry| entry.key().0 <= self.now) {
            let (from, to, wire) = entry.remove();
            if self.cut.contains_key(&(from.min(to), from.max(to))) {
                continue;
            }
            self.note(from, to, &wire);
            let sender = self.bureaus[from].id;
            let answer = self.bureaus[to].take(sender, wire, self.now);
            self.send(to, from, answer);
        }
    }

    fn note(&mut self, from: usize, to: usize, wire: &Wire) {
        self.trace.update(self.now.to_be_bytes());
        self.trace.update([from as u8, to as u8]);
        match wire {
            Wire::Message(message) => self.trace.update(message.encode()),
            Wire::Parcel(_, items) => items.iter().for_each(|item| self.trace.update(item)),
        }
    }
}
