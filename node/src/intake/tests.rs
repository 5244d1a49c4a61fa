//! Whole files through whole mappings.

use std::collections::BTreeMap;
use std::io::BufRead;
use std::path::PathBuf;

use super::*;

mod bad;
mod readme;
mod rows;
mod shipped;
mod values;

/// What became of a file.
#[derive(Debug, Default, PartialEq, Eq)]
struct Outcome {
    drafts: Vec<Draft>,
    rejects: Vec<Reject>,
    silent: Vec<String>,
}

impl Outcome {
    /// The lines and reasons of the rejects.
    fn reasons(&self) -> Vec<(u64, &str)> {
        self.rejects.iter().map(|reject| (reject.line, reject.reason.as_str())).collect()
    }

    /// The first value of a field of each draft.
    fn values(&self, name: &str) -> Vec<String> {
        self.drafts.iter().filter_map(|draft| texts(draft, name).into_iter().next()).collect()
    }
}

fn importer(mapping: &str) -> Importer {
    let mapping = Mapping::parse(mapping, "test.toml", &BTreeMap::new()).unwrap();
    Importer::new(mapping, "KE".parse().unwrap(), &[7; 32], "2026-11-25".parse().unwrap())
}

fn import(importer: &Importer, file: impl BufRead) -> Result<Outcome, Error> {
    let mut outcome = Outcome::default();
    for step in importer.rows(file)? {
        match step? {
            Step::Made(made) => outcome.drafts.extend(made.drafts),
            Step::Rejected(reject) => outcome.rejects.push(reject),
            Step::Silent(silent) => outcome.silent = silent,
        }
    }
    Ok(outcome)
}

/// A small file through a mapping, which must take it as a whole.
fn taken(mapping: &str, file: &[u8]) -> Outcome {
    import(&importer(mapping), file).unwrap()
}

/// The values of a field, as text.
fn texts(draft: &Draft, name: &str) -> Vec<String> {
    draft.fields.iter().filter(|(field, _)| field == name).map(|(_, value)| value.to_string()).collect()
}

fn repository() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// A file of public data beside the repository; says so where it is absent.
fn public(name: &str) -> Option<PathBuf> {
    let path = repository().join("../shared/data").join(name);
    let there = path.exists();
    if !there {
        println!("SKIPPED: `{}` is absent", path.display());
    }
    there.then_some(path)
}
