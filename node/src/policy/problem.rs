//! What is wrong with a policy file, where, and what to do about it.

use std::fmt;

use miette::Diagnostic;

/// A policy text that cannot be used, with all that was found wrong in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// At least one, in the order of the text.
    pub problems: Vec<Problem>,
}

/// One thing that is wrong with a policy text.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// The file's name, as it was given.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub help: String,
}

impl std::error::Error for Error {}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, column, message, help } = self;
        write!(f, "{file}:{line}:{column}: {message}. {help}")
    }
}

/// A policy text with its name: turns places in the text into lines and columns.
#[derive(Debug, Clone, Copy)]
pub(super) struct Source<'a> {
    pub(super) file: &'a str,
    pub(super) text: &'a str,
}

impl Source<'_> {
    /// Line and column, from 1, of the byte `offset`; of the end of the text for an offset past it.
    pub(super) fn place(&self, offset: usize) -> (usize, usize) {
        let before = self.text.get(..offset.min(self.text.len())).unwrap_or(self.text);
        let line_start = before.rfind('\n').map_or(0, |at| at.saturating_add(1));
        let line = before.matches('\n').count().saturating_add(1);
        let column = before.get(line_start..).map_or(0, |line| line.chars().count()).saturating_add(1);
        (line, column)
    }

    /// A problem at the byte `offset`.
    pub(super) fn problem(&self, offset: usize, message: impl Into<String>, help: impl Into<String>) -> Problem {
        let (line, column) = self.place(offset);
        Problem { file: self.file.to_owned(), line, column, message: message.into(), help: sentence(&help.into()) }
    }

    /// What Cedar found, at the place it names or else at `offset`, with its own advice or else `help`.
    pub(super) fn diagnosed(&self, found: &dyn Diagnostic, offset: usize, help: &str) -> Problem {
        let label = found.labels().and_then(|mut labels| labels.next());
        let offset = label.as_ref().map_or(offset, |label| label.offset());
        // Cedar says what it expected there in the label and not in the message.
        let expected = label.as_ref().and_then(|label| label.label()).filter(|text| text.starts_with("expected"));
        // What Cedar calls a policy is a rule here: the policy is the whole file.
        let mut message = one_line(&found.to_string()).replacen("for policy `", "in rule `", 1);
        if let Some(expected) = expected {
            message = format!("{message}: {}", one_line(expected));
        }
        let advice = found.help().map_or_else(|| help.to_owned(), |advice| one_line(&advice.to_string()));
        self.problem(offset, message, advice)
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").trim_end_matches('.').to_owned()
}

/// `text` as a sentence: a capital at its beginning, a full stop at its end.
fn sentence(text: &str) -> String {
    let mut chars = text.trim().chars();
    let first = chars.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    let mut sentence = format!("{first}{}", chars.as_str());
    if !sentence.ends_with(['.', '?', '!']) {
        sentence.push('.');
    }
    sentence
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_count_lines_and_characters_from_one() {
        let source = Source { file: "a.cedar", text: "é(\n  ключ)" };
        assert_eq!(source.place(0), (1, 1));
        assert_eq!(source.place(2), (1, 2));
        assert_eq!(source.place(4), (2, 1));
        assert_eq!(source.place(8), (2, 4));
        assert_eq!(source.place(9999), (2, 8));
    }

    #[test]
    fn a_problem_is_one_line_with_a_sentence_of_help() {
        let source = Source { file: "a.cedar", text: "x" };
        let problem = source.problem(0, "unknown word", "write `y`");
        assert_eq!(problem.to_string(), "a.cedar:1:1: unknown word. Write `y`.");
    }
}
