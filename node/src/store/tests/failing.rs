//! A fault at each place where something is written, and then the laws: what was acknowledged is there, and nothing that
//! built on a failed write.
//!
//! A load of batches, some of which carry the audit log's account of them, is written by an author who numbers the
//! rows of a log, as the office does; files are merged, stores closed and opened again, machines stopped. What is there
//! after a fault and a restart must be what was acknowledged, and perhaps some of what was being written when it
//! happened, from the first on. Seen to fail when a refusal did not empty the queue, when it did not raise the epoch, when nothing was
//! carried, with a failed sync that counted as a full disk, when a refused group was not cut off, when the list could
//! name a file whose own name was not durable, and when the audit log did not write again what had failed.

use std::sync::{Arc, Mutex};

use igain_protocol::bureau::SigningKey;
use igain_protocol::codec::{self, Typ};
use igain_protocol::time::Timestamp;

use super::disk::{Fault, Lost, Trouble};
use super::*;
use crate::audit::{self, AuditLog, Carrier, End, Stored};

/// How many random cases there are.
const CASES: &str = "IGAIN_FAULTS";
/// The first of them.
const FROM: &str = "IGAIN_FAULTS_FROM";

const LOG: Table = Table::new(9);
const HEAD: &[u8] = b"head";
const CARRIED: Table = Table::new(10);

/// Where a case runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ground {
    Memory,
    /// In memory, with the threads of production.
    Threads,
    Files,
}

type Heard = Arc<Mutex<Vec<(usize, Result<u64, Error>)>>>;
type Row = (Table, Vec<u8>);
type State = BTreeMap<Row, Vec<u8>>;

struct Submitted {
    ops: Vec<(Row, Option<Vec<u8>>)>,
    account: Option<End>,
    pending: Pending,
}

/// One life of the stores, from a start to the next.
struct Life {
    store: Store,
    audit: AuditLog,
    submitted: Vec<Submitted>,
    heard: Heard,
    carrier: Carrier,
    /// What the author knows, and in which epoch.
    head: u64,
    epoch: Epoch,
}

struct Case {
    seed: u64,
    random: Random,
    ground: Ground,
    disk: Disk,
    folder: tempfile::TempDir,
    state: State,
}

/// In memory where there is such a place: it is the disk above it that fails, and it syncs often.
fn folder() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

fn signing() -> SigningKey {
    SigningKey::from_seed([5; 32])
}

fn account_of(number: u64) -> audit::Entry {
    let at = Timestamp::from_ms(number * 20_000);
    let (actor, action) = ("node".into(), "test".into());
    audit::Entry {
        at,
        actor,
        action,
        object: None,
        purpose: None,
        case: None,
        peer: None,
        detail: Vec::new(),
        books: 0,
    }
}

impl Case {
    fn new(seed: u64, ground: Ground) -> Self {
        let disk = if ground == Ground::Files { Disk::failing_files() } else { Disk::memory(seed) };
        let random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        Self { seed, random, ground, disk, folder: folder(), state: State::new() }
    }

    fn open(&self) -> Result<Life, audit::Error> {
        let options = Options {
            file_bytes: 4 << 10,
            overlay_bytes: 2 << 10,
            threads: self.ground != Ground::Memory,
            reserve_bytes: self.seed % 2 * 6_000,
            ..small()
        };
        let base = self.folder.path();
        let signer: audit::Signer = Box::new(|payload| codec::sign(Typ::AuditCheckpoint, payload, &signing()));
        let (store, _) = Store::open_on(&self.disk, &base.join("store"), &key(), options, &|_| {})?;
        let audit = AuditLog::open_on(&self.disk, &base.join("audit"), &key(), &[signing().verifying_key()], signer)?;
        let carried = carried(&store)?;
        let carrier = Carrier::of(&carried);
        audit.take_up(carried)?;
        let (heard, epoch) = (Heard::default(), store.epoch());
        let head = head_of(&store);
        Ok(Life { store, audit, submitted: Vec::new(), heard, carrier, head, epoch })
    }

    /// Something is done; false once nothing can be written any more.
    fn act(&mut self, life: &mut Life) -> bool {
        match self.random.next(24) {
            0 => drop(life.store.merge()),
            1 => drop(life.store.upkeep()),
            4 => drop(life.audit.append(account_of(life.head))),
            // Now there is little room, now more.
            6 if self.random.next(4) == 0 => self.disk.leave_room(self.random.next(60_000)),
            5 => drop(life.submitted.last().map(|last| last.pending.wait())),
            _ => life.submit(&mut self.random),
        }
        !matches!(life.store.submit(Batch::new()).map(drop), Err(Error::Stopped { .. }))
    }

