//! Reading and verifying the audit log.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;

use super::App;
use super::given::{Acting, Options};
use crate::api::types::{AuditEntries, AuditEntry, AuditSummary, Text, Vouched};
use crate::api::{AUDIT_LIMIT, Problem};
use crate::audit::{Filter, Numbered};
use crate::office::{Deed, Error, Office};

/// Which entries to list. Without `from`, the last ones.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Wanted {
    from: Option<u64>,
    limit: Option<usize>,
    action: Option<String>,
    peer: Option<String>,
    object: Option<String>,
    actor: Option<String>,
    export: bool,
}

pub(super) async fn list(
    State(app): State<App>,
    Acting(actor): Acting,
    Options(wanted): Options<Wanted>,
) -> Result<Json<AuditEntries>, Problem> {
    let limit = wanted.limit.unwrap_or(50).clamp(1, AUDIT_LIMIT);
    app.work(move |office| {
        let last = office.audit().last();
        let action = if wanted.export { "audit.export" } else { "audit.list" };
        let filter = Filter { action: wanted.action, peer: wanted.peer, object: wanted.object, actor: wanted.actor };
        let found = match wanted.from {
            Some(from) => office.audit().list(from, limit, &filter)?,
            None => latest(office, last, limit, &filter)?,
        };
        office.account(Deed::new(actor, action).with("entries", found.len()))?;
        Ok(Json(AuditEntries { entries: found.into_iter().map(AuditEntry::from).collect(), last }))
    })
    .await
}

/// The last entries that pass the filter, found from the end backwards.
fn latest(office: &Office, last: u64, limit: usize, filter: &Filter) -> Result<Vec<Numbered>, Error> {
    const PAGE: u64 = 1_024;
    let mut found: Vec<Numbered> = Vec::new();
    let mut end = last;
    while end > 0 && found.len() < limit {
        let start = end.saturating_sub(PAGE - 1).max(1);
        let count = usize::try_from(end - start + 1).unwrap_or(usize::MAX);
        let page = office.audit().list(start, count, &Filter::default())?;
        let room = limit - found.len();
        found.extend(page.into_iter().rev().filter(|numbered| filter.passes(&numbered.entry)).take(room));
        end = start - 1;
    }
    found.reverse();
    Ok(found)
}

pub(super) async fn verify(State(app): State<App>, Acting(actor): Acting) -> Result<Json<AuditSummary>, Problem> {
    app.work(move |office| {
        let summary = summary(office)?;
        office.account(Deed::new(actor, "audit.verify").with("intact", summary.intact))?;
        Ok(Json(summary))
    })
    .await
}

fn summary(office: &Office) -> Result<AuditSummary, Error> {
    let verified = match office.verify_account() {
        Err(Error::Audit(error)) => Err(error),
        verified => Ok(verified?),
    };
    let mut summary = AuditSummary::judged(office.audit().last(), verified)?;
    let vouched = office.vouched().into_iter();
    summary.vouched = vouched
        .map(|(bureau, fits, unfit)| Vouched { bureau: Text(bureau), fits: fits.map(Text), unfit: unfit.map(Text) })
        .collect();
    let unfit = summary.vouched.iter().find_map(|vouched| Some((vouched.bureau, vouched.unfit?)));
    if let Some((bureau, at)) = unfit.filter(|_| summary.intact) {
        let why = format!(
            "the log does not fit what this bureau committed to at {at}, and {bureau} keeps: entries of before are missing, or it was \
             put back to a backup"
        );
        (summary.intact, summary.why) = (false, Some(why));
    }
    Ok(summary)
}
