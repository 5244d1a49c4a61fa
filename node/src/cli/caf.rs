//! `igain caf`.

use clap::{Args, Subcommand};
use igain_protocol::bureau::BureauId;
use igain_protocol::caf::{CafId, Role, Subset};
use igain_protocol::time::{Day, Timestamp};
use igain_protocol::vocabulary::{CrimeArea, Kind, Purpose, SubjectCategory};
use serde::Serialize;

use super::Error;
use super::context::Context;
use super::output::Output;
use super::page::Page;
use crate::api::types::{self, Invited, Text};

#[derive(Debug, Subcommand)]
pub(super) enum Caf {
    /// Open a CAF that this bureau manages
    Create(Create),
    /// Invite bureaus to a CAF, or give members another role
    #[command(after_help = "Example:\n  igain caf invite 0190f6c1-… FR BR=reader US=lead")]
    Invite {
        /// The CAF
        caf: CafId,
        /// Bureaus, each perhaps with =lead, =contributor or =reader [default role: contributor]
        #[arg(required = true, value_name = "BUREAU[=ROLE]", value_parser = invited)]
        members: Vec<Invited>,
    },
    /// Take members out of a CAF
    Dismiss {
        /// The CAF
        caf: CafId,
        /// Bureaus
        #[arg(required = true)]
        members: Vec<BureauId>,
    },
    /// Join a CAF that this bureau was invited to, or change the part of it that is wanted
    #[command(after_help = "\
Examples:
  igain caf join 0190f6c1-…
  igain caf join 0190f6c1-… --only 'kinds=phone,vehicle;owners=KE'")]
    Join {
        /// The CAF
        caf: CafId,
        /// Only this part, kinds=…;areas=…;owners=… [default: all of it]
        #[arg(long, value_name = "SUBSET", default_value = "", hide_default_value = true)]
        only: Subset,
    },
    /// Leave a CAF; what others contributed to it is purged here
    Leave {
        /// The CAF
        caf: CafId,
    },
    /// Close a CAF for good
    Close {
        /// The CAF
        caf: CafId,
    },
    /// List the CAFs that this bureau knows
    List,
    /// Show one CAF: its charter and its members
    Show {
        /// The CAF
        caf: CafId,
    },
}

#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  igain caf create 'Cocaine by sea' --purpose crime-analysis --area cocaine-trafficking \\
    --scope 'Containers from South America to Mombasa and Le Havre' --closes 2027-12-31")]
pub(super) struct Create {
    /// Its name
    name: String,
    /// Why data is processed in it: crime-analysis, investigation …
    #[arg(long)]
    purpose: Purpose,
    /// What it is about: cocaine-trafficking, firearms-trafficking …
    #[arg(long, value_name = "AREA")]
    area: CrimeArea,
    /// What belongs into it, in words
    #[arg(long)]
    scope: String,
    /// Its last day
    #[arg(long, value_name = "DATE")]
    closes: Day,
    /// Kinds of records that it takes [default: all]
    #[arg(long, value_name = "KIND", value_delimiter = ',')]
    kinds: Vec<Kind>,
    /// Subject categories that it takes [default: all]
    #[arg(long, value_name = "CATEGORY", value_delimiter = ',')]
    categories: Vec<SubjectCategory>,
}

fn invited(text: &str) -> Result<Invited, String> {
    let (bureau, role) = text.split_once('=').unwrap_or((text, Role::Contributor.as_str()));
    let bureau: BureauId = bureau.parse().map_err(|error| format!("{error}"))?;
    let role: Role = role.parse().map_err(|_| format!("`{role}` is no role. Use lead, contributor or reader"))?;
    Ok(Invited { bureau: Text(bureau), role: Text(role) })
}

