//! Serving the API.

mod account;
mod audit;
mod caf;
mod claims;
mod given;
mod import;
mod peer;
mod policy;
mod query;
mod record;
mod socket;
mod status;
mod store;

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use tokio::sync::Semaphore;

pub use socket::{Error, Socket};

use super::Problem;
use crate::config::Config;
use crate::office::{self, Office};
use crate::replication::Replication;
use crate::search::Search;
use claims::Claims;
use given::Caller;

/// How long a request may wait for its turn before it is told to come back.
const PATIENCE: Duration = Duration::from_secs(10);

/// Imports that may run at a time: each holds two threads, and the disk is one.
const IMPORTS: usize = 4;

/// What the API answers from. Clones share it.
#[derive(Clone)]
pub struct App {
    parts: Arc<Parts>,
    claims: Claims,
    importing: Arc<Semaphore>,
    stopping: Arc<AtomicBool>,
}

/// The parts of the node that the API speaks for.
pub struct Parts {
    /// Does everything.
    pub office: Office,
    /// Is told when entitlements change.
    pub replication: Replication,
    /// Asked for its figures only: questions go through the office.
    pub search: Search,
    /// What the administrator configured.
    pub config: Config,
    /// When the daemon started.
    pub started: Instant,
}

impl App {
    /// An API over `parts`.
    pub fn new(parts: Parts) -> Self {
        Self {
            parts: Arc::new(parts),
            claims: Claims::default(),
            importing: Arc::new(Semaphore::new(IMPORTS)),
            stopping: Arc::default(),
        }
    }

    /// Ends what would hold up a stop: imports end after the batch that they are at.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    fn office(&self) -> &Office {
        &self.parts.office
    }

    fn replication(&self) -> &Replication {
        &self.parts.replication
    }

    fn config(&self) -> &Config {
        &self.parts.config
    }

    /// Runs the office's blocking work off the threads that serve. Where it changes who takes part, a CAF or the policy,
    /// it is in force when this returns.
    async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Office) -> Result<T, office::Error> + Send + 'static,
    ) -> Result<T, Problem> {
        let (office, before) = (self.office().clone(), self.office().standing());
        let done = blocking(move || work(&office).map_err(Problem::from)).await?;
        let standing = self.office().standing();
        if standing != before {
            self.replication().in_force(standing).await?;
        }
        Ok(done)
    }
}

/// Runs blocking work off the threads that serve.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, Problem> + Send + 'static) -> Result<T, Problem> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => {
            tracing::error!(%error, "a request ended in a panic");
            Err(Problem::failed("internal", "the node failed in an unforeseen way. Its log has more"))
        }
    }
}

/// Serves until `stop` resolves and the requests under way are answered.
///
/// # Errors
/// Where the socket fails.
pub async fn serve(socket: Socket, app: App, stop: impl Future<Output = ()> + Send + 'static) -> std::io::Result<()> {
    let service = router(app).into_make_service_with_connect_info::<Caller>();
    axum::serve(socket, service).with_graceful_shutdown(stop).await
}

fn router(app: App) -> Router {
    let slots = usize::try_from(app.config().limits.api_requests).unwrap_or(1);
    let slots = Arc::new(Semaphore::new(slots.max(1)));
    Router::new()
        .route("/v1/status", get(status::show))
        .route("/v1/card", get(status::card))
        .route("/v1/peers", get(peer::list).post(peer::enrol))
        .route("/v1/peers/{bureau}", get(peer::show))
        .route("/v1/peers/{bureau}/revoke", post(peer::revoke))
        .route("/v1/cafs", get(caf::list).post(caf::create))
        .route("/v1/cafs/{id}", get(caf::show))
        .route("/v1/cafs/{id}/invite", post(caf::invite))
        .route("/v1/cafs/{id}/dismiss", post(caf::dismiss))
        .route("/v1/cafs/{id}/join", post(caf::join))
        .route("/v1/cafs/{id}/leave", post(caf::leave))
        .route("/v1/cafs/{id}/close", post(caf::close))
        .route("/v1/records", get(record::list).post(record::add))
        .route("/v1/records/{id}", get(record::show))
        .route("/v1/records/{id}/revise", post(record::revise))
        .route("/v1/records/{id}/withdraw", post(record::withdraw))
        .route("/v1/records/{id}/holders", get(record::holders))
        .route("/v1/records/{id}/explain/{bureau}", get(policy::explain))
        .route("/v1/import", post(import::run))
        .route("/v1/policy", get(policy::show))
        .route("/v1/policy/plan", post(policy::plan))
        .route("/v1/policy/apply", post(policy::apply))
        .route("/v1/query", post(query::ask))
        .route("/v1/audit", get(audit::list))
        .route("/v1/audit/verify", post(audit::verify))
        .route("/v1/store/verify", post(store::verify))
        .fallback(unknown)
        .method_not_allowed_fallback(unknown)
        .layer(middleware::from_fn_with_state(slots, take_turns))
        .with_state(app)
}

async fn unknown() -> Problem {
    Problem::absent("request.unknown", "the API has no such call. See that `igain` and its daemon are of one version")
}

/// Lets only so many requests in at a time; the rest wait, and are told to come back if that takes too long.
async fn take_turns(State(slots): State<Arc<Semaphore>>, request: Request, next: Next) -> Response {
    match tokio::time::timeout(PATIENCE, slots.acquire_owned()).await {
        Ok(Ok(_turn)) => next.run(request).await,
        _ => {
            let detail = "too many requests are under way. Try again in a moment, or raise `api_requests`";
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "request.busy", detail).into_response()
        }
    }
}
