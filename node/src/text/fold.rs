//! Names without case, diacritics and script.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::decompose_compatible;

/// Most tokens of a name: the longest names of companies in the sanctions lists have 24.
pub const TOKENS_LIMIT: usize = 32;

/// Most bytes of a token; the rest of a longer one is left out.
pub const TOKEN_LIMIT: usize = 64;

/// Most bytes of a name that are looked at: a name field holds at most 512.
const NAME_LIMIT: usize = 4096;

/// The tokens of a name, folded and joined by single spaces: equal for names that differ only in case, diacritics,
/// punctuation and script.
pub fn fold(name: &str) -> String {
    tokens(name).join(" ")
}

/// The words of a name in lower-case ASCII letters and digits, in the order of the name, at most [`TOKENS_LIMIT`].
///
/// Diacritics are left out (Unicode Standard Annex 15), other scripts are transliterated, the Arabic article becomes a
/// token of its own as it is in Latin script, apostrophes join (`O'Neill` is `oneill`) and so do the dots of initials
/// (`S.A.` is `sa`). Everything else separates.
pub fn tokens(name: &str) -> Vec<String> {
    let mut words = Words::default();
    let name = shorten(name, NAME_LIMIT);
    if name.is_ascii() {
        words.ascii(name)
    } else {
        words.unicode(name)
    }
    words.end();
    words.done
}

/// The longest start of `text` with at most `limit` bytes that ends between characters.
pub(crate) fn shorten(text: &str, limit: usize) -> &str {
    text.get(..text.floor_char_boundary(limit)).unwrap_or(text)
}

#[derive(Default)]
struct Words {
    done: Vec<String>,
    word: String,
    /// How much of the word is initials whose dots were left out.
    initials: usize,
}

impl Words {
    fn ascii(&mut self, name: &str) {
        let bytes = name.as_bytes();
        for (at, byte) in bytes.iter().enumerate() {
            match byte {
                b'a'..=b'z' | b'0'..=b'9' => self.push(char::from(*byte)),
                b'A'..=b'Z' => self.push(char::from(byte.to_ascii_lowercase())),
                b'\'' | b'`' => {}
                b'.' if self.is_initial(|ahead| bytes.get(at + ahead).is_some_and(u8::is_ascii_alphanumeric)) => {
                    self.initials = self.word.len();
                }
                _ => self.end(),
            }
        }
    }

    fn unicode(&mut self, name: &str) {
        let chars: Vec<char> = name.nfkc().collect();
        let mut before = None;
        let mut at = 0;
        while let Some(c) = chars.get(at).copied() {
            let is_letter = |ahead: usize| chars.get(at + ahead).is_some_and(|c| c.is_alphanumeric());
            if c == '.' && self.is_initial(is_letter) {
                self.initials = self.word.len();
            } else if is_arabic_article(before, c, chars.get(at + 1).copied()) && is_letter(2) {
                // The article is written together in Arabic script, and apart in others.
                self.end();
                self.word.push_str("al");
                self.end();
                at += 1;
            } else {
                self.char(c, before);
            }
            before = chars.get(at).copied();
            at += 1;
        }
    }

    /// Whether a dot stands between initials: after a single letter, and before another one that stands alone.
    fn is_initial(&self, is_letter: impl Fn(usize) -> bool) -> bool {
        self.word.len() == self.initials + 1 && is_letter(1) && !is_letter(2)
    }

    fn char(&mut self, c: char, before: Option<char>) {
        match c {
            '\'' | '`' | '\u{2018}' | '\u{2019}' | '\u{2bb}'..='\u{2bf}' | '\u{b4}' => {}
            // Joiners, directional marks, tatweel, variation selectors: invisible.
            '\u{200c}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{640}' | '\u{feff}' => {}
            c if c.is_ascii() => self.spell(c),
            '\u{ac00}'..='\u{d7a3}' => self.transliterate(c),
            c => {
                let mut letters = ['\0'; 18];
                let mut count = 0;
                decompose_compatible(c, |part| {
                    if let Some(slot) = letters.get_mut(count) {
                        *slot = part;
                        count += 1;
                    }
                });
                let starts = before.is_none_or(|before| !before.is_alphanumeric());
                for part in letters.iter().take(count).copied().filter(|part| !is_diacritic(*part)) {
                    match arabic(part, starts) {
                        Some(text) => text.chars().for_each(|c| self.push(c)),
                        None if part.is_ascii() => self.spell(part),
                        None => self.transliterate(part),
                    }
                }
            }
        }
    }

    fn spell(&mut self, c: char) {
        if c.is_ascii_alphanumeric() { self.push(c.to_ascii_lowercase()) } else { self.end() }
    }

    fn transliterate(&mut self, c: char) {
        let Some(text) = deunicode::deunicode_char(c) else { return self.end() };
        if !c.is_alphanumeric() && !is_mark_with_sound(c) {
            return self.end();
        }
        for c in text.chars() {
            match c {
                ' ' => self.end(),
                c if c.is_ascii_alphanumeric() => self.push(c.to_ascii_lowercase()),
                _ => {}
            }
        }
    }

