//! A bureau that lost its disk starts again from its backups, with all that was acknowledged when the last was made.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails loudly"
)]

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use age::secrecy::ExposeSecret as _;
use igain_tests::daemon::Bureau;
use serde_json::{Value, json};

/// A bureau that runs, a folder for its backups, and a recovery identity.
struct Place {
    bureau: Bureau,
    public: String,
}

impl Place {
    fn start() -> Self {
        Self::with(Bureau::start("KE"))
    }

    fn with(bureau: Bureau) -> Self {
        let identity = age::x25519::Identity::generate();
        let text = format!("# public key: {}\n{}\n", identity.to_public(), identity.to_string().expose_secret());
        bureau.write("recovery.key", &text);
        std::fs::create_dir(bureau.path("backups")).unwrap();
        Self { public: identity.to_public().to_string(), bureau }
    }

    fn back_up(&self, more: &[&str]) -> Value {
        self.bureau.json(&[&["backup", "create", "backups", "--to-key", &self.public][..], more].concat())
    }

    fn add(&self, number: u32) -> String {
        add(&self.bureau, number)
    }

    fn verify(&self) -> Value {
        self.bureau.json(&["backup", "verify", "--identity", "recovery.key", "backups"])
    }

    fn refused(&self, args: &[&str]) -> (String, String) {
        let said = self.bureau.igain(&[&["backup"], args, &["--json"]].concat());
        assert!(said.code.is_some_and(|code| code > 0), "{args:?}: {said:?}");
        let problem = said.problem();
        (text(&problem["code"]), text(&problem["detail"]))
    }

    /// Restores the newest backup, or that of `at`, and starts the bureau on it in the place of what it had.
    fn restore(&mut self, at: Option<&str>) -> Value {
        let at = at.map(|at| vec!["--at", at]).unwrap_or_default();
        let restore = ["backup", "restore", "--identity", "recovery.key", "--from", "backups", "--data", "restored"];
        let restored = self.bureau.json(&[&restore[..], &at].concat());
        self.bureau.stop();
        let path = |name: &str| self.bureau.path(name);
        std::fs::rename(path("restored/from-backup/keys.age"), path("restored/keys.age")).unwrap();
        std::fs::copy(path("restored/from-backup/policy.cedar"), path("restored/policy.cedar")).unwrap();
        let _ = std::fs::remove_dir_all(path("lost"));
        std::fs::rename(path("data"), path("lost")).unwrap();
        std::fs::rename(path("restored"), path("data")).unwrap();
        std::fs::remove_file(path("daemon.log")).unwrap();
        self.bureau.run();
        restored
    }

