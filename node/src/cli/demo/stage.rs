//! The three bureaus: their folder, their daemons, and clients of these.

use std::fs;
use std::net::{TcpListener, UdpSocket};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use igain_protocol::bureau::BureauId;
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};
use tokio::time::Instant;

use super::cast::{self, Part};
use super::failed;
use crate::api::client::Client;
use crate::api::types::Status;
use crate::cli::Error;
use crate::config::Config;
use crate::keystore::{self, Cost, Keys, Passphrase};

/// How long anything may take that should take a moment.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// Between two looks.
pub(super) const POLL: Duration = Duration::from_millis(20);

/// How long a daemon may take to end.
const GRACE: Duration = Duration::from_secs(10);

/// Bytes of the folder's path: a Unix socket's has at most 107 (unix(7)), and its name in a bureau's folder takes some.
const FOLDER_LIMIT: usize = 80;

/// The folder and the bureaus in it.
pub(super) struct Stage {
    folder: PathBuf,
    bureaus: Vec<Bureau>,
}

/// One bureau.
pub(super) struct Bureau {
    /// Which.
    pub(super) id: BureauId,
    /// Its part.
    pub(super) part: &'static Part,
    /// Its folder.
    pub(super) folder: PathBuf,
    /// Talks to its daemon.
    pub(super) client: Client,
    daemon: Option<Child>,
}

impl Stage {
    /// Makes the folder, and in it three bureaus with keys of their own.
    pub(super) fn set() -> Result<Self, Error> {
        let mut name = [0; 6];
        getrandom::fill(&mut name).map_err(failed)?;
        let name: String = name.iter().map(|byte| format!("{byte:02x}")).collect();
        let folder = std::env::temp_dir().join(format!("igain-demo-{name}"));
        if folder.as_os_str().len() > FOLDER_LIMIT {
            let detail =
                format!("`{}` is too long for sockets in it. Set TMPDIR to a shorter folder", folder.display());
            return Err(Error::Usage(detail));
        }
        make_folder(&folder)?;
        let mut stage = Self { folder, bureaus: Vec::new() };
        for part in &cast::PARTS {
            let bureau = Bureau::make(part, stage.folder.join(part.folder))?;
            stage.bureaus.push(bureau);
        }
        Ok(stage)
    }

    /// The three bureaus, in the order of the cast.
    pub(super) fn bureaus(&self) -> &[Bureau] {
        &self.bureaus
    }

    /// One of them.
    pub(super) fn bureau(&self, id: &str) -> Result<&Bureau, Error> {
        let found = self.bureaus.iter().find(|bureau| bureau.id.as_str() == id);
        found.ok_or_else(|| failed(format!("{id} is not on the stage")))
    }

    /// Starts the daemons and waits until they answer.
    pub(super) async fn start(&mut self) -> Result<(), Error> {
        for bureau in &mut self.bureaus {
            bureau.start()?;
        }
        for bureau in &mut self.bureaus {
            bureau.await_ready().await?;
        }
        Ok(())
    }

    /// Ends the daemons and removes the folder.
    pub(super) async fn clear(mut self) {
        for bureau in &self.bureaus {
            bureau.tell_to_end();
        }
        for bureau in &mut self.bureaus {
            bureau.await_end().await;
        }
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        // What cannot be removed is left to whoever clears temporary folders.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

impl Bureau {
    fn make(part: &'static Part, folder: PathBuf) -> Result<Self, Error> {
        let id: BureauId = part.id.parse().map_err(|error| failed(format!("{}: {error}", part.id)))?;
        make_folder(&folder)?;
        make_folder(&folder.join("data"))?;
        write(&folder.join("igain.toml"), &configuration(part)?)?;
        let text = passphrase()?;
        write(&folder.join("passphrase"), &text)?;
        let (passphrase, keys) = (Passphrase::new(&text, "the demonstration")?, Keys::draw()?);
        let config = Config::load(&folder.join("igain.toml"))?;
        keystore::create(&config.keystore(), &passphrase, &keys, Cost::THROW_AWAY)?;
        let client = Client::new(&config.api);
        Ok(Self { id, part, folder, client, daemon: None })
    }

    fn start(&mut self) -> Result<(), Error> {
        let program = std::env::current_exe().map_err(Error::Print)?;
        let log = self.folder.join("daemon.log");
        let log = fs::File::create(&log).map_err(Error::file("write", &log))?;
        let mut command = Command::new(&program);
        command.current_dir(&self.folder).args(["run", "--passphrase-file", "passphrase"]);
        command.env_remove("NOTIFY_SOCKET").kill_on_drop(true);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        self.daemon = Some(command.spawn().map_err(Error::file("start", &program))?);
        Ok(())
    }

    async fn await_ready(&mut self) -> Result<(), Error> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if self.client.get::<Status>("/v1/status").await.is_ok() {
                return Ok(());
            }
            let ended = self.daemon.as_mut().and_then(|daemon| daemon.try_wait().ok().flatten());
            if ended.is_some() || Instant::now() > deadline {
                let log = fs::read_to_string(self.folder.join("daemon.log")).unwrap_or_default();
                return Err(failed(format!("the daemon of {} does not answer. It says:\n{}", self.id, log.trim())));
            }
            tokio::time::sleep(POLL).await;
        }
    }

    fn tell_to_end(&self) {
        let pid =
            self.daemon.as_ref().and_then(Child::id).and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        // One that has ended by itself needs no telling.
        let _ = pid.map(|pid| kill_process(pid, Signal::TERM));
    }

    async fn await_end(&mut self) {
        let Some(daemon) = &mut self.daemon else { return };
        if tokio::time::timeout(GRACE, daemon.wait()).await.is_err() {
            // It has had its time.
            let _ = daemon.kill().await;
        }
    }
}

/// The configuration of a bureau, on a port that is free.
fn configuration(part: &Part) -> Result<String, Error> {
    Ok(part.config.replace(&format!("/{}", part.port), &format!("/{}", free_port()?)))
}

/// A passphrase that nobody needs to know.
fn passphrase() -> Result<String, Error> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(failed)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn make_folder(folder: &Path) -> Result<(), Error> {
    let made = fs::DirBuilder::new().mode(0o700).create(folder);
    made.map_err(Error::file("make the folder", folder))
}

/// Writes a file for its owner alone.
pub(super) fn write(path: &Path, text: &str) -> Result<(), Error> {
    use std::io::Write as _;
    let file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path);
    file.and_then(|mut file| file.write_all(text.as_bytes())).map_err(Error::file("write", path))
}

/// A port that is free for UDP and TCP on the loopback interface.
fn free_port() -> Result<u16, Error> {
    const TRIES: usize = 64;
    let free = |_| {
        let port = TcpListener::bind("127.0.0.1:0").ok()?.local_addr().ok()?.port();
        UdpSocket::bind(("127.0.0.1", port)).ok().map(|_| port)
    };
    let nothing = || failed("no port of the loopback interface is free");
    (0..TRIES).find_map(free).ok_or_else(nothing)
}
