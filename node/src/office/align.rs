//! Bringing who may have what in line with the policy, the files and who takes part. What each bureau may have of each class
//! is noted, so only what the change concerns is decided again, and what comes of it stands in the feed of each bureau at
//! its place: what it loses must be purged there, what it gains is sent.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use igain_protocol::bureau::BureauId;
use igain_protocol::caf::{CafId, Subset};
use igain_protocol::label::Label;
use igain_protocol::time::Day;
use igain_protocol::vocabulary::GroupSet;
use roaring::RoaringBitmap;

use super::classes::{Classes, Shared};
use super::memory::read;
use super::turn::Turn;
use super::{Actor, Caf, Deed, Error, Office};
use crate::ledger::{Came, ClassIndex, ClassRow, Event, PeerNumber, Shares, SharesRow};
use crate::policy::{Bureau, CafFacts, Labels, Policy, Subject};

/// How often it is reckoned anew when who takes part changes meanwhile.
const TRIES: usize = 8;

/// What was looked at when classes were brought in line last.
#[derive(Debug, Default)]
pub(super) struct Basis {
    seen: Seen,
    /// This bureau's own classes that were looked at, and the same as the policy sees them.
    classes: Vec<(ClassIndex, Label)>,
    labels: Option<Labels>,
}

/// What decides, besides labels.
#[derive(Debug, Default)]
struct Seen {
    policy: Option<Arc<Policy>>,
    peers: BTreeMap<BureauId, Party>,
    files: BTreeMap<CafId, (CafFacts, bool)>,
}

/// What is looked at of one bureau with which there is an exchange.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Party {
    number: PeerNumber,
    facts: Bureau,
    /// What it asked for of each file that it joined.
    subsets: BTreeMap<CafId, Subset>,
}

/// What changes for one bureau.
#[derive(Debug, Default)]
struct Turnover {
    lost: RoaringBitmap,
    gained: RoaringBitmap,
}

/// What changes of who may have what.
#[derive(Debug, Default)]
struct Changes {
    /// Of each class that changes, what it becomes.
    shares: BTreeMap<ClassIndex, Shares>,
    /// Classes of which nothing was sent to anybody yet.
    fresh: BTreeSet<ClassIndex>,
    turnover: BTreeMap<BureauId, Turnover>,
}

impl Office {
    /// Brings who may have what in line. When this returns, no answer that begins gives anything that is not granted now.
    /// Returns the bureaus from which something was taken back, which may be under way to them.
    ///
    /// # Errors
    /// Where the books cannot be read or written; then nothing has changed.
    pub fn align(&self) -> Result<BTreeSet<BureauId>, Error> {
        let mut basis = self.inner.basis.lock().unwrap_or_else(PoisonError::into_inner);
        self.admit()?;
        for _ in 0..TRIES {
            if let Some(narrowed) = self.align_once(&mut basis)? {
                return Ok(narrowed);
            }
        }
        Err(Error::Overtaken)
    }

    /// Brings who may have what in line where that was not done yet on this day: with the last one, files may have closed.
    ///
    /// # Errors
    /// As [`Office::align`].
    pub(super) fn align_today(&self) -> Result<(), Error> {
        if self.inner.aligned.load(Ordering::Acquire) == self.now().day().as_days() {
            return Ok(());
        }
        self.align().map(drop)
    }

    /// Shows what was kept aside of those who may contribute it by now.
    fn admit(&self) -> Result<(), Error> {
        let may = |row: &ClassRow| {
            let takes = |caf: &CafId| self.caf(*caf).is_ok_and(|caf| caf.takes_from(row.owner, &row.label));
            row.label.cafs.iter().all(takes)
        };
        let waits =
            |classes: &Classes| classes.aside().filter(|(_, row)| may(row)).map(|(c, r)| (c, r.clone())).collect();
        let found: Vec<(ClassIndex, ClassRow)> = waits(&read(&self.inner.memory.classes));
        if found.is_empty() {
            return Ok(());
        }
        let mut turn = self.turn()?;
        // A purge may have come first.
        let found: Vec<(ClassIndex, ClassRow)> = waits(&read(&self.inner.memory.classes));
        for (class, row) in found {
            for caf in &row.label.cafs {
                turn.account(Deed::new(Actor::Bureau(row.owner), "feed.admit").peer(row.owner).caf(*caf));
            }
            let came = row.came.map(|came| Came { aside: None, ..came });
            turn.put_class(class, ClassRow { came, ..row });
        }
        turn.commit_now()
    }

