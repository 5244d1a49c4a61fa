//! Whole daemons over a link as some bureaus have it: slow, far away, lossy, and cut in the middle of what they exchange.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test fails loudly"
)]

use std::collections::BTreeMap;
use std::time::Duration;

use igain_tests::daemon::{ASKING, Bureau, until};
use igain_tests::emulator::{Cut, Emulator, Profile, WAYS, Way, When};
use serde_json::{Value, json};

/// Records that each has for the other.
const RECORDS: usize = 30;

/// One datagram in twenty.
const LOST_PER_MILLE: u16 = 50;

/// Longer than a connection of QUIC may be silent: it ends.
const SILENCE: Duration = Duration::from_secs(20);

/// Long enough for TCP, which ends at once.
const MOMENT: Duration = Duration::from_secs(2);

const ALL: &str = "@id(\"all\") permit(principal, action in Action::\"disclose\", resource);";

/// Records by owner and id, with their revisions.
type Held = BTreeMap<(String, String), u64>;

/// Adds records, and gives the id of the first.
fn add(bureau: &Bureau) -> String {
    let record = |nth| {
        let key = format!("{} {nth}", bureau.id);
        let field = json!({ "name": "remarks", "value": format!("{key} {}", "x".repeat(600)) });
        let label = json!({ "kind": "phone", "tlp": "green" });
        json!({ "key": key, "source": "links", "label": label, "grading": "B2", "fields": [field] })
    };
    let records: Vec<Value> = (0..RECORDS).map(record).collect();
    let added = bureau.api().post("/v1/records", &json!({ "records": records })).expect("an answer").data();
    assert_eq!(added["outcomes"].as_array().map(Vec::len), Some(RECORDS), "{added}");
    added["outcomes"][0]["id"].as_str().expect("an id").to_owned()
}

/// How many records a bureau has, of all owners.
fn count(bureau: &Bureau) -> u64 {
    let status = bureau.api().get("/v1/status").expect("an answer").data();
    status["records"].as_array().expect("counts").iter().filter_map(|row| row["records"].as_u64()).sum()
}

fn held(bureau: &Bureau) -> Held {
    let mut all = Held::new();
    for owner in ["KE", "FR"] {
        let listed =
            bureau.api().get(&format!("/v1/records?owner={owner}&limit=1000&{ASKING}")).expect("an answer").data();
        for record in listed["records"].as_array().expect("records") {
            let id = record["id"].as_str().expect("an id").to_owned();
            all.insert((owner.to_owned(), id), record["revision"].as_u64().expect("a revision"));
        }
    }
    all
}

/// Two bureaus that reach each other over a link only: FR calls KE.
fn pair(address: impl Fn(&Emulator) -> String, profile: Profile) -> (Bureau, Bureau, Emulator) {
    let (mut ke, mut fr) = (Bureau::init("KE"), Bureau::init("FR"));
    let link = Emulator::start(ke.port, profile, 20_261_127);
    ke.reached_at(&[address(&link)]);
    fr.reached_at(&[]);
    for bureau in [&mut ke, &mut fr] {
        bureau.run();
        bureau.apply(ALL);
    }
    ke.enrol(&fr);
    fr.enrol(&ke);
    (ke, fr, link)
}

/// L17, L18: whatever the link is like, both come to hold the same, and what was withdrawn is gone with a receipt.
fn they_end_equal(address: impl Fn(&Emulator) -> String, outage: Duration) {
    let (ke, fr, link) = pair(address, Profile::SATELLITE.losing(LOST_PER_MILLE));
    // The handshake is about 5 KB; this is amid the records.
    link.plan([Cut { when: When::Passed(Way::Back, 15_000), lasts: outage }]);
    let (first, _) = (add(&ke), add(&fr));
    let all = 2 * RECORDS as u64;
    // Records are counted as they are written, and listed once they are durable.
    until("both to hold all", || {
        let counted = [&ke, &fr].iter().all(|bureau| count(bureau) == all);
        let held = || [held(&ke), held(&fr)];
        (counted && held().iter().all(|held| held.len() as u64 == all)).then_some(())
    });
    assert_eq!(held(&ke), held(&fr));
    assert_eq!(link.cuts(), 1, "they were not cut off");
    let reason = json!({ "reason": "incorrect" });
    ke.api().post(&format!("/v1/records/{first}/withdraw"), &reason).expect("an answer").data();
    until("the receipt of FR", || {
        let holders = ke.api().get(&format!("/v1/records/{first}/holders")).expect("an answer").data();
        (holders["holders"][0]["state"] == "purged").then_some(())
    });
    let last = held(&fr);
    assert_eq!((last.len(), &last), (2 * RECORDS - 1, &held(&ke)));
    let counts = WAYS.map(|way| link.counts(way));
    assert!(counts.iter().all(|counts| counts.lost + counts.late > 0), "nothing was lost: {counts:?}");
    for bureau in [&ke, &fr] {
        assert_eq!(bureau.json(&["store", "verify"])["intact"], true);
    }
    println!("{counts:?}");
}

/// Seen to fail when a frame must come at 32 KiB a second, give or take a second, as on a good link.
#[test]
fn two_bureaus_over_a_lossy_satellite_link_end_equal_by_quic() {
    they_end_equal(Emulator::quic, SILENCE);
}

/// The same. Seen to fail as by QUIC.
#[test]
fn two_bureaus_over_a_lossy_satellite_link_end_equal_by_tcp() {
    they_end_equal(Emulator::tcp, MOMENT);
}
