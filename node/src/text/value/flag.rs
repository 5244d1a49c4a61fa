//! Yes and no.

use super::plain::shorten;
use super::{Fault, Parsed};
use crate::text::fold;
use igain_protocol::record::Value;

/// Words for yes, folded: English, French, Spanish, Portuguese, Swahili, German, Italian, Russian, Turkish, Indonesian, Arabic, Persian.
const YES: &[&str] =
    &["yes", "y", "true", "1", "oui", "si", "sim", "ndiyo", "ndio", "ja", "da", "да", "evet", "ya", "نعم", "بله"];

/// Words for no in the same languages.
const NO: &[&str] =
    &["no", "n", "false", "0", "non", "nao", "hapana", "nein", "nyet", "нет", "hayir", "tidak", "لا", "خير"];

pub(super) fn parse(text: &str) -> Result<Parsed, Fault> {
    let folded = fold(text);
    let means = |words: &[&str]| words.iter().any(|word| fold(word) == folded);
    match (means(YES), means(NO)) {
        (true, _) => Ok(Value::Flag(true).into()),
        (_, true) => Ok(Value::Flag(false).into()),
        _ => Err(Fault::Unread(format!("`{}` is not yes or no", shorten(text)))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn yes_and_no_are_read_in_the_languages_of_those_who_write_them() {
        for (text, meant) in [
            ("Yes", true),
            (" OUI ", true),
            ("Sí", true),
            ("نعم", true),
            ("não", false),
            ("Hayır", false),
            ("нет", false),
        ] {
            assert_eq!(parse(text).unwrap().value, Value::Flag(meant), "{text}");
        }
        assert!(parse("perhaps").is_err() && parse("").is_err());
        assert!(YES.iter().all(|yes| NO.iter().all(|no| fold(yes) != fold(no))));
    }
}
