//! L15 on whole daemons: killed at any instant, a node loses no acknowledged write and starts again by itself.
//!
//! KE imports and writes by hand while FR follows; one of them, or both, are killed with SIGKILL at a random instant, in
//! some rounds again while they start, and in some the key directory's files are damaged meanwhile. What the daemons
//! acknowledged must be there when they are back, and in the end both must hold just what they should.
//!
//! `IGAIN_CRASH_ROUNDS` sets how many rounds, `IGAIN_SEED` what they do; where in the daemon's work an instant falls,
//! the machine decides.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test fails loudly"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use igain_tests::api::Api;
use igain_tests::daemon::{ASKING, Bureau, federation, until};
use igain_tests::simulation::Random;
use serde_json::{Value, json};

const ALL_TO_FR: &str = "@id(\"fr\") permit(principal == Bureau::\"FR\", action in Action::\"disclose\", resource);";

const MAPPING: &str = r#"
source = "crash"
grading = "B2"
[label]
tlp = "green"
[[record]]
kind = "phone"
key = "{id}"
take = ["number"]
[record.fields]
remarks = "{text}"
"#;

/// Rows of the whole file: more than one batch, so that an import is acknowledged in parts.
const ROWS: u64 = 1_050;

/// Rows of the file in most rounds, so that there can be many.
const FEW: u64 = 200;

/// The first of so many rounds imports the whole file.
const WHOLE_EVERY: u64 = 8;

/// How many rows the file of a round has.
const fn rows(round: u64) -> u64 {
    if round % WHOLE_EVERY == 1 { ROWS } else { FEW }
}

/// Rounds between two looks whether both bureaus hold the same.
const AGREE_EVERY: u64 = 20;

/// Records by their ids, with their revisions.
type Held = BTreeMap<String, u64>;

fn number(row: u64) -> String {
    format!("+2547{row:08}")
}

/// The file, in which every row says which version it is of.
fn table(version: u64) -> String {
    let row = |row| format!("{row},{},version {version} of row {row}\n", number(row));
    std::iter::once("id,number,text\n".to_owned()).chain((0..rows(version)).map(row)).collect()
}

/// What was acknowledged of an import.
struct Imported {
    /// Rows that were said to be durable, from the first on.
    durable: u64,
    /// It came to its end.
    whole: bool,
}

/// Imports the file; `durable` follows what is acknowledged, and `ended` turns true at the end.
fn import(api: &Api, version: u64, durable: &AtomicU64, ended: &AtomicBool) -> Imported {
    let heard = |event: &Value| {
        assert!(event.get("reject").is_none(), "{event}");
        if let Some(records) = event["progress"]["records"].as_u64() {
            durable.store(records, Ordering::Relaxed);
        }
    };
    let whole = api.import(MAPPING, &table(version), heard).is_ok();
    ended.store(true, Ordering::Relaxed);
    Imported { durable: durable.load(Ordering::Relaxed), whole }
}

fn add(api: &Api, key: &str) -> std::io::Result<String> {
    let label = json!({ "kind": "phone", "tlp": "green" });
    let field = json!({ "name": "remarks", "value": key });
    let record = json!({ "key": key, "source": "by hand", "label": label, "grading": "B2", "fields": [field] });
    let added = api.post("/v1/records", &json!({ "records": [record] }))?.data();
    let outcome = &added["outcomes"][0];
    assert!(matches!(outcome["outcome"].as_str(), Some("added" | "unchanged")), "{outcome}");
    Ok(outcome["id"].as_str().expect("an id").to_owned())
}

fn withdraw(api: &Api, id: &str) -> std::io::Result<()> {
    let answer = api.post(&format!("/v1/records/{id}/withdraw"), &json!({ "reason": "incorrect" }))?;
    // One that was withdrawn before the daemon could say so is not there any more.
    assert!(answer.status < 300 || answer.status == 404, "{answer:?}");
    Ok(())
}

