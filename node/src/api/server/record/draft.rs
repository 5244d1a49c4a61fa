//! Drafts from what a request says.

use igain_protocol::bureau::BureauId;
use igain_protocol::label::Label;
use igain_protocol::record::{Record, RecordId, Value};
use igain_protocol::time::Day;
use igain_protocol::vocabulary::Kind;

use crate::api::read_field;
use crate::api::types::{Field, NewRecord, Revision, Text};
use crate::ledger::RecordKey;
use crate::office::{self, Actor, Draft, Office, Why};

type Fields = Vec<(String, Value)>;

/// The field that names the versions of records that one rests on.
const BASED_ON: &str = "based-on";

/// Who rests a record on others, and why: it is a look at each of them.
pub(super) struct Sees<'a> {
    /// The only bureau whose records are seen; none for all.
    pub(super) owner: Option<BureauId>,
    pub(super) actor: &'a Actor,
    pub(super) why: Option<&'a Why>,
}

/// A new record, or a whole new version of one. One that names no retention date is kept for `keep_days`.
pub(super) fn new(office: &Office, new: NewRecord, keep_days: u32, sees: &Sees<'_>) -> Result<Draft, office::Error> {
    let source = new.source.clone().unwrap_or_default();
    let derived = |key: &str| RecordId::derived(&office.secrets().record_id, &source, key);
    let kind = new.label.kind.0;
    let today = office.now().day();
    let read = |field: &Field| read_field(kind, field, today, &|key| Some(derived(key)));
    let mut fields: Fields = new.fields.iter().map(read).collect::<Result<_, _>>()?;
    let id = id(office, &new);
    refuse_others(office, id)?;
    let retain_until = match new.retain_until {
        Some(until) => until.0,
        None => kept_until(office, id, keep_days)?,
    };
    let sources = sources(office, &all(new.based_on), sees)?;
    let label = Label { grading: new.grading.map(plain), ..Label::from(new.label) };
    let label = label.resting_on(sources.iter().map(|source| &source.header().label));
    for source in &sources {
        fields.push((BASED_ON.to_owned(), Value::Version(source.version()?)));
    }
    let label = label.map_err(igain_protocol::record::Error::Label)?;
    Ok(Draft { id, label, retain_until: Some(retain_until), fields })
}

/// The records that another rests on, as they are held here.
fn sources(office: &Office, ids: &[RecordId], sees: &Sees<'_>) -> Result<Vec<Record>, office::Error> {
    let mut sources = Vec::new();
    for id in ids {
        let why = sees.why.map(|why| (why.purpose(), why.case()));
        let hits = office.show_of(sees.owner, sees.actor.clone(), *id, why)?;
        sources.extend(hits.into_iter().map(|hit| hit.record));
    }
    Ok(sources)
}

/// Another bureau's record is not added as this one's own.
fn refuse_others(office: &Office, id: Option<RecordId>) -> Result<(), office::Error> {
    let Some(id) = id else { return Ok(()) };
    let today = office.now().day();
    for (key, row) in office.ledger().records_with_id(id)? {
        let shown = row.record()?.header().retain_until.is_none_or(|until| today <= until);
        if shown && key.owner != office.me() {
            return Err(office::Error::NotOwner(key.owner));
        }
    }
    Ok(())
}

/// The record that is meant, if it is named.
pub(super) fn id(office: &Office, new: &NewRecord) -> Option<RecordId> {
    let source = new.source.as_deref().unwrap_or_default();
    let derived = |key: &String| RecordId::derived(&office.secrets().record_id, source, key);
    new.id.map(|id| id.0).or_else(|| new.key.as_ref().map(derived))
}

/// How long a record is kept that does not say it: as long as the version that is there, so that adding it again on a
/// later day changes nothing, or else as the bureau's rule has it.
pub(in crate::api::server) fn kept_until(
    office: &Office,
    id: Option<RecordId>,
    keep_days: u32,
) -> Result<Day, office::Error> {
    let row = match id {
        Some(id) => office.ledger().record(RecordKey { id, owner: office.me() })?,
        None => None,
    };
    let before = row.map(|row| row.record()).transpose()?.and_then(|record| record.header().retain_until);
    Ok(before.unwrap_or_else(|| office.now().day().plus_days(keep_days)))
}

/// A record with changes, as of `today`.
pub(super) fn revised(known: &Record, revision: Revision, today: Day) -> Result<Draft, igain_protocol::record::Error> {
    let header = known.header();
    let kind = header.label.kind;
    let set = read_all(kind, &revision.set, today)?;
    let add = read_all(kind, &revision.add, today)?;
    let mut fields = Fields::new();
    // What takes the place of a field stands where it stood: to set what is there already changes nothing.
    for (def, value) in known.fields().filter(|(def, _)| !revision.remove.iter().any(|gone| gone == def.name)) {
        let put = fields.iter().any(|(name, _)| name == def.name);
        match set.iter().any(|(name, _)| name == def.name) {
            true if put => {}
            true => fields.extend(set.iter().filter(|(name, _)| name == def.name).cloned()),
            false => fields.push((def.name.to_owned(), value.clone())),
        }
    }
    let new = set.into_iter().filter(|(set, _)| known.fields().all(|(def, _)| def.name != set));
    fields.extend(new);
    fields.extend(add);
    let before = &header.label;
    let label = Label {
        kind,
        cafs: revision.cafs.map_or_else(|| before.cafs.clone(), all),
        tlp: revision.tlp.map_or(before.tlp, plain),
        pap: revision.pap.map(plain).or(before.pap),
        handling: revision.handling.map_or_else(|| before.handling.clone(), all),
        note: revision.note.or_else(|| before.note.clone()),
        category: revision.category.map(plain).or(before.category),
        crime_area: revision.crime_area.map(plain).or(before.crime_area),
        audience: revision.audience.map_or_else(|| before.audience.clone(), plain),
        grading: revision.grading.map(plain).or(before.grading),
        age_group: revision.age_group.map(plain).or(before.age_group),
    };
    Ok(Draft {
        id: Some(header.id),
        label: label.sorted(),
        retain_until: revision.retain_until.map(plain).or(header.retain_until),
        fields,
    })
}

fn read_all(kind: Kind, fields: &[Field], today: Day) -> Result<Fields, igain_protocol::record::Error> {
    fields.iter().map(|field| read_field(kind, field, today, &|_| None)).collect()
}

fn plain<T>(Text(value): Text<T>) -> T {
    value
}

fn all<T>(values: Vec<Text<T>>) -> Vec<T> {
    values.into_iter().map(plain).collect()
}
