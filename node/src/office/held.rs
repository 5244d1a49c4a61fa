//! What the books hold of the records that an intake changes, looked up before it takes its turn: others who write need
//! not wait for that.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use igain_protocol::time::Timestamp;

use super::{Error, Office, index};
use crate::ledger::{IdentifierKey, Place, RecordKey, TombstoneRow};

/// What the books hold of a record that another bureau owns.
#[derive(Debug, Clone)]
pub(super) struct Held {
    /// Where it stands.
    pub(super) place: Place,
    /// Its revision; none where it cannot be read.
    pub(super) revision: Option<u32>,
    /// What it is found by.
    pub(super) identifiers: Vec<IdentifierKey>,
}

/// What was found of one record.
#[derive(Debug)]
struct Found {
    held: Option<Held>,
    /// How it ended, where that was asked for.
    ended: Option<Option<TombstoneRow>>,
}

/// What was found of records after the turns up to a number.
#[derive(Debug)]
pub(super) struct LookedUp {
    /// The last turn that was visible before.
    pub(super) began: u64,
    found: HashMap<RecordKey, Found>,
}

impl LookedUp {
    /// Looks up what is held of records that come, and how they ended, and what is held of those that go.
    ///
    /// # Errors
    /// Where the books cannot be read.
    pub(super) fn of(
        office: &Office,
        coming: impl Iterator<Item = RecordKey>,
        going: impl Iterator<Item = RecordKey>,
    ) -> Result<Self, Error> {
        let began = office.inner.memory.visible();
        let mut found = HashMap::new();
        for key in coming {
            let ended = Some(office.ledger().tombstone(key)?);
            found.insert(key, Found { held: read(office, key)?, ended });
        }
        for key in going {
            if let Entry::Vacant(place) = found.entry(key) {
                place.insert(Found { held: read(office, key)?, ended: None });
            }
        }
        Ok(Self { began, found })
    }

    /// Forgets all of it.
    pub(super) fn clear(&mut self) {
        self.found.clear();
    }

    /// What is held of a record.
    ///
    /// # Errors
    /// Where the books must be asked and cannot be read.
    pub(super) fn held(&self, office: &Office, key: RecordKey) -> Result<Option<Held>, Error> {
        self.found.get(&key).map_or_else(|| read(office, key), |found| Ok(found.held.clone()))
    }

    /// Whether a revision of a record must not come, since the record has ended; with when it was written, where that can be read.
    ///
    /// # Errors
    /// As [`LookedUp::held`].
    pub(super) fn is_barred(
        &self,
        office: &Office,
        key: RecordKey,
        (revision, modified): (u32, Option<Timestamp>),
    ) -> Result<bool, Error> {
        let known = self.found.get(&key).and_then(|found| found.ended.as_ref());
        let bars = |ended: &Option<TombstoneRow>| ended.as_ref().is_some_and(|ended| ended.bars(revision, modified));
        known.map_or_else(|| Ok(bars(&office.ledger().tombstone(key)?)), |ended| Ok(bars(ended)))
    }
}

/// Reads what is held of a record.
fn read(office: &Office, key: RecordKey) -> Result<Option<Held>, Error> {
    let Some(row) = office.ledger().record(key)? else { return Ok(None) };
    let record = row.record();
    let place = row.place;
    Ok(Some(match record {
        Ok(record) => {
            let identifiers = index::identifiers(&office.secrets().identifier, &record);
            Held { place, revision: Some(record.header().revision), identifiers }
        }
        // What it is found by leads nowhere once it goes.
        Err(error) => {
            tracing::error!(id = %key.id, owner = %key.owner, %error, "a record that changes cannot be read");
            Held { place, revision: None, identifiers: Vec::new() }
        }
    }))
}
