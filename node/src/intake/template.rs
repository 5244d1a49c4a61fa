//! Texts with columns in them: `{city}[, {country}]`.

use std::collections::{BTreeMap, BTreeSet};

use regex::Captures;

use super::join::Side;
use super::read::Row;

/// Deepest section inside a section; people do not read more.
const DEPTH_LIMIT: usize = 4;

/// A text whose columns are filled in row by row.
///
/// - `{column}` stands for a cell of the row, `{role.column}` for one of a joined row, `{1}` for what the first
///   parentheses of the rule's pattern matched; `{column|lower}` changes it on the way.
/// - Outside of square brackets, every cell must have a value, or the whole text has none. `[…]` is left out where a
///   cell in it is empty.
/// - `${name}` stands for a variable that is given with the import, `${name:-text}` for `text` where it is not.
/// - A bracket is written twice to stand for itself.
#[derive(Debug, Clone)]
pub(super) struct Template(Vec<Segment>);

#[derive(Debug, Clone)]
enum Segment {
    Text(String),
    Cell(Place, Option<Filter>),
    Section(Vec<Segment>),
}

/// Where a cell comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// A column of the file, by its number among those that the mapping uses.
    Main(usize),
    /// A column of a joined file.
    Side {
        /// Which file.
        join: usize,
        /// Which of its columns.
        column: usize,
    },
    /// A group of the pattern.
    Capture(usize),
}

#[derive(Debug, Clone, Copy)]
enum Filter {
    Lower,
    Upper,
    Title,
    Digits,
    Fold,
    Tail,
}

/// Most characters of a tail: enough to tell a person's documents apart, too few to find anybody by.
const TAIL: usize = 3;

/// The columns and variables that a mapping may name.
#[derive(Debug, Default)]
pub(super) struct Scope {
    /// Columns of the file that are used, in the order of their first use.
    pub(super) main: Vec<String>,
    /// Files that are joined, and the columns of them that are used.
    pub(super) joins: Vec<(String, Vec<String>)>,
    /// What `${…}` stands for.
    pub(super) variables: BTreeMap<String, String>,
    /// The variables that are used.
    pub(super) used: BTreeSet<String>,
}

impl Scope {
    /// The place of a column, which is from now on one that is used.
    pub(super) fn place(&mut self, name: &str) -> Place {
        if let Some((role, column)) = name.split_once('.')
            && let Some(join) = self.joins.iter().position(|(known, _)| known == role)
            && let Some((_, columns)) = self.joins.get_mut(join)
        {
            return Place::Side { join, column: index_of(columns, column) };
        }
        Place::Main(index_of(&mut self.main, name))
    }

    /// The text with its variables filled in.
    ///
    /// # Errors
    /// The name of a variable that is not given.
    pub(super) fn fill(&mut self, text: &str) -> Result<String, String> {
        let mut filled = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            let (name, after) = after.split_once('}').ok_or("`${` is never closed. Write ${name}")?;
            let (name, default) = name.split_once(":-").map_or((name, None), |(name, text)| (name, Some(text)));
            let value = self.variables.get(name).map(String::as_str).or(default);
            let missing = || format!("the mapping needs `{name}`. Give it with --set {name}=VALUE");
            filled.push_str(before);
            filled.push_str(&double(value.ok_or_else(missing)?));
            self.used.insert(name.to_owned());
            rest = after;
        }
        filled.push_str(rest);
        Ok(filled)
    }
}

fn index_of(columns: &mut Vec<String>, name: &str) -> usize {
    columns.iter().position(|known| known == name).unwrap_or_else(|| {
        columns.push(name.to_owned());
        columns.len() - 1
    })
}

/// Brackets twice, so that a value never reads as a template.
fn double(value: &str) -> String {
    let mut doubled = String::with_capacity(value.len());
    for c in value.chars() {
        doubled.push(c);
        if matches!(c, '{' | '}' | '[' | ']') {
            doubled.push(c);
        }
    }
    doubled
}

/// What a template is filled in from.
#[derive(Clone, Copy)]
pub(super) struct View<'a> {
    /// The row.
    pub(super) row: &'a Row,
    /// Where the used columns stand in it.
    pub(super) slots: &'a [usize],
    /// The joined files, and the rows of each that belong to this one.
    pub(super) sides: &'a [(&'a Side, &'a [u32])],
    /// The joined row that a rule is at.
    pub(super) current: Option<(usize, u32)>,
    /// What the rule's pattern matched.
    pub(super) captures: Option<&'a Captures<'a>>,
    /// Cells that mean nothing.
    pub(super) nulls: &'a [String],
}

