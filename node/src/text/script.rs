//! Which script a text is written in.

/// The ISO 15924 code of the script that most letters of `text` are in; none where it has no letters, or letters of a
/// script that is not told apart here.
pub fn script(text: &str) -> Option<&'static str> {
    if text.is_ascii() {
        return text.bytes().any(|byte| byte.is_ascii_alphabetic()).then_some("Latn");
    }
    let mut counts: [(&str, u32); SCRIPTS.len()] = SCRIPTS.map(|(code, _, _)| (code, 0));
    for c in text.chars().filter(|c| c.is_alphabetic()) {
        let found = SCRIPTS.iter().position(|(_, from, to)| (*from..=*to).contains(&c));
        if let Some((_, count)) = found.and_then(|at| counts.get_mut(at)) {
            *count += 1;
        }
    }
    let of = |code: &str| counts.iter().filter(|(other, _)| *other == code).map(|(_, count)| *count).sum::<u32>();
    // Japanese mixes kana with Han characters.
    if of("Jpan") > 0 && of("Latn") < of("Jpan") {
        return Some("Jpan");
    }
    let most = SCRIPTS.iter().map(|(code, _, _)| (of(code), *code)).max_by_key(|(count, _)| *count)?;
    (most.0 > 0).then_some(most.1)
}

/// Ranges of letters (Unicode Scripts.txt), the blocks that names are written in.
const SCRIPTS: [(&str, char, char); 26] = [
    ("Latn", 'A', 'z'),
    ("Latn", '\u{aa}', '\u{24f}'),
    ("Latn", '\u{1e00}', '\u{1eff}'),
    ("Latn", '\u{ff21}', '\u{ff5a}'),
    ("Grek", '\u{370}', '\u{3ff}'),
    ("Grek", '\u{1f00}', '\u{1fff}'),
    ("Cyrl", '\u{400}', '\u{52f}'),
    ("Armn", '\u{531}', '\u{58f}'),
    ("Hebr", '\u{590}', '\u{5ff}'),
    ("Arab", '\u{600}', '\u{6ff}'),
    ("Arab", '\u{750}', '\u{77f}'),
    ("Arab", '\u{fb50}', '\u{fdff}'),
    ("Arab", '\u{fe70}', '\u{fefe}'),
    ("Deva", '\u{900}', '\u{97f}'),
    ("Beng", '\u{980}', '\u{9ff}'),
    ("Taml", '\u{b80}', '\u{bff}'),
    ("Thai", '\u{e00}', '\u{e7f}'),
    ("Mymr", '\u{1000}', '\u{109f}'),
    ("Geor", '\u{10a0}', '\u{10ff}'),
    ("Ethi", '\u{1200}', '\u{137f}'),
    ("Khmr", '\u{1780}', '\u{17ff}'),
    ("Jpan", '\u{3040}', '\u{30ff}'),
    ("Hani", '\u{3400}', '\u{9fff}'),
    ("Hang", '\u{ac00}', '\u{d7a3}'),
    ("Hang", '\u{1100}', '\u{11ff}'),
    ("Hani", '\u{20000}', '\u{3ffff}'),
];

#[cfg(test)]
mod tests {
    use super::script;

    #[test]
    fn the_script_of_most_letters_counts() {
        for (text, code) in [
            ("João", Some("Latn")),
            ("محمد علي", Some("Arab")),
            ("Иван", Some("Cyrl")),
            ("習近平", Some("Hani")),
            ("プーチン大統領", Some("Jpan")),
            ("푸틴", Some("Hang")),
            ("ООО Gazprom Нефть", Some("Cyrl")),
            ("12-34", None),
            ("", None),
        ] {
            assert_eq!(script(text), code, "{text}");
        }
    }
}
