//! Dates as people write them, no more precise than they are, and none that cannot be.

mod format;
mod part;

use igain_protocol::record::{CalendarDay, PartialDate, Tense};
use igain_protocol::time::Day;

use super::digits::ascii_digits;
use super::month::{calendar, joined};
use super::plain::shorten;
use super::{Fault, Hints};

pub use format::Format;
use part::{Part, checked, words};

/// How to write a date that can be read one way.
const REMEDY: &str = "Write it as 1971-04-30, 1971-04, 1971, 1971~ (about) or 30 April 1971; in a mapping, `order`, `century` and `formats` say how its source writes dates";

/// Years of a life, and some more.
const LIFE: u16 = 130;

/// Years in which nothing lies that is told of, and in which other calendars have today.
const FIRST_YEAR: u16 = 1600;

/// Years from now until which things are planned, or expire.
const AHEAD: u16 = 100;

/// Written for an expiry that never comes.
const NEVER: u16 = 9999;

/// The hundred years in which POSIX has two digits.
const POSIX_CENTURY: u16 = 1969;

/// Words that say that a date is known only about.
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
    "alrededor de",
    "около",
    "примерно",
    "mnamo",
    "yaklaşık",
    "sekitar",
    "حوالي",
    "حدود",
    "~",
];

/// Words that say that its source is not sure.
const UNSURE: &[&str] =
    &["possibly", "probably", "perhaps", "peut-être", "probablement", "posiblemente", "possivelmente"];

/// Words before the last day of a stretch, and before the first.
const UNTIL: &[&str] = &[
    "until", "till", "up to", "jusqu'en", "jusqu'à", "jusqu'au", "hasta", "até", "до", "hadi", "sampai", "hingga",
    "حتى", "تا",
];
const SINCE: &[&str] = &["since", "from", "depuis", "desde", "с", "tangu", "kuanzia", "sejak", "منذ", "از"];

/// What stands between the ends of a stretch, and between dates of which one is meant.
const TO: &[&str] = &[
    " to ", " and ", " à ", " et ", " e ", " a ", " y ", " al ", " hasta ", " até ", " до ", " по ", " hadi ",
    " hingga ", " sampai ", " إلى ", " الى ", " تا ", "\u{2013}", "\u{2014}", " - ", "/", "-",
];
const BETWEEN: &[&str] = &["between", "entre", "между", "kati ya", "antara", "بين", "from", "de", "desde", "с"];
const OR: &[&str] = &[" or ", " ou ", " o ", " или ", " veya ", " atau ", " أو ", " یا "];

/// Words that add nothing.
const NOISE: &[&str] = &[
    "the", "of", "on", "de", "del", "do", "le", "el", "al", "г", "года", "год", "году", "в", "tarehe", "tanggal",
    "tgl", "ad", "ce", "م", "سنة", "عام", "سال",
];

/// The order in which a source writes day, month and year.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Order {
    /// `30/04/1971`
    Dmy,
    /// `04/30/1971`
    Mdy,
    /// `71/04/30`
    Ymd,
}

/// The date that `text` says: EDTF, `10 Dec 1948`, `December 10, 1948`, `1948`, `circa 1951`, `1958 to 1962`, `1969 or 1970`, `the 1960s`,
/// `Q1 2020`, `until 1970`, `00/04/1971`, in the digits and with the months of many languages; and what is odd about it.
///
/// # Errors
/// Where it is no date, one that cannot be, one of another calendar, or may be several.
pub(super) fn parse(text: &str, hints: &Hints<'_>, tense: Tense) -> Result<(PartialDate, Option<String>), Fault> {
    let unread = |why: &str| Fault::Unread(format!("`{}` {why}", shorten(text)));
    let written = ascii_digits(text.trim());
    let reader = Reader { hints, tense };
    let read = reader.all(&written);
    let Some(first) = read.first() else {
        let other = words(&written.to_lowercase())
            .find_map(calendar)
            .filter(|_| written.bytes().any(|byte| byte.is_ascii_digit()));
        return Err(match other {
            Some(calendar) => unread(&format!("is of {calendar}. Write the day of the Gregorian one")),
            None => unread(&format!("is no date. {REMEDY}")),
        });
    };
    let possible: Vec<&PartialDate> = read.iter().filter(|date| reader.impossible(date).is_none()).collect();
    match possible.as_slice() {
        [] => Err(unread(&reader.impossible(first).unwrap_or_default())),
        [one] => Ok(((*one).clone(), reader.odd(one).map(|why| format!("`{}` {why}", shorten(text))))),
        many => Err(Fault::Ambiguous {
            text: shorten(text),
            readings: many.iter().map(ToString::to_string).collect(),
            remedy: REMEDY,
        }),
    }
}

