//! People: which persons the users of this machine are, and what each may do. Read from the people file, or, where there
//! is none, the daemon's own user alone.

mod error;
mod read;
mod role;
mod system;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

pub use error::{Error, Fault};
pub use role::{Role, Roles};
pub use system::{Group, own_uid};

/// The superuser's number.
const ROOT: u32 = 0;

/// The short name of a person, as the audit log has it: `a.mwangi`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PersonName(Arc<str>);

/// Characters of a name, at most.
const NAME_LIMIT: usize = 32;

impl PersonName {
    /// A name of small letters and digits, with dots, hyphens and underscores between them; nothing that could be a
    /// sentence.
    pub fn new(name: &str) -> Option<Self> {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let between = |byte: u8| plain(byte) || matches!(byte, b'.' | b'-' | b'_');
        let bytes = name.as_bytes();
        let ends = [bytes.first()?, bytes.last()?].into_iter().all(|byte| plain(*byte));
        let fits = ends && bytes.len() <= NAME_LIMIT && bytes.iter().all(|byte| between(*byte));
        // A name of digits alone would read as the number of a user.
        let told_apart = bytes.iter().any(u8::is_ascii_lowercase);
        (fits && told_apart).then(|| Self(name.into()))
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PersonName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Somebody who may ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// The person; none for the daemon's own user or root where the file does not name them.
    pub name: Option<PersonName>,
    /// What they may do.
    pub roles: Roles,
}

/// The people of one node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct People {
    /// The daemon's own user.
    own: u32,
    /// By the numbers of their users; none where there is no file.
    file: Option<Listed>,
}

/// What the people file says.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Listed {
    by_uid: BTreeMap<u32, Known>,
    persons: usize,
    sha256: [u8; 32],
}

impl People {
    /// No file: the daemon's own user and root, who may do everything.
    pub const fn only(own: u32) -> Self {
        Self { own, file: None }
    }

    /// Reads the people file, where the configuration names one.
    ///
    /// # Errors
    /// Where the file cannot be read, others could have written it, or something in it is not as it must be.
    pub fn load(path: Option<&Path>) -> Result<Self, Error> {
        let own = own_uid();
        let file = path.map(|path| read::load(path, own)).transpose()?;
        Ok(Self { own, file })
    }

    /// Who the user with this number is; none for a stranger.
    ///
    /// With a people file, the daemon's own user and root may at least look after the daemon: they could end it anyway.
    pub fn known(&self, uid: u32) -> Option<Known> {
        let listed = self.file.as_ref().and_then(|file| file.by_uid.get(&uid));
        let own = uid == self.own || uid == ROOT;
        let unnamed =
            || Known { name: None, roles: if self.file.is_some() { Role::Operator.into() } else { Roles::ALL } };
        listed.cloned().or_else(|| own.then(unnamed))
    }

    /// How many persons the file names.
    pub fn persons(&self) -> usize {
        self.file.as_ref().map_or(0, |file| file.persons)
    }

    /// What the file was, byte for byte; none where there is no file.
    pub fn sha256(&self) -> Option<[u8; 32]> {
        self.file.as_ref().map(|file| file.sha256)
    }
}

/// The people in force. Clones share them.
#[derive(Debug, Clone)]
pub struct InForce(Arc<RwLock<Arc<People>>>);

impl InForce {
    /// Puts people in force.
    pub fn new(people: People) -> Self {
        Self(Arc::new(RwLock::new(Arc::new(people))))
    }

    /// Those in force now.
    pub fn now(&self) -> Arc<People> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts others in their place.
    pub fn replace(&self, people: People) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(people);
    }
}