    /// One try; none where who takes part, a file or the policy has changed meanwhile.
    fn align_once(&self, basis: &mut Basis) -> Result<Option<BTreeSet<BureauId>>, Error> {
        let (standing, today) = (self.standing(), self.now().day());
        let now = self.seen(today);
        let changes = self.changes(basis, &now, today);
        if !changes.shares.is_empty() {
            let mut turn = self.turn()?;
            if self.standing() != standing {
                return Ok(None);
            }
            turn.carry_out(&changes, &now.peers)?;
            turn.commit_now()?;
        } else if self.standing() != standing {
            return Ok(None);
        }
        basis.seen = now;
        self.inner.aligned.store(today.as_days(), Ordering::Release);
        let mut narrowed = BTreeSet::new();
        for (peer, Turnover { lost, .. }) in &changes.turnover {
            // What it was never sent cannot be under way, and that it is taken back is nobody's to see.
            if !lost.is_disjoint(&self.ledger().delivered_classes(*peer)?) {
                narrowed.insert(*peer);
            }
        }
        Ok(Some(narrowed))
    }

    /// What is to be looked at now.
    fn seen(&self, today: Day) -> Seen {
        let cafs: BTreeMap<CafId, Caf> = self.cafs().into_iter().map(|caf| (caf.charter().id, caf)).collect();
        let party = |peer: super::Peer| {
            let id = peer.card().bureau;
            let subsets = cafs.iter().filter_map(|(caf, known)| Some((*caf, known.subset_of(id)?.clone()))).collect();
            (id, Party { number: peer.number, facts: self.bureau(&peer, &cafs), subsets })
        };
        let file = |(id, caf): (&CafId, &Caf)| (*id, (caf.facts(), caf.facts().is_open(today)));
        Seen {
            policy: Some(self.policy()),
            peers: self.linked_peers().into_iter().map(party).collect(),
            files: cafs.iter().map(file).collect(),
        }
    }

    /// What differs between what is noted and what is granted now.
    fn changes(&self, basis: &mut Basis, now: &Seen, today: Day) -> Changes {
        let Some(policy) = &now.policy else { return Changes::default() };
        let all = basis.seen.policy.as_ref().is_none_or(|before| before.sha256() != policy.sha256());
        let (fresh, shared) = self.gather(basis, policy, all);
        let rows = basis.anew(now, all, &fresh);
        let mut changes = Changes { fresh, ..Changes::default() };
        for class in &changes.fresh {
            changes.shares.insert(*class, Shares::default());
        }
        // Rows that are new or changed are decided for all, the others for those of whom something else is known.
        let some = basis.set(&rows, now, today);
        let everybody: Vec<&Party> = now.peers.values().collect();
        self.decide(&mut changes, &shared, (policy, &some), basis.rows(&rows), &everybody);
        let other = |(id, party): &(&BureauId, &Party)| basis.seen.peers.get(*id) != Some(*party);
        let dirty: Vec<&Party> = now.peers.iter().filter(other).map(|(_, party)| party).collect();
        if let Some(labels) = basis.labels.as_ref().filter(|_| !all && !dirty.is_empty()) {
            self.decide(&mut changes, &shared, (policy, labels), basis.classes.iter(), &dirty);
        }
        changes
    }

    /// Adds to what is looked at the classes that are new; under another policy, all of them. Which are new, and who may
    /// have what of those that are not.
    fn gather(&self, basis: &mut Basis, policy: &Policy, all: bool) -> (BTreeSet<ClassIndex>, Arc<Shared>) {
        let classes = read(&self.inner.memory.classes);
        let shared = Arc::clone(classes.shared());
        let fresh: BTreeSet<ClassIndex> = classes.fresh().collect();
        if all {
            let known = classes.own().filter(|(class, _)| shared.contains_key(class));
            basis.classes = known.map(|(class, label)| (class, label.clone())).collect();
            basis.labels = Some(policy.labels());
        }
        if !fresh.is_empty() {
            // What was reckoned before, and came to nothing, is there already.
            let known: HashSet<ClassIndex> = basis.classes.iter().map(|(class, _)| *class).collect();
            let new = fresh.iter().filter(|class| !known.contains(class));
            basis.classes.extend(new.filter_map(|class| Some((*class, classes.row(*class)?.label.clone()))));
        }
        (fresh, shared)
    }

