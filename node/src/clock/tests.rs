//! L21: what is made of clocks that jump, stand, and are put right.

use super::reckoning::{GRACE_MS, Mark, OFF_MS, Reading, Reckoning, SLACK_MS};
use super::*;

const DAY_MS: u64 = 86_400_000;
const YEAR_MS: u64 = 365 * DAY_MS;
const NOW_MS: u64 = 1_790_000_000_000;
const RUN: [u8; 16] = [7; 16];

/// Where nobody has said anything of the time, any reading will do.
const HERE: Reading = at(NOW_MS, 1_000);

/// The clocks of a machine: the system's, and how long it runs.
const fn at(system_ms: u64, boot_ms: u64) -> Reading {
    Reading { system_ms, boot_ms, boot_id: RUN }
}

/// On another run of the machine.
fn rebooted(system_ms: u64) -> Reading {
    Reading { system_ms, boot_ms: 20_000, boot_id: [8; 16] }
}

fn begun() -> Reckoning {
    Reckoning::new(None, at(NOW_MS, 1_000))
}

fn bureaus(ids: &[&str]) -> BTreeSet<BureauId> {
    ids.iter().map(|id| id.parse().unwrap()).collect()
}

/// Seen to fail when a reading is taken as it is.
#[test]
fn a_jump_that_the_boot_clock_does_not_explain_moves_nothing() {
    let mut clock = begun();
    for wrong in [NOW_MS + 10 * YEAR_MS, NOW_MS - 10 * YEAR_MS, 0, u64::MAX] {
        assert_eq!(clock.read(at(wrong, 61_000)), NOW_MS + 60_000);
        assert_eq!(clock.doubted_since(), Some(NOW_MS + 60_000));
        assert_eq!(clock.destroys_before(HERE), None);
        assert_eq!(clock.mark(RUN).time_ms, NOW_MS + 60_000);
    }
    // It is put right: all is as it was.
    assert_eq!(clock.read(at(NOW_MS + 70_000, 71_000)), NOW_MS + 70_000);
    assert_eq!(clock.doubted_since(), None);
    assert_eq!(clock.destroys_before(HERE), Some(NOW_MS + 70_000 - GRACE_MS));
}

#[test]
fn small_steps_are_followed_and_their_sum_is_bounded() {
    let mut clock = begun();
    // Back it stands still, up to the slack.
    assert_eq!(clock.read(at(NOW_MS - SLACK_MS, 1_000)), NOW_MS);
    assert_eq!(clock.doubted_since(), None);
    let mut clock = begun();
    let (mut system, mut steps) = (NOW_MS, 0);
    while clock.doubted_since().is_none() && steps < 100 {
        (system, steps) = (system + 60_000, steps + 1);
        clock.read(at(system, 1_000));
    }
    assert_eq!(steps, 6, "five minutes, and no more");
    // A clock that is set back again and again, or that runs slow, is doubted too.
    let mut clock = begun();
    let mut system = NOW_MS;
    for minute in 1..=10 {
        system += 20_000;
        clock.read(at(system, 1_000 + minute * 60_000));
    }
    assert!(clock.doubted_since().is_some());
    // Two clocks that are never read at once cost nothing.
    let mut clock = begun();
    for nth in 0..1_000_000 {
        clock.read(at(NOW_MS + nth % 7 + nth / 100, 1_000 + nth / 100));
    }
    assert_eq!(clock.doubted_since(), None);
    let mut clock = begun();
    clock.read(at(NOW_MS + SLACK_MS, 1_000));
    assert_eq!(clock.doubted_since(), None);
    // What was used comes back.
    assert!(clock.read(at(NOW_MS + SLACK_MS + 50 * SLACK_MS, 1_000 + 50 * SLACK_MS)) > NOW_MS + 50 * SLACK_MS);
    assert_eq!(clock.doubted_since(), None);
    clock.read(at(NOW_MS + 2 * SLACK_MS + 50 * SLACK_MS, 1_000 + 50 * SLACK_MS));
    assert_eq!(clock.doubted_since(), None);
}

/// A machine that sleeps for a weekend explains itself; both clocks together moved by years do not.
#[test]
fn what_nobody_saw_pass_is_believed_of_the_boot_clock_for_days_and_not_for_years() {
    let mut clock = begun();
    assert_eq!(clock.read(at(NOW_MS + 5 * DAY_MS, 1_000 + 5 * DAY_MS)), NOW_MS + 5 * DAY_MS);
    assert_eq!(clock.doubted_since(), None);
    let later = NOW_MS + 5 * DAY_MS;
    assert_eq!(clock.read(at(later + 4 * YEAR_MS, 1_000 + 4 * YEAR_MS)), later);
    assert_eq!(clock.doubted_since(), Some(later));
}

