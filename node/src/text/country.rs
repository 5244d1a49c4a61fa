//! Countries by code and by name.

mod table;

use super::fold;
use table::{CODES, NAMES};

/// The ISO 3166-1 alpha-2 code of a country: of its alpha-2 or alpha-3 code, or of its name, English as a rule, however
/// it is spelled (`Korea, North`, `CÔTE D'IVOIRE`).
pub fn country(text: &str) -> Option<&'static str> {
    let text = text.trim();
    if matches!(text.len(), 2..=3) && text.bytes().all(|byte| byte.is_ascii_alphabetic()) {
        let upper = text.to_ascii_uppercase();
        let found = CODES.iter().find(|(two, three)| *two == upper || *three == upper);
        if let Some((two, _)) = found {
            return Some(two);
        }
    }
    let folded = fold(text);
    let at = NAMES.binary_search_by_key(&folded.as_str(), |(name, _)| name).ok()?;
    NAMES.get(at).map(|(_, code)| *code)
}

/// Whether `code` is assigned in ISO 3166-1 alpha-2, in capitals.
pub fn is_country(code: &str) -> bool {
    CODES.binary_search_by_key(&code, |(two, _)| two).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_names_find_their_country() {
        for (text, code) in [
            ("KE", "KE"),
            ("ken", "KE"),
            ("Kenya", "KE"),
            ("Korea, North", "KP"),
            ("Democratic People's Republic of Korea", "KP"),
            ("Congo, Democratic Republic of the", "CD"),
            ("CÔTE D'IVOIRE", "CI"),
            ("Bahamas, The", "BS"),
            ("Brésil", "BR"),
            ("UK", "GB"),
        ] {
            assert_eq!(country(text), Some(code), "{text}");
        }
        for text in ["", "Region: Crimea", "undetermined", "None Identified", "QQ"] {
            assert_eq!(country(text), None, "{text}");
        }
    }

    #[test]
    fn the_tables_are_sorted_and_agree() {
        assert!(CODES.is_sorted_by(|a, b| a.0 < b.0));
        assert!(NAMES.is_sorted_by(|a, b| a.0 < b.0));
        for (name, code) in NAMES {
            assert_eq!(fold(name), *name);
            assert!(is_country(code), "{name}");
        }
    }
}