    fn push(&mut self, c: char) {
        if self.word.len() < TOKEN_LIMIT {
            self.word.push(c);
        }
    }

    fn end(&mut self) {
        if !self.word.is_empty() && self.done.len() < TOKENS_LIMIT {
            self.done.push(std::mem::take(&mut self.word));
        }
        self.word.clear();
        self.initials = 0;
    }
}

/// Marks that a name may lack without becoming another: accents, Hebrew points, Arabic vowels, variation selectors.
const fn is_diacritic(c: char) -> bool {
    matches!(c,
        '\u{300}'..='\u{36f}' | '\u{483}'..='\u{487}' | '\u{591}'..='\u{5c7}' | '\u{610}'..='\u{61a}'
        | '\u{64b}'..='\u{65f}' | '\u{670}' | '\u{6d6}'..='\u{6ed}' | '\u{1ab0}'..='\u{1aff}'
        | '\u{1dc0}'..='\u{1dff}' | '\u{20d0}'..='\u{20ff}' | '\u{3099}'..='\u{309a}' | '\u{fe00}'..='\u{fe2f}')
}

/// Vowel signs of the scripts of India and South-East Asia, which Unicode counts as marks but which are letters here.
const fn is_mark_with_sound(c: char) -> bool {
    matches!(c, '\u{900}'..='\u{109f}' | '\u{1780}'..='\u{17ff}')
}

/// Whether alef and lam begin a word of at least two more letters.
fn is_arabic_article(before: Option<char>, c: char, next: Option<char>) -> bool {
    matches!(c, '\u{627}' | '\u{671}')
        && next == Some('\u{644}')
        && before.is_none_or(|before| !before.is_alphanumeric())
}

/// Letters of the Arabic script as names are commonly romanised; waw and yeh sound as consonants where a word begins.
const fn arabic(c: char, starts: bool) -> Option<&'static str> {
    Some(match c {
        'ا' | 'ى' | 'ة' | 'ٱ' => "a",
        'ب' => "b",
        'پ' => "p",
        'ت' | 'ط' | 'ٹ' => "t",
        'ث' => "th",
        'ج' => "j",
        'چ' => "ch",
        'ح' | 'ه' | 'ہ' | 'ھ' | 'ە' => "h",
        'خ' => "kh",
        'د' | 'ض' | 'ڈ' => "d",
        'ذ' => "dh",
        'ر' | 'ڑ' => "r",
        'ز' | 'ظ' => "z",
        'ژ' => "zh",
        'س' | 'ص' => "s",
        'ش' => "sh",
        'ع' | 'ء' => "",
        'غ' => "gh",
        'ف' => "f",
        'ق' => "q",
        'ك' | 'ک' => "k",
        'گ' => "g",
        'ل' => "l",
        'م' => "m",
        'ن' | 'ں' => "n",
        'و' if starts => "w",
        'و' | 'ۇ' => "u",
        'ي' | 'ی' | 'ے' if starts => "y",
        'ي' | 'ی' | 'ے' => "i",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn case_diacritics_and_punctuation_fall_away() {
        let check = |name: &str, folded: &str| assert_eq!(fold(name), folded, "{name}");
        check("AL-ZAWAHIRI, Dr. Ayman", "al zawahiri dr ayman");
        check("João  Müller-Lüdenscheidt", "joao muller ludenscheidt");
        check("O'Neill", "oneill");
        check("O\u{2019}Neill", "oneill");
        check("TAXI AEREO NACIONAL DE CULIACAN, S.A. DE C.V.", "taxi aereo nacional de culiacan sa de cv");
        check("J.Smith", "j smith");
        check("Łukasz Straße Ørsted", "lukasz strasse orsted");
        check("ﬁnance № 5", "finance no 5");
        check("", "");
        check("\0\u{202e}--", "");
    }

    #[test]
    fn other_scripts_are_transliterated() {
        let check = |name: &str, folded: &str| assert_eq!(fold(name), folded, "{name}");
        check("Владимир Путин", "vladimir putin");
        check("بشار الأسد", "bshar al asd");
        check("مُحَمَّد", "mhmd");
        check("Αλέξης Τσίπρας", "alexes tsipras");
        check("毛泽东", "mao ze dong");
    }

    #[test]
    fn a_name_without_end_is_cut() {
        assert_eq!(tokens(&"a ".repeat(100_000)).len(), TOKENS_LIMIT);
        assert_eq!(tokens(&"ж".repeat(100_000)).concat().len(), TOKEN_LIMIT);
    }

    proptest! {
        #[test]
        fn any_text_gives_plain_bounded_tokens(name in "\\PC{0,200}") {
            let words = tokens(&name);
            prop_assert!(words.len() <= TOKENS_LIMIT);
            for word in &words {
                prop_assert!(!word.is_empty() && word.len() <= TOKEN_LIMIT);
                prop_assert!(word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()));
            }
            prop_assert_eq!(tokens(&words.join(" ")), words);
        }
    }
}
