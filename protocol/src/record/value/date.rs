//! Dates as precise and as sure as they are known: a subset of EDTF (ISO 8601-2, level 1, and one of several).

use std::fmt;
use std::str::FromStr;

use crate::codec::text;

/// Most dates of which one may be meant.
const CHOICES: usize = 8;

/// What EDTF numbers from 21 on: the seasons of any place, of the northern and of the southern hemisphere; quarters, thirds (as the
/// Spanish and Portuguese count, by four months) and halves of the year.
const PARTS_OF_YEAR: [&str; 21] = [
    "spring",
    "summer",
    "autumn",
    "winter",
    "northern spring",
    "northern summer",
    "northern autumn",
    "northern winter",
    "southern spring",
    "southern summer",
    "southern autumn",
    "southern winter",
    "Q1",
    "Q2",
    "Q3",
    "Q4",
    "C1",
    "C2",
    "C3",
    "H1",
    "H2",
];

/// The number of the first of them.
const FIRST_PART: u8 = 21;

/// A day of the calendar, which is the Gregorian one in all years. Later days are greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CalendarDay {
    /// 1 to 9999.
    pub year: u16,
    /// 1 to 12.
    pub month: u8,
    /// 1 to 31.
    pub day: u8,
}

/// A date, or a stretch of time, as it is known.
///
/// Written in EDTF: `1971`, `1971-04`, `1971-04-30`; `1971?` unsure, `1971~` about, `1971%` both; `197X`, `19XX`, `1971-XX`,
/// `1971-04-XX` in part unknown; `1971-21` to `1971-24` spring to winter; `1970/1972-05` from and to, `1970/..` without end,
/// `1970/` with an end that is not known; `[1970, 1972]` one of these.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PartialDate {
    text: String,
    earliest: Option<CalendarDay>,
    latest: Option<CalendarDay>,
}

impl PartialDate {
    /// The first day that it may mean; none where it has no beginning, or nobody knows it.
    pub const fn earliest(&self) -> Option<CalendarDay> {
        self.earliest
    }

    /// The last day that it may mean; none where it has no end, or nobody knows it.
    pub const fn latest(&self) -> Option<CalendarDay> {
        self.latest
    }

    /// As it is written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The stretch from the beginning of this to the end of another; none where they are the wrong way round, or are no
    /// single dates.
    pub fn to(&self, end: &Self) -> Option<Self> {
        Self::read(&format!("{}/{}", self.text, end.text))
    }

    /// The date, known only about.
    #[must_use]
    pub fn about(&self) -> Self {
        self.qualified('~', '?')
    }

    /// The date, of which its source is not sure.
    #[must_use]
    pub fn unsure(&self) -> Self {
        self.qualified('?', '~')
    }

    /// With a mark at each of its points, or with that for both where it has the other already.
    fn qualified(&self, mark: char, other: char) -> Self {
        let qualified = |point: &str| match point.chars().last() {
            None | Some('.' | '%') => point.to_owned(),
            Some(last) if last == mark => point.to_owned(),
            Some(last) if last == other => format!("{}%", point.trim_end_matches(other)),
            Some(_) => format!("{point}{mark}"),
        };
        Self::read(&each_point(&self.text, qualified)).unwrap_or_else(|| self.clone())
    }

    /// Reads what is written exactly so.
    pub(super) fn read(text: &str) -> Option<Self> {
        let (earliest, latest) = if let Some(choices) = choices(text) {
            let points: Vec<_> = choices.map(point).collect::<Option<_>>()?;
            if !(2..=CHOICES).contains(&points.len()) {
                return None;
            }
            (points.iter().map(|(first, _)| *first).min(), points.iter().map(|(_, last)| *last).max())
        } else if let Some((from, to)) = text.split_once('/') {
            let (from, to) = (edge(from)?, edge(to)?);
            if from.zip(to).is_some_and(|((first, _), (_, last))| first > last) || (from, to) == (None, None) {
                return None;
            }
            (from.map(|(first, _)| first), to.map(|(_, last)| last))
        } else {
            let (first, last) = point(text)?;
            (Some(first), Some(last))
        };
        Some(Self { text: text.to_owned(), earliest, latest })
    }
}

