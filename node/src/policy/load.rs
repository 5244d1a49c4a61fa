//! From the text of a policy file to rules that can be decided, or to all that is wrong with it.

use std::collections::HashSet;
use std::sync::OnceLock;

use cedar_policy::{Policy as CedarPolicy, PolicyId, PolicySet, Schema, ValidationMode, Validator};
use igain_protocol::bureau::BureauId;
use igain_protocol::caf::CafId;

use super::problem::{Error, Problem, Source};
use super::rule::{Author, Effect, Rule, RuleRef, mentioned};
use super::{limits, vocabulary};

/// A rule may follow one attribute from the bureau or the label, so that nothing else needs to be known to decide it.
const REACH: u32 = 1;
/// The parser and the validator recurse as deep as a rule is long; `limits` bounds that, and this has room for it.
const STACK_BYTES: usize = 64 * 1024 * 1024;
/// `@reason` and `@id` are shown and audited in one line.
const WORDS_LIMIT: usize = 300;

const BASELINE: &str = include_str!("baseline.cedar");
const BASELINE_FILE: &str = "baseline.cedar";

const SYNTAX_HELP: &str = "Compare the rule with those in `configs/policy/example.cedar`.";
const WORDS_HELP: &str = "Use only the attributes and words that the schema lists.";

/// Rules and what they were made from.
#[derive(Debug)]
pub(super) struct Loaded {
    pub(super) rules: Vec<Rule>,
    pub(super) policies: Vec<CedarPolicy>,
}

/// Parses and checks one file. `taken` are the ids that it may not use.
pub(super) fn load(source: Source<'_>, author: Author, schema: &Schema, taken: &[&str]) -> Result<Loaded, Error> {
    limits::check(source).map_err(|problem| Error { problems: vec![problem] })?;
    let work = || parse(source, author, schema, taken);
    let loaded = std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("policy-check".to_owned()).stack_size(STACK_BYTES);
        thread.spawn_scoped(scope, work).ok().and_then(|thread| thread.join().ok())
    });
    loaded.unwrap_or_else(|| {
        let message = "the policy could not be checked on this machine";
        Err(source.problem(0, message, "Free some memory and try again; report it if it happens again.").into())
    })
}

impl From<Problem> for Error {
    fn from(problem: Problem) -> Self {
        Self { problems: vec![problem] }
    }
}

fn parse(source: Source<'_>, author: Author, schema: &Schema, taken: &[&str]) -> Result<Loaded, Error> {
    let parsed: PolicySet = source.text.parse().map_err(|errors: cedar_policy::ParseErrors| Error {
        problems: sorted(errors.iter().map(|found| source.diagnosed(found, 0, SYNTAX_HELP)).collect()),
    })?;
    let mut problems = Vec::new();
    for template in parsed.templates() {
        let at = template.as_ref().loc().map_or(0, |loc| loc.start());
        let message = "`?principal` and `?resource` have no value here";
        problems.push(source.problem(at, message, "Name the bureau, as in `principal == Bureau::\"FR\"`."));
    }
    let placed = placed(&parsed);
    let named = name(source, author, &placed, taken, &mut problems);
    let policies: Vec<CedarPolicy> =
        placed.iter().zip(&named).map(|((_, policy), about)| policy.new_id(PolicyId::new(&about.id))).collect();
    for ((at, policy), about) in placed.iter().zip(&named) {
        mentions(source, *at, &about.text, policy, &mut problems);
    }
    validate(source, schema, &policies, &placed, &mut problems);
    let mut rules = Vec::new();
    for ((policy, about), (at, _)) in policies.iter().zip(named).zip(&placed) {
        match Rule::new(about, policy) {
            Ok(rule) => rules.push(rule),
            Err(why) => problems.push(source.problem(*at, format!("the rule cannot be used: {}", why.0), SYNTAX_HELP)),
        }
    }
    if problems.is_empty() { Ok(Loaded { rules, policies }) } else { Err(Error { problems: sorted(problems) }) }
}

fn sorted(mut problems: Vec<Problem>) -> Vec<Problem> {
    problems.sort_by(|a, b| (a.line, a.column, &a.message).cmp(&(b.line, b.column, &b.message)));
    problems.dedup();
    problems
}

/// The rules in the order of the text, each with the byte it starts at.
fn placed(parsed: &PolicySet) -> Vec<(usize, &CedarPolicy)> {
    let start = |policy: &CedarPolicy| policy.as_ref().loc().map_or(0, |loc| loc.start());
    let mut placed: Vec<_> = parsed.policies().map(|policy| (start(policy), policy)).collect();
    placed.sort_by_key(|(at, _)| *at);
    placed
}

