//! The labels that many decisions are about, sorted by what rules can tell apart, and kept from one time to the next: what
//! changes of them is sorted anew, and nothing else.

use std::collections::HashMap;
use std::ops::Range;

use igain_protocol::time::Day;

use super::Inner;
use super::facts::{self, Fact, Facts, Subject};
use super::rule::{Attributes, Link, Parts};

/// Labels in rows, under one policy: one of several CAFs has a row for each of them.
#[derive(Debug, Default)]
pub struct Labels {
    /// The rows of each label.
    rows: Vec<Range<usize>>,
    /// Rows that get nothing: their entity could not be made.
    dead: Vec<bool>,
    /// For the attributes that each link reads.
    sorted: HashMap<Attributes, Sorted>,
    none: Sorted,
}

/// Rows sorted into classes that agree in some attributes.
#[derive(Debug, Default)]
pub(super) struct Sorted {
    /// Any two rows may differ.
    whole: bool,
    /// The attributes, by name.
    names: Vec<String>,
    /// The class of each row.
    pub(super) of: Vec<usize>,
    classes: HashMap<Vec<Option<Fact>>, usize>,
    /// The facts of a row that was in the class when it came to be, which stand for it.
    pub(super) samples: Vec<Facts>,
}

impl Labels {
    pub(super) fn new(policy: &Inner) -> Self {
        let mut labels = Self::default();
        policy.rules.iter().flat_map(|rule| &rule.links).for_each(|link| labels.read_by(link));
        labels
    }

    fn read_by(&mut self, link: &Link) {
        self.sorted.entry(link.reads.label.clone()).or_insert_with_key(|reads| Sorted {
            whole: reads.whole,
            names: reads.names.iter().cloned().collect(),
            ..Sorted::default()
        });
        match &link.parts {
            None => {}
            Some(Parts::All(parts) | Parts::Any(parts)) => parts.iter().for_each(|part| self.read_by(part)),
            Some(Parts::Not(part)) => self.read_by(part),
        }
    }

    /// How many labels there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Adds a label.
    pub fn push(&mut self, subject: &Subject<'_>, now: Day) {
        self.set(self.len(), subject, now);
    }

    /// Puts something else in the place of a label, or adds one behind the last.
    pub fn set(&mut self, label: usize, subject: &Subject<'_>, now: Day) {
        let (ways, end) = (subject.ways(), self.dead.len());
        let known = self.rows.get(label).filter(|rows| rows.len() == ways.len()).cloned();
        let rows = known.unwrap_or(end..end.saturating_add(ways.len()));
        for (row, through) in rows.clone().zip(ways) {
            self.set_row(row, &facts::of_subject(subject, through, now));
        }
        put(&mut self.rows, label, rows);
    }

    fn set_row(&mut self, row: usize, facts: &Facts) {
        let dead = facts::uid("Label", "").and_then(|uid| facts::entity(uid, facts)).is_err();
        put(&mut self.dead, row, dead);
        for sorted in self.sorted.values_mut() {
            let class = sorted.class(row, facts);
            put(&mut sorted.of, row, class);
        }
    }

    /// The rows of each label.
    pub(super) fn rows(&self) -> &[Range<usize>] {
        &self.rows
    }

    pub(super) fn dead(&self) -> &[bool] {
        &self.dead
    }

    /// The rows as a link sees them that reads this; nothing for a link of another policy, which then fails.
    pub(super) fn sorted(&self, reads: &Attributes) -> &Sorted {
        self.sorted.get(reads).unwrap_or(&self.none)
    }
}

impl Sorted {
    /// The class that a row with these facts belongs to.
    fn class(&mut self, row: usize, facts: &Facts) -> usize {
        if self.whole {
            let class = self.of.get(row).copied().unwrap_or(self.samples.len());
            put(&mut self.samples, class, facts.clone());
            return class;
        }
        let read = |name: &String| facts.iter().find(|(each, _)| each == name).map(|(_, fact)| fact.clone());
        let key: Vec<Option<Fact>> = self.names.iter().map(read).collect();
        *self.classes.entry(key).or_insert_with(|| {
            self.samples.push(facts.clone());
            self.samples.len() - 1
        })
    }

    /// A row of each class, for links that are made of others; none where no row is in it any more.
    pub(super) fn rows(&self) -> Vec<Option<usize>> {
        let mut rows = vec![None; self.samples.len()];
        for (row, class) in self.of.iter().enumerate() {
            if let Some(first) = rows.get_mut(*class) {
                first.get_or_insert(row);
            }
        }
        rows
    }
}

fn put<T>(list: &mut Vec<T>, at: usize, value: T) {
    match list.get_mut(at) {
        Some(place) => *place = value,
        None => list.push(value),
    }
}