type Days = (CalendarDay, CalendarDay);

/// The parts of `[a, b]`.
fn choices(text: &str) -> Option<std::str::Split<'_, &'static str>> {
    Some(text.strip_prefix('[')?.strip_suffix(']')?.split(", "))
}

/// The date with something else in the place of each of its points.
fn each_point(text: &str, change: impl Fn(&str) -> String) -> String {
    match choices(text) {
        Some(choices) => format!("[{}]", choices.map(change).collect::<Vec<_>>().join(", ")),
        None => text.split('/').map(change).collect::<Vec<_>>().join("/"),
    }
}

/// A point, and how sure it is.
fn marked(point: &str) -> (&str, &str) {
    let bare = point.trim_end_matches(['?', '~', '%']);
    (bare, point.strip_prefix(bare).unwrap_or_default())
}

/// A point as it is shown: a part of the year by its name.
fn shown(point: &str) -> String {
    let (bare, mark) = marked(point);
    let named = bare.split_once('-').and_then(|(year, number)| {
        let name = PARTS_OF_YEAR.get(usize::from(two(number)?.checked_sub(FIRST_PART)?))?;
        Some(format!("{name} {year}{mark}"))
    });
    named.unwrap_or_else(|| point.to_owned())
}

/// What is shown of a point, as EDTF has it.
fn unshown(point: &str) -> String {
    let named = point.rsplit_once(' ').and_then(|(name, rest)| {
        let (year, mark) = marked(rest);
        digits(year).filter(|_| year.len() == 4)?;
        let nth = PARTS_OF_YEAR.iter().position(|part| part.eq_ignore_ascii_case(name))?;
        Some(format!("{year}-{}{mark}", usize::from(FIRST_PART) + nth))
    });
    named.unwrap_or_else(|| point.to_owned())
}

/// One end of a stretch: a date, or none.
#[expect(clippy::option_option, reason = "an end that is open is not one that cannot be read")]
fn edge(text: &str) -> Option<Option<Days>> {
    match text {
        "" | ".." => Some(None),
        text => point(text).map(Some),
    }
}

/// The first and the last day of a single date.
fn point(text: &str) -> Option<Days> {
    let bare = text.strip_suffix(['?', '~', '%']).unwrap_or(text);
    let mut parts = bare.split('-');
    let (year, month, day) = (parts.next()?, parts.next(), parts.next());
    if parts.next().is_some() {
        return None;
    }
    let (first_year, last_year) = years(year)?;
    let whole = first_year == last_year;
    let (first_month, last_month) = match month {
        None => (1, 12),
        Some(_) if !whole => return None,
        Some("XX") => (1, 12),
        Some(month) => months(two(month)?, day.is_none())?,
    };
    let last_of = |year, month| calendar(year, month, 1).map(|date| date.days_in_month().unsigned_abs());
    let (first_day, last_day) = match day {
        None => (1, last_of(last_year, last_month)?),
        Some("XX") => (1, last_of(last_year, last_month)?),
        Some(_) if month == Some("XX") => return None,
        Some(day) => (two(day)?, two(day)?),
    };
    let day = |year, month, day| calendar(year, month, day).map(|_| CalendarDay { year, month, day });
    Some((day(first_year, first_month, first_day)?, day(last_year, last_month, last_day)?))
}

/// The years of four digits, of which the last one or two may be unknown.
fn years(text: &str) -> Option<(u16, u16)> {
    let known = text.trim_end_matches('X');
    let unknown = text.len().checked_sub(known.len())?;
    let number = |fill: &str| digits(&format!("{known}{}", fill.repeat(unknown))).filter(|_| text.len() == 4);
    let years = (number("0")?, number("9")?);
    (unknown <= 2 && years.0 > 0).then_some(years)
}

/// The first and last month of a month, or of a season, quarter or half of the year, which have no days.
const fn months(number: u8, whole: bool) -> Option<(u8, u8)> {
    match number {
        1..=12 => Some((number, number)),
        // Which months a season has depends on the hemisphere, and on who asks.
        21..=32 if whole => Some((1, 12)),
        33..=36 if whole => Some((3 * (number - 33) + 1, 3 * (number - 33) + 3)),
        37..=39 if whole => Some((4 * (number - 37) + 1, 4 * (number - 37) + 4)),
        40..=41 if whole => Some((6 * (number - 40) + 1, 6 * (number - 40) + 6)),
        _ => None,
    }
}

