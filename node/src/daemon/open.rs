//! Opening what is on the disk.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use igain_protocol::codec::{self, Typ};

use super::Error;
use crate::audit::AuditLog;
use crate::clock::Clock;
use crate::config::Config;
use crate::keystore::Keys;
use crate::ledger::Ledger;
use crate::office::{Indexer, Office, Parts, Secrets, check_keys, system_entropy};
use crate::search::Search;
pub use crate::store::Progress;
use crate::store::{self, Options, Position, Store, StoreKey};

/// What was opened.
pub(super) struct Opened {
    pub(super) office: Office,
    pub(super) search: Search,
    /// Where the name index stands.
    pub(super) applied: Position,
}

impl Opened {
    /// What keeps the name index in step.
    pub(super) fn indexer(&self) -> Indexer {
        Indexer::new(self.office.clone(), self.applied)
    }
}

pub(super) fn open(config: &Config, keys: &Keys, progress: &dyn Fn(Progress)) -> Result<Opened, Error> {
    check_folder(config)?;
    let key = StoreKey::from_bytes(*keys.store_key());
    let options = Options {
        erase_within: Duration::from_secs(config.retention.erase_within_s.into()),
        cache_bytes: u64::from(config.limits.store_cache_mib) << 20,
        ..Options::default()
    };
    let (store, opened) = Store::open(&config.data.join("store"), &key, options, progress)?;
    report(&opened);
    let ledger = Ledger::new(store);
    let (signing, own) = (keys.signing(), keys.verifying());
    // Before the audit log, which an older key file would make look as if somebody had changed it.
    check_keys(&ledger, &own)?;
    let signer = Box::new(move |payload: &[u8]| codec::sign(Typ::AuditCheckpoint, payload, &signing));
    let audit = AuditLog::open(&config.data.join("audit"), &key, &own, signer)?;
    let (search, applied) = open_search(config, keys, ledger.store())?;
    let parts = Parts {
        me: config.bureau,
        secrets: Secrets::of(keys),
        ledger,
        audit,
        search: Some(search.clone()),
        clock: Clock::system(),
        entropy: system_entropy(),
    };
    Ok(Opened { office: Office::open(parts)?, search, applied })
}

fn check_folder(config: &Config) -> Result<(), Error> {
    let folder = fs::metadata(&config.data).ok().filter(fs::Metadata::is_dir);
    let folder = folder.ok_or_else(|| Error::NoFolder(config.data.clone()))?;
    if folder.permissions().mode() & 0o077 != 0 {
        tracing::warn!(folder = %config.data.display(), "other users may enter the data folder. Run: chmod 700");
    }
    Ok(())
}

fn report(opened: &store::Opened) {
    if opened.created {
        tracing::warn!(
            "there were no books: this bureau begins anew. If it had some, stop it, and put them back from a backup first"
        );
    }
    if let Some(why) = &opened.rebuilt {
        tracing::warn!(%why, "the key directory was made anew from the journal");
    }
    if let Some((file, bytes)) = &opened.torn_tail {
        tracing::warn!(file = %file.display(), bytes, "a commit that was never acknowledged was cut from the journal");
    }
    tracing::info!(created = opened.created, unclean = opened.unclean, replayed = opened.replayed, "the store is open");
}

/// Opens the name index; one from which the store cannot lead on is made anew.
fn open_search(config: &Config, keys: &Keys, store: &Store) -> Result<(Search, Position), Error> {
    let (folder, key) = (config.data.join("search"), keys.search_key());
    let (search, applied) = Search::open(&folder, &key)?;
    if let Some(why) = search.discarded() {
        tracing::warn!(%why, "the name index is made anew");
    }
    let applied = applied.map_or(Position::START, Position::from_bytes);
    match store.replay(applied, 1, &mut |_, _, _| {}) {
        Err(store::Error::Forgotten) => {
            tracing::warn!("the name index is older than what the store remembers, and is made anew");
            drop(search);
            fs::remove_dir_all(&folder).map_err(|cause| Error::System { what: "to remove the old index", cause })?;
            Ok((Search::open(&folder, &key)?.0, Position::START))
        }
        replayed => {
            replayed?;
            Ok((search, applied))
        }
    }
}
