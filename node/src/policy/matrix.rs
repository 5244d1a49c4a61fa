//! Many classes for many bureaus at once.
//!
//! Asking Cedar for each class, bureau and group costs minutes where a federation is large. Instead each link of each
//! rule (see [`super::rule`]) is asked once for all labels and bureaus that agree in the attributes it reads, and
//! remembered. What remains for a pair is to look a few outcomes up. The answers equal those of
//! [`entitle`](super::Policy::entitle): a property test compares them.

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::sync::Arc;

use cedar_policy::{Entities, EntityUid};
use igain_protocol::vocabulary::{Group, GroupSet};

use super::Inner;
use super::authorize::{self, Outcome};
use super::facts::{self, Bureau, Fact, Facts};
use super::labels::{Labels, Sorted};
use super::rule::{Attributes, Effect, Link, Parts, Rule, RuleRef};
use super::vocabulary::one;

/// Threads that decide. More would not be used well by a node that also replicates and answers queries.
const THREADS_LIMIT: usize = 8;
/// Fewer pairs than this are decided faster than a thread starts.
const PAIRS_PER_THREAD: usize = 2_048;
/// Outcomes that a link may keep from one rule to the next that shares it; larger tables are made again.
const KEEP_CELLS: usize = 64 * 1024;
/// Bits in one word of the record of rules that applied.
const WORD_BITS: usize = 64;

/// Which groups each of some bureaus may have of each of some classes.
#[derive(Debug, Clone)]
pub struct Matrix {
    classes: usize,
    peers: usize,
    /// Class by class, in each bureau by bureau.
    given: Vec<GroupSet>,
    /// For each pair, one bit for each lane that applied or failed.
    applied: Vec<u64>,
    words: usize,
    lanes: Arc<[(Arc<RuleRef>, GroupSet)]>,
}

impl Matrix {
    /// How many classes it is about.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// How many bureaus it is about.
    pub fn peers(&self) -> usize {
        self.peers
    }

    /// What the bureau at index `peer` may have of the class at index `class`; nothing where there is none.
    pub fn groups(&self, class: usize, peer: usize) -> GroupSet {
        self.at(class, peer).and_then(|at| self.given.get(at)).copied().unwrap_or_default()
    }

    /// The rules that applied to the pair, or failed there, for one of `groups`.
    pub(super) fn rules(&self, class: usize, peer: usize, groups: GroupSet) -> impl Iterator<Item = &Arc<RuleRef>> {
        let words = self.words_of(class, peer);
        let applied = move |lane: usize| {
            words.get(lane / WORD_BITS).is_some_and(|word| word.rotate_right(rotation(lane)) & 1 == 1)
        };
        let lanes = self.lanes.iter().enumerate();
        lanes
            .filter(move |(lane, (_, covers))| applied(*lane) && !covers.intersection(groups).is_empty())
            .map(|(_, (rule, _))| rule)
    }

    /// The rows of each class as one: what all of them give, and the rules that applied to any.
    fn joined(self, rows: &[Range<usize>]) -> Self {
        if rows.iter().enumerate().all(|(class, rows)| *rows == (class..class.saturating_add(1))) {
            return self;
        }
        let pairs = rows.len().saturating_mul(self.peers);
        let (mut given, mut applied) =
            (Vec::with_capacity(pairs), Vec::with_capacity(pairs.saturating_mul(self.words)));
        for rows in rows {
            for peer in 0..self.peers {
                given.push(rows.clone().map(|row| self.groups(row, peer)).fold(GroupSet::ALL, GroupSet::intersection));
                let mut words = vec![0; self.words];
                for row in rows.clone() {
                    words.iter_mut().zip(self.words_of(row, peer)).for_each(|(all, one)| *all |= one);
                }
                applied.append(&mut words);
            }
        }
        Self { classes: rows.len(), given, applied, ..self }
    }

    /// Which rules applied to a pair.
    fn words_of(&self, class: usize, peer: usize) -> &[u64] {
        let words = self.at(class, peer).and_then(|at| {
            let start = at.checked_mul(self.words)?;
            self.applied.get(start..start.checked_add(self.words)?)
        });
        words.unwrap_or_default()
    }

