//! What is made of readings: pure, so that each rule can be tried without waiting.

use std::collections::{BTreeMap, BTreeSet};

use igain_protocol::bureau::BureauId;
use igain_protocol::time::Timestamp;
use minicbor::{Decode, Encode};

const MINUTE_MS: u64 = 60_000;
const DAY_MS: u64 = 24 * 60 * MINUTE_MS;

/// By how much the system's clock may differ from what is explained. Steps, as a time server makes them, may be so much
/// together; what was used comes back slowly.
pub const SLACK_MS: u64 = 5 * MINUTE_MS;

/// In how many milliseconds one of the slack comes back: five minutes take some four hours.
const REFILL: u64 = 50;

/// What is no step.
const JITTER_MS: u64 = 50;

/// How far a machine that was off may find its clock ahead of what was noted: over a weekend.
pub const OFF_MS: u64 = 3 * DAY_MS;

/// How much of what nobody saw pass the boot clock is believed: a machine that slept, or a node that did not run.
const UNSEEN_MS: u64 = 7 * DAY_MS;

/// How long a clock that was found ahead must go on evenly before what it says is noted, unless others agree with it.
const EVEN_MS: u64 = 60 * MINUTE_MS;

/// Between the end of what was kept and its destruction. It is as long as what a clock is believed to be ahead, so one
/// that was wrong by that destroys nothing before its day.
pub const GRACE_MS: u64 = OFF_MS;

/// A jump that is longer begins the time of grace again; what is shorter, and others agree with, that covers.
const LONG_MS: u64 = DAY_MS;

/// For how long what another bureau says of the time counts: it is asked once a day at least.
const LATELY_MS: u64 = 25 * 60 * MINUTE_MS;

/// Where the kernel does not name the machine's run, and in what was noted before runs were.
pub(super) const UNKNOWN_RUN: [u8; 16] = [0; 16];

/// Bureaus that must agree with the system's clock, where so many are known.
const AGREEING: usize = 2;

/// What both clocks say at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reading {
    /// The system's clock, since 1970.
    pub(super) system_ms: u64,
    /// The boot clock, since the machine started.
    pub(super) boot_ms: u64,
    /// Names the machine's run.
    pub(super) boot_id: [u8; 16],
}

/// What is noted of the time with each commit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Encode, Decode)]
pub struct Mark {
    /// The time that is sure to have come.
    #[n(0)]
    pub time_ms: u64,
    /// What the boot clock said then.
    #[n(1)]
    pub boot_ms: u64,
    /// Of which run of the machine.
    #[cbor(n(2), with = "minicbor::bytes")]
    pub boot_id: [u8; 16],
    /// The end of the last long jump that was believed; zero where there was none.
    #[n(3)]
    pub even_since_ms: u64,
    /// By how much the time was ahead of what is sure.
    #[n(4)]
    pub ahead_ms: u64,
    /// Since when it went on evenly then, by the boot clock; none where the time was sure.
    #[n(5)]
    pub unsure_since_ms: Option<u64>,
    /// No reading of this run of the machine was believed yet.
    #[n(6)]
    pub unbelieved: bool,
}

/// What moved the time that is explained.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moved {
    /// From then.
    pub from: Timestamp,
    /// To then.
    pub to: Timestamp,
}

/// What the clock of another bureau says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Vote {
    /// Whose.
    pub bureau: BureauId,
    /// What it says now, by what it said last and what has passed since.
    pub says: Timestamp,
    /// It agrees with this system's clock.
    pub with_system: bool,
    /// It agrees with what is explained.
    pub with_explained: bool,
}

/// The time, and how far it can be explained.
#[derive(Debug)]
pub(super) struct Reckoning {
    /// The time when the boot clock was read last.
    time_ms: u64,
    boot_ms: u64,
    /// No later than the time: what is sure to have come. Behind it where a clock was found ahead after the machine was off.
    sure_ms: u64,
    /// Since when that clock goes on evenly, by the boot clock; none where the time is sure.
    unsure_since_ms: Option<u64>,
    /// The machine was off, and no reading since was believed.
    unbelieved: bool,
    /// The latest time that was told.
    told_ms: u64,
    /// What may still be stepped, times [`REFILL`].
    slack: u64,
    even_since_ms: u64,
    doubted_since_ms: Option<u64>,
    heard: BTreeMap<BureauId, Heard>,
}

