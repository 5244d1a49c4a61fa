//! The store as its users see it.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use super::*;

mod crash;
mod disks;
mod epochs;
mod failing;
mod faults;
mod snapshots;

const T: Table = Table::new(7);
const OTHER: Table = Table::new(8);

fn key() -> StoreKey {
    StoreKey::from_bytes([9; 32])
}

/// Small files and layers, so that a short test goes through many of each.
fn small() -> Options {
    Options {
        erase_within: Duration::from_secs(3_600),
        file_bytes: 64 << 10,
        cache_bytes: 1 << 20,
        overlay_bytes: 16 << 10,
        reserve_bytes: 0,
        ..Options::default()
    }
}

fn open(dir: &Path) -> (Store, Opened) {
    Store::open(dir, &key(), small(), &|_| {}).unwrap()
}

fn put(store: &Store, key: &[u8], value: &[u8]) {
    let mut batch = Batch::new();
    batch.put(T, key, value);
    store.commit(batch).unwrap();
}

#[test]
fn reads_what_was_committed_before_and_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let (store, opened) = open(dir.path());
    assert!(opened.created && !opened.unclean);
    put(&store, b"a", b"");
    put(&store, b"b", b"small");
    put(&store, b"c", &[3; 5_000]);
    let mut batch = Batch::new();
    batch.delete(T, *b"a");
    batch.put(OTHER, *b"a", *b"other");
    store.commit(batch).unwrap();
    for round in 0..2 {
        let store = if round == 0 { store.clone() } else { open(dir.path()).0 };
        assert_eq!(store.get(T, b"a").unwrap(), None);
        assert_eq!(store.get(T, b"b").unwrap().unwrap(), b"small");
        assert_eq!(store.get(T, b"c").unwrap().unwrap(), [3; 5_000]);
        assert_eq!(store.get(OTHER, b"a").unwrap().unwrap(), b"other");
        assert!(!store.contains(T, b"a").unwrap() && store.contains(T, b"b").unwrap());
        if round == 0 {
            store.close().unwrap();
            assert!(matches!(
                store.commit({
                    let mut b = Batch::new();
                    b.delete(T, *b"x");
                    b
                }),
                Err(Error::Closed)
            ));
            drop(store);
        }
        if round == 0 {
            break;
        }
    }
    drop(store);
    let (store, opened) = open(dir.path());
    assert_eq!((opened.unclean, opened.replayed, opened.rebuilt), (false, 0, None));
    assert_eq!(store.get(T, b"c").unwrap().unwrap(), [3; 5_000]);
    assert_eq!(store.get(T, b"a").unwrap(), None);
}

/// A model that the store is compared with.
type Model = BTreeMap<Vec<u8>, Vec<u8>>;

fn agree(store: &Store, model: &Model) {
    let mut rows = Vec::new();
    loop {
        let after = rows.last().map(|(key, _): &(Vec<u8>, Vec<u8>)| key.clone());
        let page = store.prefix(T, b"", after.as_deref(), 7).unwrap();
        if page.is_empty() {
            break;
        }
        rows.extend(page);
    }
    assert_eq!(rows, model.clone().into_iter().collect::<Vec<_>>());
    assert_eq!(store.last(T, b"").unwrap(), model.last_key_value().map(|(k, v)| (k.clone(), v.clone())));
    for first in 0..8_u8 {
        let expected = model.range(vec![first]..vec![first + 1]).map(|(k, _)| k.clone()).collect::<Vec<_>>();
        assert_eq!(store.prefix_keys(T, &[first], None, 10_000).unwrap(), expected);
        let bound = [first, 128];
        let before = model.range(vec![first]..=bound.to_vec()).next_back().map(|(k, v)| (k.clone(), v.clone()));
        assert_eq!(store.last_before(T, &[first], &bound).unwrap(), before);
    }
    for (key, value) in model {
        assert_eq!(store.get(T, key).unwrap().as_ref(), Some(value));
    }
}

/// A generator of its own, so that a seed tells the whole run.
struct Random(u64);

