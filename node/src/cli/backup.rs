//! `igain backup`.

mod create;
mod folder;
mod list;
mod pipe;
mod restore;
mod verify;

use clap::Subcommand;

use super::Error;
use super::context::Context;
use super::output::Output;

/// Look after backups.
#[derive(Debug, Subcommand)]
pub(super) enum Backup {
    /// Back up all that this bureau has, while the daemon runs
    Create(create::Create),
    /// Read a backup to its end, and see that it can be restored
    Verify(verify::Verify),
    /// List the backups in a folder
    List(list::List),
    /// Put a backup back as a new data folder
    Restore(restore::Restore),
}

impl Backup {
    pub(super) fn execute(self, context: &Context, output: &mut Output) -> Result<(), Error> {
        match self {
            Self::Create(create) => create.execute(context, output),
            Self::Verify(verify) => verify.execute(output),
            Self::List(list) => list.execute(output),
            Self::Restore(restore) => restore.execute(output),
        }
    }
}
