//! What one member may spend of this bureau's disk and time. Each has its own budget, which time gives back; beyond it, what it
//! sends waits with it, and nobody else does.
//!
//! A measure is the time at which all that was spent is given back, so one number says it, whatever the allowance is
//! (the generic cell rate algorithm of ATM, ITU-T I.371). Some days' worth may be spent at once: a bureau that joins sends all it has.

use std::collections::BTreeMap;
use std::sync::{MutexGuard, PoisonError};
use std::time::Duration;

use igain_protocol::bureau::BureauId;
use igain_protocol::time::Timestamp;

use super::{Error, Office};
use crate::ledger::{BudgetRow, Ledger};
use crate::store::Batch;

const DAY_US: u64 = 86_400_000_000;

/// Days' worth that may be spent at once.
pub const AT_ONCE_DAYS: u64 = 3;

/// What each member may spend in a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowance {
    /// Entries of its feed of records.
    pub records: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// Commits that it causes.
    pub commits: u64,
    /// Charters, answers, receipts, cards, feeds that begin anew, and what of it is refused.
    pub changes: u64,
}

impl Default for Allowance {
    fn default() -> Self {
        Self { records: 2_000_000, bytes: 4 << 30, commits: 500_000, changes: 20_000 }
    }
}

/// What something costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Cost {
    /// See [`Allowance::records`].
    pub records: u64,
    /// See [`Allowance::bytes`].
    pub bytes: u64,
    /// See [`Allowance::commits`].
    pub commits: u64,
    /// See [`Allowance::changes`].
    pub changes: u64,
}

/// How a bureau stands to its budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// What it may spend in a day.
    pub allowance: Allowance,
    /// What it has spent of [`AT_ONCE_DAYS`] days' worth, and is not given back yet.
    pub spent: Cost,
    /// For how long what it sends waits, if it does.
    pub waits: Option<Duration>,
}

/// The budgets of all.
#[derive(Debug, Default)]
pub(super) struct Budgets {
    allowance: Allowance,
    of: BTreeMap<BureauId, BudgetRow>,
}

impl Budgets {
    pub(super) fn load(ledger: &Ledger) -> Result<Self, Error> {
        Ok(Self { allowance: Allowance::default(), of: ledger.budgets()?.into_iter().collect() })
    }

    fn spend(&mut self, bureau: BureauId, cost: Cost, now: Timestamp) -> BudgetRow {
        let row = self.of.entry(bureau).or_default();
        *row = aligned(*row, now);
        row.at_ms = now.as_ms();
        let now = now_us(now);
        let allowed = &self.allowance;
        for (free, cost, a_day) in [
            (&mut row.records, cost.records, allowed.records),
            (&mut row.bytes, cost.bytes, allowed.bytes),
            (&mut row.commits, cost.commits, allowed.commits),
            (&mut row.changes, cost.changes, allowed.changes),
        ] {
            if cost > 0 {
                *free = (*free).max(now).saturating_add(took_us(cost, a_day));
            }
        }
        *row
    }

    /// The time, in microseconds, that what was spent beyond what may be spent at once takes to be given back.
    fn waits_us(&self, bureau: BureauId, now: Timestamp, serving: bool) -> u64 {
        let Some(row) = self.of.get(&bureau).map(|row| aligned(*row, now)) else { return 0 };
        let now = now_us(now);
        let measures =
            if serving { [row.commits, row.changes, 0, 0] } else { [row.records, row.bytes, row.commits, row.changes] };
        let beyond = measures.map(|free| free.saturating_sub(now).saturating_sub(AT_ONCE_DAYS * DAY_US));
        beyond.into_iter().max().unwrap_or_default()
    }
}

impl Office {
    /// What each member may spend in a day, from now on.
    pub fn allow(&self, allowance: Allowance) {
        self.budgets().allowance = allowance;
    }

    /// How a bureau stands to its budget.
    pub fn budget(&self, bureau: BureauId) -> Budget {
        let (now, budgets) = (self.now(), self.budgets());
        let row = aligned(budgets.of.get(&bureau).copied().unwrap_or_default(), now);
        let allowance = budgets.allowance;
        let spent = |free: u64, a_day: u64| {
            let us = free.saturating_sub(now_us(now));
            u64::try_from(u128::from(us) * u128::from(a_day) / u128::from(DAY_US)).unwrap_or(u64::MAX)
        };
        let spent = Cost {
            records: spent(row.records, allowance.records),
            bytes: spent(row.bytes, allowance.bytes),
            commits: spent(row.commits, allowance.commits),
            changes: spent(row.changes, allowance.changes),
        };
        let waits = budgets.waits_us(bureau, now, false);
        Budget { allowance, spent, waits: (waits > 0).then(|| Duration::from_micros(waits)) }
    }

