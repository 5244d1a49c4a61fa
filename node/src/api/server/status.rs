//! How the node is, and its card.

use axum::Json;
use axum::extract::State;
use igain_protocol::bureau::SignedCard;

use super::{App, blocking, peer};
use crate::api::Problem;
use crate::api::types::{Card, ClockStatus, OwnerCount, RecoveryStatus, Status, StoreStatus, Text};
use crate::office::{self, Office};
use crate::store::Position;

pub(super) async fn card(State(app): State<App>) -> Result<Json<Card>, Problem> {
    Ok(Json(Card::from(&own_card(&app).await?)))
}

async fn own_card(app: &App) -> Result<SignedCard, Problem> {
    let bytes = app.work(|office| office.ledger().card().map_err(office::Error::from)).await?;
    let bytes = bytes.ok_or_else(|| Problem::failed("card.missing", "the node has no card yet. Start it again"))?;
    SignedCard::from_bytes(&bytes).map_err(|error| office::Error::from(error).into())
}

pub(super) async fn show(State(app): State<App>) -> Result<Json<Status>, Problem> {
    let card = own_card(&app).await?;
    let peers = peer::peers(&app).await?;
    let store = store(&app).await?;
    let policy = app.policy_file().await?;
    let (office, clock) = (app.office(), app.office().clock().outlook());
    let counts = office.counts().into_iter();
    Ok(Json(Status {
        bureau: Text(office.me()),
        name: app.config().name.clone(),
        version: env!("CARGO_PKG_VERSION").into(),
        pid: std::process::id(),
        uptime_s: app.parts.started.elapsed().as_secs(),
        listening: app.replication().network().listening(),
        card_until: Text(card.card().not_after),
        clock: ClockStatus { now: Text(clock.now), system: Text(clock.system), believed: clock.doubted.is_none() },
        policy,
        recovery: app.work(recovery).await?,
        records: counts.map(|(owner, records)| OwnerCount { owner: Text(owner), records }).collect(),
        cafs: office.cafs().len(),
        store,
        peers,
    }))
}

fn recovery(office: &Office) -> Result<Option<RecoveryStatus>, office::Error> {
    let ledger = office.ledger();
    let noticed = ledger.recovery()?.map(|row| Text(row.noticed));
    let waiting = ledger.reclaims()?.into_iter().filter(|(_, row)| !row.stand.serves());
    let waits_for: Vec<_> = waiting.map(|(bureau, _)| Text(bureau)).collect();
    Ok((noticed.is_some() || !waits_for.is_empty()).then_some(RecoveryStatus { noticed, waits_for }))
}

async fn store(app: &App) -> Result<StoreStatus, Problem> {
    let (office, search) = (app.office().clone(), app.parts.search.clone());
    blocking(move || {
        let store = office.ledger().store();
        let stats = store.stats();
        let indexed = search.position().map(Position::from_bytes).unwrap_or_default();
        let index = search.stats().map_err(office::Error::from)?;
        Ok(StoreStatus {
            journal_bytes: stats.bytes,
            dead_bytes: stats.dead_bytes,
            journal_files: stats.files,
            commits: stats.commits,
            last_sync_us: stats.last_sync_us,
            indexed: index.docs,
            index_behind: store.position().commit().saturating_sub(indexed.commit()),
        })
    })
    .await
}
