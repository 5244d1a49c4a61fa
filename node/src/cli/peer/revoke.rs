//! `igain peer revoke`, and what follows: undoing it, and dropping what is held of a revoked bureau.

use clap::Args;
use igain_protocol::bureau::BureauId;

use super::CARD_COMPARED;
use crate::api::Problem;
use crate::api::client::Client;
use crate::api::types::{self, Dropped, Reinstatement, Revocation};
use crate::cli::context::Context;
use crate::cli::output::Output;
use crate::cli::words::plural;
use crate::cli::{Error, ask, card};
use crate::ledger::RevokedFor;
use crate::office;

#[derive(Debug, Args)]
#[command(after_help = "\
left         The bureau takes no part any more. What it was given is taken back from it, and what it withdraws or takes back \
still goes here; nothing else passes.
compromised  Others may have its keys. Nothing is taken of it. What is ended in its name is hidden, not removed, until it is \
known what the bureau says.

What is held of it stays, marked, until `igain peer drop` removes it. The bureau comes back with a new key: enrol its new \
card after comparing the fingerprint. A revocation by mistake is undone by `igain peer reinstate`.

Examples:
  igain peer revoke FR --why left
  igain peer revoke FR --why compromised")]
pub(in crate::cli) struct Revoke {
    /// The bureau
    bureau: BureauId,
    /// Why: left or compromised
    #[arg(long, value_enum)]
    why: RevokedFor,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

impl Revoke {
    pub(super) fn execute(self, context: &Context, output: &mut Output) -> Result<(), Error> {
        let Self { bureau, why, yes } = self;
        let taken = match why {
            RevokedFor::Left => "only ends are taken of it",
            RevokedFor::Compromised => "nothing of it is accepted",
        };
        let client = context.client()?;
        if !yes {
            // One that is not enrolled is not asked about.
            look_up(context, &client, bureau)?;
        }
        let question = format!("Revoke {bureau}? It gets nothing from now on, and {taken}.");
        ask::unless(yes, output, &question, &format!("{bureau} was not revoked"))?;
        let call = format!("/v1/peers/{bureau}/revoke");
        let peer: types::Peer = context.block_on(async { Ok(client.post(&call, &Revocation { why }).await?) })?;
        output.show(&peer, |peer, page| {
            let who = page.strong(&peer.bureau.to_string());
            page.line(&format!("{who} is revoked. Tell the bureaus that you share with."));
            if peer.held > 0 {
                let held = plural(peer.held, "record", "records");
                page.line(&format!("{held} of it stay here, marked. `igain peer drop {}` removes them.", peer.bureau));
            }
        })
    }
}

#[derive(Debug, Args)]
#[command(after_help = "\
Only for a bureau that was revoked by mistake: its key must be in its own hands still. Have it read its fingerprint to you \
by telephone, as at its enrolment. All that it shares comes anew, and puts right what was hidden or missed meanwhile.

Example:
  igain peer reinstate FR --fingerprint '3F2A 91C0 …'")]
pub(in crate::cli) struct Reinstate {
    /// The bureau
    bureau: BureauId,
    /// The fingerprint or the words that you compared; without it you are asked
    #[arg(long)]
    fingerprint: Option<String>,
}

impl Reinstate {
    pub(super) fn execute(self, context: &Context, output: &mut Output) -> Result<(), Error> {
        let bureau = self.bureau;
        let client = context.client()?;
        let fingerprint = match self.fingerprint {
            Some(fingerprint) => fingerprint,
            None => {
                let peer = revoked(context, &client, bureau)?;
                output.talk(|page| card::render(&peer.card, page));
                if !ask::confirm(output, &CARD_COMPARED.replace("{}", &bureau.to_string()), "Give --fingerprint.")? {
                    return Err(Error::Declined(format!("{bureau} stays revoked")));
                }
                peer.card.fingerprint
            }
        };
        let call = format!("/v1/peers/{bureau}/reinstate");
        let peer: types::Peer =
            context.block_on(async { Ok(client.post(&call, &Reinstatement { fingerprint }).await?) })?;
        output.show(&peer, |peer, page| {
            page.line(&format!("{} takes part again.", page.strong(&peer.bureau.to_string())));
            page.line("It has again what your policy gives it: `igain policy plan`.");
        })
    }
}

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  igain peer drop FR")]
pub(in crate::cli) struct Drop {
    /// The bureau
    bureau: BureauId,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

impl Drop {
    pub(super) fn execute(self, context: &Context, output: &mut Output) -> Result<(), Error> {
        let bureau = self.bureau;
        let client = context.client()?;
        if !self.yes {
            let held = plural(revoked(context, &client, bureau)?.held, "record", "records");
            let question = format!("Remove {held} of {bureau} from this node? They cannot be brought back from here.");
            ask::unless(self.yes, output, &question, &format!("what is held of {bureau} stays"))?;
        }
        let call = format!("/v1/peers/{bureau}/drop");
        let dropped: Dropped = context.block_on(async { Ok(client.post(&call, &serde_json::json!({})).await?) })?;
        output.show(&dropped, |dropped, page| {
            let gone = plural(dropped.records as u64, "record", "records");
            page.line(&format!("{gone} of {} were removed.", page.strong(&dropped.bureau.to_string())));
        })
    }
}

/// The bureau, where it is revoked: nobody is asked about what the node would refuse.
fn revoked(context: &Context, client: &Client, bureau: BureauId) -> Result<types::Peer, Error> {
    let peer = look_up(context, client, bureau)?;
    match peer.revoked {
        Some(_) => Ok(peer),
        None => Err(Problem::from(office::Error::NotRevoked(bureau)).into()),
    }
}

fn look_up(context: &Context, client: &Client, bureau: BureauId) -> Result<types::Peer, Error> {
    let call = format!("/v1/peers/{bureau}");
    context.block_on(async { Ok(client.get(&call).await?) })
}
