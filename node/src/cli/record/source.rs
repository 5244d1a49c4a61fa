//! Records out of a file of JSON.

use std::io::Read as _;
use std::path::Path;

use serde::Deserialize;

use crate::api::BODY_LIMIT;
use crate::api::types::{self, NewRecord};
use crate::cli::Error;

/// One record, several, or what `igain record show --json` prints.
#[derive(Deserialize)]
#[serde(untagged)]
enum Content {
    Several(Vec<NewRecord>),
    Wrapped { records: Vec<NewRecord> },
    Shown(types::Records),
    One(Box<NewRecord>),
}

/// A record as it was shown, to be added as a version of itself: what its owner's signature says anew is left out.
fn again(shown: types::Record) -> NewRecord {
    let types::Record { id, label, grading, retain_until, fields, .. } = shown;
    NewRecord { id: Some(id), key: None, source: None, label, grading, retain_until, based_on: Vec::new(), fields }
}

pub(super) fn read(path: &Path) -> Result<Vec<NewRecord>, Error> {
    let mut text = String::new();
    let limit = BODY_LIMIT as u64 + 1;
    let read = if path == Path::new("-") {
        std::io::stdin().take(limit).read_to_string(&mut text)
    } else {
        std::fs::File::open(path).and_then(|file| file.take(limit).read_to_string(&mut text))
    };
    read.map_err(Error::file("read", path))?;
    if text.len() > BODY_LIMIT {
        let detail = format!("`{}` is larger than {} MiB. Import it with a mapping", path.display(), BODY_LIMIT >> 20);
        return Err(Error::Usage(detail));
    }
    parse(&text).map_err(|why| Error::Usage(format!("`{}` holds no records: {why}", path.display())))
}

fn parse(text: &str) -> Result<Vec<NewRecord>, String> {
    match serde_json::from_str(text) {
        Ok(Content::Several(records) | Content::Wrapped { records }) => Ok(records),
        Ok(Content::Shown(shown)) => Ok(shown.records.into_iter().map(again).collect()),
        Ok(Content::One(record)) => Ok(vec![*record]),
        // An untagged enum does not say what is wrong, nor where.
        Err(error) => Err(match text.trim_start().starts_with('[') {
            true => serde_json::from_str::<Vec<NewRecord>>(text).err(),
            false => serde_json::from_str::<NewRecord>(text).err(),
        }
        .unwrap_or(error)
        .to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str =
        r#"{"label": {"kind": "phone", "tlp": "green"}, "fields": [{"name": "number", "value": "+254 1"}]}"#;

    #[test]
    fn one_record_or_several_are_read() {
        assert_eq!(parse(ONE).unwrap().len(), 1);
        assert_eq!(parse(&format!("[{ONE}, {ONE}]")).unwrap().len(), 2);
        assert_eq!(parse(&format!("{{\"records\": [{ONE}]}}")).unwrap().len(), 1);
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        let error = parse(&ONE.replace("green", "grey")).unwrap_err();
        assert!(error.contains("`grey` is no TLP marking") && error.contains("line 1"), "{error}");
        let error = parse(&format!("[{}]", ONE.replace("fields", "felds"))).unwrap_err();
        assert!(error.contains("unknown field `felds`"), "{error}");
    }
}
