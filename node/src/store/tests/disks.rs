//! Disks in memory: the same store, and crashes that lose what was not synced.

use super::disk::{Fault, Lost, Step, Trouble};
use super::*;

const DIR: &str = "/store";

fn start(disk: &Disk) -> (Store, Opened) {
    let options = Options { threads: false, ..small() };
    Store::open_on(disk, Path::new(DIR), &key(), options, &|_| {}).unwrap()
}

fn once(step: Option<Step>, trouble: Trouble, torn: u8) -> Fault {
    Fault { step, after: 0, times: 1, trouble, torn }
}

#[test]
fn a_store_in_memory_agrees_with_a_model_through_writes_merges_crashes_and_copies() {
    for seed in 0..3 {
        let mut disk = Disk::memory(seed);
        let (mut random, mut model) = (Random(0x51ed_2701 + seed), Model::new());
        let (mut store, opened) = start(&disk);
        assert!(opened.created);
        for _ in 0..200 {
            store.commit(random.batch(&mut model)).unwrap();
            match random.next(40) {
                0 => drop(store.merge().unwrap()),
                1 => store.upkeep().unwrap(),
                2 => {
                    store.close().unwrap();
                    drop(store);
                    let (reopened, opened) = start(&disk);
                    assert!(!opened.unclean);
                    store = reopened;
                }
                3 => {
                    disk.crash(Lost::Some(random.next(u64::MAX)));
                    drop(store);
                    let (reopened, opened) = start(&disk);
                    assert!(!opened.created);
                    store = reopened;
                }
                4 => {
                    let copy = disk.snapshot(random.next(u64::MAX)).unwrap();
                    agree(&start(&copy).0, &model);
                }
                5 => agree(&store, &model),
                _ => {}
            }
        }
        agree(&store, &model);
        assert_eq!(store.verify().unwrap().findings, Vec::<String>::new(), "seed {seed}");
    }
}

/// A simulation opens hundreds of thousands.
#[test]
fn one_run_is_like_another_and_opening_is_cheap() {
    let run = || {
        let disk = Disk::memory(7);
        let (store, _) = Store::in_memory(&disk, Path::new(DIR), &key()).unwrap();
        put(&store, b"a", &[1; 200]);
        drop(store);
        disk.list(&Path::new(DIR).join("journal"))
            .unwrap()
            .into_iter()
            .map(|(path, _)| disk.read(&path, 1 << 20).unwrap())
            .collect::<Vec<_>>()
    };
    assert_eq!(run(), run());
    let disk = Disk::memory(7);
    let begun = std::time::Instant::now();
    const OPENED: u32 = 200;
    for _ in 0..OPENED {
        Store::in_memory(&disk, Path::new(DIR), &key()).unwrap();
    }
    let each = begun.elapsed() / OPENED;
    println!("{each:?} to open and close");
    assert!(each < Duration::from_millis(20), "{each:?}");
}

#[test]
fn a_stopped_machine_does_nothing_more() {
    let mut disk = Disk::memory(1);
    let (store, _) = start(&disk);
    put(&store, b"a", b"1");
    let locked = Store::open_on(&disk, Path::new(DIR), &key(), small(), &|_| {});
    assert!(matches!(locked.map(drop), Err(Error::Locked { .. })));
    disk.crash(Lost::All);
    let mut batch = store.begin();
    batch.put(T, *b"b", *b"2");
    assert!(store.commit(batch).is_err());
    let (reopened, opened) = start(&disk);
    assert!(opened.unclean);
    drop(store);
    assert_eq!(reopened.prefix_keys(T, b"", None, 10).unwrap(), [b"a".to_vec()]);
}