#[test]
fn a_start_goes_on_from_the_mark() {
    let mark = Mark { time_ms: NOW_MS, boot_ms: 50_000, boot_id: RUN, ..Mark::default() };
    // The machine did not stop: its boot clock says how long it was.
    let mut clock = Reckoning::new(Some(&mark), at(NOW_MS + 10_000, 60_000));
    assert_eq!((clock.doubted_since(), clock.read(at(NOW_MS + 10_000, 60_000))), (None, NOW_MS + 10_000));
    let clock = Reckoning::new(Some(&mark), at(NOW_MS + DAY_MS, 60_000));
    assert!(clock.doubted_since().is_some(), "it knows better");
    // The machine was off: over a weekend, or for as long as nobody knows.
    let mut clock = Reckoning::new(Some(&mark), rebooted(NOW_MS + OFF_MS));
    assert_eq!((clock.doubted_since(), clock.read(rebooted(NOW_MS + OFF_MS))), (None, NOW_MS + OFF_MS));
    assert_eq!(clock.mark(RUN).time_ms, NOW_MS, "what is not sure is not noted");
    for wrong in [NOW_MS + 1_500 * DAY_MS, NOW_MS - YEAR_MS, 0] {
        let mut clock = Reckoning::new(Some(&mark), rebooted(wrong));
        assert_eq!((clock.read(rebooted(wrong)), clock.doubted_since()), (NOW_MS, Some(NOW_MS)));
        assert_eq!((clock.destroys_before(HERE), clock.mark(RUN).time_ms), (None, NOW_MS));
    }
    // Marks of before runs were noted have the time alone.
    let old = Mark { time_ms: NOW_MS, ..Mark::default() };
    assert_eq!(Reckoning::new(Some(&old), at(NOW_MS + 2 * OFF_MS, 60_000)).doubted_since(), Some(NOW_MS));
    assert_eq!(Reckoning::new(Some(&old), at(NOW_MS + DAY_MS, 60_000)).doubted_since(), None);
}

/// Ahead by hours when the machine came on, and put right by a time server: nothing is left of it.
#[test]
fn a_clock_that_was_ahead_at_the_start_and_is_put_right_leaves_nothing() {
    let mark = Mark { time_ms: NOW_MS, boot_ms: 50_000, boot_id: RUN, ..Mark::default() };
    let later = |system_ms, by_ms: u64| Reading { boot_ms: 20_000 + by_ms, ..rebooted(system_ms) };
    let mut clock = Reckoning::new(Some(&mark), rebooted(NOW_MS + DAY_MS));
    assert_eq!(clock.read(later(NOW_MS + DAY_MS + 60_000, 60_000)), NOW_MS + DAY_MS + 60_000);
    assert_eq!(clock.read(later(NOW_MS + 120_000, 120_000)), NOW_MS + 120_000);
    assert_eq!(clock.doubted_since(), None);
    // After an hour of even time it is taken for sure, unless others say something else.
    let mut clock = Reckoning::new(Some(&mark), rebooted(NOW_MS + DAY_MS));
    clock.hear("FR".parse().unwrap(), NOW_MS + 30_000, rebooted(NOW_MS + DAY_MS));
    clock.read(later(NOW_MS + DAY_MS + 3_600_000, 3_600_000));
    assert_eq!(clock.mark(RUN).time_ms, NOW_MS + 3_600_000);
    let mut clock = Reckoning::new(Some(&mark), rebooted(NOW_MS + DAY_MS));
    clock.read(later(NOW_MS + DAY_MS + 3_600_000, 3_600_000));
    assert_eq!(clock.mark(RUN).time_ms, NOW_MS + DAY_MS + 3_600_000);
}

