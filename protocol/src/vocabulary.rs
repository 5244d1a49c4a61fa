//! The closed lists, each citing its source. A code is stable for ever: it is what policies, mappings and people write.
//! On the wire an entry is its number; a number that a list does not have is refused.

mod age_group;
mod category;
mod crime_area;
mod doubt;
mod grading;
mod group;
mod handling;
mod kind;
mod purpose;
mod reason;
mod scheme;

pub use age_group::AgeGroup;
pub use category::SubjectCategory;
pub use crime_area::CrimeArea;
pub use doubt::Doubt;
pub use grading::{Accuracy, Admiralty, Grading, Reliability};
pub use group::{Group, GroupSet};
pub use handling::{HandlingCode, Pap, Tlp};
pub use kind::Kind;
pub use purpose::Purpose;
pub use reason::Reason;
pub use scheme::Scheme;

/// A text that is no code of a closed list.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{code}` is no {list}. Use one of: {allowed}")]
pub struct UnknownCode {
    /// What the list holds.
    pub list: &'static str,
    /// What was written, shortened.
    pub code: String,
    /// The codes of the list.
    pub allowed: String,
}

impl UnknownCode {
    fn new(list: &'static str, code: &str, allowed: impl Iterator<Item = &'static str>) -> Self {
        Self { list, code: crate::codec::text::shorten(code), allowed: allowed.collect::<Vec<_>>().join(", ") }
    }
}

/// Makes an enum of a closed list: `Variant = number, "code", "title";`.
macro_rules! closed_list {
    ($(#[$doc:meta])* $name:ident, $list:literal { $($variant:ident = $number:literal, $code:literal, $title:literal;)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum $name {
            $(#[doc = $title] $variant = $number,)+
        }

        impl $name {
            /// All entries of the list, in its order.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The stable code.
            pub const fn code(self) -> &'static str {
                match self { $(Self::$variant => $code,)+ }
            }

            /// What it means, for people.
            pub const fn title(self) -> &'static str {
                match self { $(Self::$variant => $title,)+ }
            }

            /// The number that stands for it on the wire.
            pub const fn number(self) -> u8 {
                self as u8
            }

            /// The entry with this number.
            pub const fn from_number(number: u8) -> Option<Self> {
                match number { $($number => Some(Self::$variant),)+ _ => None }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.code())
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::vocabulary::UnknownCode;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                let found = Self::ALL.iter().copied().find(|entry| entry.code().eq_ignore_ascii_case(text.trim()));
                let codes = || Self::ALL.iter().map(|entry| entry.code());
                found.ok_or_else(|| $crate::vocabulary::UnknownCode::new($list, text, codes()))
            }
        }

        impl<C> minicbor::Encode<C> for $name {
            fn encode<W: minicbor::encode::Write>(
                &self,
                e: &mut minicbor::Encoder<W>,
                _: &mut C,
            ) -> Result<(), minicbor::encode::Error<W::Error>> {
                e.u8(self.number())?.ok()
            }
        }

        impl<'b, C> minicbor::Decode<'b, C> for $name {
            fn decode(d: &mut minicbor::Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
                let at = d.position();
                let number = d.u8()?;
                let unknown = || minicbor::decode::Error::message(concat!("unknown ", $list)).at(at);
                Self::from_number(number).ok_or_else(unknown)
            }
        }
    };
}

use closed_list;

#[cfg(test)]
mod tests;