    fn archives(&self) -> Vec<PathBuf> {
        let files = std::fs::read_dir(self.bureau.path("backups")).unwrap().map(|file| file.unwrap().path());
        let mut files: Vec<PathBuf> = files.collect();
        files.sort();
        files
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}

fn name(path: &Path) -> String {
    path.file_name().unwrap().to_string_lossy().into_owned()
}

fn add(bureau: &Bureau, number: u32) -> String {
    let number = format!("number=+254 700 {number:06}");
    let done = bureau.json(&["record", "add", "phone", &number, "--tlp", "green", "--grading", "B2"]);
    assert_eq!(done["outcomes"][0]["outcome"], "added", "{done}");
    text(&done["outcomes"][0]["id"])
}

/// The ids of all own records.
fn ids(bureau: &Bureau) -> Vec<String> {
    let listing = bureau.json(&["record", "list", "--owner", &bureau.id]);
    let mut ids: Vec<String> =
        listing["records"].as_array().unwrap().iter().map(|record| text(&record["id"])).collect();
    ids.sort();
    ids
}

/// Books and audit log are whole and belong together, and the restore is accounted for, once.
fn is_sound(bureau: &Bureau, restored: bool) {
    assert_eq!(bureau.json(&["audit", "verify"])["intact"], true);
    assert_eq!(bureau.json(&["store", "verify"])["intact"], true);
    let entries = |action: &str| {
        let log = bureau.json(&["audit", "list", "--action", action]);
        log["entries"].as_array().unwrap().clone()
    };
    assert_eq!(entries("store.put-back"), Vec::<Value>::new(), "books and log belong together");
    assert_eq!(entries("store.restored").len(), usize::from(restored));
    assert!(!bureau.path("data/restored.json").exists());
}

/// L14, L15.
#[test]
fn records_that_are_written_while_backups_run_are_in_the_one_after_them() {
    let mut place = Place::start();
    let stop = Arc::new(AtomicBool::new(false));
    let added = Arc::new(Mutex::new(Vec::new()));
    let socket = place.bureau.api();
    let writer = {
        let (stop, added) = (Arc::clone(&stop), Arc::clone(&added));
        std::thread::spawn(move || {
            for number in 0u32.. {
                if stop.load(Ordering::Relaxed) {
                    return;
                }
                let field = json!({ "name": "number", "value": format!("+254 701 {number:06}") });
                let label = json!({ "kind": "phone", "tlp": "green" });
                let record = json!({ "label": label, "grading": "B2", "fields": [field] });
                let done = socket.post("/v1/records", &json!({ "records": [record] })).unwrap().data();
                added.lock().unwrap().push(text(&done["outcomes"][0]["id"]));
            }
        })
    };
    let mut acknowledged = Vec::new();
    for _ in 0..6 {
        acknowledged = added.lock().unwrap().clone();
        place.back_up(&[]);
    }
    stop.store(true, Ordering::Relaxed);
    writer.join().unwrap();
    assert!(!acknowledged.is_empty(), "nothing was written meanwhile");
    let whole = place.verify();
    assert_eq!(whole["archives"], 6);
    place.restore(None);
    is_sound(&place.bureau, true);
    let held: std::collections::BTreeSet<String> = all_ids(&place.bureau).into_iter().collect();
    let lost: Vec<_> = acknowledged.iter().filter(|id| !held.contains(*id)).collect();
    assert!(lost.is_empty(), "{} of {} are lost", lost.len(), acknowledged.len());
}

/// The ids of all own records, however many pages they take.
fn all_ids(bureau: &Bureau) -> Vec<String> {
    let mut ids = Vec::new();
    let mut after: Option<String> = None;
    loop {
        let mut args = vec!["record", "list", "--owner", &bureau.id, "--limit", "1000"];
        if let Some(after) = &after {
            args.extend(["--after", after.as_str()]);
        }
        let page = bureau.json(&args);
        ids.extend(page["records"].as_array().unwrap().iter().map(|record| text(&record["id"])));
        match page["next"].as_str() {
            Some(next) => after = Some(next.to_owned()),
            None => return ids,
        }
    }
}

#[test]
fn a_full_backup_and_two_that_follow_it_restore_each_of_their_moments() {
    let bureau = Bureau::init("KE");
    // What is withdrawn is merged away soon, while backups are made.
    bureau.configure(|text| text.replace("[retention]", "[retention]\nerase_within_s = 60"));
    let mut place = Place::with(bureau);
    place.bureau.run();
    let first: Vec<String> = (0..5).map(|number| place.add(number)).collect();
    let one = place.back_up(&[]);
    assert_eq!((&one["full"], &one["number"]), (&json!(true), &json!(1)));
    assert!(text(&one["why"]).contains("first backup"), "{one}");
    let at_one = ids(&place.bureau);
    let before = journal(&place.bureau);
    place.bureau.json(&["record", "withdraw", &first[0], "--yes"]);
    merged(&place.bureau, &before);
    place.add(10);
    let two = place.back_up(&[]);
    assert_eq!((&two["full"], &two["number"]), (&json!(false), &json!(2)), "{two}");
    let at_two = ids(&place.bureau);
    place.add(20);
    let three = place.back_up(&[]);
    assert_eq!((&three["full"], &three["number"]), (&json!(false), &json!(3)), "{three}");
    let at_three = ids(&place.bureau);
    place.add(30);
    for archive in place.archives() {
        assert_eq!(std::fs::metadata(archive).unwrap().permissions().mode() & 0o777, 0o600);
    }
    let listed = place.bureau.json(&["backup", "list", "backups"]);
    assert!(listed["archives"].as_array().unwrap().iter().all(|archive| archive["restorable"] == true), "{listed}");
    let shown = place.bureau.igain(&["backup", "list", "backups"]).out;
    assert!(shown.contains("incremental") && shown.contains("whole"), "{shown}");
    let created = place.bureau.json(&["audit", "list", "--action", "backup.create"]);
    let created = created["entries"].as_array().unwrap();
    assert_eq!(created.len(), 3);
    assert!(format!("{}", created[2]["detail"]).contains(&place.public), "{created:?}");
    assert_eq!(place.verify()["archives"], 3);
    let restored = place.restore(None);
    assert_eq!(restored["at"], three["at"]);
    assert_eq!(ids(&place.bureau), at_three);
    is_sound(&place.bureau, true);
    let log = place.bureau.log();
    assert!(log.contains("put back from a backup"), "{log}");
    let mode = |name: &str| std::fs::metadata(place.bureau.path(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("data"), mode("data/from-backup"), mode("data/from-backup/igain.toml")), (0o700, 0o700, 0o600));
    // It goes on: what it backs up now is full, for nothing is noted of what this folder held.
    place.add(40);
    let after = place.back_up(&[]);
    assert_eq!(after["full"], true, "{after}");
    place.bureau.stop();
    place.bureau.run();
    is_sound(&place.bureau, true);
    for (archive, held) in [(&two, &at_two), (&one, &at_one)] {
        place.restore(Some(&text(&archive["name"])));
        assert_eq!(ids(&place.bureau), *held);
        is_sound(&place.bureau, true);
    }
}

/// The journal files of the books.
fn journal(bureau: &Bureau) -> Vec<String> {
    let files = std::fs::read_dir(bureau.path("data/store/journal")).unwrap();
    let names = files.map(|file| name(&file.unwrap().path()));
    names.filter(|name| name.ends_with(".journal")).collect()
}

/// Waits until one of these journal files was merged away.
fn merged(bureau: &Bureau, before: &[String]) {
    igain_tests::daemon::until("a merge", || {
        let now = journal(bureau);
        before.iter().any(|name| !now.contains(name)).then_some(())
    });
}

#[test]
fn a_command_takes_archives_and_its_failure_is_that_of_the_backup() {
    let mut place = Place::start();
    place.add(1);
    let store = "cat > backups/$IGAIN_BACKUP.part && mv backups/$IGAIN_BACKUP.part backups/$IGAIN_BACKUP";
    let piped = |place: &Place, command: &str| {
        let args = ["backup", "create", "--pipe", command, "--to-key", &place.public, "--json"];
        place.bureau.igain(&args)
    };
    let one = piped(&place, store);
    assert_eq!(one.code, Some(0), "{one:?}");
    place.add(2);
    for command in ["cat > /dev/null; exit 3", "exit 1", "kill -9 $$", "no-such-command"] {
        let failed = piped(&place, command);
        assert_eq!(failed.code, Some(1), "{command}: {failed:?}");
        assert!(failed.err.contains("does not count"), "{command}: {failed:?}");
    }
    let accounted = |action: &str| {
        let listed = place.bureau.json(&["audit", "list", "--action", action]);
        listed["entries"].as_array().map(Vec::len)
    };
    assert_eq!((accounted("backup.create"), accounted("backup.stored")), (Some(5), Some(1)));
    // None of these is what the next one follows.
    let two = piped(&place, &format!("echo this is talk; {store}"));
    assert_eq!(two.code, Some(0), "{two:?}");
    let two = two.json();
    assert_eq!((&two["full"], &two["number"]), (&json!(false), &json!(2)), "{two}");
    let held = ids(&place.bureau);
    // The archives may have been renamed where they were kept.
    let [first, second] = &place.archives()[..] else { panic!("{:?}", place.archives()) };
    std::fs::rename(first, place.bureau.path("backups/a")).unwrap();
    std::fs::rename(second, place.bureau.path("backups/b")).unwrap();
    let verify = ["backup", "verify", "--identity", "recovery.key", "backups/b", "backups/a"];
    assert_eq!(place.bureau.json(&verify)["archives"], 2);
    let (code, detail) = place.refused(&["verify", "--identity", "recovery.key", "backups/b"]);
    assert!(code == "backup.gap" && detail.contains("backups/b"), "{detail}");
    std::fs::rename(place.bureau.path("backups/a"), first).unwrap();
    std::fs::rename(place.bureau.path("backups/b"), second).unwrap();
    place.restore(None);
    assert_eq!(ids(&place.bureau), held);
    is_sound(&place.bureau, true);
}

#[test]
fn what_is_missing_wrong_or_in_the_way_is_named() {
    let mut place = Place::start();
    place.add(1);
    let names: Vec<String> = (0..4).map(|_| text(&place.back_up(&[])["name"])).collect();
    let path = |place: &Place, at: usize| place.bureau.path(&format!("backups/{}", names[at]));
    // A gap, by names alone, and by what is in the archives.
    std::fs::rename(path(&place, 1), place.bureau.path("aside")).unwrap();
    let listed = place.bureau.json(&["backup", "list", "backups"]);
    let state = |at: usize| (listed["archives"][at]["restorable"].clone(), listed["archives"][at]["lacks"].clone());
    assert_eq!(
        [state(0), state(1), state(2)],
        [(json!(true), Value::Null), (json!(false), json!(2)), (json!(false), json!(2))]
    );
    let (code, detail) = place.refused(&["verify", "--identity", "recovery.key", "backups"]);
    assert!(code == "backup.gap" && detail.contains("archive 2") && detail.contains(&names[2]), "{code}: {detail}");
    let restore = ["restore", "--identity", "recovery.key", "--from", "backups", "--data", "restored"];
    assert_eq!(place.refused(&restore).0, "backup.gap");
    assert!(!place.bureau.path("restored").exists() && !place.bureau.path("restored.restoring").exists());
    // What builds on what is not there is full, and says so.
    let full = place.back_up(&[]);
    assert!(full["full"] == true && text(&full["why"]).contains(&names[1]), "{full}");
    std::fs::rename(place.bureau.path("aside"), path(&place, 1)).unwrap();
    assert_eq!(
        place.bureau.json(&["backup", "verify", "--identity", "recovery.key", "backups", "--at", &names[3]])["archives"],
        4
    );
    // Another identity.
    let other = age::x25519::Identity::generate();
    place.bureau.write("other.key", other.to_string().expose_secret());
    let (code, detail) = place.refused(&["verify", "--identity", "other.key", "backups"]);
    assert!(code == "backup.wrong-identity" && detail.contains(&text(&full["name"])), "{code}: {detail}");
    place.bureau.write("no.key", "AGE-SECRET-KEY-1SECRET\n");
    let (code, detail) = place.refused(&["verify", "--identity", "no.key", "backups"]);
    assert!(code == "backup.identity" && !detail.contains("1SECRET"), "{code}: {detail}");
    // Cut short, in the middle of a chain.
    let whole = std::fs::read(path(&place, 2)).unwrap();
    for end in [0, 10, 300, whole.len() / 2, whole.len() - 1] {
        std::fs::write(path(&place, 2), &whole[..end]).unwrap();
        let at = [&restore[..], &["--at", &names[3]]].concat();
        let (code, detail) = place.refused(&at);
        assert!(code == "backup.damaged" && detail.contains(&names[2]), "{end}: {code}: {detail}");
        assert!(!place.bureau.path("restored").exists() && !place.bureau.path("restored.restoring").exists());
    }
    std::fs::write(path(&place, 2), &whole).unwrap();
    // A file of another kind, and another bureau's.
    let (code, detail) = place.refused(&["verify", "--identity", "recovery.key", "igain.toml"]);
    assert!(code == "backup.foreign" && detail.contains("igain.toml"), "{code}: {detail}");
    let fr = Place { bureau: Bureau::start("FR"), public: place.public.clone() };
    std::fs::create_dir(fr.bureau.path("backups")).unwrap();
    let foreign = text(&fr.back_up(&[])["name"]);
    std::fs::copy(fr.bureau.path("backups").join(&foreign), place.bureau.path("backups").join(&foreign)).unwrap();
    let (code, detail) = place.refused(&["verify", "--identity", "recovery.key", "backups"]);
    assert!(code == "backup.several" && detail.contains("FR main") && detail.contains("KE main"), "{code}: {detail}");
    std::fs::remove_file(place.bureau.path("backups").join(&foreign)).unwrap();
    // A folder that has something, and one that is empty.
    std::fs::create_dir(place.bureau.path("restored")).unwrap();
    std::fs::write(place.bureau.path("restored/notes"), "x").unwrap();
    let (code, detail) = place.refused(&restore);
    assert!(code == "backup.not-empty" && detail.contains("restored"), "{code}: {detail}");
    std::fs::remove_file(place.bureau.path("restored/notes")).unwrap();
    std::fs::create_dir(place.bureau.path("restored.restoring")).unwrap();
    assert_eq!(place.refused(&restore).0, "backup.draft");
    std::fs::remove_dir(place.bureau.path("restored.restoring")).unwrap();
    // A note that was lost, or was changed, costs a full backup.
    std::fs::write(place.bureau.path("data/backup/main.note"), "x").unwrap();
    let after = place.back_up(&[]);
    assert!(after["full"] == true && text(&after["why"]).contains("main.note"), "{after}");
    let next = place.back_up(&[]);
    assert_eq!(next["full"], false);
    let held = ids(&place.bureau);
    place.restore(Some(&text(&next["name"])));
    assert_eq!(ids(&place.bureau), held);
    is_sound(&place.bureau, true);
}

#[test]
fn what_makes_no_sense_is_refused_before_anything_is_made() {
    let place = Place::start();
    let to = ["--to-key", place.public.as_str()];
    for (args, code) in [
        (vec!["create", "backups", "--to-key", "age1"], "backup.recipient"),
        (vec!["create", "nowhere", to[0], to[1]], "backup.io"),
        (vec!["create", "backups"], "cli.usage"),
        (vec!["create", to[0], to[1]], "cli.usage"),
        (vec!["create", "backups", "--set", "Off-site", to[0], to[1]], "cli.usage"),
        (vec!["list", "nowhere"], "backup.io"),
        (vec!["verify", "--identity", "recovery.key", "backups"], "backup.none"),
        (vec!["verify", "--identity", "nowhere", "backups"], "backup.io"),
    ] {
        assert_eq!(place.refused(&args).0, code, "{args:?}");
    }
    assert!(place.archives().is_empty());
    let log = place.bureau.json(&["audit", "list", "--action", "backup"]);
    assert_eq!(log["entries"].as_array().map(Vec::len), Some(0), "{log}");
    // Several recipients, from a file too: each of them opens it.
    let other = age::x25519::Identity::generate();
    place.bureau.write("other.key", other.to_string().expose_secret());
    place.bureau.write("recovery.keys", &format!("# offline\n{}\n", other.to_public()));
    assert_eq!(place.back_up(&["--to-keys", "recovery.keys"])["recipients"], 2);
    for key in ["recovery.key", "other.key"] {
        place.bureau.json(&["backup", "verify", "--identity", key, "backups"]);
    }
}
