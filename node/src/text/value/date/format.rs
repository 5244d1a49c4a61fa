//! How a file writes its dates.

use crate::text::value::month::month;

/// The order of day, month and year in a file: `%d %m %Y %y %b` and what stands between.
#[derive(Debug, Clone)]
pub struct Format(Vec<Step>);

#[derive(Debug, Clone)]
enum Step {
    Day,
    Month,
    MonthName,
    Year,
    ShortYear,
    Literal(char),
}

/// What a text says that is written so.
pub(super) struct Found {
    /// The year, or the two last digits of it.
    pub(super) year: u16,
    /// Whether those are all.
    pub(super) short: bool,
    /// Month and day, where they are known.
    pub(super) month: Option<u8>,
    pub(super) day: Option<u8>,
}

impl Format {
    /// Reads a format.
    ///
    /// # Errors
    /// What it does not know.
    pub fn parse_text(text: &str) -> Result<Self, String> {
        let mut steps = Vec::new();
        let mut chars = text.chars();
        while let Some(c) = chars.next() {
            steps.push(match c {
                '%' => match chars.next() {
                    Some('d') => Step::Day,
                    Some('m') => Step::Month,
                    Some('b') => Step::MonthName,
                    Some('Y') => Step::Year,
                    Some('y') => Step::ShortYear,
                    _ => return Err(format!("`{text}` is no date format. It takes %d, %m, %b, %Y and %y")),
                },
                literal => Step::Literal(literal),
            });
        }
        let has_year = steps.iter().any(|step| matches!(step, Step::Year | Step::ShortYear));
        if has_year { Ok(Self(steps)) } else { Err(format!("`{text}` is no date format: it lacks the year, %Y or %y")) }
    }

    /// What a text says. Zeros say that a day or month is not known.
    pub(super) fn parse(&self, text: &str) -> Option<Found> {
        let (mut year, mut month_of, mut day) = (None, None, None);
        let mut rest = text;
        for step in &self.0 {
            let length = |accept: fn(char) -> bool, most: usize| {
                rest.chars().take(most).take_while(|c| accept(*c)).map(char::len_utf8).sum()
            };
            let digits = |most| length(|c| c.is_ascii_digit(), most);
            let taken: usize = match step {
                Step::Literal(c) => rest.starts_with(*c).then(|| c.len_utf8())?,
                Step::MonthName => length(char::is_alphabetic, 16),
                Step::Year => digits(4),
                Step::Day | Step::Month | Step::ShortYear => digits(2),
            };
            let (word, after) = rest.split_at_checked(taken)?;
            match step {
                Step::Literal(_) => {}
                Step::Day => day = Some(word.parse::<u8>().ok()?),
                Step::Month => month_of = Some(word.parse::<u8>().ok()?),
                Step::MonthName => month_of = Some(month(word)?),
                Step::Year => year = Some((word.parse().ok().filter(|_| word.len() == 4)?, false)),
                Step::ShortYear => year = Some((word.parse().ok().filter(|_| word.len() == 2)?, true)),
            }
            rest = after;
        }
        let (year, short) = year?;
        let known = |part: Option<u8>| part.filter(|part| *part > 0);
        let (month, day) = (known(month_of), known(day));
        (rest.is_empty() && (month.is_some() || day.is_none())).then_some(Found { year, short, month, day })
    }
}
