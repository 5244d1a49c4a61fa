//! Why the store cannot do what was asked.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Why the store cannot be opened, read or written.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// The operating system refused.
    #[error("cannot {doing} `{}`: {source}. Check that the folder exists, is writable by this user and sound", path.display())]
    Io {
        /// What was being done.
        doing: &'static str,
        /// To which file or folder.
        path: PathBuf,
        /// What the system said.
        source: Arc<io::Error>,
    },
    /// There is no room left.
    #[error("the disk that holds `{}` is full; nothing was lost, this write was refused. Free space and try again", path.display())]
    Full {
        /// The file that could not grow.
        path: PathBuf,
    },
    /// Another process has the store open.
    #[error("`{}` is in use by another process. Stop the other node first", path.display())]
    Locked {
        /// The folder.
        path: PathBuf,
    },
    /// The key does not fit.
    #[error("the key does not open `{}`. Use the keystore that this store was made with", path.display())]
    WrongKey {
        /// The folder.
        path: PathBuf,
    },
    /// Something other than a torn tail is wrong with the journal.
    #[error(
        "the journal is damaged in `{}` at byte {offset}: {why}. Run `igain store verify`, then restore this folder from a backup: `igain backup restore`",
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
    /// The folder was written by another version.
    #[error("`{}` has format version {found}, this program knows {known}. Use the version that wrote it to migrate", path.display())]
    Version {
        /// The file.
        path: PathBuf,
        /// What it says.
        found: u32,
        /// What is known.
        known: u32,
    },
    /// The key directory failed; it is rebuilt at the next start.
    #[error("the key directory failed: {why}. Restart the node: it rebuilds the directory from the journal")]
    Directory {
        /// What went wrong.
        why: String,
    },
    /// An earlier write could not be made durable, so nothing more is written.
    #[error("the store stopped writing: {why}. Check the disk, then restart the node")]
    Stopped {
        /// The first failure.
        why: String,
    },
    /// A write that this one may build on failed.
    #[error("a write before this one failed, so nothing of this was written. Try again")]
    Superseded,
    /// The store was closed.
    #[error("the store is closed. Restart the node")]
    Closed,
    /// A key, a value or a batch is larger than the store takes.
    #[error("{what} of {size} bytes is too large: the store takes {limit}. Split it")]
    TooLarge {
        /// A key, a value or a batch.
        what: &'static str,
        /// Its size.
        size: usize,
        /// The most that is taken.
        limit: usize,
    },
    /// A replay was asked from a place of which removals are no longer known.
    #[error("the journal no longer tells all that happened after this position. Rebuild from the whole store")]
    Forgotten,
}

impl Error {
    /// A failure of the operating system, with a full disk told apart.
    pub(crate) fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full { path: path.into() },
            _ => Self::Io { doing, path: path.into(), source: Arc::new(source) },
        }
    }

    /// A failure after which nobody knows what is on the disk: never one that lets the next attempt go on.
    pub(crate) fn given_up(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { doing, path: path.into(), source: Arc::new(source) }
    }

    pub(crate) fn damaged(path: &Path, offset: u64, why: impl Into<String>) -> Self {
        Self::Damaged { path: path.into(), offset, why: why.into() }
    }

    pub(crate) fn directory(why: impl ToString) -> Self {
        Self::Directory { why: why.to_string() }
    }

    /// A stable name for scripts and metrics.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Io { .. } => "store.io",
            Self::Full { .. } => "store.full",
            Self::Locked { .. } => "store.locked",
            Self::WrongKey { .. } => "store.wrong-key",
            Self::Damaged { .. } => "store.damaged",
            Self::Version { .. } => "store.version",
            Self::Directory { .. } => "store.directory",
            Self::Stopped { .. } => "store.stopped",
            Self::Superseded => "store.superseded",
            Self::Closed => "store.closed",
            Self::TooLarge { .. } => "store.too-large",
            Self::Forgotten => "store.forgotten",
        }
    }
}
