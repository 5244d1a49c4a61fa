use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use minicbor::{Decode, Decoder, Encode, Encoder, decode, encode};

use super::Error;
use crate::bureau::BureauId;
use crate::codec::text;

/// Most bureaus that a label names as its audience: all members of INTERPOL, and more.
pub const AUDIENCE_LIMIT: usize = 256;

const ANYONE: &str = "anyone";
const NOBODY: &str = "nobody";

/// A text that is no audience.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no audience. Write the bureaus, like BR FR-LYON, or `anyone`, or `nobody`")]
pub struct NotAnAudience(String);

/// Who may have a record at most, whatever policy says. Written `anyone`, `nobody` or `BR FR`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Audience {
    /// It is addressed to nobody in particular: policy decides alone.
    #[default]
    Anyone,
    /// No other bureau than these, ascending; none of them: nobody but its owner.
    Only(Vec<BureauId>),
}

impl Audience {
    /// Nobody but the owner. What two audiences have in common may be this; it is never [`Audience::Anyone`].
    pub const NOBODY: Self = Self::Only(Vec::new());

    /// Whether a bureau is not kept out.
    pub fn admits(&self, bureau: BureauId) -> bool {
        *self == Self::Anyone || self.names(bureau)
    }

    /// Whether a bureau is named.
    pub fn names(&self, bureau: BureauId) -> bool {
        matches!(self, Self::Only(bureaus) if bureaus.contains(&bureau))
    }

    /// The bureaus that are named; none where it is addressed to nobody in particular.
    pub fn named(&self) -> &[BureauId] {
        match self {
            Self::Anyone => &[],
            Self::Only(bureaus) => bureaus,
        }
    }

    pub(super) fn sorted(self) -> Self {
        match self {
            Self::Anyone => Self::Anyone,
            Self::Only(bureaus) => bureaus.into_iter().collect(),
        }
    }

    pub(super) fn check(&self) -> Result<(), Error> {
        match self.named() {
            named if !named.is_sorted_by(|a, b| a < b) => Err(Error::Order("recipients")),
            named if named.len() > AUDIENCE_LIMIT => Err(Error::Audience),
            _ => Ok(()),
        }
    }
}

impl FromIterator<BureauId> for Audience {
    fn from_iter<I: IntoIterator<Item = BureauId>>(bureaus: I) -> Self {
        Self::Only(bureaus.into_iter().collect::<BTreeSet<_>>().into_iter().collect())
    }
}

impl fmt::Display for Audience {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Anyone => f.pad(ANYONE),
            Self::Only(bureaus) if bureaus.is_empty() => f.pad(NOBODY),
            Self::Only(bureaus) => f.pad(&bureaus.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")),
        }
    }
}

impl FromStr for Audience {
    type Err = NotAnAudience;

    fn from_str(given: &str) -> Result<Self, Self::Err> {
        match given.trim() {
            ANYONE => Ok(Self::Anyone),
            NOBODY => Ok(Self::NOBODY),
            list => {
                let parts = list.split([',', ';', ' ', '+', '|']).filter(|part| !part.is_empty());
                let named: Option<Vec<BureauId>> = parts.map(|part| part.parse().ok()).collect();
                let named = named.filter(|named| !named.is_empty());
                named.map(Self::from_iter).ok_or_else(|| NotAnAudience(text::shorten(given)))
            }
        }
    }
}

impl<C> Encode<C> for Audience {
    fn encode<W: encode::Write>(&self, e: &mut Encoder<W>, ctx: &mut C) -> Result<(), encode::Error<W::Error>> {
        match self {
            Self::Anyone => e.null()?.ok(),
            Self::Only(bureaus) => bureaus.encode(e, ctx),
        }
    }

    fn is_nil(&self) -> bool {
        *self == Self::Anyone
    }
}

impl<'b, C> Decode<'b, C> for Audience {
    fn decode(d: &mut Decoder<'b>, ctx: &mut C) -> Result<Self, decode::Error> {
        Vec::decode(d, ctx).map(Self::Only)
    }

    fn nil() -> Option<Self> {
        Some(Self::Anyone)
    }
}