/// The daemon starts before a time server has set the clock, and again soon after.
///
/// Seen to fail when only the first reading of a run may be far ahead, and when a start within the hour forgets that it was.
#[test]
fn a_clock_that_is_right_only_after_the_start_is_believed() {
    let mark = Mark { time_ms: NOW_MS, boot_ms: 50_000, boot_id: RUN, ..Mark::default() };
    let later = |system_ms, by_ms: u64| Reading { boot_ms: 20_000 + by_ms, ..rebooted(system_ms) };
    let mut clock = Reckoning::new(Some(&mark), rebooted(0));
    assert!(clock.doubted_since().is_some());
    let again = Reckoning::new(Some(&clock.mark([8; 16])), later(0, 1_000));
    assert!(again.doubted_since().is_some());
    clock = again;
    let set = NOW_MS + 20 * 60_000;
    assert_eq!((clock.read(later(set, 10_000)), clock.doubted_since()), (set, None));
    let again = Reckoning::new(Some(&clock.mark([8; 16])), later(set + 5_000, 15_000));
    assert_eq!(again.doubted_since(), None);
    // It jumps once more: that is another matter.
    clock.read(later(set + DAY_MS, 20_000));
    assert!(clock.doubted_since().is_some());
}

/// Seen to fail when nobody is asked of a clock that fits.
#[test]
fn nothing_is_destroyed_while_others_say_something_else() {
    let mut clock = begun();
    assert!(clock.destroys_before(HERE).is_some());
    for bureau in bureaus(&["FR", "BR"]) {
        clock.hear(bureau, NOW_MS - 40 * DAY_MS, HERE);
    }
    assert_eq!(clock.destroys_before(HERE), None);
    // One that says something else, beside one that agrees, holds up nothing.
    clock.hear("FR".parse().unwrap(), NOW_MS, HERE);
    assert!(clock.destroys_before(HERE).is_some());
    clock.hear("FR".parse().unwrap(), 0, HERE);
    // What was said long ago does not count any more.
    let later = at(NOW_MS + 26 * 3_600_000, 1_000 + 26 * 3_600_000);
    clock.read(later);
    assert!(clock.destroys_before(later).is_some());
}

/// A person may be wrong, time and again, and has three days to see it; so has a machine that comes on days ahead, and nobody says
/// otherwise. Seen to fail when only long jumps begin the time of grace again.
#[test]
fn no_sum_of_decisions_walks_over_the_time_of_grace() {
    let mut clock = begun();
    for hours in [23, 46, 69, 92] {
        let system = NOW_MS + hours * 3_600_000;
        clock.read(at(system, 1_000));
        clock.believe(at(system, 1_000), true);
        assert_eq!(clock.destroys_before(at(system, 1_000)), None, "{hours}");
    }
    let mark = Mark { time_ms: NOW_MS, boot_ms: 50_000, boot_id: RUN, ..Mark::default() };
    let later = |system_ms, by_ms: u64| Reading { boot_ms: 20_000 + by_ms, ..rebooted(system_ms) };
    let mut clock = Reckoning::new(Some(&mark), rebooted(NOW_MS + 2 * DAY_MS));
    assert!(clock.destroys_before(rebooted(NOW_MS + 2 * DAY_MS)).is_some(), "it has destroyed nothing before its day");
    let even = later(NOW_MS + 2 * DAY_MS + 3_600_000, 3_600_000);
    clock.read(even);
    assert_eq!(clock.destroys_before(even), None);
}

/// A machine that is paused every night, and confirmed every morning, destroys what is due. Seen to fail when each jump begins the
/// time of grace again.
#[test]
fn short_jumps_that_are_confirmed_hold_up_nothing() {
    let known = bureaus(&["FR", "BR"]);
    let mut clock = begun();
    let (mut system, mut boot) = (NOW_MS, 1_000);
    for _ in 0..3 {
        (system, boot) = (system + DAY_MS, boot + DAY_MS - 600_000);
        known.iter().for_each(|bureau| clock.hear(*bureau, system, at(system, boot)));
        assert!(clock.weigh(&known, at(system, boot)).is_some());
        clock.believe(at(system, boot), false);
    }
    assert!(clock.destroys_before(at(system, boot)).is_some());
}

