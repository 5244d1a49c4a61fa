//! What a federation of real daemons does on this machine, beside what the machine could do at best.
//!
//! `cargo bench -p igain-tests --bench federation` prints one line a measure and writes `target/bench/federation.json`;
//! `-- --quick` runs a tenth of the load. Bureaus are processes with real keys, stores and sockets, and are fed and
//! asked as users do: by `igain import` and over the socket of the daemon. Each limit is measured in the same run.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a benchmark says what it finds, and fails loudly"
)]

#[path = "federation/at_scale.rs"]
mod at_scale;
#[path = "federation/entitle.rs"]
mod entitle;
#[path = "federation/far.rs"]
mod far;
#[path = "federation/hold.rs"]
mod hold;
#[path = "federation/import.rs"]
mod import;
#[path = "federation/load.rs"]
mod load;
#[path = "federation/machine.rs"]
mod machine;
#[path = "federation/node.rs"]
mod node;
#[path = "federation/policy.rs"]
mod policy;
#[path = "federation/propagate.rs"]
mod propagate;
#[path = "federation/query.rs"]
mod query;
#[path = "federation/quiet.rs"]
mod quiet;
#[path = "federation/relay.rs"]
mod relay;
#[path = "federation/replicate.rs"]
mod replicate;
#[path = "federation/report.rs"]
mod report;
#[path = "federation/start.rs"]
mod start;

use report::Report;

/// How much work is done.
#[derive(Debug, Clone, Copy)]
struct Load {
    quick: bool,
}

impl Load {
    /// All of it, or a tenth.
    const fn of(self, whole: usize) -> usize {
        if self.quick { whole / 10 } else { whole }
    }
}

fn main() {
    let load = Load { quick: std::env::args().any(|argument| argument == "--quick") };
    // `BENCH=import,policy` runs only these, to look at one of them closely.
    let only = std::env::var("BENCH").unwrap_or_default();
    let wanted = |name: &str| only.is_empty() || only.split(',').any(|one| one == name);
    let mut report = Report::default();
    let families: [(&str, fn(Load, &mut Report)); 7] = [
        ("import", import::measure),
        ("replicate", replicate::measure),
        ("far", far::measure),
        ("hold", hold::measure),
        ("entitle", entitle::measure),
        ("policy", policy::measure),
        ("scale", at_scale::measure),
    ];
    for (_, measure) in families.into_iter().filter(|(name, _)| wanted(name)) {
        measure(load, &mut report);
    }
    report.write();
}
