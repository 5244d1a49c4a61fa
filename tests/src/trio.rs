//! Three offices that know each other, without sockets, whose books are copied and put back.

use std::path::PathBuf;

use igain_node::keystore::Keys;
use igain_node::office::{Actor, Office};
use igain_protocol::bureau::BureauId;
use igain_protocol::sync::{Change, Given};
use igain_protocol::time::Timestamp;
use tempfile::TempDir;

use crate::bureau::{copy, keys, office, open_with};
use crate::wire::{self, know};

const NAMES: [(&str, u8); 3] = [("KE", 1), ("FR", 2), ("BR", 3)];

/// KE, FR and BR.
pub struct Trio {
    folders: Vec<TempDir>,
    /// In this order.
    pub offices: Vec<Office>,
}

impl Trio {
    /// All three, each with this policy.
    ///
    /// # Panics
    /// Where the policy is refused.
    pub fn new(policy: &str) -> Self {
        let folders: Vec<TempDir> = NAMES.iter().map(|_| tempfile::tempdir().expect("a folder")).collect();
        let live = |at: usize| folders[at].path().join("live");
        let offices: Vec<Office> =
            NAMES.iter().enumerate().map(|(at, (name, seed))| office(name, *seed, &live(at))).collect();
        let id = |name: &str| -> BureauId { name.parse().expect("a bureau") };
        for (office, (name, _)) in offices.iter().zip(NAMES) {
            NAMES.iter().filter(|(other, _)| *other != name).for_each(|(other, seed)| know(office, id(other), *seed));
            office.apply_policy(Actor::Node, policy, "test.cedar").expect("a sound policy");
        }
        Self { folders, offices }
    }

    /// The first.
    pub fn ke(&self) -> &Office {
        &self.offices[0]
    }

    /// Where an office keeps what it has.
    pub fn live(&self, at: usize) -> PathBuf {
        self.folders[at].path().join("live")
    }

    /// Copies what an office has.
    pub fn copy(&self, at: usize) {
        copy(&self.live(at), &self.folders[at].path().join("backup"));
    }

    /// Puts the copy in the place of what the office has: books, audit log and index.
    ///
    /// # Panics
    /// Where it does not open.
    pub fn restore(&mut self, at: usize) {
        self.open(at, "backup", &keys(NAMES[at].1));
    }

    /// The same on a machine whose clock is still at that time.
    ///
    /// # Panics
    /// Where it does not open.
    pub fn restore_at(&mut self, at: usize, now: Timestamp) {
        self.open_at(at, "backup", &keys(NAMES[at].1), now);
    }

    /// The same, with a key file that is newer: the signing key was replaced since.
    ///
    /// # Panics
    /// Where it does not open.
    pub fn restore_with_other_keys(&mut self, at: usize) {
        let id = self.offices[at].me();
        let rotated = keys(NAMES[at].1).replaced_by(&keys(8), id, false).expect("room for a former key");
        self.open(at, "backup", &rotated);
    }

    /// Puts the books alone in the place of what the office has.
    ///
    /// # Panics
    /// Where it does not open.
    pub fn restore_books(&mut self, at: usize) {
        let folder = |name: &str| self.folders[at].path().join(name);
        for part in ["audit", "search"] {
            std::fs::remove_dir_all(folder("backup").join(part)).expect("a folder");
        }
        copy(&folder("live").join("audit"), &folder("backup").join("audit"));
        self.open(at, "backup", &keys(NAMES[at].1));
    }

    /// Has an office that was put back start again.
    ///
    /// # Panics
    /// Where it does not open.
    pub fn start_again(&mut self, at: usize) {
        let folder = |name: &str| self.folders[at].path().join(name);
        copy(&folder("backup"), &folder("again"));
        self.open(at, "again", &keys(NAMES[at].1));
    }

    fn open(&mut self, at: usize, folder: &str, keys: &Keys) {
        self.open_at(at, folder, keys, self.offices[at].now());
    }

    fn open_at(&mut self, at: usize, folder: &str, keys: &Keys, now: Timestamp) {
        let other = tempfile::tempdir().expect("a folder");
        // What was opened before goes away with the offices that know it.
        self.offices[at] = office("ZZ", 9, other.path());
        let folder = self.folders[at].path().join(folder);
        self.offices[at] = open_with(NAMES[at].0, keys, &folder, now).expect("an office");
        self.folders.push(other);
    }

    /// Carries to one what another has for it, once it has given back what is asked for.
    pub fn carry(&self, from: usize, to: usize) {
        wire::carry(&self.offices[from], &self.offices[to]);
    }

    /// The same to one that gives nothing back. What it brought.
    pub fn carry_without_giving(&self, from: usize, to: usize) -> Vec<Change> {
        wire::carry_without_giving(&self.offices[from], &self.offices[to])
    }

    /// Has one that asks for its own be given these records by another, whatever it asks for.
    ///
    /// # Panics
    /// Where nothing is asked for.
    pub fn reclaim_with(&self, at: usize, by: usize, gives: impl Fn(usize) -> Vec<Given>) {
        wire::reclaim_with(&self.offices[at], &self.offices[by], gives);
    }

    /// Carries everything to everybody until nothing comes any more.
    pub fn rest(&self) {
        for _ in 0..8 {
            for from in &self.offices {
                for to in self.offices.iter().filter(|to| to.me() != from.me()) {
                    if from.active_peer(to.me()).is_ok() && to.active_peer(from.me()).is_ok() {
                        wire::carry(from, to);
                    }
                }
            }
        }
    }

    /// Lets time pass.
    pub fn wait(&self, ms: u64) {
        self.offices.iter().for_each(|office| office.clock().set(office.now().plus_ms(ms)));
    }
}
