//! What goes below frames: bytes that no node would send, on real sockets.

use futures::AsyncWriteExt as _;

use super::*;
use crate::audit::Filter;
use crate::network::{Config, Limits, Pace};
use crate::office::tests::{enrol, keys, office};

/// Longest wait for something that has to happen; reached only by a test that fails.
const PATIENCE: Duration = Duration::from_secs(20);

/// L16. Seen to fail with errors of an exchange that were logged and not accounted for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn frames_that_are_cut_or_too_long_and_a_frame_that_stalls_are_accounted_for() {
    let folder = tempfile::tempdir().unwrap();
    let (own, foreign) = (keys(1), keys(2));
    let office = office(&own, folder.path());
    let limits =
        Limits { pace: Pace { base: Duration::from_millis(500), bytes_per_s: 32 * 1024 }, ..Limits::default() };
    let listen = vec!["/ip4/127.0.0.1/udp/0/quic-v1".to_owned()];
    let config = Config { limits, ..Config::new(own.transport_seed(), listen) };
    let (network, incoming) = Network::start(config).await.unwrap();
    let (listening, key) = (network.listening(), PeerKey::of_seed(&own.transport_seed()).unwrap());
    enrol(&office, &foreign);
    let settings = Settings { interval: Duration::from_secs(3_600), window: 4 };
    let _replication = Replication::start(office.clone(), network, incoming, settings).await.unwrap();
    let (hostile, _incoming) = Network::start(Config::new(foreign.transport_seed(), Vec::new())).await.unwrap();
    hostile.set_allowed(vec![(key, listening)]);
    // The first exchange waits until there is a connection.
    drop(hostile.open(key).await.unwrap());
    for (bytes, close, action, how) in [
        (u32::MAX.to_be_bytes().to_vec(), false, "sync.violation", "frame.too-large"),
        (vec![0, 0, 0, 9, 1, 2, 3], true, "exchange.failed", "frame.truncated"),
        (vec![0, 0], true, "exchange.failed", "frame.truncated"),
        (vec![0, 0, 0, 9, 1, 2, 3], false, "exchange.failed", "peer.too-slow"),
    ] {
        let entries = || {
            let filter = Filter { action: Some(action.into()), peer: Some("BR".into()), ..Filter::default() };
            office.audit().list(1, 100, &filter).unwrap()
        };
        let before = entries().len();
        let mut stream = hostile.raw(key).await;
        stream.write_all(&bytes).await.unwrap();
        stream.flush().await.unwrap();
        if close {
            stream.close().await.unwrap();
        }
        let by = std::time::Instant::now() + PATIENCE;
        while entries().len() == before {
            assert!(std::time::Instant::now() < by, "{how} is not accounted for");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let last = entries().pop().unwrap().entry;
        assert_eq!((last.actor.as_str(), last.detail), ("bureau:BR", vec![("how".into(), how.into())]));
        drop(stream);
    }
}
