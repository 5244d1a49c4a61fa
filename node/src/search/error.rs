//! What can go wrong with the name index.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use tantivy::TantivyError;
use tantivy::directory::error::{OpenReadError, OpenWriteError};

use super::directory::OpenError;

/// Why the index did not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Another process has it.
    #[error("another process uses the index `{}`. Stop the other daemon of this bureau first", .0.display())]
    Locked(PathBuf),
    /// A file is not what was written.
    #[error("the name index is damaged: {0}. Restart the daemon, and it is made again from the store")]
    Damaged(String),
    /// The disk, or the system, fails.
    #[error("the name index cannot be read or written: {0}. See that the disk works and has space")]
    Io(String),
    /// The index's thread has stopped.
    #[error("the name index stopped: {0}. See that the disk has space; what came since its last commit is put again")]
    Stopped(String),
    /// Files are in use.
    #[error("files of the name index are in use. Try again")]
    Busy,
    /// More words than a name has.
    #[error("the query has {0} words, and {limit} is the limit. Leave some out", limit = super::query::WORDS_LIMIT)]
    TooManyWords(usize),
    /// Not a place among hits.
    #[error("`{0}` is no place to go on from. Give what the last answer gave")]
    Rank(String),
}

impl Error {
    pub(super) fn opening(dir: &Path, cause: OpenError) -> Self {
        match cause {
            OpenError::Locked => Self::Locked(dir.to_owned()),
            OpenError::Io(cause) => Self::Io(format!("`{}`: {cause}", dir.display())),
        }
    }

    /// What went wrong while writing: nothing since the last commit counts.
    pub(super) fn writing(cause: TantivyError) -> Self {
        match Self::from(cause) {
            Self::Io(why) => Self::Stopped(why),
            other => other,
        }
    }
}

impl From<io::Error> for Error {
    fn from(cause: io::Error) -> Self {
        match cause.kind() {
            ErrorKind::InvalidData | ErrorKind::UnexpectedEof | ErrorKind::InvalidInput => {
                Self::Damaged(cause.to_string())
            }
            _ => Self::Io(cause.to_string()),
        }
    }
}

impl From<TantivyError> for Error {
    fn from(cause: TantivyError) -> Self {
        let from_io = |cause: &io::Error| Self::from(io::Error::new(cause.kind(), cause.to_string()));
        match &cause {
            TantivyError::IoError(cause)
            | TantivyError::OpenReadError(OpenReadError::IoError { io_error: cause, .. })
            | TantivyError::OpenWriteError(OpenWriteError::IoError { io_error: cause, .. }) => from_io(cause),
            TantivyError::ErrorInThread(_)
            | TantivyError::SystemError(_)
            | TantivyError::LockFailure(..)
            | TantivyError::Poisoned => Self::Stopped(one_line(&cause)),
            _ => Self::Damaged(one_line(&cause)),
        }
    }
}

fn one_line(cause: &TantivyError) -> String {
    cause.to_string().lines().next().unwrap_or_default().to_owned()
}
