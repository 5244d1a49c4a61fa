//! Bringing who may have what in line with the policy, the files and who takes part. What each bureau may have of each class
//! is noted, so only what the change concerns is decided again, and what comes of it stands in the feed of each bureau at
//! its place: what it loses must be purged there, what it gains is sent.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError};

use igain_protocol::bureau::BureauId;
use igain_protocol::caf::{CafId, Subset};
use igain_protocol::label::Label;
use igain_protocol::time::Day;
use igain_protocol::vocabulary::GroupSet;
use roaring::RoaringBitmap;

use super::classes::Classes;
use super::memory::read;
use super::turn::Turn;
use super::{Actor, Caf, Deed, Error, Office};
use crate::ledger::{Came, ClassIndex, ClassRow, Event, PeerNumber, Shares, SharesRow};
use crate::policy::{Bureau, CafFacts, Policy, Subject};

/// How often it is reckoned anew when who takes part changes meanwhile.
const TRIES: usize = 8;

/// What was looked at when classes were brought in line last.
#[derive(Debug, Default)]
pub(super) struct Basis {
    policy: Option<Arc<Policy>>,
    peers: BTreeMap<BureauId, Party>,
    files: BTreeMap<CafId, (CafFacts, bool)>,
}

/// What is looked at of one bureau that may take part.
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

    /// Shows what was kept aside of those who may contribute it by now.
    fn admit(&self) -> Result<(), Error> {
        let may = |row: &ClassRow| {
            let caf = row.label.caf.and_then(|caf| self.caf(caf).ok());
            caf.is_some_and(|caf| caf.takes_from(row.owner, &row.label))
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
            let deed = Deed::new(Actor::Bureau(row.owner), "feed.admit").peer(row.owner);
            turn.account(row.label.caf.into_iter().fold(deed, Deed::caf));
            let came = row.came.map(|came| Came { aside: false, ..came });
            turn.put_class(class, ClassRow { came, ..row });
        }
        turn.commit_now()
    }

    /// One try; none where who takes part, a file or the policy has changed meanwhile.
    fn align_once(&self, basis: &mut Basis) -> Result<Option<BTreeSet<BureauId>>, Error> {
        let (standing, today) = (self.standing(), self.now().day());
        let now = self.basis(today);
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
        *basis = now;
        let narrowed = changes.turnover.iter().filter(|(_, turnover)| !turnover.lost.is_empty());
        Ok(Some(narrowed.map(|(peer, _)| *peer).collect()))
    }

    /// What is to be looked at now.
    fn basis(&self, today: Day) -> Basis {
        let cafs: BTreeMap<CafId, Caf> = self.cafs().into_iter().map(|caf| (caf.charter().id, caf)).collect();
        let party = |peer: super::Peer| {
            let id = peer.card().bureau;
            let subsets = cafs.iter().filter_map(|(caf, known)| Some((*caf, known.subset_of(id)?.clone()))).collect();
            (id, Party { number: peer.number, facts: self.bureau(&peer, &cafs), subsets })
        };
        let file = |(id, caf): (&CafId, &Caf)| (*id, (caf.facts(), caf.facts().is_open(today)));
        Basis {
            policy: Some(self.policy()),
            peers: self.active_peers().into_iter().map(party).collect(),
            files: cafs.iter().map(file).collect(),
        }
    }

    /// What differs between what is noted and what is granted now.
    fn changes(&self, before: &Basis, now: &Basis, today: Day) -> Changes {
        let Some(policy) = &now.policy else { return Changes::default() };
        let all = before.policy.as_ref().is_none_or(|before| before.sha256() != policy.sha256());
        let other = |(id, party): &(&BureauId, &Party)| all || before.peers.get(*id) != Some(*party);
        let dirty: Vec<&Party> = now.peers.iter().filter(other).map(|(_, party)| party).collect();
        let everybody: Vec<&Party> = now.peers.values().collect();
        let file_changed = |label: &Label| label.caf.is_some_and(|caf| before.files.get(&caf) != now.files.get(&caf));
        let classes = read(&self.inner.memory.classes);
        let shared = Arc::clone(classes.shared());
        let fresh: BTreeSet<ClassIndex> = classes.fresh().collect();
        let known = |class: &ClassIndex| fresh.contains(class) || shared.contains_key(class);
        let own: Vec<_> =
            classes.own().filter(|(class, _)| known(class)).map(|(c, label)| (c, label.clone())).collect();
        drop(classes);
        let (anew, rest): (Vec<_>, Vec<_>) =
            own.into_iter().partition(|(class, label)| fresh.contains(class) || (!all && file_changed(label)));
        let mut changes = Changes::default();
        for class in &fresh {
            changes.shares.insert(*class, Shares::default());
        }
        let decided = [(anew, everybody), (rest, dirty)];
        for (classes, parties) in decided {
            if classes.is_empty() || parties.is_empty() {
                continue;
            }
            let facts = |label: &Label| label.caf.and_then(|caf| now.files.get(&caf)).map(|(facts, _)| facts);
            let subjects: Vec<Subject<'_>> =
                classes.iter().map(|(_, label)| Subject::own(label, facts(label))).collect();
            let peers: Vec<Bureau> = parties.iter().map(|party| party.facts.clone()).collect();
            let matrix = policy.entitle_all(&subjects, &peers, today);
            for (nth, (class, label)) in classes.iter().enumerate() {
                let noted = shared.get(class).map(Arc::as_ref).cloned().unwrap_or_default();
                for (at, party) in parties.iter().enumerate() {
                    let wanted = party.wants(label, self.me());
                    let groups = if wanted { matrix.groups(nth, at) } else { GroupSet::EMPTY };
                    changes.note(*class, party, noted.of(party.number), groups, &noted, fresh.contains(class));
                }
            }
        }
        changes.fresh = fresh;
        changes
    }
}

impl Party {
    /// Whether it asked for this part of a file.
    fn wants(&self, label: &Label, owner: BureauId) -> bool {
        let subset = label.caf.and_then(|caf| self.subsets.get(&caf));
        subset.is_none_or(|subset| subset.admits(label.kind, label.crime_area, owner))
    }
}

impl Changes {
    fn note(
        &mut self,
        class: ClassIndex,
        party: &Party,
        before: GroupSet,
        after: GroupSet,
        noted: &Shares,
        fresh: bool,
    ) {
        if before == after {
            return;
        }
        self.shares.entry(class).or_insert_with(|| noted.clone()).set(party.number, after);
        let turnover = self.turnover.entry(party.facts.id).or_default();
        if !before.is_subset(after) {
            turnover.lost.insert(class);
        }
        if !after.is_empty() && !fresh {
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