    fn at(&self, class: usize, peer: usize) -> Option<usize> {
        if peer >= self.peers {
            return None;
        }
        class.checked_mul(self.peers)?.checked_add(peer)
    }
}

fn rotation(lane: usize) -> u32 {
    u32::try_from(lane % WORD_BITS).unwrap_or(0)
}

/// A rule, or its part about one group where a link looks at the group: all groups of a lane have one outcome.
struct Lane<'a> {
    rule: &'a Rule,
    groups: GroupSet,
    /// Indices into the distinct links.
    links: Vec<usize>,
}

/// A distinct link with the classes of labels and bureaus that it cannot tell apart.
struct Column<'a> {
    link: &'a Link,
    parts: Joint,
    labels: &'a Sorted,
    /// The entities of those classes, where Cedar is asked.
    uids: Arc<[EntityUid]>,
    /// A row of each of those classes, where it is not.
    rows: Vec<Option<usize>>,
    bureaus: Arc<Alike>,
}

/// How a distinct link's outcome is found: [`Parts`] with the indices of its parts.
enum Joint {
    /// By asking Cedar.
    Ask,
    All(Vec<usize>),
    Any(Vec<usize>),
    Not(usize),
}

/// Bureaus sorted into classes that agree in what is read.
#[derive(Debug, Default)]
struct Alike {
    /// The class of each row.
    of: Vec<usize>,
    /// The first row of each class, which stands for it.
    first: Vec<usize>,
}

/// What all threads share.
struct Task<'a> {
    policy: &'a Inner,
    entities: Entities,
    bureaus: Vec<EntityUid>,
    /// Whether a label or bureau gets nothing: its entity could not be made, or the bureau came before.
    dead_labels: &'a [bool],
    dead_bureaus: Vec<bool>,
    lanes: Vec<Lane<'a>>,
    columns: Vec<Column<'a>>,
    words: usize,
}

/// Decides about all rows of `labels`. Which rules applied is noted where `noted` says so.
pub(super) fn compute(policy: &Inner, labels: &Labels, peers: &[Bureau], noted: bool) -> Matrix {
    let mut task = Task::new(policy, labels, peers);
    task.words = if noted { task.words } else { 0 };
    let classes = labels.dead().len();
    let pairs = classes.saturating_mul(peers.len());
    let mut matrix = Matrix {
        classes,
        peers: peers.len(),
        given: vec![GroupSet::EMPTY; pairs],
        applied: vec![0; pairs.saturating_mul(task.words)],
        words: task.words,
        lanes: task.lanes.iter().map(|lane| (Arc::clone(&lane.rule.about), lane.groups)).collect(),
    };
    if pairs == 0 {
        return matrix.joined(labels.rows());
    }
    let cores = std::thread::available_parallelism().map_or(1, usize::from).min(THREADS_LIMIT);
    let threads = cores.min(pairs.div_ceil(PAIRS_PER_THREAD)).max(1);
    let rows = classes.div_ceil(threads).max(1);
    let given = matrix.given.chunks_mut(rows.saturating_mul(peers.len()));
    let applied = matrix.applied.chunks_mut(rows.saturating_mul(peers.len()).saturating_mul(task.words).max(1));
    // Where nothing is noted, there is nothing to note it in.
    let applied = applied.map(Some).chain(std::iter::repeat_with(|| None));
    let applied = applied.map(Option::unwrap_or_default);
    let parts: Vec<_> = (0..).step_by(rows).zip(given.zip(applied)).collect();
    if threads == 1 {
        parts.into_iter().for_each(|(first, (given, applied))| task.fill(first, given, applied));
    } else {
        let task = &task;
        std::thread::scope(|scope| {
            for (first, (given, applied)) in parts {
                scope.spawn(move || task.fill(first, given, applied));
            }
        });
    }
    matrix.joined(labels.rows())
}

