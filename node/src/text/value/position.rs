//! Places on Earth, in degrees (WGS 84): latitude first, unless letters say otherwise (ISO 6709, RFC 5870).

use igain_protocol::record::Value;

use super::Fault;
use super::digits::ascii_digits;
use super::number::{Decimal, Number, number};
use super::plain::{clean, shorten};

/// Most digits behind the point that are looked at: a thousandth of a millimetre.
const PART_LIMIT: usize = 12;

/// What is written in the way in which it can be read.
const REMEDY: &str = "Write latitude and longitude, as -4.0435, 39.6682 or 4°02'37\"S 39°40'06\"E";

/// Which way an angle is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Axis {
    North,
    East,
}

/// The position that a text says.
pub(super) fn parse(text: &str) -> Result<Value, Fault> {
    let text = clean(&ascii_digits(text), false);
    let unread = |why: &str| Fault::Unread(format!("`{}` {why}. {REMEDY}", shorten(&text)));
    let bare = text.strip_prefix("geo:").map_or(text.as_str(), |uri| uri.split(';').next().unwrap_or(uri));
    let bare = bare.trim_start_matches(['(', '[']).trim_end_matches([')', ']']);
    let (first, second) = halves(bare).ok_or_else(|| unread("is no position, or can be read as more than one"))?;
    let angle = |text: &str| angle(text).ok_or_else(|| unread("is no position"));
    let ((first, first_axis), (second, second_axis)) = (angle(first)?, angle(second)?);
    let (latitude, longitude) = match (first_axis, second_axis) {
        (Some(Axis::North), None | Some(Axis::East)) | (None, None | Some(Axis::East)) => (first, second),
        (Some(Axis::East), None | Some(Axis::North)) | (None, Some(Axis::North)) => (second, first),
        _ => return Err(unread("has two latitudes or two longitudes")),
    };
    match (within(latitude, 90), within(longitude, 180)) {
        (Some(latitude_e6), Some(longitude_e6)) => Ok(Value::Position { latitude_e6, longitude_e6 }),
        (None, _) if within(latitude, 180).is_some() => {
            Err(unread("has a latitude of more than 90 degrees: longitude comes second"))
        }
        _ => Err(unread("is not on Earth")),
    }
}

/// The texts of the two angles. Where commas may be points, what is between them must be something else.
fn halves(text: &str) -> Option<(&str, &str)> {
    let letter = |c: char| matches!(c, 'N' | 'S' | 'E' | 'W' | 'n' | 's' | 'e' | 'w');
    let split = |at: &str| {
        let (first, second) = text.split_once(at)?;
        (!second.contains(at)).then_some((first, second))
    };
    if text.contains(';') {
        return split(";");
    }
    if text.contains(letter) {
        // Behind the first letter, or before the second one.
        let first = text.find(letter)?;
        let behind = if first > 0 { first + 1 } else { text.get(1..)?.find(letter)? + 1 };
        let (first, second) = text.split_at_checked(behind)?;
        return Some((first, second.trim_start_matches([',', ' ', '/'])));
    }
    let words: Vec<&str> = text.split(' ').collect();
    match (words.as_slice(), text.matches(',').count()) {
        ([first, second], _) if first.ends_with(',') => Some((first.trim_end_matches(','), second)),
        ([first, second], _) => Some((first, second)),
        ([_], 1) => split(","),
        (_, 1) => split(", ").or_else(|| split(" ,")),
        _ => None,
    }
}

/// An angle in millionths of a degree, and which way it is measured where a letter says so.
fn angle(text: &str) -> Option<(i64, Option<Axis>)> {
    let text = text.trim();
    let letter = |c: char| {
        Some(match c.to_ascii_uppercase() {
            'N' => (Axis::North, 1),
            'S' => (Axis::North, -1),
            'E' => (Axis::East, 1),
            'W' => (Axis::East, -1),
            _ => return None,
        })
    };
    let at_end = text.chars().next_back().and_then(letter).map(|way| (way, text.get(..text.len() - 1)));
    let at_start = || text.chars().next().and_then(letter).map(|way| (way, text.get(1..)));
    let (way, text) = at_end.or_else(at_start).map_or((None, Some(text)), |(way, rest)| (Some(way), rest));
    let text = text?.trim();
    let negative = text.strip_prefix('-').or_else(|| text.strip_prefix('\u{2212}'));
    let (sign, digits) = match (negative, way) {
        (None, None) => (1, text.trim_start_matches('+')),
        (Some(rest), None) => (-1, rest),
        (None, Some((_, sign))) => (sign, text),
        // Twice negative is nothing that anybody means.
        (Some(_), Some(_)) => return None,
    };
    let marks =
        |c: char| matches!(c, '°' | 'º' | '\'' | '\u{2032}' | '\u{2019}' | '"' | '\u{2033}' | '\u{201d}' | ':' | ' ');
    let parts: Vec<&str> = digits.split(marks).filter(|part| !part.is_empty()).collect();
    // Degrees, minutes and seconds, of which only the last may have a part.
    let (last, whole) = parts.split_last()?;
    let mut scaled = scaled(last)?;
    let mut unit: i128 = SCALE;
    for (nth, part) in whole.iter().rev().enumerate() {
        unit *= 60;
        let number: i128 = part.parse::<u16>().ok()?.into();
        let less_than_sixty = nth + 1 == whole.len() || number < 60;
        if !less_than_sixty {
            return None;
        }
        scaled += number * unit;
    }
    if whole.len() > 2 || (!whole.is_empty() && self::scaled(last)? >= 60 * SCALE) {
        return None;
    }
    let per_degree = 60_i128.pow(u32::try_from(whole.len()).ok()?) * SCALE;
    let millionths = (scaled * 1_000_000 * 2 + per_degree) / (per_degree * 2);
    Some((i64::try_from(millionths).ok()? * sign, way.map(|(axis, _)| axis)))
}

