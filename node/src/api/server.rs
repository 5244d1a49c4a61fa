//! Serving the API.

mod account;
mod audit;
mod backup;
mod caf;
mod claims;
mod clock;
mod crowd;
mod door;
mod given;
mod import;
mod peer;
mod people;
mod policy;
mod query;
mod record;
mod recovery;
mod refusals;
mod rights;
mod socket;
mod status;
mod store;

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{Request, State};
use axum::handler::Handler;
use axum::http::{Method, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodFilter, on};
use tokio::sync::Semaphore;

pub use socket::{Error, Socket};

use super::Problem;
use crate::config::Config;
use crate::office::{self, Office};
use crate::people::InForce;
use crate::replication::Replication;
use crate::search::Search;
use backup::Backups;
use claims::Claims;
use given::Caller;
use refusals::Refusals;

/// How long a request may wait for its turn before it is told to come back.
const PATIENCE: Duration = Duration::from_secs(10);

/// Imports that may run at a time: each holds two threads, and the disk is one.
const IMPORTS: usize = 4;

/// What the API answers from. Clones share it.
#[derive(Clone)]
pub struct App {
    parts: Arc<Parts>,
    claims: Claims,
    backups: Backups,
    importing: Arc<Semaphore>,
    refusals: Refusals,
    policy_file: policy::LastFile,
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
    /// Who may ask.
    pub people: InForce,
    /// When the daemon started.
    pub started: Instant,
}

impl App {
    /// An API over `parts`.
    pub fn new(parts: Parts) -> Self {
        Self {
            parts: Arc::new(parts),
            claims: Claims::default(),
            backups: Backups::default(),
            importing: Arc::new(Semaphore::new(IMPORTS)),
            refusals: Refusals::default(),
            policy_file: policy::LastFile::default(),
            stopping: Arc::default(),
        }
    }

    /// Ends what would hold up a stop: imports end after the batch that they are at, backups after a piece.
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

    /// Runs the office's blocking work off the threads that serve.
    async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Office) -> Result<T, office::Error> + Send + 'static,
    ) -> Result<T, Problem> {
        let office = self.office().clone();
        blocking(move || work(&office).map_err(Problem::from)).await
    }

    /// Runs work that changes who takes part, a CAF or the policy. It is in force when this returns.
    async fn change<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Office) -> Result<T, office::Error> + Send + 'static,
    ) -> Result<T, Problem> {
        let done = self.work(work).await?;
        self.replication().in_force(self.office().standing()).await?;
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
    let Calls { router, .. } = calls();
    router
        .fallback(unknown)
        .method_not_allowed_fallback(unknown)
        .layer(middleware::from_fn_with_state(slots, take_turns))
        // Outermost: whoever is refused takes nobody's turn.
        .layer(middleware::from_fn_with_state(app.clone(), door::admit))
        .with_state(app)
}

/// The calls that the router knows, so that a test can hold them against the table of rights.
#[derive(Default)]
struct Calls {
    router: Router<App>,
    known: Vec<(Method, &'static str)>,
}

impl Calls {
    fn get<T: 'static>(self, path: &'static str, handler: impl Handler<T, App>) -> Self {
        self.call(Method::GET, MethodFilter::GET, path, handler)
    }

    fn post<T: 'static>(self, path: &'static str, handler: impl Handler<T, App>) -> Self {
        self.call(Method::POST, MethodFilter::POST, path, handler)
    }

    fn call<T: 'static>(
        mut self,
        method: Method,
        filter: MethodFilter,
        path: &'static str,
        handler: impl Handler<T, App>,
    ) -> Self {
        self.known.push((method, path));
        self.router = self.router.route(path, on(filter, handler));
        self
    }
}

