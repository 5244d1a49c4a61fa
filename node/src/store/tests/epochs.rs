//! What builds on a write that failed is never written.

use std::sync::{Arc, Mutex};
use std::time::Instant;

use super::*;

/// A store whose writer is held back until the promise is kept: what is submitted meanwhile waits in its queue.
fn held(store: &Store) -> (Promise, Pending) {
    let (promise, holding) = Promise::alone();
    let pending = store.submit_with(store.begin(), With { after: vec![holding], told: None }).unwrap();
    (promise, pending)
}

fn full() -> Result<u64, Error> {
    Err(Error::Full { path: "/full".into() })
}

fn begun(store: &Store, key: &[u8]) -> Batch {
    let mut batch = store.begin();
    batch.put(T, key, *b"value");
    batch
}

fn code(outcome: Result<u64, Error>) -> &'static str {
    outcome.map_or_else(|error| error.code(), |_| "")
}

/// Seen to fail when the writer went on with the next batch after a refused one, and when only what was queued by then
/// was refused.
#[test]
fn a_batch_that_builds_on_a_refused_one_is_refused_wherever_it_stood() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = open(dir.path());
    let epoch = store.epoch();
    let (promise, first) = held(&store);
    let queued: Vec<Pending> = (0..20_u8).map(|n| store.submit(begun(&store, &[n])).unwrap()).collect();
    let late = begun(&store, b"late");
    let mut joined = begun(&store, b"joined");
    assert_eq!(store.epoch(), epoch);
    promise.keep(&full());
    assert_eq!(code(first.wait()), "store.full");
    assert_ne!(store.epoch(), epoch);
    for pending in queued {
        assert_eq!(code(pending.wait()), "store.full");
    }
    assert_eq!(code(store.submit(late).and_then(|pending| pending.wait())), "store.superseded");
    // The earlier of two epochs counts, in whatever order they are put together.
    let mut fresh = begun(&store, b"fresh");
    fresh.append(joined.clone());
    joined.append(begun(&store, b"fresh"));
    for batch in [fresh, joined] {
        assert!(matches!(store.commit(batch), Err(Error::Superseded)));
    }
    assert!(store.prefix_keys(T, b"", None, 100).unwrap().is_empty());
    store.commit(begun(&store, b"again")).unwrap();
    drop(store);
    let (store, _) = open(dir.path());
    assert_eq!(store.prefix_keys(T, b"", None, 100).unwrap(), [b"again".to_vec()]);
}

/// What stands before a refused batch is written, though it was taken from the queue together with it.
#[test]
fn what_was_submitted_before_a_refused_batch_is_written() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = open(dir.path());
    let (promise, first) = held(&store);
    let before = store.submit(begun(&store, b"before")).unwrap();
    let (refusal, refused) = Promise::alone();
    refusal.keep(&full());
    let with = With { after: vec![refused], told: None };
    let refused = store.submit_with(begun(&store, b"refused"), with).unwrap();
    let behind = store.submit(begun(&store, b"behind")).unwrap();
    promise.keep(&Ok(1));
    for durable in [&first, &before] {
        durable.wait().unwrap();
    }
    for failed in [&refused, &behind] {
        assert_eq!(code(failed.wait()), "store.full");
    }
    store.settle().unwrap();
    assert_eq!(store.prefix_keys(T, b"", None, 100).unwrap(), [b"before".to_vec()]);
}

/// Seen to fail when a batch was written at once, whatever it was to follow.
#[test]
fn a_batch_waits_for_the_commits_of_another_store() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = open(dir.path());
    let (promise, first) = held(&store);
    let second = store.submit(begun(&store, b"second")).unwrap();
    std::thread::sleep(Duration::from_millis(20));
    assert!(first.outcome().is_none() && second.outcome().is_none());
    assert!(store.prefix_keys(T, b"", None, 100).unwrap().is_empty());
    promise.keep(&Ok(7));
    assert_eq!((first.wait().unwrap(), second.wait().unwrap()), (1, 2));
    // A commit of the same store is written before in any case, and may be named.
    let (promise, held) = held(&store);
    let named = With { after: vec![held.clone(), second], told: None };
    let last = store.submit_with(begun(&store, b"last"), named).unwrap();
    promise.keep(&Ok(8));
    assert_eq!((held.wait().unwrap(), last.wait().unwrap()), (3, 4));
}

