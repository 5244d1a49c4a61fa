//! From what is written to what is done, naming the place of whatever is wrong.

mod field;
mod label;
mod when;

use std::collections::BTreeMap;
use std::ops::Range;

use igain_protocol::record::{self, FIELDS_LIMIT, FieldDef};
use igain_protocol::time::Day;
use igain_protocol::vocabulary::Kind;

use super::raw::{self, Text};
use super::spot::Document;
use super::{BLOCKS_LIMIT, Block, Ends, Error, Format, Join, MAPPING_LIMIT, Mapping};
use crate::intake::label::LabelRule;
use crate::intake::link::{Each, End, Target};
use crate::intake::read::Dialect;
use crate::intake::rule::Writing;
use crate::intake::template::{Scope, Template};

/// Years in which a hundred years of two digits may begin.
const CENTURIES: std::ops::RangeInclusive<u16> = 1_700..=2_100;

/// What is needed all along.
struct Compiler<'a> {
    document: Document<'a>,
    scope: Scope,
    /// How the source writes numbers and dates.
    writing: Writing,
}

pub(super) fn compile(text: &str, file: &str, variables: &BTreeMap<String, String>) -> Result<Mapping, Error> {
    let document = Document { text, file };
    if text.len() > MAPPING_LIMIT {
        return Err(document.error(0..0, "the mapping is larger than 1 MiB. Is this the file to import?"));
    }
    let raw: raw::Mapping = toml::from_str(text).map_err(|error| document.toml(&error))?;
    let scope = Scope { variables: variables.clone(), ..Scope::default() };
    let mut compiler = Compiler { document, scope, writing: Writing::default() };
    let century = compiler.century(raw.century.as_ref())?;
    compiler.writing = Writing { decimal: raw.decimal, order: raw.order, century };
    compiler.mapping(raw)
}

