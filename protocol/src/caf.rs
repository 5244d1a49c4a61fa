//! Crime analysis files (CAFs): a joint file for one purpose, with a manager, members, roles and a lifetime
//! (INTERPOL's Rules on the Processing of Data, art. 68-72).
//!
//! The manager signs the [`Charter`]; each member signs its [`Acceptance`]. Without both, nothing is shared in a file.

mod acceptance;
mod charter;
mod id;
mod newer;
mod subset;

pub use acceptance::{Acceptance, Membership, SignedAcceptance};
pub use charter::{CHARTER_LIMIT, Charter, MEMBERS_LIMIT, NAME_LIMIT, Role, SCOPE_LIMIT, SignedCharter};
pub use id::CafId;
pub use newer::Newer;
pub use subset::{OWNERS_LIMIT, Subset};

use crate::bureau::BureauId;
use crate::codec::{self, text};
use crate::time::{Day, Timestamp};

/// Why a charter, an acceptance or a part of one is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Not a signed document, or not by the key at hand.
    #[error(transparent)]
    Document(#[from] codec::Error),
    /// Not the id of a file.
    #[error("`{0}` is not the id of a crime analysis file. Copy it from `igain caf list`")]
    Id(String),
    /// An id that is not made of the manager and the nonce.
    #[error("the charter's id {0} is not that of its manager's file. Nothing was taken over")]
    NotItsId(CafId),
    /// A text is empty, too long or has control characters.
    #[error("the charter's {field} {fault}. Correct it and sign the charter again")]
    Text {
        /// Which.
        field: &'static str,
        /// What is wrong with it.
        fault: text::Fault,
    },
    /// Too many of something.
    #[error("there are {count} {field}, and {limit} is the limit. Leave some out")]
    TooMany {
        /// Of what.
        field: &'static str,
        /// How many.
        count: usize,
        /// The most that are taken.
        limit: usize,
    },
    /// The same thing twice in a list.
    #[error("`{value}` stands twice among the {field}. Leave one out")]
    Twice {
        /// Which list.
        field: &'static str,
        /// What stands there twice.
        value: String,
    },
    /// The manager has a lesser role among the members.
    #[error("{0} manages the file and must be its lead. Change its role or leave it out of the members")]
    ManagerNotLead(BureauId),
    /// It ends before it begins.
    #[error("the file closes on {closes}, before it opens on {opened}. Correct the day and sign the charter again")]
    Lifetime {
        /// Begin.
        opened: Day,
        /// End.
        closes: Day,
    },
    /// About another file, by another manager, or by another member.
    #[error("this is not about the same {0} as the one that is known. Nothing was changed")]
    Other(&'static str),
    /// Not newer than what is known.
    #[error("this has serial {new}, and {old} is known already. Ask for the newest one")]
    NotNewer {
        /// The serial that is known.
        old: u64,
        /// The serial of this one.
        new: u64,
    },
    /// A closed file stays closed.
    #[error("the file is closed and cannot be opened again. Open a new one")]
    Reopened,
    /// Closed by its manager before its time.
    #[error("the file was closed by its manager. Nothing is shared in it any more")]
    Closed,
    /// Its time is over.
    #[error("the file's time was over on {0}. Ask its manager for a new charter, or nothing is shared in it")]
    Over(Timestamp),
    /// Not a subset.
    #[error("`{0}` is not a subset. Write it like kinds=phone,vehicle;areas=cocaine-trafficking;owners=KE,FR")]
    Subset(String),
    /// A word of a subset that its list does not have.
    #[error("`{value}` is not one of the {field}. See `igain record schema` for the lists")]
    Unknown {
        /// Which list.
        field: &'static str,
        /// The word, shortened.
        value: String,
    },
}

impl Error {
    /// The stable name of this kind of error, for machines.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Document(error) => error.code(),
            Self::Id(_) => "caf.id",
            Self::NotItsId(_) => "caf.not-its-id",
            Self::Text { .. } => "caf.text",
            Self::TooMany { .. } => "caf.too-many",
            Self::Twice { .. } => "caf.twice",
            Self::ManagerNotLead(_) => "caf.manager-not-lead",
            Self::Lifetime { .. } => "caf.lifetime",
            Self::Other(_) => "caf.other",
            Self::NotNewer { .. } => "caf.not-newer",
            Self::Reopened => "caf.reopened",
            Self::Closed => "caf.closed",
            Self::Over(_) => "caf.over",
            Self::Subset(_) => "caf.subset",
            Self::Unknown { .. } => "caf.unknown",
        }
    }
}

/// Checks a list for its length and for anything that stands in it twice.
fn distinct<T: PartialEq + std::fmt::Display>(field: &'static str, items: &[T], limit: usize) -> Result<(), Error> {
    if items.len() > limit {
        return Err(Error::TooMany { field, count: items.len(), limit });
    }
    let twice = items.iter().enumerate().find(|(index, item)| items.iter().take(*index).any(|other| other == *item));
    match twice {
        Some((_, item)) => Err(Error::Twice { field, value: item.to_string() }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
