//! Drugs, goods and cash.

use super::{FieldDef, FieldType, code, country, date, id, text, with_common};
use crate::vocabulary::{Group, Scheme};

const TYPE: &[&str] = &[
    "cocaine",
    "heroin",
    "opioid",
    "cannabis",
    "amphetamine",
    "synthetic-drug",
    "precursor",
    "medicine",
    "tobacco",
    "cash",
    "precious-metal",
    "jewellery",
    "artwork",
    "wildlife",
    "timber",
    "waste",
    "fuel",
    "electronics",
    "explosive",
    "counterfeit",
    "container",
    "goods",
    "other",
];
const STATUS: &[&str] = &["in-transit", "seized", "sold", "stolen", "recovered", "destroyed", "unknown"];

pub(super) const FIELDS: &[FieldDef] = with_common![
    code("type", TYPE, "What it is"),
    text("type-text", Group::Core, "What it is, as the source says").many(),
    text("description", Group::Core, "What it is, in words").many(),
    text("make", Group::Core, "Make or brand").many(),
    text("model", Group::Core, "Model").many(),
    FieldDef::new("quantity", FieldType::Quantity, Group::Core, "How much").many(),
    FieldDef::new("value", FieldType::Quantity, Group::Core, "What it is worth").many(),
    text("purity", Group::Core, "Purity"),
    text("profile", Group::Core, "Chemical or ballistic profile").many(),
    text("packaging", Group::Core, "Packaging and marks").many(),
    text("logo", Group::Core, "Stamp or logo").many(),
    country("origin", Group::Core, "Country of origin"),
    country("destination", Group::Core, "Country of destination"),
    code("status", STATUS, "What became of it"),
    date("date", Group::Core, "When it was seen or seized"),
    text("concealment", Group::Narrative, "How it was hidden").many(),
    id("serial", Scheme::Serial, "Serial or batch number").many(),
    id("container", Scheme::Container, "Freight container").many(),
    id("seal", Scheme::Serial, "Container seal").many(),
    id("shipment", Scheme::Shipment, "Bill of lading, waybill or parcel").many(),
    id("imei", Scheme::Imei, "Device").many(),
];
