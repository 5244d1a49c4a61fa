//! The state of a link: its two directions, whether it is up, what is planned for it, and what it has counted.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::path::{Fate, Passage, Path};
use super::{Counts, Cut, Profile, WAYS, Way, When};

/// What is done at each cut.
type AtCut = Box<dyn FnMut() + Send>;

/// Whether a link is up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Condition {
    /// Directions in which nothing passes; nothing ends for that.
    pub(super) stalled: [bool; 2],
    /// Whether it is cut.
    pub(super) cut: bool,
    /// How often it was cut: what began before the last time has ended.
    pub(super) cuts: u64,
}

/// A link.
pub(super) struct Link {
    began: Instant,
    state: Mutex<State>,
    condition: watch::Sender<Condition>,
    /// Something is planned, or not any more.
    planned: watch::Sender<()>,
    at_cut: Mutex<Option<AtCut>>,
}

struct State {
    paths: [Path; 2],
    counts: [Counts; 2],
    plan: VecDeque<Cut>,
    /// From when and from which counts the first of the plan is reckoned.
    reckoned: (Instant, [u64; 2]),
    /// Where it is cut, how long that lasts.
    down: Option<Down>,
}

/// How long a cut lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Down {
    /// Until this time.
    Until(Instant),
    /// Until it is mended by hand.
    UntilMended,
}

