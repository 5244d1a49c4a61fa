//! `igain backup verify`.

use std::path::PathBuf;

use clap::Args;
use igain_protocol::time::Timestamp;
use serde::Serialize;

use crate::api::types::Text;
use crate::backup::{Identities, Sources, Whole, verify};
use crate::cli::Error;
use crate::cli::output::Output;
use crate::cli::page::Page;
use crate::cli::words::{bytes, plural};

/// What to read.
#[derive(Debug, Args)]
#[command(after_help = "\
All archives that lead to the newest one, or to the one that is named, are read to their ends. No daemon is needed: do this \
on a machine where the recovery identity may be.

Examples:
  igain backup verify --identity recovery.key /mnt/backup
  igain backup verify --identity recovery.key full.age monday.age tuesday.age")]
pub(in crate::cli) struct Verify {
    /// A folder of archives, or archives
    #[arg(required = true, value_name = "FOLDER")]
    from: Vec<PathBuf>,
    #[command(flatten)]
    which: Which,
}

/// Which archive, and what opens it.
#[derive(Debug, Args)]
pub(super) struct Which {
    /// The file with the identity that opens the archives, as `age-keygen` wrote it
    #[arg(long, value_name = "FILE")]
    pub(super) identity: PathBuf,
    /// The archive whose moment is wanted, by name [default: the newest]
    #[arg(long, value_name = "NAME")]
    pub(super) at: Option<String>,
}

/// What was found whole.
#[derive(Debug, Serialize)]
pub(super) struct Found {
    pub(super) name: String,
    pub(super) bureau: String,
    pub(super) at: Text<Timestamp>,
    pub(super) archives: usize,
    pub(super) files: usize,
    pub(super) bytes: u64,
}

impl From<Whole> for Found {
    fn from(whole: Whole) -> Self {
        let Whole { name, bureau, at, archives, files, bytes } = whole;
        Self { name, bureau, at: Text(at), archives, files, bytes }
    }
}

impl Verify {
    pub(super) fn execute(self, output: &mut Output) -> Result<(), Error> {
        let identities = Identities::read(&self.which.identity)?;
        let whole = verify(&Sources::find(&self.from)?, self.which.at.as_deref(), &identities)?;
        output.show(&Found::from(whole), |found, page| {
            page.line(&format!("The backup is {} and can be restored.", page.good("whole")));
            facts(found, page);
        })
    }
}

pub(super) fn facts(found: &Found, page: &mut Page) {
    page.facts(&[
        ("bureau", found.bureau.clone()),
        ("as of", found.at.to_string()),
        ("archive", found.name.clone()),
        ("archives read", found.archives.to_string()),
        ("holds", format!("{}, {}", plural(found.files as u64, "journal file", "journal files"), bytes(found.bytes))),
    ]);
}