/// A page of the records of KE that a daemon lists, and where the next one begins.
fn page(api: &Api, limit: u64, after: &str) -> std::io::Result<(Held, Option<String>)> {
    let page = api.get(&format!("/v1/records?owner=KE&limit={limit}{after}&{ASKING}"))?.data();
    let listed = |record: &Value| {
        let id = record["id"].as_str().expect("an id").to_owned();
        (id, record["revision"].as_u64().expect("a revision"))
    };
    let held = page["records"].as_array().expect("records").iter().map(listed).collect();
    Ok((held, page["next"].as_str().map(|next| format!("&after={next}"))))
}

/// All records of KE that a daemon lists.
fn list(api: &Api) -> std::io::Result<Held> {
    let (mut held, mut after) = (Held::new(), Some(String::new()));
    while let Some(from) = after {
        let (listed, next) = page(api, 1_000, &from)?;
        held.extend(listed);
        after = next;
    }
    Ok(held)
}

/// What the daemon says of one row of the file.
fn remarks(api: &Api, row: u64) -> String {
    let identifier = json!({ "scheme": "phone", "value": number(row) });
    let question = json!({ "purpose": "investigation", "case": "crash", "identifier": identifier });
    let answer = api.post("/v1/query", &question).expect("an answer").data();
    let fields = answer["hits"][0]["fields"].as_array().cloned().unwrap_or_default();
    let remarks = fields.iter().find(|field| field["name"] == "remarks");
    remarks.and_then(|field| field["value"].as_str()).unwrap_or_default().to_owned()
}

/// Damages one file of a key directory: it is removed, cut short, or some of its bytes are changed.
fn damage(directory: &Path, random: &mut Random) {
    let Ok(entries) = std::fs::read_dir(directory) else { return };
    let mut files: Vec<_> = entries.map(|entry| entry.expect("a file").path()).filter(|path| path.is_file()).collect();
    files.sort();
    if files.is_empty() {
        return;
    }
    let file = &files[random.below(files.len() as u64) as usize];
    let mut bytes = std::fs::read(file).expect("a file");
    let at = random.below(bytes.len() as u64) as usize;
    match random.below(3) {
        0 => return std::fs::remove_file(file).expect("removed"),
        1 => bytes.truncate(at),
        _ => bytes.iter_mut().skip(at).take(64).for_each(|byte| *byte ^= 0x55),
    }
    std::fs::write(file, bytes).expect("written");
}

/// What a round asked of KE by hand, and what KE acknowledged of it.
#[derive(Default)]
struct Deeds {
    /// Keys, with the id where the record was acknowledged.
    added: Vec<(String, Option<String>)>,
    /// A record, and whether its withdrawal was acknowledged.
    withdrawn: Option<(String, bool)>,
}

fn deeds(api: &Api, round: u64, old: Option<String>, stop: &AtomicBool) -> Deeds {
    let mut deeds = Deeds::default();
    for nth in 0..6 {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let key = format!("round {round}, {nth}");
        deeds.added.push((key.clone(), add(api, &key).ok()));
        if nth == 3 {
            deeds.withdrawn = old.clone().map(|old| (old.clone(), withdraw(api, &old).is_ok()));
        }
    }
    deeds
}

/// The beginning of the list as FR last gave it before it was killed.
fn watch(api: &Api, stop: &AtomicBool) -> Held {
    let mut seen = Held::new();
    while !stop.load(Ordering::Relaxed) {
        match page(api, 100, "") {
            Ok((held, _)) => seen = held,
            Err(_) => break,
        }
        // FR has more to do than to answer this.
        std::thread::sleep(Duration::from_millis(10));
    }
    seen
}

/// When to kill.
#[derive(Clone, Copy)]
struct Moment {
    /// Count from the first acknowledgement of the import, not from its beginning.
    acknowledged: bool,
    after: Duration,
}

/// Two bureaus, and what they have acknowledged.
struct Run {
    ke: Bureau,
    fr: Bureau,
    random: Random,
    /// Records by hand that are live.
    added: BTreeSet<String>,
    withdrawn: BTreeSet<String>,
    /// How long a row takes here, from which moments are drawn.
    row_lasts: Duration,
    kills: u64,
}

