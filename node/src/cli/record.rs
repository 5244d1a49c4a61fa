//! `igain record`.

mod render;
mod source;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use igain_protocol::bureau::BureauId;
use igain_protocol::caf::CafId;
use igain_protocol::record::RecordId;
use igain_protocol::vocabulary::{Kind, Reason, Tlp};

use super::context::Context;
use super::marking::{Marking, field, texts};
use super::output::Output;
use super::why::Why;
use super::words::plural;
use super::{Error, ask, schema};
use crate::api::types::{self, Field, Label, NewRecord, NewRecords, OutcomeKind, Text};

pub(super) use render::{banner_line, headline, record as render_record};

#[derive(Debug, Subcommand)]
pub(super) enum Record {
    /// Add a record, or a file of them
    Add(Box<Add>),
    /// Change a record of this bureau's own
    Revise(Box<Revise>),
    /// Show a record with all that is disclosed of it
    #[command(
        after_help = "Example:\n  igain record show 0190163d-8694-739b-aea5-966c26f8ad91 --purpose investigation --case NBO/2026/17"
    )]
    Show {
        /// The record
        id: RecordId,
        #[command(flatten)]
        why: Why,
    },
    /// Withdraw a record: every bureau that has it must purge it
    #[command(after_help = "\
A withdrawn record cannot come back. `igain record holders` shows which bureaus have purged it.

Example:
  igain record withdraw 0190163d-8694-739b-aea5-966c26f8ad91 --reason incorrect")]
    Withdraw {
        /// The record
        id: RecordId,
        /// Why: withdrawn, incorrect, unlawful, purpose-met, court
        #[arg(long, default_value = "withdrawn")]
        reason: Reason,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// List the bureaus that were sent a record, and which of them have purged it
    #[command(after_help = "\
holds: it was sent, and the bureau may have it. recalled: the bureau was told to purge it, and has not answered. \
purged: it has signed that it did.

Example:
  igain record holders 0190163d-8694-739b-aea5-966c26f8ad91")]
    Holders {
        /// The record
        id: RecordId,
    },
    /// List the kinds of records, or the fields of one kind
    Schema {
        /// The kind
        kind: Option<Kind>,
    },
    /// List records, own and received
    List(List),
}

#[derive(Debug, Args)]
#[command(after_help = "\
Fields are written name=value; a name may say its language, name@ar=…. `igain record schema KIND` lists them. \
Write name?=value for what is unsure, and name??=value for what nobody can read: it is kept as it is given. \
Dates are 1971, 1971-04, 1971-04-30, 1971~ (about), 197X, 1970/1972. \
A record without grading, or a person without category, is a draft and not shared.

Examples:
  igain record add phone number='+254 700 000 001' operator=Safaricom --tlp amber --grading B2
  igain record add person name='Amina Wanjiru' name@ar='أمينة' birth-date=1987~ --category suspect
  igain record add link from=0190163d-… to=0190163e-… --based-on 0190163d-… --purpose investigation --case NBO/2026/17
  igain record add --file records.json      one, an array, or what `igain record show --json` prints")]
