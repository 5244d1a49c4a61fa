//! Why a backup cannot be made, read or put back.

use std::io;
use std::path::PathBuf;

/// Why a backup cannot be made, read or put back.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or folder cannot be used.
    #[error("cannot {doing} `{}`: {cause}. See that it is there, its permissions, and the free space", path.display())]
    Io {
        /// As a verb.
        doing: &'static str,
        /// Which.
        path: PathBuf,
        /// The system's reason.
        cause: io::Error,
    },
    /// An archive cannot be read.
    #[error("`{}` {fault}", path.display())]
    Archive {
        /// Its file.
        path: PathBuf,
        /// What is wrong with it.
        fault: Fault,
    },
    /// A key to seal to.
    #[error("`{0}` is no recipient. Give what `age-keygen` calls the public key, such as `age1...`")]
    Recipient(String),
    /// None, or too many of them.
    #[error("a backup is sealed to one to {limit} recipients, and {given} are given. Name them with --to-key")]
    Recipients {
        /// How many.
        given: usize,
        /// At most.
        limit: usize,
    },
    /// A file of identities cannot be used. What is in it is not told.
    #[error("`{}` {why}", path.display())]
    Identity {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, and what to do.
        why: &'static str,
    },
    /// Nothing to restore from.
    #[error("there is no backup in `{}`. Name the folder, or the archives themselves", .0.display())]
    Nothing(PathBuf),
    /// No archive of that name.
    #[error("there is no archive `{0}` here. `igain backup list` shows what there is")]
    NoSuch(String),
    /// It is not said which bureau's.
    #[error("these are backups of several bureaus or sets: {0}. Say which archive with --at")]
    Several(String),
    /// What an archive follows is not there.
    #[error(
        "`{}` follows archive {number} of its series, which is not here. Put it beside the others, or name an earlier archive \
         with --at",
        path.display()
    )]
    Missing {
        /// The file that follows it.
        path: PathBuf,
        /// The number of what is missing.
        number: u32,
    },
    /// Two archives do not fit each other.
    #[error("`{}` does not follow `{}`: {why}. Leave it out, and name an earlier archive with --at", path.display(), before.display())]
    Unfit {
        /// The file.
        path: PathBuf,
        /// What it should follow.
        before: PathBuf,
        /// Why it does not.
        why: String,
    },
    /// The folder to restore to is not empty.
    #[error("`{}` is there already, and not empty. Name a folder that is not there", .0.display())]
    NotEmpty(PathBuf),
    /// The folder to restore to is where another disk is mounted.
    #[error(
        "another disk is mounted at `{}`, and a folder is put together beside its place. Name one on that disk which is not there \
         yet, such as `{}`",
        .0.display(), .0.join("data").display()
    )]
    Mounted(PathBuf),
    /// Another restore was broken off.
    #[error("`{}` is left of a restore that was broken off, or is going on. Remove it, and restore again", .0.display())]
    Draft(PathBuf),
    /// What is to be saved is larger than it can be.
    #[error("`{}` is larger than {limit} bytes, more than a backup takes of such a file", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The most that is taken.
        limit: u64,
    },
    /// The books cannot be read.
    #[error(transparent)]
    Store(#[from] crate::store::Error),
    /// The audit log cannot be read.
    #[error(transparent)]
    Audit(#[from] crate::audit::Error),
    /// Nobody takes what is written, or it was told to stop.
    #[error("the backup was broken off: {0}")]
    Sink(io::Error),
}

/// What is wrong with one archive.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The system cannot read it.
    #[error("cannot be read: {0}. See that it is there, and its permissions")]
    Io(io::Error),
    /// Another kind of file.
    #[error("is no backup of this program: {0}. Leave it out")]
    Foreign(&'static str),
    /// Sealed to others.
    #[error("is not sealed to this identity. Use the one whose public key was given with --to-key when it was made")]
    WrongIdentity,
    /// Cut short or changed.
    #[error("is damaged: {0}. Fetch another copy of it, or name an earlier archive with --at")]
    Damaged(String),
    /// Of a newer program.
    #[error("has format version {found}, and this program knows {known}. Use the version that made it")]
    Version {
        /// What it says.
        found: u32,
        /// What is known.
        known: u32,
    },
    /// Whoever takes what is in it cannot go on.
    #[error("cannot be put back")]
    Sink(Box<Error>),
}

impl Error {
    /// What could not be done to a file.
    pub(super) fn io(doing: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |cause| Self::Io { doing, path, cause }
    }

    /// What is wrong with an archive; a failure of whoever takes its contents is that failure.
    pub(super) fn of(path: impl Into<PathBuf>) -> impl FnOnce(Fault) -> Self {
        let path = path.into();
        move |fault| match fault {
            Fault::Sink(error) => *error,
            fault => Self::Archive { path, fault },
        }
    }

    /// A stable name for scripts.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Io { .. } => "backup.io",
            Self::Archive { fault, .. } => match fault {
                Fault::Io(_) | Fault::Sink(_) => "backup.io",
                Fault::Foreign(_) => "backup.foreign",
                Fault::WrongIdentity => "backup.wrong-identity",
                Fault::Damaged(_) => "backup.damaged",
                Fault::Version { .. } => "backup.version",
            },
            Self::Recipient(_) | Self::Recipients { .. } => "backup.recipient",
            Self::Identity { .. } => "backup.identity",
            Self::Nothing(_) | Self::NoSuch(_) => "backup.none",
            Self::Several(_) => "backup.several",
            Self::Missing { .. } => "backup.gap",
            Self::Unfit { .. } => "backup.unfit",
            Self::NotEmpty(_) => "backup.not-empty",
            Self::Mounted(_) => "backup.mounted",
            Self::Draft(_) => "backup.draft",
            Self::TooLarge { .. } => "backup.too-large",
            Self::Store(error) => error.code(),
            Self::Audit(error) => error.code(),
            Self::Sink(_) => "backup.broken-off",
        }
    }
}
