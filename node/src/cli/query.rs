//! `igain query`.

use clap::{Arg, ArgGroup, ArgMatches, Args, Command, FromArgMatches};
use igain_protocol::bureau::BureauId;
use igain_protocol::caf::CafId;
use igain_protocol::time::Day;
use igain_protocol::vocabulary::{Kind, Scheme};

use super::Error;
use super::context::Context;
use super::marking::texts;
use super::output::Output;
use super::page::Page;
use super::record::{banner_line, headline, render_record};
use super::why::{Stated, Why};
use super::words::{age, grading, plural};
use crate::api::types::{Answer, Hit, Identifier, Question, Text};

#[derive(Debug, Args)]
#[command(after_help = "\
Identifiers are found however they are spelled. A word of a name that ends in * is a prefix; case, accents and script \
do not count. Every question is accounted for, with its purpose and case: those of the session where none are typed.

Examples:
  igain query --phone '0700 000 001' --purpose investigation --case NBO/2026/17
  igain query --name 'Mohamed al*' --kind person --purpose identify --case FR-2026-0042
  igain query --name 'Владимир' --loose --owner KE,BR --purpose crime-analysis --case CAF-7
  igain query --kind event --from 2026-01-01 --to 2026-03-31 --purpose threat-analysis --case Q1")]
pub(super) struct Query {
    #[command(flatten)]
    identifier: ByIdentifier,
    /// By name, in any script
    #[arg(long, conflicts_with = IDENTIFIERS, help_heading = "What to find")]
    name: Option<String>,
    /// Compare the consonants of names only, for names written in another script
    #[arg(long, requires = "name", help_heading = "What to find")]
    loose: bool,
    /// Only these kinds of records
    #[arg(long, value_name = "KIND", value_delimiter = ',', help_heading = "What to find")]
    kind: Vec<Kind>,
    /// Only of these owners
    #[arg(long, value_name = "BUREAU", value_delimiter = ',', help_heading = "What to find")]
    owner: Vec<BureauId>,
    /// Only in these CAFs
    #[arg(long, value_name = "CAF", value_delimiter = ',', help_heading = "What to find")]
    caf: Vec<CafId>,
    /// Only what happened, or else was changed, on or after this day
    #[arg(long, value_name = "DATE", help_heading = "What to find")]
    from: Option<Day>,
    /// Only what happened, or else was changed, on or before this day
    #[arg(long, value_name = "DATE", help_heading = "What to find")]
    to: Option<Day>,
    /// Most hits to show
    #[arg(long, default_value_t = 50, help_heading = "What to find")]
    limit: usize,
    #[command(flatten)]
    why: Why,
    /// Show a table, one line a hit
    #[arg(long)]
    table: bool,
}

const IDENTIFIERS: &str = "identifier";

/// An option for every scheme of identifiers.
#[derive(Debug)]
struct ByIdentifier(Option<(Scheme, String)>);

