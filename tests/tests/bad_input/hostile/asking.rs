//! It asks.

use std::time::Duration;

use igain_protocol::sync::{Delivery, End, Hello, Message, Pull, VERSION};

use super::super::{assert_sound, audited, particular, peak_bytes};
use super::{HOSTILE, PATIENCE, STALL, Siege, now, pull};

/// Frames that are no message, with what KE calls them.
fn frames() -> Vec<(&'static str, Vec<u8>)> {
    let whole = Message::Pull(pull(1)).encode();
    let mut version = whole.clone();
    version[1] = VERSION + 1;
    // A cursor that claims to have more parts than there is memory.
    let cursors = [&[0x83, VERSION, 0, 0x87, 1][..], &[0x9b, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]].concat();
    vec![
        ("frame.malformed", Vec::new()),
        ("frame.malformed", vec![0xff; 1_000]),
        ("frame.malformed", vec![0x81; 100_000]),
        ("frame.malformed", [&[0x83, VERSION, 0][..], &[0x87; 100_000]].concat()),
        ("frame.malformed", cursors),
        ("frame.malformed", whole[..whole.len() - 1].to_vec()),
        ("frame.malformed", [whole.as_slice(), &[0]].concat()),
        ("frame.version", version),
        ("sync.unasked", Message::End(End { more: true, mirrored: true, hello: Hello::ours(u64::MAX) }).encode()),
        ("sync.unasked", Message::Delivery(Delivery { sealed: vec![7; 60_000] }).encode()),
    ]
}

/// L16. Seen to fail with the account of frames that are no message left out.
#[test]
fn frames_that_are_no_message() {
    let siege = Siege::lay(11);
    let frames = frames();
    for (nth, (how, frame)) in frames.iter().enumerate() {
        siege.runtime.block_on(async {
            let mut exchange = siege.open().await;
            exchange.send(frame).await.expect("sent");
            let answer = tokio::time::timeout(PATIENCE, exchange.recv()).await.expect("KE ends the exchange");
            assert!(!matches!(answer, Ok(Some(_))), "{how}: an answer to no question");
        });
        let last = siege.accounts("sync.violation", nth + 1).pop().expect("an entry");
        assert_eq!(particular(&last, "how"), *how, "{last}");
        assert_eq!(last["actor"], "bureau:BR");
        if *how == "frame.version" {
            let error = siege.last_error();
            assert!(
                error.contains(&format!("version {}", VERSION + 1)) && error.contains("Update the older of the two"),
                "{error}"
            );
        }
    }
    siege.assert_served();
    siege.assert_sound();
}

/// L19: a message of a kind that is not known is passed over, and what follows it is answered. Seen to fail when it is a
/// breach.
#[test]
fn a_message_of_a_newer_version_stops_nothing() {
    let siege = Siege::lay(16);
    siege.runtime.block_on(async {
        let mut exchange = siege.open().await;
        let frame = [0x83, VERSION, 0x18, 99, 0x82, 0x01, 0x40];
        exchange.send(&frame).await.expect("sent");
        exchange.send(&Message::Pull(pull(now().as_ms())).encode()).await.expect("sent");
        let answer = tokio::time::timeout(PATIENCE, exchange.recv()).await.expect("in time").expect("an answer");
        Message::decode(&answer.expect("a frame")).expect("a message");
    });
    assert!(audited(&siege.ke, "sync.violation", Some(HOSTILE)).is_empty());
    siege.assert_served();
    siege.assert_sound();
}

/// L16. Seen to fail when each breach is an entry of its own: the log grew by thousands of entries.
#[test]
fn breaches_without_end_do_not_fill_the_audit_log() {
    let siege = Siege::lay(12);
    siege.runtime.block_on(async {
        for _ in 0..500 {
            let mut exchange = siege.open().await;
            // KE may have hung up already.
            let _ = exchange.send(&[0xff; 100]).await;
            let _ = exchange.recv().await;
        }
    });
    let told = siege.accounts("sync.violation", 20).len();
    assert!(told <= 40, "{told} entries of 500 breaches");
    siege.assert_served();
    siege.assert_sound();
}

