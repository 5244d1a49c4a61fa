//! The logs in memory: which labels have one, how long each is.

use std::collections::BTreeMap;

use igain_protocol::bureau::BureauId;
use igain_protocol::label::Label;
use igain_protocol::sync::{ClassIndex, Heads};

use super::{Error, Office, read};
use crate::ledger::{ClassRow, Ledger};
use crate::store::Batch;

/// All logs of the node.
#[derive(Debug, Default)]
pub(super) struct Classes {
    own: BTreeMap<Label, ClassIndex>,
    rows: BTreeMap<ClassIndex, ClassRow>,
    heads: Heads,
    /// Live records of each log.
    counts: BTreeMap<ClassIndex, u64>,
}

impl Classes {
    pub(super) fn load(me: BureauId, ledger: &Ledger) -> Result<Self, Error> {
        let mut classes = Self::default();
        for (class, row) in ledger.classes()? {
            classes.heads.insert(class, ledger.log_head(class)?);
            classes.counts.insert(class, ledger.class_count(class)?);
            classes.insert(me, class, row);
        }
        Ok(classes)
    }

    fn insert(&mut self, me: BureauId, class: ClassIndex, row: ClassRow) {
        if row.owner == me {
            self.own.insert(row.label.clone(), class);
        }
        self.rows.insert(class, row);
    }

    /// The log of a label of this bureau's own, made if there is none yet.
    pub(super) fn own_class(&mut self, me: BureauId, label: &Label, ledger: &Ledger, batch: &mut Batch) -> ClassIndex {
        match self.own.get(label) {
            Some(class) => *class,
            None => self.add(me, ClassRow { owner: me, label: label.clone(), feed: None }, ledger, batch),
        }
    }

    /// A new log.
    pub(super) fn add(&mut self, me: BureauId, row: ClassRow, ledger: &Ledger, batch: &mut Batch) -> ClassIndex {
        let class = self.rows.last_key_value().map_or(0, |(last, _)| last + 1);
        ledger.put_class(batch, class, &row);
        self.insert(me, class, row);
        class
    }

    pub(super) fn remove(&mut self, class: ClassIndex) {
        self.rows.remove(&class);
        self.heads.remove(&class);
        self.counts.remove(&class);
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

    /// Counts records in and out of a log, in memory and in `batch`.
    pub(super) fn count(&mut self, class: ClassIndex, more: i64, ledger: &Ledger, batch: &mut Batch) {
        let count = self.counts.entry(class).or_default();
        *count = count.saturating_add_signed(more);
        ledger.put_class_count(batch, class, *count);
    }

    /// This bureau's own classes.
    pub(super) fn own(&self) -> impl Iterator<Item = (ClassIndex, &Label)> {
        self.own.iter().map(|(label, class)| (*class, label))
    }

    pub(super) fn count_of(&self, class: ClassIndex) -> u64 {
        self.counts.get(&class).copied().unwrap_or_default()
    }

    pub(super) fn rows(&self) -> impl Iterator<Item = (ClassIndex, &ClassRow)> {
        self.rows.iter().map(|(class, row)| (*class, row))
    }
}

impl Office {
    /// How long each log is, and how many letters wait for `peer`.
    ///
    /// # Errors
    /// Where the books cannot be read.
    pub fn heads(&self, peer: BureauId) -> Result<Heads, Error> {
        let mut heads = read(&self.inner.classes).heads.clone();
        heads.insert(igain_protocol::sync::LETTERS_CLASS, self.ledger().letter_head(peer)?);
        Ok(heads)
    }

    /// Whether a log has live records.
    pub fn has_records(&self, class: ClassIndex) -> bool {
        read(&self.inner.classes).count_of(class) > 0
    }

    /// Live records of this node by owner.
    pub fn counts(&self) -> BTreeMap<BureauId, u64> {
        let classes = read(&self.inner.classes);
        let mut counts = BTreeMap::new();
        for (class, row) in classes.rows() {
            *counts.entry(row.owner).or_default() += classes.count_of(class);
        }
        counts
    }
}
