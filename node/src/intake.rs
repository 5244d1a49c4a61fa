//! Intake: records out of files that others wrote. The only place that knows foreign formats.
//!
//! A [`Mapping`] says what the columns of a table (CSV, TSV), or the keys of JSON objects, mean; an [`Importer`] reads
//! a file by it, row by row, in bounded memory, and makes [`Draft`]s. A row that is wrong becomes a [`Reject`] with its
//! line, its column and the reason, and stops no other. The id of a record derives from the mapping's source and the
//! row's key under a secret of the bureau, so that the same row makes the same record every time.
//!
//! `configs/mappings/README.md` describes the mapping language.

mod draft;
mod error;
mod importer;
mod join;
mod label;
mod link;
pub mod mapping;
mod read;
mod reject;
mod rule;
mod template;

pub use draft::Draft;
pub use error::Error;
pub use importer::{Importer, Made, Rows, Step};
pub use join::Joined;
pub use mapping::Mapping;
pub use reject::{Reject, Rejects};

#[cfg(test)]
mod tests;
