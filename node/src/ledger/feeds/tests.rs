use super::*;
use crate::store::{Options, Store, StoreKey};

fn ledger(folder: &std::path::Path) -> Ledger {
    let key = StoreKey::from_bytes([7; 32]);
    Ledger::new(Store::open(folder, &key, Options::default(), &|_| {}).unwrap().0)
}

#[test]
fn what_is_delivered_counts_before_it_is_durable_and_lasts() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = ledger(folder.path());
    let peer: BureauId = "FR".parse().unwrap();
    let mut answer = Deliveries::new(peer);
    let mut batches = Vec::new();
    // The second batch is put together before the first is durable, as while an answer is made.
    for numbers in [vec![1, 2, NUMBERS + 3], vec![4]] {
        let mut batch = Batch::new();
        answer.note(&ledger, &mut batch, &numbers).unwrap();
        batches.push(batch);
    }
    assert!(answer.contains(&ledger, 2).unwrap() && !answer.contains(&ledger, 3).unwrap());
    assert!(!ledger.was_delivered(peer, 2).unwrap(), "nothing was committed");
    batches.into_iter().for_each(|batch| ledger.commit(batch).unwrap());
    for number in [1, 2, 4, NUMBERS + 3] {
        assert!(ledger.was_delivered(peer, number).unwrap(), "{number}");
    }
    assert!(!ledger.was_delivered(peer, 3).unwrap());
    assert!(Deliveries::new(peer).contains(&ledger, 4).unwrap());
}

#[test]
fn nothing_is_written_for_what_is_noted_already() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = ledger(folder.path());
    let mut answer = Deliveries::new("FR".parse().unwrap());
    answer.note(&ledger, &mut Batch::new(), &[5]).unwrap();
    let mut again = Batch::new();
    answer.note(&ledger, &mut again, &[5]).unwrap();
    assert!(again.is_empty());
}
