//! The charter of a file: what its manager lays down for all members.

use std::fmt;
use std::str::FromStr;

use minicbor::{Decode, Encode};

use super::{CafId, Error, distinct};
use crate::bureau::{BureauId, KeyId, SigningKey, VerifyingKey};
use crate::codec::{self, Signed, Typ, text};
use crate::time::{Day, Timestamp};
use crate::vocabulary::{CrimeArea, Kind, Purpose, SubjectCategory};

/// Bytes of a signed charter: it travels in a parcel, with room for others beside it.
pub const CHARTER_LIMIT: usize = 16 * 1024;
/// Members of one file: more bureaus than there are countries.
pub const MEMBERS_LIMIT: usize = 256;
/// Bytes of a file's name.
pub const NAME_LIMIT: usize = 256;
/// Bytes of a file's scope: a page of text.
pub const SCOPE_LIMIT: usize = 4096;

const VERSION: u64 = 2;

/// What a member may do in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Encode, Decode)]
#[cbor(index_only)]
pub enum Role {
    /// Contributes, and runs the file with its manager.
    #[n(0)]
    Lead,
    /// Contributes records and reads those of others.
    #[n(1)]
    Contributor,
    /// Reads, and contributes nothing.
    #[n(2)]
    Reader,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 3] = [Self::Lead, Self::Contributor, Self::Reader];

    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Lead => "lead",
            Self::Contributor => "contributor",
            Self::Reader => "reader",
        }
    }

    /// Whether a member in this role may put records into the file.
    pub const fn contributes(self) -> bool {
        matches!(self, Self::Lead | Self::Contributor)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Role {
    type Err = Error;

    fn from_str(typed: &str) -> Result<Self, Error> {
        let unknown = || Error::Unknown { field: "roles", value: text::shorten(typed) };
        Self::ALL.into_iter().find(|role| role.as_str() == typed).ok_or_else(unknown)
    }
}

/// What a file is for, who takes part and for how long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Charter {
    /// Which file: [`CafId::of`] its manager and the nonce.
    pub id: CafId,
    /// Chosen at random by its manager, and never changed.
    pub nonce: [u8; 16],
    /// Its name for people.
    pub name: String,
    /// Why data is processed in it (art. 10 of the Rules); it cannot change.
    pub purpose: Purpose,
    /// What it is about.
    pub crime_area: CrimeArea,
    /// What belongs into it, in words.
    pub scope: String,
    /// The bureau that answers for it and signs the charter.
    pub manager: BureauId,
    /// Counts the charter's versions: a higher one replaces a lower one.
    pub serial: u64,
    /// When it was opened.
    pub opened: Timestamp,
    /// The last day on which it is open.
    pub closes: Day,
    /// The kinds of records that it takes; empty: all.
    pub kinds: Vec<Kind>,
    /// The categories of persons that it takes; empty: all.
    pub categories: Vec<SubjectCategory>,
    /// Who is invited, in which role; the manager need not be named, it leads.
    pub members: Vec<(BureauId, Role)>,
    /// When it was closed for good before its time.
    pub closed: Option<Timestamp>,
}

impl Charter {
    /// Signs the charter with its manager's key.
    ///
    /// # Errors
    /// Whatever a reader would refuse.
    pub fn sign(&self, key: &SigningKey) -> Result<SignedCharter, Error> {
        self.check()?;
        let bytes = codec::sign(Typ::Charter, &codec::encode(&Wire::from(self)), key);
        bounded(&bytes)?;
        Ok(SignedCharter { charter: self.clone(), bytes })
    }

    /// The role of a bureau in the file; the manager leads.
    pub fn role_of(&self, bureau: BureauId) -> Option<Role> {
        if bureau == self.manager {
            return Some(Role::Lead);
        }
        self.members.iter().find(|(member, _)| *member == bureau).map(|(_, role)| *role)
    }

    /// Whether the file takes records of a kind, and of a category where they have one.
    pub fn takes(&self, kind: Kind, category: Option<SubjectCategory>) -> bool {
        let kinds = self.kinds.is_empty() || self.kinds.contains(&kind);
        kinds && category.is_none_or(|category| self.categories.is_empty() || self.categories.contains(&category))
    }

    /// Whether anything may be shared in the file at `now`.
    ///
    /// # Errors
    /// [`Error::Closed`] and [`Error::Over`].
    pub fn check_open(&self, now: Timestamp) -> Result<(), Error> {
        if self.closed.is_some() {
            return Err(Error::Closed);
        }
        match self.closes.plus_days(1).start() {
            end if now < end => Ok(()),
            end => Err(Error::Over(end)),
        }
    }

    /// Whether this charter takes the place of `older`: same file, manager and purpose, higher serial, and not open
    /// again where `older` is closed.
    ///
    /// # Errors
    /// What is not so.
    pub fn supersedes(&self, older: &Self) -> Result<(), Error> {
        if self.id != older.id {
            return Err(Error::Other("file"));
        }
        if self.manager != older.manager {
            return Err(Error::Other("manager"));
        }
        if self.purpose != older.purpose {
            return Err(Error::Other("purpose"));
        }
        if self.serial <= older.serial {
            return Err(Error::NotNewer { old: older.serial, new: self.serial });
        }
        match older.closed.is_some() && self.closed != older.closed {
            true => Err(Error::Reopened),
            false => Ok(()),
        }
    }

