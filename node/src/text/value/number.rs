//! Decimal numbers as they are written in different countries (ISO 80000-1, and what is in use besides).

use super::digits::ascii_digits;

/// Most zeros that an exponent may stand for: more than any amount has digits.
const EXPONENT_LIMIT: usize = 40;

/// The sign before the part of a number that is less than one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
pub enum Decimal {
    /// `1,250.75`
    #[serde(rename = ".")]
    Point,
    /// `1.250,75`
    #[serde(rename = ",")]
    Comma,
}

/// What a number may mean: a decimal number without a sign, its point a point.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Number {
    /// This.
    One(String),
    /// One with a part less than one, or a whole one with its thousands set off.
    Either(String, String),
}

/// The number that is written, with what sets off its thousands; none where nobody writes one so. `decimal` says what its source
/// writes before the part that is less than one.
pub(super) fn number(text: &str, decimal: Option<Decimal>) -> Option<Number> {
    let text = ascii_digits(text);
    let mut signs = Vec::new();
    let mut parts = vec![String::new()];
    for c in text.chars() {
        match sign(c) {
            None => parts.last_mut()?.push(c.is_ascii_digit().then_some(c)?),
            Some(sign) => {
                signs.push(sign);
                parts.push(String::new());
            }
        }
    }
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    let (last, before) = parts.split_last()?;
    match signs.as_slice() {
        [] => grouped(&parts, &signs, decimal).map(Number::One),
        [only] if only.is_mark() => {
            let (fraction, thousands) = (fraction(before, &[], last), grouped(&parts, &signs, None));
            match decimal {
                Some(decimal) if decimal.mark() == *only => fraction.map(Number::One),
                Some(_) => thousands.map(Number::One),
                None => match (fraction, thousands) {
                    (Some(fraction), Some(thousands)) => Some(Number::Either(fraction, thousands)),
                    (one, other) => one.or(other).map(Number::One),
                },
            }
        }
        [grouping @ .., mark] if mark.is_decimal() && !grouping.contains(mark) => {
            if decimal.is_some_and(|decimal| decimal.mark() != *mark && *mark != Sign::ArabicDecimal) {
                return None;
            }
            fraction(before, grouping, last).map(Number::One)
        }
        _ => grouped(&parts, &signs, decimal).map(Number::One),
    }
}

/// Moves the point of a number by so many digits to the right.
pub(super) fn times_ten_to(number: &str, exponent: i32) -> Option<String> {
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    let by = usize::try_from(exponent.unsigned_abs()).ok().filter(|by| *by <= EXPONENT_LIMIT)?;
    let zeros = "0".repeat(by);
    let (digits, point) = match exponent >= 0 {
        true => (format!("{whole}{part}{zeros}"), whole.len() + by),
        false => (format!("{zeros}{whole}{part}"), whole.len()),
    };
    let (whole, part) = digits.split_at_checked(point)?;
    Some(written(whole, part.trim_end_matches('0')))
}

/// What stands between the digits of a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sign {
    Point,
    Comma,
    Space,
    Apostrophe,
    ArabicDecimal,
    ArabicThousands,
}

impl Sign {
    /// Whether it may stand before the part that is less than one, and between thousands as well.
    const fn is_mark(self) -> bool {
        matches!(self, Self::Point | Self::Comma)
    }

    const fn is_decimal(self) -> bool {
        matches!(self, Self::Point | Self::Comma | Self::ArabicDecimal)
    }
}

impl Decimal {
    const fn mark(self) -> Sign {
        match self {
            Self::Point => Sign::Point,
            Self::Comma => Sign::Comma,
        }
    }
}

fn sign(c: char) -> Option<Sign> {
    Some(match c {
        '.' => Sign::Point,
        ',' => Sign::Comma,
        ' ' | '\u{a0}' | '\u{2009}' | '\u{202f}' => Sign::Space,
        '\'' | '\u{2019}' => Sign::Apostrophe,
        '\u{66b}' => Sign::ArabicDecimal,
        '\u{66c}' => Sign::ArabicThousands,
        _ => return None,
    })
}

/// A number with a part less than one, and thousands before it that may be set off.
fn fraction(whole: &[&str], grouping: &[Sign], part: &str) -> Option<String> {
    let whole = match whole {
        // `.5`
        [""] => String::new(),
        whole => grouped(whole, grouping, None)?,
    };
    (!part.is_empty()).then(|| written(&whole, part))
}

/// A whole number with its thousands set off, all by the same sign: by threes, or, as in India, the last three and before them by
/// twos. No group begins what it does not end: thousands do not begin with a zero.
fn grouped(parts: &[&str], signs: &[Sign], decimal: Option<Decimal>) -> Option<String> {
    let (first, rest) = parts.split_first()?;
    if first.is_empty() {
        return None;
    }
    let Some((last, middle)) = rest.split_last() else { return Some(written(first, "")) };
    let one_sign = signs.windows(2).all(|pair| pair.first() == pair.last());
    let sign = *signs.first()?;
    let is_theirs = decimal.is_none_or(|decimal| decimal.mark() != sign);
    let by = |size: usize| first.len() <= size && middle.iter().all(|group| group.len() == size);
    let sized = by(3) || (sign == Sign::Comma && !middle.is_empty() && by(2));
    let sound = one_sign && is_theirs && sign != Sign::ArabicDecimal && sized && last.len() == 3;
    (sound && !first.starts_with('0')).then(|| written(&parts.concat(), ""))
}

