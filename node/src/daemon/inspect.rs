//! Looking at the data folder of a node that is stopped: whether books and audit log are whole, and belong together.

use std::path::Path;
use std::time::Duration;

use igain_protocol::codec::{self, Typ};

use super::Error;
use crate::api::types::{AuditSummary, StoreReport};
use crate::audit::{AuditLog, Filter};
use crate::config::Config;
use crate::keystore::Keys;
use crate::ledger::Ledger;
use crate::store::snapshot::list_in;
use crate::store::{self, Options, Store, StoreKey};

/// Goes through the whole audit log, and sees that it and the books rest on each other: what is missing of either, and since when.
///
/// # Errors
/// Where the folder cannot be read, or the node runs.
pub fn audit(config: &Config, keys: &Keys) -> Result<AuditSummary, Error> {
    let ledger = Ledger::new(open(config, keys)?);
    let folder = config.data.join("audit");
    is_there(&folder)?;
    let (signing, own, key) = (keys.signing(), keys.verifying(), StoreKey::from_bytes(*keys.store_key()));
    let signer = Box::new(move |payload: &[u8]| codec::sign(Typ::AuditCheckpoint, payload, &signing));
    let log = match AuditLog::open(&folder, &key, &own, signer) {
        Ok(log) => log,
        Err(error) => return Ok(AuditSummary::judged(0, Err(error))?),
    };
    // As a start does.
    match log.take_up(ledger.carried()?) {
        Err(error) if !error.is_full() => return Err(error.into()),
        _ => {}
    }
    let noted = ledger.account()?;
    let held = || noted.map_or(Ok(()), |end| log.check_reaches(&end));
    let verified = log.verify().and_then(|summary| held().map(|()| summary));
    let summary = AuditSummary::judged(log.last(), verified)?;
    let here = ledger.store().position().commit();
    let missing = log.last_entry()?.map_or(0, |last| last.entry.books.saturating_sub(here));
    if !summary.intact || missing == 0 {
        return Ok(summary);
    }
    let since = log.list(noted.map_or(0, |end| end.seq) + 1, 1, &Filter::default())?;
    let since = since.first().map(|first| format!(" since {}", first.entry.at)).unwrap_or_default();
    let why = format!(
        "the books lack {missing} commits that the audit log tells of{since}: they were put back, or cut. The node starts, and does \
         again what the log tells of withdrawals and revocations"
    );
    Ok(AuditSummary { intact: false, why: Some(why), ..summary })
}

/// Reads the whole journal of the books, and compares the directory with it.
///
/// # Errors
/// Where the folder cannot be read, or the node runs.
pub fn store(config: &Config, keys: &Keys) -> Result<StoreReport, Error> {
    match open(config, keys) {
        Err(Error::Store(error @ store::Error::Damaged { .. })) => {
            Ok(store::Report { findings: vec![error.to_string()], ..store::Report::default() }.into())
        }
        opened => Ok(opened?.verify()?.into()),
    }
}

/// Opens the books, as a start does.
fn open(config: &Config, keys: &Keys) -> Result<Store, Error> {
    let key = StoreKey::from_bytes(*keys.store_key());
    let erase_within = Duration::from_secs(config.retention.erase_within_s.into());
    let options = Options { erase_within, ..Options::default() };
    let folder = config.data.join("store");
    is_there(&folder)?;
    Ok(Store::open(&folder, &key, options, &|_| {})?.0)
}

/// Where nothing is, opening would make it anew.
fn is_there(folder: &Path) -> Result<(), Error> {
    if list_in(folder).exists() { Ok(()) } else { Err(Error::Nothing(folder.to_owned())) }
}
