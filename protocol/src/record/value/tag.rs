//! Codes of countries, languages and scripts.

/// ISO 3166-1 alpha-2, and `XK` for Kosovo, as INTERPOL, ICAO and the European Union write it.
const COUNTRIES: &[&str] = &[
    "AD", "AE", "AF", "AG", "AI", "AL", "AM", "AO", "AQ", "AR", "AS", "AT", "AU", "AW", "AX", "AZ", "BA", "BB", "BD",
    "BE", "BF", "BG", "BH", "BI", "BJ", "BL", "BM", "BN", "BO", "BQ", "BR", "BS", "BT", "BV", "BW", "BY", "BZ", "CA",
    "CC", "CD", "CF", "CG", "CH", "CI", "CK", "CL", "CM", "CN", "CO", "CR", "CU", "CV", "CW", "CX", "CY", "CZ", "DE",
    "DJ", "DK", "DM", "DO", "DZ", "EC", "EE", "EG", "EH", "ER", "ES", "ET", "FI", "FJ", "FK", "FM", "FO", "FR", "GA",
    "GB", "GD", "GE", "GF", "GG", "GH", "GI", "GL", "GM", "GN", "GP", "GQ", "GR", "GS", "GT", "GU", "GW", "GY", "HK",
    "HM", "HN", "HR", "HT", "HU", "ID", "IE", "IL", "IM", "IN", "IO", "IQ", "IR", "IS", "IT", "JE", "JM", "JO", "JP",
    "KE", "KG", "KH", "KI", "KM", "KN", "KP", "KR", "KW", "KY", "KZ", "LA", "LB", "LC", "LI", "LK", "LR", "LS", "LT",
    "LU", "LV", "LY", "MA", "MC", "MD", "ME", "MF", "MG", "MH", "MK", "ML", "MM", "MN", "MO", "MP", "MQ", "MR", "MS",
    "MT", "MU", "MV", "MW", "MX", "MY", "MZ", "NA", "NC", "NE", "NF", "NG", "NI", "NL", "NO", "NP", "NR", "NU", "NZ",
    "OM", "PA", "PE", "PF", "PG", "PH", "PK", "PL", "PM", "PN", "PR", "PS", "PT", "PW", "PY", "QA", "RE", "RO", "RS",
    "RU", "RW", "SA", "SB", "SC", "SD", "SE", "SG", "SH", "SI", "SJ", "SK", "SL", "SM", "SN", "SO", "SR", "SS", "ST",
    "SV", "SX", "SY", "SZ", "TC", "TD", "TF", "TG", "TH", "TJ", "TK", "TL", "TM", "TN", "TO", "TR", "TT", "TV", "TW",
    "TZ", "UA", "UG", "UM", "US", "UY", "UZ", "VA", "VC", "VE", "VG", "VI", "VN", "VU", "WF", "WS", "XK", "YE", "YT",
    "ZA", "ZM", "ZW",
];

/// ISO 3166-3: countries that are no more, for those who were born there.
const FORMER: &[&str] = &["AN", "BU", "CS", "DD", "SU", "TP", "YD", "YU", "ZR"];

/// Whether a text is the code of a country that is or was.
pub(in crate::record) fn is_country(text: &str) -> bool {
    COUNTRIES.binary_search(&text).is_ok() || FORMER.contains(&text)
}

/// Whether a text is well-formed as a language tag (BCP 47): a language, and perhaps a script, region or variants.
pub(in crate::record) fn is_language(text: &str) -> bool {
    let subtag = |part: &str| (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let primary = text.split('-').next().unwrap_or_default();
    text.len() <= 35
        && (2..=3).contains(&primary.len())
        && primary.bytes().all(|byte| byte.is_ascii_lowercase())
        && text.split('-').all(subtag)
}

/// Whether a text is well-formed as the code of a script (ISO 15924), such as `Latn`.
pub(super) fn is_script(text: &str) -> bool {
    matches!(text.as_bytes(), [first, rest @ ..] if rest.len() == 3
        && first.is_ascii_uppercase() && rest.iter().all(u8::is_ascii_lowercase))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn countries_languages_and_scripts_are_told_from_what_they_are_not() {
        assert!(COUNTRIES.is_sorted_by(|a, b| a < b));
        for code in ["KE", "FR", "BR", "AD", "ZW", "XK", "SU"] {
            assert!(is_country(code), "{code}");
        }
        for code in ["", "K", "ke", "UK", "ZZ", "KEN", "E ", " K", "AD AE"] {
            assert!(!is_country(code), "{code}");
        }
        for tag in ["sw", "pt-BR", "sr-Cyrl-RS", "ar", "gsw"] {
            assert!(is_language(tag), "{tag}");
        }
        for tag in ["", "s", "Swahili", "pt_BR", "pt-", "SW", "en-abcdefghi"] {
            assert!(!is_language(tag), "{tag}");
        }
        assert!(is_script("Arab") && is_script("Cyrl"));
        assert!(!is_script("arab") && !is_script("Arabic") && !is_script(""));
    }
}