impl Random {
    fn next(&mut self, below: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % below
    }

    fn key(&mut self) -> Vec<u8> {
        let mut key = vec![self.next(8) as u8, self.next(256) as u8];
        key.extend(std::iter::repeat_n(self.next(3) as u8, self.next(40) as usize));
        key
    }

    fn value(&mut self) -> Vec<u8> {
        let length = match self.next(4) {
            0 => 0,
            1 => self.next(64),
            _ => self.next(900),
        };
        (0..length).map(|_| self.next(256) as u8).collect()
    }

    fn batch(&mut self, model: &mut Model) -> Batch {
        let mut batch = Batch::new();
        for _ in 0..1 + self.next(20) {
            let key = self.key();
            if self.next(3) == 0 {
                model.remove(&key);
                batch.delete(T, key);
            } else {
                let value = self.value();
                model.insert(key.clone(), value.clone());
                batch.put(T, key, value);
            }
        }
        batch
    }
}

#[test]
fn agrees_with_a_model_through_writes_merges_restarts_and_rebuilds() {
    for seed in [1, 2, 3] {
        let dir = tempfile::tempdir().unwrap();
        let (mut random, mut model) = (Random(0x9e37_79b9 + seed), Model::new());
        let (mut store, _) = open(dir.path());
        for step in 0..400 {
            let batch = random.batch(&mut model);
            store.commit(batch).unwrap();
            match random.next(60) {
                0 => drop(store.merge().unwrap()),
                1 => {
                    drop(store);
                    store = open(dir.path()).0;
                }
                2 => {
                    drop(store);
                    std::fs::remove_dir_all(dir.path().join("directory")).unwrap();
                    let (reopened, opened) = open(dir.path());
                    assert!(opened.rebuilt.is_some());
                    store = reopened;
                }
                3 => agree(&store, &model),
                _ => {}
            }
            if step % 100 == 99 {
                agree(&store, &model);
                let report = store.verify().unwrap();
                assert_eq!(report.findings, Vec::<String>::new(), "seed {seed} step {step}");
            }
        }
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &target),
            false => drop(std::fs::copy(entry.path(), target).unwrap()),
        }
    }
}

fn journal_bytes(dir: &Path) -> Vec<u8> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(dir.join("journal")).unwrap() {
        all.extend(std::fs::read(entry.unwrap().path()).unwrap());
    }
    all
}

#[test]
fn nothing_is_on_disk_in_clear() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = open(dir.path());
    put(&store, b"hashed key", b"Wanjiku Kamau");
    put(&store, b"hashed key 2", "Wanjiku Kamau ".repeat(40).as_bytes());
    store.close().unwrap();
    let mut all = journal_bytes(dir.path());
    for entry in walk(&dir.path().join("directory")) {
        all.extend(std::fs::read(entry).unwrap());
    }
    assert!(!all.windows(7).any(|bytes| bytes == b"Wanjiku"));
}

fn walk(dir: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files.extend(walk(&path)) } else { files.push(path) }
    }
    files
}

#[test]
fn what_was_removed_leaves_the_files_in_time_and_stays_removed() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = open(dir.path());
    for n in 0..200_u8 {
        put(&store, &[n], &[n; 1_000]);
    }
    let bytes = store.stats().bytes;
    let mut batch = Batch::new();
    (0..150_u8).for_each(|n| batch.delete(T, [n]));
    store.commit(batch).unwrap();
    let merged = store.merge().unwrap();
    assert!(merged.freed_bytes > 140_000 && store.stats().bytes < bytes / 2, "{merged:?}");
    assert_eq!(store.stats().dead_bytes, 0);
    for n in 0..200_u8 {
        assert_eq!(store.get(T, &[n]).unwrap(), (n >= 150).then(|| vec![n; 1_000]));
    }
    // Once everybody has seen the removals, they go as well.
    store.pin(store.position());
    put(&store, &[199], b"again");
    store.merge().unwrap();
    drop(store);
    std::fs::remove_dir_all(dir.path().join("directory")).unwrap();
    let (store, opened) = open(dir.path());
    assert!(opened.rebuilt.is_some());
    assert_eq!(store.prefix_keys(T, b"", None, 1_000).unwrap().len(), 50);
    assert_eq!(store.verify().unwrap().findings, Vec::<String>::new());
}