impl Run {
    fn start(seed: u64) -> Self {
        let mut bureaus = federation(&["KE", "FR"]);
        let (fr, ke) = (bureaus.pop().expect("FR"), bureaus.pop().expect("KE"));
        ke.apply(ALL_TO_FR);
        let (added, withdrawn) = (BTreeSet::new(), BTreeSet::new());
        let row_lasts = Duration::from_micros(500);
        Self { ke, fr, random: Random::new(seed), added, withdrawn, row_lasts, kills: 0 }
    }

    fn round(&mut self, round: u64) {
        let [kill_ke, kill_fr] = match self.random.below(10) {
            0..=4 => [true, false],
            5..=8 => [false, true],
            _ => [true, true],
        };
        let moment = Moment {
            acknowledged: self.random.chance(50),
            after: self.row_lasts.mul_f64((rows(round) * self.random.below(1_000)) as f64 / 1_000.0),
        };
        let old = self.added.iter().nth(self.random.below(self.added.len() as u64 + 1) as usize).cloned();
        let (imported, deeds, seen) = self.disturb(round, moment, old, [kill_ke, kill_fr]);
        for (bureau, killed) in [(&mut self.ke, kill_ke), (&mut self.fr, kill_fr)] {
            if killed {
                self.kills += bring_back(bureau, &mut self.random);
            }
        }
        self.settle_deeds(deeds);
        self.check_import(round, &imported);
        self.check_seen(&seen);
    }

    /// Lets both work, and kills one or both at `moment`.
    fn disturb(
        &mut self,
        round: u64,
        moment: Moment,
        old: Option<String>,
        [kill_ke, kill_fr]: [bool; 2],
    ) -> (Imported, Deeds, Held) {
        let (ke, fr, stop) = (self.ke.api(), self.fr.api(), AtomicBool::new(false));
        let (durable, ended) = (AtomicU64::new(0), AtomicBool::new(false));
        std::thread::scope(|scope| {
            let begun = Instant::now();
            let importing = scope.spawn(|| import(&ke, round, &durable, &ended));
            let acting = scope.spawn(|| deeds(&ke, round, old, &stop));
            let watching = scope.spawn(|| if kill_fr { watch(&fr, &stop) } else { Held::new() });
            if moment.acknowledged {
                let heard = || durable.load(Ordering::Relaxed) > 0 || ended.load(Ordering::Relaxed);
                until("an acknowledgement", || heard().then_some(()));
            }
            std::thread::sleep(moment.after);
            if kill_ke {
                self.ke.kill();
            }
            if kill_fr {
                self.fr.kill();
            }
            stop.store(true, Ordering::Relaxed);
            let imported = importing.join().expect("an import");
            if !kill_ke {
                assert!(imported.whole, "an import that nobody disturbed");
                self.row_lasts = (self.row_lasts + begun.elapsed().div_f64(rows(round) as f64)) / 2;
            }
            (imported, acting.join().expect("deeds"), watching.join().expect("a list"))
        })
    }

    /// Does again what was not acknowledged, and sees that what was is there.
    fn settle_deeds(&mut self, deeds: Deeds) {
        let api = self.ke.api();
        for (key, acknowledged) in deeds.added {
            if let Some(id) = &acknowledged {
                let found = api.get(&format!("/v1/records/{id}?{ASKING}")).expect("an answer");
                assert_eq!(found.status, 200, "`{key}` was acknowledged and is lost: {found:?}");
            }
            self.added.insert(acknowledged.unwrap_or_else(|| add(&api, &key).expect("an answer")));
        }
        let Some((id, acknowledged)) = deeds.withdrawn else { return };
        if acknowledged {
            let found = api.get(&format!("/v1/records/{id}?{ASKING}")).expect("an answer");
            assert_eq!(found.status, 404, "a withdrawal was acknowledged and is lost: {found:?}");
        }
        withdraw(&api, &id).expect("an answer");
        self.added.remove(&id);
        self.withdrawn.insert(id);
    }

