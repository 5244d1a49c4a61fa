//! `igain recovery`.

use clap::Subcommand;
use igain_protocol::bureau::BureauId;

use super::context::Context;
use super::output::Output;
use super::page::Page;
use super::words::{count, plural};
use super::{Error, ask};
use crate::api::Problem;
use crate::api::types::{self, Heard, PutBack, RecoveryPeer};
use crate::office;

#[derive(Debug, Subcommand)]
pub(super) enum Recovery {
    /// Show what other bureaus have given back since this one was put back to a backup
    #[command(after_help = "\
A bureau that was put back has forgotten what it withdrew, dismissed and wrote since. Each peer that has seen more gives back what it \
holds, signed by this bureau, before it is served. What only a peer can tell that was not heard is listed.

Example:
  igain recovery show")]
    Show,
    /// Serve a bureau although it has not given back what it holds
    #[command(after_help = "\
What was withdrawn since the backup, and only this bureau can tell, is then sent to others as if it were not.

Example:
  igain recovery serve FR")]
    Serve {
        /// The bureau
        bureau: BureauId,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Ask a bureau again, and take back also what is signed with a key of before
    #[command(after_help = "\
Whoever stole such a key and has a bureau's help could bring in withdrawals and records with it. Say so only where the keys were replaced in \
time, and none was stolen.

Example:
  igain recovery accept FR")]
    Accept {
        /// The bureau
        bureau: BureauId,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Say that what was lost was dealt with
    #[command(after_help = "\
Before this, see that policy and revocations are those of today: they are decided here, and no peer knows them.

Example:
  igain recovery close")]
    Close {
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

impl Recovery {
    pub(super) fn execute(self, context: &Context, output: &mut Output) -> Result<(), Error> {
        let client = context.client()?;
        let state =
            || -> Result<types::Recovery, Error> { context.block_on(async { Ok(client.get("/v1/recovery").await?) }) };
        match self {
            Self::Show => output.show(&state()?, render),
            Self::Serve { bureau, yes } => {
                waited(&state()?, bureau)?;
                let question = format!(
                    "Serve {bureau} before it has given back what it holds? What was withdrawn since the backup, and only it \
                     can tell, is then sent to others as if it were not."
                );
                ask::unless(yes, output, &question, "it is waited for as before")?;
                let call = format!("/v1/recovery/{bureau}/serve");
                let state: types::Recovery = context.block_on(async { Ok(client.post(&call, &()).await?) })?;
                output.show(&state, render)
            }
            Self::Accept { bureau, yes } => {
                waited(&state()?, bureau)?;
                let question = format!(
                    "Take back from {bureau} also what is signed with a former key of this bureau? Whoever stole one could bring \
                     in withdrawals and records with it."
                );
                ask::unless(yes, output, &question, "it is waited for as before")?;
                let call = format!("/v1/recovery/{bureau}/accept");
                let state: types::Recovery = context.block_on(async { Ok(client.post(&call, &()).await?) })?;
                output.show(&state, render)
            }
            Self::Close { yes } => {
                let before = state()?;
                if before.put_back.is_none() {
                    return Err(Problem::from(office::Error::NotPutBack).into());
                }
                let away = before.peers.iter().filter(|peer| peer.heard == Heard::Nothing).count();
                let question = format!(
                    "Close the case? {} not heard, and {} may have been withdrawn that only they can tell. Policy and revocations \
                     must be those of today: no peer knows them.",
                    match away {
                        1 => "One bureau was".to_owned(),
                        away => format!("{away} bureaus were"),
                    },
                    plural(before.untold, "record", "records"),
                );
                ask::unless(yes, output, &question, "it stays open")?;
                let state: types::Recovery =
                    context.block_on(async { Ok(client.post("/v1/recovery/close", &()).await?) })?;
                output.show(&state, |_, page| page.line("The case is closed."))
            }
        }
    }
}

/// Refuses where nothing is waited for from the bureau: nobody is asked about what the node would refuse.
fn waited(state: &types::Recovery, bureau: BureauId) -> Result<(), Error> {
    let peer = state.peers.iter().find(|peer| peer.bureau.0 == bureau);
    let error = match peer {
        None => office::Error::UnknownPeer(bureau),
        Some(peer) if peer.served => office::Error::NotReclaiming(bureau),
        Some(_) => return Ok(()),
    };
    Err(Problem::from(error).into())
}

fn render(state: &types::Recovery, page: &mut Page) {
    match &state.put_back {
        Some(put_back) => noticed(put_back, page),
        None if state.peers.iter().any(|peer| !peer.served) => page.line(
            "Bureaus have seen more of this one than it knows of: it was put back to a backup, or they do not say the truth.",
        ),
        None => page.line("Nothing says that this bureau was put back to a backup."),
    }
    if !state.peers.is_empty() {
        page.blank();
        page.table(["BUREAU", "HEARD", "SERVED"], &state.peers.iter().map(row).collect::<Vec<_>>());
    }
    list(page, "given back in part: look at them, and revise them", state.partly.len() as u64, &state.partly);
    list(page, "perhaps withdrawn since, which only bureaus not heard can tell", state.untold, &state.some_untold);
    if state.put_back.is_some() {
        page.blank();
        page.line("No peer knows this bureau's policy and revocations: see that they are those of today (igain policy plan, igain peer list). Then: igain recovery close");
    }
}

fn noticed(put_back: &PutBack, page: &mut Page) {
    let by = match put_back.by {
        Some(bureau) => format!("{bureau} proved it"),
        None => "its own books say so".to_owned(),
    };
    page.line(&page.strong("This bureau was put back to a backup."));
    page.facts(&[
        ("noticed", format!("{}: {by}", put_back.noticed)),
        (
            "given back",
            format!(
                "{}, {} of them in part; {}; {}",
                plural(put_back.records, "record", "records"),
                count(put_back.partly),
                plural(put_back.ended, "withdrawal", "withdrawals"),
                plural(put_back.letters, "charter or answer", "charters and answers")
            ),
        ),
    ]);
    if put_back.replaced > 0 {
        let gave_way = plural(put_back.replaced, "version that was written", "versions that were written");
        page.line(&format!(
            "{gave_way} here, perhaps since the backup, gave way to what was forgotten: igain audit list --action reclaim.replace"
        ));
    }
}

fn list(page: &mut Page, what: &str, count: u64, ids: &[types::Text<igain_protocol::record::RecordId>]) {
    if count == 0 {
        return;
    }
    page.blank();
    page.line(&format!("{} {what}:", plural(count, "record", "records")));
    ids.iter().for_each(|id| page.line(&format!("  {id}")));
    if count > ids.len() as u64 {
        page.line(&format!("  and {} more", count - ids.len() as u64));
    }
}

fn row(peer: &RecoveryPeer) -> [String; 3] {
    let since = peer.since.map(|since| format!(", since {since}")).unwrap_or_default();
    let heard = match peer.heard {
        Heard::Nothing => "nothing since the start; it is asked first if it has seen more".to_owned(),
        Heard::Same => "it has seen nothing that is not known here".to_owned(),
        Heard::Asked => format!("it has seen more, and is asked{since}"),
        Heard::Unable => format!("it has seen more, and its program is too old to give it back{since}"),
        Heard::Done => "it has given back what it holds".to_owned(),
        Heard::Refused => {
            format!(
                "some of what it gave back cannot be taken in: signed with a key of before (igain recovery accept), or of a later \
                 version (upgrade){since}"
            )
        }
        Heard::Waived => "it has seen more; an administrator has it served without".to_owned(),
    };
    let served = match peer.heard {
        Heard::Nothing => "once it is heard",
        _ if peer.served => "yes",
        _ => "no",
    };
    [peer.bureau.to_string(), heard, served.to_owned()]
}
