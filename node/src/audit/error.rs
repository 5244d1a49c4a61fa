//! Why the audit log cannot be used.

use std::io;
use std::path::PathBuf;

use igain_protocol::codec;
use igain_protocol::time::Timestamp;

use crate::store;

/// Why the audit log cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Its store failed.
    #[error("the audit log: {0}")]
    Store(#[source] store::Error),
    /// It is damaged on the disk.
    #[error(
        "the audit log is damaged in `{}` at byte {offset}: {why}. Keep the folder as it is; from a backup, put books and log back \
         together: `igain backup restore`",
        path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where in it.
        offset: u64,
        /// What is wrong there.
        why: String,
    },
    /// A file beside it cannot be read or written.
    #[error("the audit log's file {path} cannot be used: {why}. Check the folder's owner, mode and free space")]
    File {
        /// Which.
        path: PathBuf,
        /// What the system says.
        why: io::Error,
    },
    /// Its checkpoint is not this bureau's.
    #[error(
        "the audit log's checkpoint is not what this bureau signed: {0}. Keep the folder as it is and find out who changed it"
    )]
    Checkpoint(codec::Error),
    /// There should be a checkpoint.
    #[error(
        "the audit log has no checkpoint, though it is long enough to have one. Keep the folder as it is and find out who removed it"
    )]
    NoCheckpoint,
    /// Its end is missing, or another log was put in its place.
    #[error(
        "the audit log does not hold entry {seq} as it was; it {}. What came after that is missing, or another copy was put in its \
         place. Keep the folder as it is and find out who changed it; from a backup, put books and log back together",
        ends(*last)
    )]
    CutOff {
        /// The entry that a checkpoint or the books rest on.
        seq: u64,
        /// The last entry that there is, and when it was made; none where there is none.
        last: Option<(u64, Timestamp)>,
    },
    /// An entry is missing or altered.
    #[error(transparent)]
    Broken(#[from] Broken),
}

/// The first bad entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("audit entry {seq} is bad: {why}. Keep the folder as it is and find out who changed it")]
pub struct Broken {
    /// Its number.
    pub seq: u64,
    /// What is wrong with it.
    pub why: &'static str,
}

impl From<store::Error> for Error {
    fn from(error: store::Error) -> Self {
        match error {
            store::Error::Damaged { path, offset, why } => Self::Damaged { path, offset, why },
            error => Self::Store(error),
        }
    }
}

impl Error {
    /// Whether there is no room for it.
    pub const fn is_full(&self) -> bool {
        matches!(self, Self::Store(store::Error::Full { .. }))
    }

    /// A stable name for scripts and metrics: the store's own where that failed, so that a full disk is one everywhere.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Store(error) => error.code(),
            Self::File { .. } => "audit.file",
            Self::Damaged { .. } => "audit.damaged",
            Self::Checkpoint(_) | Self::NoCheckpoint | Self::CutOff { .. } | Self::Broken(_) => "audit.broken",
        }
    }
}

fn ends(last: Option<(u64, Timestamp)>) -> String {
    match last {
        Some((last, at)) => format!("ends with entry {last} of {at}"),
        None => "is empty".into(),
    }
}