    /// Decides what parties may have of classes, whose labels these are, and notes what differs.
    fn decide<'a>(
        &self,
        changes: &mut Changes,
        shared: &Shared,
        (policy, labels): (&Policy, &Labels),
        classes: impl Iterator<Item = &'a (ClassIndex, Label)>,
        parties: &[&Party],
    ) {
        let peers: Vec<Bureau> = parties.iter().map(|party| party.facts.clone()).collect();
        let (matrix, nothing) = (policy.entitle_rows(labels, &peers), Shares::default());
        for (nth, (class, label)) in classes.enumerate() {
            let noted = shared.get(class).map_or(&nothing, Arc::as_ref);
            for (at, party) in parties.iter().enumerate() {
                let groups = matrix.groups(nth, at);
                let wanted = groups.is_empty() || party.wants(label, self.me());
                changes.note(*class, party, if wanted { groups } else { GroupSet::EMPTY }, noted);
            }
        }
    }
}

impl Basis {
    /// The rows that must be looked at anew: of new classes, and of files of which something else is known.
    fn anew(&self, now: &Seen, all: bool, fresh: &BTreeSet<ClassIndex>) -> Vec<usize> {
        let changed = |caf: &CafId| self.seen.files.get(caf) != now.files.get(caf);
        let anew =
            |(class, label): &(ClassIndex, Label)| all || fresh.contains(class) || label.cafs.iter().any(changed);
        self.classes.iter().enumerate().filter(|(_, row)| anew(row)).map(|(row, _)| row).collect()
    }

    fn rows(&self, rows: &[usize]) -> impl Iterator<Item = &(ClassIndex, Label)> {
        rows.iter().filter_map(|row| self.classes.get(*row))
    }

    /// Brings rows in line with what is known now. Returns the same rows by themselves.
    fn set(&mut self, rows: &[usize], now: &Seen, today: Day) -> Labels {
        let mut some = now.policy.as_ref().map(|policy| policy.labels()).unwrap_or_default();
        for row in rows {
            let Some((_, label)) = self.classes.get(*row) else { continue };
            let subject = Subject::own(label, |caf| now.files.get(&caf).map(|(facts, _)| facts));
            some.push(&subject, today);
            if let Some(labels) = &mut self.labels {
                labels.set(*row, &subject, today);
            }
        }
        some
    }
}

impl Party {
    /// Whether it asked for this part of each file.
    fn wants(&self, label: &Label, owner: BureauId) -> bool {
        let mut subsets = label.cafs.iter().filter_map(|caf| self.subsets.get(caf));
        subsets.all(|subset| subset.admits(label.kind, label.crime_area, owner))
    }
}

impl Changes {
    fn note(&mut self, class: ClassIndex, party: &Party, after: GroupSet, noted: &Shares) {
        let before = noted.of(party.number);
        if before == after {
            return;
        }
        self.shares.entry(class).or_insert_with(|| noted.clone()).set(party.number, after);
        let turnover = self.turnover.entry(party.facts.id).or_default();
        if !before.is_subset(after) {
            turnover.lost.insert(class);
        }
        if !after.is_empty() && !self.fresh.contains(&class) {
            turnover.gained.insert(class);
        }
    }
}

impl Turn<'_> {
    /// Notes what changes, and has it stand in the feeds of those whom it concerns.
    fn carry_out(&mut self, changes: &Changes, peers: &BTreeMap<BureauId, Party>) -> Result<(), Error> {
        let ledger = self.office().ledger();
        let mut lost: BTreeMap<ClassIndex, Vec<(PeerNumber, u64)>> = BTreeMap::new();
        for (peer, Turnover { lost: recalled, gained }) in &changes.turnover {
            let Some(party) = peers.get(peer) else { continue };
            if recalled.is_empty() && gained.is_empty() {
                continue;
            }
            if !recalled.is_empty() {
                self.takes_back();
                let seq = self.next_number();
                ledger.put_event(&mut self.batch, *peer, seq, &Event::Recall(recalled.clone()));
                recalled.iter().for_each(|class| lost.entry(class).or_default().push((party.number, seq)));
            }
            if !gained.is_empty() {
                let seq = self.next_number();
                ledger.put_event(&mut self.batch, *peer, seq, &Event::Backfill(gained.clone()));
            }
            self.regrant(*peer);
            self.tell(*peer);
        }
        for (class, shares) in &changes.shares {
            let mut row = SharesRow { shares: shares.clone(), lost: Vec::new() };
            if !changes.fresh.contains(class) {
                row.lost = ledger.shares_of(*class)?.map(|noted| noted.lost).unwrap_or_default();
            }
            let anew = lost.remove(class).unwrap_or_default();
            row.lost.retain(|(peer, _)| anew.iter().all(|(other, _)| other != peer));
            row.lost.extend(anew);
            row.lost.retain(|(peer, _)| shares.of(*peer).is_empty());
            self.share(*class, row);
        }
        Ok(())
    }
}
