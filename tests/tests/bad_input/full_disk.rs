//! A disk that fills up, for real: the data folder lies on a small file system in memory, in a namespace of its own.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use igain_tests::daemon::{Bureau, binary, until};

use super::{assert_sound, own_records, refused};

/// A shell whose mounts nobody else sees, and the daemon that it runs.
struct Enclosure {
    shell: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
}

impl Enclosure {
    /// None where this system lets no ordinary user have such a thing.
    fn enter(bureau: &Bureau) -> Option<Self> {
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", "--mount", "sh"]).current_dir(bureau.folder());
        let shell = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
        let mut shell = shell.ok()?;
        let (to, from) = (shell.stdin.take()?, BufReader::new(shell.stdout.take()?));
        let mut enclosure = Self { shell, to, from };
        let mount = "mkdir before && cp -a data/. before && mount -t tmpfs -o size=24m,mode=700 tmpfs data && cp -a before/. data";
        enclosure.done(mount).then_some(enclosure)
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
    let Some(mut enclosure) = Enclosure::enter(&bureau) else {
        println!("skipped: this system lets no user mount a file system in a namespace of its own (unshare(1))");
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
