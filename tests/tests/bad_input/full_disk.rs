//! A disk that fills up, for real: the data folder lies on a small file system in memory, in a namespace of its own.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use igain_tests::daemon::{Bureau, binary, federation, until};

use super::{assert_sound, own_records, refused};

const SKIPPED: &str = "skipped: this system lets no user mount a file system in a namespace of its own (unshare(1))";

/// A shell whose mounts nobody else sees, and the daemon that it runs.
struct Enclosure {
    shell: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
}

impl Enclosure {
    /// None where this system lets no ordinary user have such a thing.
    fn enter(bureau: &Bureau, mebibytes: u32) -> Option<Self> {
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", "--mount", "sh"]).current_dir(bureau.folder());
        let shell = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
        let mut shell = shell.ok()?;
        let (to, from) = (shell.stdin.take()?, BufReader::new(shell.stdout.take()?));
        let mut enclosure = Self { shell, to, from };
        let size = format!("size={mebibytes}m,mode=700");
        let mount = format!(
            "mkdir before && cp -a data/. before && mount -t tmpfs -o {size} tmpfs data && cp -a before/. data"
        );
        enclosure.done(&mount).then_some(enclosure)
    }

    /// Whether the shell could do it.
    fn done(&mut self, line: &str) -> bool {
        let mut answer = String::new();
        let asked = writeln!(self.to, "if {line}; then echo yes; else echo no; fi");
        asked.is_ok() && self.from.read_line(&mut answer).is_ok() && answer == "yes\n"
    }

    fn run(&mut self, bureau: &Bureau) {
        let igain = binary().display().to_string();
        let line = format!("{{ {igain} run --passphrase-file passphrase 2>> daemon.log & daemon=$!; }}");
        assert!(self.done(&line));
        until("the daemon to answer", || (bureau.igain(&["status"]).code == Some(0)).then_some(()));
    }

    fn kill(&mut self) {
        // The shell tells that the job was killed where nobody listens.
        assert!(self.done("kill -9 $daemon && { wait $daemon 2> /dev/null || true; }"));
    }
}

impl Drop for Enclosure {
    fn drop(&mut self) {
        // One that has ended already cannot be killed.
        self.done("kill -9 $daemon");
        let _ = self.shell.kill();
        let _ = self.shell.wait();
    }
}

fn add(bureau: &Bureau, nth: u64) -> Result<(), super::Refusal> {
    let number = format!("number=+2547{nth:08}");
    let subscriber = format!("subscriber=Abonné {nth}");
    // More than is left of any page: the account of it still finds room, the record does not.
    let remarks = format!("remarks={}", "x".repeat(16_000));
    let args = ["record", "add", "phone", &number, &subscriber, &remarks, "--tlp", "green", "--grading", "B2"];
    let said = bureau.igain(&args);
    if said.code == Some(0) { Ok(()) } else { Err(refused(bureau, &args)) }
}

