//! The words of a date.

use igain_protocol::record::PartialDate;

use crate::text::value::month::month;

/// What one word of a date says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part<'a> {
    /// Four digits.
    Year(u16),
    /// `19xx`, `196x`.
    Masked(String),
    Month(u8),
    /// One digit or two, and how many.
    Number(u8, usize),
    /// `00` or `xx`: it is not known.
    Unknown,
    /// Eight digits.
    Eight(&'a str),
    /// A season, quarter or half of the year, as EDTF's names have it.
    Named(&'static str),
}

impl<'a> Part<'a> {
    pub(super) fn read(word: &'a str) -> Option<Self> {
        let digits = word.bytes().take_while(u8::is_ascii_digit).count();
        let (number, rest) = word.split_at_checked(digits)?;
        Some(match (digits, rest) {
            (0, "xx" | "??" | "__") => Self::Unknown,
            (0, _) => part_of_year(word).map(Self::Named).or_else(|| month(word).map(Self::Month))?,
            (1 | 2, "" | "st" | "nd" | "rd" | "th" | "er" | "e" | "º" | "°" | "ª") => match number.parse().ok()? {
                0 => Self::Unknown,
                number => Self::Number(number, digits),
            },
            (4, "") => Self::Year(number.parse().ok()?),
            (8, "") => Self::Eight(word),
            (2, "xx") | (3, "x") => Self::Masked(word.to_ascii_uppercase()),
            _ => return None,
        })
    }

    /// The dates of a year of which this is the month or the part.
    pub(super) fn of_year(&self, year: u16) -> Vec<PartialDate> {
        match self {
            Self::Month(month) => checked(year, Some(*month), None).into_iter().collect(),
            Self::Number(month @ 1..=12, _) => checked(year, Some(*month), None).into_iter().collect(),
            Self::Unknown => checked(year, None, None).into_iter().collect(),
            Self::Named(name) => format!("{name} {year}").parse().into_iter().collect(),
            // As EDTF numbers them; it may also be the end of a stretch, which is another reading.
            Self::Number(season @ 21..=24, _) => {
                let name = ["spring", "summer", "autumn", "winter"].get(usize::from(season - 21));
                name.into_iter().flat_map(|name| format!("{name} {year}").parse()).collect()
            }
            _ => Vec::new(),
        }
    }
}

/// Seasons, quarters and halves of the year in the languages of those who write them, and EDTF's names.
fn part_of_year(word: &str) -> Option<&'static str> {
    Some(match word {
        "spring" | "printemps" | "primavera" | "весна" | "весной" | "ilkbahar" | "الربيع" => "spring",
        "summer" | "été" | "verano" | "verão" | "лето" | "летом" | "yaz" | "الصيف" => "summer",
        "autumn" | "fall" | "automne" | "otoño" | "outono" | "осень" | "осенью" | "sonbahar" | "الخريف" => {
            "autumn"
        }
        "winter" | "hiver" | "invierno" | "inverno" | "зима" | "зимой" | "kış" | "الشتاء" => "winter",
        "q1" | "t1" => "Q1",
        "q2" | "t2" => "Q2",
        "q3" | "t3" => "Q3",
        "q4" | "t4" => "Q4",
        "h1" | "s1" => "H1",
        "h2" | "s2" => "H2",
        _ => return None,
    })
}

/// The words of a date, however they are set apart.
pub(super) fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split([' ', ',', '،', '.', '-', '/', '\\', '\u{a0}', '\u{202f}']).filter(|word| !word.is_empty())
}

/// A date that the calendar has.
pub(super) fn checked(year: u16, month: Option<u8>, day: Option<u8>) -> Option<PartialDate> {
    let part = |part: Option<u8>| part.map(|part| format!("-{part:02}")).unwrap_or_default();
    format!("{year:04}{}{}", part(month), part(day)).parse().ok()
}
