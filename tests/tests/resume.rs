//! L18 on whole daemons: a transfer that is cut off goes on where it was, and at most 64 KiB of it travel again.
//!
//! Between the daemons stands a relay that counts what reaches the receiver, and in the middle of it hangs up, or kills
//! the receiver.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test fails loudly"
)]

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use igain_protocol::parcel::PARCEL_LIMIT;
use igain_tests::daemon::{Bureau, until};
use igain_tests::simulation::Random;
use serde_json::Value;

const RECORDS: u64 = 3_000;

/// How often the transfer is cut off.
const CUTS: u64 = 5;

/// Parcels that one pull asks for, where the configuration says nothing else.
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

/// A relay between one receiver and one sender.
#[derive(Clone)]
struct Relay {
    port: u16,
    to: u16,
    /// Bytes that reached the receiver.
    delivered: Arc<AtomicU64>,
    /// After how many of them the connections to come are cut; then no more are.
    cuts: Arc<Mutex<VecDeque<u64>>>,
    /// How many were cut.
    made: Arc<AtomicU64>,
    /// A process that is killed at each cut.
    victim: Arc<Mutex<Option<u32>>>,
}

impl Relay {
    fn start(to: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let relay = Self {
            port,
            to,
            delivered: Arc::default(),
            cuts: Arc::default(),
            made: Arc::default(),
            victim: Arc::default(),
        };
        let accepting = relay.clone();
        std::thread::spawn(move || {
            for receiver in listener.incoming().map_while(Result::ok) {
                let relay = accepting.clone();
                std::thread::spawn(move || relay.carry(receiver));
            }
        });
        relay
    }

    /// Carries one connection to its end.
    fn carry(&self, mut receiver: TcpStream) {
        let Ok(mut sender) = TcpStream::connect(("127.0.0.1", self.to)) else { return };
        let (Ok(mut up_from), Ok(mut up_to)) = (receiver.try_clone(), sender.try_clone()) else { return };
        std::thread::spawn(move || {
            let _ = std::io::copy(&mut up_from, &mut up_to);
            let _ = up_to.shutdown(Shutdown::Both);
        });
        let limit = self.cuts.lock().expect("a lock").pop_front();
        let (mut carried, mut piece) = (0, [0; 2_048]);
        while let Ok(bytes @ 1..) = sender.read(&mut piece) {
            if receiver.write_all(&piece[..bytes]).is_err() {
                break;
            }
            carried += bytes as u64;
            self.delivered.fetch_add(bytes as u64, Ordering::Relaxed);
            if limit.is_some_and(|limit| carried >= limit) {
                if let Some(victim) = self.victim.lock().expect("a lock").take() {
                    let killed = Command::new("kill").args(["-s", "KILL", &victim.to_string()]).status();
                    assert!(killed.expect("kill").success(), "{victim} could not be killed");
                }
                self.made.fetch_add(1, Ordering::Relaxed);
                break;
            }
        }
        for end in [&receiver, &sender] {
            let _ = end.shutdown(Shutdown::Both);
        }
    }
}

fn reach_only(bureau: &Bureau, port: Option<u16>) {
    let addresses = port.map(|port| format!("\"/ip4/127.0.0.1/tcp/{port}\"")).unwrap_or_default();
    bureau.configure(|text| {
        let line = text.lines().find(|line| line.starts_with("addresses")).expect("addresses");
        text.replace(line, &format!("addresses = [{addresses}]"))
    });
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
enum Cut {
    /// The connection ends.
    Link,
    /// The receiver is killed, and started again.
    Kill,
}

/// A new bureau takes all of KE's records through the relay; gives the bytes that reached it, and those that KE sent.
fn transfer(ke: &Bureau, relay: &Relay, id: &str, how: Cut) -> (u64, u64) {
    let mut receiver = Bureau::init(id);
    reach_only(&receiver, None);
    receiver.run();
    let before = relay.delivered.load(Ordering::Relaxed);
    ke.enrol(&receiver);
    receiver.enrol(ke);
    until("all records to arrive", || {
        if how == Cut::Kill {
            let mut victim = relay.victim.lock().expect("a lock");
            if receiver.has_ended() {
                receiver.kill();
                receiver.run();
            }
            *victim = receiver.pid();
        }
        (held(&receiver) == RECORDS).then_some(())
    });
    relay.victim.lock().expect("a lock").take();
    let all_acknowledged = |peer: &Value| peer["link"]["behind"] == 0;
    let peer = ke.eventually(&["peer", "show", id], all_acknowledged);
    let delivered = relay.delivered.load(Ordering::Relaxed) - before;
    receiver.stop();
    (delivered, peer["link"]["bytes_out"].as_u64().expect("a count"))
}

/// A KE that FR and another may have all of, and the relay through which they reach it.
fn provider(id: &str) -> (Bureau, Relay) {
    let mut ke = Bureau::init("KE");
    let relay = Relay::start(ke.port);
    reach_only(&ke, Some(relay.port));
    ke.run();
    let text = "x".repeat(600);
    let row = |row| format!("{row},+2547{row:08},{text}\n");
    let table: String = std::iter::once("id,number,text\n".to_owned()).chain((0..RECORDS).map(row)).collect();
    ke.api().import(MAPPING, &table, |_| {}).expect("an import");
    let all =
        |id| format!("@id(\"{id}\") permit(principal == Bureau::\"{id}\", action in Action::\"disclose\", resource);");
    ke.apply(&["FR", id].map(all).concat());
    (ke, relay)
}

/// FR takes everything at once, and another bureau with cuts: no more than so many parcels for each travel again.
fn at_most_so_much_travels_again(id: &str, how: Cut, parcels: u64) {
    let (ke, relay) = provider(id);
    let (whole, sent) = transfer(&ke, &relay, "FR", Cut::Link);
    let mut random = Random::new(20_261_125);
    let cuts = (0..CUTS).map(|_| 6_000 + random.below(whole / CUTS * 2));
    relay.cuts.lock().expect("a lock").extend(cuts);
    let (in_parts, sent_in_parts) = transfer(&ke, &relay, id, how);
    let made = relay.made.load(Ordering::Relaxed);
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
    at_most_so_much_travels_again("BR", Cut::Link, 1);
}

/// Where it is not the link that ends but the receiver, what it had not made durable travels again: at most what one pull
/// asks for. Seen to fail when a receiver begins with the feeds' beginnings after a start.
#[test]
fn no_more_than_one_pull_travels_again_when_the_receiver_is_killed() {
    at_most_so_much_travels_again("US", Cut::Kill, WINDOW);
}