/// L12, L15: what is acknowledged is on the disk, and what finds no room there is refused. Seen to fail when what a
/// refused write would have brought stayed counted in memory: the node spoke of records that it did not have.
#[test]
fn a_full_disk() {
    let bureau = Bureau::init("KE");
    bureau.configure(|text| text.replace("#api = \"api.sock\"", "api = \"api.sock\""));
    let Some(mut enclosure) = Enclosure::enter(&bureau, 24) else {
        println!("{SKIPPED}");
        return;
    };
    enclosure.run(&bureau);
    let mut added = 0;
    for _ in 0..3 {
        add(&bureau, added).expect("room for a record");
        added += 1;
    }
    for round in 0..3 {
        assert!(enclosure.done("{ cat /dev/zero > data/filler 2> /dev/null; true; }"));
        // What is left of the last pages may take a few more.
        let refusal = (0..1_000).find_map(|_| {
            let refusal = add(&bureau, added).err();
            added += u64::from(refusal.is_none());
            refusal
        });
        let refusal = refusal.expect("a disk that is full at some time");
        refusal.expect("store.full", &["is full; nothing was lost", "Free space and try again"]);
        let ask = ["query", "--phone", "+254700000000", "--purpose", "investigation", "--case", "disk"];
        // A question that cannot be accounted for gets no answer (L12).
        let asked = (0..1_000).find(|_| bureau.igain(&ask).code != Some(0));
        assert!(asked.is_some(), "a question is answered while there is no room for its account");
        refused(&bureau, &ask).expect("store.full", &["Free space and try again"]);
        assert_eq!(own_records(&bureau), added, "round {round}: the daemon answers, and counts what it has");
        assert!(enclosure.done("rm data/filler"));
        add(&bureau, added).expect("room again");
        added += 1;
        assert_eq!(own_records(&bureau), added, "round {round}");
        if round == 1 {
            enclosure.kill();
            enclosure.run(&bureau);
        }
    }
    for nth in [0, added - 1] {
        let number = format!("+2547{nth:08}");
        let ask = ["query", "--phone", &number, "--purpose", "investigation", "--case", "disk"];
        assert_eq!(bureau.json(&ask)["hits"].as_array().expect("hits").len(), 1);
    }
    // The name index catches up by itself.
    let last = format!("Abonné {}", added - 1);
    let ask = ["query", "--name", &last, "--purpose", "investigation", "--case", "disk"];
    bureau.eventually(&ask, |answer| answer["hits"].as_array().is_some_and(|hits| hits.len() == 1));
    assert_sound(&bureau, added);
}

/// L7, L15: a bureau whose disk is full takes in what others take back, says that it did, and starts again by itself. Seen to
/// fail when receipts may not use the room that is kept for that, and when what would also come keeps the ends out.
#[test]
fn a_full_disk_takes_in_ends_and_starts_again() {
    let mut bureaus = federation(&["KE", "FR"]);
    bureaus[0].apply("@id(\"all\") permit(principal, action in Action::\"disclose\", resource);");
    bureaus[1].stop();
    bureaus[1].configure(|text| text.replace("#api = \"api.sock\"", "api = \"api.sock\""));
    let Some(mut enclosure) = Enclosure::enter(&bureaus[1], 256) else {
        println!("{SKIPPED}");
        return;
    };
    enclosure.run(&bureaus[1]);
    let given = |number: &str| -> String {
        let added = ["record", "add", "phone", &format!("number={number}"), "--tlp", "green", "--grading", "B2"];
        bureaus[0].json(&added)["outcomes"][0]["id"].as_str().expect("an id").to_owned()
    };
    let ids: Vec<String> = (0..4).map(|nth| given(&format!("+25470000000{nth}"))).collect();
    let state = |id: &str| bureaus[0].json(&["record", "holders", id])["holders"][0]["state"].clone();
    let shows = |id: &str| {
        bureaus[1].igain(&["record", "list", "--purpose", "oversight", "--case", "1", "--json"]).out.contains(id)
    };
    for id in &ids {
        until("FR has it", || (state(id) == "holds" && shows(id)).then_some(()));
    }
    assert!(enclosure.done("{ cat /dev/zero > data/filler 2> /dev/null; true; }"));
    bureaus[0].json(&["record", "withdraw", &ids[2], "--yes"]);
    until("FR purges it", || (!shows(&ids[2])).then_some(()));
    enclosure.kill();
    enclosure.run(&bureaus[1]);
    bureaus[0].json(&["record", "withdraw", &ids[0], "--yes"]);
    until("FR purges it, and says so", || (state(&ids[0]) == "purged").then_some(()));
    assert!(!shows(&ids[0]));
    // What comes with something that finds no room.
    for nth in 0..8 {
        given(&format!("+25471000000{nth}"));
    }
    bureaus[0].json(&["record", "withdraw", &ids[1], "--yes"]);
    until("FR purges it", || (!shows(&ids[1])).then_some(()));
    assert!(shows(&ids[3]));
    // With room again all comes.
    assert!(enclosure.done("rm data/filler"));
    let last = given("+254700000009");
    until("FR has what came since", || shows(&last).then_some(()));
    for id in &ids[..3] {
        until("FR has said so", || (state(id) == "purged").then_some(()));
    }
    assert_eq!(bureaus[1].json(&["audit", "verify"])["intact"], true);
}
