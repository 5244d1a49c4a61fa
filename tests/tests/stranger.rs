//! A reader that was written from `FORMAT.md` alone, in another language, follows a real node over TCP and TLS: what the text
//! says is what the node does.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails loudly"
)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use igain_tests::daemon::Bureau;
use serde_json::{Value, json};

/// A policy under which BR gets green records whole, and the core of amber ones.
const POLICY: &str =
    "permit (principal, action in Action::\"disclose\", resource) when { resource.tlp == Tlp::\"green\" };
permit (principal, action in [Action::\"core\"], resource) when { resource.tlp == Tlp::\"amber\" };";

/// Python with what the script needs, as `.ci/run` sets it up for the vectors.
fn python() -> Option<PathBuf> {
    let this = std::env::current_exe().expect("the path of this test");
    let target = this.ancestors().find(|folder| folder.join("CACHEDIR.TAG").is_file())?;
    Some(target.join("vectors-venv/bin/python")).filter(|python| python.is_file())
}

fn peer(python: &Path, folder: &Path, args: &[&str]) -> Output {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../protocol/vectors/peer.py");
    let done = Command::new(python).arg(script).args(args).current_dir(folder).output().expect("python");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    done
}

/// What the stranger is told of one kind, in order.
fn told(lines: &[Value], what: &str) -> Vec<Value> {
    lines.iter().filter(|line| !line[what].is_null()).cloned().collect()
}

/// Seen to fail when the salts were drawn otherwise than the text has it.
#[test]
fn a_stranger_follows_a_node_by_the_text_alone() {
    let Some(python) = python() else {
        println!(
            "SKIPPED: no target/vectors-venv with protocol/vectors/requirements.txt, as protocol/FORMAT.md makes it"
        );
        return;
    };
    let mut ke = Bureau::start("KE");
    let card = peer(&python, ke.folder(), &["card", "br.keys", "--bureau", "BR"]);
    ke.write("br.card", &String::from_utf8(card.stdout).unwrap());
    let print = String::from_utf8(card.stderr).unwrap();
    let print = print.trim().strip_prefix("Fingerprint: ").unwrap();
    ke.json(&["peer", "enrol", "br.card", "--fingerprint", print]);
    ke.write("ke.card", ke.json(&["card", "export"])["armor"].as_str().unwrap());
    ke.apply(POLICY);
    let add = |ke: &Bureau, what: &[&str], tlp: &str| {
        let done = ke.json(&[&["record", "add"], what, &["--grading", "B2", "--tlp", tlp]].concat());
        done["outcomes"][0]["id"].as_str().unwrap().replace('-', "")
    };
    let first = add(&ke, &["phone", "number=+254 700 000 001", "operator=Test Mobile"], "green");
    let second = add(&ke, &["phone", "number=+254 700 000 002", "operator=Test Mobile"], "green");
    let partly = add(&ke, &["phone", "number=+254 700 000 003", "operator=Test Mobile"], "amber");
    add(&ke, &["phone", "number=+254 700 000 004"], "red");
    let pull = |ke: &Bureau| {
        let done = peer(&python, ke.folder(), &["pull", "br.keys", "ke.card"]);
        let lines = String::from_utf8(done.stdout).unwrap();
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect::<Vec<Value>>()
    };
    let lines = pull(&ke);
    assert!(told(&lines, "card").is_empty(), "it has the newest");
    let records = told(&lines, "record");
    let of = |id: &str| records.iter().find(|record| record["record"] == id).cloned().unwrap_or_default();
    assert_eq!(records.len(), 3, "{lines:?}");
    for (id, number) in [(&first, "+254 700 000 001"), (&second, "+254 700 000 002")] {
        let fields = json!([["operator", "Test Mobile"], ["number", number]]);
        assert_eq!((&of(id)["fields"], &of(id)["redacted"]), (&fields, &false.into()));
    }
    let core = json!([["operator", "Test Mobile"]]);
    assert_eq!((&of(&partly)["fields"], &of(&partly)["redacted"]), (&core, &true.into()));
    // It keeps nothing, so it is told all anew: of what ended meanwhile, that it did.
    let ended = format!("{}-{}-{}-{}-{}", &first[..8], &first[8..12], &first[12..16], &first[16..20], &first[20..]);
    ke.json(&["record", "withdraw", &ended, "--yes"]);
    let withdrawn = [json!({ "withdrawn": first })];
    let lines = pull(&ke);
    assert_eq!(told(&lines, "withdrawn"), withdrawn);
    assert_eq!(told(&lines, "record").len(), 2, "{lines:?}");
    // With other keys, under which the old card is still the one that the stranger has.
    ke.stop();
    ke.json(&["key", "rotate", "--passphrase-file", "passphrase", "--throw-away"]);
    ke.run();
    let serial = ke.json(&["card", "show"])["serial"].clone();
    add(&ke, &["phone", "number=+254 700 000 005"], "green");
    let lines = pull(&ke);
    assert_eq!(told(&lines, "card"), [json!({ "card": serial })]);
    assert_eq!(told(&lines, "withdrawn"), withdrawn);
    assert_eq!(told(&lines, "record").len(), 3, "{lines:?}");
}
