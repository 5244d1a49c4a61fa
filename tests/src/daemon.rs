//! Whole bureaus as users have them: the real binary, a daemon process in a temporary folder on free loopback ports, and
//! commands that talk to it.

use std::net::{TcpListener, UdpSocket};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::api::Api;
pub use crate::wait::{PATIENCE, until};

/// The passphrase of every bureau.
pub const PASSPHRASE: &str = "correct horse battery staple";

/// The session that whoever runs commands at a bureau has: why they ask.
pub const SESSION: [&str; 4] = ["--purpose", "investigation", "--case", "TEST/2026/1"];

/// The same for calls of the API, as options after a question mark.
pub const ASKING: &str = "purpose=investigation&case=TEST/2026/1";

/// The binary under test: that of the variable `IGAIN_BIN`, or else built, once, with the profile of this test.
///
/// # Panics
/// Where it cannot be built.
pub fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| std::env::var_os("IGAIN_BIN").map_or_else(build, PathBuf::from))
}

fn build() -> PathBuf {
    let this = std::env::current_exe().expect("the path of this test");
    let profile = this.ancestors().find(|folder| folder.join("deps").is_dir()).expect("a target folder");
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(["build", "--quiet", "--package", "igain-node", "--bin", "igain", "--target-dir"]);
    command.arg(profile.parent().expect("a target folder"));
    if profile.ends_with("release") {
        command.arg("--release");
    }
    // What cargo says of the package under test is not for the build inside it: build scripts that look at it would run
    // again, and half of all crates would be built anew, here and at the next run of the tests.
    let about_this = |name: &str| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_");
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(about_this) {
            command.env_remove(name);
        }
    }
    let built = command.status().expect("cargo");
    assert!(built.success(), "the binary does not build");
    profile.join("igain")
}

/// One bureau in a folder of its own.
pub struct Bureau {
    /// Its name.
    pub id: String,
    /// Its port, UDP and TCP.
    pub port: u16,
    folder: TempDir,
    daemon: Option<Child>,
}

/// What a command said.
#[derive(Debug)]
pub struct Said {
    /// The exit code; none where a signal ended it.
    pub code: Option<i32>,
    /// Data.
    pub out: String,
    /// Talk.
    pub err: String,
}

impl Said {
    /// The data as JSON.
    ///
    /// # Panics
    /// Where it is none.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }

    /// The talk as a problem document.
    ///
    /// # Panics
    /// Where it is none.
    pub fn problem(&self) -> Value {
        let last = self.err.lines().last().unwrap_or_default();
        serde_json::from_str(last).unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }
}

impl From<Output> for Said {
    fn from(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Self { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }
}

impl Bureau {
    /// Makes a bureau with a session, and does not start it.
    ///
    /// # Panics
    /// Where it cannot be made.
    pub fn init(id: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let bureau = Self { id: id.to_owned(), port: free_port(), folder, daemon: None };
        bureau.write("passphrase", PASSPHRASE);
        let name = format!("NCB {id}");
        let said = bureau.igain(&["init", id, "--name", &name, "--throw-away", "--passphrase-file", "passphrase"]);
        assert_eq!(said.code, Some(0), "{said:?}");
        let said = bureau.igain(&[&["session", "start", "--for", "24h"][..], &SESSION].concat());
        assert_eq!(said.code, Some(0), "{said:?}");
        let port = bureau.port;
        bureau.configure(|text| {
            let addresses = format!("[\"/ip4/127.0.0.1/udp/{port}/quic-v1\", \"/ip4/127.0.0.1/tcp/{port}\"]");
            let listen = text.lines().find(|line| line.starts_with("listen")).expect("where to listen");
            text.replace(listen, &format!("listen = {addresses}"))
                .replace("[card]", &format!("[card]\naddresses = {addresses}"))
                .replace("[replication]", "[replication]\ninterval_s = 1")
        });
        bureau
    }

    /// Makes a bureau and starts its daemon.
    ///
    /// # Panics
    /// Where it does not start.
    pub fn start(id: &str) -> Self {
        let mut bureau = Self::init(id);
        bureau.run();
        bureau
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Its card, as `igain init` made it.
    ///
    /// # Panics
    /// Where there is none.
    pub fn card(&self) -> String {
        std::fs::read_to_string(self.path(&format!("data/{}.card", self.id))).expect("a card")
    }

    /// A file in its folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder().join(name)
    }

    /// Writes a file into its folder, for its owner alone.
    ///
    /// # Panics
    /// Where that fails.
    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        use std::os::unix::fs::PermissionsExt as _;
        let path = self.path(name);
        std::fs::write(&path, text).expect("a file");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("its mode");
        path
    }

