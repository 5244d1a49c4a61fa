//! Text that people will read: bounded, and free of characters that make a terminal or a screen show something else.

/// Why a text is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Nothing in it.
    #[error("is empty")]
    Empty,
    /// Too long.
    #[error("has {bytes} bytes, and {limit} is the limit")]
    TooLong {
        /// Its length.
        bytes: usize,
        /// The most that is taken.
        limit: usize,
    },
    /// A control character, or one that turns the direction of writing around what follows.
    #[error("holds the control character U+{:04X}", *.0 as u32)]
    Control(char),
}

/// Checks a line: not empty, at most `limit` bytes, no control characters.
///
/// # Errors
/// The first fault.
pub fn line(text: &str, limit: usize) -> Result<(), Fault> {
    match text.trim().is_empty() {
        true => Err(Fault::Empty),
        false => bounded(text, limit, |_| false),
    }
}

/// Checks text of many lines, which may be empty.
///
/// # Errors
/// The first fault.
pub fn prose(text: &str, limit: usize) -> Result<(), Fault> {
    bounded(text, limit, |c| matches!(c, '\n' | '\t'))
}

/// What of a stranger's text goes into a message: 64 characters at most, none that controls a terminal.
pub fn shorten(text: &str) -> String {
    text.chars().take(64).map(|c| if controls(c) { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

fn bounded(text: &str, limit: usize, allowed: impl Fn(char) -> bool) -> Result<(), Fault> {
    if text.len() > limit {
        return Err(Fault::TooLong { bytes: text.len(), limit });
    }
    match text.chars().find(|c| controls(*c) && !allowed(*c)) {
        Some(c) => Err(Fault::Control(c)),
        None => Ok(()),
    }
}

/// Control characters, and the embeddings, overrides and isolates of the bidirectional algorithm (UAX 9); its plain
/// marks stay allowed, since Arabic and Hebrew names need them.
fn controls(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}
