//! What a federation does on this machine, beside what the machine could do at best.
//!
//! `cargo bench -p igain-tests --bench federation` prints one line a measure and writes `target/bench/federation.json`;
//! `-- --quick` runs a tenth of the load. Bureaus are whole, with real stores and sockets, and share this one process.

#![allow(clippy::expect_used, clippy::print_stdout, clippy::indexing_slicing, reason = "a benchmark fails loudly")]

use std::io::Write as _;
use std::time::{Duration, Instant};

use igain_node::office::{Actor, Draft, Office, Question};
use igain_protocol::bureau::SigningKey;
use igain_protocol::label::Label;
use igain_protocol::record::{RecordId, Value};
use igain_protocol::time::Day;
use igain_protocol::vocabulary::{Kind, Purpose, Scheme, Tlp};
use igain_tests::bureau::{Bureau, office};
use serde::Serialize;

const TO_FR: &str = r#"@id("fr-all") permit(principal == Bureau::"FR", action in Action::"disclose", resource);"#;

/// Records contributed at a time, as an import does.
const BATCH: usize = 1_000;

#[derive(Serialize)]
struct Row {
    measure: &'static str,
    value: f64,
    unit: &'static str,
    limit: Option<f64>,
    ratio: Option<f64>,
}

#[derive(Default)]
struct Report(Vec<Row>);

impl Report {
    fn add(&mut self, measure: &'static str, value: f64, unit: &'static str, limit: Option<f64>) {
        let ratio = limit.map(|limit| value / limit);
        let beside =
            limit.map_or(String::new(), |limit| format!("   limit {limit:>12.1}   ratio {:.2}", value / limit));
        println!("{measure:<28} {value:>12.1} {unit:<10}{beside}");
        self.0.push(Row { measure, value, unit, limit, ratio });
    }

    fn write(&self) {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/bench");
        std::fs::create_dir_all(&folder).expect("a folder");
        let json = serde_json::to_vec_pretty(&self.0).expect("JSON");
        std::fs::write(folder.join("federation.json"), json).expect("a file");
    }
}

fn draft(nth: usize) -> Draft {
    let number = format!("+2547{nth:08}");
    let text = format!("{:0>600}", nth);
    Draft {
        id: Some(RecordId::derived(&[1; 32], "bench", &nth.to_string())),
        label: Label::new(Kind::Phone, Tlp::Green),
        grading: Some("B2".parse().expect("a grading")),
        retain_until: Some(Day::from_days(25_000)),
        fields: vec![
            ("number".into(), Value::Text(number)),
            ("subscriber".into(), Value::name(format!("Subscriber {nth}"))),
            ("remarks".into(), Value::Text(text)),
        ],
    }
}

fn contribute(office: &Office, count: usize) -> f64 {
    let begun = Instant::now();
    let mut pending = None;
    for from in (0..count).step_by(BATCH) {
        let drafts = (from..count.min(from + BATCH)).map(draft).collect();
        let prepared = office.prepare(drafts).expect("prepared");
        let next = office.append(prepared).expect("appended");
        if let Some(mut last) = pending.replace(next) {
            igain_node::office::Contribution::wait(&mut last).expect("durable");
        }
    }
    if let Some(mut last) = pending {
        last.wait().expect("durable");
    }
    count as f64 / begun.elapsed().as_secs_f64()
}

/// Signatures that both processors make together.
fn signatures_per_s() -> f64 {
    let key = SigningKey::from_seed([1; 32]);
    let payload = [7; 300];
    let begun = Instant::now();
    const EACH: usize = 5_000;
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                for _ in 0..EACH {
                    std::hint::black_box(igain_protocol::codec::sign(
                        igain_protocol::codec::Typ::Record,
                        &payload,
                        &key,
                    ));
                }
            });
        }
    });
    (2 * EACH) as f64 / begun.elapsed().as_secs_f64()
}