/// A removal is dropped only when nothing that it removed is left in an earlier file. Seen to fail without the look at
/// earlier files.
#[test]
fn a_dropped_removal_brings_nothing_back() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = open(dir.path());
    put(&store, b"victim", &[1; 500]);
    // With so much in use, the first file is not rewritten for its smallness.
    put(&store, b"bystander", &[1; 20_000]);
    store.state().pipeline().unwrap().seal().unwrap();
    put(&store, b"other", &[1; 500]);
    let mut batch = Batch::new();
    batch.delete(T, *b"victim");
    batch.delete(T, *b"other");
    store.commit(batch).unwrap();
    store.pin(store.position());
    store.state().pipeline().unwrap().seal().unwrap();
    store.state().checkpoint().unwrap();
    // Only the second file is due.
    let ids: Vec<u32> = store.state().journal.list().files.iter().map(|file| file.id).collect();
    let mut tally = pipeline::locked(&store.state().tally);
    tally.dead.get_mut(&ids[0]).unwrap().since_ms = u64::MAX;
    tally.dead.get_mut(&ids[1]).unwrap().since_ms = 0;
    drop(tally);
    merge::merge(store.state(), 1).unwrap();
    drop(store);
    std::fs::remove_dir_all(dir.path().join("directory")).unwrap();
    let (store, _) = open(dir.path());
    assert_eq!(store.prefix_keys(T, b"", None, 10).unwrap(), [b"bystander".to_vec()]);
}

/// A file that is filled and ended while a merge begins is not taken for one with nothing in use, only because the
/// directory has not seen its commits. Seen to fail when a merge took every file that was ended.
#[test]
fn a_merge_leaves_what_the_directory_has_not_seen() {
    let dir = tempfile::tempdir().unwrap();
    // Nothing is applied by itself.
    let options = Options { overlay_bytes: 64 << 20, ..small() };
    let (store, _) = Store::open(dir.path(), &key(), options, &|_| {}).unwrap();
    let value = |n: u8| vec![n; 3_000];
    for round in 0..3_u8 {
        for n in 0..50_u8 {
            put(&store, &[n], &value(n ^ round));
        }
    }
    let files = store.stats().files;
    assert!(files > 3, "{files}");
    merge::merge_applied(store.state(), u64::MAX).unwrap();
    store.state().checkpoint().unwrap();
    for n in 0..50_u8 {
        assert_eq!(store.get(T, &[n]).unwrap().unwrap(), value(n ^ 2));
    }
    // Now it can tell.
    assert!(store.merge().unwrap().freed_bytes > 200_000);
    drop(store);
    let (store, opened) = open(dir.path());
    assert_eq!(opened.rebuilt, None);
    for n in 0..50_u8 {
        assert_eq!(store.get(T, &[n]).unwrap().unwrap(), value(n ^ 2));
    }
    assert_eq!(store.verify().unwrap().findings, Vec::<String>::new());
}

#[test]
fn erases_by_itself() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options { erase_within: Duration::from_millis(400), ..small() };
    let (store, _) = Store::open(dir.path(), &key(), options, &|_| {}).unwrap();
    put(&store, b"a", &[1; 50_000]);
    put(&store, b"b", &[2; 100]);
    let mut batch = Batch::new();
    batch.delete(T, *b"a");
    store.commit(batch).unwrap();
    let deadline = std::time::Instant::now() + Duration::from_secs(20);
    while store.stats().bytes > 10_000 {
        assert!(std::time::Instant::now() < deadline, "{:?}", store.stats());
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(store.get(T, b"b").unwrap().unwrap(), [2; 100]);
}