/// Whether a single date has a season, quarter or other part of the year in place of its month.
fn is_season(point: &str) -> bool {
    let month = point.trim_end_matches(['?', '%']).split_once('-').and_then(|(_, month)| two(month));
    month.is_some_and(|month| month > 12)
}

fn two(text: &str) -> Option<u8> {
    digits(text).filter(|_| text.len() == 2).and_then(|number| u8::try_from(number).ok())
}

fn digits(text: &str) -> Option<u16> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

fn calendar(year: u16, month: u8, day: u8) -> Option<jiff::civil::Date> {
    jiff::civil::Date::new(i16::try_from(year).ok()?, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()
}

/// In EDTF, but with names for the parts of a year that it numbers: `summer 2021`, `Q1 2021`.
impl fmt::Display for PartialDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&each_point(&self.text, shown))
    }
}

/// A text that is no date.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a date. Write it like 1971, 1971-04, 1971-04-30, 1971~ (about), 1971? (unsure), 197X or 1970/1972"
)]
pub struct NotADate(String);

impl FromStr for PartialDate {
    type Err = NotADate;

    /// Reads EDTF as people write it, `~1971` for `1971~`, and what is shown. The numbers of seasons and quarters are refused: `2021-22`
    /// is the summer of 2021 in EDTF, and the year from 2021 to 2022 in most files. Write `summer 2021`.
    fn from_str(given: &str) -> Result<Self, NotADate> {
        let bare = given.trim();
        if bare.split(['/', '[', ']', ',', ' ', '~']).any(is_season) {
            return Err(NotADate(text::shorten(given)));
        }
        let date = match bare.strip_prefix('~') {
            Some(bare) => Self::read(&each_point(bare, unshown)).map(|date| date.about()),
            None => Self::read(&each_point(bare, unshown)),
        };
        date.ok_or_else(|| NotADate(text::shorten(given)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> CalendarDay {
        text.parse::<PartialDate>().unwrap().earliest().unwrap()
    }

    /// The examples of EDTF's levels 0 and 1 that a calendar of four digits has, and one-of from level 2.
    #[test]
    fn dates_keep_their_precision_and_mean_a_stretch() {
        for (text, first, last) in [
            ("1971", "1971-01-01", "1971-12-31"),
            ("1971-02", "1971-02-01", "1971-02-28"),
            ("2024-02", "2024-02-01", "2024-02-29"),
            ("1971-04-30", "1971-04-30", "1971-04-30"),
            ("1971~", "1971-01-01", "1971-12-31"),
            ("1971-04?", "1971-04-01", "1971-04-30"),
            ("1971-04-30%", "1971-04-30", "1971-04-30"),
            ("197X", "1970-01-01", "1979-12-31"),
            ("19XX", "1900-01-01", "1999-12-31"),
            ("1971-XX", "1971-01-01", "1971-12-31"),
            ("1971-XX-XX", "1971-01-01", "1971-12-31"),
            ("1971-04-XX", "1971-04-01", "1971-04-30"),
            ("1971-21", "1971-01-01", "1971-12-31"),
            ("1971-34", "1971-04-01", "1971-06-30"),
            ("1971-39", "1971-09-01", "1971-12-31"),
            ("1971-41~", "1971-07-01", "1971-12-31"),
            ("1970/1972", "1970-01-01", "1972-12-31"),
            ("1970-05-02/1970-05", "1970-05-02", "1970-05-31"),
            ("1970~/1972-06?", "1970-01-01", "1972-06-30"),
            ("[1970, 1972-06]", "1970-01-01", "1972-06-30"),
            ("9999-12-31", "9999-12-31", "9999-12-31"),
            ("0001", "0001-01-01", "0001-12-31"),
        ] {
            let date = PartialDate::read(text).unwrap();
            assert_eq!(date.as_str(), text);
            assert_eq!(date.to_string() == text, !is_season(text.trim_end_matches('~')), "{text}");
            assert_eq!(date.to_string().parse(), Ok(date.clone()), "{text}");
            assert_eq!((date.earliest(), date.latest()), (Some(day(first)), Some(day(last))), "{text}");
        }
        for (text, first, last) in [
            ("1970/..", Some("1970-01-01"), None),
            ("../1970-05", None, Some("1970-05-31")),
            ("1970/", Some("1970-01-01"), None),
            ("/1970", None, Some("1970-12-31")),
        ] {
            let date: PartialDate = text.parse().unwrap();
            assert_eq!((date.earliest(), date.latest()), (first.map(day), last.map(day)), "{text}");
            assert_eq!(date.to_string(), text);
        }
    }

    #[test]
    fn about_is_said_of_each_part() {
        for (text, about) in [
            ("1971", "1971~"),
            ("1971?", "1971%"),
            ("1971%", "1971%"),
            ("1970/1972-06", "1970~/1972-06~"),
            ("1970/..", "1970~/.."),
            ("1970/", "1970~/"),
            ("[1970, 1972?]", "[1970~, 1972%]"),
        ] {
            let date: PartialDate = text.parse().unwrap();
            assert_eq!(date.about().to_string(), about);
        }
        assert_eq!(" ~1971-04 ".parse::<PartialDate>().unwrap().to_string(), "1971-04~");
        assert_eq!("~1970/1972".parse::<PartialDate>().unwrap().to_string(), "1970~/1972~");
    }

    #[test]
    fn parts_of_the_year_are_shown_by_name_and_read_by_it() {
        for (text, shown) in [
            ("2021-22", "summer 2021"),
            ("2021-32?", "southern winter 2021?"),
            ("1971-33", "Q1 1971"),
            ("1971-41~", "H2 1971~"),
            ("1971-33/1972-38", "Q1 1971/C2 1972"),
            ("[1971-21, 1972]", "[spring 1971, 1972]"),
        ] {
            let date = PartialDate::read(text).unwrap();
            assert_eq!(date.to_string(), shown);
            assert_eq!(shown.to_uppercase().parse(), Ok(date), "{text}");
        }
        assert_eq!("~autumn 2021".parse::<PartialDate>().unwrap().as_str(), "2021-23~");
        for text in ["summer", "summer 21", "summer 2021-04", "Q5 2021", "summer 2021/2020", "monsoon 2021"] {
            assert!(text.parse::<PartialDate>().is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_unsure_is_said_of_each_part() {
        for (text, unsure) in
            [("1971", "1971?"), ("1971~", "1971%"), ("1970/..", "1970?/.."), ("[1970, 1972?]", "[1970?, 1972?]")]
        {
            assert_eq!(text.parse::<PartialDate>().unwrap().unsure().to_string(), unsure);
        }
    }

    #[test]
    fn what_is_no_date_is_refused() {
        let bad = [
            "",
            "~",
            "yesterday",
            "71",
            "0000",
            "00XX",
            "10000",
            "1971-13",
            "1971-00",
            "1971-4",
            "1971-04-31",
            "2023-02-29",
            "1971-04-30-1",
            "1971-",
            "+971",
            "-971",
            "1971-+4",
            "1972/1970",
            "1970/72",
            "../..",
            "/",
            "..",
            "1XXX",
            "XXXX",
            "X971",
            "197X-04",
            "1971-XX-04",
            "1971-21-04",
            "1971-20",
            "1971-42",
            "1971??",
            "1971~?",
            "[1970]",
            "[1970,1972]",
            "[]",
            "[1970, 1972",
            "[1970/1971, 1972]",
            "1970/1971/1972",
            "1971-04-30T10:00",
            "[1, 2]",
            "[1970, 1971, 1972, 1973, 1974, 1975, 1976, 1977, 1978]",
            "1971 ",
            "۱۹۷۱",
        ];
        for text in bad {
            assert_eq!(PartialDate::read(text), None, "{text}");
        }
        // What people mean by these, nobody can tell.
        for text in ["2021-22", "1940-41", "~2021-22", "2021-22?", "2020/2021-22", "[2021-22, 2024]"] {
            assert!(text.parse::<PartialDate>().is_err(), "{text}");
        }
        assert!("yesterday".parse::<PartialDate>().unwrap_err().to_string().contains("1970/1972"));
    }
}
