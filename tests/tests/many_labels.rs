//! L7 and scale: labels are cheap. However many a peer may have, it is sent all of them, and what changes costs what
//! changed.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails loudly"
)]

use igain_node::office::{Actor, Draft};
use igain_protocol::label::Label;
use igain_protocol::record::Value;
use igain_protocol::sync::Change;
use igain_protocol::vocabulary::{HandlingCode, Kind, Reason, Tlp};
use igain_tests::bureau::draft;
use igain_tests::wire::Pair;

const ALL_TO_FR: &str = "@id(\"fr\") permit(principal == Bureau::\"FR\", action in Action::\"disclose\", resource);";

/// More than any peer may have had of, when each was a feed of its own.
const LABELS: usize = 4_000;

/// A record with a label of its own.
fn noted(nth: usize, text: &str) -> Draft {
    let note = Some(format!("note {nth}"));
    let label = Label { handling: vec![HandlingCode::H3], note, ..Label::new(Kind::Phone, Tlp::Green) };
    draft(&format!("r{nth}"), label, &[("remarks", Value::Text(text.into()))])
}

/// Seen to fail when what a peer has of one label alone is a feed.
#[test]
fn a_peer_gets_thousands_of_labels_and_what_changes_in_them() {
    let mut pair = Pair::new(ALL_TO_FR);
    // They come a few at a time, so that their logs alternate.
    let drafts: Vec<Draft> = (0..LABELS).map(|nth| noted(nth, "first")).collect();
    for some in drafts.chunks(500) {
        pair.ke.contribute(Actor::Node, some.to_vec()).unwrap();
    }
    pair.carry();
    let held = |pair: &Pair| pair.fr.counts().get(&pair.ke.me()).copied().unwrap_or_default();
    assert_eq!(held(&pair), LABELS as u64);
    let entries = |changes: &[Change]| -> usize {
        let count = |change: &Change| match change {
            Change::Entries { entries, .. } => entries.len(),
            Change::Open { .. } => 0,
        };
        changes.iter().map(count).sum()
    };
    // What changes is sent, and nothing else.
    pair.ke.contribute(Actor::Node, (0..7).map(|nth| noted(nth * 500, "second")).collect()).unwrap();
    pair.ke.withdraw(Actor::Node, drafts[LABELS - 1].id.unwrap(), Reason::ALL[0]).unwrap();
    let changes = pair.wire.pull(&pair.ke).changes;
    assert_eq!(entries(&changes), 8);
    pair.fr.receive(pair.ke.me(), changes).unwrap();
    assert_eq!(held(&pair), LABELS as u64 - 1);
    // Taking all of it back is an entry for each label of which something was sent, and nothing is left.
    pair.ke.apply_policy(Actor::Node, "", "test.cedar").unwrap();
    let changes = pair.carry();
    assert_eq!(entries(&changes), LABELS);
    assert_eq!(held(&pair), 0);
    pair.ke.apply_policy(Actor::Node, ALL_TO_FR, "test.cedar").unwrap();
    pair.carry();
    assert_eq!(held(&pair), LABELS as u64 - 1);
}
