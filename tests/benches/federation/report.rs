//! One line a measure, and all of them as JSON.

use std::path::Path;

use serde::Serialize;

/// What was measured so far.
#[derive(Debug, Default)]
pub(super) struct Report(Vec<Row>);

#[derive(Debug, Serialize)]
struct Row {
    measure: &'static str,
    value: f64,
    unit: &'static str,
    limit: Option<f64>,
    ratio: Option<f64>,
}

impl Report {
    /// Adds a measure and prints it. `limit` is what the machine could do at best; none where nothing of the kind
    /// bounds the measure.
    pub(super) fn add(&mut self, measure: &'static str, value: f64, unit: &'static str, limit: Option<f64>) {
        let row = Row { measure, value, unit, limit, ratio: limit.map(|limit| value / limit) };
        let (limit, ratio) = (shown(row.limit), shown(row.ratio));
        println!("{measure:<24} {:>12} {unit:<10} limit {limit:>12}   ratio {ratio:>8}", shown(Some(value)));
        self.0.push(row);
    }

    /// Says why a measure is not there.
    pub(super) fn skip(&self, measure: &str, why: &str) {
        println!("{measure:<24} skipped: {why}");
    }

    /// Writes `target/bench/federation.json`.
    pub(super) fn write(&self) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/bench");
        std::fs::create_dir_all(&folder).expect("a folder");
        let json = serde_json::to_vec_pretty(&self.0).expect("JSON");
        std::fs::write(folder.join("federation.json"), json).expect("a file");
    }
}

/// A number with as many decimals as help.
fn shown(number: Option<f64>) -> String {
    match number {
        None => "-".into(),
        Some(number) if number >= 1_000.0 => format!("{number:.0}"),
        Some(number) if number >= 10.0 => format!("{number:.1}"),
        Some(number) => format!("{number:.3}"),
    }
}

/// The value below which `percent` of them lie.
pub(super) fn percentile(values: &mut [f64], percent: usize) -> f64 {
    values.sort_by(f64::total_cmp);
    values[(values.len() * percent / 100).min(values.len() - 1)]
}
