//! L21, L7, L8: clocks that jump under daemons that run, that start, and that were off for long. A small library takes the
//! place of the system's clocks; it needs the C compiler that building igain needs.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails loudly"
)]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use igain_tests::daemon::{Bureau, federation};
use serde_json::Value;

const DAY: i64 = 86_400;
const YEARS: i64 = 10 * 365 * DAY;

const ALL: &str = r#"@id("all") permit (principal, action, resource);"#;

/// The library, compiled once.
fn shim() -> &'static Path {
    static SHIM: OnceLock<(tempfile::TempDir, PathBuf)> = OnceLock::new();
    let make = || {
        let folder = tempfile::tempdir().expect("a folder");
        let (source, library) =
            (format!("{}/tests/clocks/shim.c", env!("CARGO_MANIFEST_DIR")), folder.path().join("c.so"));
        let made = Command::new("cc").args(["-shared", "-fPIC", "-O1", "-o"]).arg(&library).arg(source).status();
        assert!(made.expect("a C compiler").success());
        (folder, library)
    };
    &SHIM.get_or_init(make).1
}

/// Sets by how many seconds a bureau's clocks are ahead: the system's, and the boot clock.
fn set(bureau: &Bureau, system: i64, boot: i64) {
    // Renamed into place: a reader never sees half of it.
    std::fs::rename(bureau.write("clock.next", &format!("{system} {boot}")), bureau.path("clock")).expect("a file");
}

/// Starts a bureau under the library.
fn start(bureau: &mut Bureau) {
    let clock = bureau.path("clock");
    let shim = shim().display().to_string();
    bureau.spawn_with(&[("LD_PRELOAD", &shim), ("IGAIN_CLOCK", &clock.display().to_string())]);
    bureau.await_ready();
}

/// Bureaus that know each other, share everything, and look for what is due four times a minute.
fn bureaus(ids: &[&str]) -> Vec<Bureau> {
    let mut bureaus = federation(ids);
    for bureau in &mut bureaus {
        bureau.apply(ALL);
        bureau.stop();
        bureau.configure(|text| text.replace("[retention]", "[retention]\nerase_within_s = 60"));
        set(bureau, 0, 0);
        start(bureau);
    }
    bureaus
}

fn add(bureau: &Bureau, number: &str) -> String {
    let number = format!("number={number}");
    let done = bureau.json(&["record", "add", "phone", &number, "--tlp", "green", "--grading", "B2"]);
    done["outcomes"][0]["id"].as_str().expect("an id").to_owned()
}

/// The numbers of a bureau's own records and of those it has of others.
fn holds(bureau: &Bureau) -> (u64, u64) {
    let status = bureau.json(&["status"]);
    let mut counts = (0, 0);
    for owner in status["records"].as_array().expect("records") {
        let count = owner["records"].as_u64().expect("a number");
        if owner["owner"] == status["bureau"] { counts.0 += count } else { counts.1 += count }
    }
    counts
}

fn is_doubted(clock: &Value) -> bool {
    clock["doubted"].is_string()
}

/// A node runs with five records and one peer, and its clock is ten years ahead for a while, with the boot clock and without.
#[test]
fn l21_a_clock_that_was_wrong_for_a_while_leaves_a_node_as_it_was() {
    let mut both = bureaus(&["KE", "FR"]);
    let ids: Vec<_> = (1..=5).map(|nth| add(&both[0], &format!("+25470000000{nth}"))).collect();
    both[1].eventually(&["status"], |status| status["records"][0]["records"] == 5);
    for boot in [0, YEARS] {
        set(&both[0], YEARS, boot);
        let clock = both[0].eventually(&["clock", "show"], is_doubted);
        assert_eq!((&clock["hidden"], &clock["destroys"]), (&5.into(), &Value::Null), "{clock}");
        // What has ended by either clock is hidden, and nothing else has changed.
        let refused = both[0].refused(&["record", "show", &ids[0]]);
        assert!(refused.1.contains("record.unknown"), "{}", refused.1);
        let peer = both[0].json(&["peer", "show", "FR"]);
        assert_eq!(peer["state"], "active", "{peer}");
        // Neither does a start in between, which looks for what is due at once.
        assert_eq!(both[0].stop(), Some(0));
        start(&mut both[0]);
        assert!(is_doubted(&both[0].json(&["clock", "show"])));
        std::thread::sleep(std::time::Duration::from_secs(1));
        assert_eq!((holds(&both[0]), holds(&both[1])), ((5, 0), (0, 5)));
        set(&both[0], 0, 0);
        both[0].eventually(&["clock", "show"], |clock| !is_doubted(clock));
        assert_eq!(holds(&both[0]), (5, 0));
        assert_eq!(both[0].json(&["record", "show", &ids[0]])["records"].as_array().expect("records").len(), 1);
    }
    // The exchange goes on.
    add(&both[0], "+254700000006");
    add(&both[1], "+33600000001");
    both[1].eventually(&["status"], |status| status["records"].as_array().is_some_and(|all| all.len() == 2));
    both[0].eventually(&["audit", "list", "--action", "clock"], |log| {
        let entries = log["entries"].as_array().expect("entries");
        entries.iter().any(|entry| entry["action"] == "clock.doubt")
            && entries.iter().any(|e| e["action"] == "clock.fit")
    });
    assert_eq!(both[0].json(&["audit", "verify"])["intact"], true);
}

