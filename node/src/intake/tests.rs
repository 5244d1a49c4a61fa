//! Whole files through whole mappings.

use std::collections::BTreeMap;
use std::path::PathBuf;

use igain_protocol::record::Value;

use super::*;

mod shipped;

/// What became of a file.
#[derive(Debug, Default, PartialEq, Eq)]
struct Outcome {
    drafts: Vec<Draft>,
    rejects: Vec<Reject>,
}

fn importer(mapping: &str) -> Importer {
    let mapping = Mapping::parse(mapping, "test.toml", &BTreeMap::new()).unwrap();
    Importer::new(mapping, "KE".parse().unwrap(), &[7; 32], "2026-11-25".parse().unwrap())
}

fn import(importer: &Importer, file: impl std::io::BufRead) -> Result<Outcome, Error> {
    let mut outcome = Outcome::default();
    for step in importer.rows(file)? {
        match step? {
            Step::Made(made) => outcome.drafts.extend(made.drafts),
            Step::Rejected(reject) => outcome.rejects.push(reject),
        }
    }
    Ok(outcome)
}

/// The texts of a field.
fn texts(draft: &Draft, name: &str) -> Vec<String> {
    draft
        .fields
        .iter()
        .filter(|(field, _)| field == name)
        .map(|(_, value): &(String, Value)| value.to_string())
        .collect()
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
