//! Which record a link or a reference means.

use regex::Regex;

use super::rule::{Fault, statements};
use super::template::{Template, View};

/// Most links that one row asks for by one rule.
const LINKS_LIMIT: usize = 256;

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

/// Links by the statements of a cell, of which a row may have any number.
#[derive(Debug)]
pub(super) struct Each {
    pub(super) from: Template,
    pub(super) split: String,
    pub(super) pattern: Regex,
    /// The joined file in which to look up what the pattern found.
    pub(super) join: Option<usize>,
}

impl Each {
    /// Calls `link` with the view of each statement that makes a link. One whose key the joined file does not have, or
    /// has twice, makes none.
    pub(super) fn apply(
        &self,
        view: &View<'_>,
        mut link: impl FnMut(&View<'_>) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        let Some(cell) = self.from.text(view) else { return Ok(()) };
        let mut count = 0;
        for statement in statements(&cell, &self.split) {
            // Nobody can tell the full stop of the last abbreviation from that of the cell.
            for text in [statement.whole, statement.text] {
                let Some(captures) = self.pattern.captures(text) else { continue };
                let found = captures.get(1).or_else(|| captures.get(0)).map_or("", |found| found.as_str());
                let current = match self.join {
                    None => None,
                    Some(join) => match view.sides.get(join).map(|(side, _)| side.rows(found.trim())) {
                        Some([row]) => Some((join, *row)),
                        _ => continue,
                    },
                };
                count += 1;
                if count > LINKS_LIMIT {
                    let reason = format!("the row asks for more than {LINKS_LIMIT} links. Split it");
                    return Err(Fault { column: None, reason });
                }
                link(&View { current, captures: Some(&captures), ..*view })?;
                break;
            }
        }
        Ok(())
    }
}
