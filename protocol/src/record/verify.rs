//! From bytes to evidence: [`Unverified`] has the right shape, a [`Record`] is its owner's word.

use std::fmt;
use std::ops::Range;

use super::commitment::{self, PADDING};
use super::envelope::Envelope;
use super::header::Header;
use super::kind::Seen;
use super::{Error, FieldDef, RecordId, Value, disclosure};
use crate::bureau::{BureauId, VerifyingKey};
use crate::codec::{self, Signed, Typ};
use crate::vocabulary::GroupSet;

type Fields = Vec<(&'static FieldDef, Value)>;

/// A record whose owner's signature was checked, or made, here.
#[derive(Clone, PartialEq, Eq)]
pub struct Record {
    header: Header,
    fields: Fields,
    withheld: usize,
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
    pub(super) fn new(header: Header, fields: Fields, withheld: usize, bytes: Vec<u8>) -> Self {
        Self { header, fields, withheld, bytes }
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

    /// Digests without a field: at most so many are withheld, for some are decoys.
    pub fn withheld_count(&self) -> usize {
        self.withheld
    }

    /// Whether fields are withheld for certain: more digests are without a field than decoys can be.
    pub fn is_redacted(&self) -> bool {
        self.withheld >= PADDING && !(self.fields.is_empty() && self.withheld == PADDING)
    }

    /// The groups of which something is disclosed.
    pub fn groups(&self) -> GroupSet {
        self.fields.iter().map(|(def, _)| def.group).collect()
    }

    /// The bytes of the record.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The bytes of a copy that withholds all other groups, and references that `may_refer` denies.
    ///
    /// # Errors
    /// None in practice: the bytes were read before. It is that of [`super::redact_bytes`].
    pub fn redact(&self, groups: GroupSet, may_refer: &dyn Fn(RecordId) -> bool) -> Result<Vec<u8>, Error> {
        super::redact_bytes(&self.bytes, self.header.label.kind, groups, may_refer)
    }
}

/// A record of the right shape, whose fields are those that its head commits to. Whose head it is, is not known yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unverified {
    record: Record,
    /// Where the signed head is in the record's bytes.
    signed: Range<usize>,
}

impl Unverified {
    /// Takes a record apart and checks everything but the signature.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn decode(bytes: &[u8]) -> Result<Self, Error> {
        let envelope = Envelope::decode(bytes)?;
        let header = head(&envelope)?;
        check_commitment(&envelope, &header)?;
        let mut seen = Seen::default();
        let checked = |bytes: &&[u8]| {
            let (place, def, value) = disclosure::field(bytes, header.label.kind)?;
            def.check(&value)?;
            if seen.admits(place, def) { Ok((def, value)) } else { Err(Error::Repeated(def.name)) }
        };
        let fields = envelope.disclosed.iter().map(checked).collect::<Result<_, _>>()?;
        let signed = envelope.signed_end - envelope.signed.len()..envelope.signed_end;
        let record = Record::new(header, fields, envelope.withheld.len(), bytes.to_vec());
        Ok(Self { record, signed })
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
        self.signed()?.verify(key)?;
        Ok(self.record)
    }

    /// The record, whose signature was checked when it was stored here.
    pub fn trusted(self) -> Record {
        self.record
    }

    fn signed(&self) -> Result<Signed<'_>, Error> {
        let span = self.record.bytes.get(self.signed.clone()).unwrap_or_default();
        Ok(Signed::parse(Typ::Record, span)?)
    }
}

/// Checks the signatures of many records at once; each by the key that `key_of` gives for its owner.
pub fn verify_batch(
    records: Vec<Unverified>,
    key_of: impl Fn(BureauId) -> Option<VerifyingKey>,
) -> Vec<Result<Record, Error>> {
    let keys: Vec<Option<VerifyingKey>> = records.iter().map(|record| key_of(record.owner())).collect();
    let signed: Vec<Result<Signed<'_>, Error>> = records.iter().map(Unverified::signed).collect();
    let pairs: Vec<_> =
        signed.iter().zip(&keys).filter_map(|(signed, key)| Some((signed.as_ref().ok()?, key.as_ref()?))).collect();
    let mut verdicts = codec::verify_batch(&pairs).into_iter();
    let judged: Vec<Result<(), Error>> = signed
        .iter()
        .zip(&keys)
        .map(|(signed, key)| match (signed, key) {
            (Err(error), _) => Err(error.clone()),
            (_, None) => Err(Error::UnknownOwner),
            _ => verdicts.next().unwrap_or(Err(codec::Error::Signature)).map_err(Error::from),
        })
        .collect();
    drop(pairs);
    drop(signed);
    records.into_iter().zip(judged).map(|(record, verdict)| verdict.map(|()| record.record)).collect()
}

/// The record in bytes that were verified when they were stored here. Neither signature nor commitments are checked.
///
/// # Errors
/// Where the bytes are no record.
pub fn trusted(bytes: &[u8]) -> Result<Record, Error> {
    let envelope = Envelope::decode(bytes)?;
    let header = head(&envelope)?;
    let fields = envelope.disclosed.iter().map(|bytes| disclosure::field(bytes, header.label.kind));
    let fields = fields.map(|field| field.map(|(_, def, value)| (def, value))).collect::<Result<_, _>>()?;
    Ok(Record::new(header, fields, envelope.withheld.len(), bytes.to_vec()))
}

fn head(envelope: &Envelope<'_>) -> Result<Header, Error> {
    Header::decode(Signed::parse(Typ::Record, envelope.signed)?.payload())
}

/// Whether what is disclosed and withheld is what the head commits to.
fn check_commitment(envelope: &Envelope<'_>, header: &Header) -> Result<(), Error> {
    check_digests(envelope, header.digest_count, &header.digests_hash)
}

/// Whether there are so many digests with this hash.
pub(super) fn check_digests(envelope: &Envelope<'_>, wanted: u32, hash: &[u8; 32]) -> Result<(), Error> {
    let count = envelope.disclosed.len() + envelope.withheld.len();
    if u32::try_from(count) != Ok(wanted) || !count.is_multiple_of(PADDING) {
        return Err(Error::Commitment);
    }
    let mut digests = Vec::with_capacity(count);
    digests.extend(envelope.disclosed.iter().map(|disclosure| commitment::digest(disclosure)));
    digests.extend_from_slice(&envelope.withheld);
    digests.sort_unstable();
    match digests.is_sorted_by(|a, b| a < b) && commitment::hash_of(&digests) == *hash {
        true => Ok(()),
        false => Err(Error::Commitment),
    }
}
