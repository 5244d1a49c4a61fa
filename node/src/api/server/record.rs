//! Adding, revising, showing, withdrawing and listing records.

use axum::Json;
use axum::extract::State;
use igain_protocol::bureau::BureauId;
use igain_protocol::caf::CafId;
use igain_protocol::record::RecordId;
use igain_protocol::vocabulary::Kind;
use serde::Deserialize;

use super::App;
use super::given::{Acting, Asking, Given, Named, Options, OwnOnly, PerhapsAsking, parse};
use crate::api::types::{
    Contributed, Field, Holder, HolderState, Holders, Listed, Listing, NewRecords, Outcome, OutcomeKind, Record,
    Records, Revision, Text, Withdrawal,
};
use crate::api::{LISTING_LIMIT, Problem, RECORDS_LIMIT};
use crate::ledger::{RecordKey, RecordRow};
use crate::office::{self, Actor, Deed, Draft, Office, Pace};
use crate::text;

pub(super) mod draft;

/// Records looked at for one page of a list, at most, so that a list that finds little does not read everything.
const SCAN_LIMIT: usize = 100_000;

pub(super) async fn add(
    State(app): State<App>,
    Acting(actor): Acting,
    OwnOnly(own_only): OwnOnly,
    PerhapsAsking(why): PerhapsAsking,
    Given(new): Given<NewRecords>,
) -> Result<Json<Contributed>, Problem> {
    if new.records.len() > RECORDS_LIMIT {
        let detail = format!("there are more than {RECORDS_LIMIT} records. Send them in parts, or import the file");
        return Err(Problem::too_large(detail));
    }
    let (keep_days, claims) = (app.config().retention.default_days, app.claims.clone());
    let contributed = app
        .work(move |office| {
            let ids = new.records.iter().filter_map(|new| draft::id(office, new)).collect();
            let _claim = claims.claim(ids);
            let sees = draft::Sees { owner: own_only.then(|| office.me()), actor: &actor, why: why.as_ref() };
            let drafts = new.records.into_iter().map(|new| draft::new(office, new, keep_days, &sees)).collect();
            contribute(office, actor.clone(), "record.add", drafts)
        })
        .await?;
    finish(contributed)
}

pub(super) async fn revise(
    State(app): State<App>,
    Acting(actor): Acting,
    OwnOnly(own_only): OwnOnly,
    Named(id): Named<RecordId>,
    Given(revision): Given<Revision>,
) -> Result<Json<Contributed>, Problem> {
    let claims = app.claims.clone();
    let contributed = app
        .work(move |office| {
            let _claim = claims.claim(vec![id]);
            let known = own(office, id, own_only)?;
            let current = known.header().revision;
            if revision.revision.is_some_and(|meant| meant != current) {
                return Ok(Err(current));
            }
            let draft = draft::revised(&known, revision, office.now().day()).map_err(office::Error::from)?;
            contribute(office, actor, "record.revise", vec![Ok(draft)]).map(Ok)
        })
        .await?;
    let contributed = contributed.map_err(|current| {
        let detail = format!("the record is at revision {current} by now. Look at it again, then revise it");
        Problem::new(axum::http::StatusCode::CONFLICT, "record.revised", detail)
    })?;
    finish(contributed)
}

/// The current version of a record of this bureau's own. Whoever sees no others does not hear that another has it.
fn own(office: &Office, id: RecordId, own_only: bool) -> Result<igain_protocol::record::Record, office::Error> {
    if let Some(row) = office.ledger().record(RecordKey { id, owner: office.me() })? {
        return office.own_whole(RecordKey { id, owner: office.me() }, row.record()?);
    }
    if own_only {
        return Err(office::Error::UnknownRecord(id));
    }
    // One that may not be shown any longer is as if it were gone already.
    for (key, row) in office.ledger().records_with_id(id)? {
        if office.is_shown(&row) {
            return Err(office::Error::NotOwner(key.owner));
        }
    }
    Err(office::Error::UnknownRecord(id))
}

/// Contributes what could be read, in batches in which no record comes twice. Each is accounted for before it is done:
/// what an answer refuses because it finds no account was not done.
fn contribute(
    office: &Office,
    actor: Actor,
    action: &'static str,
    drafts: Vec<Result<Draft, office::Error>>,
) -> Result<Vec<Outcome>, office::Error> {
    let mut outcomes = Vec::with_capacity(drafts.len());
    let mut ids = std::collections::BTreeSet::new();
    let mut batch: Vec<Result<Draft, office::Error>> = Vec::new();
    for draft in drafts {
        let again = draft.as_ref().ok().and_then(|draft| draft.id).is_some_and(|id| !ids.insert(id));
        if again {
            let deed = Deed::new(actor.clone(), action);
            outcomes.extend(contribute_batch(office, deed, std::mem::take(&mut batch))?);
        }
        batch.push(draft);
    }
    outcomes.extend(contribute_batch(office, Deed::new(actor, action), batch)?);
    Ok(outcomes)
}