impl Caf {
    pub(super) fn execute(self, context: &Context, output: &mut Output) -> Result<(), Error> {
        let nothing = serde_json::json!({});
        match self {
            Self::Create(create) => create.execute(context, output),
            Self::Invite { caf, members } => change(context, output, caf, "invite", &types::Invitation { members }),
            Self::Dismiss { caf, members } => {
                let members = members.into_iter().map(Text).collect();
                change(context, output, caf, "dismiss", &types::Dismissal { members })
            }
            Self::Join { caf, only } => change(context, output, caf, "join", &types::Join { only: Text(only) }),
            Self::Leave { caf } => change(context, output, caf, "leave", &nothing),
            Self::Close { caf } => change(context, output, caf, "close", &nothing),
            Self::List => {
                let client = context.client()?;
                let cafs: types::Cafs = context.block_on(async { Ok(client.get("/v1/cafs").await?) })?;
                output.show(&cafs, list)
            }
            Self::Show { caf } => {
                let client = context.client()?;
                let call = format!("/v1/cafs/{caf}");
                let caf: types::Caf = context.block_on(async { Ok(client.get(&call).await?) })?;
                output.show(&caf, render)
            }
        }
    }
}

impl Create {
    fn execute(self, context: &Context, output: &mut Output) -> Result<(), Error> {
        let new = types::NewCaf {
            name: self.name,
            purpose: Text(self.purpose),
            crime_area: Text(self.area),
            scope: self.scope,
            closes: Text(self.closes),
            kinds: self.kinds.into_iter().map(Text).collect(),
            categories: self.categories.into_iter().map(Text).collect(),
        };
        let client = context.client()?;
        let caf: types::Caf = context.block_on(async { Ok(client.post("/v1/cafs", &new).await?) })?;
        output.show(&caf, render)
    }
}

fn change(
    context: &Context,
    output: &mut Output,
    caf: CafId,
    what: &str,
    request: &impl Serialize,
) -> Result<(), Error> {
    let client = context.client()?;
    let call = format!("/v1/cafs/{caf}/{what}");
    let caf: types::Caf = context.block_on(async { Ok(client.post(&call, request).await?) })?;
    output.show(&caf, render)
}

fn list(cafs: &types::Cafs, page: &mut Page) {
    if cafs.cafs.is_empty() {
        return page.line("No Crime Analysis File is known here. `igain caf create` opens one.");
    }
    let row = |caf: &types::Caf| {
        let state = match (caf.suspended, caf.closed) {
            (true, _) => "suspended".to_owned(),
            (false, true) => "closed".to_owned(),
            (false, false) => format!("until {}", caf.closes),
        };
        let members: Vec<String> = caf.members.iter().map(|member| member.bureau.to_string()).collect();
        [caf.id.to_string(), caf.name.clone(), caf.crime_area.to_string(), state, members.join(" ")]
    };
    let rows: Vec<_> = cafs.cafs.iter().map(row).collect();
    page.table(["CAF", "NAME", "CRIME AREA", "OPEN", "MEMBERS"], &rows);
}

const SUSPENDED: &str = "the manager has signed two charters as one version, or one for a newer igain; nothing is shared until that changes";

fn render(caf: &types::Caf, page: &mut Page) {
    let join = |words: Vec<String>| if words.is_empty() { "all".to_owned() } else { words.join(", ") };
    page.line(&page.strong(&caf.name));
    page.facts(&[
        ("id", caf.id.to_string()),
        ("purpose", format!("{} ({})", caf.purpose, caf.purpose.0.title())),
        ("crime area", caf.crime_area.to_string()),
        ("scope", caf.scope.clone()),
        ("manager", caf.manager.to_string()),
        ("open", format!("{} to {}{}", caf.opened.0.day(), caf.closes, if caf.closed { ", closed" } else { "" })),
        ("suspended", if caf.suspended { SUSPENDED.to_owned() } else { String::new() }),
        ("kinds", join(caf.kinds.iter().map(ToString::to_string).collect())),
        ("categories", join(caf.categories.iter().map(ToString::to_string).collect())),
        ("charter", format!("version of {}", Timestamp::from_ms(caf.serial))),
    ]);
    page.blank();
    let row = |member: &types::Member| {
        let only = member.only.to_string();
        let since = member.since.map(|at| at.to_string()).unwrap_or_default();
        [member.bureau.to_string(), member.role.to_string(), member.state.as_str().into(), since, only]
    };
    let rows: Vec<_> = caf.members.iter().map(row).collect();
    page.table(["MEMBER", "ROLE", "STATE", "SINCE", "ONLY"], &rows);
}