impl<'a> Task<'a> {
    fn new(policy: &'a Inner, labels: &'a Labels, peers: &[Bureau]) -> Self {
        let bureau_facts: Vec<Facts> = peers.iter().map(facts::of_bureau).collect();
        let bureau_names: Vec<String> = peers.iter().map(|peer| peer.id.to_string()).collect();
        let (bureaus, mut all, dead_bureaus) = entities("Bureau", &bureau_names, &bureau_facts, policy);
        let (lanes, links) = lanes(&policy.rules);
        let (mut classes, mut named) = (HashMap::new(), HashMap::new());
        let mut columns = Vec::with_capacity(links.len());
        for (link, parts) in links {
            let sorted = labels.sorted(&link.reads.label);
            let asks = matches!(parts, Joint::Ask);
            let uids = if asks { samples(&mut named, &link.reads.label, sorted, &mut all) } else { [].into() };
            let rows = if asks { Vec::new() } else { sorted.rows() };
            let bureaus = alike(&mut classes, &link.reads.bureau, &bureau_facts, &dead_bureaus);
            columns.push(Column { link, parts, labels: sorted, uids, rows, bureaus });
        }
        // Without entities every attribute access fails, and a failure is a deny.
        let entities = policy.base.clone().add_entities(all, None).unwrap_or_else(|_| policy.base.clone());
        let words = lanes.len().div_ceil(WORD_BITS);
        Self { policy, entities, bureaus, dead_labels: labels.dead(), dead_bureaus, lanes, columns, words }
    }

    /// Decides the classes from index `first` on, as many as `given` has room for.
    fn fill(&self, first: usize, given: &mut [GroupSet], applied: &mut [u64]) {
        let peers = self.bureaus.len();
        let mut denied = vec![GroupSet::EMPTY; given.len()];
        let mut tables: Vec<Table> = self.columns.iter().map(|_| Table::default()).collect();
        for (index, lane) in self.lanes.iter().enumerate() {
            let rows = given.chunks_mut(peers).zip(denied.chunks_mut(peers));
            let noted = applied.chunks_mut(peers.saturating_mul(self.words).max(1));
            let rows = rows.zip(noted.map(Some).chain(std::iter::repeat_with(|| None)));
            for (label, ((given, denied), applied)) in (first..).zip(rows) {
                let Some(start) = self.lead(lane, label, &mut tables) else { continue };
                let mut noted = applied.map(|applied| applied.chunks_mut(self.words.max(1)));
                for (bureau, (given, denied)) in given.iter_mut().zip(denied).enumerate() {
                    let applied = noted.as_mut().and_then(Iterator::next);
                    let outcome = self.follow(lane, start, label, bureau, &mut tables);
                    if outcome == Outcome::default() {
                        continue;
                    }
                    match lane.rule.about.effect {
                        Effect::Permit => *given = given.union(outcome.holds),
                        Effect::Forbid => *denied = denied.union(outcome.holds),
                    }
                    *denied = denied.union(outcome.fails);
                    if let Some(word) = applied.and_then(|applied| applied.get_mut(index / WORD_BITS)) {
                        *word |= 1_u64.rotate_left(rotation(index));
                    }
                }
            }
            tables
                .iter_mut()
                .filter(|table| table.cells.len() > KEEP_CELLS)
                .for_each(|table| *table = Table::default());
        }
        self.settle(first, given, &denied);
    }

    /// Takes from what is permitted what is denied, and everything where `core` is not given.
    fn settle(&self, first: usize, given: &mut [GroupSet], denied: &[GroupSet]) {
        let peers = self.bureaus.len();
        let rows = given.chunks_mut(peers).zip(denied.chunks(peers));
        for ((given, denied), dead_label) in rows.zip(self.dead_labels.iter().skip(first)) {
            for ((given, denied), dead_bureau) in given.iter_mut().zip(denied).zip(&self.dead_bureaus) {
                let groups = given.difference(*denied);
                let nothing = *dead_label || *dead_bureau || !groups.contains(Group::Core);
                *given = if nothing { GroupSet::EMPTY } else { groups };
            }
        }
    }

