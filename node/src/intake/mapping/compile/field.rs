//! Rules for fields.

use std::collections::BTreeMap;
use std::ops::Range;

use igain_protocol::record::{FieldDef, FieldType};
use igain_protocol::vocabulary::Kind;
use regex::{Regex, RegexBuilder};
use toml::{Spanned, Value};

use super::{Compiler, Error, Text, VALUES_LIMIT, raw};
use crate::intake::link::Target;
use crate::intake::rule::{Condition, Extract, ExtractRule, Keep, Rule, Unfit, Writing};
use crate::intake::template::Template;
use crate::text::value::Format;

/// Most bytes of a compiled pattern: the largest of those that ship takes 200 KiB, most of it for Unicode classes.
const PATTERN_LIMIT: usize = 4 * 1024 * 1024;

/// A rule that takes a text as it is.
fn plain(def: (usize, &'static FieldDef), from: Template) -> Rule {
    Rule {
        def: def.1,
        order: def.0,
        when: Condition::default(),
        each: None,
        from,
        column: None,
        split: None,
        pattern: None,
        value: None,
        map: Default::default(),
        default: None,
        ignore: Vec::new(),
        required: false,
        unfit: Unfit::Keep,
        formats: Vec::new(),
        lang: None,
        unit: None,
        writing: Writing::default(),
        region: None,
        limit: VALUES_LIMIT,
        target: None,
    }
}

impl Compiler<'_> {
    /// Fields that take a column of their own name, and fields that take a template.
    pub(super) fn plain_fields(
        &mut self,
        kind: Kind,
        take: &[Text],
        fields: &BTreeMap<String, Text>,
        at: Range<usize>,
    ) -> Result<Vec<Rule>, Error> {
        let mut rules = Vec::new();
        for name in take {
            let def = self.def(kind, name.get_ref(), name.span())?;
            self.takes_text(def.1, &name.span())?;
            let from = Template::column(name.get_ref(), &mut self.scope);
            let column = Some(name.get_ref().clone());
            rules.push(Rule { column, writing: self.writing, ..plain(def, from) });
        }
        for (name, text) in fields {
            let def = self.def(kind, name, if text.span().is_empty() { at.clone() } else { text.span() })?;
            self.takes_text(def.1, &text.span())?;
            let from = self.template(text, 0)?;
            let column = from.first_column(&self.scope).map(str::to_owned);
            rules.push(Rule { column, writing: self.writing, ..plain(def, from) });
        }
        Ok(rules)
    }

    /// A field with a text of its own; a template, but as a rule without columns.
    pub(super) fn constant_field(&mut self, kind: Kind, name: &str, text: &Text) -> Result<Rule, Error> {
        let def = self.def(kind, name, text.span())?;
        let from = self.template(text, 0)?;
        if let (FieldType::Code(codes), Some(code)) = (def.1.ty, from.constant())
            && !codes.contains(&code.as_str())
        {
            return Err(
                self.error(text.span(), format!("`{code}` is no type of {kind}. Use one of: {}", codes.join(", ")))
            );
        }
        Ok(plain(def, from))
    }

    /// A rule with everything that may be said.
    pub(super) fn field(&mut self, kind: Kind, raw: &raw::Field) -> Result<Rule, Error> {
        if raw.keep.is_some() || raw.go_on.is_some() {
            return Err(self.error(raw.name.span(), "`keep` and `go-on` belong to the rules of an extract"));
        }
        let from = match &raw.from {
            Some(from) => self.template(from, 0)?,
            None => Template::column(raw.name.get_ref(), &mut self.scope),
        };
        self.rule(kind, raw, from)
    }

    fn rule(&mut self, kind: Kind, raw: &raw::Field, from: Template) -> Result<Rule, Error> {
        let def = self.def(kind, raw.name.get_ref(), raw.name.span())?;
        let pattern = raw.r#match.as_ref().map(|pattern| self.pattern(pattern)).transpose()?;
        let groups = pattern.as_ref().map_or(0, |pattern| pattern.captures_len().saturating_sub(1));
        let value = raw.value.as_ref().map(|value| match &pattern {
            Some(_) => self.template(value, groups),
            None => {
                Err(self.error(value.span(), "`value` says what to make of a `match`. Say `from` where there is none"))
            }
        });
        let target = match (def.1.ty, &raw.record) {
            (FieldType::Reference, Some(record)) => {
                let source = raw.source.as_ref().map(|source| self.filled(source)).transpose()?;
                Some(Target { record: record.get_ref().clone(), source })
            }
            (_, Some(record)) => {
                return Err(self.error(record.span(), "only a field that refers to a record takes `record`"));
            }
            (_, None) => {
                self.takes_text(def.1, &raw.name.span())?;
                None
            }
        };
        let column = from.first_column(&self.scope).map(str::to_owned);
        Ok(Rule {
            column,
            when: self.when(&raw.when)?,
            each: raw.each.as_ref().map(|role| self.role(role)).transpose()?,
            split: raw.split.clone().filter(|split| !split.is_empty()),
            pattern,
            value: value.transpose()?,
            map: raw.map.iter().map(|(text, meant)| (text.to_lowercase(), meant.clone())).collect(),
            default: raw.default.as_ref().map(|default| self.filled(default)).transpose()?,
            ignore: raw.ignore.clone(),
            required: raw.required,
            unfit: raw.unfit,
            formats: self.formats(&raw.formats)?,
            lang: raw.lang.as_ref().map(|lang| self.filled(lang)).transpose()?,
            unit: raw.unit.as_ref().map(|unit| self.filled(unit)).transpose()?,
            writing: Writing { decimal: raw.decimal, order: raw.order, century: self.century(raw.century.as_ref())? }
                .over(self.writing),
            region: raw.region.as_ref().map(|region| self.template(region, 0)).transpose()?,
            limit: raw.limit.unwrap_or(VALUES_LIMIT),
            target,
            ..plain(def, from)
        })
    }

    fn takes_text(&self, def: &FieldDef, at: &Range<usize>) -> Result<(), Error> {
        if def.ty == FieldType::Reference {
            let message =
                format!("`{}` refers to a record. Say which with [[link]], or with `record` and its key", def.name);
            return Err(self.error(at.clone(), message));
        }
        Ok(())
    }

    fn formats(&self, formats: &[Text]) -> Result<Vec<Format>, Error> {
        let parse = |format: &Text| Format::parse_text(format.get_ref()).map_err(|why| self.error(format.span(), why));
        formats.iter().map(parse).collect()
    }

    pub(super) fn role(&self, role: &Text) -> Result<usize, Error> {
        let found = self.scope.joins.iter().position(|(known, _)| known == role.get_ref());
        found.ok_or_else(|| self.error(role.span(), format!("no [[join]] has the role `{}`", role.get_ref())))
    }

    pub(super) fn pattern(&self, text: &Text) -> Result<Regex, Error> {
        let built = RegexBuilder::new(text.get_ref()).size_limit(PATTERN_LIMIT).build();
        built.map_err(|error| {
            let why = error.to_string();
            let why = why.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
            self.error(text.span(), format!("`{}` is no pattern: {why}", text.get_ref()))
        })
    }

    fn keep(&mut self, raw: &Spanned<Value>, rule: &Rule) -> Result<Keep, Error> {
        match raw.get_ref() {
            Value::Boolean(true) => Ok(Keep::Whole),
            Value::Boolean(false) => Ok(Keep::Nothing),
            Value::String(text) => {
                let groups = rule.pattern.as_ref().map_or(0, |pattern| pattern.captures_len().saturating_sub(1));
                self.template(&Text::new(raw.span(), text.clone()), groups).map(Keep::Part)
            }
            _ => Err(self.error(raw.span(), "`keep` is true, false or what to keep of the statement, such as \"{1}\"")),
        }
    }

    pub(super) fn extract(&mut self, kind: Kind, raw: &raw::Extract) -> Result<Extract, Error> {
        let split = self.split(&raw.from, &raw.split)?;
        let rest = raw.rest.as_ref().map(|rest| self.def(kind, rest.get_ref(), rest.span())).transpose()?;
        if let (Some((_, def)), Some(raw)) = (rest, &raw.rest)
            && def.ty != FieldType::Text
        {
            return Err(self.error(raw.span(), format!("`{}` takes no free text", def.name)));
        }
        let mut rules = Vec::new();
        for rule in &raw.rule {
            if rule.r#match.is_none() || rule.from.is_some() || rule.each.is_some() || !rule.when.is_empty() {
                let message = "a rule of an extract has a `match`, and no `from`, `each` or `when`";
                return Err(self.error(rule.name.span(), message));
            }
            let from = self.template(&raw.from, 0)?;
            let compiled = self.rule(kind, rule, from)?;
            let keep = match &rule.keep {
                None => Keep::Nothing,
                Some(_) if rest.is_none() => {
                    let message = "`keep` says what to keep in the field that `rest` names, and there is no `rest`";
                    return Err(self.error(rule.name.span(), message));
                }
                Some(keep) => self.keep(keep, &compiled)?,
            };
            rules.push(ExtractRule { rule: compiled, keep, go_on: rule.go_on.unwrap_or(false) });
        }
        Ok(Extract { from: self.template(&raw.from, 0)?, split, rules, rest })
    }
}
