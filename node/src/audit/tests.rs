use igain_protocol::bureau::SigningKey;
use igain_protocol::codec::{self, Typ};

use super::*;
use crate::store::Batch;
use crate::store::disk::{Fault, Step, Trouble};

fn key() -> SigningKey {
    SigningKey::from_seed([5; 32])
}

fn open(dir: &Path) -> Result<AuditLog, Error> {
    open_on(&Disk::files(), dir)
}

fn open_on(disk: &Disk, dir: &Path) -> Result<AuditLog, Error> {
    let signer: Signer = Box::new(|payload| codec::sign(Typ::AuditCheckpoint, payload, &key()));
    AuditLog::open_on(disk, dir, &StoreKey::from_bytes([1; 32]), &[key().verifying_key()], signer)
}

fn entry(action: &str) -> Entry {
    Entry {
        at: Timestamp::from_ms(1),
        actor: "uid:7".into(),
        action: action.into(),
        object: None,
        purpose: None,
        case: None,
        peer: None,
        detail: Vec::new(),
        books: 0,
    }
}

/// The next write finds no room.
fn full() -> Fault {
    Fault { step: Some(Step::Write), after: 0, times: 1, trouble: Trouble::Full, torn: 0 }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for file in std::fs::read_dir(from).unwrap() {
        let file = file.unwrap();
        let target = to.join(file.file_name());
        if file.file_type().unwrap().is_dir() {
            copy(&file.path(), &target)
        } else {
            drop(std::fs::copy(file.path(), target))
        }
    }
}

#[test]
fn entries_come_back_in_order_and_verify() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(dir.path()).unwrap();
    for action in ["query", "record.add", "query"] {
        log.append(entry(action)).unwrap();
    }
    let filter = Filter { action: Some("query".into()), ..Filter::default() };
    let numbers: Vec<u64> = log.list(1, 10, &filter).unwrap().iter().map(|found| found.seq).collect();
    assert_eq!(numbers, [1, 3]);
    assert_eq!(log.verify().unwrap().entries, 3);
    log.close(Timestamp::from_ms(2)).unwrap();
    drop(log);
    let log = open(dir.path()).unwrap();
    assert_eq!(log.append(entry("query")).unwrap(), 4);
    assert_eq!(log.verify().unwrap().checkpointed, 3);
}

/// L14: an older copy in place of the log is noticed. Seen to fail without the comparison with the checkpoint.
#[test]
fn a_log_that_was_cut_off_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (live, kept) = (dir.path().join("live"), dir.path().join("kept"));
    let log = open(&live).unwrap();
    log.append(entry("query")).unwrap();
    log.close(Timestamp::from_ms(2)).unwrap();
    drop(log);
    copy(&live, &kept);
    let log = open(&live).unwrap();
    log.append(entry("record.withdraw")).unwrap();
    log.close(Timestamp::from_ms(3)).unwrap();
    drop(log);
    std::fs::copy(live.join("checkpoint"), kept.join("checkpoint")).unwrap();
    assert!(matches!(open(&kept), Err(Error::CutOff { seq: 2, last: Some((1, _)) })));
}

/// L14: an entry that was replaced is named. Seen to fail without the comparison of chained hashes.
#[test]
fn an_altered_entry_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(dir.path()).unwrap();
    for _ in 0..5 {
        log.append(entry("query")).unwrap();
    }
    let mut batch = Batch::new();
    batch.put(ENTRIES, 3u64.to_be_bytes(), entry::encode(&entry("nothing"), [0; 32]));
    log.store.commit(batch).unwrap();
    let verdict = log.verify();
    assert!(matches!(verdict, Err(Error::Broken(Broken { seq: 3, .. }))), "{verdict:?}");
    let mut batch = Batch::new();
    batch.delete(ENTRIES, 2u64.to_be_bytes());
    log.store.commit(batch).unwrap();
    assert!(matches!(log.verify(), Err(Error::Broken(Broken { seq: 2, .. }))));
}

/// A killed process may have signed what it had not yet been told is durable: it must not. Seen to fail with a
/// checkpoint of the last submitted entry.
#[test]
fn many_callers_get_numbers_of_their_own_in_one_chain() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(dir.path()).unwrap();
    let mut numbers = std::thread::scope(|scope| {
        let callers: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| (0..300).map(|_| log.append(entry("query")).unwrap()).collect::<Vec<_>>()))
            .collect();
        callers.into_iter().flat_map(|caller| caller.join().unwrap()).collect::<Vec<_>>()
    });
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=2_400).collect::<Vec<_>>());
    let summary = log.verify().unwrap();
    assert_eq!(summary.entries, 2_400);
    assert!(summary.checkpointed >= 1_024);
}

