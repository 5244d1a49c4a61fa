//! `igain audit`.

use std::io::Write as _;
use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::Error;
use super::context::Context;
use super::init::PassphraseFrom;
use super::output::Output;
use super::page::Page;
use super::record::query;
use super::words::plural;
use crate::api::AUDIT_LIMIT;
use crate::api::types::{AuditEntries, AuditEntry, AuditSummary, Vouched};
use crate::daemon::inspect;

#[derive(Debug, Subcommand)]
pub(super) enum Audit {
    /// List what was done, the latest last
    List(List),
    /// Go through the whole log and see that nothing was changed or cut off
    #[command(
        after_help = "Examples:\n  igain audit verify\n  igain audit verify --stopped --passphrase-file passphrase"
    )]
    Verify {
        /// Of a node that is stopped
        #[arg(long)]
        stopped: bool,
        #[command(flatten)]
        passphrase: PassphraseFrom,
    },
    /// Write the whole log as JSON lines
    #[command(
        after_help = "Examples:\n  igain audit export > audit.jsonl\n  igain audit export --from 1001 --out audit.jsonl"
    )]
    Export {
        /// Begin with this entry
        #[arg(long, value_name = "NUMBER", default_value_t = 1)]
        from: u64,
        /// Write to this file
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  igain audit list
  igain audit list --action query --limit 20
  igain audit list --actor person:a.mwangi
  igain audit list --object record:0190163d-8694-739b-aea5-966c26f8ad91")]
pub(super) struct List {
    /// Begin with this entry [default: the last ones]
    #[arg(long, value_name = "NUMBER")]
    from: Option<u64>,
    /// Most entries to list
    #[arg(long, default_value_t = 50)]
    limit: usize,
    /// Only actions that begin like this: query, record, peer.refused …
    #[arg(long)]
    action: Option<String>,
    /// Only with this bureau
    #[arg(long, value_name = "BUREAU")]
    peer: Option<String>,
    /// Only about this: record:ID or caf:ID
    #[arg(long)]
    object: Option<String>,
    /// Only by them: person:NAME, uid:NUMBER, bureau:BUREAU or node
    #[arg(long, value_name = "WHO")]
    actor: Option<String>,
}

impl Audit {
    pub(super) fn execute(self, context: &Context, output: &mut Output) -> Result<(), Error> {
        match self {
            Self::List(list) => list.execute(context, output),
            Self::Verify { stopped, passphrase } => {
                let summary: AuditSummary = match stopped {
                    true => inspect::audit(&context.config()?, &passphrase.unlock(context)?)?,
                    false => {
                        passphrase.refuse_named()?;
                        let (client, nothing) = (context.client()?, serde_json::json!({}));
                        context.block_on(async { Ok(client.post("/v1/audit/verify", &nothing).await?) })?
                    }
                };
                output.show(&summary, render_summary)?;
                match summary.why {
                    Some(why) => Err(Error::found("audit.not-intact", why)),
                    None => Ok(()),
                }
            }
            Self::Export { from, out } => export(context, output, from, out),
        }
    }
}

impl List {
    fn execute(self, context: &Context, output: &mut Output) -> Result<(), Error> {
        let (from, limit) = (self.from.map(|from| from.to_string()), self.limit.to_string());
        let mut options = vec![("limit", limit.as_str())];
        options.extend(from.as_deref().map(|from| ("from", from)));
        options.extend(self.action.as_deref().map(|action| ("action", action)));
        options.extend(self.peer.as_deref().map(|peer| ("peer", peer)));
        options.extend(self.object.as_deref().map(|object| ("object", object)));
        options.extend(self.actor.as_deref().map(|actor| ("actor", actor)));
        let client = context.client()?;
        let call = format!("/v1/audit{}", query(&options));
        let entries: AuditEntries = context.block_on(async { Ok(client.get(&call).await?) })?;
        output.show(&entries, render)
    }
}

/// Writes page after page, up to where the log ended when this began.
fn export(context: &Context, output: &mut Output, from: u64, out: Option<PathBuf>) -> Result<(), Error> {
    let client = context.client()?;
    let mut file = match &out {
        Some(path) => Some(std::io::BufWriter::new(std::fs::File::create(path).map_err(Error::file("write", path))?)),
        None => None,
    };
    let (mut next, mut last, mut written) = (from.max(1), u64::MAX, 0_u64);
    while next <= last {
        let (start, limit) = (next.to_string(), AUDIT_LIMIT.to_string());
        let call = format!("/v1/audit{}", query(&[("from", &start), ("limit", &limit), ("export", "true")]));
        let page: AuditEntries = context.block_on(async { Ok(client.get(&call).await?) })?;
        last = last.min(page.last);
        let Some(end) = page.entries.last().map(|entry| entry.seq) else { break };
        for entry in page.entries.iter().filter(|entry| entry.seq <= last) {
            written += 1;
            match &mut file {
                Some(file) => write_line(file, entry).map_err(Error::Print)?,
                None => output.json_line(entry)?,
            }
        }
        next = end + 1;
    }
    if let Some(file) = &mut file {
        file.flush().map_err(Error::Print)?;
    }
    output.say(&format!("{} written.", plural(written, "entry", "entries")));
    Ok(())
}

fn write_line(file: &mut impl std::io::Write, entry: &AuditEntry) -> std::io::Result<()> {
    serde_json::to_writer(&mut *file, entry)?;
    file.write_all(b"\n")
}

fn render(entries: &AuditEntries, page: &mut Page) {
    let row = |entry: &AuditEntry| {
        let why = match (&entry.purpose, &entry.case) {
            (Some(purpose), Some(case)) => format!("{purpose}, {case}"),
            _ => String::new(),
        };
        let detail: Vec<String> = entry.detail.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let object = [entry.object.as_deref(), entry.peer.as_deref()];
        [
            entry.seq.to_string(),
            entry.at.to_string(),
            entry.actor.clone(),
            entry.action.clone(),
            object.into_iter().flatten().collect::<Vec<_>>().join(" "),
            why,
            detail.join(" "),
        ]
    };
    let rows: Vec<_> = entries.entries.iter().map(row).collect();
    page.table(["ENTRY", "WHEN", "WHO", "WHAT", "TO", "WHY", "PARTICULARS"], &rows);
}

/// What a bureau keeps of the log.
fn vouched(vouched: &Vouched) -> String {
    let fits = vouched.fits.map(|at| format!(" until {at}")).unwrap_or_default();
    let unfit = vouched.unfit.map(|at| format!(", but not at {at}")).unwrap_or_default();
    format!("{}{fits}{unfit}", vouched.bureau)
}

fn render_summary(summary: &AuditSummary, page: &mut Page) {
    let verdict = if summary.intact { page.good("intact") } else { page.bad("not intact") };
    page.line(&format!("The audit log is {verdict}: {}.", plural(summary.entries, "entry", "entries")));
    page.facts(&[
        ("signed up to entry", summary.checkpointed.to_string()),
        ("head", summary.head.clone().unwrap_or_default()),
        ("first bad entry", summary.broken_at.map(|seq| seq.to_string()).unwrap_or_default()),
        ("kept by peers", summary.vouched.iter().map(vouched).collect::<Vec<_>>().join("\n")),
    ]);
}
