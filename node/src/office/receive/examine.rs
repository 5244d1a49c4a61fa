//! What is found of the records that another bureau sends, before they are taken in: whether each is its owner's word.

use igain_protocol::bureau::{BureauId, Card, KeyId, VerifyingKey};
use igain_protocol::feed::Entry;
use igain_protocol::record::{self, Newer, Record, RecordId, Tombstone, Unverified};
use igain_protocol::sync::Change;

use super::super::{Office, index};
use crate::ledger::IdentifierKey;

/// Changes whose records were verified.
#[derive(Debug)]
pub struct Examined {
    pub(super) changes: Vec<Change>,
    /// What was found of each record among them, in order.
    pub(super) verdicts: Vec<Verdict>,
    /// The same of each withdrawal.
    pub(super) withdrawn: Vec<Result<RecordId, record::Error>>,
    /// The key by which it was found.
    pub(super) key: Option<VerifyingKey>,
}

/// What was found of a record: that it is its owner's word, or which it claims to be, and why it is not.
pub(super) type Verdict = Result<Word, (Option<RecordId>, record::Error)>;

/// An owner's word.
#[derive(Debug)]
pub(super) enum Word {
    /// A record, and what it is found by.
    Known(Box<Record>, Vec<IdentifierKey>),
    /// A record of a later version, and its bytes.
    Newer(Newer, Vec<u8>),
}

impl Office {
    /// Verifies the records among a provider's changes, all at once.
    pub fn examine(&self, provider: BureauId, changes: Vec<Change>) -> Examined {
        let peer = self.linked_peer(provider).ok();
        let card = peer.as_ref().map(|peer| peer.card());
        let verdicts = self.verify(provider, card, &changes);
        // What a former key signed is its bureau's word still: it comes in a parcel that the present one signed.
        let key_of = |owner, kid| card.filter(|_| owner == provider).map(|card| card.signing_key(kid));
        let withdrawn = runs(&changes).flatten().filter_map(|entry| match entry {
            Entry::Withdraw(bytes) => Some(Tombstone::verify_end(bytes, key_of)),
            _ => None,
        });
        let withdrawn = withdrawn.collect();
        Examined { changes, verdicts, withdrawn, key: card.map(|card| card.signing) }
    }

    fn verify(&self, provider: BureauId, card: Option<&Card>, changes: &[Change]) -> Vec<Verdict> {
        let key = |kid: KeyId| card.map(|card| card.signing_key(kid));
        let mut good = Vec::new();
        let mut judge = |bytes: &[u8]| match Unverified::decode(bytes) {
            Ok(unverified) => {
                let id = unverified.header().id;
                good.push(unverified);
                Ok(Ok(id))
            }
            Err(error) => {
                let newer = error.may_be_newer().then(|| Newer::verify(bytes, key).ok()).flatten();
                let newer = newer.filter(|newer| newer.owner == provider).ok_or(error)?;
                Ok(Err(Word::Newer(newer, bytes.to_vec())))
            }
        };
        type Decoded = Result<Result<RecordId, Word>, record::Error>;
        let decoded: Vec<Decoded> = runs(changes).flat_map(puts).map(&mut judge).collect();
        let mut verdicts = record::verify_batch(good, |owner, kid| key(kid).filter(|_| owner == provider)).into_iter();
        let secret = &self.secrets().identifier;
        let judge = |found: Decoded| {
            let id = match found.map_err(|error| (None, error))? {
                Ok(id) => id,
                Err(newer) => return Ok(newer),
            };
            let record =
                verdicts.next().unwrap_or(Err(record::Error::UnknownOwner)).map_err(|error| (Some(id), error))?;
            let identifiers = index::identifiers(secret, &record);
            Ok(Word::Known(Box::new(record), identifiers))
        };
        decoded.into_iter().map(judge).collect()
    }
}

/// The runs of entries among changes.
pub(super) fn runs(changes: &[Change]) -> impl Iterator<Item = &[Entry]> {
    changes.iter().filter_map(|change| match change {
        Change::Entries { entries, .. } => Some(entries.as_slice()),
        Change::Open { .. } => None,
    })
}

/// What was found of records and withdrawals, in order.
pub(super) struct Verdicts {
    pub(super) records: std::vec::IntoIter<Verdict>,
    pub(super) withdrawn: std::vec::IntoIter<Result<RecordId, record::Error>>,
}

impl Verdicts {
    /// Those of the next entries.
    pub(super) fn of(&mut self, entries: &[Entry]) -> Self {
        let withdrawals = entries.iter().filter(|entry| matches!(entry, Entry::Withdraw(_))).count();
        let records: Vec<Verdict> = self.records.by_ref().take(puts(entries).count()).collect();
        let withdrawn: Vec<_> = self.withdrawn.by_ref().take(withdrawals).collect();
        Self { records: records.into_iter(), withdrawn: withdrawn.into_iter() }
    }
}

/// The records among entries.
fn puts(entries: &[Entry]) -> impl Iterator<Item = &[u8]> {
    entries.iter().filter_map(|entry| match entry {
        Entry::Put { record, .. } => Some(record.as_slice()),
        _ => None,
    })
}