/// A batch behind one that must wait does not keep what stands before it.
#[test]
fn who_waits_for_nothing_is_not_kept_by_one_behind_it() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = open(dir.path());
    let before = store.submit(begun(&store, b"before")).unwrap();
    let (promise, behind) = held(&store);
    before.wait().unwrap();
    promise.keep(&Ok(1));
    behind.wait().unwrap();
}

/// Seen to fail when the refused were told by the writer itself, and when who waits was woken first.
#[test]
fn outcomes_are_told_once_in_the_order_of_the_commits_before_anybody_is_woken() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = open(dir.path());
    let heard: Arc<Mutex<Vec<(u8, Option<u64>)>>> = Arc::default();
    let submit = |n: u8, after: Vec<Pending>| {
        let (of_store, heard) = (store.clone(), Arc::clone(&heard));
        let told = Box::new(move |outcome: &Result<u64, Error>| {
            // Whoever is told can see it.
            assert_eq!(of_store.contains(T, &[n]).unwrap(), outcome.is_ok());
            std::thread::sleep(Duration::from_millis(1));
            pipeline::locked(&heard).push((n, outcome.clone().ok()));
        });
        store.submit_with(begun(&store, &[n]), With { after, told: Some(told) }).unwrap()
    };
    for n in 0..20 {
        let pending = submit(n, vec![]);
        if n % 5 == 4 {
            assert_eq!(pending.wait().unwrap(), u64::from(n) + 1);
            assert_eq!(pipeline::locked(&heard).last(), Some(&(n, Some(u64::from(n) + 1))));
        }
    }
    let (promise, failing) = Promise::alone();
    let before = submit(20, vec![]);
    let refused = submit(21, vec![failing]);
    let behind = submit(22, vec![]);
    promise.keep(&full());
    assert!(before.wait().is_ok() && refused.wait().is_err() && behind.wait().is_err());
    let waits = submit(23, vec![]);
    store.close().unwrap();
    assert!(waits.wait().is_ok());
    let numbers = (0..=20).map(|n| (n, Some(u64::from(n) + 1)));
    let expected: Vec<_> = numbers.chain([(21, None), (22, None), (23, Some(22))]).collect();
    assert_eq!(*pipeline::locked(&heard), expected);
}

/// A batch that is not taken is told by the answer alone.
#[test]
fn who_submits_in_vain_is_not_told_twice() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = open(dir.path());
    let told: Told = Box::new(|_| panic!("told of a batch that was not taken"));
    store.close().unwrap();
    let with = With { after: vec![], told: Some(told) };
    assert!(matches!(store.submit_with(begun(&store, b"a"), with), Err(Error::Closed)));
}

/// A caller's code that panics harms nobody else.
#[test]
fn a_panic_of_whoever_is_told_stops_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = open(dir.path());
    let with = With { after: vec![], told: Some(Box::new(|_| panic!("on purpose"))) };
    assert_eq!(store.submit_with(begun(&store, b"a"), with).unwrap().wait().unwrap(), 1);
    store.commit(begun(&store, b"b")).unwrap();
}

/// Seen to hang when the thread that wrote, and was told by itself, waited for the one behind it to end.
#[test]
fn whoever_is_told_may_hold_the_last_handle() {
    for changes in [1, 1_000_u16] {
        let dir = tempfile::tempdir().unwrap();
        let (store, _) = open(dir.path());
        let mut batch = store.begin();
        (0..changes).for_each(|n| batch.put(T, n.to_be_bytes(), *b"value"));
        let (last, (done, ended)) = (store.clone(), std::sync::mpsc::sync_channel(1));
        let (promise, holding) = Promise::alone();
        let told: Told = Box::new(move |_| {
            drop(last);
            done.send(()).unwrap();
        });
        drop(store.submit_with(batch, With { after: vec![holding], told: Some(told) }).unwrap());
        let dropped = std::thread::spawn(move || drop(store));
        promise.keep(&Ok(1));
        ended.recv_timeout(Duration::from_secs(60)).unwrap();
        dropped.join().unwrap();
        // The thread that closed it is still on its way.
        let begun = Instant::now();
        let store = loop {
            match Store::open(dir.path(), &key(), small(), &|_| {}) {
                Ok((store, _)) => break store,
                Err(error) => assert!(begun.elapsed() < Duration::from_secs(60), "{error}"),
            }
            std::thread::sleep(Duration::from_millis(5));
        };
        assert_eq!(store.prefix_keys(T, b"", None, 2_000).unwrap().len(), usize::from(changes));
    }
}
