//! L17: the loss of any set of peers stops nothing local, and no exchange between the rest. Real daemons, killed and
//! frozen.

#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails loudly")]

use igain_tests::daemon::{Bureau, federation, until};

const WHY: [&str; 4] = ["--purpose", "investigation", "--case", "TEST/2026/1"];

fn add(bureau: &Bureau, number: &str) -> String {
    let done =
        bureau.json(&["record", "add", "phone", &format!("number={number}"), "--tlp", "green", "--grading", "B2"]);
    done["outcomes"][0]["id"].as_str().expect("an id").to_owned()
}

fn holds(bureau: &Bureau, id: &str) {
    until("a record to come", || (bureau.igain(&["record", "show", id]).code == Some(0)).then_some(()));
}

/// All that a bureau does by itself.
fn works(bureau: &Bureau, number: &str) -> String {
    let id = add(bureau, number);
    let found = bureau.json(&[&["query", "--phone", number][..], &WHY].concat());
    assert_eq!(found["hits"][0]["id"], id.as_str());
    assert_eq!(bureau.igain(&["status"]).code, Some(0));
    bureau.json(&["record", "revise", &id, "type=mobile"]);
    let gone = add(bureau, "+254 700 999 999");
    bureau.json(&["record", "withdraw", &gone, "--yes"]);
    assert_eq!(bureau.json(&["audit", "verify"])["intact"], true);
    id
}

/// L17. BR is frozen in the middle of its connections, so that it answers nothing and nothing says that it is gone; then
/// killed; then FR is killed too.
///
/// Seen to fail when.
#[test]
fn l17_the_loss_of_peers_stops_nothing_local_and_no_exchange_between_the_rest() {
    let mut bureaus = federation(&["KE", "FR", "BR"]);
    bureaus
        .iter()
        .for_each(|bureau| drop(bureau.apply("permit (principal, action in Action::\"disclose\", resource);")));
    let first = works(&bureaus[0], "+254 700 000 001");
    holds(&bureaus[1], &first);
    holds(&bureaus[2], &first);

    bureaus[2].signal("STOP");
    for round in 0..5 {
        let id = works(&bureaus[0], &format!("+254 700 000 01{round}"));
        holds(&bureaus[1], &id);
        let back = works(&bureaus[1], &format!("+254 700 000 02{round}"));
        holds(&bureaus[0], &back);
    }
    bureaus[2].kill();
    let second = works(&bureaus[0], "+254 700 000 002");
    holds(&bureaus[1], &second);

    bureaus[1].kill();
    let third = works(&bureaus[0], "+254 700 000 003");
    bureaus[1].run();
    holds(&bureaus[1], &third);
    bureaus[2].run();
    for id in [&first, &second, &third] {
        holds(&bureaus[2], id);
    }
}
