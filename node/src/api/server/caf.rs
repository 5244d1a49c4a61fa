//! Opening CAFs, inviting members, joining and leaving.

use axum::Json;
use axum::extract::State;
use igain_protocol::caf::CafId;

use super::App;
use super::given::{Acting, Given, Named};
use crate::api::Problem;
use crate::api::types::{Caf, Cafs, Dismissal, Invitation, Join, NewCaf, Text};
use crate::office::{self, Office};

pub(super) async fn list(State(app): State<App>) -> Json<Cafs> {
    Json(Cafs { cafs: app.office().cafs().iter().map(Caf::from).collect() })
}

pub(super) async fn show(State(app): State<App>, Named(id): Named<CafId>) -> Result<Json<Caf>, Problem> {
    Ok(Json(Caf::from(&app.office().caf(id)?)))
}

pub(super) async fn create(
    State(app): State<App>,
    Acting(actor): Acting,
    Given(new): Given<NewCaf>,
) -> Result<Json<Caf>, Problem> {
    let new = office::NewCaf {
        name: new.name,
        purpose: new.purpose.0,
        crime_area: new.crime_area.0,
        scope: new.scope,
        closes: new.closes.0,
        kinds: new.kinds.into_iter().map(|Text(kind)| kind).collect(),
        categories: new.categories.into_iter().map(|Text(category)| category).collect(),
    };
    change(&app, move |office| office.create_caf(actor, new)).await
}

pub(super) async fn invite(
    State(app): State<App>,
    Acting(actor): Acting,
    Named(id): Named<CafId>,
    Given(invitation): Given<Invitation>,
) -> Result<Json<Caf>, Problem> {
    let invited: Vec<_> = invitation.members.iter().map(|member| (member.bureau.0, member.role.0)).collect();
    change(&app, move |office| office.invite(actor, id, &invited)).await
}

pub(super) async fn dismiss(
    State(app): State<App>,
    Acting(actor): Acting,
    Named(id): Named<CafId>,
    Given(dismissal): Given<Dismissal>,
) -> Result<Json<Caf>, Problem> {
    let dismissed: Vec<_> = dismissal.members.iter().map(|member| member.0).collect();
    change(&app, move |office| office.dismiss(actor, id, &dismissed)).await
}

pub(super) async fn join(
    State(app): State<App>,
    Acting(actor): Acting,
    Named(id): Named<CafId>,
    Given(join): Given<Join>,
) -> Result<Json<Caf>, Problem> {
    change(&app, move |office| office.join(actor, id, join.only.0)).await
}

pub(super) async fn leave(
    State(app): State<App>,
    Acting(actor): Acting,
    Named(id): Named<CafId>,
) -> Result<Json<Caf>, Problem> {
    change(&app, move |office| office.leave(actor, id)).await
}

pub(super) async fn close(
    State(app): State<App>,
    Acting(actor): Acting,
    Named(id): Named<CafId>,
) -> Result<Json<Caf>, Problem> {
    change(&app, move |office| office.close_caf(actor, id)).await
}

/// Changes a CAF.
async fn change(
    app: &App,
    change: impl FnOnce(&Office) -> Result<office::Caf, office::Error> + Send + 'static,
) -> Result<Json<Caf>, Problem> {
    let caf = app.change(change).await?;
    Ok(Json(Caf::from(&caf)))
}
