//! `igain backup create`.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use super::folder::Draft;
use super::pipe::Pipe;
use crate::api::client::{Client, Receiving};
use crate::api::types::{self, HeldArchive, NewBackup, StoredBackup};
use crate::backup::{Recipients, SetName, recipients_in, survey};
use crate::cli::Error;
use crate::cli::context::Context;
use crate::cli::output::Output;
use crate::cli::page::Page;
use crate::cli::words::bytes;

/// What to make, and where it goes.
#[derive(Debug, Args)]
#[command(after_help = "\
A backup has books and audit log as they are now, and the key, policy, people and configuration files. It is sealed to the \
public keys that are named: make a recovery identity with `age-keygen`, keep it offline, and give its public key here. The \
key file in it stays sealed under the passphrase, which is in no backup.

It follows the last one of its set, and holds what is new. It is full, and says why, where it is the first, where what it \
would build on is not in the folder, or with --full. Give each place that backups go to a set of its own.

The command of --pipe gets the archive on its standard input and its name in the variable IGAIN_BACKUP. A backup counts \
only once the command has ended well; have it write to a draft and rename that.

Examples:
  igain backup create /mnt/backup --to-key age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p
  igain backup create /mnt/backup --to-keys /etc/igain/recovery.keys --full
  igain backup create --set offsite --to-keys recovery.keys \\
    --pipe 'ssh vault \"cat > $IGAIN_BACKUP.part && mv $IGAIN_BACKUP.part $IGAIN_BACKUP\"'")]
pub(in crate::cli) struct Create {
    /// The folder that it is written to
    #[arg(required_unless_present = "pipe", conflicts_with = "pipe")]
    folder: Option<PathBuf>,
    /// Hand it to this command instead, run by `sh -c`
    #[arg(long, value_name = "COMMAND")]
    pipe: Option<String>,
    /// Seal it to this public key, age1...; can be given several times
    #[arg(long, value_name = "KEY", required_unless_present = "to_keys")]
    to_key: Vec<String>,
    /// Seal it to the public keys that this file lists, one a line; can be given several times
    #[arg(long, value_name = "FILE")]
    to_keys: Vec<PathBuf>,
    /// The set that it belongs to, such as that of one place
    #[arg(long, value_name = "NAME", default_value = "main")]
    set: SetName,
    /// Do not build on an earlier backup
    #[arg(long)]
    full: bool,
}

/// What was made.
#[derive(Debug, Serialize)]
struct Made {
    #[serde(flatten)]
    backup: types::Backup,
    /// Its length.
    bytes: u64,
    /// The folder that it is in; none where a command took it.
    folder: Option<PathBuf>,
}

/// Where an archive goes.
enum Target {
    Folder(Draft),
    Pipe(Pipe),
}

impl Create {
    pub(super) fn execute(self, context: &Context, output: &mut Output) -> Result<(), Error> {
        let mut to = self.to_key.clone();
        for file in &self.to_keys {
            to.extend(recipients_in(file)?);
        }
        // What is wrong with them is said before the daemon is asked.
        Recipients::parse(to.iter().map(String::as_str))?;
        let held = self.folder.as_ref().map(|folder| held(folder, &self.set)).transpose()?;
        let wanted = NewBackup { to, set: self.set.to_string(), full: self.full, held };
        let client = context.client()?;
        let made = context.block_on(async {
            tokio::select! {
                made = self.make(&client, &wanted) => made,
                () = interrupted() => Err(Error::Declined("the backup was interrupted".into())),
            }
        })?;
        output.show(&made, render)
    }

    async fn make(&self, client: &Client, wanted: &NewBackup) -> Result<Made, Error> {
        let (backup, from): (types::Backup, _) = client.receive("/v1/backup", wanted).await?;
        let target = match (&self.folder, &self.pipe) {
            (Some(folder), _) => Target::Folder(Draft::create(folder, &backup.name)?),
            (None, Some(command)) => Target::Pipe(Pipe::start(command, &backup.name)?),
            (None, None) => return Err(Error::Usage("name a folder, or a command with --pipe".into())),
        };
        let bytes = target.take(from).await?;
        let stored = StoredBackup { id: backup.id.clone(), bytes };
        // Nothing follows a backup of which this was not said.
        client.post::<StoredBackup>("/v1/backup/stored", &stored).await?;
        Ok(Made { backup, bytes, folder: self.folder.clone() })
    }
}

impl Target {
    /// Takes the archive to its end. On return it is stored.
    async fn take(mut self, mut from: Receiving) -> Result<u64, Error> {
        let mut bytes = 0;
        while let Some(piece) = from.next().await? {
            bytes += piece.len() as u64;
            match &mut self {
                Self::Folder(draft) => draft.write(&piece)?,
                Self::Pipe(pipe) => pipe.write(&piece).await?,
            }
        }
        match self {
            Self::Folder(draft) => draft.finish()?,
            Self::Pipe(pipe) => pipe.finish().await?,
        }
        Ok(bytes)
    }
}

/// The archives of the set that a folder has.
fn held(folder: &std::path::Path, set: &SetName) -> Result<Vec<HeldArchive>, Error> {
    let archives = survey(folder)?.archives.into_iter().filter(|archive| archive.name.set == *set);
    Ok(archives.map(|archive| HeldArchive { name: archive.name.to_string(), bytes: archive.bytes }).collect())
}

/// Resolves when somebody ends this command, so that what it has begun is taken back.
async fn interrupted() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut term) = signal(SignalKind::terminate()) else { return std::future::pending().await };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = term.recv() => {}
    }
}

fn render(made: &Made, page: &mut Page) {
    let Made { backup, bytes: length, folder } = made;
    let kind = if backup.full { "full" } else { "incremental" };
    let number = format!("number {} of its series", backup.number);
    page.line(&format!("The backup is {}: {kind}, {number}, {}.", page.good("stored"), bytes(*length)));
    page.facts(&[
        ("archive", backup.name.clone()),
        ("folder", folder.as_ref().map(|folder| folder.display().to_string()).unwrap_or_default()),
        ("as of", backup.at.to_string()),
        ("full because", backup.why.clone().unwrap_or_default()),
    ]);
}
