//! Reading a file by a mapping.

use std::collections::{BTreeSet, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::BufRead;

use igain_protocol::bureau::BureauId;
use igain_protocol::record::{Content, RecordId};
use igain_protocol::time::{Day, Timestamp};
use zeroize::Zeroizing;

use super::join::{Joined, Side};
use super::label::Marking;
use super::link::End;
use super::mapping::{Block, Ends, Format, Mapping};
use super::read::{Objects, Row, Source, Table};
use super::rule::{Fault, Fields, Setting};
use super::template::{Place, Template, View};
use super::{Draft, Error, Reject};

/// Most records of one file that are watched for being made twice; 64 bytes each.
const SEEN_LIMIT: usize = 4_000_000;

/// Most bytes of a key.
const KEY_LIMIT: usize = 1024;

/// Makes drafts of the rows of one file, and of those joined to it.
pub struct Importer {
    mapping: Mapping,
    owner: BureauId,
    secret: Zeroizing<[u8; 32]>,
    today: Day,
    region: String,
    sides: Vec<Side>,
    given: Vec<bool>,
    /// Those of blocks that mark every row alike.
    markings: Vec<Option<Marking>>,
}

/// What became of a row.
#[derive(Debug)]
pub enum Step {
    /// It asks for these records; for none, where the mapping passes over it or an earlier row asked for the same.
    Made(Made),
    /// It is wrong.
    Rejected(Reject),
    /// All were read, and none had anything under these names, by which the mapping asks for it. Tables say at once which they lack.
    Silent(Vec<String>),
}

/// The records of a row.
#[derive(Debug)]
pub struct Made {
    /// The line that it begins on.
    pub line: u64,
    /// The records that it asks for.
    pub drafts: Vec<Draft>,
}

impl Importer {
    /// An importer for `owner`, whose `secret` hides the keys in the ids of its records. `today` is what retention in
    /// years counts from.
    pub fn new(mapping: Mapping, owner: BureauId, secret: &[u8; 32], today: Day) -> Self {
        let region = mapping.region.clone().unwrap_or_else(|| owner.country().to_owned());
        let sides = mapping.joins.iter().map(|_| Side::default()).collect();
        let given = vec![false; mapping.joins.len()];
        let markings = mapping.blocks.iter().map(|block| block.label.constant(block.kind, today)?.ok()).collect();
        Self { mapping, owner, secret: Zeroizing::new(*secret), today, region, sides, given, markings }
    }

    /// The mapping.
    pub const fn mapping(&self) -> &Mapping {
        &self.mapping
    }

    /// Reads a file that is joined, before the rows.
    ///
    /// # Errors
    /// Where it cannot be read, is none of the mapping's, or too large. Bad rows are rejects, and stop nothing.
    pub fn join(&mut self, role: &str, input: impl BufRead) -> Result<Joined, Error> {
        let at = self.mapping.joins.iter().position(|join| join.role == role);
        let unknown = || Error::Role {
            role: role.to_owned(),
            known: self.mapping.joins.iter().map(|join| join.role.as_str()).collect::<Vec<_>>().join(", "),
        };
        let (at, join) = at.and_then(|at| Some((at, self.mapping.joins.get(at)?))).ok_or_else(unknown)?;
        let table = Table::open(input, join.dialect.clone())?;
        let wanted = self.mapping.scope.joins.get(at).map(|(_, columns)| columns.as_slice()).unwrap_or_default();
        let slots = slots(wanted, table.columns())?;
        let (side, joined) = Side::read(role, &mut Source::Table(table), &slots, &self.mapping.nulls)?;
        if let (Some(slot), Some(given)) = (self.sides.get_mut(at), self.given.get_mut(at)) {
            (*slot, *given) = (side, true);
        }
        Ok(joined)
    }

    /// The rows of the file, one by one.
    ///
    /// # Errors
    /// Where the file as a whole cannot be read, or a file that it needs was not joined.
    pub fn rows<R: BufRead>(&self, input: R) -> Result<Rows<'_, R>, Error> {
        let missing = self.mapping.joins.iter().zip(&self.given).find(|(join, given)| join.required && !**given);
        if let Some((join, _)) = missing {
            return Err(Error::MissingJoin { role: join.role.clone() });
        }
        let wanted = &self.mapping.scope.main;
        let (source, slots) = match &self.mapping.format {
            Format::Table(dialect) => {
                let table = Table::open(input, dialect.clone())?;
                let slots = slots(wanted, table.columns())?;
                (Source::Table(table), slots)
            }
            Format::Json => (Source::Objects(Objects::open(input, wanted)?), (0..wanted.len()).collect()),
        };
        let silent = match self.mapping.format {
            Format::Table(_) => BTreeSet::new(),
            Format::Json => (0..wanted.len()).collect(),
        };
        Ok(Rows { importer: self, source, slots, row: Row::default(), seen: HashMap::new(), silent, done: false })
    }

    fn id(&self, source: Option<&str>, record: &str, key: &str) -> RecordId {
        RecordId::derived(&self.secret, source.unwrap_or(&self.mapping.source), &format!("{record}\0{key}"))
    }
}

