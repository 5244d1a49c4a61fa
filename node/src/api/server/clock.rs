//! The clock: how it stands with it, and what people decide.

use axum::Json;
use axum::extract::State;

use super::App;
use super::given::{Acting, Given};
use crate::api::Problem;
use crate::api::types::{Clock, ClockDecision, ClockMoved, OtherClock, Text};
use crate::clock::Vote;
use crate::office::Actor;

pub(super) async fn show(State(app): State<App>) -> Result<Json<Clock>, Problem> {
    app.work(|office| {
        let outlook = office.clock().outlook();
        let other = |vote: &Vote| OtherClock {
            bureau: Text(vote.bureau),
            says: Text(vote.says),
            as_system: vote.with_system,
            as_now: vote.with_explained,
        };
        Ok(Json(Clock {
            now: Text(outlook.now),
            system: Text(outlook.system),
            doubted: outlook.doubted.map(Text),
            destroys: outlook.destroys.map(Text),
            hidden: office.hidden_by_clock()?,
            others: outlook.votes.iter().map(other).collect(),
        }))
    })
    .await
}

pub(super) async fn accept(
    State(app): State<App>,
    Acting(actor): Acting,
    Given(decision): Given<ClockDecision>,
) -> Result<Json<ClockMoved>, Problem> {
    believe(app, actor, false, decision).await
}

pub(super) async fn reset(
    State(app): State<App>,
    Acting(actor): Acting,
    Given(decision): Given<ClockDecision>,
) -> Result<Json<ClockMoved>, Problem> {
    believe(app, actor, true, decision).await
}

async fn believe(app: App, actor: Actor, back: bool, decision: ClockDecision) -> Result<Json<ClockMoved>, Problem> {
    app.work(move |office| {
        let moved = office.believe_clock(actor, back, decision.system.0)?;
        Ok(Json(ClockMoved { from: Text(moved.from), to: Text(moved.to) }))
    })
    .await
}
