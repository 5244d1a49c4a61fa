//! Dates as precise as they are known.

use std::fmt;
use std::str::FromStr;

use crate::codec::text;

/// A date of which perhaps only the year, or the year and month, are known; or the first and last year of a span.
///
/// Written `1971`, `1971-04`, `1971-04-30`, `~1971` where it is known only about, `1970/1972` for a span.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PartialDate {
    /// The year, 1 to 9999.
    pub year: u16,
    /// The month, 1 to 12.
    pub month: Option<u8>,
    /// The day of the month; only with a month.
    pub day: Option<u8>,
    /// The last year of a span that begins with `year`.
    pub until_year: Option<u16>,
    /// Known only about.
    pub approximate: bool,
}

impl PartialDate {
    /// A whole year.
    pub const fn year(year: u16) -> Self {
        Self { year, month: None, day: None, until_year: None, approximate: false }
    }

    /// A month of a year.
    pub const fn month(year: u16, month: u8) -> Self {
        Self { month: Some(month), ..Self::year(year) }
    }

    /// One day.
    pub const fn day(year: u16, month: u8, day: u8) -> Self {
        Self { day: Some(day), ..Self::month(year, month) }
    }

    /// The date, known only about.
    #[must_use]
    pub const fn about(self) -> Self {
        Self { approximate: true, ..self }
    }

    /// Whether there is such a date.
    pub(super) fn check(&self) -> Result<(), String> {
        let whole = self.day.is_none() || self.month.is_some();
        let span = self.until_year.is_none_or(|until| self.month.is_none() && (self.year..=9999).contains(&until));
        let date = || {
            let year = i16::try_from(self.year).ok()?;
            let month = i8::try_from(self.month.unwrap_or(1)).ok()?;
            let day = i8::try_from(self.day.unwrap_or(1)).ok()?;
            jiff::civil::Date::new(year, month, day).ok()
        };
        if whole && span && (1..=9999).contains(&self.year) && date().is_some() {
            Ok(())
        } else {
            Err(format!("`{self}` is not a date"))
        }
    }
}

impl fmt::Display for PartialDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.approximate {
            f.write_str("~")?;
        }
        write!(f, "{:04}", self.year)?;
        self.month.map_or(Ok(()), |month| write!(f, "-{month:02}"))?;
        self.day.map_or(Ok(()), |day| write!(f, "-{day:02}"))?;
        self.until_year.map_or(Ok(()), |until| write!(f, "/{until:04}"))
    }
}

/// A text that is no date.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a date. Write it like 1971, 1971-04, 1971-04-30, ~1971 or 1970/1972")]
pub struct NotADate(String);

impl FromStr for PartialDate {
    type Err = NotADate;

    fn from_str(text: &str) -> Result<Self, NotADate> {
        let bad = || NotADate(text::shorten(text));
        let (approximate, rest) = text.trim().strip_prefix('~').map_or((false, text.trim()), |rest| (true, rest));
        let (rest, until) = rest.split_once('/').map_or((rest, None), |(rest, until)| (rest, Some(until)));
        let mut parts = rest.split('-');
        let year = parts.next().unwrap_or_default();
        let number = |part: &str, digits: usize| {
            let plain = part.len() == digits && part.bytes().all(|byte| byte.is_ascii_digit());
            plain.then(|| part.parse::<u16>().ok()).flatten().ok_or_else(bad)
        };
        let short = |part: &str| number(part, 2).and_then(|number| u8::try_from(number).map_err(|_| bad()));
        let date = Self {
            year: number(year, 4)?,
            month: parts.next().map(short).transpose()?,
            day: parts.next().map(short).transpose()?,
            until_year: until.map(|until| number(until, 4)).transpose()?,
            approximate,
        };
        if parts.next().is_some() || date.check().is_err() { Err(bad()) } else { Ok(date) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_keep_their_precision() {
        for text in ["1971", "1971-04", "1971-04-30", "~1971", "~1971-04", "1970/1972", "2024-02-29", "9999-12-31"] {
            let date: PartialDate = text.parse().unwrap();
            assert_eq!(date.to_string(), text);
            assert_eq!(date.check(), Ok(()));
        }
        assert_eq!("1971-04-30".parse(), Ok(PartialDate::day(1971, 4, 30)));
        assert_eq!(" ~1971-04 ".parse(), Ok(PartialDate::month(1971, 4).about()));
    }

    #[test]
    fn what_is_no_date_is_refused() {
        let bad = [
            "",
            "~",
            "yesterday",
            "71",
            "0000",
            "10000",
            "1971-13",
            "1971-00",
            "1971-4",
            "1971-04-31",
            "2023-02-29",
            "1971-04-30-1",
            "1971-",
            "+971",
            "1971-+4",
            "1972/1970",
            "1970-01/1972",
            "1970/72",
            "1970/",
        ];
        for text in bad {
            assert!(text.parse::<PartialDate>().is_err(), "{text}");
        }
        assert!(PartialDate { day: Some(1), ..PartialDate::year(1971) }.check().is_err(), "a day without a month");
        assert!(PartialDate::month(1971, 200).check().is_err());
    }
}
