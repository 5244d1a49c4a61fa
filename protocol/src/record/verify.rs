//! From bytes to evidence: [`Unverified`] has the right shape, a [`Record`] is its owner's word.

use std::fmt;

use sha2::{Digest as _, Sha256};

use super::envelope::Envelope;
use super::header::Header;
use super::kind::Seen;
use super::{Digest, Error, FIELDS_LIMIT, FieldDef, RecordId, Value, Version, part};
use crate::bureau::{BureauId, KeyId, VerifyingKey};
use crate::codec::{self, Claim};
use crate::vocabulary::GroupSet;

type Fields = Vec<(&'static FieldDef, Value)>;

/// A record whose owner's signature was checked, or made, here.
#[derive(Clone, PartialEq, Eq)]
pub struct Record {
    header: Header,
    fields: Fields,
    redacted: bool,
    bytes: Vec<u8>,
}

impl fmt::Debug for Record {
    /// Which record it is, and nothing that it says: this may end in a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Header { id, revision, owner, .. } = &self.header;
        write!(f, "Record({id} revision {revision} of {owner})")
    }
}

impl Record {
    pub(super) fn new(header: Header, fields: Fields, redacted: bool, bytes: Vec<u8>) -> Self {
        Self { header, fields, redacted, bytes }
    }

    /// What the owner signed.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The fields that are disclosed.
    pub fn fields(&self) -> impl Iterator<Item = (&'static FieldDef, &Value)> {
        self.fields.iter().map(|(def, value)| (*def, value))
    }

    /// The values of one field.
    pub fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Value> {
        self.fields.iter().filter(move |(def, _)| def.name == name).map(|(_, value)| value)
    }

    /// Whether fields may be withheld: who is not granted all groups and references cannot tell whether there are any.
    pub fn is_redacted(&self) -> bool {
        self.redacted
    }

    /// The groups of which something is disclosed.
    pub fn groups(&self) -> GroupSet {
        self.fields.iter().map(|(def, _)| def.group).collect()
    }

    /// The bytes of the record.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Names this version: for what rests on it, and for whoever compares what two bureaus hold.
    ///
    /// # Errors
    /// None in practice: the bytes were read before.
    pub fn version(&self) -> Result<Version, Error> {
        let payload = Envelope::decode(&self.bytes)?.payload()?;
        let digest = Digest::from_bytes(Sha256::digest(&payload).into());
        Ok(Version { id: self.header.id, revision: self.header.revision, digest })
    }

    /// The bytes of a copy that withholds all other groups, and references that `may_refer` denies.
    ///
    /// # Errors
    /// None in practice: the bytes were read before. It is that of [`super::redact_bytes`].
    pub fn redact(&self, groups: GroupSet, may_refer: &dyn Fn(RecordId) -> bool) -> Result<Vec<u8>, Error> {
        super::redact_bytes(&self.bytes, self.header.label.kind, groups, may_refer)
    }
}

/// A record of the right shape. Whose word it is, is not known yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unverified {
    record: Record,
    claim: Claim,
}

impl Unverified {
    /// Takes a record apart and checks everything but the signature, which is over the head and all that is disclosed or
    /// withheld.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn decode(bytes: &[u8]) -> Result<Self, Error> {
        let envelope = Envelope::decode(bytes)?;
        let header = Header::decode(&envelope.described()?)?;
        if header.label.canonical() != envelope.label {
            // What is not known of a label may restrict, and the owner recalls the whole of it.
            return Err(codec::Error::Content("its label says something that is not known here".into()).into());
        }
        let claim = envelope.claim()?;
        let mut seen = Seen::default();
        let mut fields = Fields::new();
        for part in envelope.contents() {
            for (place, def, value) in part::decode(part, header.label.kind)? {
                def.check(&value)?;
                if !seen.admits(place, def) {
                    return Err(Error::Repeated(def.name));
                }
                fields.push((def, value));
            }
        }
        if fields.len() > FIELDS_LIMIT {
            return Err(Error::TooManyFields);
        }
        Ok(Self { record: Record::new(header, fields, envelope.is_redacted(), bytes.to_vec()), claim })
    }

    /// Who is said to own it: whose key to check it with.
    pub fn owner(&self) -> BureauId {
        self.record.header.owner
    }

    /// What its owner is said to have signed.
    pub fn header(&self) -> &Header {
        &self.record.header
    }

    /// The record, once its signature is found to be by `key`, strictly.
    ///
    /// # Errors
    /// Where it is not.
    pub fn verify(self, key: &VerifyingKey) -> Result<Record, Error> {
        self.claim.verify(key)?;
        Ok(self.record)
    }

    /// The record, whose signature was checked when it was stored here.
    pub fn trusted(self) -> Record {
        self.record
    }
}

/// Checks the signatures of many records at once; each by the key that `key_of` gives for its owner and the id of a key.
pub fn verify_batch(
    records: Vec<Unverified>,
    key_of: impl Fn(BureauId, KeyId) -> Option<VerifyingKey>,
) -> Vec<Result<Record, Error>> {
    let key_of = |record: &Unverified| key_of(record.owner(), record.claim.kid());
    let keys: Vec<Option<VerifyingKey>> = records.iter().map(key_of).collect();
    let claims: Vec<_> =
        records.iter().zip(&keys).filter_map(|(record, key)| Some((&record.claim, key.as_ref()?))).collect();
    let mut verdicts = codec::verify_batch(&claims).into_iter();
    let judged: Vec<Result<(), Error>> = keys
        .iter()
        .map(|key| match key {
            None => Err(Error::UnknownOwner),
            Some(_) => verdicts.next().unwrap_or(Err(codec::Error::Signature)).map_err(Error::from),
        })
        .collect();
    drop(claims);
    records.into_iter().zip(judged).map(|(record, verdict)| verdict.map(|()| record.record)).collect()
}

/// The record in bytes that were verified when they were stored here. Neither signature nor commitments are checked.
///
/// # Errors
/// Where the bytes are no record.
pub fn trusted(bytes: &[u8]) -> Result<Record, Error> {
    let envelope = Envelope::decode(bytes)?;
    let header = Header::decode(&envelope.described()?)?;
    let mut fields = Fields::new();
    for part in envelope.contents() {
        fields.extend(part::decode(part, header.label.kind)?.into_iter().map(|(_, def, value)| (def, value)));
    }
    Ok(Record::new(header, fields, envelope.is_redacted(), bytes.to_vec()))
}
