//! What a rule may look at, as plain values that can be compared, and as the entities that Cedar decides on.
//!
//! Nothing of a record's content can get here: a [`Subject`] is made of a label, and a [`Bureau`] of what this node
//! knows of a peer.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use cedar_policy::{EntityId, EntityTypeName, EntityUid, RestrictedExpression};
use igain_protocol::bureau::BureauId;
use igain_protocol::caf::{CafId, Charter, Role};
use igain_protocol::label::{Audience, Label};
use igain_protocol::time::Day;
use igain_protocol::vocabulary::{CrimeArea, Purpose};

/// A bureau as policy sees it: what this node knows of a peer when it decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bureau {
    /// Its name in the federation.
    pub id: BureauId,
    /// Its country, ISO 3166-1 alpha-2.
    pub country: String,
    /// The CAFs whose membership it has accepted and not left.
    pub cafs: BTreeSet<CafId>,
    /// Its role in each CAF, as the manager's charter has it. A role in a CAF that is not in `cafs` counts for nothing.
    pub roles: BTreeMap<CafId, Role>,
    /// Whether this node has revoked it.
    pub revoked: bool,
    /// Names that this node's administrator has put on it, such as `east-africa`.
    pub tags: BTreeSet<String>,
}

impl Bureau {
    /// A bureau that is known and not revoked, member of no CAF, of the country that its name begins with.
    pub fn new(id: BureauId) -> Self {
        let country = id.to_string().chars().take(2).collect();
        Self { id, country, cafs: BTreeSet::new(), roles: BTreeMap::new(), revoked: false, tags: BTreeSet::new() }
    }
}

/// What policy may know of a CAF, from the newest charter that this node holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CafFacts {
    /// What the CAF is for.
    pub purpose: Purpose,
    /// The crime area it works on.
    pub crime_area: CrimeArea,
    /// The bureau that manages it.
    pub manager: BureauId,
    /// Its last day: it is open up to and including this day.
    pub closes: Day,
    /// Whether its manager has closed it before that.
    pub closed: bool,
}

impl From<&Charter> for CafFacts {
    fn from(charter: &Charter) -> Self {
        let Charter { purpose, crime_area, manager, closes, closed, .. } = *charter;
        Self { purpose, crime_area, manager, closes, closed: closed.is_some() }
    }
}

impl CafFacts {
    /// Whether the CAF is open on the day `now`.
    pub fn is_open(&self, now: Day) -> bool {
        !self.closed && now <= self.closes
    }
}

/// What is decided about: all records of one class.
#[derive(Debug, Clone)]
pub struct Subject<'a> {
    /// The label that they share.
    pub label: &'a Label,
    /// The CAFs that the label names, in its order; `None` where this node has no charter of one.
    pub cafs: Vec<Option<&'a CafFacts>>,
    /// Whether another bureau owns them, so that giving them would be passing them on.
    pub onward: bool,
}

/// A CAF through which records would be given, and what is known of it.
pub(super) type Through<'a> = Option<(CafId, Option<&'a CafFacts>)>;

impl<'a> Subject<'a> {
    /// Records that this node owns. `known` is what it knows of a CAF.
    pub fn own(label: &'a Label, known: impl Fn(CafId) -> Option<&'a CafFacts>) -> Self {
        Self { label, cafs: label.cafs.iter().map(|caf| known(*caf)).collect(), onward: false }
    }

    /// The ways on which they would be given, at least one: through each of their CAFs. Only what is given on all of them is
    /// given, so a rule sees one CAF at a time.
    pub(super) fn ways(&self) -> Vec<Through<'a>> {
        let ways = self.label.cafs.iter().enumerate();
        let ways: Vec<_> = ways.map(|(at, caf)| Some((*caf, self.cafs.get(at).copied().flatten()))).collect();
        if ways.is_empty() { vec![None] } else { ways }
    }
}