/// Where each wanted column stands.
fn slots(wanted: &[String], columns: &[String]) -> Result<Vec<usize>, Error> {
    let slot = |name: &String| {
        let missing = || Error::Column { column: name.clone(), has: columns.join(", ") };
        columns.iter().position(|column| column == name).ok_or_else(missing)
    };
    wanted.iter().map(slot).collect()
}

/// The rows of a file. Ends after the last row, or after an error.
pub struct Rows<'a, R> {
    importer: &'a Importer,
    source: Source<R>,
    slots: Vec<usize>,
    row: Row,
    /// The records that were made, with a hash of what they say and the line.
    seen: HashMap<RecordId, (u64, u64)>,
    /// The columns of objects that none has had yet.
    silent: BTreeSet<usize>,
    done: bool,
}

impl<R: BufRead> Iterator for Rows<'_, R> {
    type Item = Result<Step, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        match self.source.read(&mut self.row) {
            Ok(Ok(true)) => Some(Ok(self.make())),
            Ok(Ok(false)) => {
                self.done = true;
                Some(self.silent()).filter(|silent| !silent.is_empty()).map(|silent| Ok(Step::Silent(silent)))
            }
            Ok(Err(reject)) => Some(Ok(Step::Rejected(reject))),
            Err(error) => {
                self.done = true;
                Some(Err(error))
            }
        }
    }
}

impl<R: BufRead> Rows<'_, R> {
    /// The names under which no object had anything, if there was any object.
    fn silent(&self) -> Vec<String> {
        let wanted = &self.importer.mapping.scope.main;
        let names =
            self.silent.iter().filter_map(|column| wanted.get(*column)).filter(|_| self.silent.len() < wanted.len());
        names.cloned().collect()
    }

    fn make(&mut self) -> Step {
        let importer = self.importer;
        let base = View {
            row: &self.row,
            slots: &self.slots,
            sides: &[],
            current: None,
            captures: None,
            nulls: &importer.mapping.nulls,
        };
        let keys: Vec<_> = importer.mapping.joins.iter().map(|join| join.on.text(&base).unwrap_or_default()).collect();
        let sides: Vec<_> = importer.sides.iter().zip(&keys).map(|(side, key)| (side, side.rows(key))).collect();
        let view = View { sides: &sides, ..base };
        self.silent.retain(|column| view.text(Place::Main(*column)).is_empty());
        match importer.drafts(&view).and_then(|drafts| watch(&mut self.seen, drafts)) {
            Ok(drafts) => Step::Made(Made { line: self.row.line, drafts }),
            Err(fault) => Step::Rejected(self.row.reject(fault.column, fault.reason)),
        }
    }
}

