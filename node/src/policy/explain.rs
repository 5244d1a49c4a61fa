//! Which rules decided, in words.

use std::fmt;
use std::sync::Arc;

use igain_protocol::bureau::BureauId;
use igain_protocol::caf::CafId;
use igain_protocol::time::Day;
use igain_protocol::vocabulary::{Group, GroupSet};

use super::Inner;
use super::authorize::Scene;
use super::facts::{Bureau, Subject};
use super::rule::{Author, Effect, Rule, RuleRef};

/// Permits that nearly applied, named where none did: more would not be read.
const NEAR_LIMIT: usize = 3;

/// Why a bureau may have what it may have of one class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// The bureau.
    pub bureau: BureauId,
    /// What it may have.
    pub granted: GroupSet,
    /// One for each disclosure group.
    pub decisions: Vec<Decision>,
}

/// Why one disclosure group is given or withheld.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// The group.
    pub group: Group,
    /// For records of several CAFs: those through which it is withheld.
    pub cafs: Vec<CafId>,
    /// Whether it is given.
    pub allowed: bool,
    /// The rules that decided: where it is given all permits that apply; where it is withheld all rules that forbid
    /// it, the baseline's first. Empty where it is withheld because nothing permits it.
    pub rules: Vec<Arc<RuleRef>>,
    /// Permits that applied in vain, because a rule forbids, a rule failed, or `core` is withheld.
    pub overruled: Vec<Arc<RuleRef>>,
    /// Rules that failed while they were decided. Each counts as forbidding.
    pub failed: Vec<Arc<RuleRef>>,
    /// Whether it is withheld only because `core` is.
    pub needs_core: bool,
    /// Whether it is withheld because no rule permits it.
    pub default_deny: bool,
    /// Where nothing permits it: permits that nearly apply, the nearest first.
    pub near: Vec<NearMiss>,
}

/// A permit that does not apply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NearMiss {
    /// The rule.
    pub rule: Arc<RuleRef>,
    /// The condition that does not hold.
    pub failed: String,
}

/// What became of one rule before one label and one bureau.
struct Verdict<'a> {
    rule: &'a Rule,
    holds: GroupSet,
    fails: GroupSet,
    stops: Vec<(usize, GroupSet)>,
}

pub(super) fn explain(policy: &Inner, subject: &Subject<'_>, peer: &Bureau, now: Day) -> Explanation {
    let ways = subject.ways();
    let several = ways.len() > 1;
    let mut decisions: Vec<Decision> = Vec::new();
    for through in ways {
        let scene = Scene::new(policy, subject, through, peer, now).ok();
        let caf = through.filter(|_| several).map(|(caf, _)| caf);
        let these = on_one_way(policy, scene.as_ref()).into_iter().map(|decision| decision.through(caf));
        decisions = match decisions.is_empty() {
            true => these.collect(),
            false => decisions.into_iter().zip(these).map(|(one, other)| one.and(other)).collect(),
        };
    }
    let granted = decisions.iter().filter(|decision| decision.allowed).map(|decision| decision.group).collect();
    Explanation { bureau: peer.id, granted, decisions }
}

/// What is given on one way, and why.
fn on_one_way(policy: &Inner, scene: Option<&Scene<'_>>) -> Vec<Decision> {
    let verdicts: Vec<Verdict<'_>> = policy.rules.iter().map(|rule| verdict(scene, rule)).collect();
    let mut decisions: Vec<Decision> = Group::ALL.iter().map(|group| decide(*group, &verdicts)).collect();
    let core = decisions.iter().any(|decision| decision.group == Group::Core && decision.allowed);
    for decision in decisions.iter_mut().filter(|decision| decision.allowed && !core) {
        decision.allowed = false;
        decision.needs_core = true;
        decision.overruled = std::mem::take(&mut decision.rules);
    }
    decisions
}

impl Decision {
    /// Where it is withheld, it is so through this CAF.
    fn through(self, caf: Option<CafId>) -> Self {
        let cafs = caf.filter(|_| !self.allowed).into_iter().collect();
        Self { cafs, ..self }
    }

    /// Both: only what is given on each way is given, and the ways that withhold say why.
    fn and(self, other: Self) -> Self {
        let (mut first, mut second) = match other.allowed {
            true => (self, other),
            false if self.allowed => (other, self),
            false => return self.neither(other),
        };
        let permits = if first.allowed { &mut first.rules } else { &mut first.overruled };
        join(permits, &mut second.rules);
        first
    }

