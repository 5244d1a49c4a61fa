//! The logs in memory: which labels have one, how long each is.

use std::collections::BTreeMap;

use igain_protocol::bureau::BureauId;
use igain_protocol::label::Label;
use igain_protocol::sync::{ClassIndex, Heads, LETTERS_CLASS};

use super::memory::read;
use super::{Error, Office};
use crate::ledger::{ClassRow, Ledger};
use crate::store::Batch;

/// All logs of the node. Only turns change them.
#[derive(Debug, Default)]
pub(super) struct Classes {
    own: BTreeMap<Label, ClassIndex>,
    /// Logs of feeds that are received and not ending.
    received: BTreeMap<(BureauId, Label), ClassIndex>,
    rows: BTreeMap<ClassIndex, ClassRow>,
    /// The number of the next new log: none is ever given twice.
    next: ClassIndex,
    /// The last number given, which the next turn goes on from.
    heads: Heads,
    /// The last number that is durable and visible.
    visible: Heads,
    /// Live records of each log, which the next turn goes on from.
    counts: Counts,
    /// Live records of each log that are durable and visible.
    shown: Counts,
}

/// How many live records logs have.
pub(super) type Counts = BTreeMap<ClassIndex, u64>;

impl Classes {
    pub(super) fn load(me: BureauId, ledger: &Ledger) -> Result<Self, Error> {
        let mut classes = Self { next: ledger.next_class()?, ..Self::default() };
        for (class, row) in ledger.classes()? {
            classes.heads.insert(class, ledger.log_head(class)?);
            classes.counts.insert(class, ledger.class_count(class)?);
            classes.insert(me, class, row);
        }
        (classes.visible, classes.shown) = (classes.heads.clone(), classes.counts.clone());
        Ok(classes)
    }

    /// Begins or changes a log.
    pub(super) fn insert(&mut self, me: BureauId, class: ClassIndex, row: ClassRow) {
        let key = (row.owner, row.label.clone());
        if row.owner == me {
            self.own.insert(key.1, class);
        } else if !row.ending {
            self.received.insert(key, class);
        } else if self.received.get(&key) == Some(&class) {
            self.received.remove(&key);
        }
        self.rows.insert(class, row);
        self.next = self.next.max(class + 1);
    }

    /// The log of a label of this bureau's own.
    pub(super) fn own_class(&self, label: &Label) -> Option<ClassIndex> {
        self.own.get(label).copied()
    }

    /// The log of a provider's feed with this label.
    pub(super) fn received_class(&self, owner: BureauId, label: &Label) -> Option<ClassIndex> {
        self.received.get(&(owner, label.clone())).copied()
    }

    /// The number of a new log.
    pub(super) const fn next(&self) -> ClassIndex {
        self.next
    }

    /// Forgets a log that was purged.
    pub(super) fn remove(&mut self, class: ClassIndex) {
        self.rows.remove(&class);
        self.heads.remove(&class);
        self.visible.remove(&class);
        self.counts.remove(&class);
        self.shown.remove(&class);
    }

    pub(super) fn row(&self, class: ClassIndex) -> Option<&ClassRow> {
        self.rows.get(&class)
    }

    pub(super) fn head(&self, class: ClassIndex) -> u64 {
        self.heads.get(&class).copied().unwrap_or_default()
    }

    pub(super) fn set_head(&mut self, class: ClassIndex, head: u64) {
        self.heads.insert(class, head);
    }

    /// Logs are visible up to here, with so many live records.
    pub(super) fn show(&mut self, heads: Heads, counts: Counts) {
        self.visible.extend(heads);
        self.shown.extend(counts);
    }

    /// Counts records in and out of a log, in memory and in `batch`. How many it had and has.
    pub(super) fn count(&mut self, class: ClassIndex, more: i64, ledger: &Ledger, batch: &mut Batch) -> (u64, u64) {
        let count = self.counts.entry(class).or_default();
        let before = *count;
        *count = count.saturating_add_signed(more);
        ledger.put_class_count(batch, class, *count);
        (before, *count)
    }

    /// This bureau's own classes.
    pub(super) fn own(&self) -> impl Iterator<Item = (ClassIndex, &Label)> {
        self.own.iter().map(|(label, class)| (*class, label))
    }

    pub(super) fn count_of(&self, class: ClassIndex) -> u64 {
        self.shown.get(&class).copied().unwrap_or_default()
    }

    pub(super) fn rows(&self) -> impl Iterator<Item = (ClassIndex, &ClassRow)> {
        self.rows.iter().map(|(class, row)| (*class, row))
    }
}

impl Office {
    /// How long each log is, as far as it is visible, and how many letters wait for `peer`.
    ///
    /// # Errors
    /// Where the books cannot be read.
    pub fn heads(&self, peer: BureauId) -> Result<Heads, Error> {
        let letters = self.ledger().letter_head(peer)?;
        let mut heads = read(&self.inner.memory.classes).visible.clone();
        heads.insert(LETTERS_CLASS, letters);
        Ok(heads)
    }

    /// Answers a question about how long the logs are, letters to `peer` among them, without copying them all.
    ///
    /// # Errors
    /// Where the books cannot be read.
    pub(super) fn with_heads<T>(
        &self,
        peer: BureauId,
        ask: impl FnOnce(&dyn Fn(ClassIndex) -> u64) -> T,
    ) -> Result<T, Error> {
        let letters = self.ledger().letter_head(peer)?;
        let classes = read(&self.inner.memory.classes);
        let head = |class| match class {
            LETTERS_CLASS => letters,
            class => classes.visible.get(&class).copied().unwrap_or_default(),
        };
        Ok(ask(&head))
    }

    /// Whether a log has live records.
    pub fn has_records(&self, class: ClassIndex) -> bool {
        read(&self.inner.memory.classes).count_of(class) > 0
    }

    /// Live records of this node by owner.
    pub fn counts(&self) -> BTreeMap<BureauId, u64> {
        let classes = read(&self.inner.memory.classes);
        let mut counts = BTreeMap::new();
        for (class, row) in classes.rows().filter(|(_, row)| !row.ending) {
            *counts.entry(row.owner).or_default() += classes.count_of(class);
        }
        counts
    }
}