/// Seen to fail when a failed sync was taken for a full disk: the next sync says that all is well, and is not.
#[test]
fn after_a_failed_sync_nothing_more_is_acknowledged() {
    for (step, trouble) in
        [Trouble::Full, Trouble::Broken].into_iter().flat_map(|t| [(Step::Sync, t), (Step::SyncFolder, t)])
    {
        let mut disk = Disk::memory(1);
        let (store, _) = start(&disk);
        put(&store, b"a", b"1");
        let epoch = store.epoch();
        disk.fail(once(Some(step), trouble, 0));
        let commit = |key: &[u8], bytes: usize| {
            let mut batch = store.begin();
            batch.put(T, key, vec![2; bytes]);
            store.commit(batch)
        };
        // The second one needs a new file.
        let failed = commit(b"b", 70_000).and_then(|()| commit(b"c", 1));
        assert!(failed.is_err(), "{step:?} {trouble:?}");
        assert_ne!(store.epoch(), epoch);
        assert!(matches!(commit(b"d", 1), Err(Error::Stopped { .. })));
        disk.crash(Lost::All);
        let keys = start(&disk).0.prefix_keys(T, b"", None, 10).unwrap();
        let b: &[&[u8]] = if step == Step::Sync { &[b"a"] } else { &[b"a", b"b"] };
        assert_eq!(keys, b, "{step:?} {trouble:?}");
    }
}

/// What was refused does not come back with a crash. Seen to fail when the cut after a refused write was not synced.
#[test]
fn a_refused_write_does_not_come_back() {
    for seed in 0..40 {
        let mut disk = Disk::memory(seed);
        let (store, _) = Store::open_on(&disk, Path::new(DIR), &key(), small(), &|_| {}).unwrap();
        let submit = |key: &[u8]| {
            let mut batch = store.begin();
            batch.put(T, key, [2; 700]);
            store.submit(batch).unwrap()
        };
        put(&store, b"a", b"1");
        disk.hold();
        let first = submit(b"before");
        // So that what follows is one group.
        while store.stats().queued_bytes > 0 {
            std::thread::yield_now();
        }
        let refused = [submit(b"b"), submit(b"c")];
        // The first of the two comes to the disk whole.
        disk.fail(Fault { after: 1, ..once(Some(Step::Write), Trouble::Full, 255) });
        disk.go_on();
        first.wait().unwrap();
        assert!(refused.iter().all(|pending| matches!(pending.wait(), Err(Error::Full { .. }))));
        store.settle().unwrap();
        disk.crash(Lost::Some(seed));
        drop(store);
        assert_eq!(
            start(&disk).0.prefix_keys(T, b"", None, 10).unwrap(),
            [b"a".to_vec(), b"before".to_vec()],
            "seed {seed}"
        );
    }
}

/// A full disk can free itself. Seen to fail without the reserve: what takes back was refused, and so was the merge.
#[test]
fn a_full_disk_takes_what_takes_back_and_the_merge_that_frees_it() {
    let failing_files = (Disk::failing_files(), tempfile::tempdir().unwrap());
    let memory = (Disk::memory(1), tempfile::tempdir().unwrap());
    for (disk, folder) in [memory, failing_files] {
        let options = Options { reserve_bytes: 70_000, threads: !disk.is_memory(), ..small() };
        let open = || Store::open_on(&disk, folder.path(), &key(), options.clone(), &|_| {}).unwrap().0;
        let reserve = || disk.length(&folder.path().join("journal/reserve")).ok();
        disk.leave_room(300_000);
        let store = open();
        assert_eq!(reserve(), Some(70_000));
        let add = |n: u8| {
            let mut batch = store.begin();
            batch.put(T, [n], [n; 2_000]);
            store.commit(batch)
        };
        let added = (0..u8::MAX).find(|n| add(*n).is_err()).expect("a full disk");
        assert!(matches!(add(added), Err(Error::Full { .. })));
        assert_eq!(reserve(), Some(70_000));
        // What takes back is written, and nothing else comes to use the room.
        let mut batch = store.begin();
        (0..added / 2).for_each(|n| batch.delete(T, [n]));
        batch.put(T, *b"tombstones", [1; 3_000]);
        batch.takes_back();
        store.commit(batch).unwrap();
        assert_eq!(reserve(), Some(0));
        assert!(matches!(add(0), Err(Error::Full { .. })));
        let mut batch = store.begin();
        batch.delete(T, [added / 2]);
        store.commit(batch).unwrap();
        let merged = store.merge().unwrap();
        assert!(merged.freed_bytes > 70_000, "{merged:?}");
        // There is room for the reserve and for records again.
        assert_eq!(reserve(), Some(70_000));
        add(0).unwrap();
        assert_eq!(store.verify().unwrap().findings, Vec::<String>::new());
        store.close().unwrap();
        drop(store);
        let store = open();
        assert_eq!(store.prefix_keys(T, b"", None, 1_000).unwrap().len(), 2 + usize::from(added - added / 2 - 1));
    }
}

