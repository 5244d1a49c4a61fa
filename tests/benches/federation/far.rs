//! One record at a time to a peer that is far away: what it costs is round trips.

use std::time::Duration;

use igain_tests::daemon::Bureau;
use igain_tests::emulator::{Emulator, Profile};

use super::Load;
use super::load::SHARE_ALL;
use super::node::Node;
use super::propagate;
use super::report::{Report, percentile};

/// One way, as between two continents.
const DELAY: Duration = Duration::from_millis(50);

/// Ways over the link that one record cannot do without: the owner tells of it, the receiver asks, and it comes.
const WAYS: u32 = 3;

pub(super) fn measure(load: Load, report: &mut Report) {
    let (ke, fr) = (Bureau::init("KE"), Node::start_reached_on(&[], Bureau::init("FR"), 60));
    let link = Emulator::start(ke.port, Profile { delay: DELAY, ..Profile::CLEAR }, 1);
    let ke = Node::start_reached_on(&[link.port()], ke, 60);
    ke.bureau.enrol(&fr.bureau);
    fr.bureau.enrol(&ke.bureau);
    ke.bureau.apply(SHARE_ALL);
    fr.until("a connection", DELAY, |node| node.link("KE").connected.then_some(()));
    let mut times: Vec<f64> = (0..load.of(100)).map(|nth| propagate::one(nth, &ke, &fr)).collect();
    let limit = (WAYS * DELAY).as_secs_f64() * 1_000.0;
    report.add("far_propagation_p50_ms", percentile(&mut times, 50), "ms", Some(limit));
}