#[test]
fn tells_again_what_happened() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = open(dir.path());
    for n in 0..100_u8 {
        put(&store, &[n], &vec![n; usize::from(n) * 3]);
    }
    let middle = store.position();
    let mut batch = Batch::new();
    batch.delete(T, [5]);
    store.commit(batch).unwrap();
    let mut model = Model::new();
    let mut at = Position::START;
    while at != store.position() {
        at = store
            .replay(at, 7, &mut |table, key, value| {
                assert_eq!(table, T);
                match value {
                    Some(value) => _ = model.insert(key.to_vec(), value.to_vec()),
                    None => _ = model.remove(key),
                }
            })
            .unwrap();
        assert_eq!(Position::from_bytes(at.to_bytes()), at);
    }
    agree(&store, &model);
    let mut told = 0;
    store.replay(middle, usize::MAX, &mut |_, _, _| told += 1).unwrap();
    assert_eq!(told, 1);
    let elsewhere = tempfile::tempdir().unwrap();
    let (other, _) = open(elsewhere.path());
    assert!(matches!(other.replay(middle, 1, &mut |_, _, _| {}), Err(Error::Forgotten)));
    store.pin(store.position());
    store.merge().unwrap();
    assert!(matches!(store.replay(middle, 1, &mut |_, _, _| {}), Err(Error::Forgotten)));
}

/// Across files that end and files that are merged while the follower stands in them.
#[test]
fn a_follower_goes_on_where_it_left_off() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = open(dir.path());
    let mut at = Position::START;
    for n in 0..200_u8 {
        let mut batch = Batch::new();
        batch.put(T, *b"same", vec![n; 700]);
        batch.put(OTHER, [n], vec![n; 700]);
        store.commit(batch).unwrap();
        if n % 60 == 59 {
            store.merge().unwrap();
        }
        let mut told = Vec::new();
        at = store.replay_table(T, at, 1, &mut |table, _, value| told.push((table, value.unwrap()[0]))).unwrap();
        assert_eq!((told, at), (vec![(T, n)], store.position()));
    }
}

#[test]
fn writers_and_readers_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = open(dir.path());
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        let writers: Vec<_> = (0..4_u8)
            .map(|writer| {
                let store = store.clone();
                scope.spawn(move || {
                    for n in 0..300_u32 {
                        let mut batch = Batch::new();
                        // Both or neither.
                        batch.put(T, [&[writer], n.to_be_bytes().as_slice()].concat(), vec![writer; 200]);
                        batch.put(OTHER, [&[writer], n.to_be_bytes().as_slice()].concat(), vec![writer; 20]);
                        if n >= 50 {
                            batch.delete(T, [&[writer], (n - 50).to_be_bytes().as_slice()].concat());
                        }
                        store.commit(batch).unwrap();
                        assert!(store.contains(OTHER, &[&[writer], n.to_be_bytes().as_slice()].concat()).unwrap());
                    }
                })
            })
            .collect();
        let (merger, stop) = (store.clone(), &stop);
        scope.spawn(move || {
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                merger.merge().unwrap();
            }
        });
        let reader = store.clone();
        scope.spawn(move || {
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                for (key, value) in reader.prefix(T, &[2], None, 500).unwrap() {
                    assert_eq!(value, vec![key[0]; 200]);
                }
                let last = reader.last(OTHER, &[1]).unwrap();
                assert!(last.is_none_or(|(key, _)| key[0] == 1));
            }
        });
        writers.into_iter().for_each(|writer| writer.join().unwrap());
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
    });
    assert_eq!(store.prefix_keys(T, b"", None, 10_000).unwrap().len(), 4 * 50);
    assert_eq!(store.prefix_keys(OTHER, b"", None, 10_000).unwrap().len(), 1_200);
    assert_eq!(store.verify().unwrap().findings, Vec::<String>::new());
}

