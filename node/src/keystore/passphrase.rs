//! The passphrase and where it comes from: never an argument, never the environment.

use std::ffi::OsString;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use age::secrecy::SecretString;
use unicode_normalization::UnicodeNormalization;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::{Error, file};

/// The name of the systemd credential (`LoadCredential=`) that holds the passphrase.
pub const CREDENTIAL: &str = "igain-passphrase";

/// Characters that a new passphrase needs: what NIST SP 800-63B-4 asks of a secret that is the only factor.
pub const PASSPHRASE_MIN: usize = 15;

/// Bytes of a passphrase, at most.
const PASSPHRASE_LIMIT: usize = 1024;

/// A passphrase in Unicode's form C, so that it is the same from every keyboard (RFC 8265, OpaqueString).
///
/// Wiped from memory when dropped; never shown.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct Passphrase(String);

impl Passphrase {
    /// Takes a passphrase as typed or read; `from` says in an error where it came from.
    ///
    /// # Errors
    /// [`Error::Passphrase`] for one that is empty, too long, or has control characters.
    pub fn new(text: &str, from: &str) -> Result<Self, Error> {
        let refuse = |fault| Err(Error::Passphrase { from: from.to_owned(), fault });
        match text {
            "" => refuse("is empty"),
            long if long.len() > PASSPHRASE_LIMIT => refuse("is longer than 1,024 bytes"),
            odd if odd.chars().any(char::is_control) => refuse("has more than one line, or control characters"),
            _ => {
                // Form C is at most three times as long as what was typed: reserved, so that no copy stays behind.
                let mut normal = String::with_capacity(text.len() * 3);
                normal.extend(text.nfc());
                Ok(Self(normal))
            }
        }
    }

    pub(super) fn check_strength(&self) -> Result<(), Error> {
        match self.0.chars().count() {
            length if length < PASSPHRASE_MIN => Err(Error::TooShort { length }),
            _ => Ok(()),
        }
    }

    pub(super) fn to_age(&self) -> SecretString {
        SecretString::from(self.0.as_str())
    }
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passphrase(..)")
    }
}

/// Where the passphrase comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// Asked for on the terminal, without echo.
    Prompt,
    /// The first line of a file that only its owner may read.
    File(PathBuf),
    /// The first line of an open file descriptor, such as a pipe.
    Descriptor(u32),
    /// The file of a systemd credential; systemd guards it.
    Credential(PathBuf),
}

impl Source {
    /// What the command line asked for; else the systemd credential, where `credentials` (the variable
    /// `CREDENTIALS_DIRECTORY`) names a folder that holds one; else the terminal.
    pub fn choose(file: Option<PathBuf>, descriptor: Option<u32>, credentials: Option<OsString>) -> Self {
        let credential = || {
            let path = Path::new(&credentials?).join(CREDENTIAL);
            path.exists().then_some(Self::Credential(path))
        };
        match (file, descriptor) {
            (Some(path), _) => Self::File(path),
            (None, Some(number)) => Self::Descriptor(number),
            (None, None) => credential().unwrap_or(Self::Prompt),
        }
    }

    /// Reads the passphrase of an existing bureau.
    ///
    /// # Errors
    /// [`Error::Open`] for a file that others may read, [`Error::NoTerminal`] where nobody can be asked, and those of
    /// [`Passphrase::new`].
    pub fn read(&self) -> Result<Passphrase, Error> {
        match self {
            Self::Prompt => ask("Passphrase: "),
            Self::File(path) => from_file(path, Guard::Ours),
            Self::Credential(path) => from_file(path, Guard::Systemd),
            Self::Descriptor(0) => first_line(io::stdin().lock(), Path::new("/dev/stdin")),
            Self::Descriptor(number) => from_file(&PathBuf::from(format!("/dev/fd/{number}")), Guard::Ours),
        }
    }

    /// Reads a new passphrase: a person types it twice.
    ///
    /// # Errors
    /// Those of [`Source::read`]; [`Error::Mismatch`]; [`Error::TooShort`].
    pub fn read_new(&self) -> Result<Passphrase, Error> {
        let passphrase = match self {
            Self::Prompt => ask("New passphrase: ")?,
            _ => self.read()?,
        };
        passphrase.check_strength()?;
        if *self == Self::Prompt && ask("The same again: ")? != passphrase {
            return Err(Error::Mismatch);
        }
        Ok(passphrase)
    }
}

/// Who sees to it that nobody else reads a file.
#[derive(PartialEq)]
enum Guard {
    Ours,
    Systemd,
}

fn ask(prompt: &str) -> Result<Passphrase, Error> {
    let typed = Zeroizing::new(rpassword::prompt_password(prompt).map_err(Error::NoTerminal)?);
    Passphrase::new(&typed, "the terminal")
}

fn from_file(path: &Path, guard: Guard) -> Result<Passphrase, Error> {
    let cannot = |cause| Error::Io { doing: "read the passphrase from", path: path.to_owned(), cause };
    let opened = File::open(path).map_err(cannot)?;
    // A pipe is private whatever its mode.
    if guard == Guard::Ours && opened.metadata().map_err(cannot)?.is_file() {
        file::check_private(path, &opened)?;
    }
    first_line(opened, path)
}

fn first_line(from: impl Read, path: &Path) -> Result<Passphrase, Error> {
    let cannot = |cause| Error::Io { doing: "read the passphrase from", path: path.to_owned(), cause };
    // One byte more than a line end after the longest, so that a longer one is seen to be so.
    let limit = PASSPHRASE_LIMIT + 3;
    let mut bytes = Zeroizing::new(Vec::with_capacity(limit));
    from.take(limit as u64).read_to_end(&mut bytes).map_err(cannot)?;
    let from = format!("`{}`", path.display());
    let Ok(text) = std::str::from_utf8(&bytes) else {
        return Err(Error::Passphrase { from, fault: "is not UTF-8 text" });
    };
    let line = text.strip_suffix('\n').map_or(text, |line| line.strip_suffix('\r').unwrap_or(line));
    Passphrase::new(line, &from)
}
