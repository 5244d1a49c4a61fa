//! Amounts and their units, sums of money among them.

use igain_protocol::record::Value;

use super::number::{Decimal, Number, number, times_ten_to};
use super::plain::{clean, shorten};
use super::{Fault, Parsed};

/// Ways to write money before its amount that are no codes of ISO 4217 and no currency signs.
const MONEY: &[&str] = &["Ksh", "KSh", "Tsh", "TSh", "Ush", "USh", "Rs", "Rp", "RM", "kr", "Fr", "FCFA"];

/// What is written behind an amount of money that has no smaller part.
const NO_CENTS: &[&str] = &["/=", "/-"];

/// Where the amount stands in the text.
struct Written<'a> {
    negative: bool,
    number: &'a str,
    unit: Option<&'a str>,
    exponent: Option<i32>,
}

/// `12.5 kg`, `1 250,75 EUR`, `USD 500`, or a bare number whose unit the source knows.
pub(super) fn parse(text: &str, unit: Option<&str>, decimal: Option<Decimal>) -> Result<Parsed, Fault> {
    let text = clean(text, false);
    let unread = |why: &str| Fault::Unread(format!("`{}` {why}", shorten(&text)));
    let written = take_apart(&text).map_err(unread)?;
    let unit = written
        .unit
        .or(unit)
        .ok_or_else(|| unread("has no unit: write it as 12.5 kg, or say `unit` in the mapping"))?;
    let found = number(written.number, decimal);
    let found = found
        .ok_or_else(|| unread("is no amount: write it as 12.5 kg, in digits, with its thousands set off by threes"))?;
    let value = |number: &str| {
        let sign = if written.negative { "-" } else { "" };
        Value::Quantity { amount: format!("{sign}{number}"), unit: unit.to_owned() }
    };
    match (found, written.exponent) {
        (Number::Either(fraction, thousands), None) => Err(Fault::Ambiguous {
            text: shorten(&text),
            readings: vec![value(&fraction).to_string(), value(&thousands).to_string()],
            remedy: "Write it without setting off thousands, and with more than three digits behind the point, or say `decimal` in the mapping",
        }),
        (Number::Either(..), Some(_)) => Err(unread("is no amount: write it without an exponent")),
        (Number::One(number), None) => Ok(value(&number).into()),
        (Number::One(number), Some(exponent)) => {
            let moved = times_ten_to(&number, exponent);
            let moved = moved.ok_or_else(|| unread("has an exponent that no amount has"))?;
            let warning = format!("`{}` was written with an exponent, as sheets do that drop digits", shorten(&text));
            Ok(Parsed { value: value(&moved), warning: Some(warning), broken: false })
        }
    }
}

/// Tells the number, its sign and its unit apart.
fn take_apart(text: &str) -> Result<Written<'_>, &'static str> {
    let is_digit = |c: char| c.is_numeric();
    let first = text.find(is_digit).ok_or("has no digits")?;
    // `.5` begins with its sign; in `Rs.500` the sign belongs to the short form.
    let marked = text.get(..first).and_then(|before| before.strip_suffix(['.', ',']));
    let begins = marked.filter(|before| !before.ends_with(char::is_alphabetic)).map_or(first, str::len);
    let (before, rest) = text.split_at_checked(begins).unwrap_or_default();
    let length = number_length(rest);
    let (number, after) = rest.split_at_checked(length).unwrap_or_default();
    let (exponent, after) = exponent(after);
    let (negative, before) = sign(before.trim());
    let (before, after) = (before.strip_suffix('.').filter(|short| is_money(short)).unwrap_or(before), after.trim());
    let money = is_money(before);
    let after = NO_CENTS.iter().find(|end| money && after == **end).map_or(after, |_| "");
    let unit = match (before.is_empty(), after.is_empty()) {
        (true, true) => None,
        (false, true) if money => Some(before),
        (true, false) if is_unit(after) => Some(after),
        (true, false) if after.contains(is_digit) => return Err("is more than one amount: give one, as 12.5 kg"),
        _ => return Err("is more than an amount and its unit: write it as 12.5 kg"),
    };
    Ok(Written { negative, number, unit, exponent })
}

/// How long the number is that a text begins with: digits, and single signs between two of them.
fn number_length(text: &str) -> usize {
    let mut end = 0;
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let mut followed = || chars.peek().is_some_and(|(_, next)| next.is_numeric());
        let between = matches!(c, '.' | ',' | '\'' | '\u{2019}' | ' ' | '\u{66b}' | '\u{66c}') && followed();
        if !c.is_numeric() && !between {
            break;
        }
        end = at + c.len_utf8();
    }
    end
}

/// An exponent that a number ends with, as in `1.5E+3`.
fn exponent(after: &str) -> (Option<i32>, &str) {
    let found = after.strip_prefix(['e', 'E']).and_then(|rest| {
        let digits = rest.trim_start_matches(['+', '-']);
        let length = digits.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = rest.split_at_checked(rest.len() - digits.len() + length)?;
        let ends = unit.is_empty() || unit.starts_with(' ');
        let exponent = number.trim_start_matches('+').parse().ok().filter(|_| ends && length > 0)?;
        Some((Some(exponent), unit))
    });
    found.unwrap_or((None, after))
}

/// The sign of a number, before or behind the money that stands before it.
fn sign(before: &str) -> (bool, &str) {
    for (sign, negative) in [("-", true), ("\u{2212}", true), ("+", false)] {
        if let Some(rest) = before.strip_prefix(sign).or_else(|| before.strip_suffix(sign)) {
            return (negative, rest.trim());
        }
    }
    (false, before)
}

