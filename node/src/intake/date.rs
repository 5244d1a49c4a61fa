//! Dates as people write them, no more precise than they are.

use igain_protocol::record::PartialDate;

/// Words that say that a date is known only about, in the languages of the bureaus that wrote it.
const ABOUT: &[&str] = &[
    "circa",
    "ca.",
    "ca",
    "c.",
    "about",
    "around",
    "approximately",
    "approx.",
    "approx",
    "early",
    "mid",
    "late",
    "vers",
    "environ",
    "cerca de",
    "por volta de",
    "hacia",
    "~",
];

/// Months in English, French, Portuguese and Spanish, folded. Three letters of a name or more stand for it.
const MONTHS: [&[&str]; 12] = [
    &["january", "janvier", "janeiro", "enero"],
    &["february", "fevrier", "fevereiro", "febrero"],
    &["march", "mars", "marco", "marzo"],
    &["april", "avril", "abril"],
    &["may", "mai", "maio", "mayo"],
    &["june", "juin", "junho", "junio"],
    &["july", "juillet", "julho", "julio"],
    &["august", "aout", "agosto"],
    &["september", "septembre", "setembro", "septiembre"],
    &["october", "octobre", "outubro", "octubre"],
    &["november", "novembre", "novembro", "noviembre"],
    &["december", "decembre", "dezembro", "diciembre"],
];

/// The date that `text` says: ISO 8601, `10 Dec 1948`, `December 10, 1948`, `1948`, `circa 1951`, `1958 to 1962`,
/// `the 1960s`. `formats` (`%d/%m/%Y`) are tried first; without one, digits between slashes are no date, since nobody
/// can tell which of them is the month.
pub(super) fn parse(text: &str, formats: &[Format]) -> Option<PartialDate> {
    let text = text.trim();
    if let Some(date) = formats.iter().find_map(|format| format.parse(text)) {
        return Some(date);
    }
    if let Ok(date) = text.parse() {
        return Some(date);
    }
    let folded = text.to_lowercase();
    let mut rest = folded.trim_start_matches("the ").trim();
    let mut approximate = false;
    while let Some(bare) = ABOUT.iter().find_map(|word| without_word(rest, word)) {
        rest = bare;
        approximate = true;
    }
    let date = span(rest).or_else(|| single(rest, formats))?;
    Some(if approximate { date.about() } else { date })
}

fn without_word<'a>(text: &'a str, word: &str) -> Option<&'a str> {
    let rest = text.strip_prefix(word)?;
    let ends = !word.ends_with(char::is_alphabetic) || !rest.starts_with(char::is_alphanumeric);
    ends.then(|| rest.trim_start_matches([' ', '-']))
}

/// `1958 to 1962`, `between 1958 and 1962`, `1958-1962`, `1960s`.
fn span(text: &str) -> Option<PartialDate> {
    if let Some(decade) = text.strip_suffix("s").or_else(|| text.strip_suffix("'s")) {
        let year = decade.trim_end_matches('\'');
        return format!("{}X", year.strip_suffix('0').filter(|_| year.len() == 4)?).parse().ok();
    }
    let text = text.strip_prefix("between ").or_else(|| text.strip_prefix("entre ")).unwrap_or(text);
    let separators = [" to ", " and ", " et ", " e ", " a ", "\u{2013}", "/", " - ", "-"];
    let (from, to) = separators.iter().find_map(|separator| text.split_once(separator))?;
    let (from, to) = (single(from.trim(), &[])?, single(to.trim(), &[])?);
    let (first, last) = (from.earliest()?, to.latest()?);
    // From the first to the last day of a month or year is that month or year.
    let whole = [checked(first.year, None, None), checked(first.year, Some(first.month), None)];
    let whole = whole.into_iter().flatten().find(|date| (date.earliest(), date.latest()) == (Some(first), Some(last)));
    whole.or_else(|| from.to(&to))
}

