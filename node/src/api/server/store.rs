//! Verifying the store and the name index.

use axum::Json;
use axum::extract::State;

use super::{App, blocking};
use crate::api::Problem;
use crate::api::types::StoreReport;
use crate::office;

pub(super) async fn verify(State(app): State<App>) -> Result<Json<StoreReport>, Problem> {
    let (office, search) = (app.office().clone(), app.parts.search.clone());
    blocking(move || {
        let report = office.ledger().store().verify().map_err(office::Error::from)?;
        let mut report = StoreReport::from(report);
        match search.verify() {
            Ok(bytes) => report.index_bytes = bytes,
            Err(error) => {
                report.findings.push(error.to_string());
                report.intact = false;
            }
        }
        let mended = office.mend_logs()?.into_iter().map(|hole| {
            let office::Hole { class, after, last } = hole;
            format!("log {class} lacked entries after {after}, up to {last}; all that was sent from it is sent anew")
        });
        report.mended = mended.collect();
        Ok(Json(report))
    })
    .await
}