/// Whether it is a currency: a code of three letters (ISO 4217), a sign of one, or a usual short form.
fn is_money(text: &str) -> bool {
    let is_code = text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_uppercase());
    let is_sign = |c: char| matches!(c, '$' | '\u{a2}'..='\u{a5}' | '\u{20a0}'..='\u{20c0}' | '\u{e3f}' | '\u{fdfc}');
    // `US$`, `R$`, `Z$`
    let signed =
        text.chars().any(is_sign) && text.chars().count() <= 4 && text.chars().all(|c| is_sign(c) || c.is_alphabetic());
    is_code || signed || MONEY.contains(&text)
}

/// Whether it may be a unit: it begins with a letter or a sign that units have, and its digits are exponents, as in `m2`.
fn is_unit(text: &str) -> bool {
    let begins = |c: char| c.is_alphabetic() || matches!(c, '%' | '\u{2030}' | '\u{b0}' | '\u{b5}' | '"' | '\'');
    let mut before = ' ';
    let digits_follow_letters = text.chars().all(|c| {
        let sound = !c.is_numeric() || before.is_alphabetic() || (before.is_numeric() && before != ' ');
        before = c;
        sound
    });
    (text.starts_with(begins) || is_money(text)) && digits_follow_letters
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> String {
        match parse(text, None, None) {
            Ok(parsed) => parsed.value.to_string(),
            Err(fault) => format!("error: {fault}"),
        }
    }

    #[test]
    fn amounts_are_read_as_they_are_written() {
        for (text, meant) in [
            ("12.5 kg", "12.5 kg"),
            ("12,5 kg", "12.5 kg"),
            ("12,5kg", "12.5 kg"),
            (" 0,250  kg ", "0.250 kg"),
            ("1 234,567 kg", "1234.567 kg"),
            ("1.250,75 EUR", "1250.75 EUR"),
            ("2 500 000 KES", "2500000 KES"),
            ("KES 2,500,000", "2500000 KES"),
            ("KES 2,500,000/=", "2500000 KES"),
            ("Ksh 500/-", "500 Ksh"),
            ("US$ 500", "500 US$"),
            ("$500.00", "500.00 $"),
            ("$.50", "0.50 $"),
            ("Rs.500", "500 Rs"),
            ("Rs. 1,00,000", "100000 Rs"),
            ("€ 1.000,00", "1000.00 €"),
            ("500 €", "500 €"),
            ("-5 °C", "-5 °C"),
            ("\u{2212}5 °C", "-5 °C"),
            ("USD -5", "-5 USD"),
            ("-USD 5", "-5 USD"),
            ("+5 m", "5 m"),
            (".5 g", "0.5 g"),
            ("12 m2", "12 m2"),
            ("3 m³", "3 m³"),
            ("5 %", "5 %"),
            ("1.5E+3 kg", "1500 kg"),
            ("5 E", "5 E"),
            ("١٢٫٥ كغ", "12.5 كغ"),
            ("7.62 mm", "7.62 mm"),
            ("5 million USD", "5 million USD"),
        ] {
            assert_eq!(read(text), meant, "{text}");
        }
    }

    #[test]
    fn what_can_be_read_two_ways_is_refused_with_both() {
        for text in ["12,500 kg", "1.250 kg", "KES 1,250", "-1.250 kg"] {
            assert!(matches!(parse(text, None, None), Err(Fault::Ambiguous { .. })), "{text}: {}", read(text));
        }
        let told = read("12,500 kg");
        assert!(told.contains("12.5000 kg") && told.contains("12500 kg") && told.contains("`decimal`"), "{told}");
        let comma = parse("12,500 kg", None, Some(Decimal::Comma)).unwrap();
        assert_eq!(comma.value.to_string(), "12.5000 kg");
    }

    #[test]
    fn what_is_no_amount_is_refused() {
        for (text, word) in [
            ("kg", "no digits"),
            ("", "no digits"),
            ("12", "no unit"),
            ("5-6 kg", "more than one amount"),
            ("5 \u{2013} 6 kg", "more than one amount"),
            ("5 to 6 kg", "more than one amount"),
            ("5 kg 200 g", "more than one amount"),
            ("2 x 40 ft", "more than one amount"),
            ("1/2 kg", "more than one amount"),
            ("½ kg", "no amount"),
            ("ca. 5 kg", "more than an amount"),
            ("~5 kg", "more than an amount"),
            ("No. 5", "more than an amount"),
            ("$ 500 USD", "more than an amount"),
            ("(500) USD", "more than an amount"),
            ("5 ?", "more than an amount"),
            ("1 2,5 kg", "no amount"),
            ("1,2 5 kg", "no amount"),
            ("1.250E+3 kg", "without an exponent"),
            ("1E99 kg", "exponent"),
        ] {
            let told = read(text);
            assert!(told.starts_with("error") && told.contains(word), "{text}: {told}");
        }
    }

    proptest::proptest! {
        /// What is shown means the same when it is typed. Seen to fail when a part of three digits was kept as it was.
        #[test]
        fn what_is_shown_is_read_as_itself(text in "-?[0-9]{1,12}([.,][0-9]{1,6})?", unit in "kg|USD|€|m2") {
            let read = parse(&format!("{text} {unit}"), None, Some(Decimal::Point)).or_else(|_| parse(&format!("{text} {unit}"), None, Some(Decimal::Comma)));
            let read = read.unwrap().value;
            proptest::prop_assert_eq!(parse(&read.to_string(), None, None).unwrap().value, read);
        }
    }
}
