//! L18 on whole daemons: a transfer that is cut off goes on where it was, and at most 64 KiB of it travel again.
//!
//! Between the daemons is a link that counts what reaches the receiver and breaks off in the middle of it; in one test the
//! receiver is killed at the same time.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test fails loudly"
)]

use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use igain_protocol::parcel::PARCEL_LIMIT;
use igain_tests::daemon::{Bureau, until};
use igain_tests::emulator::{Cut, Emulator, Profile, Way, When};
use igain_tests::simulation::Random;
use serde_json::Value;

const RECORDS: u64 = 3_000;

/// How often the transfer is cut off.
const CUTS: u64 = 5;

/// Parcels that may be on their way, where the configuration says nothing else.
const WINDOW: u64 = 4;

/// What a new connection costs beside what is transferred: the TLS handshake, what both hold, the feeds that are open.
const CONNECTING: u64 = 12 << 10;

const MAPPING: &str = r#"
source = "resume"
grading = "B2"
[label]
tlp = "green"
[[record]]
kind = "phone"
key = "{id}"
take = ["number"]
[record.fields]
remarks = "{text}"
"#;

/// The link to KE, which only receivers call.
struct Link {
    emulator: Emulator,
    /// A process that is killed at the next cut.
    victim: Arc<Mutex<Option<u32>>>,
}

impl Link {
    fn to(ke: &Bureau) -> Self {
        let (emulator, victim) = (Emulator::start(ke.port, Profile::CLEAR, 1), Arc::<Mutex<Option<u32>>>::default());
        let at_cut = Arc::clone(&victim);
        emulator.at_cut(move || {
            if let Some(victim) = at_cut.lock().expect("a lock").take() {
                let killed = Command::new("kill").args(["-s", "KILL", &victim.to_string()]).status();
                assert!(killed.expect("kill").success(), "{victim} could not be killed");
            }
        });
        Self { emulator, victim }
    }

    /// Bytes that reached receivers.
    fn bytes_delivered(&self) -> u64 {
        self.emulator.counts(Way::Back).bytes
    }
}

/// How many records of KE a bureau has; none while its daemon does not answer.
fn held(bureau: &Bureau) -> u64 {
    let said = bureau.igain(&["status", "--json"]);
    if said.code != Some(0) {
        return 0;
    }
    let status = said.json();
    let row = status["records"].as_array().expect("counts").iter().find(|row| row["owner"] == "KE").cloned();
    row.map_or(0, |row| row["records"].as_u64().expect("a count"))
}

/// What happens at each cut.
#[derive(Clone, Copy, PartialEq, Eq)]
enum How {
    /// The connection ends.
    Link,
    /// The receiver is killed, and started again.
    Kill,
}

/// A new bureau takes all of KE's records over the link; gives the bytes that reached it, and those that KE sent.
fn transfer(ke: &Bureau, link: &Link, id: &str, how: How) -> (u64, u64) {
    let mut receiver = Bureau::init(id);
    receiver.reached_at(&[]);
    receiver.run();
    let before = link.bytes_delivered();
    ke.enrol(&receiver);
    receiver.enrol(ke);
    until("all records to arrive", || {
        if how == How::Kill {
            let mut victim = link.victim.lock().expect("a lock");
            if receiver.has_ended() {
                receiver.kill();
                receiver.run();
            }
            *victim = receiver.pid();
        }
        (held(&receiver) == RECORDS).then_some(())
    });
    link.victim.lock().expect("a lock").take();
    let all_acknowledged = |peer: &Value| peer["link"]["behind"] == 0;
    let peer = ke.eventually(&["peer", "show", id], all_acknowledged);
    let delivered = link.bytes_delivered() - before;
    receiver.stop();
    (delivered, peer["link"]["bytes_out"].as_u64().expect("a count"))
}

/// A KE that FR and another may have all of, and the link over which they reach it.
fn provider(id: &str) -> (Bureau, Link) {
    let mut ke = Bureau::init("KE");
    let link = Link::to(&ke);
    ke.reached_at(&[link.emulator.tcp()]);
    ke.run();
    let text = "x".repeat(600);
    let row = |row| format!("{row},+2547{row:08},{text}\n");
    let table: String = std::iter::once("id,number,text\n".to_owned()).chain((0..RECORDS).map(row)).collect();
    ke.api().import(MAPPING, &table, |_| {}).expect("an import");
    let all =
        |id| format!("@id(\"{id}\") permit(principal == Bureau::\"{id}\", action in Action::\"disclose\", resource);");
    ke.apply(&["FR", id].map(all).concat());
    (ke, link)
}

/// FR takes everything at once, and another bureau with cuts: no more than so many parcels for each travel again.
fn at_most_so_much_travels_again(id: &str, how: How, parcels: u64) {
    let (ke, link) = provider(id);
    let (whole, sent) = transfer(&ke, &link, "FR", How::Link);
    let mut random = Random::new(20_261_125);
    let after = |bytes| Cut { when: When::Passed(Way::Back, bytes), lasts: Duration::ZERO };
    link.emulator.plan((0..CUTS).map(|_| after(6_000 + random.below(whole / CUTS * 2))));
    let (in_parts, sent_in_parts) = transfer(&ke, &link, id, how);
    let made = link.emulator.cuts();
    println!("{whole} bytes whole, {in_parts} with {made} cuts; KE handed {sent} and {sent_in_parts} to the system");
    assert!(made >= 3, "{made} cuts");
    let again = in_parts.saturating_sub(whole);
    assert!(
        again <= made * (parcels * PARCEL_LIMIT as u64 + CONNECTING),
        "{again} bytes travelled again over {made} cuts"
    );
    assert!(whole > RECORDS * 600, "{whole} bytes for {RECORDS} records");
}

/// L18. Seen to fail when a receiver begins with the feeds' beginnings after a connection was lost.
#[test]
fn l18_what_has_arrived_does_not_travel_again() {
    at_most_so_much_travels_again("BR", How::Link, 1);
}

/// Where it is not the link that ends but the receiver, what it had not made durable travels again: at most what may be on
/// its way. Seen to fail when a receiver begins with the feeds' beginnings after a start.
#[test]
fn no_more_than_the_window_travels_again_when_the_receiver_is_killed() {
    at_most_so_much_travels_again("US", How::Kill, WINDOW);
}
