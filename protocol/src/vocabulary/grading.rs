use std::fmt;
use std::str::FromStr;

use minicbor::{Decode, Decoder, Encode, Encoder, decode, encode};

use super::{UnknownCode, closed_list};

closed_list! {
    /// How reliable the source is. Source: Regulation (EU) 2016/794 (Europol), art. 29(1), the letters of "4x4".
    Reliability, "source reliability" {
        A = 0, "A", "No doubt about its authenticity, trustworthiness and competence, or reliable in all instances";
        B = 1, "B", "Reliable in most instances";
        C = 2, "C", "Unreliable in most instances";
        X = 3, "X", "Its reliability cannot be assessed";
    }
}

closed_list! {
    /// How accurate the information is. Source: Regulation (EU) 2016/794 (Europol), art. 29(2), the digits of "4x4".
    Accuracy, "accuracy" {
        One = 1, "1", "Its accuracy is not in doubt";
        Two = 2, "2", "Known personally to the source, not to the official who passes it on";
        Three = 3, "3", "Not known personally to the source, but corroborated by other information";
        Four = 4, "4", "Not known personally to the source, and cannot be corroborated";
    }
}

/// A grading on the Admiralty scale, such as `C3`: letters A-F for the source, digits 1-6 for the information. Source:
/// NATO AJP-2.1; MISP taxonomy `admiralty-scale`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Admiralty {
    letter: u8,
    digit: u8,
}

/// How a record is graded: 4x4, such as `B2`, and the Admiralty grading that it was made from, where it was.
///
/// Written `B2`, or `admiralty:C3` for one that is mapped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(map)]
pub struct Grading {
    /// Of the source.
    #[n(0)]
    pub reliability: Reliability,
    /// Of the information.
    #[n(1)]
    pub accuracy: Accuracy,
    /// As it was given.
    #[n(2)]
    pub admiralty: Option<Admiralty>,
}

impl Grading {
    /// A 4x4 grading.
    pub const fn new(reliability: Reliability, accuracy: Accuracy) -> Self {
        Self { reliability, accuracy, admiralty: None }
    }

    /// The grading on the 4x4 scale alone, whatever it was made from.
    #[must_use]
    pub const fn four_by_four(self) -> Self {
        Self::new(self.reliability, self.accuracy)
    }

    /// The grading of an Admiralty one such as `C3`, which is kept beside it.
    pub fn from_admiralty(text: &str) -> Option<Self> {
        text.parse::<Admiralty>().ok().map(Self::from)
    }
}

impl From<Admiralty> for Grading {
    /// What the coarser scale cannot tell apart takes its more cautious grade; what cannot be judged is `X` and `4`.
    fn from(given: Admiralty) -> Self {
        let reliability = match given.letter {
            b'A' => Reliability::A,
            b'B' => Reliability::B,
            b'C'..=b'E' => Reliability::C,
            _ => Reliability::X,
        };
        let accuracy = match given.digit {
            b'1' => Accuracy::One,
            b'2' => Accuracy::Two,
            b'3' => Accuracy::Three,
            _ => Accuracy::Four,
        };
        Self { reliability, accuracy, admiralty: Some(given) }
    }
}

impl fmt::Display for Admiralty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", char::from(self.letter), char::from(self.digit))
    }
}

impl FromStr for Admiralty {
    type Err = UnknownCode;

    fn from_str(text: &str) -> Result<Self, UnknownCode> {
        match text.trim().to_ascii_uppercase().as_bytes() {
            &[letter @ b'A'..=b'F', digit @ b'1'..=b'6'] => Ok(Self { letter, digit }),
            _ => Err(UnknownCode::new("Admiralty grading", text, ["A1", "…", "F6"].into_iter())),
        }
    }
}

impl<C> Encode<C> for Admiralty {
    fn encode<W: encode::Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), encode::Error<W::Error>> {
        e.str(&self.to_string())?.ok()
    }
}

impl<'b, C> Decode<'b, C> for Admiralty {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, decode::Error> {
        let at = d.position();
        match d.str()?.as_bytes() {
            &[letter @ b'A'..=b'F', digit @ b'1'..=b'6'] => Ok(Self { letter, digit }),
            _ => Err(decode::Error::message("unknown Admiralty grading").at(at)),
        }
    }
}

impl fmt::Display for Grading {
    /// As it was given, so that it reads back as the same.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.admiralty {
            Some(given) => f.pad(&format!("admiralty:{given}")),
            None => f.pad(&format!("{}{}", self.reliability, self.accuracy)),
        }
    }
}

impl FromStr for Grading {
    type Err = UnknownCode;

    fn from_str(text: &str) -> Result<Self, UnknownCode> {
        let text = text.trim();
        if let Some((scale, given)) = text.split_once(':')
            && scale.eq_ignore_ascii_case("admiralty")
        {
            return given.parse::<Admiralty>().map(Self::from);
        }
        let unknown = || UnknownCode::new("grading", text, ["A1", "…", "C4", "X4", "admiralty:C3"].into_iter());
        let (letter, digit) = text.split_at_checked(1).ok_or_else(unknown)?;
        let reliability = letter.parse().map_err(|_| unknown())?;
        let accuracy = digit.parse().map_err(|_| unknown())?;
        Ok(Self::new(reliability, accuracy))
    }
}