    fn check(&self) -> Result<(), Error> {
        if self.id != CafId::of(self.manager, &self.nonce) {
            return Err(Error::NotItsId(self.id));
        }
        text::line(&self.name, NAME_LIMIT).map_err(|fault| Error::Text { field: "name", fault })?;
        text::prose(&self.scope, SCOPE_LIMIT).map_err(|fault| Error::Text { field: "scope", fault })?;
        distinct("kinds", &self.kinds, Kind::ALL.len())?;
        distinct("categories", &self.categories, SubjectCategory::ALL.len())?;
        let members: Vec<_> = self.members.iter().map(|(member, _)| *member).collect();
        distinct("members", &members, MEMBERS_LIMIT)?;
        if self.members.iter().any(|(member, role)| *member == self.manager && *role != Role::Lead) {
            return Err(Error::ManagerNotLead(self.manager));
        }
        match self.opened.day() {
            opened if self.closes < opened => Err(Error::Lifetime { opened, closes: self.closes }),
            _ => Ok(()),
        }
    }
}

/// A charter whose bounds are kept and whose signature was found to be by the manager's key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedCharter {
    charter: Charter,
    bytes: Vec<u8>,
}

impl SignedCharter {
    /// Who the document says manages the file, and signed with which key: to find the key for [`SignedCharter::verify`], and for nothing else.
    ///
    /// # Errors
    /// Bytes that are no charter.
    pub fn claims(bytes: &[u8]) -> Result<(BureauId, KeyId), Error> {
        bounded(bytes)?;
        let signed = Signed::parse(Typ::Charter, bytes)?;
        let wire: Wire = codec::decode_version(signed.payload(), VERSION)?;
        Ok((wire.manager, signed.kid()))
    }

    /// Reads a charter signed by `key`, which must be the key of the bureau that the charter names as its manager.
    ///
    /// # Errors
    /// Whatever is wrong with it.
    pub fn verify(bytes: &[u8], key: &VerifyingKey) -> Result<Self, Error> {
        bounded(bytes)?;
        let charter = Charter::from(codec::verify::<Wire>(Typ::Charter, bytes, key, VERSION)?);
        charter.check()?;
        Ok(Self { charter, bytes: bytes.to_vec() })
    }

    /// A charter in bytes that were verified when they were stored here: whatever key signed it then, it stays its
    /// manager's word. The signature is not checked.
    ///
    /// # Errors
    /// Bytes that are no charter.
    pub fn trusted(bytes: &[u8]) -> Result<Self, Error> {
        let wire: Wire = codec::decode_version(Signed::parse(Typ::Charter, bytes)?.payload(), VERSION)?;
        Ok(Self { charter: wire.into(), bytes: bytes.to_vec() })
    }

    /// The charter.
    pub fn charter(&self) -> &Charter {
        &self.charter
    }

    /// The signed bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }
}

fn bounded(bytes: &[u8]) -> Result<(), codec::Error> {
    match bytes.len() {
        0..=CHARTER_LIMIT => Ok(()),
        bytes => Err(codec::Error::TooLong { bytes, limit: CHARTER_LIMIT }),
    }
}

#[cfg(test)]
pub(super) fn wire(charter: &Charter) -> impl Encode<()> {
    Wire::from(charter)
}

#[derive(Encode, Decode)]
#[cbor(map)]
struct Wire {
    #[n(0)]
    version: u64,
    #[n(1)]
    id: CafId,
    #[n(2)]
    name: String,
    #[n(3)]
    purpose: Purpose,
    #[n(4)]
    crime_area: CrimeArea,
    #[n(5)]
    scope: String,
    #[n(6)]
    manager: BureauId,
    #[n(7)]
    serial: u64,
    #[n(8)]
    opened: Timestamp,
    #[n(9)]
    closes: Day,
    #[n(10)]
    kinds: Vec<Kind>,
    #[n(11)]
    categories: Vec<SubjectCategory>,
    #[n(12)]
    members: Vec<(BureauId, Role)>,
    #[n(13)]
    closed: Option<Timestamp>,
    #[cbor(n(14), with = "minicbor::bytes")]
    nonce: [u8; 16],
}

impl From<&Charter> for Wire {
    fn from(charter: &Charter) -> Self {
        let charter = charter.clone();
        Self {
            version: VERSION,
            id: charter.id,
            name: charter.name,
            purpose: charter.purpose,
            crime_area: charter.crime_area,
            scope: charter.scope,
            manager: charter.manager,
            serial: charter.serial,
            opened: charter.opened,
            closes: charter.closes,
            kinds: charter.kinds,
            categories: charter.categories,
            members: charter.members,
            closed: charter.closed,
            nonce: charter.nonce,
        }
    }
}

impl From<Wire> for Charter {
    fn from(wire: Wire) -> Self {
        Self {
            id: wire.id,
            name: wire.name,
            purpose: wire.purpose,
            crime_area: wire.crime_area,
            scope: wire.scope,
            manager: wire.manager,
            serial: wire.serial,
            opened: wire.opened,
            closes: wire.closes,
            kinds: wire.kinds,
            categories: wire.categories,
            members: wire.members,
            closed: wire.closed,
            nonce: wire.nonce,
        }
    }
}
