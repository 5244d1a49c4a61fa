//! How cells become fields.

use std::collections::HashMap;

use igain_protocol::record::{FIELDS_LIMIT, FieldDef, RecordId, TEXT_LIMIT, Value};
use igain_protocol::time::Day;
use igain_protocol::vocabulary::{Doubt, Scheme};
use regex::Regex;

use super::link::Target;
use super::read::LIST_SEPARATOR;
use super::template::{Place, Template, View};
use crate::text::value::{self, Decimal, Format, Hints, Order, Parsed, clean};

/// Most warnings that one record carries.
pub(super) const WARNINGS_LIMIT: usize = 16;

/// Most statements of one cell: the longest remarks of OFAC's list have some sixty.
const STATEMENTS_LIMIT: usize = 4_096;

/// What to do with a text that the field does not take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Unfit {
    /// Keep it as it was given, marked as unread or ambiguous, with a warning; where the field is required, or cannot hold it, set the
    /// row aside. Identifiers that break their scheme's rules are kept with a warning.
    #[default]
    Keep,
    /// Set the row aside.
    Reject,
    /// Leave the value out with a warning.
    Drop,
    /// Leave the value out, as a source is expected to have some that do not fit.
    Ignore,
}

/// A condition on a row: every part holds.
#[derive(Debug, Default)]
pub(super) struct Condition(pub(super) Vec<(Place, Test)>);

/// What a cell must be.
#[derive(Debug)]
pub(super) enum Test {
    /// One of these.
    In(Vec<String>),
    /// None of these.
    NotIn(Vec<String>),
    /// Filled, or empty.
    Filled(bool),
    /// Matched by this.
    Matches(Regex),
    /// Not matched by this.
    Misses(Regex),
}

impl Condition {
    /// Whether a row is meant.
    pub(super) fn holds(&self, view: &View<'_>) -> bool {
        self.0.iter().all(|(place, test)| {
            let text = view.text(*place);
            match test {
                Test::In(allowed) => allowed.iter().any(|other| other == text),
                Test::NotIn(refused) => refused.iter().all(|other| other != text),
                Test::Filled(filled) => text.is_empty() != *filled,
                Test::Matches(pattern) => pattern.is_match(text),
                Test::Misses(pattern) => !pattern.is_match(text),
            }
        })
    }
}

/// One field of a record, and where it comes from.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) def: &'static FieldDef,
    /// Where the field stands among those of its kind.
    pub(super) order: usize,
    pub(super) when: Condition,
    /// Once for each row of this joined file.
    pub(super) each: Option<usize>,
    pub(super) from: Template,
    pub(super) column: Option<String>,
    pub(super) split: Option<String>,
    pub(super) pattern: Option<Regex>,
    pub(super) value: Option<Template>,
    pub(super) map: HashMap<String, String>,
    pub(super) default: Option<String>,
    pub(super) ignore: Vec<String>,
    pub(super) required: bool,
    pub(super) unfit: Unfit,
    pub(super) formats: Vec<Format>,
    pub(super) lang: Option<String>,
    pub(super) unit: Option<String>,
    pub(super) writing: Writing,
    pub(super) region: Option<Template>,
    pub(super) limit: usize,
    pub(super) target: Option<Target>,
}

/// How a source writes what can be read in more ways than one.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Writing {
    pub(super) decimal: Option<Decimal>,
    pub(super) order: Option<Order>,
    pub(super) century: Option<u16>,
}

impl Writing {
    /// This, and what `base` says where this says nothing.
    pub(super) fn over(self, base: Self) -> Self {
        Self {
            decimal: self.decimal.or(base.decimal),
            order: self.order.or(base.order),
            century: self.century.or(base.century),
        }
    }
}

/// Why a row makes no record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) column: Option<String>,
    pub(super) reason: String,
}

/// Fields as they come together, each with its place in the order of the kind.
#[derive(Default)]
pub(super) struct Fields {
    pub(super) values: Vec<(usize, &'static FieldDef, Value)>,
    pub(super) warnings: Vec<String>,
}

/// What the whole import brings along.
pub(super) struct Setting<'a> {
    /// Makes the id of a record of this source.
    pub(super) id_of: &'a dyn Fn(Option<&str>, &str, &str) -> RecordId,
    /// The country whose national numbers are meant where nothing else is said.
    pub(super) region: &'a str,
    /// The bureau's own country: national numbers of others are completed.
    pub(super) home: &'a str,
    /// The day of the import.
    pub(super) today: Day,
}

impl Fields {
    /// Adds a value, unless it is there already. A second value of a field that takes one is left out.
    pub(super) fn push(&mut self, order: usize, def: &'static FieldDef, value: Value) {
        // One too many is enough for the record to be refused; comparing ever more would take for ever.
        if self.values.len() > FIELDS_LIMIT {
            return;
        }
        let mut same = self.values.iter().filter(|(other, _, _)| *other == order);
        if same.clone().any(|(_, _, known)| *known == value) {
            return;
        }
        if !def.many && same.next().is_some() {
            self.warn(format!("`{}` takes one value, and `{value}` is left out", def.name));
            return;
        }
        self.values.push((order, def, value));
    }