/// What the clock of another bureau said.
#[derive(Debug, Clone, Copy)]
struct Heard {
    /// How far it is ahead of this boot clock.
    ahead_ms: i128,
    /// What this boot clock said then.
    at_ms: u64,
}

impl Reckoning {
    pub(super) fn new(mark: Option<&Mark>, reading: Reading) -> Self {
        let known = mark.copied().unwrap_or(Mark { time_ms: reading.system_ms, ..Mark::default() });
        let mut this = Self {
            time_ms: known.time_ms,
            boot_ms: reading.boot_ms,
            sure_ms: known.time_ms,
            unsure_since_ms: None,
            unbelieved: mark.is_some(),
            told_ms: known.time_ms,
            slack: SLACK_MS * REFILL,
            even_since_ms: known.even_since_ms,
            doubted_since_ms: None,
            heard: BTreeMap::new(),
        };
        let passed = reading.boot_ms.checked_sub(known.boot_ms).filter(|passed| *passed <= UNSEEN_MS);
        if passed.is_some() && known.boot_id == reading.boot_id && known.boot_id != UNKNOWN_RUN {
            this.boot_ms = known.boot_ms;
            this.time_ms = known.time_ms.saturating_add(known.ahead_ms);
            this.told_ms = this.time_ms;
            (this.unsure_since_ms, this.unbelieved) = (known.unsure_since_ms, known.unbelieved);
        }
        this.read(reading);
        this
    }

    /// Takes a reading in. Returns the time.
    pub(super) fn read(&mut self, reading: Reading) -> u64 {
        let passed = reading.boot_ms.saturating_sub(self.boot_ms);
        let passed = if passed > UNSEEN_MS { 0 } else { passed };
        self.boot_ms = reading.boot_ms;
        self.slack = (self.slack + passed).min(SLACK_MS * REFILL);
        let (explained, system) = (self.time_ms.saturating_add(passed), reading.system_ms);
        self.sure_ms = self.sure_ms.saturating_add(passed);
        let step = system.abs_diff(explained);
        let fits = step <= self.slack / REFILL && system.saturating_add(SLACK_MS) >= explained.max(self.told_ms);
        let possible = self.sure_ms.saturating_sub(SLACK_MS)..=self.sure_ms.saturating_add(OFF_MS);
        if fits {
            // Two clocks are never read at once: what they differ by a little is no step.
            let steps = step > JITTER_MS;
            self.time_ms = if steps { system } else { explained };
            self.slack -= if steps { step * REFILL } else { 0 };
            (self.doubted_since_ms, self.unbelieved) = (None, false);
        } else if self.unbelieved && possible.contains(&system) {
            // The machine was off for as long as its clock says.
            self.time_ms = system.max(self.sure_ms);
            self.unsure_since_ms = Some(reading.boot_ms);
            (self.doubted_since_ms, self.unbelieved) = (None, false);
        } else if self.unsure_since_ms.is_some() && *possible.start() <= system && system < explained {
            // It was ahead when the machine came on, and was put right.
            self.time_ms = system.max(self.sure_ms);
            (self.told_ms, self.doubted_since_ms) = (self.time_ms, None);
        } else {
            self.time_ms = explained;
            self.doubted_since_ms.get_or_insert(explained);
        }
        let even = self.unsure_since_ms.is_some_and(|since| reading.boot_ms.saturating_sub(since) >= EVEN_MS);
        let (agree, differ) = if even { self.count(reading) } else { (0, 0) };
        if even && self.doubted_since_ms.is_none() && (differ == 0 || agree > differ) {
            self.settle();
        }
        if self.unsure_since_ms.is_none() {
            self.sure_ms = self.time_ms;
        }
        self.told_ms = self.told_ms.max(self.time_ms);
        self.told_ms
    }

    /// The time that is sure to have come.
    pub(super) const fn sure(&self) -> u64 {
        if self.unsure_since_ms.is_none() { self.told_ms } else { self.sure_ms }
    }

