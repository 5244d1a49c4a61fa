//! Mappings: what the columns of a file mean. `configs/mappings/README.md` describes the language.

mod compile;
mod raw;
mod spot;

use std::collections::BTreeMap;

use igain_protocol::record::FieldDef;
use igain_protocol::vocabulary::Kind;

use super::label::LabelRule;
use super::link::{Each, End};
use super::read::Dialect;
use super::rule::{Condition, Extract, Rule};
use super::template::{Scope, Template};

/// Most bytes of a mapping: the largest that ships has 12 KiB.
pub const MAPPING_LIMIT: usize = 1024 * 1024;

/// Most records and links that one row may ask for.
pub const BLOCKS_LIMIT: usize = 256;

/// Why a mapping is refused, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}:{column}: {message}")]
pub struct Error {
    /// The file.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// What is wrong, and what to do.
    pub message: String,
}

impl Error {
    /// The stable name of this kind of error, for machines.
    pub const fn code(&self) -> &'static str {
        "intake.mapping"
    }
}

/// How rows become records.
#[derive(Debug)]
pub struct Mapping {
    pub(super) source: String,
    pub(super) format: Format,
    pub(super) region: Option<String>,
    pub(super) nulls: Vec<String>,
    pub(super) joins: Vec<Join>,
    pub(super) blocks: Vec<Block>,
    pub(super) scope: Scope,
}

/// A file that is joined.
#[derive(Debug)]
pub(super) struct Join {
    pub(super) role: String,
    pub(super) on: Template,
    pub(super) dialect: Dialect,
    pub(super) required: bool,
    pub(super) beside: Vec<String>,
}

/// How the file is written.
#[derive(Debug)]
pub(super) enum Format {
    /// A table.
    Table(Dialect),
    /// JSON objects.
    Json,
}

/// One record, or one link, that a row asks for.
#[derive(Debug)]
pub(super) struct Block {
    pub(super) name: String,
    pub(super) kind: Kind,
    pub(super) when: Condition,
    pub(super) key: Option<Template>,
    pub(super) label: LabelRule,
    pub(super) rules: Vec<Rule>,
    pub(super) extracts: Vec<Extract>,
    pub(super) ends: Option<Ends>,
    pub(super) each: Option<Each>,
}

/// The ends of a link.
#[derive(Debug)]
pub(super) struct Ends {
    pub(super) from: End,
    pub(super) to: End,
    /// The fields `from` and `to` of a link, and where they stand.
    pub(super) fields: [(usize, &'static FieldDef); 2],
}

impl Mapping {
    /// Reads a mapping from the text of a TOML file; `variables` are what its `${…}` stand for.
    ///
    /// # Errors
    /// The first thing that is wrong, with its place. A variable that the mapping does not use is an error too, since
    /// it was meant to change something.
    pub fn parse(text: &str, file: &str, variables: &BTreeMap<String, String>) -> Result<Self, Error> {
        compile::compile(text, file, variables)
    }

    /// What the mapping calls its source. It goes into the ids of the records.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The files that are joined: their roles, the names to look for beside the file, and whether they must be there.
    pub fn joins(&self) -> impl Iterator<Item = (&str, &[String], bool)> {
        self.joins.iter().map(|join| (join.role.as_str(), join.beside.as_slice(), join.required))
    }

    /// The kinds of the records that it makes.
    pub fn kinds(&self) -> impl Iterator<Item = Kind> {
        self.blocks.iter().map(|block| block.kind)
    }
}

#[cfg(test)]
mod tests;
