//! Records that only a later version can read: kept as they came, taken back as any other, and read again after an upgrade.

use igain_protocol::bureau::BureauId;
use igain_protocol::label::LabelDigest;
use igain_protocol::record::{Newer, RecordId, Unverified};
use igain_protocol::vocabulary::GroupSet;

use super::super::held::LookedUp;
use super::super::{Error, Office, index};
use super::Intake;
use crate::ledger::{Came, NewerRow, RecordKey};

impl Office {
    /// Reads again what a build of before could not read, and shows what this one can. Returns how many records that are.
    ///
    /// # Errors
    /// Where the books cannot be read or written.
    pub fn reread(&self) -> Result<usize, Error> {
        let mut read = 0;
        for provider in self.active_peers().into_iter().map(|peer| peer.card().bureau) {
            read += self.reread_of(provider)?;
        }
        Ok(read)
    }

    fn reread_of(&self, provider: BureauId) -> Result<usize, Error> {
        const PAGE: usize = 256;
        let (mut read, mut after) = (0, None);
        loop {
            let page = self.ledger().newer_of(provider, after, PAGE)?;
            after = page.last().map(|(id, _)| *id);
            let (full, secret) = (page.len() == PAGE, &self.secrets().identifier);
            let readable: Vec<_> = page
                .into_iter()
                // Its signature was verified when it came.
                .filter_map(|(_, row)| Some((Unverified::decode(&row.bytes).ok()?.trusted(), row)))
                .collect();
            if !readable.is_empty() {
                let keys = readable.iter().map(|(record, _)| RecordKey { id: record.header().id, owner: provider });
                let books = LookedUp::of(self, keys, std::iter::empty())?;
                let mut intake = Intake::begin(self, provider, books)?;
                for (record, NewerRow { generation, groups, .. }) in &readable {
                    let aside = intake.aside(record.header());
                    let identifiers = index::identifiers(secret, record);
                    intake.forget_newer(record.header().id);
                    intake.put(Came { generation: *generation, groups: *groups, aside }, record, &identifiers)?;
                }
                read += intake.finish().map_err(|(error, _)| error)?.0.put;
            }
            if !full {
                return Ok(read);
            }
        }
    }
}

impl Intake<'_> {
    /// The same of records that cannot be read here.
    pub(super) fn take_newer_back(&mut self, label: Option<LabelDigest>, generation: Option<u64>) -> Result<(), Error> {
        let goes = |of: LabelDigest, came: u64| {
            generation.is_none_or(|generation| came < generation) && label.is_none_or(|label| of == label)
        };
        let came = self.newer.iter().filter(|(_, row)| goes(row.label(), row.generation));
        let mut gone: Vec<RecordId> = came.map(|(id, _)| *id).collect();
        if self.has_newer {
            let sealed = self.sealed.take().map_or_else(|| self.look_through(), Ok)?;
            let those = sealed.iter().filter(|(id, of, came)| goes(*of, *came) && !self.newer.contains_key(id));
            gone.extend(those.map(|(id, ..)| *id));
            self.sealed = Some(sealed);
        }
        gone.into_iter().for_each(|id| self.forget_newer(id));
        Ok(())
    }

    /// The records of the books that cannot be read here.
    fn look_through(&self) -> Result<Vec<(RecordId, LabelDigest, u64)>, Error> {
        const PAGE: usize = 1_024;
        let (mut found, mut after) = (Vec::new(), None);
        loop {
            let page = self.office().ledger().newer_of(self.provider, after, PAGE)?;
            after = page.last().map(|(id, _)| *id);
            found.extend(page.iter().map(|(id, row)| (*id, row.label(), row.generation)));
            if page.len() < PAGE {
                return Ok(found);
            }
        }
    }

    /// Removes what was kept of a record and cannot be read here.
    pub(super) fn forget_newer(&mut self, id: RecordId) {
        let came = self.newer.remove(&id).is_some();
        if came || self.has_newer {
            let key = self.record(id);
            self.office().ledger().delete_newer(&mut self.turn.batch, key);
        }
    }

    /// Keeps a record that only a later version can read. It takes the place of what could be read of it: that may have
    /// been less restricted.
    pub(super) fn put_newer(
        &mut self,
        generation: u64,
        groups: GroupSet,
        newer: &Newer,
        bytes: Vec<u8>,
    ) -> Result<(), Error> {
        let key = self.record(newer.id);
        let outdated = self.is_outdated(newer.retain_until);
        let barred = self.ended.contains(&key) || self.books.is_barred(self.office(), key, (newer.revision, None))?;
        let held = self.held(key)?;
        let stale = held.as_ref().and_then(|held| held.revision).is_some_and(|known| known > newer.revision);
        if let Some(why) = [(outdated, "record.outdated"), (barred, "record.ended"), (stale, "record.stale")]
            .into_iter()
            .find_map(|(is_so, why)| is_so.then_some(why))
        {
            self.refuse(Some(key.id), newer.revision, why);
            return Ok(());
        }
        if let Some(held) = held {
            self.remove(key, &held);
        }
        let (label, until) = (*newer.label.as_bytes(), newer.retain_until);
        let row = NewerRow { generation, groups, label, revision: newer.revision, until, bytes };
        self.office().ledger().put_newer(&mut self.turn.batch, key, &row);
        if let Some(until) = until {
            self.turn.retain(until, key);
        }
        self.newer.insert(newer.id, row);
        self.received.newer += 1;
        Ok(())
    }
}
