//! Replication between two daemons on this machine: all at once, then one record at a time.

use std::time::{Duration, Instant};

use super::load::{Phones, SHARE_ALL};
use super::node::{Node, held};
use super::report::Report;
use super::{Load, machine, propagate};

/// Remarks that make a record of about a kilobyte, as it travels.
const REMARKS: usize = 330;

pub(super) fn measure(load: Load, report: &mut Report) {
    let (ke, fr) = (Node::start("KE", 60), Node::start("FR", 60));
    ke.bureau.enrol(&fr.bureau);
    fr.bureau.enrol(&ke.bureau);
    let phones = Phones { count: load.of(100_000), classes: 20, remarks: REMARKS };
    phones.import(&ke);
    ke.settle();
    fr.until("a connection", Duration::from_millis(20), |node| node.link("KE").connected.then_some(()));
    let begun = Instant::now();
    ke.bureau.apply(SHARE_ALL);
    received(&ke, &fr, phones.count);
    let rate = phones.count as f64 / begun.elapsed().as_secs_f64();
    let bytes = usize::try_from(fr.link("KE").bytes_in).expect("a size") / phones.count;
    println!("{:<24} {bytes} bytes a record on the wire", "");
    report.add("replicate_records_per_s", rate, "records/s", Some(machine::replicate_per_s(bytes)));
    fr.settle();
    propagate::measure(load, phones.count, (&ke, &fr), report);
}

/// Waits until the receiver holds so many records and has confirmed it, which it does once they are durable.
pub(super) fn received(ke: &Node, fr: &Node, count: usize) {
    let every = Duration::from_millis(50);
    fr.until("all records", every, |node| (held(&node.status(), "KE") == count as u64).then_some(()));
    ke.until("the receiver's word", Duration::from_millis(5), |node| (node.link("FR").behind == 0).then_some(()));
}