#[test]
fn refuses_what_is_too_large() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = open(dir.path());
    let refused = |key: Vec<u8>, value: Vec<u8>| {
        let mut batch = Batch::new();
        batch.put(T, key, value);
        store.commit(batch)
    };
    assert!(matches!(refused(vec![0; KEY_LIMIT + 1], vec![]), Err(Error::TooLarge { .. })));
    assert!(matches!(refused(vec![0], vec![0; VALUE_LIMIT + 1]), Err(Error::TooLarge { .. })));
    refused(vec![0; KEY_LIMIT], vec![1; VALUE_LIMIT]).unwrap();
    assert_eq!(store.get(T, &[0; KEY_LIMIT]).unwrap().unwrap().len(), VALUE_LIMIT);
}

#[test]
fn refuses_a_second_process_and_another_key() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = open(dir.path());
    put(&store, b"a", b"b");
    let again = Store::open(dir.path(), &key(), small(), &|_| {});
    assert!(matches!(again.map(|_| ()), Err(Error::Locked { .. })));
    drop(store);
    let other = Store::open(dir.path(), &StoreKey::from_bytes([1; 32]), small(), &|_| {});
    assert!(matches!(other.map(|_| ()), Err(Error::WrongKey { .. })));
    let (store, opened) = open(dir.path());
    assert_eq!((opened.rebuilt, store.get(T, b"a").unwrap().unwrap()), (None, b"b".to_vec()));
}

/// A store with several files, as it is when the process is killed, and what it must hold.
fn killed(dir: &Path) -> Model {
    let live = dir.join("live");
    let mut random = Random(77);
    let mut model = Model::new();
    let (store, _) = open(&live);
    for _ in 0..200 {
        store.commit(random.batch(&mut model)).unwrap();
    }
    copy(&live, &dir.join("killed"));
    model
}

fn last_file(dir: &Path) -> PathBuf {
    let mut files = walk(&dir.join("journal"));
    files.retain(|file| file.extension().is_some_and(|extension| extension == "journal"));
    files.sort();
    files.pop().unwrap()
}

#[test]
fn a_torn_tail_is_cut_and_told() {
    let dir = tempfile::tempdir().unwrap();
    let model = killed(dir.path());
    let length = std::fs::metadata(last_file(&dir.path().join("killed"))).unwrap().len();
    type Damage<'a> = &'a dyn Fn(&mut Vec<u8>);
    let cases: [(&str, Damage<'_>); 4] = [
        ("zeros", &|bytes| bytes.extend([0; 700])),
        ("noise", &|bytes| bytes.extend((0..900_u32).map(|n| (n * n) as u8))),
        ("the beginning of a commit", &|bytes| bytes.extend(bytes[48..148].to_vec())),
        ("an older commit", &|bytes| bytes.extend(bytes[48..].to_vec())),
    ];
    for (what, tear) in cases {
        let torn = dir.path().join("torn");
        let _ = std::fs::remove_dir_all(&torn);
        copy(&dir.path().join("killed"), &torn);
        let path = last_file(&torn);
        let mut bytes = std::fs::read(&path).unwrap();
        tear(&mut bytes);
        std::fs::write(&path, &bytes).unwrap();
        let (store, opened) = open(&torn);
        assert_eq!(opened.torn_tail, Some((path, bytes.len() as u64 - length)), "{what}");
        assert!(opened.unclean);
        agree(&store, &model);
        put(&store, b"new", b"value");
        assert_eq!(store.verify().unwrap().findings, Vec::<String>::new());
    }
}

#[test]
fn damage_in_the_middle_stops_the_start() {
    let dir = tempfile::tempdir().unwrap();
    killed(dir.path());
    let files: Vec<_> = walk(&dir.path().join("killed/journal"));
    let mut random = Random(5);
    for path in files.iter().filter(|path| path.file_name().unwrap() != "lock") {
        let name = path.file_name().unwrap();
        let length = std::fs::metadata(path).unwrap().len();
        for round in 0..6 {
            let harmed = dir.path().join("harmed");
            let _ = std::fs::remove_dir_all(&harmed);
            copy(&dir.path().join("killed"), &harmed);
            // A directory that is behind would not notice that the journal lost its end.
            std::fs::remove_dir_all(harmed.join("directory")).unwrap();
            let target = harmed.join("journal").join(name);
            let last = *path == last_file(&dir.path().join("killed"));
            let mut bytes = std::fs::read(&target).unwrap();
            match round {
                0 if !last => drop(std::fs::remove_file(&target)),
                1 if !last => std::fs::write(&target, &bytes[..bytes.len() / 2]).unwrap(),
                _ => {
                    // Before the last few commits, which could be torn.
                    let below = if last { length * 3 / 4 } else { length };
                    bytes[random.next(below) as usize] ^= 1 << random.next(8);
                    std::fs::write(&target, &bytes).unwrap();
                }
            }
            match Store::open(&harmed, &key(), small(), &|_| {}) {
                Err(Error::Damaged { path, .. }) if round == 0 && name == "manifest" => {
                    assert!(path.starts_with(&harmed));
                }
                Err(Error::Damaged { .. } | Error::WrongKey { .. }) => {}
                Err(other) => panic!("{}: {other}", target.display()),
                // A flipped bit in a value is found when it is read.
                Ok((store, _)) => {
                    assert_ne!(store.verify().unwrap().findings, Vec::<String>::new(), "{name:?} {round}")
                }
            }
        }
    }
}

/// A change that is not noted, as when the node is killed in the middle of one, or when sled loses it. Seen to fail
/// without the digest.
#[test]
fn a_directory_that_is_not_as_it_was_noted_is_made_anew() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = open(dir.path());
    (0..100_u8).for_each(|n| put(&store, &[n], &[n; 100]));
    drop(store);
    let (directory, ..) =
        directory::Blocks::open(&dir.path().join("directory"), 1 << 20, directory::CensusKey::new(&key())).unwrap();
    let key = T.key(&[50]);
    directory.apply([(key.as_slice(), directory::Change::Remove)].into_iter(), &mut |_| {}).unwrap();
    drop(directory);
    let (store, opened) = open(dir.path());
    assert_eq!(store.get(T, &[50]).unwrap().unwrap(), [50; 100]);
    assert!(opened.rebuilt.unwrap().contains("not as it was last noted"));
}

