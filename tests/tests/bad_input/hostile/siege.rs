//! It does all of it at once, for a while, and others go on. `IGAIN_SIEGE_S` says for how long; `.ci/deep sieges` lets it take longer.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use igain_protocol::feed::{Cursor, Cursors, Entry, FeedKind, Item, Letter, LetterKind, Position, Run};
use igain_protocol::record::RecordId;
use igain_protocol::sync::{Message, Notify, Pull, Reclaim};
use igain_tests::daemon::Bureau;

use super::super::peak_bytes;
use super::giving::MORE;
use super::{HOSTILE, Siege, now, pull};

/// The most memory that KE may take, whatever BR does.
const MEMORY: u64 = 512 << 20;

/// The most that KE may write to its disk because of BR: what BR may spend at once is far more than what it gets through.
const DISK: u64 = 256 << 20;

/// Between two records of the honest bureau.
const PACE: Duration = Duration::from_millis(100);

fn seconds() -> u64 {
    std::env::var("IGAIN_SIEGE_S").ok().map_or(60, |text| text.parse().expect("a number of seconds"))
}

/// What the honest bureau sees: how long each of its records takes to arrive.
fn arrivals(fr: &Bureau, ke: &Bureau, records: &mut u64, lasts: Duration) -> Vec<Duration> {
    let (begun, mut all) = (Instant::now(), Vec::new());
    while begun.elapsed() < lasts {
        *records += 1;
        let number = format!("number=+3310{records:07}");
        let added = Instant::now();
        fr.json(&["record", "add", "phone", &number, "--tlp", "green", "--grading", "B2"]);
        ke.eventually(&["status"], |status| {
            let counts = status["records"].as_array().expect("counts");
            counts.iter().any(|row| row["owner"] == "FR" && row["records"] == *records)
        });
        all.push(added.elapsed());
        std::thread::sleep(PACE);
    }
    all.sort_unstable();
    all
}

fn told(what: &str, times: &[Duration]) {
    let at = |share: usize| times.get((times.len() * share / 100).min(times.len() - 1)).copied().unwrap_or_default();
    println!("{what}: {} records, half of them within {:?}, 99 of 100 within {:?}", times.len(), at(50), at(99));
}

fn folder_bytes(folder: &std::path::Path) -> u64 {
    let entries = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry"));
    entries
        .map(|entry| match entry.metadata() {
            Ok(about) if about.is_dir() => folder_bytes(&entry.path()),
            Ok(about) => about.len(),
            Err(_) => 0,
        })
        .sum()
}

/// L16, L17, L20: a member that claims, asks, gives and hints without end costs others nothing but time, and this bureau no more than
/// stated: memory, disk, entries of the log. Afterwards all is as before, and it is served again once it behaves.
///
/// Seen to fail when nothing is spent for claims: the log grew by tens of thousands of entries.
#[test]
fn a_siege_costs_others_nothing() {
    let mut siege = Siege::lay(41);
    let fr = Bureau::start("FR");
    fr.enrol(&siege.ke);
    siege.ke.enrol(&fr);
    fr.apply("@id(\"ke\") permit(principal == Bureau::\"KE\", action in Action::\"disclose\", resource);");
    let mut records = 0;
    told("in peace", &arrivals(&fr, &siege.ke, &mut records, Duration::from_secs(3)));
    let disk = folder_bytes(&siege.ke.path("data"));
    let over = Arc::new(AtomicBool::new(false));
    let (asked, answered) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    siege.ask_without_end(&over, &asked);
    siege.give_without_end(&over, &answered);
    let during = arrivals(&fr, &siege.ke, &mut records, Duration::from_secs(seconds()));
    told("in the siege", &during);
    over.store(true, Ordering::Release);
    let (asked, answered) = (asked.load(Ordering::Relaxed), answered.load(Ordering::Relaxed));
    println!("it asked {asked} times and answered {answered}; at most {} MiB of memory", peak_bytes(&siege.ke) >> 20);
    assert!(asked > 20 && answered > 0, "there was a siege");
    assert!(peak_bytes(&siege.ke) < MEMORY);
    let grown = folder_bytes(&siege.ke.path("data")).saturating_sub(disk);
    assert!(grown < DISK, "the disk grew by {grown} bytes");
    let entries = siege.ke.json(&["audit", "list", "--peer", HOSTILE, "--limit", "1000", "--from", "1"]);
    let last = siege.ke.json(&["audit", "list", "--limit", "1"])["last"].as_u64().expect("a number");
    println!("{last} entries in the log, {} of them shown of it", entries["entries"].as_array().map_or(0, Vec::len));
    assert!(last < 40_000, "the log has {last} entries");
    // The other one goes on, and nothing is lost.
    told("afterwards", &arrivals(&fr, &siege.ke, &mut records, Duration::from_secs(2)));
    super::super::assert_sound(&siege.ke, 1);
}

