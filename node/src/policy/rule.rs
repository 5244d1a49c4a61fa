//! One rule, taken apart: which groups it is about, and the conditions that must all hold for it to apply.
//!
//! Cedar's condition is a chain of `&&`, evaluated from the left until one is not true. Taken apart, each link reads
//! few attributes and has one outcome for all labels and bureaus that agree in these, whatever else differs. That is
//! what makes a matrix of many classes and bureaus cheap, and what lets an explanation name the link that failed.

use std::collections::BTreeSet;
use std::sync::Arc;

use cedar_policy::pst::{
    ActionConstraint, BinaryOp, Clause, Effect as PstEffect, EntityUID, Expr, Policy as PstPolicy, PolicyID,
    PrincipalConstraint, ResourceConstraint, StaticPolicy, Template, UnaryOp, Var,
};
use cedar_policy::{Policy as CedarPolicy, PolicySet};
use igain_protocol::vocabulary::{Group, GroupSet};
use sha2::{Digest as _, Sha256};

use super::vocabulary::{DISCLOSE, one};

/// Who wrote a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Author {
    /// It ships with the node and cannot be switched off.
    Baseline,
    /// It stands in the administrator's policy file.
    Administrator,
}

/// What a rule does where it applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Effect {
    /// It gives, unless a rule forbids.
    Permit,
    /// It withholds, whatever other rules permit.
    Forbid,
}

/// A rule as an explanation names it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RuleRef {
    /// Its `@id`, or `rule-N` for the N-th rule of the file.
    pub id: String,
    /// Who wrote it.
    pub author: Author,
    /// The file it stands in.
    pub file: String,
    /// The line it begins on, from 1.
    pub line: usize,
    /// The column it begins on, from 1.
    pub column: usize,
    /// Whether it permits or forbids.
    pub effect: Effect,
    /// Its `@reason`, the administrator's words for why it is there.
    pub reason: Option<String>,
    /// Its text.
    pub text: String,
}

impl std::fmt::Display for RuleRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "`{}` ({}:{})", self.id, self.file, self.line)?;
        match &self.reason {
            Some(reason) => write!(f, ": {reason}"),
            None => Ok(()),
        }
    }
}

/// A rule, ready to be decided.
#[derive(Debug, Clone)]
pub(super) struct Rule {
    pub(super) about: Arc<RuleRef>,
    /// The groups that its action scope admits.
    pub(super) groups: GroupSet,
    /// In the order in which Cedar evaluates them.
    pub(super) links: Vec<Link>,
}

/// One link of a rule's condition.
#[derive(Debug, Clone)]
pub(super) struct Link {
    /// As Cedar writes it.
    pub(super) text: String,
    /// SHA-256 of its syntax tree: links of equal keys are equal.
    pub(super) key: [u8; 32],
    /// What its outcome depends on.
    pub(super) reads: Reads,
    /// A single permit that is satisfied where the link holds.
    pub(super) test: PolicySet,
    /// What its outcome can be put together from without asking Cedar about the whole of it.
    pub(super) parts: Option<Parts>,
}

/// How a link is made of others. Each reads less than the whole, so that its outcome is known for more pairs.
#[derive(Debug, Clone)]
pub(super) enum Parts {
    /// `a && b && …`: from the left until one does not hold.
    All(Vec<Link>),
    /// `a || b || …`: from the left until one holds.
    Any(Vec<Link>),
    /// `!a`.
    Not(Box<Link>),
}

/// What a link's outcome depends on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Reads {
    pub(super) label: Attributes,
    pub(super) bureau: Attributes,
    /// Whether it looks at the disclosure group.
    pub(super) action: bool,
}

/// Which attributes of an entity are read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct Attributes {
    /// The entity itself is used, so that any two may differ.
    pub(super) whole: bool,
    pub(super) names: BTreeSet<String>,
}

impl Attributes {
    fn merge(mut self, other: Self) -> Self {
        self.whole |= other.whole;
        self.names.extend(other.names);
        self
    }
}

impl Reads {
    fn merge(self, other: Self) -> Self {
        Self {
            label: self.label.merge(other.label),
            bureau: self.bureau.merge(other.bureau),
            action: self.action || other.action,
        }
    }

    fn attribute(of: &Var, name: &str) -> Option<Self> {
        let read = Attributes { whole: false, names: BTreeSet::from([name.to_owned()]) };
        match of {
            Var::Principal => Some(Self { bureau: read, ..Self::default() }),
            Var::Resource => Some(Self { label: read, ..Self::default() }),
            Var::Action | Var::Context => None,
        }
    }

    fn whole(of: &Var) -> Self {
        let read = Attributes { whole: true, ..Attributes::default() };
        match of {
            Var::Principal => Self { bureau: read, ..Self::default() },
            Var::Resource => Self { label: read, ..Self::default() },
            Var::Action => Self { action: true, ..Self::default() },
            Var::Context => Self::default(),
        }
    }

    /// What `expr` reads. A variable that is not followed by an attribute's name counts as read whole.
    fn of(expr: &Expr) -> Self {
        let known = |expr: &Expr| match expr {
            Expr::Var(var) => Some(Self::whole(var)),
            Expr::GetAttr { expr, attr } => match expr.as_ref() {
                Expr::Var(var) => Self::attribute(var, attr),
                _ => None,
            },
            Expr::HasAttr { expr, attrs } => match expr.as_ref() {
                Expr::Var(var) => Self::attribute(var, &attrs.head),
                _ => None,
            },
            _ => None,
        };
        expr.reduce(&known, &Self::merge, Self::default())
    }
}

