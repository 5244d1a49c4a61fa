//! `igain backup list`.

use std::path::PathBuf;

use clap::Args;
use igain_protocol::time::Timestamp;
use serde::Serialize;

use crate::api::types::Text;
use crate::backup::{State, Survey, survey};
use crate::cli::Error;
use crate::cli::output::Output;
use crate::cli::page::Page;
use crate::cli::words::{bytes, plural};

/// Where to look.
#[derive(Debug, Args)]
#[command(after_help = "\
This goes by names and lengths, and needs no identity and no daemon; `igain backup verify` reads what is in them.

Example:
  igain backup list /mnt/backup")]
pub(in crate::cli) struct List {
    /// The folder
    folder: PathBuf,
}

#[derive(Debug, Serialize)]
struct Listed {
    archives: Vec<Archive>,
    /// Files left of backups that were broken off.
    drafts: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Archive {
    name: String,
    bureau: String,
    set: String,
    at: Text<Timestamp>,
    series: String,
    number: u32,
    full: bool,
    bytes: u64,
    /// All that it builds on is there.
    restorable: bool,
    /// The number of the archive of its series that is missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    lacks: Option<u32>,
}

impl List {
    pub(super) fn execute(self, output: &mut Output) -> Result<(), Error> {
        let Survey { archives, drafts, .. } = survey(&self.folder)?;
        let archives = archives.into_iter().map(|archive| Archive {
            name: archive.name.to_string(),
            bureau: archive.name.bureau.to_string(),
            set: archive.name.set.to_string(),
            at: Text(archive.name.at),
            series: format!("{:08x}", archive.name.series),
            number: archive.name.number,
            full: archive.name.full,
            bytes: archive.bytes,
            restorable: archive.state == State::Whole,
            lacks: match archive.state {
                State::Whole => None,
                State::Lacks(number) => Some(number),
            },
        });
        output.show(&Listed { archives: archives.collect(), drafts }, render)
    }
}

fn render(listed: &Listed, page: &mut Page) {
    if listed.archives.is_empty() {
        page.line("There is no backup in this folder.");
    } else {
        let rows: Vec<_> = listed.archives.iter().map(row).collect();
        page.table(["AS OF", "BUREAU", "SET", "SERIES", "NUMBER", "KIND", "SIZE", "STATE", "NAME"], &rows);
    }
    for draft in &listed.drafts {
        page.line(&format!("{draft} is left of a backup that was broken off, or is being made. Remove it if none is."));
    }
    let broken = listed.archives.iter().filter(|archive| !archive.restorable).count() as u64;
    if broken > 0 {
        let what = plural(broken, "archive cannot", "archives cannot");
        page.line(&format!("{what} be restored: find what is missing, or make a full backup."));
    }
}

fn row(archive: &Archive) -> [String; 9] {
    let state = archive.lacks.map_or_else(|| "whole".to_owned(), |number| format!("lacks number {number}"));
    [
        archive.at.to_string(),
        archive.bureau.clone(),
        archive.set.clone(),
        archive.series.clone(),
        archive.number.to_string(),
        if archive.full { "full" } else { "incremental" }.to_owned(),
        bytes(archive.bytes),
        state,
        archive.name.clone(),
    ]
}
