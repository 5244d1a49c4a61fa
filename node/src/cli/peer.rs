//! `igain peer`.

mod revoke;

use std::io::Read as _;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use igain_protocol::bureau::{BureauId, SignedCard};
use igain_protocol::time::Timestamp;

use super::context::Context;
use super::output::Output;
use super::page::Page;
use super::words::{age, bytes, count, plural};
use super::{Error, ask, card, status};
use crate::api::Problem;
use crate::api::types::{self, Enrolment};
use crate::ledger::RevokedFor;
use crate::office;
use revoke::{Drop, Reinstate, Revoke};

/// Bytes of a file with a card and the mail around it.
const CARD_FILE_LIMIT: u64 = 256 * 1024;

/// What an administrator must have done; with the bureau in place of the braces.
const CARD_COMPARED: &str = "Did {} read you this very fingerprint, or these words, by telephone?";

#[derive(Debug, Subcommand)]
pub(super) enum Peer {
    /// Enrol another bureau by its card, or a newer card of one
    Enrol(Enrol),
    /// List the bureaus that are enrolled
    List,
    /// Show one bureau: its card, and how the exchange with it stands
    Show {
        /// The bureau
        bureau: BureauId,
    },
    /// Revoke a bureau: from now on it gets nothing, and nothing of it is taken but ends
    Revoke(Revoke),
    /// Undo the revocation of a bureau that was revoked by mistake
    Reinstate(Reinstate),
    /// Remove what is held of a revoked bureau
    Drop(Drop),
}

#[derive(Debug, Args)]
#[command(after_help = "\
The fingerprint says whose card it is. Ask the bureau to read its own (`igain card show`) to you by telephone, over a \
number that you did not get with the card.

Examples:
  igain peer enrol fr.card
  igain peer enrol fr.card --fingerprint '3F2A 91C0 …' --tag europe")]
pub(super) struct Enrol {
    /// The file with the card; - for stdin
    card: PathBuf,
    /// The fingerprint or the words that you compared; without it you are asked
    #[arg(long)]
    fingerprint: Option<String>,
    /// A name that your policy knows the bureau by; may be given more than once
    #[arg(long = "tag", value_name = "TAG")]
    tags: Vec<String>,
}

impl Peer {
    pub(super) fn execute(self, context: &Context, output: &mut Output) -> Result<(), Error> {
        match self {
            Self::Enrol(enrol) => enrol.execute(context, output),
            Self::List => {
                let client = context.client()?;
                let peers: types::Peers = context.block_on(async { Ok(client.get("/v1/peers").await?) })?;
                output.show(&peers, |peers, page| status::peers(&peers.peers, None, page))
            }
            Self::Show { bureau } => {
                let client = context.client()?;
                let call = format!("/v1/peers/{bureau}");
                let peer: types::Peer = context.block_on(async { Ok(client.get(&call).await?) })?;
                output.show(&peer, render)
            }
            Self::Revoke(revoke) => revoke.execute(context, output),
            Self::Reinstate(reinstate) => reinstate.execute(context, output),
            Self::Drop(drop) => drop.execute(context, output),
        }
    }
}

impl Enrol {
    fn execute(self, context: &Context, output: &mut Output) -> Result<(), Error> {
        let armor = read_card(&self.card)?;
        let signed = SignedCard::from_armor(&armor).map_err(|error| Problem::from(office::Error::from(error)))?;
        let shown = types::Card::from(&signed);
        let fingerprint = match self.fingerprint {
            Some(fingerprint) => fingerprint,
            None => {
                output.talk(|page| card::render(&shown, page));
                let question = CARD_COMPARED.replace("{}", &shown.bureau.to_string());
                if !ask::confirm(output, &question, "Give what you compared with --fingerprint.")? {
                    return Err(Error::Declined("the card was not enrolled".into()));
                }
                shown.fingerprint.clone()
            }
        };
        let client = context.client()?;
        let enrolment = Enrolment { card: shown.armor, fingerprint, tags: self.tags };
        let peer: types::Peer = context.block_on(async { Ok(client.post("/v1/peers", &enrolment).await?) })?;
        output.show(&peer, |peer, page| {
            page.line(&format!("{} is enrolled: {}", page.strong(&peer.bureau.to_string()), peer.card.fingerprint));
            page.line("It gets nothing until your policy gives it something: `igain policy plan`.");
        })
    }
}

