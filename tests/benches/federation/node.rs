//! A daemon, asked over its socket without a process for each question.

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use igain_node::api::client::Client;
use igain_node::api::types::{Link, Status};
use igain_tests::daemon::Bureau;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::runtime::Runtime;

/// How long the largest load may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(1_800);

/// A bureau and a line to its daemon.
pub(super) struct Node {
    pub(super) bureau: Bureau,
    client: Client,
    runtime: Runtime,
}

impl Node {
    /// Makes a bureau and starts its daemon, which looks at a quiet peer every `interval_s`.
    pub(super) fn start(id: &str, interval_s: u32) -> Self {
        Self::of(Bureau::init(id), interval_s)
    }

    /// Starts a bureau whose card says that it is reached by QUIC on `ports` of this machine; on none, it only calls out.
    pub(super) fn start_reached_on(ports: &[u16], bureau: Bureau, interval_s: u32) -> Self {
        let addresses: Vec<String> =
            ports.iter().map(|port| format!("\"/ip4/127.0.0.1/udp/{port}/quic-v1\"")).collect();
        bureau.configure(|text| {
            let line = text.lines().find(|line| line.starts_with("addresses")).expect("the card's addresses");
            text.replace(line, &format!("addresses = [{}]", addresses.join(", ")))
        });
        Self::of(bureau, interval_s)
    }

    fn of(bureau: Bureau, interval_s: u32) -> Self {
        bureau.configure(|text| text.replace("interval_s = 1\n", &format!("interval_s = {interval_s}\n")));
        let client = Client::new(&bureau.path("data").join("api.sock"));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let mut node = Self { bureau, client, runtime };
        node.run();
        node
    }

    /// Starts the daemon, and tells how long it took until it answered.
    pub(super) fn run(&mut self) -> Duration {
        let begun = Instant::now();
        self.bureau.spawn();
        self.until("an answer", Duration::from_millis(5), |node| node.get::<Status>("/v1/status"));
        begun.elapsed()
    }

    /// Asks for something; none where the daemon does not answer.
    pub(super) fn get<T: DeserializeOwned>(&self, call: &str) -> Option<T> {
        self.runtime.block_on(self.client.get(call)).ok()
    }

    /// Has something done.
    pub(super) fn post<T: DeserializeOwned>(&self, call: &str, what: &impl Serialize) -> T {
        let answer = self.runtime.block_on(self.client.post(call, what));
        answer.unwrap_or_else(|error| panic!("{call}: {error}\n{}", self.bureau.log()))
    }

    /// How the daemon is.
    pub(super) fn status(&self) -> Status {
        self.get("/v1/status").unwrap_or_else(|| panic!("{} does not answer:\n{}", self.bureau.id, self.bureau.log()))
    }

    /// The exchange with another bureau.
    pub(super) fn link(&self, peer: &str) -> Link {
        let peers = self.status().peers.into_iter();
        peers.filter(|known| known.bureau.to_string() == peer).find_map(|known| known.link).expect("a link")
    }

    /// Polls until there is something.
    pub(super) fn until<T>(&self, what: &str, every: Duration, mut poll: impl FnMut(&Self) -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(found) = poll(self) {
                return found;
            }
            assert!(Instant::now() < deadline, "{} waited in vain for {what}:\n{}", self.bureau.id, self.bureau.log());
            std::thread::sleep(every);
        }
    }

    /// Runs `igain import` and tells how many records it added, and how long the command took.
    pub(super) fn import(&self, file: &Path, mapping: &Path) -> (usize, Duration) {
        let file = file.to_str().expect("a path");
        let mapping = mapping.to_str().expect("a path");
        let mut command = self.bureau.command(&["import", file, "--mapping", mapping, "--json"]);
        let begun = Instant::now();
        let said = command.stdin(Stdio::null()).output().expect("a command");
        let took = begun.elapsed();
        let talk = String::from_utf8_lossy(&said.stderr);
        assert!(said.status.success(), "{talk}");
        let report: serde_json::Value = serde_json::from_slice(&said.stdout).expect("a report");
        assert_eq!(report["revised"], 0, "{report}");
        (usize::try_from(report["added"].as_u64().expect("a count")).expect("a size"), took)
    }

    /// Waits until the daemon has nothing left to do for what it was given.
    pub(super) fn settle(&self) {
        let behind = |node: &Self| (node.status().store.index_behind == 0).then_some(());
        self.until("the name index", Duration::from_millis(50), behind);
    }

    /// Memory that the daemon takes, in MiB.
    pub(super) fn resident_mb(&self) -> f64 {
        let pid = self.bureau.pid().expect("a daemon");
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("the system's word on it");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("its memory");
        let kib: f64 = line.trim().trim_end_matches(" kB").parse().expect("a number");
        kib / 1_024.0
    }
}

/// Records held of an owner.
pub(super) fn held(status: &Status, owner: &str) -> u64 {
    status.records.iter().find(|count| count.owner.to_string() == owner).map_or(0, |count| count.records)
}