/// Signatures that one processor checks in batches.
fn verifications_per_s() -> f64 {
    use igain_protocol::codec::{Signed, Typ, sign, verify_batch};
    let key = SigningKey::from_seed([1; 32]);
    let public = key.verifying_key();
    let documents: Vec<Vec<u8>> = (0..5_000u32).map(|n| sign(Typ::Record, &n.to_be_bytes(), &key)).collect();
    let parsed: Vec<Signed<'_>> =
        documents.iter().map(|bytes| Signed::parse(Typ::Record, bytes).expect("a document")).collect();
    let pairs: Vec<_> = parsed.iter().map(|signed| (signed, &public)).collect();
    let begun = Instant::now();
    assert!(verify_batch(&pairs).iter().all(Result::is_ok));
    documents.len() as f64 / begun.elapsed().as_secs_f64()
}

/// Milliseconds of one fsync of a small write.
fn sync_ms() -> f64 {
    const TIMES: u32 = 50;
    let mut file = tempfile::tempfile().expect("a file");
    let begun = Instant::now();
    for _ in 0..TIMES {
        file.write_all(&[7; 4_096]).expect("written");
        file.sync_data().expect("synced");
    }
    begun.elapsed().as_secs_f64() * 1_000.0 / f64::from(TIMES)
}

fn percentile(sorted: &[f64], percent: usize) -> f64 {
    sorted[(sorted.len() * percent / 100).min(sorted.len() - 1)]
}

fn identifier_queries(office: &Office, count: usize, report: &mut Report) {
    let mut times: Vec<f64> = (0..500)
        .map(|n| {
            let number = format!("+2547{:08}", n * 7_919 % count);
            let question = Question {
                actor: Actor::Node,
                purpose: Purpose::ALL[0],
                case: "bench".into(),
                identifier: Some((Scheme::Phone, number)),
                name: None,
                kinds: Vec::new(),
                owners: Vec::new(),
                cafs: Vec::new(),
                from: None,
                to: None,
                limit: 10,
            };
            let begun = Instant::now();
            assert_eq!(office.ask(&question).expect("an answer").hits.len(), 1);
            begun.elapsed().as_secs_f64() * 1_000.0
        })
        .collect();
    times.sort_by(f64::total_cmp);
    report.add("identifier_query_p99_ms", percentile(&times, 99), "ms", Some(sync_ms()));
}

async fn replicate(count: usize, report: &mut Report) {
    let (ke, fr) = (Bureau::start("KE", 1).await, Bureau::start("FR", 2).await);
    ke.enrol(&fr).await;
    contribute(&ke.office, count);
    ke.apply(TO_FR).await;
    let begun = Instant::now();
    fr.enrol(&ke).await;
    let received = || fr.office.counts().get(&ke.id()).copied().unwrap_or_default() as usize;
    while received() < count {
        assert!(begun.elapsed() < Duration::from_secs(600), "only {} of {count} arrived", received());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let rate = count as f64 / begun.elapsed().as_secs_f64();
    report.add("replicate_records_per_s", rate, "records/s", Some(verifications_per_s()));
    propagate(&ke, &fr, count, report).await;
}

async fn propagate(ke: &Bureau, fr: &Bureau, count: usize, report: &mut Report) {
    let mut times = Vec::new();
    for nth in 0..100 {
        let before = fr.office.counts().get(&ke.id()).copied().unwrap_or_default();
        let begun = Instant::now();
        ke.contribute(draft(count + nth)).await;
        while fr.office.counts().get(&ke.id()).copied().unwrap_or_default() == before {
            tokio::time::sleep(Duration::from_micros(500)).await;
        }
        times.push(begun.elapsed().as_secs_f64() * 1_000.0);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    times.sort_by(f64::total_cmp);
    let limit = 3.0 * sync_ms();
    report.add("propagation_p50_ms", percentile(&times, 50), "ms", Some(limit));
    report.add("propagation_p99_ms", percentile(&times, 99), "ms", Some(limit));
}

fn main() {
    let quick = std::env::args().any(|argument| argument == "--quick");
    let (import, replicated) = if quick { (25_000, 10_000) } else { (250_000, 100_000) };
    let mut report = Report::default();
    println!("{import} records contributed, {replicated} replicated; one fsync takes {:.2} ms", sync_ms());

    let folder = tempfile::tempdir().expect("a folder");
    {
        let office = office("KE", 1, folder.path());
        let rate = contribute(&office, import);
        report.add("contribute_records_per_s", rate, "records/s", Some(signatures_per_s()));
        identifier_queries(&office, import, &mut report);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(replicate(replicated, &mut report));
    report.write();
}
