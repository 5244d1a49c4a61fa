//! Importing files: one thread reads rows, one makes what they ask for durable, and the caller hears of it as it goes.

mod commit;
mod feed;
mod head;

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Instant;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use futures::Stream;
use sha2::{Digest as _, Sha256};
use tokio::sync::mpsc;

use super::App;
use super::given::Acting;
use super::policy::hex;
use crate::api::Problem;
use crate::api::types::{ImportEvent, ImportRequest};
use crate::intake::{self, Importer, Mapping, Step};
use crate::office::{Actor, Deed};
use feed::Feed;

/// Events that wait for a slow caller; the import then waits too.
const EVENTS: usize = 256;

/// Pieces of the file that wait for the thread that reads rows, of some 16 KiB each.
const PIECES: usize = 32;

/// Runs of rows that wait to be made durable.
const RUNS: usize = 4;

/// Rows in one run.
const RUN_ROWS: usize = 256;

/// What the thread that reads rows hands on.
type Run = Result<Vec<Step>, Problem>;

pub(super) async fn run(State(app): State<App>, Acting(actor): Acting, request: Request) -> Result<Response, Problem> {
    let busy = || {
        let detail = "too many imports are running. Wait for one to end";
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "import.busy", detail)
    };
    let turn = app.importing.clone().try_acquire_owned().map_err(|_| busy())?;
    let (import, body) = head::read(request.into_body()).await?;
    let importer = importer(&app, &import)?;
    app.account(begun(actor.clone(), &import, importer.mapping())).await?;
    let (to_feed, from_caller) = mpsc::channel(PIECES);
    let (to_caller, events) = mpsc::channel(EVENTS);
    tokio::spawn(feed::pump(body, to_feed));
    let (runs_out, runs_in) = sync_channel(RUNS);
    let feed = Feed::new(from_caller);
    let done_bytes = feed.counter();
    let files = import.files.clone();
    tokio::task::spawn_blocking(move || read_rows(importer, &files, feed, &runs_out));
    let commit = commit::Commit::new(app, actor, to_caller, done_bytes, import.dry_run);
    tokio::task::spawn_blocking(move || {
        let _turn = turn;
        make(commit, &runs_in);
    });
    let mut response = Response::new(Body::from_stream(lines(events)));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/jsonl"));
    Ok(response)
}

fn importer(app: &App, import: &ImportRequest) -> Result<Importer, Problem> {
    let variables: BTreeMap<String, String> = import.set.iter().cloned().collect();
    let refused =
        |error: intake::mapping::Error| Problem::new(StatusCode::UNPROCESSABLE_ENTITY, error.code(), error.to_string());
    let mapping = Mapping::parse(&import.mapping, &import.mapping_file, &variables).map_err(refused)?;
    let office = app.office();
    Ok(Importer::new(mapping, office.me(), &office.secrets().record_id, office.now().day()))
}

fn begun(actor: Actor, import: &ImportRequest, mapping: &Mapping) -> Deed {
    let deed = Deed::new(actor, "import.begin").with("source", mapping.source());
    deed.with("mapping", hex(&Sha256::digest(import.mapping.as_bytes()))).with("dry-run", import.dry_run)
}

/// Reads the joined files, then the rows of the last one.
fn read_rows(mut importer: Importer, files: &[crate::api::types::ImportFile], mut feed: Feed, runs: &SyncSender<Run>) {
    let outcome = join_files(&mut importer, files, &mut feed, runs).and_then(|()| {
        let mut run = Vec::with_capacity(RUN_ROWS);
        for step in importer.rows(&mut feed).map_err(problem)? {
            run.push(step.map_err(problem)?);
            if run.len() == RUN_ROWS && runs.send(Ok(std::mem::take(&mut run))).is_err() {
                return Ok(());
            }
        }
        // Nobody listens once the import has ended for another reason.
        let _ = runs.send(Ok(run));
        Ok(())
    });
    if let Err(problem) = outcome {
        let _ = runs.send(Err(feed.cut_off().unwrap_or(problem)));
    }
}

fn join_files(
    importer: &mut Importer,
    files: &[crate::api::types::ImportFile],
    feed: &mut Feed,
    runs: &SyncSender<Run>,
) -> Result<(), Problem> {
    for file in files {
        let (Some(role), Some(bytes)) = (&file.role, file.bytes) else { continue };
        let mut piece = std::io::Read::take(&mut *feed, bytes);
        let joined = importer.join(role, &mut piece).map_err(problem)?;
        std::io::copy(&mut piece, &mut std::io::sink()).map_err(|error| Problem::malformed(error.to_string()))?;
        let rejects = joined.rejects.into_iter().map(Step::Rejected).collect();
        let _ = runs.send(Ok(rejects));
    }
    feed.restart_counter();
    Ok(())
}

fn problem(error: intake::Error) -> Problem {
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, error.code(), error.to_string())
}

/// Makes what the rows ask for durable, and ends with a report or a problem.
fn make(mut commit: commit::Commit, runs: &Receiver<Run>) {
    let started = Instant::now();
    let mut take = || {
        while let Ok(run) = runs.recv() {
            for step in run? {
                commit.step(step)?;
            }
        }
        commit.finish()
    };
    let outcome = take();
    commit.tell(match outcome {
        Ok(report) => {
            let took_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
            ImportEvent::Report(crate::api::types::ImportReport { took_ms, ..report })
        }
        Err(problem) => ImportEvent::Problem(problem),
    });
}

/// Events as JSON lines.
fn lines(events: mpsc::Receiver<ImportEvent>) -> impl Stream<Item = Result<Vec<u8>, serde_json::Error>> {
    futures::stream::unfold(events, async |mut events| {
        let event = events.recv().await?;
        let line = serde_json::to_vec(&event).map(|mut line| {
            line.push(b'\n');
            line
        });
        Some((line, events))
    })
}