    /// The outcome of the links at the lane's beginning that look at the label alone, with the links that remain;
    /// `None` where the lane does not apply to the label, whatever the bureau.
    fn lead(&self, lane: &Lane<'_>, label: usize, tables: &mut [Table]) -> Option<(Outcome, usize)> {
        let mut outcome = Outcome { holds: lane.groups, fails: GroupSet::EMPTY };
        for (at, column) in lane.links.iter().enumerate() {
            if self.columns.get(*column).is_none_or(|column| column.bureaus.first.len() > 1) {
                return Some((outcome, at));
            }
            outcome = self.step(outcome, *column, label, 0, tables);
            if outcome == Outcome::default() {
                return None;
            }
        }
        Some((outcome, lane.links.len()))
    }

    fn follow(
        &self,
        lane: &Lane<'_>,
        (mut outcome, from): (Outcome, usize),
        label: usize,
        bureau: usize,
        tables: &mut [Table],
    ) -> Outcome {
        for column in lane.links.get(from..).unwrap_or_default() {
            if outcome.holds.is_empty() {
                break;
            }
            outcome = self.step(outcome, *column, label, bureau, tables);
        }
        outcome
    }

    fn step(&self, before: Outcome, column: usize, label: usize, bureau: usize, tables: &mut [Table]) -> Outcome {
        before.and(self.look_up(column, label, bureau, tables))
    }

    /// The outcome of a column for the label and the bureau at these indices.
    fn look_up(&self, index: usize, label: usize, bureau: usize, tables: &mut [Table]) -> Outcome {
        let Some((column, table)) = self.columns.get(index).zip(tables.get_mut(index)) else { return Outcome::FAILED };
        let Some((label, bureau)) = column.labels.of.get(label).zip(column.bureaus.of.get(bureau)) else {
            return Outcome::FAILED;
        };
        let width = column.bureaus.first.len();
        if table.cells.is_empty() {
            table.cells = vec![None; column.labels.samples.len().saturating_mul(width)];
        }
        let at = label.saturating_mul(width).saturating_add(*bureau);
        if let Some(Some(known)) = table.cells.get(at) {
            return *known;
        }
        let outcome = self.find(column, *label, *bureau, tables).unwrap_or(Outcome::FAILED);
        if let Some(cell) = tables.get_mut(index).and_then(|table| table.cells.get_mut(at)) {
            *cell = Some(outcome);
        }
        outcome
    }

    /// The outcome of a column for a class of labels and a class of bureaus, of which the first stand for the others.
    fn find(&self, column: &Column<'_>, label: usize, bureau: usize, tables: &mut [Table]) -> Option<Outcome> {
        let first = *column.bureaus.first.get(bureau)?;
        let every = Outcome { holds: GroupSet::ALL, fails: GroupSet::EMPTY };
        let row = || column.rows.get(label).copied().flatten();
        Some(match &column.parts {
            Joint::Ask => {
                let (label, bureau) = (column.uids.get(label)?, self.bureaus.get(first)?);
                authorize::test(self.policy, &self.entities, bureau, label, column.link, GroupSet::ALL)
            }
            Joint::All(parts) => {
                let row = row()?;
                parts.iter().fold(every, |all, part| all.and(self.look_up(*part, row, first, tables)))
            }
            Joint::Any(parts) => {
                let row = row()?;
                parts.iter().fold(every, |none, part| none.and(self.look_up(*part, row, first, tables).not())).not()
            }
            Joint::Not(part) => self.look_up(*part, row()?, first, tables).not(),
        })
    }
}

type Named<'a> = HashMap<&'a Attributes, Arc<[EntityUid]>>;

/// The names of the entities that stand for classes of labels; they are made once for all links that read the same.
fn samples<'a>(
    named: &mut Named<'a>,
    reads: &'a Attributes,
    sorted: &Sorted,
    all: &mut Vec<cedar_policy::Entity>,
) -> Arc<[EntityUid]> {
    if let Some(known) = named.get(reads) {
        return Arc::clone(known);
    }
    let nth = named.len();
    let mut uids = Vec::with_capacity(sorted.samples.len());
    for (class, facts) in sorted.samples.iter().enumerate() {
        let Ok(uid) = facts::uid("Label", &format!("{nth} {class}")) else { break };
        // One that cannot be made gets nothing: its rows are dead.
        all.extend(facts::entity(uid.clone(), facts));
        uids.push(uid);
    }
    let uids: Arc<[EntityUid]> = uids.into();
    named.insert(reads, Arc::clone(&uids));
    uids
}