    pub(super) fn warn(&mut self, warning: String) {
        if self.warnings.len() < WARNINGS_LIMIT {
            self.warnings.push(warning);
        }
    }

    fn count(&self, order: usize) -> usize {
        self.values.iter().filter(|(other, _, _)| *other == order).count()
    }
}

impl Rule {
    /// Adds what the rule makes of a row.
    pub(super) fn apply(&self, view: &View<'_>, setting: &Setting<'_>, fields: &mut Fields) -> Result<(), Fault> {
        match self.each.and_then(|join| Some((join, view.sides.get(join)?.1))) {
            Some((join, rows)) => {
                for row in rows {
                    if self.has_enough(fields) {
                        break;
                    }
                    self.apply_once(&View { current: Some((join, *row)), ..*view }, setting, fields)?;
                }
            }
            None => self.apply_once(view, setting, fields)?,
        }
        if self.required && fields.count(self.order) == 0 {
            return Err(self.fault(format!("`{}` is required, and the row has none", self.def.name)));
        }
        Ok(())
    }

    fn apply_once(&self, view: &View<'_>, setting: &Setting<'_>, fields: &mut Fields) -> Result<(), Fault> {
        if !self.when.holds(view) {
            return Ok(());
        }
        let Some(text) = self.from.text(view).or_else(|| self.default.clone()) else { return Ok(()) };
        for listed in text.split(LIST_SEPARATOR) {
            match &self.split {
                None => {
                    self.piece(listed, view, setting, fields)?;
                }
                Some(separator) => {
                    for piece in listed.split(separator.as_str()) {
                        if self.has_enough(fields) {
                            break;
                        }
                        self.piece(piece, view, setting, fields)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Makes a value of one piece of text; false where it is left out since it does not fit.
    pub(super) fn piece(
        &self,
        text: &str,
        view: &View<'_>,
        setting: &Setting<'_>,
        fields: &mut Fields,
    ) -> Result<bool, Fault> {
        let text = text.trim();
        let Some(pattern) = &self.pattern else { return self.convert(text, view, setting, fields) };
        let Some(captures) = pattern.captures(text) else { return Ok(true) };
        let view = View { captures: Some(&captures), ..*view };
        match &self.value {
            Some(template) => match template.text(&view) {
                Some(text) => self.convert(&text, &view, setting, fields),
                None => Ok(true),
            },
            None => {
                let found = captures.get(1).or_else(|| captures.get(0)).map_or("", |found| found.as_str());
                self.convert(found.trim(), &view, setting, fields)
            }
        }
    }

    fn convert(&self, text: &str, view: &View<'_>, setting: &Setting<'_>, fields: &mut Fields) -> Result<bool, Fault> {
        let mapped = if self.map.is_empty() { None } else { self.map.get(&text.to_lowercase()) };
        let text = mapped.map_or(text, String::as_str);
        if text.is_empty() || self.ignore.iter().any(|ignored| ignored == text) || self.has_enough(fields) {
            return Ok(true);
        }
        match self.value_of(text, view, setting) {
            Ok(Parsed { value, warning, broken }) => {
                if let Err(error) = self.def.check(&value) {
                    return self.unfit(text, Doubt::Unread, error.to_string(), fields);
                }
                match warning {
                    Some(warning) if broken && self.unfit != Unfit::Keep => {
                        return self.unfit(text, Doubt::Unread, warning, fields);
                    }
                    Some(warning) => fields.warn(warning),
                    None => {}
                }
                fields.push(self.order, self.def, value);
                Ok(true)
            }
            Err(fault) => self.unfit(text, fault.doubt(), fault.to_string(), fields),
        }
    }

    /// Whether the field has as many values as it may.
    fn has_enough(&self, fields: &Fields) -> bool {
        fields.count(self.order) >= self.limit
    }

    fn value_of(&self, text: &str, view: &View<'_>, setting: &Setting<'_>) -> Result<Parsed, value::Fault> {
        if let Some(target) = &self.target {
            return Ok(Value::Reference((setting.id_of)(target.source.as_deref(), &target.record, text)).into());
        }
        let stated = self.region.as_ref().and_then(|region| region.text(view));
        let stated = stated.as_deref().and_then(crate::text::country);
        let region = stated.unwrap_or(setting.region);
        let is_phone = self.def.identifier() == Some(Scheme::Phone);
        let hints = Hints {
            formats: &self.formats,
            lang: self.lang.as_deref(),
            script: None,
            unit: self.unit.as_deref(),
            decimal: self.writing.decimal,
            order: self.writing.order,
            century: self.writing.century,
            today: Some(setting.today),
            region: Some(region),
            complete: is_phone && region != setting.home,
        };
        value::parse(self.def, text, &hints)
    }

    /// What becomes of a text that is no value. Nothing is guessed: it stands as it was given until somebody knows.
    fn unfit(&self, text: &str, doubt: Doubt, reason: String, fields: &mut Fields) -> Result<bool, Fault> {
        let given = Value::Text(clean(text, false)).doubted(doubt);
        match self.unfit {
            Unfit::Keep if !self.required && self.def.check(&given).is_ok() => {
                fields.warn(format!("`{}` is kept as it was given, and not searched: {reason}", self.def.name));
                fields.push(self.order, self.def, given);
                Ok(true)
            }
            Unfit::Ignore => Ok(false),
            Unfit::Drop => {
                fields.warn(format!("`{}` is left out: {reason}", self.def.name));
                Ok(false)
            }
            Unfit::Keep | Unfit::Reject => Err(self.fault(reason)),
        }
    }

    fn fault(&self, reason: String) -> Fault {
        Fault { column: self.column.clone().or_else(|| Some(self.def.name.to_owned())), reason }
    }
}

/// One statement of a cell that holds many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Statement<'a> {
    /// Without the full stop that ends the cell.
    pub(super) text: &'a str,
    /// With it: it may be that of an abbreviation.
    pub(super) whole: &'a str,
}

/// The statements of a cell, trimmed, without empty ones.
pub(super) fn statements<'a>(cell: &'a str, split: &'a str) -> impl Iterator<Item = Statement<'a>> {
    let mut pieces = cell.split(split).peekable();
    let next = move || {
        let whole = pieces.next()?.trim();
        let is_last = pieces.peek().is_none();
        let text = whole.strip_suffix('.').filter(|_| is_last).map_or(whole, str::trim_end);
        Some(Statement { text, whole })
    };
    std::iter::from_fn(next).filter(|statement| !statement.text.is_empty())
}

/// A cell that holds many statements, each of which a rule may know.
#[derive(Debug)]
pub(super) struct Extract {
    pub(super) from: Template,
    pub(super) split: String,
    pub(super) rules: Vec<ExtractRule>,
    /// Where to keep the statements that no rule knows.
    pub(super) rest: Option<(usize, &'static FieldDef)>,
}

/// What one kind of statement says.
#[derive(Debug)]
pub(super) struct ExtractRule {
    pub(super) rule: Rule,
    /// What of the statement stays among the rest as well.
    pub(super) keep: Keep,
    /// Whether later rules may take more out of the statement.
    pub(super) go_on: bool,
}

/// What stays of a statement that a rule took.
#[derive(Debug)]
pub(super) enum Keep {
    /// Nothing: the field says it all.
    Nothing,
    /// All of it, since the field takes only a part.
    Whole,
    /// What the field does not take, without what it does: it may be disclosed to others than the rest.
    Part(Template),
}

impl Extract {
    /// Adds what the statements of a row say.
    pub(super) fn apply(&self, view: &View<'_>, setting: &Setting<'_>, fields: &mut Fields) -> Result<(), Fault> {
        let Some(text) = self.from.text(view) else { return Ok(()) };
        for (count, Statement { text: statement, .. }) in statements(&text, &self.split).enumerate() {
            if count == STATEMENTS_LIMIT || statement.len() > TEXT_LIMIT {
                let reason = format!(
                    "the cell has more than {STATEMENTS_LIMIT} statements, or one of more than {TEXT_LIMIT} bytes. Split the row"
                );
                return Err(Fault { column: None, reason });
            }
            let known =
                |rule: &&ExtractRule| rule.rule.pattern.as_ref().is_some_and(|pattern| pattern.is_match(statement));
            let mut taken = false;
            for rule in self.rules.iter().filter(known) {
                let fits = rule.rule.piece(statement, view, setting, fields)?;
                match &rule.keep {
                    _ if !fits => {}
                    Keep::Whole => {}
                    Keep::Nothing => taken = true,
                    Keep::Part(part) => {
                        taken = true;
                        self.keep(part, statement, &rule.rule, view, fields);
                    }
                }
                if !rule.go_on {
                    break;
                }
            }
            if let Some((order, def)) = self.rest.filter(|_| !taken) {
                fields.push(order, def, Value::Text(clean(statement, true)));
            }
        }
        Ok(())
    }

    /// Keeps a part of a statement among the rest.
    fn keep(&self, part: &Template, statement: &str, rule: &Rule, view: &View<'_>, fields: &mut Fields) {
        let captures = rule.pattern.as_ref().and_then(|pattern| pattern.captures(statement));
        let text = part.text(&View { captures: captures.as_ref(), ..*view });
        if let (Some((order, def)), Some(text)) = (self.rest, text) {
            fields.push(order, def, Value::Text(clean(&text, true)));
        }
    }
}
