//! Links between two records.

use super::{FieldDef, FieldType, Tense, code, date, reference, text, with_common};
use crate::vocabulary::Group;

const TYPE: &[&str] = &[
    "associate",
    "family",
    "member",
    "leader",
    "owner",
    "beneficial-owner",
    "director",
    "employee",
    "representative",
    "user",
    "subscriber",
    "holder",
    "issued-to",
    "located",
    "resident",
    "present",
    "carried",
    "sent",
    "received",
    "called",
    "met",
    "paid",
    "financed",
    "supplied",
    "controls",
    "registered-to",
    "travelled-on",
    "suspect-in",
    "victim-of",
    "witness-of",
    "seized-in",
    "part-of",
    "successor",
    "similar",
    "same-as",
    "involved",
    "other",
];
const STRENGTH: &[&str] = &["confirmed", "probable", "possible", "refuted"];

pub(super) const FIELDS: &[FieldDef] = with_common![
    reference("from", "The record that the link goes out from"),
    reference("to", "The record that the link goes to"),
    code("type", TYPE, "How the first stands to the second"),
    text("role", Group::Core, "In what capacity"),
    date("since", Group::Core, "From when"),
    date("until", Group::Core, "Until when").lies(Tense::Open),
    FieldDef::new("time", FieldType::Moment, Group::Core, "When exactly"),
    code("strength", STRENGTH, "How sure it is"),
    FieldDef::new("amount", FieldType::Quantity, Group::Core, "How much was moved").many(),
    FieldDef::new("share", FieldType::Quantity, Group::Core, "Share owned"),
    text("basis", Group::Narrative, "What it rests on").many(),
];