fn contribute_batch(
    office: &Office,
    deed: Deed,
    drafts: Vec<Result<Draft, office::Error>>,
) -> Result<Vec<Outcome>, office::Error> {
    let mut refused = Vec::new();
    let mut good = Vec::new();
    for draft in drafts {
        refused.push(draft.map(|draft| good.push(draft)).err());
    }
    let unreadable = refused.iter().flatten().count();
    let deed = if unreadable > 0 { deed.with("unreadable", unreadable) } else { deed };
    if good.is_empty() && unreadable > 0 {
        office.account(deed.clone())?;
    }
    let contribution = office.append(deed, office.prepare(good)?, Pace::Prompt)?;
    contribution.wait()?;
    let mut contributed = contribution.outcomes.into_iter();
    let mut outcomes = Vec::with_capacity(refused.len());
    for refused in refused {
        let outcome = match refused {
            Some(error) => Some(outcome(office::Outcome::Refused(error))),
            None => contributed.next().map(outcome),
        };
        if let Some(mut outcome) = outcome {
            if let Some(Text(id)) = outcome.id {
                outcome.detail = remark(office, id)?;
            }
            outcomes.push(outcome);
        }
    }
    Ok(outcomes)
}

/// What whoever contributed a record should know of it: what it lacks before it can be shared, and identifiers that are
/// found only as they are written.
fn remark(office: &Office, id: RecordId) -> Result<Option<String>, office::Error> {
    let Some(row) = office.ledger().record(RecordKey { id, owner: office.me() })? else { return Ok(None) };
    let record = row.record()?;
    let draft = record.header().check_shareable().err().map(|error| error.to_string());
    let country = office.me();
    let odd = record.fields().filter_map(|(def, value)| {
        let (scheme, raw) = (def.identifier()?, value.as_text()?);
        text::identifier::identifier(scheme, raw, Some(country.country())).err()
    });
    let odd = odd.map(|error| format!("{error}. It is kept, and found, just as it is written"));
    let remarks: Vec<String> = draft.into_iter().chain(odd).collect();
    Ok((!remarks.is_empty()).then(|| remarks.join(". ")))
}

pub(super) fn outcome(outcome: office::Outcome) -> Outcome {
    let took = |outcome, id| Outcome { outcome, id: Some(Text(id)), code: None, detail: None };
    match outcome {
        office::Outcome::Added(id) => took(OutcomeKind::Added, id),
        office::Outcome::Revised(id) => took(OutcomeKind::Revised, id),
        office::Outcome::Unchanged(id) => took(OutcomeKind::Unchanged, id),
        office::Outcome::Refused(error) => Outcome {
            outcome: OutcomeKind::Refused,
            id: None,
            code: Some(error.code().into()),
            detail: Some(error.to_string()),
        },
    }
}

/// A single record that is refused is a problem, one of several an outcome.
fn finish(outcomes: Vec<Outcome>) -> Result<Json<Contributed>, Problem> {
    match outcomes.as_slice() {
        [Outcome { outcome: OutcomeKind::Refused, code: Some(code), detail: Some(detail), .. }] => {
            let status = axum::http::StatusCode::UNPROCESSABLE_ENTITY;
            Err(Problem::new(status, code, detail.clone()))
        }
        _ => Ok(Json(Contributed { outcomes })),
    }
}

pub(super) async fn show(
    State(app): State<App>,
    Acting(actor): Acting,
    OwnOnly(own_only): OwnOnly,
    Named(id): Named<RecordId>,
    Asking(why): Asking,
) -> Result<Json<Records>, Problem> {
    app.work(move |office| {
        let owner = own_only.then(|| office.me());
        let hits = office.show_of(owner, actor, id, Some((why.purpose(), why.case())))?;
        let now = office.now();
        let shown = |hit: &office::Hit| Ok(Record { earlier: earlier(office, hit)?, ..Record::new(hit, now) });
        Ok(Json(Records { records: hits.iter().map(shown).collect::<Result<_, office::Error>>()? }))
    })
    .await
}

/// What is known, of an earlier version alone, of a record of this bureau's own that was given back in part.
fn earlier(office: &Office, hit: &office::Hit) -> Result<Vec<Field>, office::Error> {
    let header = hit.record.header();
    if header.owner != office.me() || !hit.record.is_redacted() {
        return Ok(Vec::new());
    }
    let whole = office.own_whole(RecordKey { id: header.id, owner: header.owner }, hit.record.clone())?;
    let given: Vec<_> = hit.record.fields().collect();
    let earlier = whole.fields().filter(|field| !given.contains(field));
    Ok(earlier.map(|(def, value)| Field::new(def, value)).collect())
}