    fn check_import(&mut self, round: u64, imported: &Imported) {
        let api = self.ke.api();
        if let Some(last) = imported.durable.checked_sub(1) {
            for row in [0, self.random.below(last), last] {
                let wanted = format!("version {round} of row {row}");
                assert_eq!(remarks(&api, row), wanted, "{} rows were acknowledged", imported.durable);
            }
        }
        if imported.whole {
            return;
        }
        let report = api.import(MAPPING, &table(round), |_| {}).expect("an import");
        let count = |name: &str| report[name].as_u64().expect("a count");
        assert!(count("unchanged") >= imported.durable, "{} rows were acknowledged: {report}", imported.durable);
        assert_eq!(count("added") + count("revised") + count("unchanged"), rows(round), "{report}");
    }

    /// What FR showed before it was killed, it holds when it is back.
    fn check_seen(&self, seen: &Held) {
        if seen.is_empty() {
            return;
        }
        let held = list(&self.fr.api()).expect("a list");
        for (id, revision) in seen.iter().filter(|(id, _)| !self.withdrawn.contains(*id)) {
            let there = held.get(id);
            assert!(there >= Some(revision), "FR showed revision {revision} of {id} and now holds {there:?}");
        }
    }

    /// Both hold the same, and just what they should.
    fn check_agreement(&self) {
        let held = list(&self.ke.api()).expect("a list");
        assert_eq!(held.len() as u64, ROWS + self.added.len() as u64);
        assert!(self.added.iter().all(|id| held.contains_key(id)));
        until("FR to hold what KE holds", || (list(&self.fr.api()).expect("a list") == held).then_some(()));
    }

    fn check_end(&self) {
        self.check_agreement();
        for id in &self.withdrawn {
            let call = format!("/v1/records/{id}/holders");
            until("the receipt of a withdrawal", || {
                let holders = self.ke.api().get(&call).expect("an answer").data();
                let purged = |holder: &Value| holder["state"] == "purged";
                holders["holders"].as_array().expect("holders").iter().all(purged).then_some(())
            });
        }
        for bureau in [&self.ke, &self.fr] {
            for what in ["store", "audit"] {
                let found = bureau.json(&[what, "verify"]);
                assert_eq!(found["intact"], true, "{} {what}: {found}", bureau.id);
            }
        }
        // No feed had to be begun anew: what FR had shown to hold, and what KE had noted of it, was never forgotten.
        let closed = self.fr.json(&["audit", "list", "--action", "feed.recall"]);
        assert_eq!(closed["entries"], json!([]));
    }
}

/// Starts a daemon that was killed; gives how often it was killed again on the way.
fn bring_back(bureau: &mut Bureau, random: &mut Random) -> u64 {
    let mut kills = 1;
    for what in ["store", "audit"] {
        if random.chance(25) {
            damage(&bureau.path("data").join(what).join("directory"), random);
        }
    }
    while random.chance(20) {
        bureau.spawn();
        std::thread::sleep(Duration::from_millis(random.below(300)));
        bureau.kill();
        kills += 1;
    }
    bureau.spawn();
    bureau.await_answer();
    kills
}

/// L15. Seen to fail when an import acknowledges what it has only handed to the store, and when a directory that does
/// not open stops the start.
#[test]
fn l15_no_acknowledged_write_is_lost() {
    let variable = |name, otherwise| std::env::var(name).map_or(otherwise, |text| text.parse().expect("a number"));
    let (rounds, seed) = (variable("IGAIN_CRASH_ROUNDS", 200), variable("IGAIN_SEED", 20_261_125));
    println!("{rounds} rounds; IGAIN_SEED={seed} draws the same again");
    let begun = Instant::now();
    let mut run = Run::start(seed);
    for round in 1..=rounds {
        run.round(round);
        if round % AGREE_EVERY == 0 {
            run.check_agreement();
        }
    }
    run.check_end();
    let rebuilt = [&run.ke, &run.fr].map(|bureau| bureau.log().matches("was made anew").count());
    println!("{} kills, directories made anew: {rebuilt:?}, {:?}", run.kills, begun.elapsed());
    assert!(rounds < 50 || rebuilt.iter().all(|times| *times > 0), "no damage was ever noticed");
}
