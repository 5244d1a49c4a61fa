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
        let help = "a condition is a text, a list of texts, true (filled), false (empty), { not = … }, { match = \"…\" } or { not-match = \"…\" }";
        let bad = || self.error(value.span(), help);
        match value.get_ref() {
            Value::Boolean(filled) => Ok(Test::Filled(*filled)),
            Value::Table(table) => match table.iter().next().filter(|_| table.len() == 1) {
                Some((key, Value::String(text))) if key == "match" || key == "not-match" => {
                    let pattern = self.pattern(&Text::new(value.span(), text.clone()))?;
                    Ok(if key == "match" { Test::Matches(pattern) } else { Test::Misses(pattern) })
                }
                Some((key, refused)) if key == "not" => texts(refused).map(Test::NotIn).ok_or_else(bad),
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