impl<'a> View<'a> {
    /// The text of a place, trimmed, empty where there is none.
    pub(super) fn text(&self, place: Place) -> &'a str {
        let text = match place {
            Place::Main(slot) => self.slots.get(slot).map(|at| self.row.cell(*at)),
            Place::Capture(group) => self.captures.and_then(|captures| captures.get(group)).map(|found| found.as_str()),
            Place::Side { join, column } => self.sides.get(join).and_then(|(side, rows)| {
                let current = self.current.filter(|(at, _)| *at == join).map(|(_, row)| row);
                let row = current.or_else(|| rows.first().copied())?;
                Some(side.cell(row, column))
            }),
        };
        let text = text.unwrap_or_default().trim();
        if self.nulls.iter().any(|null| null == text) { "" } else { text }
    }
}

impl Template {
    /// Reads a template; `groups` is how many groups the rule's pattern has.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn parse(text: &str, scope: &mut Scope, groups: usize) -> Result<Self, String> {
        let text = scope.fill(text)?;
        let mut parser = Parser { rest: &text, scope, groups };
        let segments = parser.segments(0)?;
        if parser.rest.is_empty() {
            Ok(Self(segments))
        } else {
            Err("`]` closes nothing. Write ]] for a bracket".into())
        }
    }

    /// A template that is one column.
    pub(super) fn column(name: &str, scope: &mut Scope) -> Self {
        Self(vec![Segment::Cell(scope.place(name), None)])
    }

    /// The text, where it is the same for every row.
    pub(super) fn constant(&self) -> Option<String> {
        match self.0.as_slice() {
            [] => Some(String::new()),
            [Segment::Text(text)] => Some(text.clone()),
            _ => None,
        }
    }

    /// The name of the first column in it, for messages.
    pub(super) fn first_column<'a>(&self, scope: &'a Scope) -> Option<&'a str> {
        first(&self.0).and_then(|place| match place {
            Place::Main(slot) => scope.main.get(slot).map(String::as_str),
            Place::Side { join, column } => scope.joins.get(join)?.1.get(column).map(String::as_str),
            Place::Capture(_) => None,
        })
    }

    /// Appends the text for a row to `out`; false, and nothing appended, where it has none.
    pub(super) fn fill(&self, view: &View<'_>, out: &mut String) -> bool {
        let from = out.len();
        let complete = fill(&self.0, view, out);
        if !complete {
            out.truncate(from);
        }
        // Sections that were left out leave their separators at the front.
        let lead = out.get(from..).map_or(0, |text| text.len() - text.trim_start_matches([' ', ',', ';']).len());
        if lead > 0 && self.0.len() > 1 {
            out.drain(from..from + lead);
        }
        complete && out.len() > from
    }

    /// The text for a row, where it has one.
    pub(super) fn text(&self, view: &View<'_>) -> Option<String> {
        let mut out = String::new();
        self.fill(view, &mut out).then_some(out)
    }
}

fn first(segments: &[Segment]) -> Option<Place> {
    segments.iter().find_map(|segment| match segment {
        Segment::Text(_) => None,
        Segment::Cell(place, _) => Some(*place),
        Segment::Section(inner) => first(inner),
    })
}

fn fill(segments: &[Segment], view: &View<'_>, out: &mut String) -> bool {
    segments.iter().all(|segment| match segment {
        Segment::Text(text) => {
            out.push_str(text);
            true
        }
        Segment::Cell(place, filter) => {
            let text = view.text(*place);
            match filter {
                None => out.push_str(text),
                Some(filter) => filter.apply(text, out),
            }
            !text.is_empty()
        }
        Segment::Section(inner) => {
            let from = out.len();
            if !fill(inner, view, out) {
                out.truncate(from);
            }
            true
        }
    })
}

impl Filter {
    fn apply(self, text: &str, out: &mut String) {
        match self {
            Self::Lower => out.push_str(&text.to_lowercase()),
            Self::Upper => out.push_str(&text.to_uppercase()),
            Self::Fold => out.push_str(&crate::text::fold(text)),
            Self::Tail => {
                let count = text.chars().count();
                out.extend(text.chars().skip(count - TAIL.min(count / 2)));
            }
            Self::Digits => out.extend(text.chars().filter(char::is_ascii_digit)),
            Self::Title => {
                let mut starts = true;
                for c in text.chars() {
                    if starts {
                        out.extend(c.to_uppercase())
                    } else {
                        out.extend(c.to_lowercase())
                    }
                    starts = !c.is_alphanumeric() && c != '\'';
                }
            }
        }
    }
}

struct Parser<'t, 's> {
    rest: &'t str,
    scope: &'s mut Scope,
    groups: usize,
}