/// One attribute's value. Equal facts give equal decisions, whatever the rule.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Fact {
    Flag(bool),
    Text(String),
    Entity(&'static str, String),
    /// In ascending order of what it was made from, so that equal sets are equal values.
    Set(Vec<Fact>),
    Record(Vec<(&'static str, Fact)>),
}

/// The attributes of one label or bureau by name.
pub(super) type Facts = Vec<(&'static str, Fact)>;

/// The attributes of `peer`, as the schema names them.
pub(super) fn of_bureau(peer: &Bureau) -> Facts {
    let cafs = |admit: &dyn Fn(&CafId) -> bool| {
        Fact::Set(peer.cafs.iter().filter(|caf| admit(caf)).map(|caf| Fact::Entity("Caf", caf.to_string())).collect())
    };
    vec![
        ("country", Fact::Entity("Country", peer.country.clone())),
        ("revoked", Fact::Flag(peer.revoked)),
        ("cafs", cafs(&|_| true)),
        ("leads", cafs(&|caf| matches!(peer.roles.get(caf), Some(Role::Lead)))),
        ("contributes", cafs(&|caf| matches!(peer.roles.get(caf), Some(Role::Lead | Role::Contributor)))),
        ("tags", Fact::Set(peer.tags.iter().cloned().map(Fact::Text).collect())),
    ]
}

/// The attributes of `subject` on the day `now`, as the schema names them, where it would be given through one of its CAFs.
pub(super) fn of_subject(subject: &Subject<'_>, through: Through<'_>, now: Day) -> Facts {
    let label = subject.label;
    let audience: BTreeSet<String> = label.audience.named().iter().map(ToString::to_string).collect();
    let mut facts = vec![
        ("kind", Fact::Entity("Kind", label.kind.code().to_owned())),
        ("tlp", Fact::Entity("Tlp", label.tlp.code().to_owned())),
        ("handling", Fact::Set(super::vocabulary::handling(label))),
        ("audience", Fact::Set(audience.into_iter().map(|id| Fact::Entity("Bureau", id)).collect())),
        ("addressed", Fact::Flag(label.audience != Audience::Anyone)),
        ("onward", Fact::Flag(subject.onward)),
    ];
    facts.extend(label.pap.map(|pap| ("pap", Fact::Entity("Pap", pap.code().to_owned()))));
    facts.extend(label.category.map(|category| ("category", Fact::Entity("Category", category.code().to_owned()))));
    facts.extend(label.age_group.map(|group| ("age_group", Fact::Entity("AgeGroup", group.code().to_owned()))));
    if let Some(grading) = label.grading {
        facts.push(("reliability", Fact::Entity("Reliability", grading.reliability.code().to_owned())));
        facts.push(("accuracy", Fact::Entity("Accuracy", grading.accuracy.code().to_owned())));
    }
    facts.extend(label.crime_area.map(|area| ("crime_area", Fact::Entity("CrimeArea", area.code().to_owned()))));
    facts.extend(through.map(|(caf, known)| ("caf", of_caf(caf, known, now))));
    facts
}

fn of_caf(id: CafId, known: Option<&CafFacts>, now: Day) -> Fact {
    let mut caf = vec![
        ("id", Fact::Entity("Caf", id.to_string())),
        ("known", Fact::Flag(known.is_some())),
        ("open", Fact::Flag(known.is_some_and(|caf| caf.is_open(now)))),
    ];
    if let Some(facts) = known {
        caf.push(("purpose", Fact::Entity("Purpose", facts.purpose.code().to_owned())));
        caf.push(("crime_area", Fact::Entity("CrimeArea", facts.crime_area.code().to_owned())));
        caf.push(("manager", Fact::Entity("Bureau", facts.manager.to_string())));
    }
    Fact::Record(caf)
}

/// Why facts could not be made into an entity. It counts as a deny, and no input is known that leads here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unrepresentable;

/// The name of the entity `id` of type `kind`.
pub(super) fn uid(kind: &str, id: &str) -> Result<EntityUid, Unrepresentable> {
    let kind: EntityTypeName = kind.parse().map_err(|_| Unrepresentable)?;
    Ok(EntityUid::from_type_name_and_id(kind, EntityId::new(id)))
}

/// The entity called `uid` with `facts` as its attributes.
pub(super) fn entity(uid: EntityUid, facts: &Facts) -> Result<cedar_policy::Entity, Unrepresentable> {
    let mut attributes = HashMap::with_capacity(facts.len());
    for (name, fact) in facts {
        attributes.insert((*name).to_owned(), expression(fact)?);
    }
    cedar_policy::Entity::new(uid, attributes, HashSet::new()).map_err(|_| Unrepresentable)
}

fn expression(fact: &Fact) -> Result<RestrictedExpression, Unrepresentable> {
    Ok(match fact {
        Fact::Flag(flag) => RestrictedExpression::new_bool(*flag),
        Fact::Text(text) => RestrictedExpression::new_string(text.clone()),
        Fact::Entity(kind, id) => RestrictedExpression::new_entity_uid(uid(kind, id)?),
        Fact::Set(facts) => RestrictedExpression::new_set(facts.iter().map(expression).collect::<Result<Vec<_>, _>>()?),
        Fact::Record(facts) => {
            let fields = facts.iter().map(|(name, fact)| Ok(((*name).to_owned(), expression(fact)?)));
            let fields = fields.collect::<Result<Vec<_>, Unrepresentable>>()?;
            RestrictedExpression::new_record(fields).map_err(|_| Unrepresentable)?
        }
    })
}
