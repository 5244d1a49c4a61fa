//! JSON (RFC 8259): an array of objects, or one object a line. Keys take the place of columns.

use std::collections::HashMap;
use std::io::Read;

use serde_json::Value;

use super::chunks::Chunks;
use super::{LIST_SEPARATOR, Row};
use crate::intake::{Error, Reject};

/// Deepest object inside a row that is looked into; its keys are joined by dots.
const DEPTH_LIMIT: usize = 8;

/// The objects of a file.
pub(in crate::intake) struct Objects<R> {
    chunks: Chunks<R>,
    columns: HashMap<String, usize>,
    /// Inside an array whose end has not been seen.
    in_array: bool,
    begun: bool,
}

enum Found {
    Object,
    Garbage,
    TooLong,
    CutOff,
    End,
}

impl<R: Read> Objects<R> {
    /// Reads objects, of whose keys only `columns` matter.
    pub(in crate::intake) fn open(input: R, columns: &[String]) -> Result<Self, Error> {
        let columns = columns.iter().enumerate().map(|(at, name)| (name.clone(), at)).collect();
        Ok(Self { chunks: Chunks::new(input)?, columns, in_array: false, begun: false })
    }

    /// Reads the next object; false at the end.
    pub(super) fn read(&mut self, row: &mut Row) -> Result<Result<bool, Reject>, Error> {
        let found = self.find()?;
        row.line = self.chunks.line();
        row.keep_raw(self.chunks.row());
        let reject = |reason: &str| Ok(Err(row.reject(None, reason.to_owned())));
        match found {
            Found::End => Ok(Ok(false)),
            Found::Garbage => reject("this is no JSON object. Rows are objects in one array, or one a line"),
            Found::TooLong => reject("the row is longer than 1024 KiB. Shorten it"),
            Found::CutOff => {
                if !self.in_array && self.chunks.may_go_back() {
                    self.chunks.go_back();
                }
                self.in_array = false;
                reject("the row is cut off: its brackets or quotes are never closed")
            }
            Found::Object => match serde_json::from_slice::<Value>(self.chunks.row()) {
                Ok(Value::Object(object)) => Ok(self.fill(row, &object).map(|()| true)),
                Ok(_) => reject("this is no JSON object"),
                Err(error) => reject(&format!("this is no JSON: {error}")),
            },
        }
    }

    fn fill(&self, row: &mut Row, object: &serde_json::Map<String, Value>) -> Result<(), Reject> {
        let mut cells = vec![String::new(); self.columns.len()];
        let mut unfit = None;
        self.flatten("", object, DEPTH_LIMIT, &mut |at, name, value| match text(value) {
            Some(text) if !text.contains('\0') => {
                if let Some(cell) = cells.get_mut(at) {
                    *cell = text;
                }
            }
            Some(_) => unfit = Some((name.to_owned(), "the value holds a NUL character. Export the row again")),
            None => {
                unfit = Some((name.to_owned(), "the value is a list of lists or objects, and a plain one is expected"))
            }
        });
        if let Some((name, reason)) = unfit {
            return Err(row.reject(Some(name), reason.into()));
        }
        cells.iter().for_each(|cell| row.push(cell));
        Ok(())
    }

    fn flatten(
        &self,
        prefix: &str,
        object: &serde_json::Map<String, Value>,
        depth: usize,
        each: &mut impl FnMut(usize, &str, &Value),
    ) {
        for (key, value) in object {
            let joined;
            let name = if prefix.is_empty() {
                key
            } else {
                joined = format!("{prefix}.{key}");
                &joined
            };
            match (self.columns.get(name.as_str()), value) {
                (Some(at), value) => each(*at, name, value),
                (None, Value::Object(inner)) if depth > 0 => self.flatten(name, inner, depth - 1, each),
                (None, _) => {}
            }
        }
    }

    /// Consumes up to the end of the next object.
    fn find(&mut self) -> Result<Found, Error> {
        if let Some(found) = self.skip_between()? {
            return Ok(found);
        }
        let (mut depth, mut in_text, mut escaped) = (0_usize, false, false);
        let mut too_long = false;
        loop {
            let mut taken = 0;
            let mut done = false;
            for byte in self.chunks.rest() {
                taken += 1;
                match byte {
                    _ if escaped => escaped = false,
                    b'\\' if in_text => escaped = true,
                    b'"' => in_text = !in_text,
                    b'{' | b'[' if !in_text => depth += 1,
                    b'}' | b']' if !in_text => depth -= 1,
                    _ => {}
                }
                if depth == 0 {
                    done = true;
                    break;
                }
            }
            self.chunks.advance(taken);
            if done {
                return Ok(if too_long { Found::TooLong } else { Found::Object });
            }
            if self.chunks.is_too_long() {
                if !self.in_array && self.chunks.may_go_back() {
                    self.chunks.go_back();
                    return Ok(Found::CutOff);
                }
                // What was read of it is forgotten; its end is still looked for.
                too_long = true;
                self.chunks.begin();
            }
            if !self.chunks.more()? {
                return Ok(Found::CutOff);
            }
        }
    }

    /// Consumes what stands between objects; what is found instead of one, if so.
    fn skip_between(&mut self) -> Result<Option<Found>, Error> {
        loop {
            self.chunks.begin();
            let Some(byte) = self.chunks.rest().first().copied() else {
                if self.chunks.more()? {
                    continue;
                }
                let cut_off = std::mem::take(&mut self.in_array);
                return Ok(Some(if cut_off { Found::CutOff } else { Found::End }));
            };
            match byte {
                b'{' => {
                    self.begun = true;
                    return Ok(None);
                }
                b' ' | b'\t' | b'\r' | b'\n' | b',' | 0x1e => self.chunks.advance(1),
                b'[' if !self.begun => {
                    (self.begun, self.in_array) = (true, true);
                    self.chunks.advance(1);
                }
                b']' if self.in_array => {
                    self.in_array = false;
                    self.chunks.advance(1);
                }
                _ => return self.skip_garbage().map(Some),
            }
        }
    }

    /// Consumes up to the next place where an object may begin.
    fn skip_garbage(&mut self) -> Result<Found, Error> {
        loop {
            let rest = self.chunks.rest();
            let end = rest.iter().skip(1).position(|byte| matches!(byte, b'\n' | b'{' | b',' | b']'));
            self.chunks.advance(end.map_or(rest.len(), |end| end + 1));
            if end.is_some() || self.chunks.is_too_long() || !self.chunks.more()? {
                return Ok(Found::Garbage);
            }
        }
    }
}

/// The text of a plain value, or of a list of such.
fn text(value: &Value) -> Option<String> {
    Some(match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::Array(items) => {
            let mut joined = String::new();
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    joined.push(LIST_SEPARATOR);
                }
                match item {
                    Value::Array(_) | Value::Object(_) => return None,
                    plain => joined.push_str(&text(plain)?),
                }
            }
            joined
        }
        Value::Object(_) => return None,
    })
}
