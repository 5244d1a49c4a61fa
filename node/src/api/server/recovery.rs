//! How it stands with a bureau that was put back to a backup, and what people decide.

use axum::Json;
use axum::extract::State;
use igain_protocol::bureau::BureauId;

use super::App;
use super::given::{Acting, Named};
use crate::api::Problem;
use crate::api::types::{Heard, PutBack, Recovery, RecoveryPeer, Text};
use crate::ledger::{RecoveryRow, Stand};
use crate::office::{self, Office};

/// Records that are told by name.
const NAMED: usize = 100;

pub(super) async fn show(State(app): State<App>) -> Result<Json<Recovery>, Problem> {
    app.work(|office| Ok(Json(state(office)?))).await
}

pub(super) async fn serve(
    State(app): State<App>,
    Acting(actor): Acting,
    Named(bureau): Named<BureauId>,
) -> Result<Json<Recovery>, Problem> {
    app.work(move |office| {
        office.waive_reclaim(actor, bureau)?;
        Ok(Json(state(office)?))
    })
    .await
}

pub(super) async fn accept(
    State(app): State<App>,
    Acting(actor): Acting,
    Named(bureau): Named<BureauId>,
) -> Result<Json<Recovery>, Problem> {
    app.work(move |office| {
        office.accept_former_keys(actor, bureau)?;
        Ok(Json(state(office)?))
    })
    .await
}

pub(super) async fn close(State(app): State<App>, Acting(actor): Acting) -> Result<Json<Recovery>, Problem> {
    app.work(move |office| {
        office.close_recovery(actor)?;
        Ok(Json(state(office)?))
    })
    .await
}

fn state(office: &Office) -> Result<Recovery, office::Error> {
    let recovery = office.recovery(NAMED)?;
    Ok(Recovery {
        put_back: recovery.noticed.map(put_back),
        peers: recovery.peers.into_iter().map(peer).collect(),
        partly: recovery.partly.into_iter().map(Text).collect(),
        untold: recovery.untold,
        some_untold: recovery.some_untold.into_iter().map(Text).collect(),
    })
}

fn put_back(row: RecoveryRow) -> PutBack {
    let RecoveryRow { noticed, by, records, partly, ended, letters, replaced } = row;
    PutBack { noticed: Text(noticed), by: by.map(Text), records, partly, replaced, ended, letters }
}

fn peer((bureau, heard): (BureauId, office::Heard)) -> RecoveryPeer {
    let (heard, since, served) = match heard {
        office::Heard::Nothing => (Heard::Nothing, None, true),
        office::Heard::Same => (Heard::Same, None, true),
        office::Heard::More(stand, since) => {
            let heard = match stand {
                Stand::Asked => Heard::Asked,
                Stand::Unable => Heard::Unable,
                Stand::Done => Heard::Done,
                Stand::Refused => Heard::Refused,
                Stand::Waived => Heard::Waived,
            };
            (heard, Some(Text(since)), stand.serves())
        }
    };
    RecoveryPeer { bureau: Text(bureau), heard, since, served }
}