/// The outcomes that are known of one column, label class by label class; empty before the first.
#[derive(Default)]
struct Table {
    cells: Vec<Option<Outcome>>,
}

/// The names of some rows, their entities, and whether a row has none of its own.
fn entities(
    kind: &str,
    names: &[String],
    rows: &[Facts],
    policy: &Inner,
) -> (Vec<EntityUid>, Vec<cedar_policy::Entity>, Vec<bool>) {
    let (mut uids, mut made, mut dead, mut seen) = (Vec::new(), Vec::new(), Vec::new(), HashSet::new());
    for (name, facts) in names.iter().zip(rows) {
        let uid = facts::uid(kind, name);
        let entity = uid.clone().and_then(|uid| facts::entity(uid, facts));
        match (uid, entity) {
            (Ok(uid), Ok(entity)) if seen.insert(name) => {
                made.push(entity);
                uids.push(uid);
                dead.push(false);
            }
            (uid, _) => {
                dead.push(true);
                // Any name will do: the row gets nothing.
                uids.extend(uid.ok().or_else(|| policy.actions.first().map(|(_, uid)| uid.clone())));
            }
        }
    }
    (uids, made, dead)
}

/// All lanes, and the distinct links that they are made of.
fn lanes(rules: &[Rule]) -> (Vec<Lane<'_>>, Vec<(&Link, Joint)>) {
    let (mut lanes, mut links) = (Vec::new(), Links::default());
    for rule in rules {
        let indices: Vec<usize> = rule.links.iter().map(|link| links.index(link)).collect();
        if rule.links.iter().any(|link| link.reads.action) {
            let groups = Group::ALL.iter().map(|group| one(*group).intersection(rule.groups));
            let single = groups.filter(|groups| !groups.is_empty());
            lanes.extend(single.map(|groups| Lane { rule, groups, links: indices.clone() }));
        } else {
            lanes.push(Lane { rule, groups: rule.groups, links: indices });
        }
    }
    (lanes, links.distinct)
}

#[derive(Default)]
struct Links<'a> {
    known: HashMap<[u8; 32], usize>,
    distinct: Vec<(&'a Link, Joint)>,
}

impl<'a> Links<'a> {
    /// The index of the link, whose parts come before it.
    fn index(&mut self, link: &'a Link) -> usize {
        if let Some(index) = self.known.get(&link.key) {
            return *index;
        }
        let mut all = |parts: &'a [Link]| parts.iter().map(|part| self.index(part)).collect();
        let parts = match &link.parts {
            None => Joint::Ask,
            Some(Parts::All(parts)) => Joint::All(all(parts)),
            Some(Parts::Any(parts)) => Joint::Any(all(parts)),
            Some(Parts::Not(part)) => Joint::Not(self.index(part)),
        };
        let index = self.distinct.len();
        self.known.insert(link.key, index);
        self.distinct.push((link, parts));
        index
    }
}

type Known<'a> = HashMap<&'a Attributes, Arc<Alike>>;

/// The classes of bureaus under `reads`, made once for all links that read the same.
///
/// A dead row stands for nothing: its facts are not those of the entity that has its name.
fn alike<'a>(known: &mut Known<'a>, reads: &'a Attributes, rows: &[Facts], dead: &[bool]) -> Arc<Alike> {
    Arc::clone(known.entry(reads).or_insert_with(|| {
        if reads.whole {
            return Arc::new(Alike { of: (0..rows.len()).collect(), first: (0..rows.len()).collect() });
        }
        let mut alike = Alike::default();
        let mut classes: HashMap<Vec<Option<&Fact>>, usize> = HashMap::new();
        for (index, (facts, dead)) in rows.iter().zip(dead).enumerate() {
            if *dead {
                alike.of.push(0);
                continue;
            }
            let read = |name: &String| facts.iter().find(|(each, _)| each == name).map(|(_, fact)| fact);
            let class = *classes.entry(reads.names.iter().map(read).collect()).or_insert_with(|| {
                alike.first.push(index);
                alike.first.len().saturating_sub(1)
            });
            alike.of.push(class);
        }
        Arc::new(alike)
    }))
}