impl FromArgMatches for ByIdentifier {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let given = |scheme: &Scheme| Some((*scheme, matches.get_one::<String>(scheme.code())?.clone()));
        Ok(Self(Scheme::ALL.iter().find_map(given)))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl Args for ByIdentifier {
    fn augment_args(command: Command) -> Command {
        let arg = |scheme: &Scheme| {
            let arg = Arg::new(scheme.code()).long(scheme.code()).value_name("VALUE");
            arg.help(scheme.title()).help_heading("By identifier")
        };
        let codes: Vec<&str> = Scheme::ALL.iter().map(|scheme| scheme.code()).collect();
        command.args(Scheme::ALL.iter().map(arg)).group(ArgGroup::new(IDENTIFIERS).args(codes).multiple(false))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl Query {
    pub(super) fn execute(mut self, context: &Context, output: &mut Output) -> Result<(), Error> {
        let table = self.table;
        let why = std::mem::take(&mut self.why).state(output)?;
        let question = self.question(why);
        let client = context.client()?;
        let answer: Answer = context.block_on(async { Ok(client.post("/v1/query", &question).await?) })?;
        output.show(&answer, |answer, page| if table { render_table(answer, page) } else { render(answer, page) })?;
        let more = if answer.more { ", and there are more: raise --limit or ask for less" } else { "" };
        output.say(&format!(
            "{}{more}. Audit entry {}.",
            plural(answer.hits.len() as u64, "hit", "hits"),
            answer.audit
        ));
        Ok(())
    }

    fn question(self, why: Stated) -> Question {
        Question {
            purpose: Text(why.purpose),
            case: why.case,
            identifier: self.identifier.0.map(|(scheme, value)| Identifier { scheme: Text(scheme), value }),
            name: self.name,
            loose: self.loose,
            kinds: texts(self.kind),
            owners: texts(self.owner),
            cafs: texts(self.caf),
            from: self.from.map(Text),
            to: self.to.map(Text),
            limit: self.limit,
        }
    }
}

fn render(answer: &Answer, page: &mut Page) {
    for (at, hit) in answer.hits.iter().enumerate() {
        if at > 0 {
            page.blank();
            page.line(&page.faint("────"));
        }
        render_record(hit, page);
    }
}

fn render_table(answer: &Answer, page: &mut Page) {
    let row = |hit: &Hit| {
        let marked = if hit.caution.is_some() { "!" } else { "" };
        [
            hit.banner.clone(),
            format!("{}{marked}", hit.owner),
            hit.grading.map_or_else(|| "-".into(), |given| grading(given.0)),
            age(hit.age_s),
            hit.label.kind.to_string(),
            hit.id.to_string(),
            headline(&hit.fields),
        ]
    };
    let rows: Vec<_> = answer.hits.iter().map(row).collect();
    page.table(["HANDLING", "OWNER", "GRADING", "AGE", "KIND", "ID", "WHAT"], &rows);
    if let Some(hit) = answer.hits.iter().find(|hit| hit.caution.is_some()) {
        page.line(&format!("Look at the owners marked with !, such as: {}", banner_line(hit, page)));
    }
    if let Some(hit) = answer.hits.iter().find(|hit| hit.redacted) {
        page.line(&format!("Some hits are redacted by their owners, such as: {}", banner_line(hit, page)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser as _;
    use igain_protocol::vocabulary::Purpose;

    fn question(typed: &[&str]) -> Result<Question, clap::Error> {
        #[derive(clap::Parser)]
        struct Only {
            #[command(flatten)]
            query: Query,
        }
        let stated = Stated { purpose: Purpose::Identify, case: "C1".into() };
        Only::try_parse_from(["query"].iter().chain(typed)).map(|only| only.query.question(stated))
    }

    #[test]
    fn every_scheme_of_identifiers_is_an_option() {
        for scheme in Scheme::ALL {
            let option = format!("--{}", scheme.code());
            let question = question(&[&option, "X 1", "--purpose", "identify", "--case", "C1"]).unwrap();
            let identifier = question.identifier.unwrap();
            assert_eq!((identifier.scheme, identifier.value.as_str()), (Text(*scheme), "X 1"));
        }
    }

    #[test]
    fn a_purpose_has_its_case_and_a_question_asks_one_thing() {
        assert!(question(&["--phone", "1", "--case", "C1"]).is_err());
        assert!(question(&["--phone", "1", "--purpose", "identify"]).is_err());
        let why = ["--purpose", "identify", "--case", "C1"];
        assert!(question(&[["--phone", "1", "--plate", "2"].as_slice(), &why].concat()).is_err());
        assert!(question(&[["--phone", "1", "--name", "x"].as_slice(), &why].concat()).is_err());
        assert!(question(&[["--purpose", "curiosity", "--case", "C1"].as_slice()].concat()).is_err());
        let both = question(&[["--name", "x", "--kind", "person,phone"].as_slice(), &why].concat()).unwrap();
        assert_eq!(both.kinds.len(), 2);
    }
}
