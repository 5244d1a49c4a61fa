//! Which record a link or a reference means.

use super::template::Template;

/// A record by the key that it is imported under.
#[derive(Debug)]
pub(super) struct Target {
    /// The `name` of its rule.
    pub(super) record: String,
    /// The source of the mapping that makes it, where that is another one.
    pub(super) source: Option<String>,
}

/// One end of a link.
#[derive(Debug)]
pub(super) struct End {
    /// The record.
    pub(super) target: Target,
    /// Its key; the record that the same row makes, where there is none.
    pub(super) key: Option<Template>,
}
