use std::fmt;
use std::str::FromStr;

use minicbor::{Decode, Decoder, Encode, Encoder, decode, encode};

use super::{UnknownCode, closed_list};

closed_list! {
    /// A disclosure group: fields that policy grants or withholds together. The project's own list.
    Group, "disclosure group" {
        Core = 0, "core", "What it is, where and when, without saying who";
        Identity = 1, "identity", "Names, birth, nationality, appearance";
        Identifiers = 2, "identifiers", "Numbers that single out: documents, phones, accounts, plates";
        Narrative = 3, "narrative", "Free text";
        Source = 4, "source", "Where the knowledge comes from";
        Contact = 5, "contact", "Whom to ask";
    }
}

/// A set of disclosure groups. In CBOR a number, bit n for the group with number n.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct GroupSet(u32);

impl GroupSet {
    /// No group: nothing may be disclosed.
    pub const EMPTY: Self = Self(0);
    /// Every group.
    pub const ALL: Self = Self(0b11_1111);

    /// The set as a bit mask, bit n for the group with number n.
    pub const fn bits(self) -> u32 {
        self.0
    }

    /// The set of a bit mask; none where it names a group that does not exist.
    pub const fn from_bits(bits: u32) -> Option<Self> {
        if bits & !Self::ALL.0 == 0 { Some(Self(bits)) } else { None }
    }

    /// The groups of a bit mask that are known here.
    #[expect(clippy::cast_possible_truncation, reason = "what is cut off is not known here")]
    pub const fn from_bits_known(bits: u64) -> Self {
        Self(bits as u32 & Self::ALL.0)
    }

    /// Adds a group.
    pub const fn insert(&mut self, group: Group) {
        self.0 |= 1 << group.number();
    }

    /// Removes a group.
    pub const fn remove(&mut self, group: Group) {
        self.0 &= !(1 << group.number());
    }

    /// Whether a group is in the set.
    pub const fn contains(self, group: Group) -> bool {
        self.0 & (1 << group.number()) != 0
    }

    /// Whether the set has no group.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether every group of this set is in `other`.
    pub const fn is_subset(self, other: Self) -> bool {
        self.0 & !other.0 == 0
    }

    /// The groups in either set.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The groups in both sets.
    #[must_use]
    pub const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// The groups of this set that are not in `other`.
    #[must_use]
    pub const fn difference(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// The groups in the set, in their order.
    pub fn iter(self) -> impl Iterator<Item = Group> {
        Group::ALL.iter().copied().filter(move |group| self.contains(*group))
    }
}

impl FromIterator<Group> for GroupSet {
    fn from_iter<I: IntoIterator<Item = Group>>(groups: I) -> Self {
        let mut set = Self::EMPTY;
        groups.into_iter().for_each(|group| set.insert(group));
        set
    }
}

impl fmt::Display for GroupSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::EMPTY => f.pad("none"),
            Self::ALL => f.pad("all"),
            set => f.pad(&set.iter().map(Group::code).collect::<Vec<_>>().join("+")),
        }
    }
}

impl FromStr for GroupSet {
    type Err = UnknownCode;

    fn from_str(text: &str) -> Result<Self, UnknownCode> {
        match text.trim() {
            "none" => Ok(Self::EMPTY),
            "all" => Ok(Self::ALL),
            text => text.split(['+', ',']).map(str::parse).collect(),
        }
    }
}

impl<C> Encode<C> for GroupSet {
    fn encode<W: encode::Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), encode::Error<W::Error>> {
        e.u32(self.0)?.ok()
    }
}

impl<'b, C> Decode<'b, C> for GroupSet {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, decode::Error> {
        let at = d.position();
        Self::from_bits(d.u32()?).ok_or_else(|| decode::Error::message("unknown disclosure group").at(at))
    }
}
