//! Events: seizures, meetings, crossings, payments, crimes.

use super::{FieldDef, FieldType, Tense, code, country, date, id, name, text, with_common};
use crate::vocabulary::{Group, Scheme};

const TYPE: &[&str] = &[
    "seizure",
    "arrest",
    "meeting",
    "crossing",
    "voyage",
    "flight",
    "delivery",
    "payment",
    "call",
    "search",
    "theft",
    "attack",
    "homicide",
    "kidnapping",
    "disappearance",
    "cyber-incident",
    "sighting",
    "crime",
    "other",
];

pub(super) const FIELDS: &[FieldDef] = with_common![
    code("type", TYPE, "What happened"),
    text("type-text", Group::Core, "What happened, as the source says").many(),
    name("title", "Short title").many(),
    date("date", Group::Core, "When it happened"),
    date("until", Group::Core, "When it ended").lies(Tense::Open),
    FieldDef::new("time", FieldType::Moment, Group::Core, "When exactly"),
    country("country", Group::Core, "Where it happened").many(),
    text("place", Group::Core, "Where, in words").many(),
    text("origin", Group::Core, "Where a journey or shipment began").many(),
    text("destination", Group::Core, "Where a journey or shipment was to end").many(),
    FieldDef::new("position", FieldType::Position, Group::Identity, "Latitude and longitude"),
    text("address", Group::Identity, "Street address").many(),
    text("offence", Group::Core, "Offence").many(),
    text("outcome", Group::Core, "What came of it").many(),
    FieldDef::new("quantity", FieldType::Quantity, Group::Core, "How much was involved").many(),
    FieldDef::new("value", FieldType::Quantity, Group::Core, "What it was worth").many(),
    text("summary", Group::Narrative, "What happened, in words").many(),
    text("modus-operandi", Group::Narrative, "How it was done").many(),
    text("concealment", Group::Narrative, "How it was hidden").many(),
    id("reference", Scheme::Shipment, "Number of a shipment, voyage or ticket").many(),
    id("transaction", Scheme::Transaction, "Number of a transfer").many(),
    id("container", Scheme::Container, "Freight container").many(),
];
