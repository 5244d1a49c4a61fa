//! The one configuration file, `igain.toml`: read strictly, explained in its own comments.

mod error;
mod read;
mod shape;
mod template;

use std::path::{Path, PathBuf};

use igain_protocol::bureau::BureauId;

use crate::office::Allowance;

pub use error::{Error, Problem};
pub use template::template;

/// Everything that an administrator decides outside of policy. Paths are absolute, or relative to the working folder
/// as the configuration file's own path is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The configuration file itself.
    pub file: PathBuf,
    /// This bureau.
    pub bureau: BureauId,
    /// Its full name, for its card.
    pub name: String,
    /// Where keys, store, audit log and index are.
    pub data: PathBuf,
    /// The policy file.
    pub policy: PathBuf,
    /// The socket of the API.
    pub api: PathBuf,
    /// The group whose members may open it; none where only the daemon's user may.
    pub api_group: Option<String>,
    /// The people file; none where only the daemon's user and root may ask.
    pub people: Option<PathBuf>,
    /// Multiaddrs to listen on.
    pub listen: Vec<String>,
    /// What the card says.
    pub card: Card,
    /// How long things are kept.
    pub retention: Retention,
    /// How records are exchanged.
    pub replication: Replication,
    /// What is written to the log.
    pub log: Log,
    /// Bounds.
    pub limits: Limits,
}

/// What the bureau's card says besides its name and keys.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Card {
    /// Multiaddrs at which peers reach the node; empty for a bureau that only calls out.
    pub addresses: Vec<String>,
    /// Languages the bureau works in, as BCP 47 tags.
    pub languages: Vec<String>,
    /// Whom to call.
    pub contacts: Vec<Contact>,
    /// Days that a card is valid for.
    pub valid_days: u32,
}

/// A point of contact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contact {
    /// What for.
    pub role: String,
    /// A person or an office.
    pub name: String,
    /// A mail address.
    pub email: Option<String>,
    /// A telephone number (E.164).
    pub phone: Option<String>,
}

/// How long things are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Days that a record is kept for where neither its author nor its mapping says.
    pub default_days: u32,
    /// Seconds within which a withdrawn or expired record is gone from the disk.
    pub erase_within_s: u32,
}

/// How records are exchanged with peers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Replication {
    /// Seconds between two looks at a quiet peer.
    pub interval_s: u32,
    /// Parcels that may be on their way from a peer, not yet taken in.
    pub window: u32,
}

/// What is written to the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Log {
    /// From here up.
    pub level: Level,
}

/// How much is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Level {
    /// What stops the node.
    Error,
    /// What an administrator should look at.
    Warn,
    /// What the node does.
    #[default]
    Info,
    /// How it does it.
    Debug,
    /// Every step.
    Trace,
}

impl Level {
    /// As the configuration file and `tracing` write it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}

/// Bounds on what the node takes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Enrolled peers.
    pub peers: u32,
    /// Requests to the API that may be under way.
    pub api_requests: u32,
    /// Hits that one query may return.
    pub query_hits: u32,
    /// Memory for the key directory's cache, in MiB.
    pub store_cache_mib: u32,
    /// What each member may spend in a day.
    pub member: Allowance,
}

impl Config {
    /// Reads the file at `path`.
    ///
    /// # Errors
    /// [`Error::Missing`], [`Error::Io`], or [`Error::Invalid`] with line and column.
    pub fn load(path: &Path) -> Result<Self, Error> {
        read::load(path)
    }

    /// Reads the text of a configuration file that is, or would be, at `path`.
    ///
    /// # Errors
    /// [`Error::Invalid`] with line and column.
    pub fn parse(text: &str, path: &Path) -> Result<Self, Error> {
        read::parse(text, path)
    }

    /// The key file.
    pub fn keystore(&self) -> PathBuf {
        self.data.join("keys.age")
    }
}

#[cfg(test)]
mod tests;