fn name(
    source: Source<'_>,
    author: Author,
    placed: &[(usize, &CedarPolicy)],
    taken: &[&str],
    problems: &mut Vec<Problem>,
) -> Vec<RuleRef> {
    let mut used: HashSet<String> = taken.iter().map(|id| (*id).to_owned()).collect();
    let mut named = Vec::with_capacity(placed.len());
    for (number, (at, policy)) in (1_usize..).zip(placed) {
        let id = policy.annotation("id").map_or_else(|| format!("rule-{number}"), ToOwned::to_owned);
        for (key, words) in policy.annotations() {
            if words.len() > WORDS_LIMIT || words.chars().any(char::is_control) {
                let message = format!("`@{key}` is not one line of at most {WORDS_LIMIT} bytes");
                problems.push(source.problem(*at, message, "Shorten it, and put the rest into a comment."));
            }
        }
        if id.is_empty() || !used.insert(id.clone()) {
            let message = format!("the id `{id}` is empty or belongs to another rule");
            problems.push(source.problem(*at, message, "Give each rule an `@id` of its own."));
        }
        let (line, column) = source.place(*at);
        let effect = match policy.effect() {
            cedar_policy::Effect::Permit => Effect::Permit,
            cedar_policy::Effect::Forbid => Effect::Forbid,
        };
        let text = policy.as_ref().loc().and_then(|loc| loc.snippet()).unwrap_or_default().to_owned();
        let reason = policy.annotation("reason").filter(|reason| !reason.is_empty()).map(ToOwned::to_owned);
        named.push(RuleRef { id, author, file: source.file.to_owned(), line, column, effect, reason, text });
    }
    named
}

/// Names in a rule that no bureau, country or CAF can have: a rule with one would never apply.
fn mentions(source: Source<'_>, at: usize, text: &str, policy: &CedarPolicy, problems: &mut Vec<Problem>) {
    for (kind, id) in mentioned(policy) {
        let help = match kind.as_str() {
            "Bureau" if id.parse::<BureauId>().is_err() => "Write it like Bureau::\"FR\" or Bureau::\"FR-LYON\".",
            "Country" if !is_country(&id) => "Write two capital letters, as in Country::\"FR\".",
            "Caf" if !is_caf(&id) => "Write the identifier that `igain caf list` shows.",
            "Label" => {
                "Labels have no names: write a condition on attributes, as in `resource.kind == Kind::\"person\"`."
            }
            _ => continue,
        };
        let written = format!("{kind}::\"{id}\"");
        let offset = at.saturating_add(text.find(&written).unwrap_or(0));
        problems.push(source.problem(offset, format!("`{written}` names nothing"), help));
    }
}

fn is_country(id: &str) -> bool {
    id.len() == 2 && id.bytes().all(|byte| byte.is_ascii_uppercase())
}

fn is_caf(id: &str) -> bool {
    id.parse::<CafId>().is_ok_and(|caf| caf.to_string() == id)
}

fn validate(
    source: Source<'_>,
    schema: &Schema,
    policies: &[CedarPolicy],
    placed: &[(usize, &CedarPolicy)],
    problems: &mut Vec<Problem>,
) {
    // An id that is used twice has been reported, and Cedar takes no set with one.
    let Ok(set) = PolicySet::from_policies(policies.iter().cloned()) else { return };
    let start =
        |id: &PolicyId| policies.iter().zip(placed).find(|(policy, _)| policy.id() == id).map_or(0, |(_, (at, _))| *at);
    let result = Validator::new(schema.clone()).validate_with_level(&set, ValidationMode::Strict, REACH);
    let mut wrong = HashSet::new();
    for found in result.validation_errors() {
        wrong.insert(found.policy_id());
        problems.push(source.diagnosed(found, start(found.policy_id()), WORDS_HELP));
    }
    // A rule that can never apply, or that hides what it says, is a mistake in a file that decides who gets what.
    // Where a rule has an error, that it can never apply only follows from it.
    for found in result.validation_warnings().filter(|found| !wrong.contains(found.policy_id())) {
        problems.push(source.diagnosed(found, start(found.policy_id()), "Correct the rule, or remove it."));
    }
}

/// What comes with the program and is part of every policy.
#[derive(Debug)]
pub(super) struct Ground {
    /// What it is checked against.
    pub(super) schema: Schema,
    /// The rules that no administrator can take away.
    pub(super) baseline: Loaded,
}

/// The ground of every policy, read once. Where that fails, as for want of memory, it is tried again.
pub(super) fn ground() -> Result<&'static Ground, Error> {
    static GROUND: OnceLock<Ground> = OnceLock::new();
    if let Some(ground) = GROUND.get() {
        return Ok(ground);
    }
    let schema = schema()?;
    let source = Source { file: BASELINE_FILE, text: BASELINE };
    let baseline = load(source, Author::Baseline, &schema, &[])?;
    Ok(GROUND.get_or_init(|| Ground { schema, baseline }))
}

/// The schema that every policy is checked against.
pub(super) fn schema() -> Result<Schema, Error> {
    let text = vocabulary::schema();
    let source = Source { file: "schema.cedarschema", text: &text };
    Schema::from_cedarschema_str(&text)
        .map(|(schema, _)| schema)
        .map_err(|error| source.problem(0, error.to_string(), "Install igain again.").into())
}
