//! A snapshot stays whole whatever is written and merged while it is read.

use std::fs;

use super::*;

/// Writes a snapshot's files into a folder, as a backup and its restore do.
fn put_down(snapshot: &mut Snapshot, store: &Path) {
    fs::create_dir_all(store.join("journal")).unwrap();
    fs::write(snapshot::list_in(store), snapshot.list()).unwrap();
    for file in snapshot.files().to_vec() {
        let mut bytes = vec![0; file.bytes as usize];
        snapshot.open(file.id).unwrap().read_at(&mut bytes, 0).unwrap();
        fs::write(snapshot::file_in(store, file.id), bytes).unwrap();
        snapshot.release(file.id);
    }
}

fn files_of(store: &Path) -> usize {
    let files = fs::read_dir(store.join("journal")).unwrap().map(|file| file.unwrap().path());
    files.filter(|path| path.extension().is_some_and(|end| end == "journal")).count()
}

/// Seen to fail when a merge removes files that are held: then a file of the snapshot is missing.
#[test]
fn a_merge_while_a_snapshot_is_read_takes_none_of_its_files() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = open(dir.path());
    for i in 0..400u32 {
        put(&store, &i.to_be_bytes(), &[i as u8; 900]);
    }
    let mut snapshot = store.snapshot().unwrap();
    assert!(snapshot.files().len() > 3, "a test of one file shows nothing");
    // All that the snapshot holds is replaced and merged away, and more is written.
    for i in 0..400u32 {
        put(&store, &i.to_be_bytes(), b"later");
    }
    let merged = store.merge().unwrap();
    assert!(merged.files >= snapshot.files().len());
    let held = files_of(dir.path());
    let copy = tempfile::tempdir().unwrap();
    put_down(&mut snapshot, copy.path());
    assert!(files_of(dir.path()) < held, "what was let go is gone, and nothing before");
    drop(snapshot);
    assert_eq!(files_of(dir.path()), store.stats().files, "only what is listed is left");
    let (restored, opened) = open(copy.path());
    assert!(opened.rebuilt.is_some() && opened.torn_tail.is_none(), "{opened:?}");
    for i in 0..400u32 {
        assert_eq!(restored.get(T, &i.to_be_bytes()).unwrap().unwrap(), [i as u8; 900]);
    }
    assert!(restored.verify().unwrap().findings.is_empty());
    put(&restored, b"goes on", b"");
}

/// Each of them has what was acknowledged before it was taken, whoever writes and merges meanwhile.
#[test]
fn snapshots_have_all_that_was_acknowledged_before_them() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = open(dir.path());
    let writer = {
        let store = store.clone();
        std::thread::spawn(move || {
            for i in 0..3_000u32 {
                put(&store, &(i % 500).to_be_bytes(), &i.to_be_bytes().repeat(50));
                put(&store, b"count", &i.to_be_bytes());
                if i % 500 == 499 {
                    store.merge().unwrap();
                }
            }
        })
    };
    let count = |store: &Store| {
        let bytes = store.get(T, b"count").unwrap().unwrap_or_default();
        bytes.first_chunk::<4>().map_or(0, |bytes| u32::from_be_bytes(*bytes))
    };
    while !writer.is_finished() {
        let before = count(&store);
        let mut snapshot = store.snapshot().unwrap();
        let copy = tempfile::tempdir().unwrap();
        put_down(&mut snapshot, copy.path());
        let (restored, _) = open(copy.path());
        assert!(count(&restored) >= before, "{} after {before}", count(&restored));
    }
    writer.join().unwrap();
}

/// A file that two hold goes with the second of them; what nobody held goes at once.
#[test]
fn two_snapshots_hold_a_file_until_both_let_it_go() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = open(dir.path());
    put(&store, b"a", &[1; 500]);
    let (one, two) = (store.snapshot().unwrap(), store.snapshot().unwrap());
    let id = one.files()[0].id;
    put(&store, b"a", b"");
    store.merge().unwrap();
    drop(one);
    two.open(id).unwrap();
    assert!(snapshot::file_in(dir.path(), id).exists());
    drop(two);
    assert!(!snapshot::file_in(dir.path(), id).exists());
}

#[test]
fn what_is_vouched_for_depends_on_key_use_and_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = open(dir.path());
    let said = store.vouch("a", b"b");
    assert_eq!(said, store.vouch("a", b"b"));
    assert!(said != store.vouch("b", b"b") && said != store.vouch("a", b"c"));
}
