//! L16 and what the node does with bad input, on whole daemons: each gives a clear error that says what to do, an entry
//! in the audit log where it concerns a peer, and nothing is lost.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test fails loudly"
)]

mod cards;
mod files;
mod full_disk;
mod hostile;
mod start;

use std::process::Stdio;
use std::time::{Duration, Instant};

use igain_tests::daemon::{Bureau, PATIENCE, Said};
use serde_json::Value;

/// What a refusal says.
#[derive(Debug)]
struct Refusal {
    code: String,
    detail: String,
}

impl Refusal {
    /// A refusal has a stable code, and its words name what is wrong and what to do.
    fn expect(&self, code: &str, words: &[&str]) {
        assert_eq!(self.code, code, "{self:?}");
        for word in words {
            assert!(self.detail.contains(word), "{word:?} is not in {self:?}");
        }
    }
}

/// Runs a command that must be refused. One that goes on instead, such as a daemon that runs, is ended.
fn refused(bureau: &Bureau, args: &[&str]) -> Refusal {
    let mut command = bureau.command(&[args, &["--json"]].concat());
    let command = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("a command");
    let by = Instant::now() + PATIENCE;
    while child.try_wait().expect("a command").is_none() {
        if Instant::now() > by {
            child.kill().expect("ended");
            panic!("{args:?} is not refused: {:?}", child.wait_with_output());
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    let said = Said::from(child.wait_with_output().expect("its output"));
    assert!(said.code.is_some_and(|code| code != 0), "{args:?}: {said:?}");
    let problem = said.problem();
    let text = |name: &str| problem[name].as_str().unwrap_or_default().to_owned();
    Refusal { code: text("code"), detail: text("detail") }
}

/// The entries of the audit log of this action, with `peer` where one is named.
fn audited(bureau: &Bureau, action: &str, peer: Option<&str>) -> Vec<Value> {
    let peer = peer.map(|peer| vec!["--peer", peer]).unwrap_or_default();
    let args = [&["audit", "list", "--action", action, "--limit", "1000"], peer.as_slice()].concat();
    bureau.json(&args)["entries"].as_array().expect("entries").clone()
}

/// A particular of an entry.
fn particular<'a>(entry: &'a Value, name: &str) -> &'a str {
    let detail = entry["detail"].as_array().expect("particulars");
    let pair = detail.iter().find(|pair| pair[0] == name);
    pair.and_then(|pair| pair[1].as_str()).unwrap_or_default()
}

/// How many live records a bureau has of its own.
fn own_records(bureau: &Bureau) -> u64 {
    let status = bureau.json(&["status"]);
    let own = status["records"].as_array().expect("counts").iter().find(|row| row["owner"] == bureau.id.as_str());
    own.map_or(0, |row| row["records"].as_u64().expect("a count"))
}

/// Nothing is lost, and the daemon answers.
fn assert_sound(bureau: &Bureau, records: u64) {
    assert_eq!(own_records(bureau), records);
    for what in ["store", "audit"] {
        let found = bureau.json(&[what, "verify"]);
        assert_eq!(found["intact"], true, "{what}: {found}");
    }
}

/// The most memory that the daemon has taken so far, in bytes (`VmHWM` of proc(5)).
fn peak_bytes(bureau: &Bureau) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", bureau.pid().expect("a daemon"))).expect("proc");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("the peak");
    line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") * 1_024
}
