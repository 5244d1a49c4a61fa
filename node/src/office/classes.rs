//! The classes in memory: which labels have one, how much there is in each, who may have it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use igain_protocol::bureau::BureauId;
use igain_protocol::label::{Label, LabelDigest};
use igain_protocol::vocabulary::GroupSet;

use super::memory::read;
use super::{Error, Office};
use crate::ledger::{Aside, Came, ClassIndex, ClassRow, Extent, Ledger, Shares};

/// Who may have what of each class that was brought in line.
pub(super) type Shared = HashMap<ClassIndex, Arc<Shares>>;

/// How much there is in classes.
pub(super) type Extents = BTreeMap<ClassIndex, Extent>;

/// All classes of the node. Only turns change them.
#[derive(Debug, Default)]
pub(super) struct Classes {
    own: BTreeMap<Label, ClassIndex>,
    /// Received ones that are not ending.
    received: BTreeSet<(BureauId, LabelDigest, Came, ClassIndex)>,
    rows: BTreeMap<ClassIndex, ClassRow>,
    /// The number of the next new class: none is ever given twice.
    next: ClassIndex,
    /// The number of the last entry of all logs, which the next turn goes on from.
    head: u64,
    /// How much there is in each class, which the next turn goes on from.
    extents: Extents,
    /// The same, as far as it is durable and visible.
    visible: Extents,
    /// The number of the last entry that is durable and visible.
    visible_head: u64,
    /// This bureau's own classes by the numbers of their last visible entries.
    by_head: BTreeMap<u64, ClassIndex>,
    /// Own classes that were not brought in line yet, each with a number no greater than that of its first entry.
    fresh: BTreeMap<ClassIndex, u64>,
    shared: Arc<Shared>,
    /// How often what each bureau may have has changed.
    epochs: BTreeMap<BureauId, u64>,
}

impl Classes {
    pub(super) fn load(me: BureauId, ledger: &Ledger) -> Result<Self, Error> {
        let head = ledger.log_head()?;
        let mut classes = Self { next: ledger.next_class()?, head, visible_head: head, ..Self::default() };
        classes.extents = ledger.extents()?.into_iter().collect();
        classes.shared =
            Arc::new(ledger.shares()?.into_iter().map(|(class, row)| (class, Arc::new(row.shares))).collect());
        for (class, row) in ledger.classes()? {
            let own = row.owner == me;
            classes.insert(me, class, row);
            let head = classes.extent(class).head;
            if own && head > 0 {
                classes.by_head.insert(head, class);
                if !classes.shared.contains_key(&class) {
                    classes.fresh.insert(class, 1);
                }
            }
        }
        classes.visible = classes.extents.clone();
        Ok(classes)
    }

    /// Reads all of it again, after a write that failed.
    pub(super) fn reload(&mut self, me: BureauId, ledger: &Ledger) -> Result<(), Error> {
        let mut epochs = std::mem::take(&mut self.epochs);
        epochs.values_mut().for_each(|epoch| *epoch += 1);
        *self = Self { epochs, ..Self::load(me, ledger)? };
        Ok(())
    }

    /// Begins or changes a class.
    pub(super) fn insert(&mut self, me: BureauId, class: ClassIndex, row: ClassRow) {
        if row.owner == me {
            self.own.insert(row.label.clone(), class);
        }
        if let Some(key) = self.rows.get(&class).and_then(|before| received(class, before)) {
            self.received.remove(&key);
        }
        self.received.extend(received(class, &row).filter(|_| !row.ending));
        self.rows.insert(class, row);
        self.next = self.next.max(class + 1);
    }

    /// The class of a label of this bureau's own.
    pub(super) fn own_class(&self, label: &Label) -> Option<ClassIndex> {
        self.own.get(label).copied()
    }

    /// The class of what came from a bureau with this label, and in this way.
    pub(super) fn received_class(&self, owner: BureauId, label: LabelDigest, came: Came) -> Option<ClassIndex> {
        let from = (owner, label, came, 0);
        let first = self.received.range(from..).next().filter(|key| (key.0, key.1, key.2) == (owner, label, came));
        first.map(|key| key.3)
    }

    /// The classes of all that came from a bureau and is not ending; of one label where it is named.
    pub(super) fn received_of(&self, owner: BureauId, label: Option<LabelDigest>) -> Vec<(Came, ClassIndex)> {
        let first = label.unwrap_or(LabelDigest::from_bytes([0; 16]));
        let from = (owner, first, Came { generation: 0, groups: GroupSet::EMPTY, aside: None }, 0);
        let these =
            self.received.range(from..).take_while(|key| key.0 == owner && label.is_none_or(|one| key.1 == one));
        these.map(|key| (key.2, key.3)).collect()
    }

    /// Received classes that are kept and not shown.
    pub(super) fn aside(&self) -> impl Iterator<Item = (ClassIndex, &ClassRow)> {
        self.received
            .iter()
            .filter(|key| key.2.aside == Some(Aside::Uninvited))
            .filter_map(|key| Some((key.3, self.rows.get(&key.3)?)))
    }

    /// The number of a new class.
    pub(super) const fn next(&self) -> ClassIndex {
        self.next
    }

    /// Forgets a class that was purged, or of which nothing is left.
    pub(super) fn remove(&mut self, class: ClassIndex) {
        if let Some(key) = self.rows.remove(&class).and_then(|row| received(class, &row)) {
            self.received.remove(&key);
        }
        self.extents.remove(&class);
        self.visible.remove(&class);
    }

    pub(super) fn row(&self, class: ClassIndex) -> Option<&ClassRow> {
        self.rows.get(&class)
    }

    /// The number of the last entry that was given.
    pub(super) const fn head(&self) -> u64 {
        self.head
    }

