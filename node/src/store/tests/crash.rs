//! L15: killed at any instant, the store loses no acknowledged commit and opens by itself.
//!
//! The test runs itself as a child that writes, acknowledges on its standard output, merges and erases all the while,
//! and is killed; in some rounds the directory's files are damaged as well. Seen to fail with the sync taken out only
//! on a machine that loses power; seen to fail when the writer and a merge could take the same file number.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use super::*;

const FOLDER: &str = "IGAIN_CRASH_FOLDER";
/// Set it for a longer run.
const ROUNDS: &str = "IGAIN_CRASH_ROUNDS";
const SEED: &str = "IGAIN_CRASH_SEED";
const HEAD: &[u8] = b"head";
const KEYS: u64 = 300;

fn options() -> Options {
    Options { file_bytes: 64 << 10, overlay_bytes: 16 << 10, erase_within: Duration::from_millis(100), ..small() }
}

/// What commit number `commit` does is known from its number alone.
fn nth(commit: u64) -> (Vec<u8>, Option<Vec<u8>>) {
    let key = (commit.wrapping_mul(7_919) % KEYS).to_be_bytes().to_vec();
    let value = [vec![commit as u8; (commit % 500) as usize], commit.to_be_bytes().to_vec()].concat();
    (key, (commit % 5 != 4).then_some(value))
}

fn head(store: &Store) -> u64 {
    store.get(T, HEAD).unwrap().map_or(0, |bytes| u64::from_be_bytes(bytes.try_into().unwrap()))
}

fn check(store: &Store) -> u64 {
    let head = head(store);
    let mut expected = BTreeMap::new();
    for commit in head.saturating_sub(KEYS * 2) + 1..=head {
        let (key, value) = nth(commit);
        expected.insert(key, value);
    }
    for (key, value) in expected {
        assert_eq!(store.get(T, &key).unwrap(), value, "at {head}");
    }
    head
}

#[test]
#[ignore = "runs as a child of the test below"]
fn child() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let (store, _) = Store::open(folder.as_ref(), &key(), options(), &|_| {}).unwrap();
    let mut commit = check(&store);
    let (mut waiting, mut out) = (std::collections::VecDeque::new(), std::io::stdout());
    loop {
        commit += 1;
        let (key, value) = nth(commit);
        let mut batch = Batch::new();
        match value {
            Some(value) => batch.put(T, key, value),
            None => batch.delete(T, key),
        }
        batch.put(T, HEAD, commit.to_be_bytes());
        waiting.push_back((commit, store.submit(batch).unwrap()));
        store.pin(store.position());
        while waiting.len() as u64 > commit / 64 % 4 {
            let (commit, pending) = waiting.pop_front().unwrap();
            pending.wait().unwrap();
            writeln!(out, "durable {commit}").unwrap();
        }
    }
}

/// Lets a child write for a while and kills it; the last commit that it acknowledged.
fn run_and_kill(folder: &Path, instant: Duration) -> Option<u64> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "store::tests::crash::child", "--ignored", "--nocapture"])
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let out = BufReader::new(child.stdout.take().unwrap());
    let reader = std::thread::spawn(move || {
        let lines = out.lines().map_while(Result::ok);
        lines.filter_map(|line| line.strip_prefix("durable ")?.parse().ok()).last()
    });
    std::thread::sleep(instant);
    // A child that ended by itself had found something wrong.
    assert!(child.try_wait().unwrap().is_none(), "the child ended by itself");
    child.kill().unwrap();
    child.wait().unwrap();
    reader.join().unwrap()
}

fn damage(directory: &Path, random: &mut Random) {
    let Ok(files) = std::fs::read_dir(directory) else { return };
    let files: Vec<_> = files.map(|file| file.unwrap().path()).filter(|file| file.is_file()).collect();
    if files.is_empty() {
        return;
    }
    let file = &files[random.next(files.len() as u64) as usize];
    let mut bytes = std::fs::read(file).unwrap();
    let at = random.next(bytes.len() as u64 + 1) as usize;
    match random.next(3) {
        0 => drop(std::fs::remove_file(file)),
        1 => bytes.truncate(at),
        _ => bytes.iter_mut().skip(at).take(64).for_each(|byte| *byte ^= 0x55),
    }
    if file.exists() {
        std::fs::write(file, bytes).unwrap();
    }
}

#[test]
fn no_acknowledged_commit_is_lost() {
    let number = |name, otherwise| std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise);
    let (rounds, seed) = (number(ROUNDS, 30), number(SEED, 20_261_124));
    let dir = tempfile::tempdir().unwrap();
    let (mut random, mut acknowledged, mut rebuilt) = (Random(seed), 0, 0);
    for round in 0..rounds {
        let instant = Duration::from_micros(random.next(if round % 3 == 0 { 60_000 } else { 300_000 }));
        acknowledged = run_and_kill(dir.path(), instant).unwrap_or(acknowledged).max(acknowledged);
        if round % 4 == 3 {
            damage(&dir.path().join("directory"), &mut random);
        }
        let (store, opened) = Store::open(dir.path(), &key(), options(), &|_| {}).unwrap();
        rebuilt += u32::from(opened.rebuilt.is_some());
        let head = check(&store);
        assert!(head >= acknowledged, "seed {seed} round {round}: {acknowledged} was acknowledged, {head} is there");
        if round % 10 == 9 {
            assert_eq!(store.verify().unwrap().findings, Vec::<String>::new(), "seed {seed} round {round}");
        }
    }
    assert!(acknowledged > 0, "the children never came to write");
    println!("{rounds} rounds, {acknowledged} commits acknowledged, {rebuilt} times rebuilt");
}
