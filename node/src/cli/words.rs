//! How people read numbers, times and gradings.

use igain_protocol::vocabulary::Grading;

/// A number of bytes.
pub(super) fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut unit = 0;
    let mut tenths = u128::from(bytes) * 10;
    while tenths >= 10_240 && unit + 1 < UNITS.len() {
        tenths /= 1_024;
        unit += 1;
    }
    let name = UNITS.get(unit).copied().unwrap_or_default();
    if unit == 0 { format!("{bytes} {name}") } else { format!("{}.{} {name}", tenths / 10, tenths % 10) }
}

/// A number with its thousands told apart.
pub(super) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// How long ago something was, in its largest unit.
pub(super) fn age(seconds: u64) -> String {
    const DAY: u64 = 86_400;
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min", seconds / 60),
        3_600..DAY => format!("{} h", seconds / 3_600),
        _ if seconds < 730 * DAY => format!("{} d", seconds / DAY),
        _ => format!("{} y", seconds / (365 * DAY)),
    }
}

/// A grading: on the 4x4 scale, and as it was given where that is another one.
pub(super) fn grading(grading: Grading) -> String {
    match grading.admiralty {
        Some(given) => format!("{} (Admiralty {given})", grading.four_by_four()),
        None => grading.to_string(),
    }
}

/// One thing or many.
pub(super) fn plural(number: u64, one: &str, many: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{} {many}", count(number)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short_and_exact_enough() {
        assert_eq!([bytes(0), bytes(1_023), bytes(1_536), bytes(64 << 20)], ["0 B", "1023 B", "1.5 KiB", "64.0 MiB"]);
        assert_eq!(bytes(u64::MAX), "16777215.9 TiB");
        assert_eq!([count(7), count(1_000), count(234_908)], ["7", "1,000", "234,908"]);
        assert_eq!([age(59), age(3_599), age(90_000), age(63_072_000)], ["59 s", "59 min", "1 d", "2 y"]);
        assert_eq!(grading("B2".parse().unwrap()), "B2");
        assert_eq!(grading("admiralty:D5".parse().unwrap()), "C4 (Admiralty D5)");
        assert_eq!([plural(1, "hit", "hits"), plural(0, "hit", "hits")], ["1 hit", "0 hits"]);
    }
}