    pub(super) const fn set_head(&mut self, head: u64) {
        self.head = head;
    }

    /// How much there is in a class, with what is on its way to the disk.
    pub(super) fn extent(&self, class: ClassIndex) -> Extent {
        self.extents.get(&class).copied().unwrap_or_default()
    }

    pub(super) fn set_extent(&mut self, class: ClassIndex, extent: Extent) {
        self.extents.insert(class, extent);
    }

    /// How much there is in a class, as far as it is visible.
    pub(super) fn visible(&self, class: ClassIndex) -> Extent {
        self.visible.get(&class).copied().unwrap_or_default()
    }

    /// Whether who may have what of a class is known.
    pub(super) fn is_shared(&self, class: ClassIndex) -> bool {
        self.shared.contains_key(&class)
    }

    /// So much is visible now.
    pub(super) fn show(&mut self, me: BureauId, extents: &Extents, head: Option<u64>) {
        for (class, extent) in extents {
            let before = self.visible.insert(*class, *extent).unwrap_or_default();
            if before.head == extent.head || self.rows.get(class).is_none_or(|row| row.owner != me) {
                continue;
            }
            if self.by_head.get(&before.head) == Some(class) {
                self.by_head.remove(&before.head);
            }
            self.by_head.insert(extent.head, *class);
            if !self.shared.contains_key(class) {
                self.fresh.entry(*class).or_insert(self.visible_head + 1);
            }
        }
        self.visible_head = self.visible_head.max(head.unwrap_or_default());
    }

    /// Classes were brought in line, and these bureaus may have something else than before.
    pub(super) fn share(&mut self, shares: Vec<(ClassIndex, Arc<Shares>)>, peers: &BTreeSet<BureauId>) {
        if !shares.is_empty() {
            self.fresh.retain(|class, _| shares.iter().all(|(shared, _)| shared != class));
            Arc::make_mut(&mut self.shared).extend(shares);
        }
        peers.iter().for_each(|peer| *self.epochs.entry(*peer).or_default() += 1);
    }

    pub(super) const fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// How often what a bureau may have has changed.
    pub(super) fn epoch(&self, peer: BureauId) -> u64 {
        self.epochs.get(&peer).copied().unwrap_or_default()
    }

    /// Own classes that were not brought in line yet.
    pub(super) fn fresh(&self) -> impl Iterator<Item = ClassIndex> {
        self.fresh.keys().copied()
    }

    /// Up to which number answers may go: what comes behind is perhaps not granted to anybody yet.
    pub(super) fn upto(&self) -> u64 {
        self.fresh.values().min().map_or(self.visible_head, |first| self.visible_head.min(first.saturating_sub(1)))
    }

    /// This bureau's own classes that have visible entries after a number, the last changed first.
    pub(super) fn changed_after(&self, after: u64) -> impl Iterator<Item = (u64, ClassIndex)> {
        self.by_head.range(after.saturating_add(1)..).rev().map(|(head, class)| (*head, *class))
    }

    /// This bureau's own classes.
    pub(super) fn own(&self) -> impl Iterator<Item = (ClassIndex, &Label)> {
        self.own.iter().map(|(label, class)| (*class, label))
    }

    pub(super) fn rows(&self) -> impl Iterator<Item = (ClassIndex, &ClassRow)> {
        self.rows.iter().map(|(class, row)| (*class, row))
    }
}

/// What a received class is found by.
fn received(class: ClassIndex, row: &ClassRow) -> Option<(BureauId, LabelDigest, Came, ClassIndex)> {
    row.came.map(|came| (row.owner, row.label.digest(), came, class))
}

impl Office {
    /// How many labels with records a peer may have, and how many entries stand after a number in the logs of its classes:
    /// those of a few classes are counted, since more take long.
    pub(super) fn extent_for(&self, peer: BureauId, after: u64) -> Result<(usize, u64), Error> {
        const COUNTED: usize = 64;
        let granted = self.granted(peer)?;
        let classes = read(&self.inner.memory.classes);
        let has = |class: ClassIndex| !granted.groups(class).is_empty();
        let labels = classes.own().filter(|(class, _)| has(*class) && classes.visible(*class).records > 0).count();
        let behind: Vec<(u64, ClassIndex)> = classes.changed_after(after).filter(|(_, class)| has(*class)).collect();
        drop(classes);
        let mut entries = behind.len().saturating_sub(COUNTED) as u64;
        for (head, class) in behind.into_iter().take(COUNTED) {
            let mut after = after;
            loop {
                let run = self.ledger().log_after(class, after, head, head)?;
                let Some(last) = run.last() else { break };
                after = last.seq;
                entries += run.len() as u64;
            }
        }
        Ok((labels, entries))
    }

    /// Under how many labels another bureau has given records.
    pub fn labels_of(&self, owner: BureauId) -> usize {
        let classes = read(&self.inner.memory.classes);
        let filled =
            classes.received_of(owner, None).into_iter().filter(|(_, class)| classes.visible(*class).records > 0);
        let labels: BTreeSet<&Label> = filled.filter_map(|(_, class)| Some(&classes.row(class)?.label)).collect();
        labels.len()
    }

    /// Whether a class has live records.
    pub fn has_records(&self, class: ClassIndex) -> bool {
        read(&self.inner.memory.classes).visible(class).records > 0
    }

    /// Live records of this node by owner.
    pub fn counts(&self) -> BTreeMap<BureauId, u64> {
        let classes = read(&self.inner.memory.classes);
        let mut counts = BTreeMap::new();
        let shown = |row: &ClassRow| !row.ending && row.came.is_none_or(|came| came.aside.is_none());
        for (class, row) in classes.rows().filter(|(_, row)| shown(row)) {
            *counts.entry(row.owner).or_default() += classes.visible(class).records;
        }
        counts
    }
}
