//! `igain store`.

use clap::Subcommand;

use super::Error;
use super::context::Context;
use super::init::PassphraseFrom;
use super::output::Output;
use super::page::Page;
use super::words::{bytes, plural};
use crate::api::types::StoreReport;
use crate::daemon::inspect;

#[derive(Debug, Subcommand)]
pub(super) enum Store {
    /// Read all that is on the disk and see that it is what was written
    #[command(
        after_help = "Examples:\n  igain store verify\n  igain store verify --stopped --passphrase-file passphrase"
    )]
    Verify {
        /// Of a node that is stopped
        #[arg(long)]
        stopped: bool,
        #[command(flatten)]
        passphrase: PassphraseFrom,
    },
}

impl Store {
    pub(super) fn execute(self, context: &Context, output: &mut Output) -> Result<(), Error> {
        let Self::Verify { stopped, passphrase } = self;
        let report: StoreReport = match stopped {
            true => inspect::store(&context.config()?, &passphrase.unlock(context)?)?,
            false => {
                passphrase.refuse_named()?;
                let (client, nothing) = (context.client()?, serde_json::json!({}));
                context.block_on(async { Ok(client.post("/v1/store/verify", &nothing).await?) })?
            }
        };
        output.show(&report, render)?;
        if report.intact {
            return Ok(());
        }
        let (code, what) = match report.rebuild {
            true => ("store.directory", "Start the daemon again: it makes the directory anew"),
            false => ("store.damaged", "Restore the data folder from a backup: igain backup restore"),
        };
        Err(Error::found(code, format!("the store is damaged. {what}")))
    }
}

fn render(report: &StoreReport, page: &mut Page) {
    let verdict = if report.intact { page.good("intact") } else { page.bad("damaged") };
    page.line(&format!("The store is {verdict}."));
    page.facts(&[
        (
            "journal",
            format!(
                "{}, {}",
                plural(report.files as u64, "file", "files"),
                plural(report.commits, "commit", "commits")
            ),
        ),
        ("values", format!("{} opened, {} keys in the directory", report.values, report.keys)),
        ("name index", format!("{} read", bytes(report.index_bytes))),
        ("findings", report.findings.join("\n")),
        ("mended", report.mended.join("\n")),
    ]);
}
