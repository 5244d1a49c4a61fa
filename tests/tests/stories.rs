//! Bad days as bureaus would live through them: daemons, their folders and their sockets.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails loudly"
)]

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use igain_tests::bureau::copy;
use igain_tests::daemon::{Bureau, federation};
use serde_json::Value;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpSocket;

const ALL: &str = "@id(\"all\") permit(principal, action in Action::\"disclose\", resource);";

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}

fn add(bureau: &Bureau, number: &str, more: &[&str]) -> String {
    let number = format!("number={number}");
    let what = ["record", "add", "phone", &number, "--tlp", "green", "--grading", "B2"];
    text(&bureau.json(&[&what[..], more].concat())["outcomes"][0]["id"])
}

fn shows(bureau: &Bureau, id: &str) {
    bureau.eventually(&["record", "show", id], |_| true);
}

/// A file of KE's in which both others take part.
fn file(all: &[Bureau]) -> String {
    let new = ["caf", "create", "Cocaine by sea", "--purpose", "crime-analysis", "--area", "cocaine-trafficking"];
    let id = text(&all[0].json(&[&new[..], &["--scope", "Containers", "--closes=2099-12-31"]].concat())["id"]);
    let others = all[1..].iter().map(|bureau| bureau.id.as_str());
    all[0].json(&[&["caf", "invite", &id][..], &others.collect::<Vec<_>>()].concat());
    for other in &all[1..] {
        other.eventually(&["caf", "list"], |cafs| cafs["cafs"][0]["id"] == id.as_str());
        other.json(&["caf", "join", &id]);
        member(&all[0], &id, &other.id, |state| state == "joined");
    }
    id
}

/// Waits until a bureau says this of a member of a file.
fn member(at: &Bureau, file: &str, bureau: &str, is: impl Fn(&Value) -> bool) {
    at.eventually(&["caf", "show", file], |caf| {
        let members = caf["members"].as_array().expect("members");
        is(members.iter().find(|member| member["bureau"] == bureau).map_or(&Value::Null, |member| &member["state"]))
    });
}

/// Copies the whole data folder of a bureau, which runs before and after.
fn back_up(bureau: &mut Bureau) {
    assert_eq!(bureau.stop(), Some(0));
    copy(&bureau.path("data"), &bureau.path("backup"));
    bureau.run();
}

/// Puts the copy in the place of what the bureau has, which runs before and after.
fn put_back(bureau: &mut Bureau) {
    assert_eq!(bureau.stop(), Some(0));
    std::fs::rename(bureau.path("data"), bureau.path("lost")).unwrap();
    copy(&bureau.path("backup"), &bureau.path("data"));
    bureau.run();
}

/// L7, L8, L17: an owner is put back to before it took back all that a peer had, and the peer has purged it. What the restored policy
/// gives is given again, and what is new and what is withdrawn passes. Seen to fail when the peer is answered from where it is.
#[test]
fn an_owner_that_was_put_back_to_before_it_took_everything_back_goes_on_serving() {
    let mut all = federation(&["KE", "FR"]);
    all[0].apply(ALL);
    let (first, second) = (add(&all[0], "+254700000001", &[]), add(&all[0], "+254700000002", &[]));
    shows(&all[1], &first);
    shows(&all[1], &second);
    back_up(&mut all[0]);
    all[0].apply("// Nothing is shared.");
    all[1].eventually(&["record", "list"], |list| list["records"].as_array().is_some_and(Vec::is_empty));
    put_back(&mut all[0]);
    let third = add(&all[0], "+254700000003", &[]);
    [&first, &second, &third].iter().for_each(|id| shows(&all[1], id));
    all[0].json(&["record", "withdraw", &first, "--yes"]);
    let holds = |list: &Value| list["records"].as_array().map(Vec::len);
    all[1].eventually(&["record", "list"], |list| holds(list) == Some(2));
    all[1].refused(&["record", "show", &first]);
    // Nobody takes the other for a wrongdoer because of it.
    for bureau in &all {
        let violations = bureau.json(&["audit", "list", "--action", "sync.violation"]);
        assert!(violations["entries"].as_array().is_some_and(Vec::is_empty), "{}: {violations}", bureau.id);
    }
}