const SCALE: i128 = 1_000_000_000_000;

/// A decimal number, exactly, in parts of [`SCALE`].
fn scaled(text: &str) -> Option<i128> {
    let decimal = if text.contains(',') { Decimal::Comma } else { Decimal::Point };
    let Number::One(number) = number(text, Some(decimal))? else { return None };
    let (whole, part) = number.split_once('.').unwrap_or((&number, ""));
    let part: String = part.chars().chain(std::iter::repeat('0')).take(PART_LIMIT).collect();
    Some(whole.parse::<u16>().ok().map(i128::from)? * SCALE + part.parse::<i128>().ok()?)
}

fn within(millionths: i64, degrees: i64) -> Option<i32> {
    i32::try_from(millionths).ok().filter(|_| millionths.abs() <= degrees * 1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> String {
        parse(text).map_or_else(|fault| format!("error: {fault}"), |value| value.to_string())
    }

    #[test]
    fn positions_are_read_as_they_are_written() {
        for (text, meant) in [
            ("-4.0435, 39.6682", "-4.043500, 39.668200"),
            ("-4.0435,39.6682", "-4.043500, 39.668200"),
            ("-4.0435 39.6682", "-4.043500, 39.668200"),
            ("-4,0435 39,6682", "-4.043500, 39.668200"),
            ("-4,0435; 39,6682", "-4.043500, 39.668200"),
            ("-4,0435, 39,6682", "-4.043500, 39.668200"),
            ("\u{2212}4.0435, +39.6682", "-4.043500, 39.668200"),
            ("(-4.0435, 39.6682)", "-4.043500, 39.668200"),
            ("geo:-4.0435,39.6682;u=35", "-4.043500, 39.668200"),
            ("4.0435 S, 39.6682 E", "-4.043500, 39.668200"),
            ("S4.0435 E39.6682", "-4.043500, 39.668200"),
            ("39.6682 E, 4.0435 S", "-4.043500, 39.668200"),
            ("4.0435° s 39.6682° e", "-4.043500, 39.668200"),
            ("4°02'36.6\"S 39°40'5.52\"E", "-4.043500, 39.668200"),
            ("4°02′36,6″S, 39°40′5,52″E", "-4.043500, 39.668200"),
            ("4 02 36.6 S 39 40 5.52 E", "-4.043500, 39.668200"),
            ("4°2.61'S 39°40.092'E", "-4.043500, 39.668200"),
            ("90, -180", "90.000000, -180.000000"),
            ("0 0", "0.000000, 0.000000"),
            ("1.0000005, 1.0000004", "1.000001, 1.000000"),
            ("٤٫٥; ٣٩٫٥", "4.500000, 39.500000"),
            ("1.234, 5.678", "1.234000, 5.678000"),
        ] {
            assert_eq!(read(text), meant, "{text}");
        }
    }

    #[test]
    fn what_is_no_position_is_refused() {
        for (text, word) in [
            ("Mombasa", "no position"),
            ("", "no position"),
            ("1", "no position"),
            ("1,2,3", "more than one"),
            ("1,2833,36,8167", "more than one"),
            ("1; 2; 3", "more than one"),
            ("139.6682, 4.0435", "longitude comes second"),
            ("91, 181", "longitude comes second"),
            ("181, 4", "not on Earth"),
            ("4, 181", "not on Earth"),
            ("4 N, 5 N", "two latitudes"),
            ("-4 S, 39 E", "no position"),
            ("4°60'0\"S 39°0'0\"E", "no position"),
            ("4°2'60\"S 39°0'0\"E", "no position"),
            ("4°2'3'4\"S 39°0'0\"E", "no position"),
            ("1e5, 3", "no position"),
            ("NaN, inf", "no position"),
            ("48,1 N 2,3 O", "no position"),
        ] {
            let told = read(text);
            assert!(told.starts_with("error") && told.contains(word), "{text}: {told}");
        }
    }

    proptest::proptest! {
        /// Whatever is shown is read as itself.
        #[test]
        fn what_is_shown_is_read_as_itself(latitude_e6 in -90_000_000..=90_000_000, longitude_e6 in -180_000_000..=180_000_000) {
            let value = Value::Position { latitude_e6, longitude_e6 };
            proptest::prop_assert_eq!(parse(&value.to_string()).unwrap(), value);
        }

        /// L16: any text is a position or is refused.
        #[test]
        fn any_text_is_a_position_or_refused(text in "[0-9NSEW°'\", ;:.+-]{0,24}|\\PC{0,24}") {
            let _ = parse(&text);
        }
    }
}
