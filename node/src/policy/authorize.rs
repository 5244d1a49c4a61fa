//! One label, through one CAF, and one bureau before Cedar.

use cedar_policy::{Authorizer, Context, Decision, Entities, EntityUid, PolicySet, Request, Response};
use igain_protocol::time::Day;
use igain_protocol::vocabulary::{Group, GroupSet};

use super::Inner;
use super::facts::{self, Bureau, Subject, Through, Unrepresentable};
use super::rule::{Link, Rule};
use super::vocabulary::one;

/// Everything that a decision about one label and one bureau may look at.
pub(super) struct Scene<'a> {
    policy: &'a Inner,
    entities: Entities,
    bureau: EntityUid,
    label: EntityUid,
}

/// For which groups something holds, and for which it failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Outcome {
    pub(super) holds: GroupSet,
    pub(super) fails: GroupSet,
}

impl Outcome {
    /// Nothing holds and everything failed: what counts where Cedar could not be asked.
    pub(super) const FAILED: Self = Self { holds: GroupSet::EMPTY, fails: GroupSet::ALL };

    /// This, and then `next` where this holds.
    pub(super) const fn and(self, next: Self) -> Self {
        Self {
            holds: self.holds.intersection(next.holds),
            fails: self.fails.union(self.holds.intersection(next.fails)),
        }
    }

    /// Holds for the groups for which this neither holds nor failed.
    pub(super) const fn not(self) -> Self {
        Self { holds: GroupSet::ALL.difference(self.holds).difference(self.fails), fails: self.fails }
    }
}

impl<'a> Scene<'a> {
    pub(super) fn new(
        policy: &'a Inner,
        subject: &Subject<'_>,
        through: Through<'_>,
        peer: &Bureau,
        now: Day,
    ) -> Result<Self, Unrepresentable> {
        let bureau = facts::uid("Bureau", &peer.id.to_string())?;
        let label = facts::uid("Label", "")?;
        let entities = [
            facts::entity(bureau.clone(), &facts::of_bureau(peer))?,
            facts::entity(label.clone(), &facts::of_subject(subject, through, now))?,
        ];
        let entities = policy.base.clone().add_entities(entities, None).map_err(|_| Unrepresentable)?;
        Ok(Self { policy, entities, bureau, label })
    }

    /// What Cedar gives, with `core` decided first: without it there is nothing to ask.
    pub(super) fn entitle(&self) -> GroupSet {
        if !self.allows(Group::Core) {
            return GroupSet::EMPTY;
        }
        let groups = self.policy.actions.iter().map(|(group, _)| *group);
        groups.filter(|group| *group == Group::Core || self.allows(*group)).collect()
    }

    fn allows(&self, group: Group) -> bool {
        self.ask(&self.policy.set, group).is_some_and(|response| {
            response.decision() == Decision::Allow && response.diagnostics().errors().next().is_none()
        })
    }

    fn ask(&self, set: &PolicySet, group: Group) -> Option<Response> {
        ask(self.policy, &self.entities, &self.bureau, &self.label, set, group)
    }

    /// Where the link holds, among `groups`.
    pub(super) fn link(&self, link: &Link, groups: GroupSet) -> Outcome {
        test(self.policy, &self.entities, &self.bureau, &self.label, link, groups)
    }

    /// For which groups the rule applies or fails, and for which the link at which index stops it.
    pub(super) fn rule(&self, rule: &Rule) -> (Outcome, Vec<(usize, GroupSet)>) {
        let (mut outcome, mut stops) = (Outcome { holds: rule.groups, fails: GroupSet::EMPTY }, Vec::new());
        for (index, link) in rule.links.iter().enumerate() {
            let next = self.link(link, outcome.holds);
            let stopped = outcome.holds.difference(next.holds).difference(next.fails);
            if !stopped.is_empty() {
                stops.push((index, stopped));
            }
            outcome = Outcome { holds: outcome.holds.intersection(next.holds), fails: outcome.fails.union(next.fails) };
        }
        (outcome, stops)
    }
}

/// Cedar's answer; `None`, which counts as a failure, where it takes no such request.
fn ask(
    policy: &Inner,
    entities: &Entities,
    bureau: &EntityUid,
    label: &EntityUid,
    set: &PolicySet,
    group: Group,
) -> Option<Response> {
    let (_, action) = policy.actions.iter().find(|(each, _)| *each == group)?;
    let request = Request::new(bureau.clone(), action.clone(), label.clone(), Context::empty(), None).ok()?;
    Some(Authorizer::new().is_authorized(&request, set, entities))
}

/// Where `link` holds for this bureau and this label, among `groups`.
pub(super) fn test(
    policy: &Inner,
    entities: &Entities,
    bureau: &EntityUid,
    label: &EntityUid,
    link: &Link,
    groups: GroupSet,
) -> Outcome {
    let once = |group: Group, groups: GroupSet| match ask(policy, entities, bureau, label, &link.test, group) {
        Some(response) if response.diagnostics().errors().next().is_some() => {
            Outcome { holds: GroupSet::EMPTY, fails: groups }
        }
        Some(response) if response.decision() == Decision::Allow => Outcome { holds: groups, fails: GroupSet::EMPTY },
        Some(_) => Outcome::default(),
        None => Outcome { holds: GroupSet::EMPTY, fails: groups },
    };
    if groups.is_empty() {
        return Outcome::default();
    }
    if !link.reads.action {
        return once(Group::Core, groups);
    }
    let asked = policy.actions.iter().map(|(group, _)| *group).filter(|group| groups.contains(*group));
    asked.map(|group| once(group, one(group))).fold(Outcome::default(), |all, one| Outcome {
        holds: all.holds.union(one.holds),
        fails: all.fails.union(one.fails),
    })
}
