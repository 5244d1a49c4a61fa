//! Road vehicles and machines.

use super::{FieldDef, FieldType, code, country, date, id, name, text, with_common};
use crate::vocabulary::{Group, Scheme};

const TYPE: &[&str] = &["car", "truck", "trailer", "van", "motorcycle", "bus", "caravan", "machine", "other"];
const STATUS: &[&str] = &["in-use", "stolen", "recovered", "seized", "exported", "destroyed", "unknown"];

pub(super) const FIELDS: &[FieldDef] = with_common![
    code("type", TYPE, "What it is"),
    text("type-text", Group::Core, "What it is, as the source says").many(),
    text("make", Group::Core, "Make"),
    text("model", Group::Core, "Model"),
    text("colour", Group::Core, "Colour").many(),
    date("built", Group::Core, "Year or date of manufacture"),
    date("first-registered", Group::Core, "First registration"),
    country("country", Group::Core, "Country of registration").many(),
    text("marks", Group::Core, "Damage, stickers, conversions and other marks").many(),
    FieldDef::new("value", FieldType::Quantity, Group::Core, "Value"),
    code("status", STATUS, "What became of it"),
    date("status-date", Group::Core, "Since when"),
    name("holder", "Registered keeper or user").many(),
    text("usage", Group::Narrative, "How it is used").many(),
    id("plate", Scheme::Plate, "Registration plate").many(),
    id("vin", Scheme::Vin, "Vehicle identification number").many(),
    id("engine-number", Scheme::EngineNumber, "Engine number").many(),
    id("serial", Scheme::Serial, "Serial number of a machine").many(),
];