fn read_card(path: &Path) -> Result<String, Error> {
    let mut text = String::new();
    let read = if path == Path::new("-") {
        std::io::stdin().take(CARD_FILE_LIMIT).read_to_string(&mut text)
    } else {
        std::fs::File::open(path).and_then(|file| file.take(CARD_FILE_LIMIT).read_to_string(&mut text))
    };
    read.map_err(Error::file("read", path))?;
    Ok(text)
}

fn render(peer: &types::Peer, page: &mut Page) {
    page.line(&page.strong(&format!("{}  {}", peer.bureau, peer.card.name)));
    let why = peer.revoked_for.map(RevokedFor::as_str).unwrap_or_default();
    let revoked = peer.revoked.map(|at| format!("{at}, {why}"));
    let mut facts = vec![
        ("state", peer.state.as_str().to_owned()),
        ("enrolled", peer.enrolled.to_string()),
        ("revoked", revoked.unwrap_or_default()),
        ("held of it", if peer.held > 0 { plural(peer.held, "record", "records") } else { String::new() }),
        ("tags", peer.tags.join(", ")),
    ];
    facts.extend(card::facts(&peer.card));
    facts.push(("has spent", spent(&peer.budget, page)));
    facts.extend(peer.link.iter().flat_map(link));
    page.facts(&facts);
}

/// What a bureau has spent of what it may at once.
fn spent(budget: &types::Budget, page: &Page) -> String {
    let all = [
        ("entries", budget.records, count as fn(u64) -> String),
        ("bytes", budget.bytes, bytes),
        ("writes", budget.commits, count),
        ("changes", budget.changes, count),
    ];
    let one = |(what, measure, told): (_, types::Spent, fn(u64) -> String)| {
        format!("{what} {} of {}", told(measure.spent), told(measure.at_once))
    };
    let told = all.map(one).join(", ");
    match budget.waits_s {
        None => told,
        Some(waits) => page.bad(&format!("{told}. What it sends waits for {}", age(waits))),
    }
}

/// How the exchange with a bureau stands.
fn link(link: &types::Link) -> [(&'static str, String); 8] {
    let at = |at: Option<types::Text<Timestamp>>| at.map_or_else(|| "never".to_owned(), |at| at.to_string());
    let newer = (link.newer > 0).then(|| {
        let records = plural(link.newer as u64, "record", "records");
        format!("{records} kept sealed: of a newer version. Update this node to read them")
    });
    let from = link.address.as_ref().filter(|_| link.connected).map(|address| format!(" from {address}"));
    [
        ("link", format!("{}{}", status::reach(link), from.unwrap_or_default())),
        ("speaks", link.format.map(|format| format!("format {format}")).unwrap_or_default()),
        ("pulled", at(link.pulled)),
        ("served", at(link.served)),
        (
            "gives",
            format!(
                "{}, {} and {} refused since the start, {}",
                plural(link.labels_in as u64, "label", "labels"),
                plural(link.received, "record", "records"),
                count(link.refused),
                bytes(link.bytes_in)
            ),
        ),
        (
            "gets",
            format!(
                "{}, {} behind, {}",
                plural(link.labels_out as u64, "label", "labels"),
                plural(link.behind, "entry", "entries"),
                bytes(link.bytes_out)
            ),
        ),
        ("newer", newer.unwrap_or_default()),
        ("last error", link.last_error.clone().unwrap_or_default()),
    ]
}
