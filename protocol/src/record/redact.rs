//! Redaction: the same record with fewer fields, still the owner's word.

use super::commitment;
use super::envelope::Envelope;
use super::{Error, FieldType, RecordId, disclosure, field};
use crate::vocabulary::{GroupSet, Kind};

/// The bytes of a record with the fields of other groups withheld, and with references that `may_refer` denies.
///
/// This is what a sender does for every record and peer: no signature is made or checked, and no value is read but
/// references. A field that this version does not know is withheld.
///
/// # Errors
/// Where the bytes are no record.
pub fn redact_bytes(
    bytes: &[u8],
    kind: Kind,
    groups: GroupSet,
    may_refer: &dyn Fn(RecordId) -> bool,
) -> Result<Vec<u8>, Error> {
    let Envelope { signed, disclosed, mut withheld, .. } = Envelope::decode(bytes)?;
    let mut kept = Vec::with_capacity(disclosed.len());
    withheld.reserve_exact(disclosed.len());
    for disclosure in disclosed {
        match may_disclose(disclosure, kind, groups, may_refer)? {
            true => kept.push(disclosure),
            false => withheld.push(commitment::digest(disclosure)),
        }
    }
    Ok(Envelope::encode(signed, &kept, &mut withheld))
}

fn may_disclose(
    bytes: &[u8],
    kind: Kind,
    groups: GroupSet,
    may_refer: &dyn Fn(RecordId) -> bool,
) -> Result<bool, Error> {
    match field(kind, disclosure::name(bytes)?) {
        Some(def) if !groups.contains(def.group) => Ok(false),
        Some(def) if def.ty == FieldType::Reference => Ok(disclosure::reference(bytes)?.is_some_and(may_refer)),
        Some(_) => Ok(true),
        None => Ok(false),
    }
}
