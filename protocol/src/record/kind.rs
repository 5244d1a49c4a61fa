//! The fields of each kind of record, one file a kind.

mod account;
mod aircraft;
mod document;
mod event;
mod firearm;
mod item;
mod link;
mod location;
mod online_id;
mod organisation;
mod person;
mod phone;
mod vehicle;
mod vessel;

use super::field::{FieldDef, FieldType, Tense};
use crate::vocabulary::{Group, Kind, Scheme};

/// The fields of a kind.
pub const fn fields(kind: Kind) -> &'static [FieldDef] {
    match kind {
        Kind::Person => person::FIELDS,
        Kind::Organisation => organisation::FIELDS,
        Kind::Vehicle => vehicle::FIELDS,
        Kind::Vessel => vessel::FIELDS,
        Kind::Aircraft => aircraft::FIELDS,
        Kind::Firearm => firearm::FIELDS,
        Kind::Document => document::FIELDS,
        Kind::Account => account::FIELDS,
        Kind::Phone => phone::FIELDS,
        Kind::OnlineId => online_id::FIELDS,
        Kind::Location => location::FIELDS,
        Kind::Event => event::FIELDS,
        Kind::Item => item::FIELDS,
        Kind::Link => link::FIELDS,
    }
}

/// One field of a kind.
pub fn field(kind: Kind, name: &str) -> Option<&'static FieldDef> {
    fields(kind).iter().find(|field| field.name == name)
}

/// Fields that every kind has have the numbers below this.
const COMMON_LIMIT: usize = 16;
/// How many there are; they stand last.
const COMMON: usize = 12;

/// The number that stands for a field of a kind on the wire; none where the kind has no such field. It is made from the
/// place of the field, so that fields are added behind those of their sort, and stay for ever.
pub fn number(kind: Kind, name: &str) -> Option<u64> {
    find(kind, name).map(|(place, _)| number_of(kind, place))
}

/// The number of the field at a place.
pub(super) const fn number_of(kind: Kind, place: usize) -> u64 {
    let own = fields(kind).len() - COMMON;
    (if place < own { COMMON_LIMIT + place } else { place - own }) as u64
}

/// The field of a kind with a number, and its place.
pub(super) fn numbered(kind: Kind, number: u64) -> Option<(usize, &'static FieldDef)> {
    let number = usize::try_from(number).ok()?;
    let own = fields(kind).len() - COMMON;
    let place = match number.checked_sub(COMMON_LIMIT) {
        Some(place) => Some(place).filter(|place| *place < own)?,
        None => own + number,
    };
    fields(kind).get(place).map(|def| (place, def))
}

/// One field of a kind, and its place among them.
pub(super) fn find(kind: Kind, name: &str) -> Option<(usize, &'static FieldDef)> {
    fields(kind).iter().enumerate().find(|(_, field)| field.name == name)
}

/// Which fields of a kind a record has, to find those that are there twice and may not.
#[derive(Debug, Default)]
pub(super) struct Seen(u64);

impl Seen {
    /// Notes the field at `place`; whether it may be there.
    pub(super) const fn admits(&mut self, place: usize, def: &FieldDef) -> bool {
        // INVARIANT: no kind has more fields than there are bits; a test counts them.
        let bit = 1_u64 << (place & 63);
        let first = self.0 & bit == 0;
        self.0 |= bit;
        first || def.many
    }
}

const fn text(name: &'static str, group: Group, doc: &'static str) -> FieldDef {
    FieldDef::new(name, FieldType::Text, group, doc)
}

const fn name(name: &'static str, doc: &'static str) -> FieldDef {
    FieldDef::new(name, FieldType::Name, Group::Identity, doc)
}

const fn date(name: &'static str, group: Group, doc: &'static str) -> FieldDef {
    FieldDef::new(name, FieldType::Date, group, doc)
}

const fn country(name: &'static str, group: Group, doc: &'static str) -> FieldDef {
    FieldDef::new(name, FieldType::Country, group, doc)
}