pub(super) async fn withdraw(
    State(app): State<App>,
    Acting(actor): Acting,
    OwnOnly(own_only): OwnOnly,
    Named(id): Named<RecordId>,
    Given(withdrawal): Given<Withdrawal>,
) -> Result<Json<Holders>, Problem> {
    let claims = app.claims.clone();
    let holders = app
        .work(move |office| {
            let _claim = claims.claim(vec![id]);
            own(office, id, own_only)?;
            office.withdraw(actor, id, withdrawal.reason.0)?;
            of(office, id)
        })
        .await?;
    Ok(Json(holders))
}

pub(super) async fn holders(
    State(app): State<App>,
    Acting(actor): Acting,
    Named(id): Named<RecordId>,
) -> Result<Json<Holders>, Problem> {
    app.work(move |office| {
        let holders = of(office, id)?;
        office.account(Deed::new(actor, "record.holders").record(id))?;
        Ok(Json(holders))
    })
    .await
}

fn of(office: &Office, id: RecordId) -> Result<Holders, office::Error> {
    let holder = |holder: office::Holder| {
        let (state, purged) = match holder.state {
            office::HolderState::Holds => (HolderState::Holds, None),
            office::HolderState::Recalled => (HolderState::Recalled, None),
            office::HolderState::Purged(at) => (HolderState::Purged, Some(Text(at))),
        };
        Holder { bureau: Text(holder.bureau), state, purged }
    };
    Ok(Holders { record: Text(id), holders: office.holders(id)?.into_iter().map(holder).collect() })
}

/// Which records to list.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Wanted {
    kind: Option<String>,
    owner: Option<String>,
    caf: Option<String>,
    drafts: bool,
    after: Option<String>,
    limit: Option<usize>,
}

struct Filter {
    kind: Option<Kind>,
    owner: Option<BureauId>,
    caf: Option<CafId>,
    drafts: bool,
    /// Of whoever sees no others.
    own_only: bool,
}

pub(super) async fn list(
    State(app): State<App>,
    Acting(actor): Acting,
    OwnOnly(own_only): OwnOnly,
    Asking(why): Asking,
    Options(wanted): Options<Wanted>,
) -> Result<Json<Listing>, Problem> {
    let filter = Filter {
        kind: wanted.kind.as_deref().map(parse).transpose()?,
        owner: wanted.owner.as_deref().map(parse).transpose()?,
        caf: wanted.caf.as_deref().map(parse).transpose()?,
        drafts: wanted.drafts,
        own_only,
    };
    let after = wanted.after.as_deref().map(read_key).transpose()?;
    let limit = wanted.limit.unwrap_or(100).clamp(1, LISTING_LIMIT);
    let listing = app.work(move |office| page(office, &filter, after, limit)).await?;
    app.account(Deed::new(actor, "record.list").why(&why).with("records", listing.records.len())).await?;
    Ok(Json(listing))
}

fn page(
    office: &Office,
    filter: &Filter,
    mut after: Option<RecordKey>,
    limit: usize,
) -> Result<Listing, office::Error> {
    const PAGE: usize = 256;
    let mut records = Vec::new();
    for _ in 0..SCAN_LIMIT / PAGE {
        let rows = office.ledger().records(after, PAGE)?;
        let last = rows.len() < PAGE;
        for (key, row) in rows {
            after = Some(key);
            records.extend(listed(office, filter, &row)?);
            if records.len() == limit {
                return Ok(Listing { records, next: after.map(write_key) });
            }
        }
        if last {
            return Ok(Listing { records, next: None });
        }
    }
    Ok(Listing { records, next: after.map(write_key) })
}

/// The head of a record that passes the filter and may be shown.
fn listed(office: &Office, filter: &Filter, row: &RecordRow) -> Result<Option<Listed>, office::Error> {
    let record = row.record()?;
    let header = record.header();
    let now = office.now();
    let draft = header.check_shareable().is_err();
    let passes = office.is_shown(row)
        && filter.kind.is_none_or(|kind| header.label.kind == kind)
        && filter.owner.is_none_or(|owner| header.owner == owner)
        && (!filter.own_only || header.owner == office.me())
        && filter.caf.is_none_or(|caf| header.label.cafs.contains(&caf))
        && (!filter.drafts || draft);
    Ok(passes.then(|| Listed {
        id: Text(header.id),
        owner: Text(header.owner),
        revision: header.revision,
        banner: header.label.banner(),
        label: (&header.label).into(),
        grading: header.label.grading.map(Text),
        modified: Text(header.modified),
        age_s: now.ms_since(header.modified) / 1_000,
        retain_until: header.retain_until.map(Text),
        draft,
    }))
}

fn write_key(key: RecordKey) -> String {
    format!("{}@{}", key.id, key.owner)
}

fn read_key(text: &str) -> Result<RecordKey, Problem> {
    let bad = || Problem::malformed("`after` is no place in the list. Give `next` of the page before");
    let (id, owner) = text.split_once('@').ok_or_else(bad)?;
    Ok(RecordKey { id: id.parse().map_err(|_| bad())?, owner: owner.parse().map_err(|_| bad())? })
}
