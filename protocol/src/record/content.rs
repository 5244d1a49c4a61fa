//! What an owner writes, and signing it.

use super::envelope::{self, Envelope, Rest};
use super::header::{self, Header};
use super::kind::{self, Seen};
use super::{Error, FIELDS_LIMIT, RECORD_LIMIT, Record, RecordId, SaltKey, Value, part};
use crate::bureau::{BureauId, SigningKey};
use crate::codec::{self, Typ, text};
use crate::label::Label;
use crate::time::{Day, Timestamp};
use crate::vocabulary::Kind;

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
    fn checked_fields(&self) -> Result<Vec<part::Placed>, Error> {
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

    fn checked_field(&self, seen: &mut Seen, name: &str, value: &Value) -> Result<part::Placed, Error> {
        let kind = self.label.kind;
        let found = kind::find(kind, name);
        let (place, def) = found.ok_or_else(|| Error::UnknownField { kind, field: text::shorten(name) })?;
        def.check(value)?;
        match seen.admits(place, def) {
            true => Ok((place, def)),
            false => Err(Error::Repeated(def.name)),
        }
    }

    /// The fields of a kind in the order in which a signed record has them.
    pub fn arranged(kind: Kind, mut fields: Vec<(String, Value)>) -> Vec<(String, Value)> {
        fields.sort_by_key(|(name, _)| kind::find(kind, name).map(|(_, def)| part::rank(def)));
        fields
    }

    /// Whether it may be shared: graded, with a retention date, and a person with a subject category (law L13).
    ///
    /// # Errors
    /// [`Error::Draft`] with all that is lacking.
    pub fn check_shareable(&self) -> Result<(), Error> {
        header::check_shareable(&self.label, self.retain_until)
    }
}

/// Signs one version of a record, with every field disclosed. Fields of one disclosure group stand together in it, in the
/// order in which they are given.
///
/// # Errors
/// What [`Content::check`] finds, and [`Error::TooLong`] where the record, or a redacted copy, would be too long.
pub fn sign(content: &Content, salts: &SaltKey, key: &SigningKey) -> Result<Record, Error> {
    let defs = content.checked_fields()?;
    let order = part::arrange(&defs);
    let kind = content.label.kind;
    let field = |index: &usize| {
        let ((place, def), (_, value)) = defs.get(*index).zip(content.fields.get(*index))?;
        Some((kind::number_of(kind, *place), *def, value))
    };
    let part = |part: &Vec<usize>| {
        let fields: Vec<_> = part.iter().filter_map(field).map(|(number, _, value)| (number, value)).collect();
        part::encode(fields.into_iter())
    };
    let parts: Vec<Vec<u8>> = order.iter().map(part).collect();
    let rest = Rest::Nothing(salts.seed(content.id, content.revision, &parts));
    let header = Header::of(content);
    let label = header.label.canonical();
    let head = envelope::head_of(&codec::encode(&header.wire()), &label);
    let mut envelope = Envelope {
        kid: key.key_id(),
        label: &label,
        head: &head,
        signature: [0; 64],
        parts: parts.iter().map(Vec::as_slice).collect(),
        rest,
    };
    let most = envelope.most_bytes(&parts);
    if most > RECORD_LIMIT {
        return Err(Error::TooLong(most));
    }
    envelope.signature = codec::sign_apart(Typ::Record, &envelope.payload()?, key);
    let bytes = envelope.encode(&parts, &envelope.rest);
    let fields = order.iter().flatten().filter_map(field).map(|(_, def, value)| (def, value.clone())).collect();
    Ok(Record::new(header, fields, false, bytes))
}
