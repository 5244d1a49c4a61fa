//! Keeps the best hits of a query and counts them all.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::sync::Arc;

use igain_protocol::bureau::BureauId;
use igain_protocol::record::RecordId;
use tantivy::collector::{Collector, SegmentCollector};
use tantivy::{DocId, Score, SegmentOrdinal, SegmentReader};

use super::columns::Columns;
use super::{Error, Found, Hit};

/// The place of a hit among all hits of its query: greater is better. No two records have the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rank {
    merit: (u32, u64, u64),
    tie: Reverse<(RecordId, BureauId)>,
}

impl Rank {
    pub(super) const fn new(merit: (u32, u64, u64), id: RecordId, owner: BureauId) -> Self {
        Self { merit, tie: Reverse((id, owner)) }
    }

    fn hit(self) -> Hit {
        let Reverse((id, owner)) = self.tie;
        Hit { id, owner, score: self.merit.0, rank: self }
    }
}

/// To be given back by whoever wants the next hits.
impl fmt::Display for Rank {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (score, shortness, modified) = self.merit;
        let Reverse((id, owner)) = self.tie;
        write!(f, "{score}.{}.{modified}.{id}.{owner}", u64::MAX - shortness)
    }
}

impl FromStr for Rank {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let read = || {
            let mut parts = text.splitn(5, '.');
            let score = parts.next()?.parse().ok()?;
            let length: u64 = parts.next()?.parse().ok()?;
            let modified = parts.next()?.parse().ok()?;
            let id = parts.next()?.parse().ok()?;
            Some(Self::new((score, u64::MAX - length, modified), id, parts.next()?.parse().ok()?))
        };
        read().ok_or_else(|| Error::Rank(text.chars().take(64).collect()))
    }
}

/// The columns of a query's segments, and what else a hit must be.
pub(super) struct Best<'a> {
    pub(super) columns: &'a [Arc<Columns>],
    pub(super) days: Option<RangeInclusive<u64>>,
    pub(super) after: Option<Rank>,
    pub(super) limit: usize,
}

/// The best hits of one segment so far, the worst on top of the heap.
pub(super) struct BestOfSegment {
    columns: Option<Arc<Columns>>,
    days: Option<RangeInclusive<u64>>,
    after: Option<Rank>,
    limit: usize,
    best: BinaryHeap<Reverse<Rank>>,
    total: u64,
}

impl SegmentCollector for BestOfSegment {
    type Fruit = (Vec<Rank>, u64);

    fn collect(&mut self, doc: DocId, score: Score) {
        let Some(columns) = &self.columns else { return };
        if self.days.as_ref().is_some_and(|days| !days.contains(&columns.day(doc))) {
            return;
        }
        self.total += 1;
        let merit = columns.merit(doc, score as u32);
        let worst = self.best.peek().map(|worst| worst.0);
        let full = self.best.len() >= self.limit;
        if full && worst.is_none_or(|worst| merit < worst.merit) {
            return;
        }
        let Some(rank) = columns.rank(doc, merit) else { return };
        if self.after.is_some_and(|after| rank >= after) || (full && worst.is_some_and(|worst| rank < worst)) {
            return;
        }
        if full {
            self.best.pop();
        }
        self.best.push(Reverse(rank));
    }

    fn harvest(self) -> Self::Fruit {
        (self.best.into_iter().map(|rank| rank.0).collect(), self.total)
    }
}

impl Collector for Best<'_> {
    type Fruit = Found;
    type Child = BestOfSegment;

    fn for_segment(&self, ordinal: SegmentOrdinal, _: &SegmentReader) -> tantivy::Result<BestOfSegment> {
        Ok(BestOfSegment {
            columns: self.columns.get(ordinal as usize).cloned(),
            days: self.days.clone(),
            after: self.after,
            limit: self.limit,
            best: BinaryHeap::new(),
            total: 0,
        })
    }

    fn requires_scoring(&self) -> bool {
        true
    }

    fn merge_fruits(&self, fruits: Vec<(Vec<Rank>, u64)>) -> tantivy::Result<Found> {
        let total = fruits.iter().map(|(_, total)| total).sum();
        let mut ranks: Vec<Rank> = fruits.into_iter().flat_map(|(ranks, _)| ranks).collect();
        ranks.sort_unstable_by(|left, right| right.cmp(left));
        ranks.truncate(self.limit);
        Ok(Found { hits: ranks.into_iter().map(Rank::hit).collect(), total })
    }
}