    /// Some acts; then the life ends, in one way or another.
    fn live(&mut self, mut life: Life, acts: u64) {
        for _ in 0..acts {
            if !self.act(&mut life) {
                break;
            }
        }
        let clean = self.random.next(3) == 0;
        if clean {
            let closed =
                life.store.close().and(life.audit.close(Timestamp::from_ms(u64::MAX / 2)).map_err(|_| Error::Closed));
            let _ = closed;
        } else if self.ground != Ground::Files && self.random.next(2) == 0 {
            self.disk.crash(Lost::Some(self.random.next(u64::MAX)));
        }
        let Life { store, audit, submitted, heard, .. } = life;
        // Of the last handles, so that all that is ever told has been told.
        drop((store, audit));
        if self.ground != Ground::Files {
            let lost = [Lost::All, Lost::Nothing, Lost::Some(self.random.next(u64::MAX))];
            let lost = lost[self.random.next(3) as usize];
            self.disk.crash(lost);
        }
        self.disk.heal();
        self.check(&submitted, &pipeline::locked(&heard));
    }

    fn check(&mut self, submitted: &[Submitted], heard: &[(usize, Result<u64, Error>)]) {
        let seed = self.seed;
        let order: Vec<usize> = heard.iter().map(|(index, _)| *index).collect();
        assert_eq!(order, (0..submitted.len()).collect::<Vec<_>>(), "seed {seed}: each is told once, in order");
        let numbers: Vec<u64> = heard.iter().filter_map(|(_, outcome)| outcome.clone().ok()).collect();
        assert!(numbers.is_sorted_by(|a, b| a < b), "seed {seed}: {numbers:?}");
        let mut perhaps = Vec::new();
        let mut accounts = Vec::new();
        for (batch, (_, outcome)) in submitted.iter().zip(heard) {
            let told = batch.pending.outcome().expect("told");
            assert_eq!(told.is_ok(), outcome.is_ok(), "seed {seed}");
            match outcome {
                Ok(_) => {
                    assert!(perhaps.is_empty(), "seed {seed}: acknowledged after {:?}", heard);
                    apply(&mut self.state, batch);
                    accounts.extend(batch.account);
                }
                // It was refused before it was written, or cut off again.
                Err(Error::Full { .. }) => {}
                Err(_) => perhaps.push(batch),
            }
        }
        let life = self.open().unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        let found = contents(&life.store);
        let rest = &mut perhaps.into_iter();
        while found != self.state {
            let Some(batch) = rest.next() else {
                panic!(
                    "seed {seed} on {:?}: found {found:?}\ninstead of {:?}\nafter {heard:?}",
                    self.ground, self.state
                )
            };
            apply(&mut self.state, batch);
            accounts.extend(batch.account);
        }
        let rows: Vec<u64> = found.keys().filter(|(table, _)| *table == LOG).map(|(_, key)| number(key)).collect();
        assert_eq!(rows, (1..=head_of(&life.store)).collect::<Vec<_>>(), "seed {seed}: a hole in the log");
        for end in accounts {
            life.audit
                .check_holds(&end)
                .unwrap_or_else(|error| panic!("seed {seed}: a deed without its account: {error}"));
        }
        life.audit.verify().unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        if self.random.next(4) == 0 {
            assert_eq!(life.store.verify().unwrap().findings, Vec::<String>::new(), "seed {seed}");
        }
    }

    /// A life in which something fails, and one after it.
    fn run(&mut self, fault: Fault, acts: u64) {
        let before = self.random.next(acts / 2);
        let life = self.open().unwrap();
        self.live(life, before);
        self.disk.fail(fault);
        match self.open() {
            Ok(life) => {
                self.live(life, acts);
            }
            // The start itself failed.
            Err(_) => {
                if self.ground != Ground::Files {
                    self.disk.crash(Lost::Some(self.random.next(u64::MAX)));
                }
                self.disk.heal();
                self.check(&[], &[]);
            }
        }
        let life = self.open().unwrap();
        self.live(life, 10);
    }
}