/// With one digit at least before the point, and no zeros before that; and so that it can be read one way: where three digits behind
/// the point could be thousands, they are four.
fn written(whole: &str, part: &str) -> String {
    let whole = whole.trim_start_matches('0');
    match (whole, part) {
        (whole, "") => if whole.is_empty() { "0" } else { whole }.to_owned(),
        ("", part) => format!("0.{part}"),
        (whole, part) if whole.len() <= 3 && part.len() == 3 => format!("{whole}.{part}0"),
        (whole, part) => format!("{whole}.{part}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, decimal: Option<Decimal>) -> Vec<String> {
        match number(text, decimal) {
            None => Vec::new(),
            Some(Number::One(one)) => vec![one],
            Some(Number::Either(one, other)) => vec![one, other],
        }
    }

    #[test]
    fn what_can_be_read_one_way_is() {
        for (text, one) in [
            ("0", "0"),
            ("007", "7"),
            ("12", "12"),
            ("12.5", "12.5"),
            ("12,5", "12.5"),
            ("0,250", "0.250"),
            ("0.250", "0.250"),
            ("00,250", "0.250"),
            (".5", "0.5"),
            (",125", "0.125"),
            ("1234.567", "1234.567"),
            ("1234,567", "1234.567"),
            ("12,5000", "12.5000"),
            ("1,250.75", "1250.75"),
            ("1.250,75", "1250.75"),
            ("1 234,567", "1234.567"),
            ("1 234.567", "1234.567"),
            ("1'234.567", "1234.567"),
            ("1\u{2019}234", "1234"),
            ("1\u{202f}234\u{202f}567,89", "1234567.89"),
            ("1,234,567", "1234567"),
            ("1.234.567", "1234567"),
            ("1,234,567.891", "1234567.891"),
            ("1,00,000", "100000"),
            ("12,34,56,789.5", "123456789.5"),
            ("2 500 000", "2500000"),
            ("\u{661}\u{662}\u{66b}\u{665}", "12.5"),
            ("\u{661}\u{66c}\u{662}\u{663}\u{664}\u{66b}\u{665}", "1234.5"),
            ("\u{6f1}\u{6f2}", "12"),
            ("123456789012345678901234567890.12", "123456789012345678901234567890.12"),
        ] {
            assert_eq!(read(text, None), [one], "{text}");
        }
    }

    #[test]
    fn what_can_be_read_two_ways_says_both_and_the_source_decides() {
        for (text, fraction, thousands) in
            [("1,250", "1.2500", "1250"), ("12.500", "12.5000", "12500"), ("999,999", "999.9990", "999999")]
        {
            assert_eq!(read(text, None), [fraction, thousands], "{text}");
            let comma = text.contains(',');
            let (same, other) = if comma { (Decimal::Comma, Decimal::Point) } else { (Decimal::Point, Decimal::Comma) };
            assert_eq!(read(text, Some(same)), [fraction]);
            assert_eq!(read(text, Some(other)), [thousands]);
        }
    }

    #[test]
    fn what_nobody_writes_is_no_number() {
        for text in [
            "",
            ".",
            ",",
            " ",
            "-5",
            "1.",
            "1,",
            "1..2",
            "1,,2",
            "1.2.3",
            "12.34.567",
            "1,23,4567",
            "0.250.000",
            "0 250",
            "1 25",
            "1234 567",
            "1,234.567,8",
            "1.234,567.8",
            "1,234 567",
            "1 234'567",
            "1 2,5",
            "1,2 5",
            "1e5",
            "5-6",
            "½",
            "x",
            "\u{661}\u{66b}\u{662}\u{66b}\u{663}",
        ] {
            assert_eq!(read(text, None), [""; 0], "{text}");
        }
        // What contradicts the source's own way.
        assert_eq!(read("1,234.5", Some(Decimal::Comma)), [""; 0]);
        assert_eq!(read("1,234,567", Some(Decimal::Comma)), [""; 0]);
        assert_eq!(read("12,5", Some(Decimal::Point)), [""; 0]);
        assert_eq!(read("0,250", Some(Decimal::Point)), [""; 0]);
    }

    #[test]
    fn an_exponent_moves_the_point() {
        for (text, by, moved) in [
            ("1.5", 3, "1500"),
            ("1.2345", 2, "123.45"),
            ("254712000517", 0, "254712000517"),
            ("5", -2, "0.05"),
            ("12.5", -1, "1.25"),
            ("1.2345", 1, "12.3450"),
            ("1", 40, "10000000000000000000000000000000000000000"),
        ] {
            assert_eq!(times_ten_to(text, by).as_deref(), Some(moved), "{text} {by}");
        }
        assert_eq!(times_ten_to("1", 41), None);
        assert_eq!(times_ten_to("1", i32::MIN), None);
    }

    proptest::proptest! {
        /// A number is always the digits that were written.
        #[test]
        fn no_digit_is_lost(text in "[0-9., '\u{66b}\u{66c}\u{660}-\u{669}]{0,24}") {
            let digits = |text: &str| ascii_digits(text).chars().filter(char::is_ascii_digit).collect::<String>();
            let meant = |text: &str| digits(text).trim_start_matches('0').to_owned();
            for one in read(&text, None) {
                // A zero behind the point may keep it apart from thousands.
                let longer = format!("{}0", meant(&text));
                proptest::prop_assert!([meant(&text), longer].contains(&meant(&one)));
                proptest::prop_assert!(read(&one, Some(Decimal::Point)) == [one.clone()]);
            }
        }
    }
}
