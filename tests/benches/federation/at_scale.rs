//! A bureau with a million records: asked, followed by a peer, started again, and made anew from its journal.

use igain_tests::daemon::Bureau;

use super::load::Phones;
use super::node::Node;
use super::relay::Relay;
use super::report::Report;
use super::{Load, query, quiet, start};

pub(super) fn measure(load: Load, report: &mut Report) {
    let phones = Phones { count: load.of(1_000_000), classes: 200, remarks: 40 };
    let bureau = Bureau::init("KE");
    let relay = Relay::start(bureau.port);
    let mut ke = Node::start_reached_on(&[relay.port], bureau, 3_600);
    let rate = phones.import(&ke);
    println!("{:<24} {} records were imported, {rate:.0} a second", "", phones.count);
    ke.settle();
    println!("{:<24} {:.0} MiB of memory after the import", "", ke.resident_mb());
    query::measure(phones.count, &ke, report);
    quiet::measure(phones.count, &ke, &relay, report);
    start::measure(phones.count, &mut ke, report);
}
