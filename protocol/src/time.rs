//! Instants and days. Nothing here reads a clock.

use std::fmt;
use std::str::FromStr;

use minicbor::{Decode, Decoder, Encode, decode};

/// Milliseconds since 1970-01-01T00:00:00Z, as every signed document and log entry carries them; at most the beginning of
/// 9999-12-30.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Encode)]
#[cbor(transparent)]
pub struct Timestamp(#[n(0)] u64);

/// A whole UTC day, counted from 1970-01-01: the unit of retention dates. At most 9999-12-30.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Encode)]
#[cbor(transparent)]
pub struct Day(#[n(0)] u32);

const DAY_MS: u64 = 86_400_000;

/// The last whole day that every time zone can write with four digits: 9999-12-30.
const LAST_DAY: u32 = 2_932_895;

/// The first instant of that day.
const LAST_MS: u64 = LAST_DAY as u64 * DAY_MS;

/// Why a text is not an instant or a day.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Not an RFC 3339 date-time with an offset.
    #[error("`{0}` is not an RFC 3339 time. Write it like 2026-03-01T09:30:00Z")]
    Timestamp(String),
    /// Not a calendar date.
    #[error("`{0}` is not a date. Write it like 2026-03-01")]
    Day(String),
}

impl Timestamp {
    /// The instant `ms` milliseconds after the epoch, at most the last.
    pub const fn from_ms(ms: u64) -> Self {
        Self(if ms > LAST_MS { LAST_MS } else { ms })
    }

    /// Milliseconds since the epoch.
    pub const fn as_ms(self) -> u64 {
        self.0
    }

    /// The UTC day that this instant falls on; instants past the year 9999 fall on its last day.
    pub fn day(self) -> Day {
        Day(u32::try_from(self.0 / DAY_MS).unwrap_or(LAST_DAY).min(LAST_DAY))
    }

    /// This instant moved `ms` milliseconds later, at most to the end of time.
    pub const fn plus_ms(self, ms: u64) -> Self {
        Self::from_ms(self.0.saturating_add(ms))
    }

    /// Milliseconds from `earlier` to this instant; zero where `earlier` is not earlier.
    pub const fn ms_since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = i64::try_from(self.0).unwrap_or(i64::MAX);
        match jiff::Timestamp::from_millisecond(ms) {
            Ok(at) => write!(f, "{at:.0}"),
            Err(_) => write!(f, "+{}ms", self.0),
        }
    }
}

impl FromStr for Timestamp {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let bad = || Error::Timestamp(text.chars().take(64).collect());
        let at: jiff::Timestamp = text.parse().map_err(|_| bad())?;
        u64::try_from(at.as_millisecond()).map(Self).map_err(|_| bad())
    }
}

impl Day {
    /// The day `days` after 1970-01-01, at most 9999-12-30.
    pub const fn from_days(days: u32) -> Self {
        Self(if days > LAST_DAY { LAST_DAY } else { days })
    }

    /// Days since 1970-01-01.
    pub const fn as_days(self) -> u32 {
        self.0
    }

    /// The day `days` later, at most 9999-12-30.
    pub const fn plus_days(self, days: u32) -> Self {
        Self::from_days(self.0.saturating_add(days))
    }

    /// The first instant of this day.
    pub const fn start(self) -> Timestamp {
        Timestamp(self.0 as u64 * DAY_MS)
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = i64::from(self.0) * 86_400;
        match jiff::Timestamp::from_second(seconds) {
            Ok(at) => {
                let date = jiff::tz::TimeZone::UTC.to_datetime(at).date();
                write!(f, "{date}")
            }
            Err(_) => write!(f, "day {}", self.0),
        }
    }
}

impl FromStr for Day {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let bad = || Error::Day(text.chars().take(64).collect());
        let date: jiff::civil::Date = text.parse().map_err(|_| bad())?;
        let at = jiff::tz::TimeZone::UTC.to_timestamp(date.at(0, 0, 0, 0)).map_err(|_| bad())?;
        let days = at.as_second().div_euclid(86_400);
        u32::try_from(days).map(Self::from_days).map_err(|_| bad())
    }
}

impl<'b, C> Decode<'b, C> for Timestamp {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, decode::Error> {
        let at = d.position();
        let late = || decode::Error::message("an instant after 9999-12-30").at(at);
        Some(d.u64()?).filter(|ms| *ms <= LAST_MS).map(Self).ok_or_else(late)
    }
}

impl<'b, C> Decode<'b, C> for Day {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, decode::Error> {
        let at = d.position();
        let late = || decode::Error::message("a day after 9999-12-30").at(at);
        Some(d.u32()?).filter(|days| *days <= LAST_DAY).map(Self).ok_or_else(late)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_instants_print_as_they_parse() {
        let at: Timestamp = "2026-03-01T09:30:00Z".parse().unwrap();
        assert_eq!(at.to_string(), "2026-03-01T09:30:00Z");
        assert_eq!(at.day().to_string(), "2026-03-01");
        assert_eq!("2026-03-01".parse::<Day>().unwrap(), at.day());
        assert_eq!(Timestamp::from_ms(u64::MAX).day().to_string(), "9999-12-30");
    }

    #[test]
    fn what_no_calendar_writes_is_refused() {
        for (ms, sound) in [(LAST_MS, true), (LAST_MS + 1, false), (u64::MAX, false)] {
            let bytes = minicbor::to_vec(ms).unwrap();
            let read: Result<Timestamp, _> = Decoder::new(&bytes).decode();
            assert_eq!(read.is_ok(), sound, "{ms}");
        }
        let bytes = minicbor::to_vec(LAST_DAY + 1).unwrap();
        let read: Result<Day, _> = Decoder::new(&bytes).decode();
        assert!(read.is_err());
        assert_eq!(Timestamp::from_ms(u64::MAX).plus_ms(1).to_string(), "9999-12-30T00:00:00Z");
    }

    #[test]
    fn what_is_no_date_is_refused() {
        for text in ["", "2026-13-01", "yesterday", "1969-12-31"] {
            assert!(text.parse::<Day>().is_err(), "{text}");
        }
        for text in ["", "2026-03-01", "2026-03-01T09:30:00", "1969-01-01T00:00:00Z"] {
            assert!(text.parse::<Timestamp>().is_err(), "{text}");
        }
    }
}