const fn code(name: &'static str, codes: &'static [&'static str], doc: &'static str) -> FieldDef {
    FieldDef::new(name, FieldType::Code(codes), Group::Core, doc)
}

const fn id(name: &'static str, scheme: Scheme, doc: &'static str) -> FieldDef {
    FieldDef::new(name, FieldType::Identifier(scheme), Group::Identifiers, doc)
}

const fn reference(name: &'static str, doc: &'static str) -> FieldDef {
    FieldDef::new(name, FieldType::Reference, Group::Core, doc)
}

const fn other(name: &'static str, ty: FieldType, group: Group, doc: &'static str) -> FieldDef {
    FieldDef::new(name, ty, group, doc)
}

/// Fields that every kind has.
macro_rules! with_common {
    ($($field:expr),+ $(,)?) => {
        &[
            $($field,)+
            crate::record::kind::text("remarks", crate::vocabulary::Group::Narrative, "Anything else, in words").many(),
            crate::record::kind::id("case-number", crate::vocabulary::Scheme::CaseNumber, "Case or file it comes from").many(),
            crate::record::kind::id("source-id", crate::vocabulary::Scheme::SourceId, "Its number in the source's system").many(),
            crate::record::kind::text("source", crate::vocabulary::Group::Source, "Where the knowledge comes from").many(),
            crate::record::kind::text("source-reference", crate::vocabulary::Group::Source, "Document, message or list it was taken from").many(),
            crate::record::kind::text("officer", crate::vocabulary::Group::Contact, "Whom to ask").many(),
            crate::record::kind::text("officer-contact", crate::vocabulary::Group::Contact, "How to reach them").many(),
            crate::record::kind::other("based-on", crate::record::FieldType::Version, crate::vocabulary::Group::Core, "Version of a record that it rests on").many(),
            crate::record::kind::other("attachment", crate::record::FieldType::Attachment, crate::vocabulary::Group::Source, "A file that goes with it").many(),
            crate::record::kind::other("original", crate::record::FieldType::Original, crate::vocabulary::Group::Source, "The source's own object"),
            crate::record::kind::other("consent", crate::record::FieldType::Document, crate::vocabulary::Group::Core, "Consent that it rests on, by the digest of the signed document").many(),
            crate::record::kind::other("details", crate::record::FieldType::Structure, crate::vocabulary::Group::Narrative, "What has no field of its own, as JSON"),
        ]
    };
}

use with_common;

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn names_are_unique_and_identifiers_are_disclosed_as_such() {
        for kind in Kind::ALL {
            let names: BTreeSet<_> = fields(*kind).iter().map(|field| field.name).collect();
            assert_eq!(names.len(), fields(*kind).len(), "{kind}");
            assert!(names.len() <= 64, "{kind} has more fields than `Seen` has bits");
            for field in fields(*kind) {
                assert_eq!(field.identifier().is_some(), field.group == Group::Identifiers, "{kind} {}", field.name);
            }
        }
    }

    #[test]
    fn each_field_has_one_number() {
        let common: Vec<_> = fields(Kind::Phone).iter().rev().take(COMMON).map(|field| field.name).collect();
        for kind in Kind::ALL {
            let named = |field: &FieldDef| number(*kind, field.name).unwrap();
            let numbers: BTreeSet<_> = fields(*kind).iter().map(named).collect();
            assert_eq!(numbers.len(), fields(*kind).len(), "{kind}");
            for field in fields(*kind) {
                assert_eq!(numbered(*kind, named(field)).map(|(_, found)| found.name), Some(field.name));
                assert_eq!(common.contains(&field.name), named(field) < COMMON_LIMIT as u64, "{kind} {}", field.name);
            }
            for none in [COMMON as u64, 15, 16 + fields(*kind).len() as u64, u64::MAX] {
                assert!(numbered(*kind, none).is_none(), "{kind} {none}");
            }
        }
    }
}
