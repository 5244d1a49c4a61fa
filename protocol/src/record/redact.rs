//! Redaction: the same record with fewer fields, still the owner's word.

use std::borrow::Cow;

use super::commitment::{self, Digest};
use super::envelope::{Envelope, Rest};
use super::{Error, RecordId, part};
use crate::vocabulary::{GroupSet, Kind};

/// The bytes of a record with the fields of other groups withheld, and with references that `may_refer` denies.
///
/// This is what a sender does for every record and peer: no signature is made or checked, and no value is read but
/// references. A field that this version does not know is withheld. What is granted all groups and all references has
/// the seed of the record; whether anything is withheld from others, they cannot tell.
///
/// # Errors
/// Where the bytes are no record.
pub fn redact_bytes(
    bytes: &[u8],
    kind: Kind,
    groups: GroupSet,
    may_refer: &dyn Fn(RecordId) -> bool,
) -> Result<Vec<u8>, Error> {
    let envelope = Envelope::decode(bytes)?;
    let may: Vec<bool> =
        envelope.contents().map(|part| part::may_disclose(part, kind, groups, may_refer)).collect::<Result<_, _>>()?;
    if groups == GroupSet::ALL && may.iter().all(|may| *may) {
        return Ok(bytes.to_vec());
    }
    let (salted, mut withheld) = salted(&envelope);
    let mut kept: Vec<Cow<'_, [u8]>> = Vec::with_capacity(salted.len());
    for (part, may) in salted.into_iter().zip(may) {
        match may {
            true => kept.push(part),
            false => withheld.push(commitment::digest(&[], &part)),
        }
    }
    withheld.sort_unstable();
    Ok(envelope.encode(&kept, &Rest::Withheld(withheld)))
}

/// The parts of a record, each with its salt, and the digests beside them.
pub(super) fn salted<'a>(envelope: &Envelope<'a>) -> (Vec<Cow<'a, [u8]>>, Vec<Digest>) {
    match &envelope.rest {
        Rest::Withheld(digests) => (envelope.parts.iter().copied().map(Cow::Borrowed).collect(), digests.clone()),
        Rest::Nothing(seed) => {
            let salts = seed.salts();
            let parts = envelope.parts.iter().enumerate();
            let parts = parts.map(|(index, part)| Cow::Owned([&salts.salt(index), *part].concat())).collect();
            (parts, salts.decoys(envelope.parts.len()).collect())
        }
    }
}