/// L16. Seen to fail when a peer may take an hour over a frame: KE went on with it, and held what it had asked for.
#[test]
fn asking_without_end() {
    const MEMORY: u64 = 64 << 20;
    let siege = Siege::lay(13);
    siege.assert_served();
    let before = peak_bytes(&siege.ke);
    let mut exchange = siege.runtime.block_on(siege.open());
    let asking = siege.runtime.spawn(async move {
        let mut serial = now().as_ms();
        // It asks again and again for all there is, and never listens.
        loop {
            serial += 1;
            let pull = Pull { budget_bytes: u32::MAX, window: u32::MAX, ..pull(serial) };
            if exchange.send(&Message::Pull(pull).encode()).await.is_err() {
                return;
            }
        }
    });
    // Meanwhile KE's users are served, and another exchange of the same bureau too once the first was given up.
    for nth in 2..12 {
        let number = format!("number=+2547000000{nth:02}");
        siege.ke.json(&["record", "add", "phone", &number, "--tlp", "green", "--grading", "B2"]);
    }
    let ended = siege.runtime.block_on(async { tokio::time::timeout(STALL, asking).await });
    assert!(ended.is_ok(), "KE goes on with a bureau that never listens");
    let taken = peak_bytes(&siege.ke) - before;
    assert!(taken < MEMORY, "{taken} bytes for a bureau that asks without end");
    siege.assert_served();
    assert_sound(&siege.ke, 11);
}

/// L16, L17. Seen to fail when a peer may be silent for an hour.
#[test]
fn stalling() {
    let siege = Siege::lay(14);
    let held = siege.runtime.block_on(async {
        let mut exchange = siege.open().await;
        exchange.send(&Message::Pull(pull(now().as_ms())).encode()).await.expect("sent");
        exchange
    });
    // It says nothing more, and does not hang up.
    let last = siege.accounts("exchange.failed", 1).pop().expect("an entry");
    assert_eq!(particular(&last, "how"), "peer.too-slow");
    assert!(siege.last_error().contains("Try again when the link is better"), "{}", siege.last_error());
    drop(held);
    siege.assert_served();
    siege.assert_sound();
}

/// L16. Seen to fail with an account that did not name the bureau.
#[test]
fn flooding() {
    let siege = Siege::lay(15);
    let flood = async {
        let mut held = Vec::new();
        loop {
            // Once KE has cut the connection, opening another fails for a while.
            let opening = tokio::time::timeout(Duration::from_millis(500), siege.network.open(siege.ke_key()));
            match opening.await {
                Ok(Ok(mut exchange)) => {
                    if exchange.send(&Message::Pull(pull(now().as_ms())).encode()).await.is_ok() {
                        held.push(exchange);
                    }
                }
                Ok(Err(_)) => tokio::time::sleep(Duration::from_millis(50)).await,
                // QUIC lets it open no more for now.
                Err(_) => held.clear(),
            }
        }
    };
    let told = async {
        while audited(&siege.ke, "peer.flooded", Some(HOSTILE)).is_empty() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    siege.runtime.block_on(async {
        tokio::select! {
            () = flood => unreachable!(),
            told = tokio::time::timeout(PATIENCE, told) => told.expect("an account of the flood"),
        }
    });
    assert!(siege.ke.log().contains("peer opens streams without end; cut"));
    siege.assert_sound();
}

/// L16: who asks again as soon as an answer has ended is answered again. Seen to fail, with a pause before the
/// answer is over, when what comes behind its end is taken for a word that nobody asked for.
#[test]
fn asking_again_right_behind_an_answer() {
    const ROUNDS: u64 = 500;
    let siege = Siege::lay(17);
    siege.runtime.block_on(async {
        let mut exchange = siege.open().await;
        let first = now().as_ms();
        for serial in first..first + ROUNDS {
            exchange.send(&Message::Pull(pull(serial)).encode()).await.expect("sent");
            loop {
                let answer =
                    tokio::time::timeout(PATIENCE, exchange.recv()).await.expect("in time").expect("an answer");
                if let Message::End(_) = Message::decode(&answer.expect("a frame")).expect("a message") {
                    break;
                }
            }
        }
    });
    assert!(audited(&siege.ke, "sync.violation", Some(HOSTILE)).is_empty());
    siege.assert_sound();
}