impl Compiler<'_> {
    fn mapping(mut self, raw: raw::Mapping) -> Result<Mapping, Error> {
        self.scope.joins =
            raw.join.iter().map(|join| (join.role.get_ref().clone(), vec![join.key.get_ref().clone()])).collect();
        let source = self.filled(&raw.source)?;
        let region = raw.region.as_ref().map(|region| self.region(region)).transpose()?;
        let base = self.label(&raw.label, raw.grading.as_ref(), raw.retain.as_ref())?;
        let format = match raw.input.format {
            raw::Format::Json => Format::Json,
            _ => Format::Table(self.dialect(&raw.input)?),
        };
        let joins = raw.join.iter().map(|join| self.join(join, &raw.input)).collect::<Result<Vec<_>, _>>()?;
        let mut blocks = Vec::new();
        for record in &raw.record {
            blocks.push(self.record(record, &base)?);
        }
        let names: Vec<String> = blocks.iter().map(|block| block.name.clone()).collect();
        for link in &raw.link {
            blocks.push(self.link(link, &base, &names)?);
        }
        let start = self.document.error(0..0, "");
        match blocks.len() {
            0 => return Err(Error { message: "the mapping makes no records. Add a [[record]]".into(), ..start }),
            count if count > BLOCKS_LIMIT => {
                return Err(Error {
                    message: format!("a row makes {count} records, and {BLOCKS_LIMIT} is the limit"),
                    ..start
                });
            }
            _ => {}
        }
        if let Some(unused) = self.scope.variables.keys().find(|name| !self.scope.used.contains(*name)) {
            return Err(Error {
                message: format!("the mapping has no `${{{unused}}}`. Leave --set {unused} out"),
                ..start
            });
        }
        Ok(Mapping { source, format, region, nulls: raw.input.null, joins, blocks, scope: self.scope })
    }

    /// The first of the hundred years that two digits of a year are of.
    fn century(&self, raw: Option<&toml::Spanned<u16>>) -> Result<Option<u16>, Error> {
        match raw {
            Some(from) if !CENTURIES.contains(from.get_ref()) => {
                let (first, last) = (CENTURIES.start(), CENTURIES.end());
                let message =
                    format!("the hundred years of two digits begin between {first} and {last}, as in `century = 1930`");
                Err(self.error(from.span(), message))
            }
            from => Ok(from.map(|from| *from.get_ref())),
        }
    }

    fn error(&self, at: Range<usize>, message: impl Into<String>) -> Error {
        self.document.error(at, message)
    }

    /// A text with its variables filled in, the same for every row.
    fn filled(&mut self, text: &Text) -> Result<String, Error> {
        let template = self.template(text, 0)?;
        let constant = template.constant().filter(|text| !text.is_empty());
        constant.ok_or_else(|| {
            self.error(text.span(), "this is the same for every row: it cannot be empty or name columns")
        })
    }

    fn template(&mut self, text: &Text, groups: usize) -> Result<Template, Error> {
        Template::parse(text.get_ref(), &mut self.scope, groups).map_err(|why| self.error(text.span(), why))
    }

    fn region(&mut self, text: &Text) -> Result<String, Error> {
        let region = self.filled(text)?;
        let unknown =
            || self.error(text.span(), format!("`{region}` is no country. Use ISO 3166-1 alpha-2, such as KE"));
        crate::text::country(&region).map(str::to_owned).ok_or_else(unknown)
    }

    fn dialect(&self, raw: &raw::Input) -> Result<Dialect, Error> {
        let byte = |text: &Text| match text.get_ref().as_bytes() {
            [byte] if byte.is_ascii() => Ok(*byte),
            _ => Err(self.error(text.span(), "this is one ASCII character")),
        };
        let default = if raw.format == raw::Format::Tsv { b'\t' } else { b',' };
        let quote = match &raw.quote {
            None => Some(b'"'),
            Some(none) if none.get_ref().is_empty() => None,
            Some(quote) => Some(byte(quote)?),
        };
        let delimiter = raw.delimiter.as_ref().map_or(Ok(default), byte)?;
        Ok(Dialect { delimiter, quote, encoding: raw.encoding, skip: raw.skip, header: raw.header.clone() })
    }

    fn join(&mut self, raw: &raw::Join, main: &raw::Input) -> Result<Join, Error> {
        let input = raw.input.as_ref().unwrap_or(main);
        if input.format == raw::Format::Json {
            return Err(self.error(raw.role.span(), "only tables can be joined. Give the join an `input` of its own"));
        }
        let mut dialect = self.dialect(input)?;
        if raw.input.is_none() || raw.header.is_some() {
            dialect.header.clone_from(&raw.header);
        }
        let on = match &raw.on {
            Some(on) => self.template(on, 0)?,
            None => Template::column(raw.key.get_ref(), &mut self.scope),
        };
        Ok(Join { role: raw.role.get_ref().clone(), on, dialect, required: raw.required, beside: raw.beside.clone() })
    }

    fn record(&mut self, raw: &raw::Record, base: &LabelRule) -> Result<Block, Error> {
        let kind: Kind = raw.kind.get_ref().parse().map_err(|error| self.error(raw.kind.span(), format!("{error}")))?;
        let label = self.label(&raw.label, raw.grading.as_ref(), raw.retain.as_ref())?.over(base);
        self.check_label(&label, kind, raw.kind.span())?;
        let mut rules = self.plain_fields(kind, &raw.take, &raw.fields, raw.kind.span())?;
        for field in &raw.field {
            rules.push(self.field(kind, field)?);
        }
        let extracts = raw.extract.iter().map(|extract| self.extract(kind, extract)).collect::<Result<_, _>>()?;
        Ok(Block {
            name: raw.name.as_ref().map_or(kind.code(), |name| name.get_ref()).to_owned(),
            kind,
            when: self.when(&raw.when)?,
            key: Some(self.template(&raw.key, 0)?),
            label,
            rules,
            extracts,
            ends: None,
            each: None,
        })
    }

    fn link(&mut self, raw: &raw::Link, base: &LabelRule, names: &[String]) -> Result<Block, Error> {
        let kind = Kind::Link;
        let label = self.label(&raw.label, raw.grading.as_ref(), raw.retain.as_ref())?.over(base);
        self.check_label(&label, kind, raw.from.span())?;
        let mut rules = vec![self.constant_field(kind, "type", &raw.r#type)?];
        rules.extend(self.plain_fields(kind, &raw.take, &raw.fields, raw.from.span())?);
        for field in &raw.field {
            rules.push(self.field(kind, field)?);
        }
        let each = raw.each.as_ref().map(|each| self.each(each)).transpose()?;
        let groups = each.as_ref().map_or(0, |each| each.pattern.captures_len().saturating_sub(1));
        let from = self.end(&raw.from, raw.from_key.as_ref(), raw.from_source.as_ref(), names, groups)?;
        let to = self.end(&raw.to, raw.to_key.as_ref(), raw.to_source.as_ref(), names, groups)?;
        let fields = [self.def(kind, "from", raw.from.span())?, self.def(kind, "to", raw.to.span())?];
        Ok(Block {
            name: format!("{}-{}-{}", raw.from.get_ref(), raw.r#type.get_ref(), raw.to.get_ref()),
            kind,
            when: self.when(&raw.when)?,
            key: raw.key.as_ref().map(|key| self.template(key, groups)).transpose()?,
            label,
            rules,
            extracts: Vec::new(),
            ends: Some(Ends { from, to, fields }),
            each,
        })
    }

    fn each(&mut self, raw: &raw::Each) -> Result<Each, Error> {
        Ok(Each {
            split: self.split(&raw.from, &raw.split)?,
            from: self.template(&raw.from, 0)?,
            pattern: self.pattern(&raw.r#match)?,
            join: raw.join.as_ref().map(|role| self.role(role)).transpose()?,
        })
    }

    /// What stands between two statements of a cell.
    fn split(&self, from: &Text, split: &str) -> Result<String, Error> {
        let message = "`split` says what stands between two statements, and cannot be empty";
        if split.is_empty() { Err(self.error(from.span(), message)) } else { Ok(split.to_owned()) }
    }

    fn end(
        &mut self,
        record: &Text,
        key: Option<&Text>,
        source: Option<&Text>,
        names: &[String],
        groups: usize,
    ) -> Result<End, Error> {
        let known = names.contains(record.get_ref());
        if key.is_none() && !known {
            let message =
                format!("no [[record]] is called `{}`. Name it, or say its key in another file", record.get_ref());
            return Err(self.error(record.span(), message));
        }
        let source = source.map(|source| self.filled(source)).transpose()?;
        let key = key.map(|key| self.template(key, groups)).transpose()?;
        Ok(End { target: Target { record: record.get_ref().clone(), source }, key })
    }

    /// Whether the label can be right: what is wrong in every row is wrong in the mapping.
    fn check_label(&self, label: &LabelRule, kind: Kind, at: Range<usize>) -> Result<(), Error> {
        if label.tlp.is_none() {
            return Err(
                self.error(at, "the record has no TLP marking. Say `tlp` in [label], or in the record's own label")
            );
        }
        match label.constant(kind, Day::default()) {
            Some(Err(fault)) => Err(self.error(at, format!("its label is wrong: {}", fault.reason))),
            _ => Ok(()),
        }
    }

    fn def(&self, kind: Kind, name: &str, at: Range<usize>) -> Result<(usize, &'static FieldDef), Error> {
        let found = record::fields(kind).iter().enumerate().find(|(_, def)| def.name == name);
        found.ok_or_else(|| {
            let names: Vec<_> = record::fields(kind).iter().map(|def| def.name).collect();
            self.error(at, format!("a record of kind `{kind}` has no field `{name}`. It has: {}", names.join(", ")))
        })
    }
}

/// Most values of a field, where a mapping says nothing else.
const VALUES_LIMIT: usize = FIELDS_LIMIT;
