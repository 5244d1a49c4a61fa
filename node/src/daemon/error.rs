//! Why the daemon does not run.

use std::io;
use std::path::PathBuf;

use crate::api::server;
use crate::{audit, backup, keystore, ledger, network, office, people, search, store};

/// Why the daemon does not start, or ended by itself.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no data folder.
    #[error("there is no data folder `{}`. Run `igain init` first, or correct `data` in the configuration", .0.display())]
    NoFolder(PathBuf),
    /// There is nothing to look at.
    #[error(
        "there is nothing in `{}`. What this bureau had there, put back from a backup: `igain backup restore`; a new bureau begins it \
         at its first start",
        .0.display()
    )]
    Nothing(PathBuf),
    /// The keys cannot be had.
    #[error(transparent)]
    Keystore(#[from] keystore::Error),
    /// It is not certain who may ask.
    #[error(transparent)]
    People(#[from] people::Error),
    /// The store does not open.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The books cannot be read.
    #[error(transparent)]
    Ledger(#[from] ledger::Error),
    /// The audit log does not open.
    #[error(transparent)]
    Audit(#[from] audit::Error),
    /// The name index does not open.
    #[error(transparent)]
    Search(#[from] search::Error),
    /// The office does not open.
    #[error(transparent)]
    Office(#[from] office::Error),
    /// The mark of a restored folder cannot be read or removed.
    #[error(transparent)]
    Backup(#[from] backup::Error),
    /// Peers cannot be listened to.
    #[error(transparent)]
    Network(#[from] network::Error),
    /// Users cannot be listened to.
    #[error(transparent)]
    Socket(#[from] server::Error),
    /// The API ended.
    #[error("the API's socket failed: {0}. Start the daemon again")]
    Api(io::Error),
    /// The system gives no signals or threads.
    #[error("the system refuses {what}: {cause}. Raise the limits of this user or service")]
    System {
        /// What was asked for.
        what: &'static str,
        /// The system's reason.
        cause: io::Error,
    },
    /// A part failed in an unforeseen way.
    #[error("a part of the node failed in an unforeseen way: {0}. Start the daemon again")]
    Panic(String),
}

impl Error {
    /// A stable name for scripts: that of the part that failed, where it has one.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoFolder(_) => "daemon.no-folder",
            Self::Nothing(_) => "daemon.nothing",
            Self::Keystore(error) => error.code(),
            Self::People(error) => error.code(),
            Self::Store(error) => error.code(),
            Self::Ledger(error) => error.code(),
            Self::Audit(error) => error.code(),
            Self::Search(_) => "search",
            Self::Office(error) => error.code(),
            Self::Backup(error) => error.code(),
            Self::Network(error) => error.code(),
            Self::Socket(error) => error.code(),
            Self::Api(_) => "api",
            Self::System { .. } => "system",
            Self::Panic(_) => "internal",
        }
    }
}
