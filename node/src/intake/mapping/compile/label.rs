//! Rules for labels.

use toml::{Spanned, Value};

use super::{Compiler, Error, Text, raw};
use crate::intake::label::{LabelRule, Part};

impl Compiler<'_> {
    pub(super) fn label(
        &mut self,
        raw: &raw::Label,
        grading: Option<&Spanned<Value>>,
        retain: Option<&Spanned<Value>>,
    ) -> Result<LabelRule, Error> {
        let mut part = |value: Option<&Spanned<Value>>| value.map(|value| self.part(value)).transpose();
        Ok(LabelRule {
            tlp: part(raw.tlp.as_ref())?,
            pap: part(raw.pap.as_ref())?,
            handling: part(raw.handling.as_ref())?,
            note: part(raw.note.as_ref())?,
            category: part(raw.category.as_ref())?,
            crime_area: part(raw.crime_area.as_ref())?,
            age_group: part(raw.age_group.as_ref())?,
            caf: part(raw.caf.as_ref())?,
            audience: part(raw.audience.as_ref())?,
            grading: part(grading)?,
            retain: part(retain)?,
        })
    }

    /// A template, or `{ from = …, match = …, map = { … }, default = … }`.
    fn part(&mut self, value: &Spanned<Value>) -> Result<Part, Error> {
        let text = |text: &str| Text::new(value.span(), text.to_owned());
        let help = "a part of a label is a text, or { from = \"…\", match = \"…\", map = { … }, default = \"…\" } of which only `from` is needed";
        let table = match value.get_ref() {
            Value::String(from) => {
                let from = self.template(&text(from), 0)?;
                return Ok(Part { from, pattern: None, map: Default::default(), default: None });
            }
            Value::Table(table) => table,
            _ => return Err(self.error(value.span(), help)),
        };
        let (mut from, mut pattern, mut map, mut default) = (None, None, Default::default(), None);
        for (key, given) in table {
            match (key.as_str(), given) {
                ("from", Value::String(given)) => from = Some(self.template(&text(given), 0)?),
                ("match", Value::String(given)) => pattern = Some(self.pattern(&text(given))?),
                ("default", Value::String(given)) => default = Some(self.filled(&text(given))?),
                ("map", Value::Table(given)) => {
                    let meant =
                        |(text, meant): (&String, &Value)| Some((text.to_lowercase(), meant.as_str()?.to_owned()));
                    let meant: Option<_> = given.iter().map(meant).collect();
                    map = meant.ok_or_else(|| self.error(value.span(), help))?;
                }
                _ => return Err(self.error(value.span(), format!("`{key}` is not understood here: {help}"))),
            }
        }
        let from = from.ok_or_else(|| self.error(value.span(), help))?;
        Ok(Part { from, pattern, map, default })
    }
}
