//! `igain policy`.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use clap::Subcommand;
use igain_protocol::bureau::BureauId;
use igain_protocol::record::RecordId;
use igain_protocol::vocabulary::GroupSet;
use serde::Serialize;

use super::context::Context;
use super::output::Output;
use super::page::Page;
use super::record::query;
use super::why::Why;
use super::words::{count, plural};
use super::{Error, ask, status};
use crate::api::Problem;
use crate::api::types::{Explanation, Label, PlanRow, PolicyChange, PolicyFileState, PolicyInForce, PolicyText, Rule};
use crate::policy;

#[derive(Debug, Subcommand)]
pub(super) enum Policy {
    /// Find mistakes in a policy file; needs no daemon
    #[command(after_help = "Examples:\n  igain policy check\n  igain policy check policy.cedar")]
    Check {
        /// The file [default: the configuration's]
        file: Option<PathBuf>,
    },
    /// Say which bureaus would gain or lose what, before anything changes
    #[command(after_help = "\
A line is one bureau and records that are marked alike: + it gains, - it loses, ± both. GROUPS are the groups of fields that \
it would get or lose, BECAUSE the rules that decide.

Examples:
  igain policy plan policy.cedar
  igain policy plan policy.cedar --json | jq '.changes[] | select(.lost != \"none\")'")]
    Plan {
        /// The file [default: the configuration's]
        file: Option<PathBuf>,
    },
    /// Put a policy in force; what a bureau loses is purged there
    #[command(after_help = "\
The policy becomes the one of the configuration, so that SIGHUP and a restart find the same.

Examples:
  igain policy apply policy.cedar            shows the plan and asks
  igain policy apply policy.cedar --yes      for scripts")]
    Apply {
        /// The file [default: the configuration's]
        file: Option<PathBuf>,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Show the policy in force
    Show,
    /// Say which rules decide what a bureau gets of a record
    #[command(after_help = "\
The answer shows the label of the record, so it is asked for a purpose and in a case: `oversight`, where the question is \
whether it is rightly shared.

Example:
  igain policy explain 0190163d-8694-739b-aea5-966c26f8ad91 BR --purpose oversight --case QC/2026/3")]
    Explain {
        /// The record, one of this bureau's own
        record: RecordId,
        /// The bureau
        peer: BureauId,
        #[command(flatten)]
        why: Why,
    },
}

/// What a check found.
#[derive(Debug, Serialize)]
struct Checked {
    file: String,
    sha256: String,
    rules: Vec<Rule>,
}

impl Policy {
    pub(super) fn execute(self, context: &Context, output: &mut Output) -> Result<(), Error> {
        match self {
            Self::Check { file } => {
                let text = read(context, file)?;
                let policy = policy::Policy::parse(&text.text, &text.file).map_err(Problem::from)?;
                let own = policy.rules().filter(|rule| rule.author == policy::Author::Administrator);
                let sha256 = policy.sha256().iter().map(|byte| format!("{byte:02x}")).collect();
                let checked = Checked { file: text.file, sha256, rules: own.map(Rule::from).collect() };
                output.show(&checked, |checked, page| {
                    let rules = plural(checked.rules.len() as u64, "rule", "rules");
                    page.line(&format!("{}: {}, {rules}", checked.file, page.good("sound")));
                })
            }
            Self::Plan { file } => {
                let change = call(context, "plan", &read(context, file)?)?;
                output.show(&change, render)
            }
            Self::Apply { file, yes } => apply(context, output, &read(context, file)?, yes),
            Self::Show => {
                let client = context.client()?;
                let policy: PolicyInForce = context.block_on(async { Ok(client.get("/v1/policy").await?) })?;
                output.show(&policy, render_policy)
            }
            Self::Explain { record, peer, why } => {
                let why = why.state(output)?;
                let client = context.client()?;
                let call = format!("/v1/records/{record}/explain/{peer}{}", query(&why.options()));
                let explanation: Explanation = context.block_on(async { Ok(client.get(&call).await?) })?;
                output.show(&explanation, render_explanation)
            }
        }
    }
}

fn read(context: &Context, file: Option<PathBuf>) -> Result<PolicyText, Error> {
    let path = match file {
        Some(path) => path,
        None => context.config()?.policy,
    };
    let mut text = String::new();
    let limit = policy::TEXT_LIMIT as u64 + 1;
    let read = if path == Path::new("-") {
        std::io::stdin().take(limit).read_to_string(&mut text)
    } else {
        std::fs::File::open(&path).and_then(|file| file.take(limit).read_to_string(&mut text))
    };
    read.map_err(Error::file("read", &path))?;
    Ok(PolicyText { file: path.display().to_string(), text })
}

fn call(context: &Context, what: &str, text: &PolicyText) -> Result<PolicyChange, Error> {
    let client = context.client()?;
    let call = format!("/v1/policy/{what}");
    context.block_on(async { Ok(client.post(&call, text).await?) })
}

fn apply(context: &Context, output: &mut Output, text: &PolicyText, yes: bool) -> Result<(), Error> {
    if !yes {
        let plan = call(context, "plan", text)?;
        if !output.is_json() {
            output.talk(|page| render(&plan, page));
        }
        let asks_nothing = plan.changes.is_empty();
        ask::unless(asks_nothing, output, "Put this policy in force?", "the policy in force stays as it is")?;
    }
    let change = call(context, "apply", text)?;
    output.show(&change, render)
}

fn render(change: &PolicyChange, page: &mut Page) {
    if change.changes.is_empty() {
        let what = if change.applied { "The policy is in force. Nobody" } else { "Nobody" };
        return page.line(&format!("{what} gains or loses anything of what there is today."));
    }
    let sign = |row: &PlanRow| match (row.gained.0.is_empty(), row.lost.0.is_empty()) {
        (false, true) => "+",
        (true, false) => "-",
        _ => "±",
    };
    let groups =
        |sign: &str, groups: GroupSet| if groups.is_empty() { String::new() } else { format!("{sign}{groups}") };
    let row = |row: &PlanRow, records: u64| {
        [
            sign(row).to_owned(),
            row.peer.to_string(),
            count(records),
            subject(&row.label),
            row.banner.clone(),
            [groups("+", row.gained.0), groups("-", row.lost.0)].join(" ").trim().to_owned(),
            row.label.cafs.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "),
            row.because.join(", "),
        ]
    };
    // Labels that differ in what is not shown here, and fare alike, are one line.
    let mut rows: Vec<(&PlanRow, u64)> = Vec::new();
    let mut lines: HashMap<[String; 8], usize> = HashMap::new();
    for change in &change.changes {
        match lines.entry(row(change, 0)) {
            Entry::Occupied(known) => {
                rows.iter_mut().skip(*known.get()).take(1).for_each(|row| row.1 += change.records)
            }
            Entry::Vacant(free) => {
                free.insert(rows.len());
                rows.push((change, change.records));
            }
        }
    }
    let rows: Vec<_> = rows.into_iter().map(|(change, records)| row(change, records)).collect();
    page.table(["", "BUREAU", "RECORDS", "KIND", "HANDLING", "GROUPS", "CAF", "BECAUSE"], &rows);
    page.blank();
    let sum =
        |moved: &dyn Fn(&PlanRow) -> bool| change.changes.iter().filter(|row| moved(row)).map(|row| row.records).sum();
    let (gained, lost): (u64, u64) = (sum(&|row| !row.gained.0.is_empty()), sum(&|row| !row.lost.0.is_empty()));
    let verb = if change.applied { "given" } else { "would be given" };
    let less = if lost == 0 { "none".to_owned() } else { count(lost) };
    page.line(&format!("More of {} {verb}, less of {less}.", plural(gained, "record", "records")));
    match (change.applied, lost) {
        (false, _) => {}
        (true, 0) => page.line("The policy is in force."),
        (true, _) => page.line(
            "The policy is in force. What was lost is being purged: `igain record holders` shows who has answered.",
        ),
    }
}

/// What records are about: their kind, and what the persons among them are to the matter.
fn subject(label: &Label) -> String {
    match label.category {
        Some(category) => format!("{} ({category})", label.kind),
        None => label.kind.to_string(),
    }
}

fn render_policy(policy: &PolicyInForce, page: &mut Page) {
    page.line(&format!("// in force, sha256 {}", policy.sha256));
    if !matches!(policy.file.state, PolicyFileState::InForce | PolicyFileState::Empty) {
        status::policy(&policy.file, page).lines().for_each(|line| page.line(&format!("// {line}")));
    }
    page.line("// rules of the node itself, that win over all others:");
    for rule in policy.rules.iter().filter(|rule| rule.baseline) {
        page.line(&format!("//   {}: {}", rule.id, rule.reason.as_deref().unwrap_or_default()));
    }
    page.blank();
    page.line(&policy.text);
}

fn render_explanation(explanation: &Explanation, page: &mut Page) {
    let head = format!("{} gets {} of {}", explanation.peer, explanation.granted, explanation.record);
    page.line(&page.strong(&head));
    page.line(&format!("{} {}", page.banner(&explanation.banner), explanation.label.kind));
    for decision in &explanation.decisions {
        let verdict = if decision.allowed { page.good("given") } else { page.bad("withheld") };
        page.line(&format!("{}: {verdict}", page.strong(decision.group.0.code())));
        for caf in &decision.cafs {
            page.line(&format!("  withheld through the CAF {caf}"));
        }
        let mut tell = |why: &str, rules: &[Rule]| {
            for rule in rules {
                let reason = rule.reason.as_deref().map(|reason| format!(": {reason}")).unwrap_or_default();
                page.line(&format!("  {why} {} ({}:{}){reason}", rule.id, rule.file, rule.line));
            }
        };
        tell(if decision.allowed { "permitted by" } else { "forbidden by" }, &decision.rules);
        tell("in vain, permitted by", &decision.overruled);
        tell("forbidden, because this rule failed:", &decision.failed);
        if decision.needs_core {
            page.line("  core is withheld, and nothing is given without it");
        }
        if decision.default_deny {
            page.line("  no rule permits it");
        }
        for near in &decision.near {
            page.line(&format!("  nearly permitted by {}, but not: {}", near.rule.id, near.failed));
        }
    }
}