    /// Changes its configuration; a running daemon does not see it.
    ///
    /// # Panics
    /// Where there is none.
    pub fn configure(&self, change: impl FnOnce(String) -> String) {
        let text = std::fs::read_to_string(self.path("igain.toml")).expect("a configuration");
        self.write("igain.toml", &change(text));
    }

    /// Has its card name these addresses, so that others reach it there only; a running daemon does not see it.
    ///
    /// # Panics
    /// Where there is no configuration.
    pub fn reached_at(&self, addresses: &[String]) {
        self.configure(|text| {
            let line = text.lines().find(|line| line.starts_with("addresses")).expect("addresses");
            text.replace(line, &format!("addresses = {addresses:?}"))
        });
    }

    /// Starts the daemon and waits until it answers.
    ///
    /// # Panics
    /// Where it ends instead.
    pub fn run(&mut self) {
        self.spawn();
        self.await_ready();
    }

    /// Starts the daemon, and does not wait. What it says goes to the file `daemon.log`.
    ///
    /// # Panics
    /// Where it cannot be started.
    pub fn spawn(&mut self) {
        self.spawn_with(&[]);
    }

    /// As [`Bureau::spawn`], with these variables in its environment.
    ///
    /// # Panics
    /// Where it cannot be started.
    pub fn spawn_with(&mut self, environment: &[(&str, &str)]) {
        assert!(self.daemon.is_none(), "{} runs already", self.id);
        let log = std::fs::OpenOptions::new().create(true).append(true).open(self.path("daemon.log")).expect("a log");
        let mut command = self.command(&["run", "--passphrase-file", "passphrase"]);
        command.envs(environment.iter().copied()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        self.daemon = Some(command.spawn().expect("a daemon"));
    }

    /// Waits until the daemon answers.
    ///
    /// # Panics
    /// Where it ends instead, or takes too long.
    pub fn await_ready(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        while self.igain(&["status"]).code != Some(0) {
            self.assert_alive();
            assert!(Instant::now() < deadline, "the daemon of {} does not answer:\n{}", self.id, self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// What its daemon has said so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.path("daemon.log")).unwrap_or_default()
    }

    /// The daemon's API.
    pub fn api(&self) -> Api {
        Api::new(&self.path("data/api.sock"))
    }

    /// Waits until the daemon answers on its API: sooner than [`Bureau::await_ready`], which runs commands.
    ///
    /// # Panics
    /// Where it ends instead, or takes too long.
    pub fn await_answer(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        while !self.api().get("/v1/status").is_ok_and(|answer| answer.status == 200) {
            self.assert_alive();
            assert!(Instant::now() < deadline, "the daemon of {} does not answer:\n{}", self.id, self.log());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Sees that the daemon has not ended.
    ///
    /// # Panics
    /// Where it has.
    pub fn assert_alive(&mut self) {
        if let Some(ended) = self.daemon.as_mut().and_then(|daemon| daemon.try_wait().expect("a daemon")) {
            panic!("the daemon of {} ended with {ended}:\n{}", self.id, self.log());
        }
    }

    /// Whether the daemon has ended by itself, or was killed by another.
    pub fn has_ended(&mut self) -> bool {
        self.daemon.as_mut().is_some_and(|daemon| !matches!(daemon.try_wait(), Ok(None)))
    }

    /// The number of the daemon's process.
    pub fn pid(&self) -> Option<u32> {
        self.daemon.as_ref().map(Child::id)
    }

    /// Sends the daemon a signal, such as `HUP`.
    ///
    /// # Panics
    /// Where there is no daemon.
    pub fn signal(&self, name: &str) {
        let pid = self.pid().expect("a daemon").to_string();
        let sent = Command::new("kill").args(["-s", name, &pid]).status().expect("kill");
        assert!(sent.success(), "{name} could not be sent");
    }

    /// Ends the daemon with SIGTERM, and gives its exit code.
    ///
    /// # Panics
    /// Where it does not end.
    pub fn stop(&mut self) -> Option<i32> {
        self.signal("TERM");
        self.ended()
    }

    /// Waits until the daemon has ended by itself, and gives its exit code.
    ///
    /// # Panics
    /// Where it does not end.
    pub fn ended(&mut self) -> Option<i32> {
        let mut daemon = self.daemon.take().expect("a daemon");
        let ended = until("the daemon to end", || daemon.try_wait().expect("a daemon"));
        ended.code()
    }

    /// Ends the daemon with SIGKILL.
    pub fn kill(&mut self) {
        if let Some(mut daemon) = self.daemon.take() {
            // One that has ended already cannot be killed.
            let _ = daemon.kill();
            let _ = daemon.wait();
        }
    }

    /// A command, in its folder.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(binary());
        command.current_dir(self.folder()).args(args).env_remove("CREDENTIALS_DIRECTORY");
        // Sessions of one bureau's users are not those of another's.
        command.env("XDG_RUNTIME_DIR", self.folder());
        command
    }

    /// Runs a command as typed.
    ///
    /// # Panics
    /// Where it cannot be run at all.
    pub fn igain(&self, args: &[&str]) -> Said {
        self.command(args).stdin(Stdio::null()).output().expect("a command").into()
    }

    /// Runs a command with `--json` that must succeed, and gives its data.
    ///
    /// # Panics
    /// Where it fails.
    pub fn json(&self, args: &[&str]) -> Value {
        let said = self.igain(&[args, &["--json"]].concat());
        assert_eq!(said.code, Some(0), "{} {args:?}: {} {}\n{}", self.id, said.err, said.out, self.log());
        said.json()
    }

    /// Runs a command with `--json` that must fail, and gives its exit code and the problem's code.
    ///
    /// # Panics
    /// Where it succeeds.
    pub fn refused(&self, args: &[&str]) -> (i32, String) {
        let said = self.igain(&[args, &["--json"]].concat());
        let code = said.code.filter(|code| *code != 0).unwrap_or_else(|| panic!("{} {args:?}: {said:?}", self.id));
        (code, said.problem()["code"].as_str().unwrap_or_default().to_owned())
    }

    /// Runs a command with `--json` until its data is as it should be.
    ///
    /// # Panics
    /// Where that takes too long; says what it was last.
    pub fn eventually(&self, args: &[&str], holds: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let said = self.igain(&[args, &["--json"]].concat());
            if said.code == Some(0) && holds(&said.json()) {
                return said.json();
            }
            assert!(Instant::now() < deadline, "{} {args:?} stays {said:?}\n{}", self.id, self.log());
            std::thread::sleep(Duration::from_millis(25));
        }
    }

    /// Enrols another bureau that runs.
    ///
    /// # Panics
    /// Where its card is refused.
    pub fn enrol(&self, other: &Self) {
        self.enrol_card(&other.json(&["card", "export"]));
    }

    /// Enrols the bureau of a card, as `card export` gives it.
    ///
    /// # Panics
    /// Where it is refused.
    pub fn enrol_card(&self, card: &Value) {
        let file = format!("{}.card", card["bureau"].as_str().expect("a bureau"));
        self.write(&file, card["armor"].as_str().expect("a card"));
        self.json(&["peer", "enrol", &file, "--fingerprint", card["fingerprint"].as_str().expect("a fingerprint")]);
    }

    /// Applies a policy.
    ///
    /// # Panics
    /// Where it is refused.
    pub fn apply(&self, policy: &str) -> Value {
        self.write("next.cedar", policy);
        self.json(&["policy", "apply", "next.cedar", "--yes"])
    }
}

impl Drop for Bureau {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Starts bureaus that know each other.
///
/// # Panics
/// Where one does not start.
pub fn federation(ids: &[&str]) -> Vec<Bureau> {
    let mut bureaus: Vec<Bureau> = ids.iter().map(|id| Bureau::init(id)).collect();
    bureaus.iter_mut().for_each(Bureau::spawn);
    bureaus.iter_mut().for_each(Bureau::await_ready);
    for (at, one) in bureaus.iter().enumerate() {
        for (other_at, other) in bureaus.iter().enumerate() {
            if at != other_at {
                one.enrol(other);
            }
        }
    }
    bureaus
}

/// A port that is free for UDP and TCP on loopback, below those that the system gives to whoever calls out. Each process
/// has a block of ports for itself, which it claims by listening on the first of them: so no other takes one of them
/// between the look and the daemon.
fn free_port() -> u16 {
    const FIRST: u32 = 10_000;
    const BLOCK: u32 = 100;
    const BLOCKS: u32 = 200;
    static CLAIMED: Mutex<Vec<UdpSocket>> = Mutex::new(Vec::new());
    static LEFT: Mutex<Range<u32>> = Mutex::new(0..0);
    let mut left = LEFT.lock().unwrap_or_else(PoisonError::into_inner);
    let mut nth = std::process::id();
    until("a free port", || {
        if left.is_empty() {
            nth = nth.wrapping_add(1);
            let first = FIRST + nth.wrapping_mul(97) % BLOCKS * BLOCK;
            let claim = UdpSocket::bind(("127.0.0.1", u16::try_from(first).ok()?)).ok()?;
            CLAIMED.lock().unwrap_or_else(PoisonError::into_inner).push(claim);
            *left = first + 1..first + BLOCK;
        }
        let port = u16::try_from(left.next()?).ok()?;
        TcpListener::bind(("127.0.0.1", port)).ok()?;
        UdpSocket::bind(("127.0.0.1", port)).ok().map(|_| port)
    })
}
