//! Text without what no screen shows.

/// The text without what no screen shows; on one line, unless it may have many.
pub fn clean(text: &str, lines: bool) -> String {
    let plain = text.bytes().all(|byte| (0x20..0x7f).contains(&byte)) && !text.contains("  ");
    if plain {
        return text.trim().to_owned();
    }
    let mut cleaned = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\n' | '\t' if lines => cleaned.push(c),
            // Lines end in three ways, and are ended in one.
            '\r' if lines => cleaned.extend((chars.peek() != Some(&'\n')).then_some('\n')),
            '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{200b}' | '\u{feff}' | '\u{2028}' | '\u{2029}' => {}
            c if c.is_whitespace() => {
                if !cleaned.ends_with(' ') {
                    cleaned.push(' ');
                }
            }
            c if c.is_control() => {}
            c => cleaned.push(c),
        }
    }
    cleaned.trim().to_owned()
}

/// What of a text goes into a message.
pub fn shorten(text: &str) -> String {
    clean(text, false).chars().take(64).collect()
}
