//! `igain audit`.

use igain_tests::bureau::copy;
use igain_tests::daemon::{Bureau, federation};

use super::{EVERYTHING, SHARED, WHY, add, flip, holds, list, text};

/// A bureau at which something was done.
fn busy() -> (Bureau, String) {
    let ke = Bureau::start("KE");
    let id = add(&ke, &["phone", "number=+254 700 000 001"]);
    ke.json(&["record", "show", &id]);
    ke.json(&[&["query", "--phone", "+254 700 000 001"][..], &WHY].concat());
    (ke, id)
}

#[test]
fn what_was_done_is_listed() {
    let (ke, id) = busy();
    let object = format!("record:{id}");
    let entries = ke.json(&["audit", "list", "--object", &object]);
    let actions: Vec<String> = list(&entries["entries"]).iter().map(|entry| text(&entry["action"])).collect();
    assert_eq!(actions, ["record.add", "record.show"]);
    let user = text(&entries["entries"][1]["actor"]);
    assert!(user.strip_prefix("uid:").is_some_and(|uid| uid.parse::<u32>().is_ok()), "{user}");
    let shown = ke.igain(&["audit", "list", "--limit", "100"]).out;
    let head: Vec<&str> = shown.lines().next().expect("a head").split_whitespace().collect();
    assert_eq!(head, ["ENTRY", "WHEN", "WHO", "WHAT", "TO", "WHY", "PARTICULARS"]);
    assert!(shown.contains("investigation, TEST/2026/1"), "{shown}");
    let last = ke.json(&["audit", "list", "--limit", "1"]);
    assert_eq!(last["entries"][0]["action"], "audit.list", "the latest, which is the list before this one");
    assert_eq!(ke.json(&["audit", "list", "--from", "2", "--limit", "2"])["entries"][1]["seq"], 3);
    assert_eq!(ke.igain(&["audit", "list", "--from", "x"]).code, Some(2));
}

#[test]
fn the_whole_log_is_verified_and_exported() {
    let (ke, _) = busy();
    let summary = ke.json(&["audit", "verify"]);
    assert_eq!(summary["intact"], true);
    assert_eq!(text(&summary["head"]).len(), 64);
    let said = ke.igain(&["audit", "verify"]);
    assert!(said.code == Some(0) && said.out.contains("The audit log is intact"), "{said:?}");
    let exported = ke.igain(&["audit", "export"]);
    let lines: Vec<serde_json::Value> =
        exported.out.lines().map(|line| serde_json::from_str(line).expect("JSON lines")).collect();
    let numbers: Vec<u64> = lines.iter().filter_map(|entry| entry["seq"].as_u64()).collect();
    assert_eq!(numbers, (1..=numbers.len() as u64).collect::<Vec<_>>());
    assert!(numbers.len() as u64 >= summary["entries"].as_u64().expect("a number"));
    assert!(exported.err.contains("entries written"), "{}", exported.err);
    assert_eq!(ke.igain(&["audit", "export", "--from", "3", "--out", "audit.jsonl"]).code, Some(0));
    let file = std::fs::read_to_string(ke.path("audit.jsonl")).expect("a file");
    assert!(file.starts_with("{\"seq\":3,"), "{file}");
    let accounted = ke.json(&["audit", "list", "--action", "audit"]);
    let exports = list(&accounted["entries"]).iter().filter(|entry| entry["action"] == "audit.export");
    assert_eq!(exports.count(), 2, "an export is accounted for: {accounted}");
}

/// L14: bytes of the log's files are changed while the daemon runs, as somebody with access to the disk would. Whichever it is, that is
/// told; where it is an entry's, with its number.
///
/// Seen to fail when entries that cannot be read are passed over, and when entries alone are read.
#[test]
fn l14_tampering_is_found_and_the_first_bad_entry_named() {
    let (ke, _) = busy();
    for number in 2..40 {
        ke.igain(&[&["record", "add", "phone", &format!("number=+254 700 000 0{number:02}")][..], &SHARED].concat());
    }
    assert_eq!(ke.json(&["audit", "verify"])["intact"], true);
    let folder = ke.path("data/audit/journal");
    let files = std::fs::read_dir(folder).expect("the log").map(|file| file.expect("a file").path());
    let journal = files.filter(|path| path.extension().is_some_and(|is| is == "journal")).max().expect("a segment");
    let middle = std::fs::metadata(&journal).expect("its length").len() / 2;
    let is_entry = |at: &u64| {
        flip(&journal, *at);
        let said = ke.igain(&["audit", "verify", "--json"]);
        assert_eq!((said.code, &said.json()["intact"]), (Some(1), &false.into()), "byte {at}");
        let is_entry = said.json()["broken_at"].is_u64();
        if !is_entry {
            flip(&journal, *at);
        }
        is_entry
    };
    let middle = (middle..).step_by(16).take(64).find(is_entry).expect("an entry among a kilobyte of the log");
    let said = ke.igain(&["audit", "verify", "--json"]);
    assert_eq!(said.code, Some(1), "{said:?}");
    let summary = said.json();
    assert_eq!(summary["intact"], false);
    let (bad, last) =
        (summary["broken_at"].as_u64().expect("an entry"), summary["entries"].as_u64().expect("a number"));
    assert!(1 < bad && bad < last, "{summary}");
    assert_eq!(said.problem()["code"], "audit.not-intact");
    let shown = ke.igain(&["audit", "verify"]);
    assert!(
        shown.out.contains("not intact") && shown.out.contains(&format!("first bad entry     {bad}")),
        "{}",
        shown.out
    );
    flip(&journal, middle);
    assert_eq!(ke.json(&["audit", "verify"])["intact"], true, "nothing else was wrong");
}

