//! Why a command fails, and the exit code that says so.

use std::io;
use std::path::PathBuf;

use axum::http::StatusCode;

use crate::api::Problem;
use crate::{api, backup, config, daemon, keystore};

/// Why a command fails.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// What was typed makes no sense.
    #[error("{0}")]
    Usage(String),
    /// The daemon refuses or cannot be reached.
    #[error(transparent)]
    Api(#[from] api::client::Error),
    /// A problem that was found without the daemon.
    #[error(transparent)]
    Problem(#[from] Problem),
    /// The configuration cannot be read.
    #[error(transparent)]
    Config(#[from] config::Error),
    /// Keys or passphrase cannot be had.
    #[error(transparent)]
    Keystore(#[from] keystore::Error),
    /// Archives cannot be read or put back.
    #[error(transparent)]
    Backup(#[from] backup::Error),
    /// The daemon does not run.
    #[error(transparent)]
    Daemon(#[from] daemon::Error),
    /// A file cannot be read or written.
    #[error("cannot {doing} `{}`: {cause}. {}", path.display(), remedy(cause))]
    File {
        /// As a verb.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's reason.
        cause: io::Error,
    },
    /// Nothing more can be printed.
    #[error("cannot print: {0}")]
    Print(io::Error),
    /// The user said no, or nobody could be asked.
    #[error("{0}")]
    Declined(String),
    /// Something was looked at and is not as it should be; what, has been printed.
    #[error("{what}")]
    Found {
        /// The stable name of what was found, for machines.
        code: &'static str,
        /// What it is, and what to do.
        what: String,
    },
}

fn remedy(cause: &io::Error) -> &'static str {
    match cause.kind() {
        io::ErrorKind::InvalidData => "Save it as UTF-8 text",
        _ => "See that it exists and its permissions",
    }
}

impl Error {
    /// What could not be done to a file.
    pub(super) fn file(doing: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |cause| Self::File { doing, path, cause }
    }

    /// Something that is not as it should be.
    pub(super) fn found(code: &'static str, what: impl Into<String>) -> Self {
        Self::Found { code, what: what.into() }
    }

    /// 1 refused or failed, 2 wrong usage, 3 no daemon, 4 not found.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) => 2,
            Self::Api(api::client::Error::Unreachable { .. } | api::client::Error::Closed(_)) => 3,
            Self::Api(api::client::Error::Refused(problem)) | Self::Problem(problem) if problem.is_absent() => 4,
            // Whoever reads what is printed has seen enough.
            Self::Print(cause) if cause.kind() == io::ErrorKind::BrokenPipe => 0,
            _ => 1,
        }
    }

    /// As a problem document.
    pub(super) fn problem(&self) -> Problem {
        match self {
            Self::Api(api::client::Error::Refused(problem)) | Self::Problem(problem) => problem.clone(),
            Self::Usage(wrong) => Problem::new(StatusCode::BAD_REQUEST, "cli.usage", wrong.clone()),
            error => {
                let code = match error {
                    Self::Api(api::client::Error::Unreachable { .. }) => "daemon.unreachable",
                    Self::Api(api::client::Error::Closed(_)) => "daemon.closed",
                    Self::Api(_) => "daemon.answer",
                    Self::Config(error) => error.code(),
                    Self::Keystore(error) => error.code(),
                    Self::Daemon(error) => error.code(),
                    Self::Backup(error) => error.code(),
                    Self::Declined(_) => "cli.declined",
                    Self::Found { code, .. } => code,
                    _ => "cli.file",
                };
                Problem::failed(code, error.to_string())
            }
        }
    }

    /// Whether there is nothing to say: whoever reads what is printed has gone.
    pub(super) fn is_silent(&self) -> bool {
        matches!(self, Self::Print(cause) if cause.kind() == io::ErrorKind::BrokenPipe)
    }
}
