//! `igain backup restore`.

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use clap::Args;
use igain_protocol::time::Timestamp;
use serde::Serialize;

use super::verify::{Found, Which, facts};
use crate::backup::{FILES, Identities, Sources, restore};
use crate::cli::Error;
use crate::cli::output::Output;
use crate::cli::page::Page;

/// What to put back, and where.
#[derive(Debug, Args)]
#[command(after_help = "\
The folder must not be there, or be empty. The key, policy, people and configuration files are put into a folder in it, for \
somebody to look at before they are used. The node says at its first start that it was put back.

Examples:
  igain backup restore --identity recovery.key --from /mnt/backup --data /var/lib/igain/data
  igain backup restore --identity recovery.key --from full.age --from monday.age --data data")]
pub(in crate::cli) struct Restore {
    /// A folder of archives, or an archive; can be given several times
    #[arg(long, required = true, value_name = "FOLDER")]
    from: Vec<PathBuf>,
    /// The new data folder
    #[arg(long, value_name = "NEW_FOLDER")]
    data: PathBuf,
    #[command(flatten)]
    which: Which,
}

/// What was put back.
#[derive(Debug, Serialize)]
struct Restored {
    #[serde(flatten)]
    found: Found,
    /// The new data folder.
    data: PathBuf,
    /// The key, policy, people and configuration files.
    from_backup: PathBuf,
}

impl Restore {
    pub(super) fn execute(self, output: &mut Output) -> Result<(), Error> {
        let Self { from, data, which } = self;
        let identities = Identities::read(&which.identity)?;
        let whole = restore(&Sources::find(&from)?, which.at.as_deref(), &identities, &data, now())?;
        let from_backup = data.join(FILES);
        output.show(&Restored { found: whole.into(), data, from_backup }, render)
    }
}

/// What the system's clock says: there may be no books to ask.
fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_ms(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

fn render(restored: &Restored, page: &mut Page) {
    let (data, files) = (restored.data.display(), &restored.from_backup);
    page.line(&format!("The data folder {data} is {}.", page.good("restored")));
    facts(&restored.found, page);
    page.blank();
    page.line("What to do next:");
    let keys = Path::new("keys.age");
    page.line(&format!(
        "  1. See that no other node of this bureau runs. Then: mv {} {data}/",
        files.join(keys).display()
    ));
    page.line("     If keys were rotated since, use the newest key file instead.");
    page.line(&format!(
        "  2. Compare the files in {} with what should be in force, put them in their places, and set `data` in the",
        files.display()
    ));
    page.line(
        "     configuration. They are of the day of the backup, and so are the policy in force and all revocations.",
    );
    page.line(
        "  3. igain run. Then igain status, igain store verify, igain audit verify; igain clock show if it is doubted.",
    );
    page.line("  4. igain recovery show: what other bureaus hold of this one's own they give back, and what they had sent they send again.");
    page.line(
        "     Revoke again what was revoked since, and see that the policy is that of today: no other bureau knows.",
    );
}