/// Three nodes are off for forty days. What their clocks say agrees, so they believe it, each on the word of two others.
#[test]
fn l21_nodes_that_were_off_for_long_resume_by_themselves() {
    let mut three = bureaus(&["KE", "FR", "BR"]);
    let (last_day, marking) = (day_in(20), ["--tlp", "green", "--grading", "B2", "--retain-until"]);
    let short = [&["record", "add", "phone", "number=+254700000001"][..], &marking, &[&last_day]].concat();
    assert_eq!(three[0].json(&short)["outcomes"][0]["outcome"], "added");
    add(&three[0], "+254700000002");
    for other in &three[1..] {
        other.eventually(&["status"], |status| status["records"][0]["records"] == 2);
    }
    three.iter_mut().for_each(|bureau| assert_eq!(bureau.stop(), Some(0)));
    three.iter().for_each(|bureau| set(bureau, 40 * DAY, 0));
    start(&mut three[0]);
    // Nobody can be asked: what has ended is hidden, nothing is destroyed, and work goes on.
    assert!(is_doubted(&three[0].json(&["clock", "show"])));
    add(&three[0], "+254700000003");
    assert_eq!(holds(&three[0]), (3, 0));
    start(&mut three[1]);
    three[1].eventually(&["clock", "show"], |clock| clock["others"].as_array().is_some_and(|others| others.len() == 1));
    assert!(is_doubted(&three[1].json(&["clock", "show"])), "one of two is not enough");
    start(&mut three[2]);
    for bureau in &three {
        bureau.eventually(&["clock", "show"], |clock| !is_doubted(clock));
    }
    let confirmed = three[0].json(&["audit", "list", "--action", "clock.confirm"]);
    assert_eq!(confirmed["entries"][0]["detail"][2], serde_json::json!(["agreeing", "BR FR"]), "{confirmed}");
    // What ended meanwhile goes after the time of grace, everywhere.
    assert_eq!(holds(&three[0]), (3, 0));
    for later in [42, 44] {
        three.iter().for_each(|bureau| set(bureau, later * DAY, (later - 40) * DAY));
        three.iter().for_each(|bureau| drop(bureau.eventually(&["clock", "show"], |clock| !is_doubted(clock))));
    }
    three[0].eventually(&["status"], |status| status["records"][0]["records"] == 2);
    for other in &three[1..] {
        other.eventually(&["status"], |status| status["records"][0]["records"] == 2);
    }
}

/// The machine starts with the year wrong, and nobody can be asked. A person may decide, and decide again.
#[test]
fn l21_a_person_decides_on_a_clock_that_nothing_explains() {
    let mut bureau = bureaus(&["KE"]).remove(0);
    add(&bureau, "+254700000001");
    bureau.stop();
    set(&bureau, 1_500 * DAY, 0);
    start(&mut bureau);
    assert_eq!(bureau.refused(&["clock", "accept"]).0, 1);
    assert!(is_doubted(&bureau.json(&["clock", "show"])));
    bureau.json(&["clock", "accept", "--yes"]);
    bureau.stop();
    start(&mut bureau);
    let clock = bureau.json(&["clock", "show"]);
    assert!(!is_doubted(&clock) && clock["destroys"].is_null(), "{clock}");
    // It was wrong after all.
    set(&bureau, 0, 0);
    bureau.eventually(&["clock", "show"], is_doubted);
    bureau.json(&["clock", "reset", "--yes"]);
    bureau.stop();
    start(&mut bureau);
    assert!(!is_doubted(&bureau.json(&["clock", "show"])));
    assert_eq!(holds(&bureau), (1, 0));
    let shown = bureau.igain(&["clock", "show"]).out;
    assert!(shown.contains("the system's clock") && shown.contains("believed"), "{shown}");
}

/// A clock that was forty days ahead, and believed, is put back: the serials with which the node asks others are lower then.
///
/// Seen to fail when serials hold beyond an exchange: nothing is answered until the other starts again.
#[test]
fn l21_others_answer_a_node_whose_clock_went_back() {
    let mut both = bureaus(&["KE", "FR"]);
    set(&both[0], 40 * DAY, 0);
    both[0].eventually(&["clock", "show"], is_doubted);
    both[0].json(&["clock", "accept", "--yes"]);
    add(&both[1], "+33600000001");
    both[0].eventually(&["status"], |status| status["records"][0]["records"] == 1);
    set(&both[0], 0, 0);
    both[0].eventually(&["clock", "show"], is_doubted);
    both[0].json(&["clock", "reset", "--yes"]);
    assert_eq!(both[0].stop(), Some(0));
    start(&mut both[0]);
    add(&both[1], "+33600000002");
    both[0].eventually(&["status"], |status| status["records"][0]["records"] == 2);
}

/// A day from now on.
fn day_in(days: u64) -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("a time").as_millis();
    let now = igain_protocol::time::Timestamp::from_ms(u64::try_from(now).expect("a time"));
    now.plus_ms(days * 86_400_000).day().to_string()
}
