//! `igain key`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde::Serialize;

use super::Error;
use super::context::Context;
use super::init::PassphraseFrom;
use super::output::Output;
use super::page::Page;
use crate::keystore::{self, Cost, Source};

/// Look after the bureau's keys.
#[derive(Debug, Subcommand)]
pub(super) enum Key {
    /// Seal the keys under another passphrase
    Passphrase(NewPassphrase),
}

/// From which passphrase to which.
#[derive(Debug, Args)]
#[command(after_help = "\
The keys stay as they are, and so does a daemon that runs: it asks for the passphrase when it starts.
Copies of the key file from before still open with the old passphrase.

Examples:
  igain key passphrase
  igain key passphrase --passphrase-file old --new-passphrase-file new")]
pub(super) struct NewPassphrase {
    #[command(flatten)]
    old: PassphraseFrom,
    /// Read the new passphrase from this file (mode 0600)
    #[arg(long, value_name = "FILE")]
    new_passphrase_file: Option<PathBuf>,
    /// Protect the keys with next to no work: for demonstrations and tests only
    #[arg(long, hide = true)]
    throw_away: bool,
}

#[derive(Debug, Serialize)]
struct Sealed {
    keys: PathBuf,
}

impl Key {
    pub(super) fn execute(self, context: &Context, output: &mut Output) -> Result<(), Error> {
        let Self::Passphrase(change) = self;
        let keys = context.config()?.keystore();
        let old = change.old.source().read()?;
        let new = change.new_passphrase_file.map_or(Source::Prompt, Source::File).read_new()?;
        let cost = if change.throw_away { Cost::THROW_AWAY } else { Cost::STANDARD };
        keystore::change_passphrase(&keys, &old, &new, cost)?;
        output.show(&Sealed { keys }, render)
    }
}

fn render(sealed: &Sealed, page: &mut Page) {
    page.line(&format!("The keys in {} open with the new passphrase, and with no other.", sealed.keys.display()));
    page.line("Back the file up, and destroy copies of before: they open with the old one.");
}