impl Link {
    pub(super) fn new(profile: Profile, seed: u64) -> Self {
        let began = Instant::now();
        let state = State {
            paths: WAYS.map(|way| Path::new(profile, seed.wrapping_mul(2).wrapping_add(way as u64))),
            counts: <[Counts; 2]>::default(),
            plan: VecDeque::new(),
            reckoned: (began, [0; 2]),
            down: None,
        };
        let (condition, planned) = (watch::Sender::new(Condition::default()), watch::Sender::new(()));
        Self { began, state: Mutex::new(state), condition, planned, at_cut: Mutex::new(None) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("the state of the link")
    }

    /// Whether it is up now.
    pub(super) fn condition(&self) -> Condition {
        *self.condition.borrow()
    }

    pub(super) fn set(&self, way: Way, profile: Profile) {
        self.state().paths[way as usize].set(profile);
    }

    pub(super) fn counts(&self, way: Way) -> Counts {
        self.state().counts[way as usize]
    }

    /// Changes what was counted.
    pub(super) fn count(&self, way: Way, change: impl FnOnce(&mut Counts)) {
        change(&mut self.state().counts[way as usize]);
    }

    pub(super) fn stall(&self, ways: &[Way]) {
        self.condition.send_modify(|now| ways.iter().for_each(|way| now.stalled[*way as usize] = true));
    }

    /// Makes it whole, whatever it suffers from.
    pub(super) fn mend(&self) {
        self.end_cut();
        self.condition.send_modify(|now| now.stalled = [false; 2]);
    }

    fn end_cut(&self) {
        let mut state = self.state();
        state.down = None;
        state.reckon();
        drop(state);
        self.condition.send_modify(|now| now.cut = false);
        self.planned.send_replace(());
    }

    pub(super) fn plan(&self, cuts: impl IntoIterator<Item = Cut>) {
        let mut state = self.state();
        if state.plan.is_empty() {
            state.reckon();
        }
        state.plan.extend(cuts);
        drop(state);
        self.planned.send_replace(());
    }

    pub(super) fn at_cut(&self, done: Option<AtCut>) {
        *self.at_cut.lock().expect("what is done at a cut") = done;
    }

    /// Cuts it for so long, or until it is mended; with no time at all, only what is under way and connected ends.
    pub(super) fn cut(&self, lasts: Option<Duration>) {
        let mut state = self.state();
        state.down = match lasts {
            Some(Duration::ZERO) => None,
            Some(lasts) => Some(Down::Until(Instant::now() + lasts)),
            None => Some(Down::UntilMended),
        };
        state.reckon();
        let cut = state.down.is_some();
        drop(state);
        self.condition.send_modify(|now| *now = Condition { cut, cuts: now.cuts + 1, ..*now });
        if let Some(done) = self.at_cut.lock().expect("what is done at a cut").as_mut() {
            done();
        }
        self.planned.send_replace(());
    }

    /// When a datagram arrives that is handed over now: not at all, once or twice.
    pub(super) fn datagram(&self, way: Way, bytes: usize) -> [Option<Instant>; 2] {
        let now = Instant::now();
        let (passes, mut state) = (self.condition().passes(way), self.state());
        let fate = state.paths[way as usize].datagram(bytes, now - self.began);
        let counts = &mut state.counts[way as usize];
        counts.offered += 1;
        if !passes {
            counts.cut_off += 1;
            return [None; 2];
        }
        match fate {
            Fate::Lost => counts.lost += 1,
            Fate::Overflowed => counts.overflowed += 1,
            Fate::Arrives { at, again, held_back } => {
                counts.doubled += u64::from(again.is_some());
                counts.held_back += u64::from(held_back);
                return [Some(self.began + at), again.map(|again| self.began + again)];
            }
        }
        [None; 2]
    }

    /// When a segment of TCP arrives that is handed over now.
    pub(super) fn segment(&self, way: Way, bytes: usize) -> Instant {
        let now = Instant::now();
        let mut state = self.state();
        let Passage { at, late } = state.paths[way as usize].segment(bytes, now - self.began);
        let counts = &mut state.counts[way as usize];
        counts.offered += 1;
        counts.late += u64::from(late);
        self.began + at
    }

    /// When so many bytes find room.
    pub(super) fn room(&self, way: Way, bytes: usize) -> Instant {
        self.began + self.state().paths[way as usize].room(bytes)
    }

    /// Accounts for bytes that were handed to the other end, and cuts the link where that was planned.
    pub(super) fn delivered(&self, way: Way, bytes: usize) {
        let mut state = self.state();
        let counts = &mut state.counts[way as usize];
        counts.bytes += bytes as u64;
        counts.delivered += 1;
        let due = state.due(|cut, (_, since), counts| match cut.when {
            When::Passed(way, bytes) => counts[way as usize].bytes - since[way as usize] >= bytes,
            When::After(_) => false,
        });
        drop(state);
        if let Some(cut) = due {
            self.cut(Some(cut.lasts));
        }
    }

    /// Ends when the link is cut for more than the `cuts`th time.
    pub(super) async fn broken(&self, cuts: u64) {
        // The sender lives as long as the link does.
        let _ = self.condition.subscribe().wait_for(|now| now.cuts > cuts).await;
    }

    /// Ends when something passes that way.
    pub(super) async fn passable(&self, way: Way) {
        let _ = self.condition.subscribe().wait_for(|now| now.passes(way)).await;
    }

    /// Cuts and mends at the planned times, for as long as it is awaited.
    pub(super) async fn keep(&self) {
        let mut planned = self.planned.subscribe();
        loop {
            let next = self.state().next();
            let due = async {
                match next {
                    Some(at) => sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = due => self.act(),
                _ = planned.changed() => {}
            }
        }
    }

    /// Does what is due now.
    fn act(&self) {
        let now = Instant::now();
        let mut state = self.state();
        let mended = matches!(state.down, Some(Down::Until(at)) if at <= now);
        let due = state.due(|cut, (since, _), _| matches!(cut.when, When::After(after) if *since + after <= now));
        drop(state);
        if mended {
            self.end_cut();
        } else if let Some(cut) = due {
            self.cut(Some(cut.lasts));
        }
    }
}

impl Condition {
    /// Whether anything passes that way.
    pub(super) const fn passes(&self, way: Way) -> bool {
        !self.cut && !self.stalled[way as usize]
    }
}

impl State {
    /// From here on counts what the next of the plan waits for.
    fn reckon(&mut self) {
        self.reckoned = (Instant::now(), [self.counts[0].bytes, self.counts[1].bytes]);
    }

    /// Takes the first of the plan where it is due and nothing is cut already.
    fn due(&mut self, is: impl Fn(&Cut, &(Instant, [u64; 2]), &[Counts; 2]) -> bool) -> Option<Cut> {
        let (reckoned, counts) = (&self.reckoned, &self.counts);
        let due = self.down.is_none() && self.plan.front().is_some_and(|cut| is(cut, reckoned, counts));
        if due { self.plan.pop_front() } else { None }
    }

    /// When time alone brings something.
    fn next(&self) -> Option<Instant> {
        match (self.down, self.plan.front()) {
            (Some(Down::Until(at)), _) => Some(at),
            (None, Some(Cut { when: When::After(after), .. })) => Some(self.reckoned.0 + *after),
            _ => None,
        }
    }
}