impl Importer {
    fn drafts(&self, view: &View<'_>) -> Result<Vec<Draft>, Fault> {
        let id_of = |source: Option<&str>, record: &str, key: &str| self.id(source, record, key);
        let setting = Setting { id_of: &id_of, region: &self.region, home: self.owner.country(), today: self.today };
        let mut drafts = Vec::new();
        let mut made: Vec<(&str, RecordId)> = Vec::new();
        for (block, marking) in self.mapping.blocks.iter().zip(&self.markings) {
            if !block.when.holds(view) {
                continue;
            }
            let mut make = |view: &View<'_>| {
                let Some(draft) = self.make(block, marking.as_ref(), view, &setting, &made)? else {
                    return Ok(());
                };
                if block.ends.is_none() {
                    made.push((&block.name, draft.id));
                }
                drafts.push(draft);
                Ok(())
            };
            match &block.each {
                None => make(view)?,
                Some(each) => each.apply(view, make)?,
            }
        }
        Ok(drafts)
    }

    /// The record or link that a block makes; none for a link that lacks an end.
    fn make(
        &self,
        block: &Block,
        marking: Option<&Marking>,
        view: &View<'_>,
        setting: &Setting<'_>,
        made: &[(&str, RecordId)],
    ) -> Result<Option<Draft>, Fault> {
        let mut fields = Fields::default();
        let id = match &block.ends {
            None => self.record_id(block, view)?,
            Some(ends) => match self.link_id(block, ends, view, made, &mut fields) {
                Some(id) => id,
                None => return Ok(None),
            },
        };
        let marking = match marking {
            Some(marking) => marking.clone(),
            None => block.label.marking(block.kind, self.today, view)?,
        };
        for rule in &block.rules {
            rule.apply(view, setting, &mut fields)?;
        }
        for extract in &block.extracts {
            extract.apply(view, setting, &mut fields)?;
        }
        self.draft(id, marking, fields, view.row.line).map(Some)
    }

    fn record_id(&self, block: &Block, view: &View<'_>) -> Result<RecordId, Fault> {
        let template = block.key.as_ref();
        let column = || template.and_then(|key| key.first_column(&self.mapping.scope)).map(str::to_owned);
        let fault = |reason: &str| Fault { column: column(), reason: reason.to_owned() };
        let key = template.and_then(|key| key.text(view));
        let key = key.ok_or_else(|| fault("the row has no key: without one, importing it again would add it again"))?;
        if key.len() > KEY_LIMIT {
            return Err(fault("the key has more than 1024 bytes. Choose a shorter one"));
        }
        Ok(self.id(None, &block.name, &key))
    }

    /// The id of a link, its ends among its fields; none where an end is not there, or both are the same record.
    fn link_id(
        &self,
        block: &Block,
        ends: &Ends,
        view: &View<'_>,
        made: &[(&str, RecordId)],
        fields: &mut Fields,
    ) -> Option<RecordId> {
        let end = |end: &End| match &end.key {
            Some(key) => {
                let key = key.text(view)?;
                Some(self.id(end.target.source.as_deref(), &end.target.record, &key))
            }
            None => made.iter().find(|(name, _)| *name == end.target.record).map(|(_, id)| *id),
        };
        let (from, to) = (end(&ends.from)?, end(&ends.to)?);
        if from == to {
            return None;
        }
        let [from_field, to_field] = ends.fields;
        fields.push(from_field.0, from_field.1, igain_protocol::record::Value::Reference(from));
        fields.push(to_field.0, to_field.1, igain_protocol::record::Value::Reference(to));
        let key = block.key.as_ref().and_then(|key: &Template| key.text(view));
        let key = key.unwrap_or_else(|| format!("{from}>{to}"));
        Some(self.id(None, &block.name, &key))
    }

    /// The draft, if the protocol takes it.
    fn draft(&self, id: RecordId, marking: Marking, mut fields: Fields, row: u64) -> Result<Draft, Fault> {
        fields.values.sort_by_key(|(order, _, _)| *order);
        let values = fields.values.into_iter().map(|(_, def, value)| (def.name.to_owned(), value));
        let content = Content {
            id,
            revision: 1,
            owner: self.owner,
            label: marking.label,
            created: Timestamp::default(),
            modified: Timestamp::default(),
            retain_until: marking.retain_until,
            fields: values.collect(),
        };
        if content.fields.is_empty() {
            return Err(Fault { column: None, reason: "the row says nothing that the mapping takes".into() });
        }
        content.check().map_err(|error| Fault { column: None, reason: error.to_string() })?;
        let Content { label, retain_until, fields: values, .. } = content;
        Ok(Draft { id, label, retain_until, fields: values, row, warnings: fields.warnings })
    }
}

/// Leaves out what an earlier row asked for alike; two rows that say different things of one record are a fault.
fn watch(seen: &mut HashMap<RecordId, (u64, u64)>, drafts: Vec<Draft>) -> Result<Vec<Draft>, Fault> {
    let hashes: Vec<u64> = drafts.iter().map(said).collect();
    for (draft, hash) in drafts.iter().zip(&hashes) {
        if let Some((_, line)) = seen.get(&draft.id).filter(|(before, _)| before != hash) {
            let kind = draft.label.kind;
            let reason = format!(
                "line {line} has a {kind} with the same key that says something else. Correct one, or choose a key that tells them apart"
            );
            return Err(Fault { column: None, reason });
        }
    }
    let mut fresh = Vec::with_capacity(drafts.len());
    for (draft, hash) in drafts.into_iter().zip(hashes) {
        if seen.contains_key(&draft.id) {
            continue;
        }
        if seen.len() < SEEN_LIMIT {
            seen.insert(draft.id, (hash, draft.row));
        }
        fresh.push(draft);
    }
    Ok(fresh)
}

/// A hash of all that a draft says.
fn said(draft: &Draft) -> u64 {
    let mut hasher = DefaultHasher::new();
    draft.label.hash(&mut hasher);
    draft.retain_until.hash(&mut hasher);
    let mut bytes = Vec::with_capacity(256);
    for (name, value) in &draft.fields {
        name.hash(&mut hasher);
        bytes.clear();
        let _ = minicbor::encode(value, &mut bytes);
        bytes.hash(&mut hasher);
    }
    hasher.finish()
}
