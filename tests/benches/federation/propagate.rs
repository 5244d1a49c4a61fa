//! From a new record at one bureau to the same record, durable, at an idle peer.

use std::time::{Duration, Instant};

use igain_node::api::types::{Contributed, NewRecords, OutcomeKind};

use super::load::by_hand;
use super::node::{Node, held};
use super::report::{Report, percentile};
use super::{Load, machine};

/// How often the receiver is asked: often enough to see milliseconds, seldom enough to leave it the processor.
const EVERY: Duration = Duration::from_millis(1);

/// Syncs to the disk that one record cannot do without: the owner's and the receiver's.
const SYNCS: f64 = 2.0;

/// Adds records one by one. `first` is the first number that is not in use.
pub(super) fn measure(load: Load, first: usize, (ke, fr): (&Node, &Node), report: &mut Report) {
    let mut times: Vec<f64> = (first..first + load.of(500)).map(|nth| one(nth, ke, fr)).collect();
    let limit = SYNCS * machine::sync_ms();
    report.add("propagation_p50_ms", percentile(&mut times, 50), "ms", Some(limit));
    report.add("propagation_p99_ms", percentile(&mut times, 99), "ms", Some(limit));
}

/// Milliseconds from the request to add a record until it is durable at the peer.
pub(super) fn one(nth: usize, ke: &Node, fr: &Node) -> f64 {
    let quiet = |node: &Node| (node.link("FR").behind == 0).then_some(());
    ke.until("a quiet peer", Duration::from_millis(5), quiet);
    let before = fr.status();
    let begun = Instant::now();
    let done: Contributed = ke.post("/v1/records", &NewRecords { records: vec![by_hand(nth)] });
    assert_eq!(done.outcomes[0].outcome, OutcomeKind::Added);
    fr.until("the record", EVERY, |node| {
        let now = node.status();
        // A record is counted as it is written, and the commit once that is durable.
        let durable = now.store.commits > before.store.commits;
        (durable && held(&now, "KE") > held(&before, "KE")).then_some(())
    });
    begun.elapsed().as_secs_f64() * 1_000.0
}