fn single(text: &str, formats: &[Format]) -> Option<PartialDate> {
    if let Some(date) = formats.iter().find_map(|format| format.parse(text)) {
        return Some(date);
    }
    let date_of_moment = text.get(..10).filter(|_| text.get(10..11).is_some_and(|c| c == "t" || c == " "));
    if let Some(date) = date_of_moment.and_then(|date| date.parse().ok()) {
        return Some(date);
    }
    let parts: Vec<&str> = text.split([' ', ',', '.', '-', '/', '\u{a0}']).filter(|part| !part.is_empty()).collect();
    match parts.as_slice() {
        [only] if only.len() == 8 => {
            let digits = only.bytes().all(|byte| byte.is_ascii_digit());
            digits.then(|| checked(year(only.get(..4)?)?, only.get(4..6)?.parse().ok(), only.get(6..)?.parse().ok()))?
        }
        [only] => checked(year(only)?, None, None),
        [first, last] => match (month(first), month(last)) {
            (Some(month), _) => checked(year(last)?, Some(month), None),
            (_, Some(month)) => checked(year(first)?, Some(month), None),
            _ => None,
        },
        [first, middle, last] => match (month(first), month(middle)) {
            (_, Some(month)) => day_of(first, last).and_then(|(day, year)| checked(year, Some(month), Some(day))),
            (Some(month), _) => checked(year(last)?, Some(month), Some(day(middle)?)),
            _ => numeric(text, first, middle, last),
        },
        // `10 de dezembro de 1948`
        [first, "de", middle, "de", last] => checked(year(last)?, Some(month(middle)?), Some(day(first)?)),
        _ => None,
    }
}

/// `1948/12/10` is clear, and dots are written by those who write the day first.
fn numeric(text: &str, first: &str, middle: &str, last: &str) -> Option<PartialDate> {
    // What stands there must be digits all of it: `1962 to 1958` is no day of 1962.
    let month = middle.parse().ok()?;
    match year(first) {
        Some(year) => checked(year, Some(month), Some(last.parse().ok()?)),
        None if text.contains('.') => checked(year(last)?, Some(month), Some(day(first)?)),
        None => None,
    }
}

fn day_of(first: &str, last: &str) -> Option<(u8, u16)> {
    match year(first) {
        Some(year) => Some((day(last)?, year)),
        None => Some((day(first)?, year(last)?)),
    }
}

fn year(text: &str) -> Option<u16> {
    (text.len() == 4).then(|| text.parse().ok())?
}

fn day(text: &str) -> Option<u8> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic() || c == 'º');
    digits.parse().ok().filter(|day| (1..=31).contains(day))
}

/// The month that a word means; none where it could be two, such as `jui`.
fn month(text: &str) -> Option<u8> {
    let folded = crate::text::fold(text);
    if folded.len() < 3 || !folded.bytes().all(|byte| byte.is_ascii_alphabetic()) {
        return None;
    }
    let meant = |names: &&[&str]| names.iter().any(|name| name.starts_with(folded.as_str()));
    let mut months = (1..).zip(&MONTHS).filter(|(_, names)| meant(names)).map(|(month, _)| month);
    months.next().filter(|_| months.next().is_none())
}

/// A date that the calendar has.
fn checked(year: u16, month: Option<u8>, day: Option<u8>) -> Option<PartialDate> {
    let part = |part: Option<u8>| part.map(|part| format!("-{part:02}")).unwrap_or_default();
    format!("{year:04}{}{}", part(month), part(day)).parse().ok()
}

/// The order of day, month and year in a file: `%d %m %Y %y %b` and what stands between.
#[derive(Debug, Clone)]
pub(super) struct Format(Vec<Part>);

#[derive(Debug, Clone)]
enum Part {
    Day,
    Month,
    MonthName,
    Year,
    ShortYear,
    Literal(char),
}

impl Format {
    /// Reads a format.
    ///
    /// # Errors
    /// What it does not know.
    pub(super) fn parse_text(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut chars = text.chars();
        while let Some(c) = chars.next() {
            parts.push(match c {
                '%' => match chars.next() {
                    Some('d') => Part::Day,
                    Some('m') => Part::Month,
                    Some('b') => Part::MonthName,
                    Some('Y') => Part::Year,
                    Some('y') => Part::ShortYear,
                    _ => return Err(format!("`{text}` is no date format. It takes %d, %m, %b, %Y and %y")),
                },
                literal => Part::Literal(literal),
            });
        }
        let has_year = parts.iter().any(|part| matches!(part, Part::Year | Part::ShortYear));
        if has_year { Ok(Self(parts)) } else { Err(format!("`{text}` is no date format: it lacks the year, %Y or %y")) }
    }

