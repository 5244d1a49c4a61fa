//! The door: who asks, and whether they may. Nothing of a request is looked at before, and no handler runs without it.

use std::time::Duration;

use axum::body::Body;
use axum::extract::{ConnectInfo, MatchedPath, Request, State};
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures::StreamExt as _;

use super::given::Caller;
use super::{App, rights, unknown};
use crate::api::Problem;
use crate::office::{Actor, Deed};
use crate::people::{Known, Roles};

/// Somebody who was let in.
#[derive(Debug, Clone)]
pub(super) struct Admitted {
    /// For the audit log.
    pub(super) actor: Actor,
    /// What they may do.
    pub(super) roles: Roles,
}

/// Lets a request in whose caller is known and may make the call.
pub(super) async fn admit(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let caller = request.extensions().get::<ConnectInfo<Caller>>().map(|caller| caller.0.uid);
    let path = request.extensions().get::<MatchedPath>().cloned();
    match look(&app, caller, request.method().clone(), path).await {
        Ok(admitted) => {
            request.extensions_mut().insert(admitted);
            next.run(request).await
        }
        Err(problem) => {
            // A client that is still sending would see its connection break instead of the answer.
            let known = caller.is_some_and(|uid| app.parts.people.now().known(uid).is_some());
            if known {
                read_off(request.into_body()).await;
            }
            problem.into_response()
        }
    }
}

/// Reads what somebody who is known goes on sending, and throws it away; not without end.
async fn read_off(body: Body) {
    const MOST: usize = 64 << 20;
    const PATIENCE: Duration = Duration::from_secs(10);
    let read = async {
        let (mut body, mut bytes) = (body.into_data_stream(), 0);
        while let Some(Ok(piece)) = body.next().await {
            bytes += piece.len();
            if bytes > MOST {
                return;
            }
        }
    };
    // Whoever sends more, or slower, has to make do with what the connection says.
    let _ = tokio::time::timeout(PATIENCE, read).await;
}

/// The names in a path are not looked at: what is said of a refusal is the same whatever is there.
async fn look(app: &App, caller: Option<u32>, method: Method, path: Option<MatchedPath>) -> Result<Admitted, Problem> {
    let uid = caller.ok_or_else(|| Problem::failed("internal", "the caller is not known"))?;
    let path = path.as_ref().map(MatchedPath::as_str);
    let needs = path.and_then(|path| rights::needs(&method, path));
    // Only what stands in the table is named, so that nobody writes into the log what they like.
    let call = needs.and(path).map_or_else(|| "none".to_owned(), |path| format!("{method} {path}"));
    let Some(Known { name, roles }) = app.parts.people.now().known(uid) else {
        refused(app, uid, Deed::new(Actor::User(uid), "person.unknown").with("call", call)).await;
        return Err(stranger(uid));
    };
    let actor = match name {
        Some(name) => Actor::Person(name, uid),
        None => Actor::User(uid),
    };
    let Some(needs) = needs else { return Err(unknown().await) };
    if roles.meets(needs) {
        return Ok(Admitted { actor, roles });
    }
    refused(app, uid, Deed::new(actor, "person.refused").with("call", call).with("needs", needs)).await;
    let detail = format!("this needs the role {needs}. Ask whoever keeps the people file, or a colleague who has it");
    Err(Problem::new(StatusCode::FORBIDDEN, "person.role", detail))
}

fn stranger(uid: u32) -> Problem {
    let detail = format!(
        "the user {uid} is nobody whom this bureau knows. Ask whoever keeps its people file (`people` in the configuration) for an entry"
    );
    Problem::new(StatusCode::FORBIDDEN, "person.unknown", detail)
}

/// Accounts for a refusal, unless too many were accounted for lately. It is refused in any case.
async fn refused(app: &App, uid: u32, deed: Deed) {
    let Some(unrecorded) = app.refusals.count(uid) else { return };
    let deed = if unrecorded > 0 { deed.with("unrecorded", unrecorded) } else { deed };
    if let Err(problem) = app.account(deed).await {
        tracing::error!(%problem, "a refusal could not be accounted for");
    }
}
