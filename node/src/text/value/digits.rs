//! Digits of all scripts.

use std::borrow::Cow;

/// The zeros of the decimal digits (general category Nd, Unicode 16) of scripts that documents are written in; nine more digits follow
/// each.
const ZEROS: [u32; 21] = [
    0x0660, 0x06f0, 0x07c0, 0x0966, 0x09e6, 0x0a66, 0x0ae6, 0x0b66, 0x0be6, 0x0c66, 0x0ce6, 0x0d66, 0x0e50, 0x0ed0,
    0x0f20, 0x1040, 0x17e0, 0x1810, 0x1946, 0xa9d0, 0xff10,
];

/// The text with the digits of other scripts as ASCII ones.
pub(super) fn ascii_digits(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return Cow::Borrowed(text);
    }
    let plain = |c: char| {
        let digit = ZEROS.iter().find_map(|zero| u32::from(c).checked_sub(*zero).filter(|digit| *digit < 10));
        digit.and_then(|digit| char::from_digit(digit, 10)).unwrap_or(c)
    };
    Cow::Owned(text.chars().map(plain).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_of_other_scripts_are_digits() {
        assert_eq!(ascii_digits("٠١٢٣٤٥٦٧٨٩ ۰۹ ०९ ０９ ໙"), "0123456789 09 09 09 9");
        assert_eq!(ascii_digits("12 kg"), "12 kg");
        // As Rust's own table of numbers has them.
        assert!(ZEROS.iter().all(|zero| (0..10).all(|nth| char::from_u32(zero + nth).unwrap().is_numeric())));
    }
}
