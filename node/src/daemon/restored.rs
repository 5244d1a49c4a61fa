//! A data folder that was put back from a backup is accounted for at its first start.

use std::path::Path;

use super::Error;
use crate::backup::restored::{self, Mark};
use crate::office::Office;

/// Accounts for the mark in the data folder, if there is one, and takes it away. A node that cannot do so runs all the
/// same, and tries again at its next start.
pub(super) async fn account(data: &Path, office: &Office) {
    let (data, office) = (data.to_owned(), office.clone());
    if let Err(error) = super::blocking(move || note(&data, &office)).await {
        tracing::error!(%error, "that this folder was put back from a backup could not be accounted for");
    }
}

fn note(data: &Path, office: &Office) -> Result<(), Error> {
    let Some(mark) = Mark::read(data)? else { return Ok(()) };
    tracing::warn!(
        backup = mark.backup,
        restored = mark.restored,
        archive = mark.archive,
        "the data folder was put back from a backup: peers give back what they hold of it; policy and revocations are of that day: \
         `igain recovery show`"
    );
    office.note_restored(&mark.particulars())?;
    Ok(restored::remove(data)?)
}