/// Seen to fail when one of several is enough, and when those who say something else do not count.
#[test]
fn others_confirm_a_clock_that_is_doubted_and_do_not_move_one() {
    let mark = Mark { time_ms: NOW_MS, boot_ms: 50_000, boot_id: RUN, ..Mark::default() };
    let after = NOW_MS + 400 * DAY_MS;
    let known = bureaus(&["FR", "BR", "DE"]);
    let mut clock = Reckoning::new(Some(&mark), rebooted(after));
    assert_eq!(clock.weigh(&known, rebooted(after)), None);
    clock.hear("FR".parse().unwrap(), after + 3_000, rebooted(after));
    assert_eq!(clock.weigh(&known, rebooted(after)), None, "one of three");
    clock.hear("BR".parse().unwrap(), after - 3_000, rebooted(after));
    clock.hear("GB".parse().unwrap(), after, rebooted(after));
    let moved = clock.weigh(&known, rebooted(after)).unwrap();
    assert_eq!(clock.believe(rebooted(after), false), moved);
    assert_eq!((moved.from.as_ms(), moved.to.as_ms()), (NOW_MS, after));
    assert_eq!((clock.read(rebooted(after)), clock.doubted_since()), (after, None));
    // What ended meanwhile is destroyed after the time of grace.
    assert_eq!(clock.destroys_before(HERE), None);
    let later = Reading { boot_ms: 20_000 + GRACE_MS, ..rebooted(after + GRACE_MS) };
    clock.read(later);
    assert_eq!(clock.destroys_before(later), Some(after));
    assert_eq!(clock.mark(RUN).even_since_ms, after);
    // Others that agree with each other, and not with this clock, move nothing.
    let mut clock = Reckoning::new(Some(&mark), rebooted(0));
    known.iter().for_each(|bureau| clock.hear(*bureau, after, rebooted(0)));
    assert_eq!((clock.weigh(&known, rebooted(0)), clock.read(rebooted(0))), (None, NOW_MS));
    // Two agree, two do not.
    let known = bureaus(&["FR", "BR", "DE", "GB"]);
    let mut clock = Reckoning::new(Some(&mark), rebooted(after));
    for (bureau, says) in [("FR", after), ("BR", after), ("DE", NOW_MS), ("GB", NOW_MS)] {
        clock.hear(bureau.parse().unwrap(), says, rebooted(after));
    }
    assert_eq!(clock.weigh(&known, rebooted(after)), None);
    // The only one there is.
    let mut clock = Reckoning::new(Some(&mark), rebooted(after));
    clock.hear("FR".parse().unwrap(), after, rebooted(after));
    assert!(clock.weigh(&bureaus(&["FR"]), rebooted(after)).is_some());
    // Nobody there is.
    let mut clock = Reckoning::new(Some(&mark), rebooted(after));
    clock.hear("FR".parse().unwrap(), after, rebooted(after));
    assert_eq!(clock.weigh(&bureaus(&[]), rebooted(after)), None);
}

/// L8: nobody but a person sets a clock back by more than what nothing was destroyed in.
#[test]
fn others_do_not_set_a_clock_back_by_more_than_the_time_of_grace() {
    let known = bureaus(&["FR", "BR"]);
    for (back, moves) in [(GRACE_MS - DAY_MS, true), (GRACE_MS + DAY_MS, false)] {
        let mut clock = begun();
        let wrong = at(NOW_MS - back, 1_000);
        known.iter().for_each(|bureau| clock.hear(*bureau, NOW_MS - back, wrong));
        let moved = clock.weigh(&known, wrong);
        assert_eq!(moved.map(|moved| moved.to.as_ms()), moves.then_some(NOW_MS - back));
    }
    let mut clock = begun();
    let moved = clock.believe(at(NOW_MS - YEAR_MS, 1_000), true);
    assert_eq!((moved.from.as_ms(), moved.to.as_ms()), (NOW_MS, NOW_MS - YEAR_MS));
    assert_eq!(clock.read(at(NOW_MS - YEAR_MS + 5, 1_005)), NOW_MS - YEAR_MS + 5);
    assert_eq!(clock.mark(RUN).time_ms, NOW_MS - YEAR_MS + 5);
}

#[test]
fn what_has_ended_by_either_clock_is_hidden() {
    let clock = Clock::manual(Timestamp::from_ms(NOW_MS));
    clock.set_system(Timestamp::from_ms(NOW_MS + 40 * DAY_MS));
    assert_eq!(clock.shown_day(), Timestamp::from_ms(NOW_MS + 40 * DAY_MS).day());
    assert_eq!(clock.now(), Timestamp::from_ms(NOW_MS));
    clock.set_system(Timestamp::from_ms(NOW_MS - 40 * DAY_MS));
    assert_eq!(clock.shown_day(), Timestamp::from_ms(NOW_MS).day());
    // A manual clock by which time passes.
    clock.set_system(Timestamp::from_ms(NOW_MS));
    clock.set(Timestamp::from_ms(NOW_MS + 40 * DAY_MS));
    assert_eq!(clock.now(), Timestamp::from_ms(NOW_MS + 40 * DAY_MS));
    assert_eq!(clock.outlook().doubted, None);
}