/// Reads dates of one field.
struct Reader<'a> {
    hints: &'a Hints<'a>,
    tense: Tense,
}

impl Reader<'_> {
    /// All that a text may mean.
    fn all(&self, text: &str) -> Vec<PartialDate> {
        if let Some(dates) =
            self.hints.formats.iter().map(|format| self.formatted(format, text)).find(|dates| !dates.is_empty())
        {
            return dates;
        }
        if let Ok(date) = text.parse() {
            return vec![date];
        }
        let folded = joined(&text.to_lowercase());
        let (mut rest, mut about, mut unsure) = (folded.trim(), false, false);
        loop {
            let before = rest;
            for (words, said) in [(ABOUT, &mut about), (UNSURE, &mut unsure)] {
                if let Some(bare) = after_word(rest, words) {
                    (rest, *said) = (bare, true);
                }
            }
            if let Some(bare) = rest.strip_suffix("(?)").or_else(|| rest.strip_suffix('?')) {
                (rest, unsure) = (bare.trim_end(), true);
            }
            if let Some(bare) = rest.strip_prefix("the ") {
                rest = bare;
            }
            if rest == before {
                break;
            }
        }
        let sure = |date: PartialDate| match (about, unsure) {
            (true, true) => date.about().unsure(),
            (true, false) => date.about(),
            (false, true) => date.unsure(),
            (false, false) => date,
        };
        self.plain(rest).into_iter().map(sure).collect()
    }

    /// What a text may mean that is neither unsure nor about.
    fn plain(&self, text: &str) -> Vec<PartialDate> {
        if let Some(date) = self.open(text).or_else(|| self.choice(text)) {
            return vec![date];
        }
        let mut dates = self.single(text);
        dates.extend(self.span(text));
        dates.sort();
        dates.dedup();
        dates
    }

    fn formatted(&self, format: &Format, text: &str) -> Vec<PartialDate> {
        let Some(found) = format.parse(text) else { return Vec::new() };
        let years = if found.short { self.years(found.year, true) } else { vec![found.year] };
        years.into_iter().filter_map(|year| checked(year, found.month, found.day)).collect()
    }

    /// `until 1970`, `since April 1971`.
    fn open(&self, text: &str) -> Option<PartialDate> {
        let of = |words: &[&str]| self.definite(after_word(text, words)?);
        let until = of(UNTIL).map(|date| format!("../{date}"));
        until.or_else(|| of(SINCE).map(|date| format!("{date}/..")))?.parse().ok()
    }

    /// `1969 or 1970`.
    fn choice(&self, text: &str) -> Option<PartialDate> {
        let separator = OR.iter().find(|separator| text.contains(**separator))?;
        let dates = text.split(separator).map(|date| self.definite(date)).collect::<Option<Vec<_>>>()?;
        let dates: Vec<String> = dates.iter().map(ToString::to_string).collect();
        format!("[{}]", dates.join(", ")).parse().ok()
    }

    /// `1958 to 1962`, `between 1958 and 1962`, `1958-1962`, `1958-62`, `1960s`.
    fn span(&self, text: &str) -> Option<PartialDate> {
        if let Some(decade) = text.strip_suffix('s') {
            let year = decade.trim_end_matches(['\'', '\u{2019}']);
            return format!("{}X", year.strip_suffix('0').filter(|_| year.len() == 4)?).parse().ok();
        }
        // What `au` stands between is the ends of a stretch in French, and in Swahili a choice.
        let french = after_word(text, &["du"]);
        let text = french.or_else(|| after_word(text, BETWEEN)).unwrap_or(text);
        TO.iter().chain(french.map(|_| &" au ")).find_map(|separator| {
            let (from, to) = text.split_once(separator)?;
            let from = self.definite(from)?;
            let to = self.definite(to).or_else(|| short_end(&from, to.trim()))?;
            let (first, last) = (from.earliest()?, to.latest()?);
            // From the first to the last day of a month or year is that month or year.
            let whole = [checked(first.year, None, None), checked(first.year, Some(first.month), None)];
            let whole =
                whole.into_iter().flatten().find(|date| (date.earliest(), date.latest()) == (Some(first), Some(last)));
            whole.or_else(|| from.to(&to))
        })
    }

    /// A date that is one end of something: it must be one alone.
    fn definite(&self, text: &str) -> Option<PartialDate> {
        let text = text.trim();
        let about = after_word(text, ABOUT);
        let mut dates = match text.parse() {
            Ok(date) => vec![date],
            Err(_) => self.single(about.unwrap_or(text)),
        };
        let date = dates.pop().filter(|_| dates.is_empty())?;
        Some(if about.is_some() { date.about() } else { date })
    }

    /// What one date may mean.
    fn single(&self, text: &str) -> Vec<PartialDate> {
        let of_moment = text.get(..10).filter(|_| text.get(10..11).is_some_and(|c| c == "t" || c == " "));
        if let Some(date) = of_moment.and_then(|date| date.parse().ok()) {
            return vec![date];
        }
        let Some(parts) = words(text).filter(|word| !NOISE.contains(word)).map(Part::read).collect::<Option<Vec<_>>>()
        else {
            return Vec::new();
        };
        let dotted = text.contains('.') && !text.contains(['/', '-', ' ']);
        let mut dates: Vec<PartialDate> = match parts.as_slice() {
            [Part::Eight(digits)] => self.together(digits),
            [Part::Year(year)] => checked(*year, None, None).into_iter().collect(),
            [Part::Masked(years)] => years.parse().into_iter().collect(),
            [part, Part::Year(year)] | [Part::Year(year), part] => part.of_year(*year),
            [Part::Month(month), Part::Number(short, 2)] => self
                .years(u16::from(*short), false)
                .into_iter()
                .filter_map(|year| checked(year, Some(*month), None))
                .collect(),
            [first, middle, last] => self.ordered(first, middle, last, dotted),
            _ => Vec::new(),
        };
        dates.sort();
        dates.dedup();
        dates
    }

    /// Eight digits: the year comes first, unless that cannot be.
    fn together(&self, digits: &str) -> Vec<PartialDate> {
        let cut = |from: usize, to: usize| digits.get(from..to).and_then(Part::read).unwrap_or(Part::Unknown);
        let year_first = self.triple(Order::Ymd, &cut(0, 4), &cut(4, 6), &cut(6, 8));
        let year_first = year_first.into_iter().filter(|date| self.impossible(date).is_none()).collect::<Vec<_>>();
        if !year_first.is_empty() {
            return year_first;
        }
        self.ordered(&cut(0, 2), &cut(2, 4), &cut(4, 8), false)
    }

    /// What three parts may mean, in every order in which people write them.
    fn ordered(&self, first: &Part<'_>, middle: &Part<'_>, last: &Part<'_>, dotted: bool) -> Vec<PartialDate> {
        use Order::{Dmy, Mdy, Ymd};
        let year_stands = |part: &Part<'_>| matches!(part, Part::Year(_) | Part::Masked(_));
        let orders: &[Order] = match (first, middle, last) {
            (Part::Month(_), _, _) => &[Mdy],
            (year, _, _) if year_stands(year) => &[Ymd],
            (_, Part::Month(_), year) if year_stands(year) => &[Dmy],
            (_, Part::Month(_), _) => &[Dmy, Ymd],
            // Dots are written by those who write the day first.
            _ if dotted && self.hints.order.is_none() => &[Dmy],
            (_, _, year) if year_stands(year) => match self.hints.order {
                Some(Dmy) => &[Dmy],
                Some(Mdy) => &[Mdy],
                _ => &[Dmy, Mdy],
            },
            _ => match self.hints.order {
                Some(Dmy) => &[Dmy],
                Some(Mdy) => &[Mdy],
                Some(Ymd) => &[Ymd],
                None => &[Dmy, Mdy, Ymd],
            },
        };
        orders.iter().flat_map(|order| self.triple(*order, first, middle, last)).collect()
    }

    fn triple(&self, order: Order, first: &Part<'_>, middle: &Part<'_>, last: &Part<'_>) -> Vec<PartialDate> {
        let (day, month, year) = match order {
            Order::Dmy => (first, middle, last),
            Order::Mdy => (middle, first, last),
            Order::Ymd => (last, middle, first),
        };
        let day = match day {
            Part::Number(day, _) => Some(*day),
            Part::Unknown => None,
            _ => return Vec::new(),
        };
        let month = match month {
            Part::Month(month) | Part::Number(month, _) => Some(*month),
            Part::Unknown => None,
            _ => return Vec::new(),
        };
        let years = match year {
            Part::Year(year) => vec![*year],
            Part::Number(short, 2) => self.years(u16::from(*short), false),
            // As precise as that can be, where nothing else is known.
            Part::Masked(years) if (day, month) == (None, None) => return years.parse().into_iter().collect(),
            _ => return Vec::new(),
        };
        if month.is_none() && day.is_some() {
            return Vec::new();
        }
        years.into_iter().filter_map(|year| checked(year, month, day)).collect()
    }

    /// The years that two digits may mean. A `format` that has them means those of POSIX, unless those cannot be.
    fn years(&self, short: u16, format: bool) -> Vec<u16> {
        let within = |from: u16| from + (100 + short - from % 100) % 100;
        let later = |year: u16| self.hints.today.is_some_and(|today| u32::from(year) > today_year(today));
        match (self.hints.century, self.tense) {
            (Some(from), _) => vec![within(from)],
            (None, Tense::Past) if format => {
                let posix = within(POSIX_CENTURY);
                vec![if later(posix) { posix - 100 } else { posix }]
            }
            (None, Tense::Open) if format => vec![within(POSIX_CENTURY)],
            (None, tense) => [1900, 2000]
                .map(|from| from + short)
                .into_iter()
                .filter(|year| tense == Tense::Open || !later(*year))
                .collect(),
        }
    }

    /// Why a date cannot be what its field tells of.
    fn impossible(&self, date: &PartialDate) -> Option<String> {
        let (first, last) = (date.earliest(), date.latest());
        let remedy = "If its year is of another calendar, write the Gregorian one";
        if let Some(day) = first.or(last).filter(|day| day.year < FIRST_YEAR) {
            return Some(format!("lies in the year {}. {remedy}", day.year));
        }
        let today = self.hints.today?;
        let year = u16::try_from(today_year(today)).ok()?;
        if let Some(day) = first.filter(|day| day.year > year + AHEAD && day.year != NEVER) {
            return Some(format!("lies in the year {}. {remedy}", day.year));
        }
        match self.tense {
            Tense::Birth if first.is_some_and(|first| is_after(first, today)) => {
                Some("is still to come, and nobody is born then".into())
            }
            Tense::Birth if last.is_some_and(|last| last.year + LIFE < year) => {
                Some(format!("is more than {LIFE} years ago, and nobody lives so long. {remedy}"))
            }
            _ => None,
        }
    }

    /// What is odd about a date that can be.
    fn odd(&self, date: &PartialDate) -> Option<String> {
        let comes = self.tense == Tense::Past
            && date.earliest().is_some_and(|first| self.hints.today.is_some_and(|today| is_after(first, today)));
        comes.then(|| "is still to come".to_owned())
    }
}

