//! Aircraft.

use super::{FieldDef, code, country, date, id, name, text, with_common};
use crate::vocabulary::{Group, Scheme};

const TYPE: &[&str] = &["aeroplane", "helicopter", "glider", "drone", "other"];
const STATUS: &[&str] = &["in-service", "stolen", "seized", "scrapped", "crashed", "unknown"];

pub(super) const FIELDS: &[FieldDef] = with_common![
    name("name", "Name, where it has one").many(),
    name("alias", "Former or other name").many(),
    code("type", TYPE, "What it is"),
    text("type-text", Group::Core, "What it is, as the source says").many(),
    text("make", Group::Core, "Manufacturer"),
    text("model", Group::Core, "Model"),
    country("country", Group::Core, "State of registry").many(),
    date("built", Group::Core, "Year or date of building"),
    text("colour", Group::Core, "Colour and livery").many(),
    text("base", Group::Core, "Home base").many(),
    code("status", STATUS, "What became of it"),
    date("status-date", Group::Core, "Since when"),
    text("programme", Group::Core, "Sanctions programme or list that names it").many(),
    text("owner", Group::Identity, "Owner as registered").many(),
    text("operator", Group::Identity, "Operator").many(),
    text("usage", Group::Narrative, "How it is used").many(),
    id("tail", Scheme::Tail, "Registration mark").many(),
    id("serial", Scheme::AircraftSerial, "Manufacturer's serial number").many(),
    id("mode-s", Scheme::AircraftAddress, "24-bit aircraft address").many(),
];
