//! Real offices in a simulated federation. A failing seed is printed; run it again with `IGAIN_SEED=<seed>`, which tells what the
//! audit logs say of it, or more of them with `IGAIN_SEEDS=<count>`, from `IGAIN_SEED_FROM=<seed>` on.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test fails loudly"
)]

use std::panic::{catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};

use igain_tests::simulation::Federation;

/// As the program has it.
#[global_allocator]
static MEMORY: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is a number")))
}

/// Seeds that fell once, with the build of their time.
const FELL: [u64; 13] = [94, 124, 135, 166, 247, 469, 525, 540, 586, 997, 1102, 4633, 12524];

fn seeds(count: u64) -> Vec<u64> {
    match (number("IGAIN_SEED"), number("IGAIN_SEED_FROM")) {
        (Some(seed), _) => vec![seed],
        (None, Some(from)) => (from..from + number("IGAIN_SEEDS").unwrap_or(count)).collect(),
        (None, None) => (1..=number("IGAIN_SEEDS").unwrap_or(count)).chain(FELL).collect(),
    }
}

/// A federation whose story is told where it falls, if it is looked at alone.
struct Told(Federation);

impl Drop for Told {
    fn drop(&mut self) {
        if std::thread::panicking() && number("IGAIN_SEED").is_some() {
            self.0.story().iter().for_each(|line| println!("{line}"));
        }
    }
}

/// One schedule; returns how many records were shared in the end.
fn schedule(seed: u64) -> usize {
    let mut told = Told(Federation::new(4, seed));
    let federation = &mut told.0;
    for round in 0..3 {
        federation.storm(120);
        let calm = federation.calm();
        if let Err(why) = calm.and_then(|()| federation.check()) {
            panic!("IGAIN_SEED={seed}, round {round}: {why}");
        }
    }
    federation.shared()
}

/// L1, L6, L7, L8, L11, L14, L15, L17, L19 and L21: whatever the network and the disks did, and whatever happened at once, no parcel
/// brought what was not granted, and once all works again every bureau shows exactly what is granted to it and live, the
/// owner's list of holders says so, what was acknowledged is there, and logs and audit logs are whole. Seen to fail
/// when a log that is begun in the turn in which another ends takes a number that is in use, when a purge goes on after a
/// step that was not written, when a record that had expired here stays barred although its owner gave it a later date in
/// time, when who is invited to a file is not told what its manager had answered, and when who was sent an earlier version of a record
/// that has ended since is told nothing.
#[test]
fn after_a_storm_every_bureau_holds_exactly_what_is_granted_and_live() {
    let (seeds, shared, next) = (seeds(300), AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                loop {
                    let Some(seed) = seeds.get(next.fetch_add(1, Ordering::Relaxed)).copied() else { return };
                    let run = catch_unwind(|| schedule(seed)).unwrap_or_else(|why| {
                        println!("IGAIN_SEED={seed} fell");
                        resume_unwind(why)
                    });
                    shared.fetch_add(run, Ordering::Relaxed);
                }
            });
        }
    });
    println!("{} seeds: {} records were shared", seeds.len(), shared.load(Ordering::Relaxed));
    assert!(shared.load(Ordering::Relaxed) > 0, "nothing was shared at all");
}

#[test]
fn one_seed_gives_one_run() {
    let run = |seed| {
        let mut federation = Federation::new(3, seed);
        federation.storm(150);
        federation.calm().expect("rest");
        federation.trace()
    };
    assert_eq!(run(7), run(7));
    assert_ne!(run(7), run(8));
}
