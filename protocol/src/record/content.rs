//! What an owner writes, and signing it.

use super::commitment::{self, PADDING};
use super::envelope::Envelope;
use super::header::{self, Header};
use super::kind::{self, Seen};
use super::{Error, FIELDS_LIMIT, FieldDef, RECORD_LIMIT, Record, RecordId, SaltKey, Value, disclosure};
use crate::bureau::{BureauId, SigningKey};
use crate::codec::{self, Typ, text};
use crate::label::Label;
use crate::time::{Day, Timestamp};
use crate::vocabulary::Grading;

/// One version of a record, before it is signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// The id.
    pub id: RecordId,
    /// 1 for the first version, and one more with each revision.
    pub revision: u32,
    /// Who signs it.
    pub owner: BureauId,
    /// The label; its kind says which fields there are.
    pub label: Label,
    /// How reliable it is.
    pub grading: Option<Grading>,
    /// When the first version was made.
    pub created: Timestamp,
    /// When this version was made.
    pub modified: Timestamp,
    /// The last day on which anybody may keep it.
    pub retain_until: Option<Day>,
    /// Names and values, in the order to show them.
    pub fields: Vec<(String, Value)>,
}

impl Content {
    /// Whether a record can be made of this; only [`sign`] finds out whether it is too long.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn check(&self) -> Result<(), Error> {
        self.checked_fields().map(drop)
    }

    /// What each field is, once all of them have been checked.
    fn checked_fields(&self) -> Result<Vec<&'static FieldDef>, Error> {
        self.label.check()?;
        if self.revision == 0 {
            return Err(Error::Revision);
        }
        if self.fields.len() > FIELDS_LIMIT {
            return Err(Error::TooManyFields);
        }
        let mut seen = Seen::default();
        self.fields.iter().map(|(name, value)| self.checked_field(&mut seen, name, value)).collect()
    }

    fn checked_field(&self, seen: &mut Seen, name: &str, value: &Value) -> Result<&'static FieldDef, Error> {
        let kind = self.label.kind;
        let found = kind::find(kind, name);
        let (place, def) = found.ok_or_else(|| Error::UnknownField { kind, field: text::shorten(name) })?;
        def.check(value)?;
        match seen.admits(place, def) {
            true => Ok(def),
            false => Err(Error::Repeated(def.name)),
        }
    }

    /// Whether it may be shared: graded, with a retention date, and a person with a subject category (law L13).
    ///
    /// # Errors
    /// [`Error::Draft`] with all that is lacking.
    pub fn check_shareable(&self) -> Result<(), Error> {
        header::check_shareable(&self.label, self.grading, self.retain_until)
    }
}

/// Signs one version of a record, with every field disclosed.
///
/// # Errors
/// What [`Content::check`] finds, and [`Error::TooLong`] where the record, or a redacted copy, would be too long.
pub fn sign(content: &Content, salts: &SaltKey, key: &SigningKey) -> Result<Record, Error> {
    let defs = content.checked_fields()?;
    let salts = salts.salts(content.id, content.revision);
    let fields = content.fields.iter().enumerate();
    let disclosures: Vec<_> =
        fields.map(|(index, (name, value))| disclosure::encode(&salts, index, name, value)).collect();
    let mut digests: Vec<_> = disclosures.iter().map(|disclosure| commitment::digest(disclosure)).collect();
    // A record with no field has digests too.
    let decoys = digests.len().next_multiple_of(PADDING).max(PADDING) - digests.len();
    let mut withheld: Vec<_> = (0..decoys).map(|index| salts.decoy(index)).collect();
    digests.extend_from_slice(&withheld);
    digests.sort_unstable();
    let header = Header::of(content, &digests);
    let signed = codec::sign(Typ::Record, &codec::encode(&header), key);
    let most = Envelope::most_bytes(&signed, &disclosures, decoys);
    if most > RECORD_LIMIT {
        return Err(Error::TooLong(most));
    }
    let parts: Vec<&[u8]> = disclosures.iter().map(Vec::as_slice).collect();
    let bytes = Envelope::encode(&signed, &parts, &mut withheld);
    let values = content.fields.iter().map(|(_, value)| value.clone());
    Ok(Record::new(header, defs.into_iter().zip(values).collect(), decoys, bytes))
}
