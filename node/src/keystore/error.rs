//! Why keys cannot be had.

use std::io;
use std::path::PathBuf;

/// What can go wrong with a key file or a passphrase.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is a key file already.
    #[error("`{}` exists already. Keys are never overwritten: give another folder, or keep the bureau that is there", .0.display())]
    Exists(PathBuf),
    /// There is no key file.
    #[error("there is no key file `{}`. After `igain backup restore` it lies in the folder `from-backup` beside it: move it here; otherwise restore it from its backup. Run `igain init` only for a bureau that never had one", .0.display())]
    Missing(PathBuf),
    /// Somebody else changes it.
    #[error("another command changes the key file `{}` at this moment. Wait until it has ended, then see whether there is anything left to do", .0.display())]
    Busy(PathBuf),
    /// Others than the owner may use the file.
    #[error("`{}` has mode {mode:04o}, so that others than its owner may use it. Run: chmod 600 {}", path.display(), path.display())]
    Open {
        /// The file with a secret.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// The passphrase does not open the file.
    #[error("the passphrase does not open `{}`. Type it again; if it is right, restore the file from its backup", .0.display())]
    WrongPassphrase(PathBuf),
    /// Not a key file, or not any more.
    #[error("`{}` is not a key file of this version, or damaged: {why}. Restore it from its backup", path.display())]
    Damaged {
        /// The key file.
        path: PathBuf,
        /// What does not fit.
        why: &'static str,
    },
    /// The file asks for absurd work before a passphrase can even be tried.
    #[error("`{}` asks for 2^{required} rounds of work, more than any key file of this node. Restore it from its backup", path.display())]
    Excessive {
        /// The key file.
        path: PathBuf,
        /// Two to this power.
        required: u8,
    },
    /// A new passphrase is too easily guessed.
    #[error(
        "the passphrase has {length} characters and needs {}. Choose several unrelated words",
        super::PASSPHRASE_MIN
    )]
    TooShort {
        /// Characters given.
        length: usize,
    },
    /// A passphrase that cannot be typed again.
    #[error("the passphrase from {from} {fault}. Give one line of text")]
    Passphrase {
        /// Where it came from.
        from: String,
        /// What is wrong with it.
        fault: &'static str,
    },
    /// Typed twice, differently.
    #[error("the two passphrases differ. Run the command again")]
    Mismatch,
    /// Nobody to ask.
    #[error("no terminal to ask for the passphrase on: {0}. Give --passphrase-file, --passphrase-fd or a systemd credential `{credential}`", credential = super::CREDENTIAL)]
    NoTerminal(io::Error),
    /// A card has no room for another former key.
    #[error(
        "the signing key was replaced {} times already, and a card has room for no more. Make new keys with `igain init` \
         in another folder, and have the bureaus that you share with enrol the new card",
        igain_protocol::bureau::card::LIST_LIMIT
    )]
    Rotations,
    /// The system gives no randomness.
    #[error("the system gives no randomness: {0}. Do not make keys on this machine")]
    Randomness(String),
    /// The system refuses something.
    #[error("cannot {doing} `{}`: {cause}. See that the folder exists, is writable and has space", path.display())]
    Io {
        /// As a verb.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's reason.
        cause: io::Error,
    },
}

impl Error {
    /// A stable name for scripts.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Exists(_) => "keystore.exists",
            Self::Missing(_) => "keystore.missing",
            Self::Busy(_) => "keystore.busy",
            Self::Open { .. } => "keystore.open-to-others",
            Self::WrongPassphrase(_) => "passphrase.wrong",
            Self::Damaged { .. } => "keystore.damaged",
            Self::Excessive { .. } => "keystore.excessive",
            Self::TooShort { .. } => "passphrase.too-short",
            Self::Passphrase { .. } => "passphrase.malformed",
            Self::Mismatch => "passphrase.mismatch",
            Self::NoTerminal(_) => "passphrase.no-terminal",
            Self::Rotations => "keystore.rotations",
            Self::Randomness(_) => "randomness",
            Self::Io { .. } => "keystore.io",
        }
    }
}