pub(super) struct Add {
    /// What the record is about: person, phone, vehicle …
    #[arg(required_unless_present = "file")]
    kind: Option<Kind>,
    /// Fields
    #[arg(value_name = "FIELD=VALUE", value_parser = field, conflicts_with = "file")]
    fields: Vec<Field>,
    #[command(flatten)]
    marking: Marking,
    /// A record that it rests on, which is a look at it: its label is then no less restricted; may be given several times
    #[arg(long, value_name = "RECORD", conflicts_with = "file")]
    based_on: Vec<RecordId>,
    #[command(flatten)]
    why: Why,
    /// Add the records in this file; - for stdin
    #[arg(long, value_name = "FILE", conflicts_with = "kind")]
    file: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  igain record revise 0190163d-… status=detained --grading A1
  igain record revise 0190163d-… --add alias='Mama Simba' --remove warning --tlp green")]
pub(super) struct Revise {
    /// The record
    id: RecordId,
    /// Fields that take the place of all of the same name
    #[arg(value_name = "FIELD=VALUE", value_parser = field)]
    set: Vec<Field>,
    /// Add a field beside those of the same name
    #[arg(long, value_name = "FIELD=VALUE", value_parser = field)]
    add: Vec<Field>,
    /// Remove a field
    #[arg(long, value_name = "FIELD")]
    remove: Vec<String>,
    #[command(flatten)]
    marking: Marking,
    /// The version that this is meant for; refused if there is a newer one
    #[arg(long, value_name = "NUMBER")]
    revision: Option<u32>,
}

#[derive(Debug, Args)]
#[command(after_help = "\
A list shows the heads of records, so it is asked for a purpose and in a case, as a query is.

Examples:
  igain record list --owner KE --kind phone --purpose investigation --case NBO/2026/17
  igain record list --drafts --json --purpose oversight --case QC/2026/3")]
pub(super) struct List {
    /// Only this kind
    #[arg(long)]
    kind: Option<Kind>,
    /// Only of this owner
    #[arg(long)]
    owner: Option<BureauId>,
    /// Only in this CAF
    #[arg(long)]
    caf: Option<CafId>,
    /// Only what cannot be shared yet
    #[arg(long)]
    drafts: bool,
    /// Most records to list
    #[arg(long, default_value_t = 100)]
    limit: usize,
    /// Go on after this place, as the page before gave it
    #[arg(long, value_name = "PLACE")]
    after: Option<String>,
    #[command(flatten)]
    why: Why,
}

impl Record {
    pub(super) fn execute(self, context: &Context, output: &mut Output) -> Result<(), Error> {
        match self {
            Self::Add(add) => add.execute(context, output),
            Self::Revise(revise) => revise.execute(context, output),
            Self::Show { id, why } => {
                let why = why.state(output)?;
                let client = context.client()?;
                let call = format!("/v1/records/{id}{}", query(&why.options()));
                let records: types::Records = context.block_on(async { Ok(client.get(&call).await?) })?;
                output.show(&records, render::records)
            }
            Self::Withdraw { id, reason, yes } => withdraw(context, output, id, reason, yes),
            Self::Holders { id } => {
                let client = context.client()?;
                let call = format!("/v1/records/{id}/holders");
                let holders: types::Holders = context.block_on(async { Ok(client.get(&call).await?) })?;
                output.show(&holders, render::holders)
            }
            Self::Schema { kind } => schema::show(output, kind),
            Self::List(list) => list.execute(context, output),
        }
    }
}

impl Add {
    fn execute(self, context: &Context, output: &mut Output) -> Result<(), Error> {
        let rests = !self.based_on.is_empty();
        let records = match (&self.file, self.kind) {
            (Some(path), _) => source::read(path)?,
            (None, Some(kind)) => vec![new_record(kind, self.fields, self.marking, self.based_on)],
            (None, None) => return Err(Error::Usage("say what kind of record to add, or give --file".into())),
        };
        let why = if rests { Some(self.why.state(output)?) } else { None };
        let call = format!("/v1/records{}", why.as_ref().map(|why| query(&why.options())).unwrap_or_default());
        let client = context.client()?;
        let request = NewRecords { records };
        let done: types::Contributed = context.block_on(async { Ok(client.post(&call, &request).await?) })?;
        finish(output, &done)
    }
}

fn new_record(kind: Kind, fields: Vec<Field>, marking: Marking, based_on: Vec<RecordId>) -> NewRecord {
    let label = Label {
        kind: Text(kind),
        cafs: texts(marking.caf),
        tlp: Text(marking.tlp.unwrap_or(Tlp::Amber)),
        pap: marking.pap.map(Text),
        handling: texts(marking.handling.unwrap_or_default()),
        note: marking.note,
        category: marking.category.map(Text),
        crime_area: marking.area.map(Text),
        age_group: marking.age_group.map(Text),
        audience: marking.audience.map(Text),
    };
    let (grading, retain_until) = (marking.grading.map(Text), marking.retain_until.map(Text));
    NewRecord { id: None, key: None, source: None, label, grading, retain_until, based_on: texts(based_on), fields }
}

impl Revise {
    fn execute(self, context: &Context, output: &mut Output) -> Result<(), Error> {
        let marking = self.marking;
        let revision = types::Revision {
            revision: self.revision,
            set: self.set,
            add: self.add,
            remove: self.remove,
            cafs: (!marking.caf.is_empty()).then(|| texts(marking.caf)),
            tlp: marking.tlp.map(Text),
            pap: marking.pap.map(Text),
            handling: marking.handling.map(texts),
            note: marking.note,
            category: marking.category.map(Text),
            crime_area: marking.area.map(Text),
            age_group: marking.age_group.map(Text),
            audience: marking.audience.map(Text),
            grading: marking.grading.map(Text),
            retain_until: marking.retain_until.map(Text),
        };
        let client = context.client()?;
        let call = format!("/v1/records/{}/revise", self.id);
        let done: types::Contributed = context.block_on(async { Ok(client.post(&call, &revision).await?) })?;
        finish(output, &done)
    }
}

/// Shows what became of what was contributed; fails where anything was refused.
fn finish(output: &mut Output, done: &types::Contributed) -> Result<(), Error> {
    output.show(done, render::contributed)?;
    let refused = done.outcomes.iter().filter(|outcome| outcome.outcome == OutcomeKind::Refused).count();
    match refused {
        0 => Ok(()),
        refused => Err(Error::found(
            "record.refused",
            format!("{} refused", plural(refused as u64, "record was", "records were")),
        )),
    }
}

fn withdraw(context: &Context, output: &mut Output, id: RecordId, reason: Reason, yes: bool) -> Result<(), Error> {
    let question = format!("Withdraw {id} for ever, here and at every bureau that has it?");
    ask::unless(yes, output, &question, "the record was not withdrawn")?;
    let client = context.client()?;
    let call = format!("/v1/records/{id}/withdraw");
    let withdrawal = types::Withdrawal { reason: Text(reason) };
    let holders: types::Holders = context.block_on(async { Ok(client.post(&call, &withdrawal).await?) })?;
    output.show(&holders, render::withdrawn)
}

impl List {
    fn execute(self, context: &Context, output: &mut Output) -> Result<(), Error> {
        let (kind, owner) = (self.kind.map(Kind::code), self.owner.map(|owner| owner.to_string()));
        let (caf, limit) = (self.caf.map(|caf| caf.to_string()), self.limit.to_string());
        let why = self.why.state(output)?;
        let mut options = vec![("limit", limit.as_str())];
        options.extend(why.options());
        options.extend(kind.map(|kind| ("kind", kind)));
        options.extend(owner.as_deref().map(|owner| ("owner", owner)));
        options.extend(caf.as_deref().map(|caf| ("caf", caf)));
        options.extend(self.after.as_deref().map(|after| ("after", after)));
        options.extend(self.drafts.then_some(("drafts", "true")));
        let client = context.client()?;
        let call = format!("/v1/records{}", query(&options));
        let listing: types::Listing = context.block_on(async { Ok(client.get(&call).await?) })?;
        output.show(&listing, render::listing)
    }
}

/// Options after the question mark of a call (RFC 3986, percent-encoded).
pub(super) fn query(options: &[(&str, &str)]) -> String {
    let mut text = String::new();
    for (at, (name, value)) in options.iter().enumerate() {
        text.push(if at == 0 { '?' } else { '&' });
        text.push_str(name);
        text.push('=');
        for byte in value.bytes() {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => text.push(char::from(byte)),
                byte => text.push_str(&format!("%{byte:02X}")),
            }
        }
    }
    text
}