    /// What is noted.
    pub(super) const fn mark(&self, boot_id: [u8; 16]) -> Mark {
        Mark {
            time_ms: self.sure(),
            boot_ms: self.boot_ms,
            boot_id,
            even_since_ms: self.even_since_ms,
            ahead_ms: self.time_ms.saturating_sub(self.sure()),
            unsure_since_ms: self.unsure_since_ms,
            unbelieved: self.unbelieved,
        }
    }

    pub(super) const fn doubted_since(&self) -> Option<u64> {
        self.doubted_since_ms
    }

    /// What ended before this time may be destroyed.
    pub(super) fn destroys_before(&self, reading: Reading) -> Option<u64> {
        let before = self.told_ms.saturating_sub(GRACE_MS);
        let even = self.even_since_ms == 0 || self.even_since_ms <= before;
        let (agree, differ) = self.count(reading);
        let contradicted = differ >= AGREEING && differ > agree;
        (even && self.doubted_since_ms.is_none() && !contradicted).then_some(before)
    }

    pub(super) fn hear(&mut self, bureau: BureauId, theirs_ms: u64, reading: Reading) {
        let ahead_ms = i128::from(theirs_ms) - i128::from(reading.boot_ms);
        self.heard.insert(bureau, Heard { ahead_ms, at_ms: reading.boot_ms });
    }

    /// What the others say now, as far as they said something lately.
    pub(super) fn votes(&self, reading: Reading) -> impl Iterator<Item = Vote> {
        let vote = move |(bureau, heard): (&BureauId, &Heard)| {
            let says_ms = u64::try_from(heard.ahead_ms + i128::from(reading.boot_ms)).unwrap_or_default();
            let agrees = |with: u64| with.abs_diff(says_ms) <= SLACK_MS;
            Vote {
                bureau: *bureau,
                says: Timestamp::from_ms(says_ms),
                with_system: agrees(reading.system_ms),
                with_explained: agrees(self.time_ms),
            }
        };
        let lately = move |heard: &Heard| reading.boot_ms.abs_diff(heard.at_ms) <= LATELY_MS;
        self.heard.iter().filter(move |(_, heard)| lately(heard)).map(vote)
    }

    /// How many of the others agree with the system's clock, and how many say something else.
    fn count(&self, reading: Reading) -> (usize, usize) {
        self.votes(reading).fold((0, 0), |(agree, differ), vote| match vote.with_system {
            true => (agree + 1, differ),
            false => (agree, differ + 1),
        })
    }

    /// What is not sure is sure from now on. A long jump that this makes sure begins the time of grace again.
    fn settle(&mut self) {
        if self.time_ms.saturating_sub(self.sure_ms) > LONG_MS {
            self.even_since_ms = self.time_ms;
        }
        self.unsure_since_ms = None;
    }

    /// What a system's clock that is doubted may be believed for, where enough of these bureaus agree with it, and more than do
    /// not; one that is not sure is sure then. Back it goes on their word by no more than the time of grace, in which nothing
    /// was destroyed.
    pub(super) fn weigh(&mut self, bureaus: &BTreeSet<BureauId>, reading: Reading) -> Option<Moved> {
        self.heard.retain(|bureau, _| bureaus.contains(bureau));
        self.read(reading);
        let (agree, differ) = self.count(reading);
        if agree < AGREEING.min(bureaus.len()).max(1) || differ >= agree {
            return None;
        }
        if self.doubted_since_ms.is_none() {
            if self.unsure_since_ms.is_some() {
                self.settle();
            }
            return None;
        }
        let far_back = reading.system_ms < self.told_ms.saturating_sub(GRACE_MS);
        let (from, to) = (Timestamp::from_ms(self.told_ms), Timestamp::from_ms(reading.system_ms));
        (!far_back).then_some(Moved { from, to })
    }

    /// Takes the system's clock for right: on others' word, or on a `persons`, who may be wrong and has the time of grace to
    /// see it.
    pub(super) fn believe(&mut self, reading: Reading, persons: bool) -> Moved {
        let from = self.read(reading);
        let to = reading.system_ms;
        if persons || from.abs_diff(to) > LONG_MS {
            self.even_since_ms = to;
        }
        (self.time_ms, self.told_ms, self.sure_ms) = (to, to, to);
        (self.unsure_since_ms, self.doubted_since_ms, self.unbelieved) = (None, None, false);
        Moved { from: Timestamp::from_ms(from), to: Timestamp::from_ms(to) }
    }
}