impl Parser<'_, '_> {
    fn segments(&mut self, depth: usize) -> Result<Vec<Segment>, String> {
        let mut segments = Vec::new();
        let mut text = String::new();
        while let Some(c) = self.rest.chars().next() {
            let after = self.rest.get(c.len_utf8()..).unwrap_or_default();
            let twice = after.starts_with(c);
            match c {
                '{' | '}' | '[' | ']' if twice => {
                    text.push(c);
                    self.rest = after.get(1..).unwrap_or_default();
                    continue;
                }
                ']' => break,
                '}' => return Err("`}` closes nothing. Write }} for a bracket".into()),
                '{' | '[' => {
                    if !text.is_empty() {
                        segments.push(Segment::Text(std::mem::take(&mut text)));
                    }
                    self.rest = after;
                    segments.push(if c == '{' { self.cell()? } else { self.section(depth)? });
                }
                c => {
                    text.push(c);
                    self.rest = after;
                }
            }
        }
        if !text.is_empty() {
            segments.push(Segment::Text(text));
        }
        Ok(segments)
    }

    fn section(&mut self, depth: usize) -> Result<Segment, String> {
        if depth == DEPTH_LIMIT {
            return Err(format!("sections are nested more than {DEPTH_LIMIT} deep"));
        }
        let inner = self.segments(depth + 1)?;
        self.rest = self.rest.strip_prefix(']').ok_or("`[` is never closed. Write [[ for a bracket")?;
        Ok(Segment::Section(inner))
    }

    fn cell(&mut self) -> Result<Segment, String> {
        let (inside, after) = self.rest.split_once('}').ok_or("`{` is never closed. Write {{ for a bracket")?;
        self.rest = after;
        let (name, filter) = inside.split_once('|').map_or((inside, None), |(name, filter)| (name, Some(filter)));
        let filter = filter.map(str::trim).map(|filter| match filter {
            "lower" => Ok(Filter::Lower),
            "upper" => Ok(Filter::Upper),
            "title" => Ok(Filter::Title),
            "digits" => Ok(Filter::Digits),
            "fold" => Ok(Filter::Fold),
            "tail" => Ok(Filter::Tail),
            other => Err(format!("`{other}` is no filter. Use one of: lower, upper, title, digits, fold, tail")),
        });
        let name = name.trim();
        if name.is_empty() {
            return Err("`{}` names no column".into());
        }
        let place = match name.parse::<usize>() {
            Ok(group) if self.groups > 0 => {
                if group > self.groups {
                    return Err(format!("`{{{group}}}` has no parentheses: the pattern has {}", self.groups));
                }
                Place::Capture(group)
            }
            _ => self.scope.place(name),
        };
        Ok(Segment::Cell(place, filter.transpose()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(template: &str, cells: &[(&str, &str)]) -> Option<String> {
        let mut scope = Scope::default();
        scope.variables.insert("caf".into(), "0190{x}".into());
        let template = Template::parse(template, &mut scope, 0).unwrap();
        let row = Row::of(
            &scope
                .main
                .iter()
                .map(|name| cells.iter().find(|(known, _)| known == name).map_or("", |(_, cell)| cell))
                .collect::<Vec<_>>(),
        );
        let slots: Vec<usize> = (0..scope.main.len()).collect();
        let nulls = ["-0-".to_owned()];
        let view = View { row: &row, slots: &slots, sides: &[], current: None, captures: None, nulls: &nulls };
        template.text(&view)
    }

    #[test]
    fn cells_are_filled_in_and_sections_left_out() {
        let check = |template, cells: &[(&str, &str)], text: Option<&str>| {
            assert_eq!(filled(template, cells).as_deref(), text, "{template}");
        };
        check("{a} and {b}", &[("a", "1"), ("b", " 2 ")], Some("1 and 2"));
        check("{a} and {b}", &[("a", "1")], None);
        check("{a}[ and {b}]", &[("a", "1")], Some("1"));
        check(
            "[{street}][, {city}][, {country}]",
            &[("street", "-0- "), ("city", "Havana"), ("country", "Cuba")],
            Some("Havana, Cuba"),
        );
        check("[{a}][{b}]", &[], None);
        check("{{{a}}} [[", &[("a", "1")], Some("{1} ["));
        check("${caf}", &[], Some("0190{x}"));
        check("${caf:-none}", &[], Some("0190{x}"));
        check("${tlp:-[green]}", &[], Some("[green]"));
        check("${tlp:-}", &[], None);
        check("{a|tail} {b|tail}", &[("a", "1084010"), ("b", "365")], Some("010 5"));
        check("{a|title} {a|digits}", &[("a", "AL-NOUR 7")], Some("Al-Nour 7 7"));
    }

    #[test]
    fn what_is_no_template_is_named() {
        for (template, word) in [
            ("{a", "never closed"),
            ("a}", "closes nothing"),
            ("[a", "never closed"),
            ("a]", "closes nothing"),
            ("{}", "no column"),
            ("{a|shout}", "no filter"),
            ("${b}", "--set b=VALUE"),
            ("[[[[[[[[[[[", "never closed"),
        ] {
            let error = Template::parse(template, &mut Scope::default(), 0).unwrap_err();
            assert!(error.contains(word), "{template}: {error}");
        }
    }
}
