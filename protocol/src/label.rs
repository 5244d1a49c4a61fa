//! Labels: everything about a record that sharing policy may look at, and nothing else.
//!
//! Records with equal labels form a **class**; policy decides once per class and bureau.

mod audience;
mod derived;
mod files;

use std::collections::BTreeSet;
use std::fmt;

use minicbor::{Decode, Encode};
use sha2::{Digest as _, Sha256};

use crate::caf::CafId;
use crate::codec;
use crate::vocabulary::{AgeGroup, CrimeArea, Grading, HandlingCode, Kind, Pap, SubjectCategory, Tlp};

pub use audience::{AUDIENCE_LIMIT, Audience};

/// Most Crime Analysis Files that a record belongs to.
pub const FILES_LIMIT: usize = 8;

/// Most bytes of the words of handling code H3.
pub const NOTE_LIMIT: usize = 2_048;

/// What policy may look at.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(map)]
pub struct Label {
    /// What the record is about.
    #[n(0)]
    pub kind: Kind,
    /// The Crime Analysis Files that it belongs to, ascending: a bureau may have it only if each of them lets it.
    #[cbor(n(1), with = "files", has_nil)]
    pub cafs: Vec<CafId>,
    /// How far it may travel.
    #[n(2)]
    pub tlp: Tlp,
    /// What may be done with it.
    #[n(3)]
    pub pap: Option<Pap>,
    /// Handling codes, ascending.
    #[n(4)]
    pub handling: Vec<HandlingCode>,
    /// The words of handling code H3.
    #[n(5)]
    pub note: Option<String>,
    /// What a person is to the matter.
    #[n(6)]
    pub category: Option<SubjectCategory>,
    /// The kind of crime that it concerns.
    #[n(7)]
    pub crime_area: Option<CrimeArea>,
    /// Who may have it at most, whatever policy says.
    #[n(8)]
    pub audience: Audience,
    /// How reliable it is; none in a draft.
    #[n(9)]
    pub grading: Option<Grading>,
    /// How old a person is, as far as protection goes.
    #[n(10)]
    pub age_group: Option<AgeGroup>,
}

/// Why a label is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Not the CBOR of a label.
    #[error(transparent)]
    Document(#[from] codec::Error),
    /// A list is not in ascending order, or says something twice.
    #[error("the label's {0} are not in ascending order without repeats. Its sender breaks the protocol")]
    Order(&'static str),
    /// Too many recipients.
    #[error("the label names more than {AUDIENCE_LIMIT} recipients. Share through a CAF instead")]
    Audience,
    /// Too many files.
    #[error("the label names more than {FILES_LIMIT} crime analysis files. Leave some out")]
    Files,
    /// An age group of what is no person.
    #[error("only a person has an age group. Leave it out")]
    AgeGroup,
    /// H3 without words, or words without H3.
    #[error("handling code H3 needs a note, one line of at most {NOTE_LIMIT} bytes, and a note needs H3")]
    Note,
}

impl Label {
    /// A label that says only the kind and the TLP marking.
    pub const fn new(kind: Kind, tlp: Tlp) -> Self {
        Self {
            kind,
            cafs: Vec::new(),
            tlp,
            pap: None,
            handling: Vec::new(),
            note: None,
            category: None,
            crime_area: None,
            audience: Audience::Anyone,
            grading: None,
            age_group: None,
        }
    }

    /// The label with a grading.
    #[must_use]
    pub fn graded(self, grading: Grading) -> Self {
        Self { grading: Some(grading), ..self }
    }

    /// The label with its lists in the order that its encoding demands.
    #[must_use]
    pub fn sorted(mut self) -> Self {
        self.cafs = self.cafs.into_iter().collect::<BTreeSet<_>>().into_iter().collect();
        self.handling = self.handling.into_iter().collect::<BTreeSet<_>>().into_iter().collect();
        self.audience = self.audience.sorted();
        self
    }

    /// Whether the lists are in order and within their bounds.
    ///
    /// # Errors
    /// What is wrong with the label.
    pub fn check(&self) -> Result<(), Error> {
        if !self.cafs.is_sorted_by(|a, b| a < b) {
            return Err(Error::Order("crime analysis files"));
        }
        if self.cafs.len() > FILES_LIMIT {
            return Err(Error::Files);
        }
        if !self.handling.is_sorted_by(|a, b| a < b) {
            return Err(Error::Order("handling codes"));
        }
        self.audience.check()?;
        if self.age_group.is_some() && self.kind != Kind::Person {
            return Err(Error::AgeGroup);
        }
        let noted = self.note.as_ref().is_some_and(|note| codec::text::line(note, NOTE_LIMIT).is_ok());
        let needed = self.handling.contains(&HandlingCode::H3);
        if noted == needed && noted == self.note.is_some() { Ok(()) } else { Err(Error::Note) }
    }

    /// The one encoding of the label.
    pub fn canonical(&self) -> Vec<u8> {
        codec::encode(self)
    }

    /// The label of its encoding.
    ///
    /// # Errors
    /// Whatever is not the one encoding of a label within its bounds.
    pub fn decode(bytes: &[u8]) -> Result<Self, Error> {
        let label: Self = codec::decode(bytes)?;
        label.check()?;
        Ok(label)
    }

    /// Names the label to who holds records with it.
    pub fn digest(&self) -> LabelDigest {
        LabelDigest::of(&self.canonical())
    }

    /// The handling banner: what everyone who sees the record must see first.
    pub fn banner(&self) -> String {
        let mut banner = format!("TLP:{}", self.tlp.code().to_uppercase());
        if let Some(pap) = self.pap {
            banner += &format!(" PAP:{}", pap.code().to_uppercase());
        }
        self.handling.iter().for_each(|code| banner += &format!(" {code}"));
        if self.age_group == Some(AgeGroup::Minor) {
            banner += " MINOR";
        }
        if let Some(note) = &self.note {
            banner += &format!(" ({note})");
        }
        banner
    }
}

/// The first 16 bytes of a hash over a label's encoding: who holds a record knows its label, nobody else is told it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LabelDigest([u8; 16]);

impl LabelDigest {
    /// The digest of a label's encoding.
    pub(crate) fn of(label: &[u8]) -> Self {
        let mut hash = Sha256::new();
        hash.update(b"igain label 1");
        hash.update(label);
        let mut digest = [0; 16];
        digest.iter_mut().zip(hash.finalize()).for_each(|(to, from)| *to = from);
        Self(digest)
    }

    /// A digest as it came.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The 16 bytes.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Debug for LabelDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

#[cfg(test)]
mod tests;
