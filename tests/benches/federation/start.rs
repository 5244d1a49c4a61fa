//! Starting a daemon that holds a million records, and making its key directory anew from the journal.

use std::time::Duration;

use super::node::Node;
use super::report::{Report, percentile};
use super::{machine, query};

/// Starts of which the middle one counts.
const STARTS: usize = 3;

pub(super) fn measure(count: usize, node: &mut Node, report: &mut Report) {
    let store = node.bureau.path("data").join("store");
    let directory = store.join("directory");
    let mut times: Vec<f64> = (0..STARTS).map(|_| again(node, || {}).as_secs_f64()).collect();
    let limit = machine::read_s(&directory);
    report.add("start_s", percentile(&mut times, 50), "s", Some(limit));
    query::ask_all(count, node);
    report.add("resident_mb", node.resident_mb(), "MiB", None);
    let took = again(node, || std::fs::remove_dir_all(&directory).expect("the directory"));
    query::ask_all(count, node);
    let limit = count as f64 / machine::read_s(&store.join("journal"));
    report.add("rebuild_records_per_s", count as f64 / took.as_secs_f64(), "records/s", Some(limit));
}

/// Stops the daemon and starts it again.
fn again(node: &mut Node, between: impl FnOnce()) -> Duration {
    assert_eq!(node.bureau.stop(), Some(0), "{}", node.bureau.log());
    between();
    node.run()
}
