//! Who may have what: sharing policy, and the only place that knows Cedar.
//!
//! An administrator writes rules in Cedar. A rule sees the label that a class of records shares and the bureau that
//! would receive them, and nothing else: the schema holds no more, and strict validation refuses a rule that asks for
//! more. For each disclosure group the answer is yes only if
//! - a rule permits it, and no rule forbids it, neither the administrator's nor one of `baseline.cedar`;
//! - no rule that covers the group failed while it was decided: an error is a deny;
//! - the group is `core`, or `core` is given too.
//!
//! [`Policy::entitle`] asks Cedar itself. [`Policy::entitle_all`] decides many classes for many bureaus from the parts
//! of rules, with the same outcome. [`Policy::explain`] says which rules decided, [`Plan`] what a change of policy
//! would change.

mod authorize;
mod explain;
mod facts;
mod labels;
mod limits;
mod load;
mod matrix;
mod plan;
mod problem;
mod rule;
mod vocabulary;

use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

use cedar_policy::{EntityUid, PolicySet};
use igain_protocol::time::Day;
use igain_protocol::vocabulary::{Group, GroupSet};
use sha2::{Digest as _, Sha256};

pub use explain::{Decision, Explanation, NearMiss};
pub use facts::{Bureau, CafFacts, Subject};
pub use labels::Labels;
pub use limits::{RULE_LIMIT, TEXT_LIMIT};
pub use matrix::Matrix;
pub use plan::{Change, Plan};
pub use problem::{Error, Problem};
pub use rule::{Author, Effect, RuleRef};
pub use vocabulary::schema;

use load::Ground;
use problem::Source;
use rule::Rule;

/// A checked policy: the baseline and one administrator's file. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Policy(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    file: String,
    text: String,
    /// The baseline's, then the administrator's, each in the order of its text.
    rules: Vec<Rule>,
    /// All of them, as Cedar decides them.
    set: PolicySet,
    /// The disclosure groups as Cedar's actions.
    actions: Vec<(Group, EntityUid)>,
    /// The actions' own entities, which say that each is in `disclose`.
    base: cedar_policy::Entities,
}

impl Policy {
    /// Checks the text of a policy file against the schema. `file` is what problems and explanations call it.
    ///
    /// # Errors
    /// Names every problem with its line and column.
    pub fn parse(text: &str, file: &str) -> Result<Self, Error> {
        let Ground { schema, baseline } = load::ground()?;
        let taken: Vec<&str> = baseline.rules.iter().map(|rule| rule.about.id.as_str()).collect();
        let source = Source { file, text: text.strip_prefix('\u{feff}').unwrap_or(text) };
        let own = load::load(source, Author::Administrator, schema, &taken)?;

        let unusable = |what: String| Error::from(source.problem(0, what, "Install igain again."));
        let set = PolicySet::from_policies(baseline.policies.iter().cloned().chain(own.policies))
            .map_err(|error| unusable(error.to_string()))?;
        let base = schema.action_entities().map_err(|error| unusable(error.to_string()))?;
        let action = |group: &Group| Ok((*group, facts::uid("Action", group.code())?));
        let actions = Group::ALL.iter().map(action).collect::<Result<Vec<_>, facts::Unrepresentable>>();
        let actions = actions.map_err(|_| unusable("a disclosure group has no action".to_owned()))?;
        let rules = baseline.rules.iter().cloned().chain(own.rules).collect();
        Ok(Self(Arc::new(Inner { file: file.to_owned(), text: text.to_owned(), rules, set, actions, base })))
    }

    /// Reads and checks a policy file.
    ///
    /// # Errors
    /// As [`of_bytes`](Self::of_bytes), and where the file cannot be read.
    pub fn load(path: &Path) -> Result<Self, Error> {
        let name = path.display().to_string();
        let unreadable = |error| {
            let source = Source { file: &name, text: "" };
            source.problem(0, format!("cannot be read: {error}"), "Check its name and permissions.")
        };
        Self::of_bytes(&Self::read(path).map_err(unreadable)?, &name)
    }

    /// What a policy file says, as far as one may be long, and a byte more.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub fn read(path: &Path) -> std::io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let limit = u64::try_from(TEXT_LIMIT).unwrap_or(u64::MAX).saturating_add(1);
        std::fs::File::open(path)?.take(limit).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// Checks what a policy file says.
    ///
    /// # Errors
    /// As [`parse`](Self::parse), and where it is too long or not UTF-8.
    pub fn of_bytes(bytes: &[u8], name: &str) -> Result<Self, Error> {
        let text = std::str::from_utf8(bytes).map_err(|error| {
            let valid = String::from_utf8_lossy(bytes.get(..error.valid_up_to()).unwrap_or_default());
            let source = Source { file: name, text: &valid };
            source.problem(valid.len(), "this is not UTF-8 text", "Save the file as UTF-8.")
        });
        Self::parse(text?, name)
    }

    /// The file's name, as it was given.
    pub fn file(&self) -> &str {
        &self.0.file
    }

    /// The administrator's text, as it was given.
    pub fn text(&self) -> &str {
        &self.0.text
    }

    /// SHA-256 of the administrator's text: what `sha256sum` prints for the file.
    pub fn sha256(&self) -> [u8; 32] {
        Sha256::digest(self.0.text.as_bytes()).into()
    }

    /// Every rule, the baseline's first.
    pub fn rules(&self) -> impl Iterator<Item = &RuleRef> {
        self.0.rules.iter().map(|rule| rule.about.as_ref())
    }

    /// The groups of fields that `peer` may have of `subject` on the day `now`: those that it may have through each of the
    /// CAFs. Through one of which this node has no charter, nobody has anything.
    pub fn entitle(&self, subject: &Subject<'_>, peer: &Bureau, now: Day) -> GroupSet {
        let scene = |through| authorize::Scene::new(&self.0, subject, through, peer, now);
        let given = |through| scene(through).map_or(GroupSet::EMPTY, |scene| scene.entitle());
        subject.ways().into_iter().map(given).fold(GroupSet::ALL, GroupSet::intersection)
    }

    /// The groups that each of `peers` may have of each of `subjects`: the same answers as from
    /// [`entitle`](Self::entitle), much faster for many of them.
    ///
    /// A bureau that comes twice in `peers` gets nothing the second time.
    pub fn entitle_all(&self, subjects: &[Subject<'_>], peers: &[Bureau], now: Day) -> Matrix {
        let mut labels = self.labels();
        subjects.iter().for_each(|subject| labels.push(subject, now));
        matrix::compute(&self.0, &labels, peers, true)
    }

    /// No labels yet, to be decided about again and again under this policy.
    pub fn labels(&self) -> Labels {
        Labels::new(&self.0)
    }

    /// As [`entitle_all`](Self::entitle_all), for labels of this policy that are kept. Which rules decided is not noted.
    pub fn entitle_rows(&self, labels: &Labels, peers: &[Bureau]) -> Matrix {
        matrix::compute(&self.0, labels, peers, false)
    }

    /// Why `peer` may have what it may have of `subject`.
    pub fn explain(&self, subject: &Subject<'_>, peer: &Bureau, now: Day) -> Explanation {
        explain::explain(&self.0, subject, peer, now)
    }
}

#[cfg(test)]
mod tests;
