//! What builds on a write that failed is never written.

use std::sync::{Arc, Mutex};
use std::time::Instant;

use super::disk::{Fault, Step, Trouble};
use super::*;

/// A store on a disk that can be held.
fn held(dir: &Path) -> (Store, Disk) {
    let disk = Disk::failing_files();
    (Store::open_on(&disk, dir, &key(), small(), &|_| {}).unwrap().0, disk)
}

/// What is written next finds no room; then the disk goes on.
fn fill(disk: &Disk) {
    disk.fail(Fault { step: Some(Step::Write), after: 0, times: 1, trouble: Trouble::Full, torn: 0 });
    disk.go_on();
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
    let (store, disk) = held(dir.path());
    let epoch = store.epoch();
    disk.hold();
    let first = store.submit(begun(&store, b"first")).unwrap();
    let queued: Vec<Pending> = (0..20_u8).map(|n| store.submit(begun(&store, &[n])).unwrap()).collect();
    let late = begun(&store, b"late");
    let mut joined = begun(&store, b"joined");
    assert_eq!(store.epoch(), epoch);
    fill(&disk);
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

/// Seen to fail when the refused were told by the writer itself, and when who waits was woken first.
#[test]
fn outcomes_are_told_once_in_the_order_of_the_commits_before_anybody_is_woken() {
    let dir = tempfile::tempdir().unwrap();
    let (store, disk) = held(dir.path());
    let heard: Arc<Mutex<Vec<(u8, Option<u64>)>>> = Arc::default();
    let submit = |n: u8| {
        let (of_store, heard) = (store.clone(), Arc::clone(&heard));
        let told = Box::new(move |outcome: &Result<u64, Error>| {
            // Whoever is told can see it.
            assert_eq!(of_store.contains(T, &[n]).unwrap(), outcome.is_ok());
            std::thread::sleep(Duration::from_millis(1));
            pipeline::locked(&heard).push((n, outcome.clone().ok()));
        });
        store.submit_told(begun(&store, &[n]), told).unwrap()
    };
    for n in 0..20 {
        let pending = submit(n);
        if n % 5 == 4 {
            assert_eq!(pending.wait().unwrap(), u64::from(n) + 1);
            assert_eq!(pipeline::locked(&heard).last(), Some(&(n, Some(u64::from(n) + 1))));
        }
    }
    assert!(submit(20).wait().is_ok());
    disk.hold();
    let (refused, behind) = (submit(21), submit(22));
    fill(&disk);
    assert!(refused.wait().is_err() && behind.wait().is_err());
    let waits = submit(23);
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
    assert!(matches!(store.submit_told(begun(&store, b"a"), told), Err(Error::Closed)));
}

/// A caller's code that panics harms nobody else.
#[test]
fn a_panic_of_whoever_is_told_stops_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = open(dir.path());
    let told = Box::new(|_: &Result<u64, Error>| panic!("on purpose"));
    assert_eq!(store.submit_told(begun(&store, b"a"), told).unwrap().wait().unwrap(), 1);
    store.commit(begun(&store, b"b")).unwrap();
}

/// Seen to hang when the thread that wrote, and was told by itself, waited for the one behind it to end.
#[test]
fn whoever_is_told_may_hold_the_last_handle() {
    for changes in [1, 1_000_u16] {
        let dir = tempfile::tempdir().unwrap();
        let (store, disk) = held(dir.path());
        let mut batch = store.begin();
        (0..changes).for_each(|n| batch.put(T, n.to_be_bytes(), *b"value"));
        let (last, (done, ended)) = (store.clone(), std::sync::mpsc::sync_channel(1));
        disk.hold();
        let told: Told = Box::new(move |_| {
            drop(last);
            done.send(()).unwrap();
        });
        drop(store.submit_told(batch, told).unwrap());
        let dropped = std::thread::spawn(move || drop(store));
        disk.go_on();
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