/// L14: what was cut from the log while the daemon was down keeps it from starting, and it says so. Seen to fail
/// without the comparison with the checkpoint.
#[test]
fn l14_a_log_that_was_cut_or_replaced_stops_the_start() {
    let (mut ke, _) = busy();
    assert_eq!(ke.stop(), Some(0));
    let (live, kept) = (ke.path("data/audit"), ke.path("kept"));
    copy(&live, &kept);
    ke.run();
    add(&ke, &["phone", "number=+254 700 000 002"]);
    assert_eq!(ke.stop(), Some(0));
    let checkpoint = std::fs::read(live.join("checkpoint")).expect("a checkpoint");
    let current = ke.path("current");
    std::fs::rename(&live, &current).expect("a move");
    copy(&kept, &live);
    std::fs::write(live.join("checkpoint"), checkpoint).expect("a checkpoint");
    ke.spawn();
    assert_eq!(ke.ended(), Some(1));
    let last = ke.log().lines().last().unwrap_or_default().to_owned();
    assert!(last.starts_with("error: ") && last.contains("audit log"), "{last}");
    std::fs::remove_dir_all(&live).expect("the old log");
    std::fs::rename(&current, &live).expect("a move");
    ke.run();
    assert_eq!(ke.json(&["audit", "verify"])["intact"], true);
}

/// L14: every way to read, export or disclose leaves its entry, and it is there however the daemon ends.
///
/// Seen to fail when showing a record, looking at its holders, or sending it is not accounted for, and when a query is
/// accounted for after its answer.
#[test]
fn l14_every_read_export_and_disclosure_is_accounted_for() {
    let mut bureaus = federation(&["KE", "FR"]);
    bureaus[0].apply(EVERYTHING);
    let id = add(&bureaus[0], &["phone", "number=+254 700 000 001"]);
    holds(&bureaus[1], &id);
    let sent = bureaus[0].json(&["audit", "list", "--action", "feed.send", "--peer", "FR"]);
    assert_eq!(sent["entries"][0]["detail"], serde_json::json!([["records", "1"]]));
    let came = bureaus[1].json(&["audit", "list", "--action", "feed.receive", "--peer", "KE"]);
    assert_eq!(came["entries"][0]["detail"][0], serde_json::json!(["records", "1"]));

    let unknown = "0190163d-8694-739b-aea5-966c26f8ad91";
    let phone = [&["query", "--phone", "+254 700 000 001"][..], &WHY].concat();
    let name = [&["query", "--name", "amina"][..], &WHY].concat();
    let table = [&phone[..], &["--table"]].concat();
    for (command, action) in [
        (phone, "query"),
        (name, "query"),
        (table, "query"),
        (vec!["record", "show", &id], "record.show"),
        (vec!["record", "show", unknown], "record.show"),
        (vec!["record", "list"], "record.list"),
        (vec!["record", "holders", &id], "record.holders"),
        (vec!["policy", "explain", &id, "FR"], "policy.explain"),
        (vec!["audit", "list"], "audit.list"),
        (vec!["audit", "verify"], "audit.verify"),
        (vec!["audit", "export"], "audit.export"),
    ] {
        let ke = &mut bureaus[0];
        let before = ke.json(&["audit", "list", "--action", action, "--limit", "1000"]);
        ke.igain(&command);
        ke.kill();
        ke.run();
        let after = ke.json(&["audit", "list", "--action", action, "--limit", "1000"]);
        let (before, after) = (list(&before["entries"]), list(&after["entries"]));
        // The list that was asked for before is itself among those that follow.
        let own = usize::from(action == "audit.list");
        assert_eq!(after.len(), before.len() + 1 + own, "{command:?}");
        assert!(text(&after[after.len() - 1]["actor"]).starts_with("uid:"), "{command:?}");
    }
    assert_eq!(bureaus[0].json(&["audit", "verify"])["intact"], true);
}