/// Whatever happens to sled's files, the store opens and holds all of it.
#[test]
fn a_damaged_directory_is_made_anew() {
    let dir = tempfile::tempdir().unwrap();
    let model = killed(dir.path());
    let (store, opened) = open(&dir.path().join("killed"));
    assert!(opened.rebuilt.is_none());
    drop(store);
    let mut random = Random(99);
    for round in 0..60 {
        let harmed = dir.path().join("harmed");
        let _ = std::fs::remove_dir_all(&harmed);
        copy(&dir.path().join("killed"), &harmed);
        let files = walk(&harmed.join("directory"));
        let victim = &files[random.next(files.len() as u64) as usize];
        let mut bytes = std::fs::read(victim).unwrap();
        match round % 5 {
            0 => drop(std::fs::remove_file(victim)),
            1 => {
                bytes.truncate(random.next(1 + bytes.len() as u64) as usize);
                std::fs::write(victim, &bytes).unwrap();
            }
            2 => {
                let (at, length) = (random.next(1 + bytes.len() as u64) as usize, random.next(5_000) as usize);
                bytes.iter_mut().skip(at).take(length).for_each(|byte| *byte = 0);
                std::fs::write(victim, &bytes).unwrap();
            }
            _ => {
                for _ in 0..1 + random.next(20) {
                    let at = random.next(bytes.len().max(1) as u64) as usize;
                    if let Some(byte) = bytes.get_mut(at) {
                        *byte ^= 1 << random.next(8);
                    }
                }
                std::fs::write(victim, &bytes).unwrap();
            }
        }
        let (store, _) = open(&harmed);
        agree(&store, &model);
        put(&store, b"new", b"value");
        drop(store);
        let (store, opened) = open(&harmed);
        assert_eq!((opened.rebuilt, store.get(T, b"new").unwrap().unwrap()), (None, b"value".to_vec()));
    }
}