/// The room is really taken, stays taken over restarts, and is nobody's else.
#[test]
fn the_reserve_is_made_of_real_blocks() {
    use std::os::unix::fs::MetadataExt as _;
    let dir = tempfile::tempdir().unwrap();
    for _ in 0..2 {
        let options = Options { reserve_bytes: 1 << 20, ..small() };
        drop(Store::open(dir.path(), &key(), options, &|_| {}).unwrap());
        let found = std::fs::metadata(dir.path().join("journal/reserve")).unwrap();
        assert_eq!((found.len(), found.mode() & 0o777), (1 << 20, 0o600));
        assert!(found.blocks() * 512 >= 1 << 20, "{} blocks", found.blocks());
    }
}

/// A merge alone can be what is in need of room.
#[test]
fn a_merge_on_a_full_disk_takes_the_reserve() {
    let disk = Disk::memory(1);
    let options = Options { reserve_bytes: 70_000, threads: false, ..small() };
    let (store, _) = Store::open_on(&disk, Path::new(DIR), &key(), options, &|_| {}).unwrap();
    (0..60_u8).for_each(|n| put(&store, &[n], &[n; 2_000]));
    let mut batch = store.begin();
    (0..40_u8).for_each(|n| batch.delete(T, [n]));
    store.commit(batch).unwrap();
    disk.leave_room(0);
    assert!(store.merge().unwrap().freed_bytes > 70_000);
    assert_eq!(store.stats().dead_bytes, 0);
}

/// Whoever changes the end of the journal while the node is down does not make it forget what it knew. Seen to fail when
/// a torn tail was cut before the directory was asked.
#[test]
fn a_last_commit_that_was_known_and_is_damaged_stops_the_start_and_is_left_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = open(dir.path());
    put(&store, b"a", &[1; 500]);
    put(&store, b"b", &[2; 500]);
    // As the upkeep does now and then.
    store.state().checkpoint().unwrap();
    let copied = dir.path().join("killed");
    copy(&dir.path().join("journal"), &copied.join("journal"));
    copy(&dir.path().join("directory"), &copied.join("directory"));
    let file = last_file(&copied);
    let mut bytes = std::fs::read(&file).unwrap();
    let at = bytes.len() - 10;
    bytes[at] ^= 1;
    std::fs::write(&file, &bytes).unwrap();
    for _ in 0..2 {
        let error = Store::open(&copied, &key(), small(), &|_| {}).map(drop).unwrap_err();
        assert!(matches!(error, Error::Damaged { .. }), "{error}");
        assert_eq!(std::fs::read(&file).unwrap(), bytes);
    }
    bytes[at] ^= 1;
    std::fs::write(&file, &bytes).unwrap();
    assert_eq!(open(&copied).0.prefix_keys(T, b"", None, 10).unwrap().len(), 2);
}

/// A full disk refuses, and takes again what fits.
#[test]
fn a_write_without_room_is_refused_whole_and_the_next_goes_on() {
    for torn in [0, 100, 255] {
        let mut disk = Disk::memory(1);
        let (store, _) = start(&disk);
        put(&store, b"a", b"1");
        disk.fail(once(Some(Step::Write), Trouble::Full, torn));
        let mut batch = store.begin();
        batch.put(T, *b"b", [2; 700]);
        let mut late = store.begin();
        late.put(T, *b"late", *b"3");
        assert!(matches!(store.commit(batch), Err(Error::Full { .. })));
        assert!(matches!(store.commit(late), Err(Error::Superseded)));
        disk.crash(Lost::Nothing);
        let (store, opened) = start(&disk);
        assert_eq!((opened.torn_tail, store.prefix_keys(T, b"", None, 10).unwrap()), (None, vec![b"a".to_vec()]));
        disk.leave_room(700);
        let refused = (0..20_u8).find(|n| {
            let mut batch = store.begin();
            batch.put(T, [*n], [2; 70]);
            store.commit(batch).is_err()
        });
        assert!(refused.is_some_and(|first| first > 0), "{refused:?}");
        disk.heal();
        put(&store, b"z", b"1");
        assert_eq!(store.verify().unwrap().findings, Vec::<String>::new());
    }
}
