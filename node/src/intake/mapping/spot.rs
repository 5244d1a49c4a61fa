//! Where in a mapping something stands.

use std::ops::Range;

use super::Error;

/// The text of a mapping, to name places in it.
#[derive(Clone, Copy)]
pub(super) struct Document<'a> {
    pub(super) text: &'a str,
    pub(super) file: &'a str,
}

impl Document<'_> {
    /// An error at a place.
    pub(super) fn error(&self, span: Range<usize>, message: impl Into<String>) -> Error {
        let before = self.text.get(..span.start.min(self.text.len())).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        let start = before.rfind('\n').map_or(0, |at| at + 1);
        let column = before.get(start..).unwrap_or_default().chars().count() + 1;
        Error { file: self.file.to_owned(), line, column, message: message.into() }
    }

    /// An error of the TOML itself.
    pub(super) fn toml(&self, error: &toml::de::Error) -> Error {
        let message = error.message().lines().next().unwrap_or_default().to_owned();
        self.error(error.span().unwrap_or_default(), message)
    }
}
