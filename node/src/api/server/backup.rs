//! Backups: the moment is taken, accounted for, and sealed as it is sent.

mod outlet;

use std::sync::{Arc, Mutex};

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use super::App;
use super::given::{Acting, Given};
use super::policy::hex;
use crate::api::Problem;
use crate::api::types::{self, NewBackup, StoredBackup, Text};
use crate::backup::{self, Error, Files, Following, Link, Note, Notes, Planned, Recipients, SetName};
use crate::config::Config;
use crate::office::{Actor, Deed, Office};
use crate::store::pipeline::locked;
use outlet::Outlet;

/// Pieces that wait for a caller who is slow to take them; the reading of files then waits too.
const PIECES: usize = 4;

/// Archives that were sent and may still be said to be stored.
const SENT: usize = 8;

/// The backups of this run. Clones share it.
#[derive(Clone)]
pub(super) struct Backups {
    /// One at a time: each holds files that should be gone, and the disk is one.
    turn: Arc<Semaphore>,
    /// The last of each set that was sent, until it is said to be stored.
    sent: Arc<Mutex<Vec<Sent>>>,
}

/// An archive that was sent.
struct Sent {
    id: String,
    set: SetName,
    bytes: u64,
    note: Note,
}

impl Default for Backups {
    fn default() -> Self {
        Self { turn: Arc::new(Semaphore::new(1)), sent: Arc::default() }
    }
}

pub(super) async fn create(
    State(app): State<App>,
    Acting(actor): Acting,
    Given(wanted): Given<NewBackup>,
) -> Result<Response, Problem> {
    let turn = Arc::clone(&app.backups.turn).try_acquire_owned().map_err(|_| {
        let detail = "another backup is being made. Wait for it to end";
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "backup.busy", detail)
    })?;
    let (office, config) = (app.office().clone(), app.config().clone());
    let prepared = super::blocking(move || prepare(&office, &config, actor, wanted)).await?;
    let mut first = serde_json::to_vec(&prepared.answer).map_err(|error| Problem::malformed(error.to_string()))?;
    first.push(b'\n');
    let (to_caller, pieces) = mpsc::channel(PIECES);
    let runtime = tokio::runtime::Handle::current();
    tokio::task::spawn_blocking(move || send(&app, prepared, Outlet::new(&app, runtime, to_caller), turn));
    let first = futures::stream::iter([Ok(Bytes::from(first))]);
    let rest = futures::stream::unfold(pieces, async |mut pieces: mpsc::Receiver<std::io::Result<Bytes>>| {
        let piece = pieces.recv().await?;
        Some((piece, pieces))
    });
    let mut response = Response::new(Body::from_stream(futures::StreamExt::chain(first, rest)));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    Ok(response)
}

/// A backup that may be sent: it is accounted for.
struct Prepared {
    planned: Planned,
    recipients: Recipients,
    set: SetName,
    answer: types::Backup,
}

/// Takes the moment, decides what the archive is, and accounts for it.
fn prepare(office: &Office, config: &Config, actor: Actor, wanted: NewBackup) -> Result<Prepared, Problem> {
    let recipients = Recipients::parse(wanted.to.iter().map(String::as_str)).map_err(refused)?;
    let set: SetName = wanted.set.parse().map_err(Problem::malformed)?;
    let files = Files::read(config).map_err(refused)?;
    let note = Notes::new(&config.data, office.ledger().store()).read(&set);
    let mut drawn = [[0; 16]; 2];
    let draw = drawn.iter_mut().try_for_each(|id| getrandom::fill(id));
    draw.map_err(|error| Problem::failed("entropy", format!("the system gives no random bytes: {error}")))?;
    let held = wanted.held.map(|held| held.into_iter().map(|one| Link { name: one.name, bytes: one.bytes }).collect());
    let following = Following { bureau: office.me(), set: set.clone(), full: wanted.full, note, held, drawn };
    let moment = office.snapshot()?;
    let planned = backup::plan(following, files, moment.at, moment.books, moment.audit, moment.checkpoint);
    let planned = planned.map_err(refused)?;
    let head = planned.contents.head();
    let deed = Deed::new(actor, "backup.create").with("set", &set).with("number", head.number);
    let deed = deed.with("full", head.is_full()).with("id", hex(head.id.as_slice()));
    let deed = deed.with("recipients", recipients.count()).with("to", recipients.texts().join(" "));
    office.account_for_backup(deed)?;
    let answer = types::Backup {
        id: hex(head.id.as_slice()),
        name: planned.contents.name(),
        bureau: Text(head.bureau),
        set: set.to_string(),
        at: Text(head.at),
        number: head.number,
        full: head.is_full(),
        why: planned.why.clone(),
        recipients: recipients.count(),
    };
    Ok(Prepared { planned, recipients, set, answer })
}

/// Seals and sends the archive. What is cut off is cut off for the caller, too: the answer then has no end.
fn send(app: &App, prepared: Prepared, mut outlet: Outlet, turn: OwnedSemaphorePermit) {
    let Prepared { planned: Planned { contents, before, salts, .. }, recipients, set, answer } = prepared;
    match contents.write(&recipients, &mut outlet) {
        Ok(written) => {
            let bytes = outlet.bytes();
            let note = Note::of(&written, &salts, before.as_ref(), bytes);
            let mut sent = locked(&app.backups.sent);
            // Another of its set takes its place; of other sets, few are ever waited for.
            sent.retain(|sent| sent.set != set);
            let over = (sent.len() + 1).saturating_sub(SENT);
            sent.drain(..over);
            sent.push(Sent { id: answer.id, set, bytes, note });
            drop(sent);
            outlet.end();
        }
        Err(error) => {
            tracing::warn!(%error, "a backup could not be sent to its end");
            drop(turn);
            outlet.fail(&error);
        }
    }
}

pub(super) async fn stored(
    State(app): State<App>,
    Acting(actor): Acting,
    Given(stored): Given<StoredBackup>,
) -> Result<Json<StoredBackup>, Problem> {
    let unknown = || {
        let detail = "the backup is not the last that was sent, so that the next one will not follow it. It can be \
                      restored all the same";
        Problem::absent("backup.unknown", detail)
    };
    let backups = app.backups.clone();
    let (office, config) = (app.office().clone(), app.config().clone());
    super::blocking(move || {
        let mut sent = locked(&backups.sent);
        let nth = sent.iter().position(|sent| sent.id == stored.id).ok_or_else(unknown)?;
        let found = sent.remove(nth);
        if found.bytes != stored.bytes {
            let detail = format!("{} bytes were sent, and {} stored. Make another backup", found.bytes, stored.bytes);
            return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "backup.cut", detail));
        }
        let deed = Deed::new(actor, "backup.stored").with("set", &found.set).with("id", found.id);
        office.account_for_backup(deed.with("bytes", found.bytes))?;
        Notes::new(&config.data, office.ledger().store()).write(&found.set, &found.note).map_err(refused)?;
        Ok(Json(stored))
    })
    .await
}

fn refused(error: Error) -> Problem {
    let status = match &error {
        Error::Recipient(_) | Error::Recipients { .. } => StatusCode::UNPROCESSABLE_ENTITY,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    };
    Problem::new(status, error.code(), error.to_string())
}
