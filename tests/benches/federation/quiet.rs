//! What it costs two bureaus to find that neither has anything new for the other: all bytes of all datagrams between
//! them, those of QUIC and TLS included.

use std::time::{Duration, Instant};

use igain_tests::daemon::Bureau;

use super::load::SHARE_ALL;
use super::node::Node;
use super::relay::Relay;
use super::replicate::received;
use super::report::{Report, percentile};

/// Syncs of which the middle one counts: now and then one carries a packet that keeps the connection alive.
const SYNCS: usize = 15;

/// A peer takes all that `ke` has, over a relay that counts; then both are quiet. The peer asks every second, and `ke`
/// hardly ever, so that each burst of datagrams is one sync.
pub(super) fn measure(count: usize, ke: &Node, relay: &Relay, report: &mut Report) {
    let fr = Node::start_reached_on(&[], Bureau::init("FR"), 1);
    fr.bureau.enrol(&ke.bureau);
    ke.bureau.enrol(&fr.bureau);
    let begun = Instant::now();
    ke.bureau.apply(SHARE_ALL);
    received(ke, &fr, count);
    println!("{:<24} {count} records were replicated in {:.0} s", "", begun.elapsed().as_secs_f64());
    fr.settle();
    let frames = frames_of_a_sync(&fr);
    relay.bursts();
    let mut bytes = Vec::new();
    fr.until("quiet syncs", Duration::from_millis(200), |_| {
        bytes.extend(relay.bursts().into_iter().map(|burst| burst.bytes as f64));
        (bytes.len() >= SYNCS).then_some(())
    });
    report.add("quiet_sync_bytes", percentile(&mut bytes, 50), "bytes", Some(frames));
}

/// Bytes of the frames of one sync, both ways: what two bureaus have to say, without how it is carried.
fn frames_of_a_sync(fr: &Node) -> f64 {
    let bytes = || {
        let link = fr.link("KE");
        link.bytes_in + link.bytes_out
    };
    let next = |before: u64| {
        fr.until("a quiet sync", Duration::from_millis(20), |_| Some(bytes()).filter(|now| *now > before));
        // All frames of it have come by now.
        std::thread::sleep(Duration::from_millis(300));
        bytes()
    };
    let first = next(bytes());
    (next(first) - first) as f64
}