/// Cedar could not take the rule apart or put a link together. No text that passed the checks is known to lead here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Indivisible(pub(super) String);

impl Rule {
    /// Takes `policy` apart.
    pub(super) fn new(about: RuleRef, policy: &CedarPolicy) -> Result<Self, Indivisible> {
        let template = template(policy)?;
        let mut links = Vec::new();
        if template.principal != PrincipalConstraint::Any {
            let text = format!("principal {}", template.principal);
            let reads = Reads::whole(&Var::Principal);
            links.push(Link::new(text, reads, template.principal.clone(), ResourceConstraint::Any, None)?);
        }
        if template.resource != ResourceConstraint::Any {
            let text = format!("resource {}", template.resource);
            let reads = Reads::whole(&Var::Resource);
            links.push(Link::new(text, reads, PrincipalConstraint::Any, template.resource.clone(), None)?);
        }
        for clause in template.clauses() {
            match clause {
                Clause::When(whole) => {
                    for expr in chain(whole, BinaryOp::And) {
                        links.push(Link::when(&expr)?);
                    }
                }
                Clause::Unless(whole) => {
                    for expr in chain(whole, BinaryOp::Or) {
                        links.push(Link::unless(&expr)?);
                    }
                }
            }
        }
        Ok(Self { about: Arc::new(about), groups: groups(&template.action), links })
    }
}

impl Link {
    fn new(
        text: String,
        reads: Reads,
        principal: PrincipalConstraint,
        resource: ResourceConstraint,
        clause: Option<Clause>,
    ) -> Result<Self, Indivisible> {
        let failed = |error: &dyn std::fmt::Display| Indivisible(error.to_string());
        let key = Sha256::digest(format!("{principal:?} {resource:?} {clause:?}")).into();
        let template =
            Template::new(PolicyID("link".into()), PstEffect::Permit, principal, ActionConstraint::Any, resource)
                .try_with_clauses(clause.into_iter().collect::<Vec<_>>())
                .map_err(|error| failed(&error))?;
        let policy: StaticPolicy = template.try_into().map_err(|error| Indivisible(format!("{error:?}")))?;
        let policy = CedarPolicy::from_pst(PstPolicy::Static(policy)).map_err(|error| failed(&error))?;
        let test = PolicySet::from_policies([policy]).map_err(|error| failed(&error))?;
        Ok(Self { text, key, reads, test, parts: None })
    }

    fn clause(text: String, expr: &Expr, clause: Clause) -> Result<Self, Indivisible> {
        Self::new(text, Reads::of(expr), PrincipalConstraint::Any, ResourceConstraint::Any, Some(clause))
    }

    /// Holds where `expr` is true.
    fn when(expr: &Arc<Expr>) -> Result<Self, Indivisible> {
        let all = |op| chain(expr, op).iter().map(Self::when).collect::<Result<Vec<_>, _>>();
        let parts = match expr.as_ref() {
            Expr::BinaryOp { op: BinaryOp::And, .. } => Some(Parts::All(all(BinaryOp::And)?)),
            Expr::BinaryOp { op: BinaryOp::Or, .. } => Some(Parts::Any(all(BinaryOp::Or)?)),
            Expr::UnaryOp { op: UnaryOp::Not, expr } => Some(Parts::Not(Box::new(Self::when(expr)?))),
            _ => None,
        };
        Ok(Self { parts, ..Self::clause(expr.to_string(), expr, Clause::When(Arc::clone(expr)))? })
    }

    /// Holds where `expr` is false.
    fn unless(expr: &Arc<Expr>) -> Result<Self, Indivisible> {
        let parts = Some(Parts::Not(Box::new(Self::when(expr)?)));
        Ok(Self { parts, ..Self::clause(format!("!({expr})"), expr, Clause::Unless(Arc::clone(expr)))? })
    }
}

/// The names of the entities that `policy` mentions, but for its actions.
pub(super) fn mentioned(policy: &CedarPolicy) -> Vec<(String, String)> {
    let uids = policy.entity_literals();
    uids.iter().map(|uid| (uid.type_name().to_string(), uid.id().unescaped().to_owned())).collect()
}

fn template(policy: &CedarPolicy) -> Result<Template, Indivisible> {
    match policy.to_pst().map_err(|error| Indivisible(error.to_string()))? {
        PstPolicy::Static(policy) => Ok(policy.body().clone()),
        PstPolicy::Linked(_) => Err(Indivisible("a linked template".to_owned())),
    }
}

fn groups(action: &ActionConstraint) -> GroupSet {
    let of = |uid: &EntityUID| match Group::ALL.iter().find(|group| group.code() == uid.eid.as_str()) {
        Some(group) => one(*group),
        None if uid.eid.as_str() == DISCLOSE => GroupSet::ALL,
        None => GroupSet::EMPTY,
    };
    match action {
        ActionConstraint::Any => GroupSet::ALL,
        ActionConstraint::Eq(uid) => of(uid),
        ActionConstraint::In(uids) => uids.iter().fold(GroupSet::EMPTY, |set, uid| set.union(of(uid))),
    }
}

/// The operands of a chain of one operator, from the left: `a && b && c` has three, whatever the brackets.
fn chain(whole: &Arc<Expr>, chained: BinaryOp) -> Vec<Arc<Expr>> {
    let (mut todo, mut operands) = (vec![Arc::clone(whole)], Vec::new());
    while let Some(expr) = todo.pop() {
        match expr.as_ref() {
            Expr::BinaryOp { op, left, right } if *op == chained => todo.extend([Arc::clone(right), Arc::clone(left)]),
            _ => operands.push(expr),
        }
    }
    operands
}
