//! Codes of closed lists.

use super::Fault;
use super::plain::shorten;
use crate::text::tokens;

/// The code that a text means: itself, or itself in lower case with hyphens.
pub(super) fn parse(text: &str, codes: &[&str]) -> Result<String, Fault> {
    let folded = tokens(text).join("-");
    let found = codes.iter().find(|code| **code == text.trim() || **code == folded);
    let unknown = || {
        Fault::Unread(format!(
            "`{}` is none of: {}. In a mapping, `map` translates it",
            shorten(text),
            codes.join(", ")
        ))
    };
    found.map(|code| (*code).to_owned()).ok_or_else(unknown)
}
