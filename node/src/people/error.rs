//! Why a people file is refused.

use std::io;
use std::path::PathBuf;

use super::NAME_LIMIT;

/// What can go wrong with the people file.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It cannot be read.
    #[error("cannot read the people file `{}`: {cause}. Correct `people` in the configuration, or the file's permissions", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        cause: io::Error,
    },
    /// Others than root and the daemon's user could have written it.
    #[error("others could have written the people file `{file}`. Run: chown root {file} && chmod go-w {file}", file = .0.display())]
    Writable(PathBuf),
    /// It says something that cannot be.
    #[error("{}:{line}: {fault}", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// From 1.
        line: usize,
        /// What is wrong there.
        fault: Fault,
    },
}

/// What is wrong at a place in the file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Not TOML, or not of the form that it must have.
    #[error("{0}. Write each person as [[person]] with name, users and roles; configs/people.toml is an example")]
    Toml(String),
    /// Not a short name.
    #[error(
        "`{0}` is no short name. Use at most {NAME_LIMIT} small letters and digits, with . - _ between them, like a.mwangi"
    )]
    Name(String),
    /// Two persons of one name.
    #[error("`{0}` is named twice. Give every person a name of their own, and all their users in one list")]
    NameTwice(String),
    /// A role that there is not.
    #[error("there is no role `{0}`. Use: analyst, contributor, policy-administrator, auditor, operator")]
    Role(String),
    /// A person without a role, or without a user.
    #[error("`{0}` is empty. A person has at least one, or is left out")]
    Empty(&'static str),
    /// More than anybody needs.
    #[error("`{0}` has more than {1} entries. Leave some out")]
    TooMany(&'static str, usize),
    /// A user that this machine does not know.
    #[error("this machine has no user `{0}`. Correct the name, or give the user's number")]
    User(String),
    /// A number that several users may have.
    #[error(
        "the user {0} may be anybody: the kernel shows users of other namespaces by it. Give each person a user of their own; under systemd, set PrivateUsers=no"
    )]
    SharedUser(u32),
    /// One user for two persons.
    #[error("the user `{0}` is given twice. One user is one person: whose it is must be certain")]
    UserTwice(String),
}

impl Error {
    /// A stable name for scripts.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Io { .. } => "people.io",
            Self::Writable(_) => "people.writable",
            Self::Invalid { .. } => "people.invalid",
        }
    }

    /// The line that is wrong, where one is.
    pub const fn line(&self) -> Option<usize> {
        match self {
            Self::Invalid { line, .. } => Some(*line),
            _ => None,
        }
    }
}
