//! The name of a bureau.

use std::fmt;
use std::str::FromStr;

use minicbor::{Decode, Decoder, Encode, Encoder, decode, encode};

use super::Error;
use crate::codec::text;

/// A bureau: a country's code (ISO 3166-1 alpha-2), alone or with a hyphen and an office of one to five letters and
/// digits, like `KE` or `FR-LYON`.
///
/// In CBOR it is that text. Ordered as the texts are.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BureauId([u8; 8]);

impl BureauId {
    /// The text, in upper case.
    pub fn as_str(&self) -> &str {
        let length = self.0.iter().position(|byte| *byte == 0).unwrap_or(self.0.len());
        self.0.get(..length).and_then(|bytes| std::str::from_utf8(bytes).ok()).unwrap_or_default()
    }

    /// The country's code, two letters.
    pub fn country(&self) -> &str {
        self.as_str().get(..2).unwrap_or_default()
    }

    /// The text padded with zeros to eight bytes: a key that sorts as the bureaus do.
    pub const fn as_bytes(&self) -> &[u8; 8] {
        &self.0
    }

    /// Reads what [`BureauId::as_bytes`] gave.
    ///
    /// # Errors
    /// [`Error::Id`] for anything else.
    pub fn from_bytes(bytes: [u8; 8]) -> Result<Self, Error> {
        let length = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
        let (text, padding) = bytes.split_at_checked(length).unwrap_or_default();
        let text = String::from_utf8_lossy(text);
        match padding.iter().all(|byte| *byte == 0) {
            true => text.parse(),
            false => Err(Error::Id(text::shorten(&text))),
        }
    }
}

impl FromStr for BureauId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let bad = || Error::Id(text::shorten(text));
        let (country, office) = match text.split_once('-') {
            Some((country, office)) => (country, Some(office)),
            None => (text, None),
        };
        let upper = |c: u8| c.is_ascii_uppercase();
        if country.len() != 2 || !country.bytes().all(upper) {
            return Err(bad());
        }
        if let Some(office) = office
            && !((1..=5).contains(&office.len()) && office.bytes().all(|c| upper(c) || c.is_ascii_digit()))
        {
            return Err(bad());
        }
        let mut bytes = [0; 8];
        bytes.iter_mut().zip(text.bytes()).for_each(|(to, from)| *to = from);
        Ok(Self(bytes))
    }
}

impl fmt::Display for BureauId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for BureauId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl<C> Encode<C> for BureauId {
    fn encode<W: encode::Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), encode::Error<W::Error>> {
        e.str(self.as_str())?.ok()
    }
}

impl<'b, C> Decode<'b, C> for BureauId {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, decode::Error> {
        d.str()?.parse().map_err(decode::Error::message)
    }
}