impl Siege {
    /// Pulls with claims that nobody can check, hints, and asks for what there is not, on several exchanges at a time.
    fn ask_without_end(&self, over: &Arc<AtomicBool>, asked: &Arc<AtomicU64>) {
        for nth in 0..4_u64 {
            let (network, key) = (self.network.clone(), self.ke_key());
            let (over, asked) = (Arc::clone(over), Arc::clone(asked));
            self.runtime.spawn(async move {
                let mut turn = nth;
                while !over.load(Ordering::Acquire) {
                    let Ok(mut exchange) = network.open(key).await else {
                        tokio::time::sleep(Duration::from_millis(5)).await;
                        continue;
                    };
                    for _ in 0..50 {
                        turn += 4;
                        asked.fetch_add(1, Ordering::Relaxed);
                        let claim = Cursor { generation: turn, at: Position { seq: turn, head: [9; 16] } };
                        let cursors =
                            if turn % 3 == 0 { Cursors::default() } else { Cursors { letters: claim, records: claim } };
                        let mut hello = pull(1).hello;
                        hello.capabilities = turn % 2;
                        let frame = match turn % 5 {
                            0 => Message::Notify(Notify),
                            1 => Message::Reclaim(Reclaim { after: Vec::new(), want: Vec::new() }),
                            _ => Message::Pull(Pull { cursors, hello, ..pull(now().as_ms() + turn) }),
                        };
                        if exchange.send(&frame.encode()).await.is_err() {
                            break;
                        }
                        let answer = tokio::time::timeout(Duration::from_millis(200), exchange.recv()).await;
                        if !matches!(answer, Ok(Ok(Some(_)))) {
                            break;
                        }
                    }
                }
            });
        }
    }

    /// Answers each pull with a feed that begins anew, letters that are none, ends of records that there are not, and questions.
    fn give_without_end(&mut self, over: &Arc<AtomicBool>, answered: &Arc<AtomicU64>) {
        let id = |nth: u64| RecordId::derived(&[1; 32], "siege", &nth.to_string());
        let gone: Vec<Entry> = (0..1_000).map(|nth| Entry::Gone(id(nth))).collect();
        let letters: Vec<Entry> = (0..50_u8)
            .map(|nth| {
                Entry::Letter(Letter { kind: LetterKind::from_number(u64::from(nth % 3)), bytes: vec![nth; 200] })
            })
            .collect();
        // Some generations are prepared: what is sealed costs this side more than that one.
        let rounds: Vec<Vec<Message>> = (5..25)
            .map(|generation| {
                let open = |feed| Item::Open { feed, generation };
                let run = |feed, entries| Item::Run(Run::new(feed, generation, Position::default(), entries));
                vec![
                    self.deliver(&[open(FeedKind::Letters), run(FeedKind::Letters, letters.clone())]),
                    self.deliver(&[open(FeedKind::Records), run(FeedKind::Records, gone.clone())]),
                    Message::Reclaim(Reclaim { after: Vec::new(), want: Vec::new() }),
                    Message::Reclaim(Reclaim { after: vec![1], want: vec![id(1); 100] }),
                    MORE,
                ]
            })
            .collect();
        let (over, answered) = (Arc::clone(over), Arc::clone(answered));
        let mut incoming = self.incoming.take().expect("nobody else answers");
        self.runtime.spawn(async move {
            let mut round = 0;
            while !over.load(Ordering::Acquire) {
                let Some(mut exchange) = incoming.recv().await else { return };
                while let Ok(Ok(Some(frame))) = tokio::time::timeout(Duration::from_secs(2), exchange.recv()).await {
                    if !matches!(Message::decode(&frame), Ok(Message::Pull(_))) {
                        continue;
                    }
                    answered.fetch_add(1, Ordering::Relaxed);
                    round = (round + 1) % rounds.len();
                    for message in &rounds[round] {
                        if exchange.send(&message.encode()).await.is_err() {
                            break;
                        }
                    }
                }
            }
        });
    }
}