    fn parse(&self, text: &str) -> Option<PartialDate> {
        let (mut year, mut month_of, mut day) = (None, None, None);
        let mut rest = text;
        for part in &self.0 {
            let length = |accept: fn(char) -> bool, most: usize| {
                rest.chars().take(most).take_while(|c| accept(*c)).map(char::len_utf8).sum()
            };
            let digits = |most| length(|c| c.is_ascii_digit(), most);
            let taken: usize = match part {
                Part::Literal(c) => rest.starts_with(*c).then(|| c.len_utf8())?,
                Part::MonthName => length(char::is_alphabetic, 16),
                Part::Year => digits(4),
                Part::Day | Part::Month | Part::ShortYear => digits(2),
            };
            let (word, after) = rest.split_at_checked(taken)?;
            match part {
                Part::Literal(_) => {}
                Part::Day => day = Some(word.parse().ok()?),
                Part::Month => month_of = Some(word.parse().ok()?),
                Part::MonthName => month_of = Some(month(word)?),
                Part::Year => year = Some(self::year(word)?),
                // As POSIX has it: 69 to 99 are of the twentieth century.
                Part::ShortYear => {
                    let short: u16 = word.parse().ok()?;
                    year = Some(if short >= 69 { 1900 + short } else { 2000 + short });
                }
            }
            rest = after;
        }
        if rest.is_empty() { checked(year?, month_of, day) } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read_no_more_precisely_than_they_are() {
        for (text, date) in [
            ("1948-12-10", "1948-12-10"),
            ("10 Dec 1948", "1948-12-10"),
            ("December 10, 1948", "1948-12-10"),
            ("10 décembre 1948", "1948-12-10"),
            ("10 de dezembro de 1948", "1948-12-10"),
            ("1er août 1971", "1971-08-01"),
            ("10.12.1948", "1948-12-10"),
            ("1948/12/10", "1948-12-10"),
            ("19481210", "1948-12-10"),
            ("2026-03-01T09:30:00Z", "2026-03-01"),
            ("Dec 1948", "1948-12"),
            ("Sept. 1948", "1948-09"),
            ("14 juil. 1948", "1948-07-14"),
            ("1936", "1936"),
            ("circa 1965", "1965~"),
            ("circa 1 Jan 1961", "1961-01-01~"),
            ("circa Jul 1953", "1953-07~"),
            ("1958 to 1962", "1958/1962"),
            ("1960s", "196X"),
            ("1971?", "1971?"),
            ("between 1958 and 1962", "1958/1962"),
            ("circa 1961-1963", "1961~/1963~"),
            ("01 Jan 1957 to 31 Dec 1957", "1957"),
            ("01 Mar 1957 to 31 Mar 1957", "1957-03"),
            ("25 Sep 1962 to 15 Oct 1964", "1962-09-25/1964-10-15"),
            ("late 1960s", "196X~"),
        ] {
            assert_eq!(parse(text, &[]).map(|date| date.to_string()).as_deref(), Some(date), "{text}");
        }
        for text in [
            "",
            "unknown",
            "31 Feb 1960",
            "03/04/1960",
            "1962 to 1958",
            "99 Dec 1948",
            "may",
            "1948/xx/10",
            "1948 12 x",
            "10.x.1948",
            "Marseille 1948",
            "jui 1948",
            "2021-22",
            "2021-22~",
        ] {
            assert_eq!(parse(text, &[]), None, "{text}");
        }
    }

    #[test]
    fn a_format_settles_what_digits_mean() {
        let us = [Format::parse_text("%m/%d/%y").unwrap()];
        assert_eq!(parse("11/5/21", &us).map(|date| date.to_string()).as_deref(), Some("2021-11-05"));
        let european = [Format::parse_text("%d/%m/%Y").unwrap()];
        assert_eq!(parse("11/5/2021", &european).map(|date| date.to_string()).as_deref(), Some("2021-05-11"));
        assert_eq!(parse("45/5/2021", &european), None);
        assert!(Format::parse_text("%d.%q").is_err() && Format::parse_text("%d").is_err());
    }
}