    /// As [`Decision::and`], where both withhold it.
    fn neither(mut self, mut other: Self) -> Self {
        join(&mut self.rules, &mut other.rules);
        join(&mut self.overruled, &mut other.overruled);
        join(&mut self.failed, &mut other.failed);
        self.near.extend(other.near.into_iter().take(NEAR_LIMIT.saturating_sub(self.near.len())));
        self.cafs.extend(other.cafs);
        Self {
            needs_core: self.needs_core && other.needs_core,
            default_deny: self.default_deny && other.default_deny,
            ..self
        }
    }
}

fn join(rules: &mut Vec<Arc<RuleRef>>, more: &mut Vec<Arc<RuleRef>>) {
    rules.append(more);
    rules.sort();
    rules.dedup();
}

fn verdict<'a>(scene: Option<&Scene<'_>>, rule: &'a Rule) -> Verdict<'a> {
    let Some(scene) = scene else {
        return Verdict { rule, holds: GroupSet::EMPTY, fails: rule.groups, stops: Vec::new() };
    };
    let (outcome, stops) = scene.rule(rule);
    Verdict { rule, holds: outcome.holds, fails: outcome.fails, stops }
}

fn decide(group: Group, verdicts: &[Verdict<'_>]) -> Decision {
    let among = |pick: &dyn Fn(&Verdict<'_>) -> bool| -> Vec<Arc<RuleRef>> {
        verdicts.iter().filter(|verdict| pick(verdict)).map(|verdict| Arc::clone(&verdict.rule.about)).collect()
    };
    let effect = |verdict: &Verdict<'_>, effect| verdict.rule.about.effect == effect;
    let holds = |verdict: &Verdict<'_>| verdict.holds.contains(group);
    let permits = among(&|verdict| holds(verdict) && effect(verdict, Effect::Permit));
    let forbids = among(&|verdict| holds(verdict) && effect(verdict, Effect::Forbid));
    let failed = among(&|verdict| verdict.fails.contains(group));
    let allowed = !permits.is_empty() && forbids.is_empty() && failed.is_empty();
    let default_deny = permits.is_empty() && forbids.is_empty() && failed.is_empty();
    let near = if permits.is_empty() { near(group, verdicts) } else { Vec::new() };
    let (rules, overruled) = if allowed { (permits, Vec::new()) } else { (forbids, permits) };
    let cafs = Vec::new();
    Decision { group, cafs, allowed, rules, overruled, failed, needs_core: false, default_deny, near }
}

/// The permits for the group that hold furthest.
fn near(group: Group, verdicts: &[Verdict<'_>]) -> Vec<NearMiss> {
    let permits = verdicts.iter().filter(|verdict| verdict.rule.about.effect == Effect::Permit);
    let mut near: Vec<(usize, NearMiss)> = permits
        .filter_map(|verdict| {
            let (index, _) = verdict.stops.iter().find(|(_, groups)| groups.contains(group))?;
            let failed = verdict.rule.links.get(*index)?.text.clone();
            let left = verdict.rule.links.len().saturating_sub(*index);
            Some((left, NearMiss { rule: Arc::clone(&verdict.rule.about), failed }))
        })
        .collect();
    near.sort_by_key(|(left, _)| *left);
    near.into_iter().take(NEAR_LIMIT).map(|(_, near)| near).collect()
}

impl fmt::Display for Explanation {
    /// One line a group, and below it what it rests on.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} may have {}", self.bureau, words(self.granted))?;
        for decision in &self.decisions {
            write!(f, "\n  {decision}")?;
        }
        Ok(())
    }
}

fn words(groups: GroupSet) -> String {
    let codes: Vec<&str> = groups.iter().map(|group| group.code()).collect();
    if codes.is_empty() { "nothing".to_owned() } else { codes.join(", ") }
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = if self.allowed { "given" } else { "withheld" };
        write!(f, "{:<12} {state}", self.group.code())?;
        if self.needs_core {
            f.write_str(", because no group is given without core")?;
        } else if self.default_deny {
            f.write_str(", because no rule permits it")?;
        }
        for caf in &self.cafs {
            write!(f, "\n    withheld through the file {caf}")?;
        }
        for rule in &self.rules {
            let verb = if self.allowed { "permitted" } else { "forbidden" };
            write!(f, "\n    {verb} by {}{rule}", author(rule))?;
        }
        for rule in &self.failed {
            write!(f, "\n    withheld because {}{rule} failed while it was decided", author(rule))?;
        }
        for rule in &self.overruled {
            write!(f, "\n    permitted in vain by {rule}")?;
        }
        for near in &self.near {
            write!(f, "\n    not permitted by {}, because this does not hold: {}", near.rule, near.failed)?;
        }
        Ok(())
    }
}

fn author(rule: &RuleRef) -> &'static str {
    match rule.author {
        Author::Baseline => "the node's own rule ",
        Author::Administrator => "",
    }
}