fn today_year(today: Day) -> u32 {
    today.to_string().split('-').next().and_then(|year| year.parse().ok()).unwrap_or_default()
}

/// Whether a day comes after today wherever on Earth it is today.
fn is_after(day: CalendarDay, today: Day) -> bool {
    let CalendarDay { year, month, day } = day;
    format!("{year:04}-{month:02}-{day:02}").parse::<Day>().is_ok_and(|day| day > today.plus_days(1))
}

/// The end of `1958-62`, whose first two digits are those of its beginning.
fn short_end(from: &PartialDate, to: &str) -> Option<PartialDate> {
    let start = from.as_str();
    let is_year = start.len() == 4 && to.len() == 2 && to.bytes().all(|byte| byte.is_ascii_digit());
    let end = is_year.then(|| format!("{}{to}", start.get(..2).unwrap_or_default()))?;
    (end.as_str() > start).then(|| end.parse().ok())?
}

/// What follows one of `words`.
fn after_word<'a>(text: &'a str, words: &[&str]) -> Option<&'a str> {
    words.iter().find_map(|word| {
        let rest = text.strip_prefix(word)?;
        let ends = !word.ends_with(char::is_alphabetic) || !rest.starts_with(char::is_alphabetic);
        let rest = rest.trim_start_matches([' ', '-']);
        (ends && !rest.is_empty()).then_some(rest)
    })
}

#[cfg(test)]
mod tests;
