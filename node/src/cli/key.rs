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
    /// Put new keys in the place of those that the bureau signs and opens with
    Rotate(Rotate),
}

/// New keys for old ones.
#[derive(Debug, Args)]
#[command(after_help = "\
The old signing key signs the new one and is forgotten. Restart the daemon afterwards: it issues a new card, and bureaus that \
have the old one take the new one from it, with all that was shared and joined. What the old key signed stays valid.

The key that the node calls with stays, since bureaus admit connections by it. With --transport it is replaced as well: then \
every bureau must enrol the new card by hand. Do that where the key file may be in other hands, and have the others revoke \
the old card as compromised.

Examples:
  igain key rotate
  igain key rotate --passphrase-file passphrase")]
pub(super) struct Rotate {
    #[command(flatten)]
    passphrase: PassphraseFrom,
    /// Replace the key that the node calls with too: every bureau must enrol the new card by hand
    #[arg(long)]
    transport: bool,
    /// Protect the keys with next to no work: for demonstrations and tests only
    #[arg(long, hide = true)]
    throw_away: bool,
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
struct Rotated {
    keys: PathBuf,
    fingerprint: String,
    words: String,
    transport: bool,
}

#[derive(Debug, Serialize)]
struct Sealed {
    keys: PathBuf,
}

impl Key {
    pub(super) fn execute(self, context: &Context, output: &mut Output) -> Result<(), Error> {
        match self {
            Self::Passphrase(change) => change.execute(context, output),
            Self::Rotate(rotate) => rotate.execute(context, output),
        }
    }
}

impl Rotate {
    fn execute(self, context: &Context, output: &mut Output) -> Result<(), Error> {
        let config = context.config()?;
        let passphrase = self.passphrase.source().read()?;
        let cost = if self.throw_away { Cost::THROW_AWAY } else { Cost::STANDARD };
        let keys = keystore::rotate(&config.keystore(), &passphrase, config.bureau, self.transport, cost)?;
        let print = keys.signing().verifying_key().fingerprint();
        let rotated = Rotated {
            keys: config.keystore(),
            fingerprint: print.to_string(),
            words: print.words().join(" "),
            transport: self.transport,
        };
        output.show(&rotated, |rotated, page| {
            page.line(&format!("The keys in {} are new.", rotated.keys.display()));
            page.facts(&[("fingerprint", rotated.fingerprint.clone()), ("words", rotated.words.clone())]);
            page.line("Restart the daemon now: it signs with them from then on. Back the file up; older copies do not start it any more.");
            page.line(match rotated.transport {
                true => "Send the new card, `igain card show`, to every bureau: each must enrol it by hand.",
                false => "Bureaus that have the old card take the new one by themselves.",
            });
        })
    }
}

impl NewPassphrase {
    fn execute(self, context: &Context, output: &mut Output) -> Result<(), Error> {
        let change = self;
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
