//! Policy: what it would change, what it changed, why.

use igain_protocol::bureau::BureauId;
use igain_protocol::caf::CafId;
use igain_protocol::record::RecordId;
use igain_protocol::vocabulary::{Grading, Group, GroupSet};
use serde::{Deserialize, Serialize};

use super::{Label, Text};
use crate::{office, policy};

/// The text of a policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyText {
    /// What problems and explanations call it.
    pub file: String,
    /// The text.
    pub text: String,
}

/// The policy file, beside the policy in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyFile {
    /// Where it is.
    pub path: String,
    /// Whether it says what is in force.
    pub state: PolicyFileState,
    /// What is wrong with one that is refused.
    pub why: Option<String>,
}

/// Whether the policy file says what is in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PolicyFileState {
    /// It does.
    InForce,
    /// It could be put in force, and was not.
    Differs,
    /// It is no policy, and cannot be put in force.
    Refused,
    /// There is none, although a policy is in force.
    Absent,
    /// Neither it nor what is in force has a rule: nobody was given anything yet.
    Empty,
}

/// The policy in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyInForce {
    /// Its text.
    pub text: String,
    /// SHA-256 of its text.
    pub sha256: String,
    /// The file that SIGHUP reads.
    pub file: PolicyFile,
    /// Its rules and those of the baseline.
    pub rules: Vec<Rule>,
}

/// What a policy changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyChange {
    /// SHA-256 of its text.
    pub sha256: String,
    /// Whether it is in force now.
    pub applied: bool,
    /// One for each bureau and class for which something changes.
    pub changes: Vec<PlanRow>,
}

/// What one bureau gains or loses of one class.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanRow {
    /// The bureau.
    pub peer: Text<BureauId>,
    /// The label of the class.
    pub label: Label,
    /// How reliable its records are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grading: Option<Text<Grading>>,
    /// The label in short.
    pub banner: String,
    /// The groups of fields that it gets besides.
    pub gained: Text<GroupSet>,
    /// The groups of fields that are purged there.
    pub lost: Text<GroupSet>,
    /// How many records that concerns now.
    pub records: u64,
    /// The rules that decide.
    pub because: Vec<String>,
}

/// One rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// Its name.
    pub id: String,
    /// Whether it ships with the node.
    pub baseline: bool,
    /// `permit` or `forbid`.
    pub effect: String,
    /// Where it stands.
    pub file: String,
    /// On which line.
    pub line: usize,
    /// Why it is there, in its author's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Why a bureau gets what it gets of a record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explanation {
    /// The record.
    pub record: Text<RecordId>,
    /// The bureau.
    pub peer: Text<BureauId>,
    /// The record's label.
    pub label: Label,
    /// How reliable it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grading: Option<Text<Grading>>,
    /// The label in short.
    pub banner: String,
    /// The groups that it gets.
    pub granted: Text<GroupSet>,
    /// One for each group.
    pub decisions: Vec<Decision>,
}

/// Why one group is given or withheld.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// The group.
    pub group: Text<Group>,
    /// Where the record is of several CAFs: those through which it is withheld.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cafs: Vec<Text<CafId>>,
    /// Whether it is given.
    pub allowed: bool,
    /// The rules that decided.
    pub rules: Vec<Rule>,
    /// Permits that applied in vain.
    pub overruled: Vec<Rule>,
    /// Rules that failed; each counts as forbidding.
    pub failed: Vec<Rule>,
    /// Withheld only because `core` is.
    pub needs_core: bool,
    /// Withheld because no rule permits it.
    pub default_deny: bool,
    /// Permits that nearly apply.
    pub near: Vec<NearMiss>,
}

/// A permit that does not apply.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NearMiss {
    /// The rule.
    pub rule: Rule,
    /// The condition that does not hold.
    pub failed: String,
}

impl From<office::PlanRow> for PlanRow {
    fn from(row: office::PlanRow) -> Self {
        Self {
            peer: Text(row.peer),
            label: Label::from(&row.label),
            grading: row.label.grading.map(Text),
            banner: row.label.banner(),
            gained: Text(row.gained),
            lost: Text(row.lost),
            records: row.records,
            because: row.because,
        }
    }
}

impl From<&policy::RuleRef> for Rule {
    fn from(rule: &policy::RuleRef) -> Self {
        Self {
            id: rule.id.clone(),
            baseline: rule.author == policy::Author::Baseline,
            effect: match rule.effect {
                policy::Effect::Permit => "permit".into(),
                policy::Effect::Forbid => "forbid".into(),
            },
            file: rule.file.clone(),
            line: rule.line,
            reason: rule.reason.clone(),
        }
    }
}

impl Explanation {
    /// Why `explanation.bureau` gets what it gets of `record`.
    pub fn new(record: RecordId, label: &igain_protocol::label::Label, explanation: policy::Explanation) -> Self {
        Self {
            record: Text(record),
            peer: Text(explanation.bureau),
            label: Label::from(label),
            grading: label.grading.map(Text),
            banner: label.banner(),
            granted: Text(explanation.granted),
            decisions: explanation.decisions.iter().map(Decision::from).collect(),
        }
    }
}

impl From<&policy::Decision> for Decision {
    fn from(decision: &policy::Decision) -> Self {
        let rules = |rules: &[std::sync::Arc<policy::RuleRef>]| rules.iter().map(|rule| Rule::from(&**rule)).collect();
        let near = |near: &policy::NearMiss| NearMiss { rule: Rule::from(&*near.rule), failed: near.failed.clone() };
        Self {
            group: Text(decision.group),
            cafs: decision.cafs.iter().copied().map(Text).collect(),
            allowed: decision.allowed,
            rules: rules(&decision.rules),
            overruled: rules(&decision.overruled),
            failed: rules(&decision.failed),
            needs_core: decision.needs_core,
            default_deny: decision.default_deny,
            near: decision.near.iter().map(near).collect(),
        }
    }
}