fn calls() -> Calls {
    Calls::default()
        .get("/v1/status", status::show)
        .get("/v1/card", status::card)
        .get("/v1/clock", clock::show)
        .post("/v1/clock/accept", clock::accept)
        .post("/v1/clock/reset", clock::reset)
        .get("/v1/recovery", recovery::show)
        .post("/v1/recovery/{bureau}/serve", recovery::serve)
        .post("/v1/recovery/{bureau}/accept", recovery::accept)
        .post("/v1/recovery/close", recovery::close)
        .get("/v1/peers", peer::list)
        .post("/v1/peers", peer::enrol)
        .get("/v1/peers/{bureau}", peer::show)
        .post("/v1/peers/{bureau}/revoke", peer::revoke)
        .post("/v1/peers/{bureau}/reinstate", peer::reinstate)
        .post("/v1/peers/{bureau}/drop", peer::drop_held)
        .get("/v1/cafs", caf::list)
        .post("/v1/cafs", caf::create)
        .get("/v1/cafs/{id}", caf::show)
        .post("/v1/cafs/{id}/invite", caf::invite)
        .post("/v1/cafs/{id}/dismiss", caf::dismiss)
        .post("/v1/cafs/{id}/join", caf::join)
        .post("/v1/cafs/{id}/leave", caf::leave)
        .post("/v1/cafs/{id}/close", caf::close)
        .get("/v1/records", record::list)
        .post("/v1/records", record::add)
        .get("/v1/records/{id}", record::show)
        .post("/v1/records/{id}/revise", record::revise)
        .post("/v1/records/{id}/withdraw", record::withdraw)
        .get("/v1/records/{id}/holders", record::holders)
        .get("/v1/records/{id}/explain/{bureau}", policy::explain)
        .post("/v1/import", import::run)
        .get("/v1/policy", policy::show)
        .post("/v1/policy/plan", policy::plan)
        .post("/v1/policy/apply", policy::apply)
        .post("/v1/query", query::ask)
        .get("/v1/audit", audit::list)
        .post("/v1/audit/verify", audit::verify)
        .post("/v1/store/verify", store::verify)
        .post("/v1/backup", backup::create)
        .post("/v1/backup/stored", backup::stored)
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::people::{Role, Roles};

    fn calls_of(role: Role) -> BTreeSet<String> {
        let may = rights::CALLS.iter().filter(|call| call.needs.has(role));
        may.map(|call| format!("{} {}", call.method, call.path)).collect()
    }

    /// Seen to fail when a route is added without a right, and when a right names no route.
    #[test]
    fn every_call_of_the_router_has_its_rights_and_every_right_its_call() {
        let routed: Vec<String> = calls().known.iter().map(|(method, path)| format!("{method} {path}")).collect();
        let table: Vec<String> = rights::CALLS.iter().map(|call| format!("{} {}", call.method, call.path)).collect();
        let set = |calls: &[String]| calls.iter().cloned().collect::<BTreeSet<_>>();
        assert_eq!(set(&routed), set(&table));
        assert_eq!(table.len(), set(&table).len(), "no call stands there twice");
        assert!(rights::CALLS.iter().all(|call| call.needs.meets(Roles::ALL)), "a call that nobody may make");
        assert_eq!(rights::needs(&Method::GET, "/v1/nothing"), None);
        assert_eq!(rights::needs(&Method::HEAD, "/v1/records/{id}"), None, "no other method by a side door");
    }

    /// What each role must never come to, whatever else changes in the table.
    #[test]
    fn roles_keep_apart_what_must_be_apart() {
        let records = ["GET /v1/records", "GET /v1/records/{id}", "POST /v1/query"];
        for role in [Role::PolicyAdministrator, Role::Auditor, Role::Operator] {
            assert!(records.iter().all(|call| !calls_of(role).contains(*call)), "{role} reads records");
        }
        assert_eq!(calls_of(Role::Auditor), ["GET /v1/audit", "POST /v1/audit/verify"].map(str::to_owned).into());
        assert!(!calls_of(Role::Contributor).contains("POST /v1/query"));
        for role in [Role::Analyst, Role::Contributor, Role::Operator] {
            let mut decides = calls_of(role).into_iter().filter(|call| {
                call.starts_with("POST /v1/p") || call.starts_with("POST /v1/cafs") || call == "GET /v1/audit"
            });
            assert_eq!(decides.next(), None, "{role}");
        }
        let changes = calls_of(Role::Analyst).into_iter().filter(|call| call.starts_with("POST"));
        assert_eq!(changes.collect::<Vec<_>>(), ["POST /v1/query"]);
    }
}
