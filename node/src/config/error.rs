//! Why a configuration is refused.

use std::io;
use std::path::PathBuf;

/// What can go wrong with the configuration file.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is none.
    #[error("there is no configuration file `{}`. Run `igain init` first, or give its path with --config", .0.display())]
    Missing(PathBuf),
    /// It cannot be read.
    #[error("cannot read the configuration `{}`: {cause}. See its permissions", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        cause: io::Error,
    },
    /// It says something that cannot be.
    #[error("{}:{line}:{column}: {problem}", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// From 1.
        line: usize,
        /// In characters, from 1.
        column: usize,
        /// What is wrong.
        problem: Problem,
    },
}

/// What is wrong at a place in the file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// Not TOML, or a value of the wrong type.
    #[error("{0}. Correct the line; `igain init` writes a file with every key explained")]
    Toml(String),
    /// A key that the node does not know.
    #[error("unknown key `{key}`. {}", suggestion(nearest.as_deref(), known))]
    UnknownKey {
        /// As written.
        key: String,
        /// The known key that is most like it.
        nearest: Option<String>,
        /// What may stand there.
        known: String,
    },
    /// A key that must be there is not.
    #[error("the key `{0}` is missing. Add it; `igain init` writes a file with every key explained")]
    MissingKey(String),
    /// Not the name of a bureau.
    #[error("`{0}` is no bureau. Write a country's two capital letters, and perhaps an office, like `FR-LYON`")]
    Bureau(String),
    /// Not an address to listen on.
    #[error("`{0}` is no address. Write it like `/ip4/0.0.0.0/udp/7946/quic-v1` or `/ip4/0.0.0.0/tcp/7946`")]
    Address(String),
    /// A text that is empty, too long, or has control characters.
    #[error("`{key}` {fault}. Write one short line")]
    Text {
        /// Of what.
        key: &'static str,
        /// What is wrong with it.
        fault: &'static str,
    },
    /// A number outside its bounds.
    #[error("`{key}` is {value}, outside {least} to {most}. {why}")]
    Range {
        /// Of what.
        key: &'static str,
        /// As written.
        value: i64,
        /// The least that makes sense.
        least: u32,
        /// The most that makes sense.
        most: u32,
        /// Why these bounds, as a sentence.
        why: &'static str,
    },
    /// More entries than anybody needs.
    #[error("`{key}` has {count} entries, and {most} is the limit. Leave some out")]
    TooMany {
        /// Of what.
        key: &'static str,
        /// How many.
        count: usize,
        /// How many there may be.
        most: usize,
    },
}

impl Error {
    /// A stable name for scripts.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Missing(_) => "config.missing",
            Self::Io { .. } => "config.io",
            Self::Invalid { problem, .. } => problem.code(),
        }
    }
}

impl Problem {
    const fn code(&self) -> &'static str {
        match self {
            Self::Toml(_) => "config.malformed",
            Self::UnknownKey { .. } => "config.unknown-key",
            Self::MissingKey(_) => "config.missing-key",
            Self::Bureau(_) | Self::Address(_) | Self::Text { .. } | Self::Range { .. } | Self::TooMany { .. } => {
                "config.value"
            }
        }
    }
}

fn suggestion(nearest: Option<&str>, known: &str) -> String {
    match nearest {
        Some(nearest) => format!("Did you mean `{nearest}`?"),
        None => format!("What may stand here: {known}"),
    }
}
