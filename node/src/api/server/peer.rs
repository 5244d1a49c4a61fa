//! Enrolling, listing and revoking bureaus, and what is done about what is held of one that is revoked.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use igain_protocol::bureau::{BureauId, SignedCard};

use super::given::{Acting, Given, Named};
use super::{App, blocking};
use crate::api::Problem;
use crate::api::types::{
    Budget, Card, Dropped, Enrolment, Link, Peer, PeerState, Peers, Reinstatement, Revocation, Spent, Text,
};
use crate::network;
use crate::office::{self, AT_ONCE_DAYS, Office};
use crate::replication::LinkState;

pub(super) async fn list(State(app): State<App>) -> Result<Json<Peers>, Problem> {
    Ok(Json(Peers { peers: peers(&app).await? }))
}

pub(super) async fn show(State(app): State<App>, Named(bureau): Named<BureauId>) -> Result<Json<Peer>, Problem> {
    one(&app, bureau).await.map(Json)
}

pub(super) async fn enrol(
    State(app): State<App>,
    Acting(actor): Acting,
    Given(enrolment): Given<Enrolment>,
) -> Result<Json<Peer>, Problem> {
    let most = app.config().limits.peers;
    let enrolled = app
        .change(move |office| {
            let card = SignedCard::from_armor(&enrolment.card)?;
            let known = office.peer(card.card().bureau).is_ok();
            if !known && office.peers().len() >= usize::try_from(most).unwrap_or(usize::MAX) {
                return Ok(None);
            }
            office.enrol(actor, card, Some(&enrolment.fingerprint), enrolment.tags).map(Some)
        })
        .await?;
    let full = || {
        let detail = format!("{most} bureaus are enrolled, and that is the limit. Raise `peers` under [limits]");
        Problem::new(axum::http::StatusCode::UNPROCESSABLE_ENTITY, "peer.too-many", detail)
    };
    let enrolled = enrolled.ok_or_else(full)?;
    one(&app, enrolled.card().bureau).await.map(Json)
}

pub(super) async fn revoke(
    State(app): State<App>,
    Acting(actor): Acting,
    Named(bureau): Named<BureauId>,
    Given(revocation): Given<Revocation>,
) -> Result<Json<Peer>, Problem> {
    app.change(move |office| office.revoke(actor, bureau, revocation.why)).await?;
    one(&app, bureau).await.map(Json)
}

pub(super) async fn reinstate(
    State(app): State<App>,
    Acting(actor): Acting,
    Named(bureau): Named<BureauId>,
    Given(Reinstatement { fingerprint }): Given<Reinstatement>,
) -> Result<Json<Peer>, Problem> {
    app.change(move |office| office.reinstate(actor, bureau, &fingerprint)).await?;
    one(&app, bureau).await.map(Json)
}

pub(super) async fn drop_held(
    State(app): State<App>,
    Acting(actor): Acting,
    Named(bureau): Named<BureauId>,
) -> Result<Json<Dropped>, Problem> {
    let office = app.office().clone();
    let records = blocking(move || Ok(office.drop_held(actor, bureau)?)).await?;
    Ok(Json(Dropped { bureau: Text(bureau), records }))
}

async fn one(app: &App, bureau: BureauId) -> Result<Peer, Problem> {
    let found = peers(app).await?.into_iter().find(|peer| peer.bureau.0 == bureau);
    found.ok_or_else(|| office::Error::UnknownPeer(bureau).into())
}

/// Every enrolled bureau and how the exchange with it stands.
pub(super) async fn peers(app: &App) -> Result<Vec<Peer>, Problem> {
    let (office, replication) = (app.office().clone(), app.replication().clone());
    blocking(move || {
        let links = replication.states()?.into_iter();
        let mut links: BTreeMap<BureauId, _> = links.map(|(link, state)| (link.bureau, (link, state))).collect();
        let peer = |peer: office::Peer| {
            let link = links.remove(&peer.card().bureau);
            describe(&office, &peer, link.map(|(link, state)| self::link(link, state)))
        };
        Ok(office.peers().into_iter().map(peer).collect())
    })
    .await
}

fn describe(office: &Office, peer: &office::Peer, link: Option<Link>) -> Peer {
    let state = match (peer.revoked, office::check_valid(peer.card(), office.clock())) {
        (Some(_), _) => PeerState::Revoked,
        (None, Err(_)) => PeerState::Expired,
        (None, Ok(())) => PeerState::Active,
    };
    Peer {
        bureau: Text(peer.card().bureau),
        state,
        enrolled: Text(peer.enrolled),
        revoked: peer.revoked.map(|(at, _)| Text(at)),
        revoked_for: peer.revoked_for(),
        held: office.held_of(peer.card().bureau),
        tags: peer.tags.clone(),
        card: Card::from(&peer.card),
        budget: budget(office.budget(peer.card().bureau)),
        link,
    }
}

fn budget(budget: office::Budget) -> Budget {
    let office::Budget { allowance, spent, waits } = budget;
    let measure = |spent, a_day| Spent { spent, at_once: a_day * AT_ONCE_DAYS, a_day };
    Budget {
        records: measure(spent.records, allowance.records),
        bytes: measure(spent.bytes, allowance.bytes),
        commits: measure(spent.commits, allowance.commits),
        changes: measure(spent.changes, allowance.changes),
        waits_s: waits.map(|waits| waits.as_secs().max(1)),
    }
}

fn link(link: LinkState, state: Option<network::PeerState>) -> Link {
    let state = state.as_ref();
    let failure = state.and_then(|state| state.last_error.as_ref()).map(|failure| failure.message.clone());
    let connected = state.is_some_and(|state| state.connected);
    Link {
        connected,
        transport: state.and_then(|state| state.transport).map(|transport| transport.to_string()),
        address: state.and_then(|state| state.address.clone()),
        rtt_ms: state.and_then(|state| state.rtt_ms),
        bytes_in: state.map_or(0, |state| state.bytes_in),
        bytes_out: state.map_or(0, |state| state.bytes_out),
        pulled: link.pulled.map(Text),
        served: link.served.map(Text),
        behind: link.behind,
        format: link.format,
        labels_out: link.labels_out,
        labels_in: link.labels_in,
        newer: link.newer,
        received: link.received,
        refused: link.refused,
        last_error: link.last_error.or(failure.filter(|_| !connected)),
    }
}
