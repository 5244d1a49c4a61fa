//! `igain card`.

use std::path::PathBuf;

use clap::Subcommand;

use super::Error;
use super::context::Context;
use super::output::Output;
use super::page::Page;
use crate::api::types;

#[derive(Debug, Subcommand)]
pub(super) enum Card {
    /// Show this bureau's card
    Show,
    /// Print this bureau's card to give to others
    #[command(after_help = "Examples:\n  igain card export > ke.card\n  igain card export --out ke.card")]
    Export {
        /// Write it to this file
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
}

impl Card {
    pub(super) fn execute(self, context: &Context, output: &mut Output) -> Result<(), Error> {
        let client = context.client()?;
        let card: types::Card = context.block_on(async { Ok(client.get("/v1/card").await?) })?;
        match self {
            Self::Show => output.show(&card, render),
            Self::Export { out: Some(path) } => {
                std::fs::write(&path, &card.armor).map_err(Error::file("write", &path))?;
                output.show(&card, |card, page| page.line(&format!("{}: {}", path.display(), card.fingerprint)))
            }
            Self::Export { out: None } if output.is_json() => output.json(&card),
            Self::Export { out: None } => output.bytes(card.armor.as_bytes()),
        }
    }
}

pub(super) fn render(card: &types::Card, page: &mut Page) {
    page.line(&page.strong(&format!("{}  {}", card.bureau, card.name)));
    page.facts(&facts(card));
}

/// What a card says, one under the other.
pub(super) fn facts(card: &types::Card) -> Vec<(&'static str, String)> {
    vec![
        ("fingerprint", card.fingerprint.clone()),
        ("in words", card.words.join(" ")),
        ("serial", card.serial.to_string()),
        ("valid", format!("{} to {}", card.not_before, card.not_after)),
        ("sealing key", card.sealing.clone()),
        ("transport key", card.transport.clone()),
        ("addresses", card.addresses.join("\n")),
        ("languages", card.languages.join(", ")),
        ("contacts", card.contacts.iter().map(contact).collect::<Vec<_>>().join("\n")),
    ]
}

fn contact(contact: &types::Contact) -> String {
    let reach = [contact.email.as_deref(), contact.phone.as_deref()];
    let reach: Vec<&str> = reach.into_iter().flatten().collect();
    format!("{}: {} {}", contact.role, contact.name, reach.join(" ")).trim_end().to_owned()
}