/// L14: an entry that could not be written leaves no gap: it is written before what comes next, as it was, for books may
/// rest on it. Seen to fail when the end was read again after a failure, and when only the new entry was written.
#[test]
fn what_could_not_be_written_is_written_before_what_comes_next() {
    let (dir, disk) = (tempfile::tempdir().unwrap(), Disk::failing_files());
    let log = open_on(&disk, dir.path()).unwrap();
    log.append(entry("query")).unwrap();
    let Submitted { first, pending: written, .. } = log.submit(vec![entry("record.add"), entry("record.add")]).unwrap();
    written.wait().unwrap();
    disk.fail(full());
    let Submitted { first: behind, end, pending: refused } = log.submit(vec![entry("query")]).unwrap();
    assert_eq!((first, behind), (2, 4));
    assert_eq!(refused.wait().unwrap_err().code(), "store.full");
    assert_eq!(log.last(), 3);
    assert_eq!(log.under_way(0).len(), 1);
    log.check_reaches(&end).unwrap();
    assert!(matches!(log.check_holds(&end), Err(Error::CutOff { seq: 4, last: Some((3, _)) })));
    assert_eq!(log.append(entry("query")).unwrap(), 5);
    assert!(log.under_way(0).is_empty());
    log.check_holds(&end).unwrap();
    assert_eq!(log.verify().unwrap().entries, 5);
}

/// L14: what books carry of the entries that a crash has lost is taken up, if it follows the end; what the log has, and
/// what belongs to another end, is passed over. Seen to fail when nothing was taken up.
#[test]
fn a_log_takes_up_what_books_carry() {
    let (dir, other, disk) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), Disk::failing_files());
    let log = open_on(&disk, dir.path()).unwrap();
    log.append(entry("query")).unwrap();
    disk.hold();
    let mut carrier = Carrier::default();
    let first = log.submit(vec![entry("record.add")]).unwrap();
    let load = carrier.load(&log);
    let second = log.submit(vec![entry("record.add"), entry("query")]).unwrap();
    let mut carried = load.put.clone();
    carried.extend(carrier.load(&log).put);
    assert_eq!(carried.iter().map(|(seq, _)| *seq).collect::<Vec<_>>(), [2, 3, 4]);
    assert_eq!(Carrier::of(&load.put).load(&log).put, carried, "whatever failed carries all");
    disk.go_on();
    second.pending.wait().unwrap();
    let load = carrier.load(&log);
    assert_eq!((load.put, load.dropped), (vec![], vec![2, 3, 4]));

    // The log of the same machine, without them.
    let behind = open(other.path()).unwrap();
    behind.append(entry("query")).unwrap();
    behind.take_up(carried[1..].to_vec()).unwrap();
    assert_eq!(behind.last(), 1, "the second is lacking");
    for _ in 0..2 {
        behind.take_up(carried.clone()).unwrap();
        assert_eq!(behind.last(), 4);
    }
    behind.check_holds(&first.end).unwrap();
    behind.check_holds(&second.end).unwrap();
    assert_eq!(behind.append(entry("query")).unwrap(), 5);
    assert_eq!(behind.verify().unwrap().entries, 5);
}

/// L14: a checkpoint speaks of durable entries only. Seen to fail with a checkpoint of the end that was handed over.
#[test]
fn a_checkpoint_vouches_for_what_is_durable() {
    let (dir, disk) = (tempfile::tempdir().unwrap(), Disk::failing_files());
    let log = open_on(&disk, dir.path()).unwrap();
    log.append(entry("query")).unwrap();
    disk.fail(full());
    log.submit(vec![entry("query"), entry("query")]).unwrap().pending.wait().unwrap_err();
    log.checkpoint(Timestamp::from_ms(5)).unwrap();
    assert_eq!(log.verify().unwrap().checkpointed, 1);
    log.settle().unwrap();
    log.checkpoint_if_due(Timestamp::from_ms(6)).unwrap();
    assert_eq!(log.verify().unwrap().checkpointed, 1);
    log.checkpoint_if_due(Timestamp::from_ms(5 + CHECKPOINT_EVERY_MS)).unwrap();
    assert_eq!(log.verify().unwrap().checkpointed, 3);
}

/// L14: without its checkpoint, the log could be cut anywhere. Seen to fail when only long logs had to have one.
#[test]
fn a_log_without_its_checkpoint_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(dir.path()).unwrap();
    log.append(entry("query")).unwrap();
    drop(log);
    std::fs::remove_file(dir.path().join("checkpoint")).unwrap();
    assert!(matches!(open(dir.path()), Err(Error::NoCheckpoint)));
}

/// L14: a flipped bit anywhere in the files of the log is noticed when it is opened or verified, also where no entry that can be read
/// is other than it was.
#[test]
fn a_changed_bit_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let live = dir.path().join("live");
    let log = open(&live).unwrap();
    for _ in 0..3 {
        log.append(Entry { detail: vec![("why".into(), "x".repeat(200))], ..entry("query") }).unwrap();
    }
    log.close(Timestamp::from_ms(2)).unwrap();
    drop(log);
    let file = std::fs::read_dir(live.join("journal")).unwrap().map(|file| file.unwrap().path());
    let file = file.filter(|path| path.extension().is_some_and(|is| is == "journal")).max().unwrap();
    let whole = std::fs::read(&file).unwrap();
    for (at, directory) in (0..whole.len()).step_by(37).flat_map(|at| [(at, true), (at, false)]) {
        let again = dir.path().join("again");
        let _ = std::fs::remove_dir_all(&again);
        copy(&live, &again);
        let mut changed = whole.clone();
        changed[at] ^= 4;
        std::fs::write(again.join("journal").join(file.file_name().unwrap()), changed).unwrap();
        if !directory {
            std::fs::remove_dir_all(again.join("directory")).unwrap();
        }
        let noticed = open(&again).and_then(|log| log.verify());
        assert!(noticed.is_err(), "byte {at}, directory {directory}");
    }
}
