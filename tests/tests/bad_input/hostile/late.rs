//! A bureau that takes what it is sent slowly, and what it still gets once it may have nothing more.

use std::time::Duration;

use igain_protocol::codec;
use igain_protocol::feed::{Cursors, Entry, Item};
use igain_protocol::parcel::{self, Parcel};
use igain_protocol::sync::{Hello, Message, Pull, Taken};
use igain_protocol::time::Timestamp;
use igain_tests::daemon::PATIENCE;

use super::{Exchange, Siege, now};

const RECORDS: usize = 300;

const MAPPING: &str = r#"source = "test"
grading = "B2"
retain = "5 years"
[label]
tlp = "green"
[[record]]
kind = "phone"
key = "{key}"
fields = { number = "{number}", remarks = "{remarks}" }
"#;

/// A siege of a KE that has much to tell.
fn laden(seed: u8) -> Siege {
    let siege = Siege::lay(seed);
    let row = |n: usize| format!("{n},+2547{n:08},{}\n", "x".repeat(10_000));
    siege.ke.write("phones.csv", &format!("key,number,remarks\n{}", (0..RECORDS).map(row).collect::<String>()));
    siege.ke.write("phones.toml", MAPPING);
    assert_eq!(siege.ke.igain(&["import", "phones.csv", "--mapping", "phones.toml"]).code, Some(0));
    siege
}

/// A pull for all of it, from the beginning.
fn everything(serial: u64, window: u32) -> Pull {
    Pull {
        serial,
        cursors: Cursors::default(),
        budget_bytes: 16 << 20,
        window,
        mirror: [0; 16],
        news: false,
        hello: Hello::ours(u64::MAX),
    }
}

/// When a parcel was signed, and how many records it brings.
fn opened(siege: &Siege, sealed: &[u8]) -> (Timestamp, usize) {
    let signed = parcel::open(sealed, [&siege.keys.sealing()]).expect("opened");
    let parcel = Parcel::verify(&signed, siege.me(), (siege.card.bureau, &siege.card.signing)).expect("verified");
    let puts = parcel.items.iter().map(|item| match codec::decode::<Item>(item).expect("an item") {
        Item::Run(run) => run.entries.iter().filter(|entry| matches!(entry, Entry::Put { .. })).count(),
        _ => 0,
    });
    (parcel.created, puts.sum())
}

/// L1: what policy takes back does not leave once `policy apply` has returned, however much of an answer was made
/// already. Seen to fail when an answer under way goes on with what was granted when it began.
#[test]
fn l1_nothing_leaves_that_policy_took_back_once_apply_has_returned() {
    let siege = laden(51);
    siege.runtime.block_on(async {
        let mut exchange = siege.open().await;
        exchange.send(&Message::Pull(everything(now().as_ms(), 256)).encode()).await.expect("sent");
        // The first parcel is here: the answer is under way, and this bureau takes no more of it for now.
        let delivery = loop {
            let first = tokio::time::timeout(PATIENCE, exchange.recv()).await.expect("in time").expect("a frame");
            match Message::decode(&first.expect("a frame")).expect("a message") {
                Message::Clock(_) | Message::Heads(_) => {}
                Message::Delivery(delivery) => break delivery,
                other => panic!("not a parcel: {other:?}"),
            }
        };
        let mut records = opened(&siege, &delivery.sealed).1;
        siege.ke.apply("");
        let applied = now();
        tokio::time::sleep(Duration::from_millis(300)).await;
        while let Ok(Some(frame)) = tokio::time::timeout(PATIENCE, exchange.recv()).await.expect("an end") {
            if let Message::Delivery(delivery) = Message::decode(&frame).expect("a message") {
                let (signed, brought) = opened(&siege, &delivery.sealed);
                assert!(signed <= applied, "signed {} ms after the policy was in force", signed.ms_since(applied));
                records += brought;
            }
        }
        assert!(records < RECORDS, "{records} records: the answer was over before the policy came");
    });
}

/// L18: no more is under way than was asked for, so that no more is lost with a receiver. Seen to fail when the provider
/// sends what is ready.
#[test]
fn no_more_parcels_are_under_way_than_were_asked_for() {
    let siege = laden(52);
    siege.runtime.block_on(async {
        let mut exchange = siege.open().await;
        let serial = now().as_ms();
        exchange.send(&Message::Pull(everything(serial, 2)).encode()).await.expect("sent");
        assert_eq!(parcels(&mut exchange, 2).await, 2);
        // What it says of another answer, and what it says twice, counts for nothing.
        let words = [(serial, 1, 1), (serial - 1, 2, 0), (serial, 1, 0), (serial, 0, 0), (serial, u32::MAX, 2)];
        for (serial, parcels_taken, more) in words {
            let taken = Taken { serial, parcels: parcels_taken };
            exchange.send(&Message::Taken(taken).encode()).await.expect("sent");
            assert_eq!(parcels(&mut exchange, more).await, more, "after {taken:?}");
        }
    });
}

/// How many parcels come: waits for those that must, and a while for more.
async fn parcels(exchange: &mut Exchange, wanted: usize) -> usize {
    let mut count = 0;
    loop {
        let wait = if count < wanted { PATIENCE } else { Duration::from_millis(1_500) };
        let Ok(frame) = tokio::time::timeout(wait, exchange.recv()).await else { return count };
        let frame = frame.expect("a connection").expect("a frame");
        count += usize::from(matches!(Message::decode(&frame).expect("a message"), Message::Delivery(_)));
    }
}