    /// For how long what a bureau sends waits, or where `serving`, what it asks for; none mostly.
    pub fn holds_up(&self, bureau: BureauId, serving: bool) -> Option<Duration> {
        let waits = self.budgets().waits_us(bureau, self.now(), serving);
        (waits > 0).then(|| Duration::from_micros(waits))
    }

    fn budgets(&self) -> MutexGuard<'_, Budgets> {
        self.inner.budgets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has a bureau spend something on which nothing is written; it is kept with the next that is.
    pub(super) fn spend_unwritten(&self, bureau: BureauId, cost: Cost) {
        self.budgets().spend(bureau, cost, self.now());
    }

    /// Has a bureau spend something, which is kept with what it was spent on.
    pub(super) fn spend(&self, batch: &mut Batch, bureau: BureauId, cost: Cost) {
        let row = self.budgets().spend(bureau, cost, self.now());
        self.ledger().put_budget(batch, bureau, &row);
    }
}

fn now_us(now: Timestamp) -> u64 {
    now.as_ms().saturating_mul(1_000)
}

/// What was spent, as of now: where the time has gone back, as much is spent as was.
fn aligned(row: BudgetRow, now: Timestamp) -> BudgetRow {
    let back = row.at_ms.saturating_sub(now.as_ms()).saturating_mul(1_000);
    let shifted = |free: u64| free.saturating_sub(back);
    BudgetRow {
        records: shifted(row.records),
        bytes: shifted(row.bytes),
        commits: shifted(row.commits),
        changes: shifted(row.changes),
        at_ms: row.at_ms.min(now.as_ms()),
    }
}

/// How long it takes until a cost is given back.
fn took_us(cost: u64, a_day: u64) -> u64 {
    let us = u128::from(cost) * u128::from(DAY_US) / u128::from(a_day.max(1));
    u64::try_from(us).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: Timestamp = Timestamp::from_ms(1_772_366_400_000);
    const HOUR_MS: u64 = 3_600_000;

    fn ke() -> BureauId {
        "KE".parse().unwrap()
    }

    fn records(records: u64) -> Cost {
        Cost { records, ..Cost::default() }
    }

    #[test]
    fn some_days_worth_may_be_spent_at_once_and_time_gives_it_back() {
        let mut budgets =
            Budgets { allowance: Allowance { records: 2_400, ..Allowance::default() }, ..Budgets::default() };
        budgets.spend(ke(), records(7_200), NOON);
        assert_eq!(budgets.waits_us(ke(), NOON, false), 0);
        budgets.spend(ke(), records(100), NOON);
        assert_eq!(budgets.waits_us(ke(), NOON, false), 3_600_000_000, "an hour's worth beyond");
        assert_eq!(budgets.waits_us(ke(), NOON.plus_ms(HOUR_MS), false), 0);
        assert_eq!(budgets.waits_us(ke(), NOON, true), 0, "it is served all the same");
        assert_eq!(budgets.waits_us("FR".parse().unwrap(), NOON, false), 0, "nobody else waits");
        budgets.spend(ke(), records(1), NOON.plus_ms(30 * 24 * HOUR_MS));
        assert_eq!(budgets.waits_us(ke(), NOON.plus_ms(30 * 24 * HOUR_MS), false), 0);
    }

    #[test]
    fn many_small_costs_are_one_large_one_and_each_measure_counts() {
        let mut budgets =
            Budgets { allowance: Allowance { changes: 100, ..Allowance::default() }, ..Budgets::default() };
        for _ in 0..300 {
            budgets.spend(ke(), Cost { changes: 1, commits: 1, ..Cost::default() }, NOON);
        }
        assert_eq!(budgets.waits_us(ke(), NOON, true), 0);
        budgets.spend(ke(), Cost { changes: 1, ..Cost::default() }, NOON);
        assert_eq!(budgets.waits_us(ke(), NOON, true), 864_000_000);
        assert_eq!(budgets.waits_us(ke(), NOON, false), 864_000_000);
    }

    #[test]
    fn a_time_that_goes_back_keeps_nobody_waiting_for_years() {
        let mut budgets = Budgets::default();
        budgets.spend(ke(), records(1), NOON.plus_ms(10_000 * 24 * HOUR_MS));
        assert_eq!(budgets.waits_us(ke(), NOON, false), 0);
        budgets.spend(ke(), records(4 * 2_000_000), NOON);
        assert_eq!(budgets.waits_us(ke(), NOON, false) / 1_000_000, 86_400, "what was spent then is spent still");
        assert_eq!(budgets.waits_us(ke(), Timestamp::from_ms(NOON.as_ms() - HOUR_MS), false) / 1_000_000, 86_400);
    }
}