impl Life {
    /// The author writes the next row of the log, and changes others.
    fn submit(&mut self, random: &mut Random) {
        if self.epoch != self.store.epoch() {
            // What was numbered may be gone.
            if self.store.settle().is_err() {
                return;
            }
            self.epoch = self.store.epoch();
            self.carrier = Carrier::of(&carried(&self.store).unwrap());
            self.head = head_of(&self.store);
        }
        let mut batch = self.store.begin();
        if random.next(5) == 0 {
            batch.takes_back();
        }
        let mut ops = vec![
            ((LOG, (self.head + 1).to_be_bytes().to_vec()), Some(random.value())),
            ((T, HEAD.to_vec()), Some((self.head + 1).to_be_bytes().to_vec())),
        ];
        for _ in 0..random.next(4) {
            let key = vec![random.next(12) as u8];
            let value = (random.next(3) > 0).then(|| random.value());
            ops.push(((T, key), value));
        }
        for ((table, key), value) in ops.clone() {
            match value {
                Some(value) => batch.put(table, key, value),
                None => batch.delete(table, key),
            }
        }
        let mut account = None;
        if random.next(2) == 0 {
            // Without its account, nothing is done.
            let Ok(submitted) = self.audit.submit(vec![account_of(self.head)]) else { return };
            account = Some(submitted.end);
            let load = self.carrier.load(&self.audit);
            load.dropped.iter().for_each(|seq| batch.delete(CARRIED, seq.to_be_bytes()));
            load.put.iter().for_each(|(seq, entry)| batch.put(CARRIED, seq.to_be_bytes(), entry.to_vec()));
        }
        let (heard, index) = (Arc::clone(&self.heard), self.submitted.len());
        let told: Told = Box::new(move |outcome| pipeline::locked(&heard).push((index, outcome.clone())));
        if let Ok(pending) = self.store.submit_told(batch, told) {
            self.head += 1;
            self.submitted.push(Submitted { ops, account, pending });
        }
    }
}

fn apply(state: &mut State, batch: &Submitted) {
    for (row, value) in batch.ops.clone() {
        match value {
            Some(value) => _ = state.insert(row, value),
            None => _ = state.remove(&row),
        }
    }
}

fn carried(store: &Store) -> Result<Vec<Stored>, Error> {
    let rows = store.prefix(CARRIED, b"", None, usize::MAX)?;
    Ok(rows.into_iter().map(|(key, bytes)| (number(&key), bytes.into())).collect())
}

fn number(bytes: &[u8]) -> u64 {
    u64::from_be_bytes(bytes.try_into().unwrap())
}

fn head_of(store: &Store) -> u64 {
    store.get(T, HEAD).unwrap().map_or(0, |bytes| number(&bytes))
}

fn contents(store: &Store) -> State {
    let rows = |table| store.prefix(table, b"", None, 100_000).unwrap();
    [T, LOG]
        .into_iter()
        .flat_map(|table| rows(table).into_iter().map(move |(key, value)| ((table, key), value)))
        .collect()
}

fn random_fault(random: &mut Random) -> Fault {
    let trouble = if random.next(2) == 0 { Trouble::Full } else { Trouble::Broken };
    // Most often once, sometimes from then on.
    let times = if random.next(3) == 0 { u64::MAX } else { 1 + random.next(3) };
    Fault { step: None, after: random.next(250), times, trouble, torn: random.next(256) as u8 }
}

/// L15, L14. The seed is in the message; `IGAIN_FAULTS_FROM` begins with it.
#[test]
fn whatever_fails_what_was_acknowledged_is_there_and_nothing_that_built_on_a_failure() {
    let number = |name, otherwise| std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise);
    let (cases, from) = (number(CASES, 500), number(FROM, 1));
    let begun = std::time::Instant::now();
    for seed in from..from + cases {
        let ground = match seed % 20 {
            0 => Ground::Files,
            1..=6 => Ground::Threads,
            _ => Ground::Memory,
        };
        let mut case = Case::new(seed, ground);
        let fault = random_fault(&mut case.random);
        let acts = 20 + case.random.next(60);
        case.run(fault, acts);
    }
    println!("{cases} cases from {from} in {:?}", begun.elapsed());
}

/// L15. One load, and each step that it takes on the disk fails in turn, in each way.
#[test]
fn each_step_of_a_load_fails_in_turn() {
    const ACTS: u64 = 24;
    let steps = {
        let mut case = Case::new(42, Ground::Memory);
        case.run(Fault { step: None, after: u64::MAX, times: 0, trouble: Trouble::Full, torn: 0 }, ACTS);
        case.disk.steps()
    };
    assert!(steps > 100, "{steps}");
    for after in 0..steps {
        for (trouble, torn) in [(Trouble::Full, 128), (Trouble::Broken, 200)] {
            let mut case = Case::new(42, Ground::Memory);
            case.run(Fault { step: None, after, times: 1, trouble, torn }, ACTS);
        }
    }
}
