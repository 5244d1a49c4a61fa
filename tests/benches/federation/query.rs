//! Asking for an identifier among a million records.

use std::time::Instant;

use igain_node::api::types::{Answer, Identifier, Question, Text};
use igain_protocol::vocabulary::{Purpose, Scheme};

use super::load::number;
use super::machine;
use super::node::Node;
use super::report::{Report, percentile};

/// How many questions are asked, each for another number.
const QUESTIONS: usize = 1_000;

/// A prime that spreads them.
const STRIDE: usize = 7_919;

pub(super) fn measure(count: usize, node: &Node, report: &mut Report) {
    let mut times = ask_all(count, node);
    // Each question is accounted for on the disk before it is answered.
    report.add("identifier_query_p99_ms", percentile(&mut times, 99), "ms", Some(machine::sync_ms()));
}

/// Milliseconds until the answer to each question.
pub(super) fn ask_all(count: usize, node: &Node) -> Vec<f64> {
    let ask = |nth: usize| {
        let question = question(number(nth * STRIDE % count));
        let begun = Instant::now();
        let answer: Answer = node.post("/v1/query", &question);
        let took = begun.elapsed().as_secs_f64() * 1_000.0;
        assert_eq!(answer.hits.len(), 1, "one subscription has the number");
        took
    };
    (0..QUESTIONS).map(ask).collect()
}

fn question(number: String) -> Question {
    Question {
        purpose: Text(Purpose::ALL[0]),
        case: "bench".into(),
        identifier: Some(Identifier { scheme: Text(Scheme::Phone), value: number }),
        name: None,
        loose: false,
        kinds: Vec::new(),
        owners: Vec::new(),
        cafs: Vec::new(),
        from: None,
        to: None,
        limit: 10,
    }
}
