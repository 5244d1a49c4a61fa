//! What a bureau was told of its own writes: what was acknowledged must be there whatever happens, and what was refused
//! may be there only where nobody knows.

use std::collections::BTreeMap;

use igain_node::ledger::RecordKey;
use igain_node::office::Office;
use igain_protocol::record::{RecordId, Value};

/// What became of a record, as far as it was told.
#[derive(Debug, Clone, Default)]
struct Told {
    /// The text of the last version that was acknowledged; none where its end was.
    last: Option<u64>,
    /// What came after it and failed, or may have come back: nobody knows.
    perhaps: Vec<Option<u64>>,
    /// All that was ever acknowledged, or failed.
    ever: Vec<Option<u64>>,
    /// It was withdrawn at a time that was forgotten, and others may know.
    may_end: bool,
}

/// All records of a bureau, by what was told of them.
#[derive(Debug, Default)]
pub(super) struct Books {
    told: BTreeMap<RecordId, Told>,
}

impl Books {
    /// A version, or an end, was acknowledged.
    pub(super) fn acknowledged(&mut self, id: RecordId, text: Option<u64>) {
        let told = self.told.entry(id).or_default();
        told.ever.push(text);
        (told.last, told.perhaps) = (text, Vec::new());
    }

    /// A write failed: it may be there or not.
    pub(super) fn failed(&mut self, id: RecordId, text: Option<u64>) {
        let told = self.told.entry(id).or_default();
        told.ever.push(text);
        told.perhaps.push(text);
    }

    /// The bureau is put back to before: of all that was acknowledged since, it has what others give back.
    pub(super) fn put_back(&mut self) {
        for told in self.told.values_mut() {
            told.may_end |= told.ever.contains(&None);
            told.perhaps = told.ever.clone();
            told.perhaps.push(None);
        }
    }

    /// Records that may be live, to be chosen from.
    pub(super) fn ids(&self) -> Vec<RecordId> {
        self.told.iter().filter(|(_, told)| told.last.is_some()).map(|(id, _)| *id).collect()
    }

    /// L15: what was acknowledged is there, and nothing else.
    ///
    /// # Errors
    /// Which record is not as it was told.
    pub(super) fn check(&self, office: &Office) -> Result<(), String> {
        for (id, told) in &self.told {
            let row = office.ledger().record(RecordKey { id: *id, owner: office.me() }).map_err(|e| e.to_string())?;
            let found = match row {
                Some(row) if row.is_live(office.now().day()) => {
                    let record = row.record().map_err(|error| error.to_string())?;
                    record.values("remarks").next().and_then(Value::as_text).and_then(|text| text.parse().ok())
                }
                _ => None,
            };
            let expired = found.is_none();
            if found != told.last
                && !told.perhaps.contains(&found)
                && !(expired && (told.may_end || self.may_expire(*id)))
            {
                return Err(format!("{} holds {found:?} of {id}, and was told {told:?}", office.me()));
            }
        }
        Ok(())
    }

    /// Whether a record has a date that may have passed: such have an odd first byte.
    fn may_expire(&self, id: RecordId) -> bool {
        id.as_bytes()[0] % 2 == 1
    }
}
