//! How long one writer holds up another: handing a contribution over beside the intake of a parcel of 64 KiB.

use std::time::{Duration, Instant};

use igain_node::office::{Actor, Deed, Office, Pace};
use igain_protocol::feed::{Entry, FeedKind};
use igain_protocol::label::Label;
use igain_protocol::record::{RecordId, Value};
use igain_protocol::vocabulary::{Kind, Tlp};
use igain_tests::bureau::{draft, office};
use igain_tests::wire::{brings, know};

use super::Load;
use super::report::{Report, percentile};

/// Ends that fill a parcel, the most work that one can bring.
const ENDS: u64 = 2_600;

/// Takes in parcels of nothing but ends, and contributes beside each.
pub(super) fn measure(load: Load, report: &mut Report) {
    let folder = tempfile::tempdir().expect("a folder");
    let ke = office("KE", 1, folder.path());
    let from = "BR".parse().expect("a bureau");
    know(&ke, from, 3);
    let rounds = load.of(200) as u64;
    let mut quiet: Vec<f64> = (0..rounds).map(|nth| hand_over(&ke, nth)).collect();
    let mut beside = Vec::new();
    for round in 0..rounds {
        let end = |nth: u64| {
            let mut bytes = [0; 16];
            bytes[..8].copy_from_slice(&(round * ENDS + nth).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
            Entry::Gone(RecordId::from_bytes(bytes))
        };
        let parcel = brings(&ke, from, FeedKind::Records, (0..ENDS).map(end).collect());
        let other = ke.clone();
        let intake = std::thread::spawn(move || other.receive(from, parcel).expect("the books"));
        let mut longest: f64 = 0.0;
        for nth in 0.. {
            longest = longest.max(hand_over(&ke, rounds + round * 10_000 + nth));
            if intake.is_finished() {
                break;
            }
        }
        intake.join().expect("an intake");
        beside.push(longest);
    }
    let limit = percentile(&mut quiet, 50);
    report.add("wait_beside_intake_p50_ms", percentile(&mut beside, 50), "ms", Some(limit));
    report.add("wait_beside_intake_p99_ms", percentile(&mut beside, 99), "ms", Some(limit));
}

/// Milliseconds until one more record is handed over to be written, which takes the lock of all who write.
fn hand_over(ke: &Office, nth: u64) -> f64 {
    let number = Value::Text(format!("+2547{nth:08}"));
    let draft = draft(&format!("own{nth}"), Label::new(Kind::Phone, Tlp::Green), &[("number", number)]);
    let prepared = ke.prepare(vec![draft]).expect("the books");
    let begun = Instant::now();
    let contribution = ke.append(Deed::new(Actor::Node, "record.import"), prepared, Pace::Prompt).expect("the books");
    let took: Duration = begun.elapsed();
    contribution.wait().expect("the disk");
    took.as_secs_f64() * 1_000.0
}
