//! An archive that is handed to a command.

use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::AsyncWriteExt as _;
use tokio::process::{Child, ChildStdin, Command};

use crate::cli::Error;

/// The variable that tells a command what the archive is called.
const NAME: &str = "IGAIN_BACKUP";

/// A command that takes an archive. Dropped before it has ended well, it is killed, with all that it started: to it, the
/// end of its input would look like the end of the archive.
pub(super) struct Pipe {
    child: Child,
    input: Option<ChildStdin>,
    ended: bool,
}

impl Pipe {
    pub(super) fn start(command: &str, name: &str) -> Result<Self, Error> {
        let mut shell = Command::new("sh");
        shell.args(["-c", command]).env(NAME, name).stdin(Stdio::piped()).process_group(0);
        // What it prints is talk: data is what this command answers.
        shell.stdout(Stdio::from(std::io::stderr()));
        let mut child = shell.spawn().map_err(Error::file("run", "sh"))?;
        let input = child.stdin.take();
        Ok(Self { child, input, ended: false })
    }

    pub(super) async fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let Some(input) = &mut self.input else { return Ok(()) };
        match input.write_all(bytes).await {
            Ok(()) => Ok(()),
            // It takes no more: how it ended says why.
            Err(_) => Err(self.outcome().await.err().unwrap_or_else(|| failed("took only a part of it"))),
        }
    }

    /// Ends the input, and waits for the command.
    pub(super) async fn finish(mut self) -> Result<(), Error> {
        let closed = match &mut self.input {
            Some(input) => input.shutdown().await.is_ok(),
            None => false,
        };
        drop(self.input.take());
        self.outcome().await?;
        if closed { Ok(()) } else { Err(failed("took only a part of it")) }
    }

    async fn outcome(&mut self) -> Result<(), Error> {
        drop(self.input.take());
        let status = self.child.wait().await.map_err(Error::file("wait for", "sh"))?;
        self.ended = true;
        if status.success() { Ok(()) } else { Err(failed(&format!("ended with {status}"))) }
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        let group = self.child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        // One that has ended by itself is none any more.
        let _ = group.map(|group| kill_process_group(group, Signal::KILL));
    }
}

fn failed(how: &str) -> Error {
    Error::found(
        "backup.pipe",
        format!("the command that the backup was handed to {how}, so the backup does not count. Run it again"),
    )
}
