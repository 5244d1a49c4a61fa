//! Conditions on rows.

use std::collections::BTreeMap;

use toml::{Spanned, Value};

use super::{Compiler, Error, Text};
use crate::intake::rule::{Condition, Test};

impl Compiler<'_> {
    pub(super) fn when(&mut self, raw: &BTreeMap<String, Spanned<Value>>) -> Result<Condition, Error> {
        let mut tests = Vec::new();
        for (column, value) in raw {
            let place = self.scope.place(column);
            tests.push((place, self.test(value)?));
        }
        Ok(Condition(tests))
    }

    fn test(&self, value: &Spanned<Value>) -> Result<Test, Error> {
        let help =
            "a condition is a text, a list of texts, true (filled), false (empty), { not = … } or { match = \"…\" }";
        let bad = || self.error(value.span(), help);
        match value.get_ref() {
            Value::Boolean(filled) => Ok(Test::Filled(*filled)),
            Value::Table(table) => match (table.get("match"), table.get("not"), table.len()) {
                (Some(Value::String(pattern)), None, 1) => {
                    self.pattern(&Text::new(value.span(), pattern.clone())).map(Test::Matches)
                }
                (None, Some(refused), 1) => texts(refused).map(Test::NotIn).ok_or_else(bad),
                _ => Err(bad()),
            },
            allowed => texts(allowed).map(Test::In).ok_or_else(bad),
        }
    }
}

fn texts(value: &Value) -> Option<Vec<String>> {
    match value {
        Value::String(text) => Some(vec![text.clone()]),
        Value::Array(items) => items.iter().map(|item| item.as_str().map(str::to_owned)).collect(),
        _ => None,
    }
}