/// L1, L11: a manager that is put back to before it dismissed a bureau gives it nothing of the file. Seen to fail when letters are
/// not given back.
#[test]
fn who_was_dismissed_gets_nothing_from_a_manager_that_was_put_back() {
    let mut all = federation(&["KE", "FR", "BR"]);
    all.iter().for_each(|bureau| drop(bureau.apply(ALL)));
    let file = file(&all);
    let first = add(&all[0], "+254700000001", &["--caf", &file]);
    all[1..].iter().for_each(|member| shows(member, &first));
    back_up(&mut all[0]);
    all[0].json(&["caf", "dismiss", &file, "BR"]);
    member(&all[1], &file, "BR", Value::is_null);
    put_back(&mut all[0]);
    member(&all[0], &file, "BR", Value::is_null);
    let second = add(&all[0], "+254700000002", &["--caf", &file]);
    let other = add(&all[0], "+254700000003", &[]);
    shows(&all[1], &second);
    shows(&all[2], &other);
    for id in [&first, &second] {
        all[2].refused(&["record", "show", id]);
    }
}

/// L15, L17: a manager that lost its key and came back with another keeps nobody's node from starting.
#[test]
fn a_member_starts_after_its_manager_came_back_with_another_key() {
    let mut all = federation(&["KE", "FR"]);
    all.iter().for_each(|bureau| drop(bureau.apply(ALL)));
    let file = file(&all);
    let own = add(&all[1], "+33600000001", &["--caf", &file]);
    shows(&all[0], &own);
    let again = Bureau::start("KE");
    all[1].json(&["peer", "revoke", "KE", "--why", "compromised", "--yes"]);
    all[1].enrol(&again);
    again.enrol(&all[1]);
    again.apply(ALL);
    assert_eq!(all[1].stop(), Some(0));
    all[1].run();
    shows(&all[1], &add(&again, "+254700000002", &[]));
    shows(&again, &add(&all[1], "+33600000003", &[]));
    all[1].json(&["record", "show", &own]);
    assert_eq!(all[1].json(&["audit", "verify"])["intact"], true);
}

/// L17: strangers that hold every connection they can get, from as many addresses as they like, keep no known bureau out. Seen to fail
/// when all places were for whoever came first.
#[test]
fn strangers_keep_no_known_bureau_out() {
    let (mut ke, mut fr) = (Bureau::init("KE"), Bureau::init("FR"));
    // So that nothing goes around the door that they hold: FR calls, by TCP.
    ke.reached_at(&[format!("/ip4/127.0.0.1/tcp/{}", ke.port)]);
    fr.reached_at(&[]);
    ke.run();
    fr.run();
    ke.enrol(&fr);
    fr.enrol(&ke);
    fr.apply(ALL);
    shows(&ke, &add(&fr, "+33600000001", &[]));
    assert_eq!(fr.stop(), Some(0));

    let port = ke.port;
    let runtime = tokio::runtime::Runtime::new().unwrap();
    for nth in 0..600_u32 {
        runtime.spawn(async move {
            loop {
                let socket = TcpSocket::new_v4().unwrap();
                let address = Ipv4Addr::from(u32::from(Ipv4Addr::new(127, 0, 2, 1)) + nth / 4);
                socket.bind(SocketAddr::new(IpAddr::V4(address), 0)).unwrap();
                if let Ok(mut stream) = socket.connect(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await {
                    // It says nothing, until it is sent away; then it comes again.
                    let mut rest = [0; 512];
                    while stream.read(&mut rest).await.is_ok_and(|read| read > 0) {}
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
    }
    std::thread::sleep(Duration::from_secs(2));
    fr.run();
    shows(&ke, &add(&fr, "+33600000002", &[]));
    assert_eq!(ke.json(&["status"])["bureau"], "KE");
}
