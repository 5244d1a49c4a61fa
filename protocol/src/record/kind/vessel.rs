//! Ships and boats.

use super::{FieldDef, FieldType, code, country, date, id, name, text, with_common};
use crate::vocabulary::{Group, Scheme};

const TYPE: &[&str] = &[
    "container",
    "tanker",
    "bulk",
    "cargo",
    "ro-ro",
    "fishing",
    "yacht",
    "sailing",
    "go-fast",
    "semi-submersible",
    "tug",
    "passenger",
    "naval",
    "other",
];
const STATUS: &[&str] = &["in-service", "stolen", "detained", "seized", "scrapped", "sunk", "unknown"];

pub(super) const FIELDS: &[FieldDef] = with_common![
    name("name", "Name").many(),
    name("alias", "Former or other name").many(),
    code("type", TYPE, "What it is"),
    text("type-text", Group::Core, "What it is, as the source says"),
    country("flag", Group::Core, "Flag state").many(),
    text("flag-text", Group::Core, "Flag, as the source says").many(),
    country("former-flag", Group::Core, "Flag state in the past").many(),
    text("tonnage", Group::Core, "Deadweight tonnage"),
    text("gross-tonnage", Group::Core, "Gross tonnage"),
    FieldDef::new("length", FieldType::Quantity, Group::Core, "Length"),
    text("colour", Group::Core, "Colour of hull and superstructure").many(),
    date("built", Group::Core, "Year or date of building"),
    text("home-port", Group::Core, "Home port").many(),
    code("status", STATUS, "What became of it"),
    date("status-date", Group::Core, "Since when"),
    text("programme", Group::Core, "Sanctions programme or list that names it").many(),
    text("owner", Group::Identity, "Owner as registered").many(),
    text("operator", Group::Identity, "Operator or manager").many(),
    text("usage", Group::Narrative, "How it is used").many(),
    id("imo", Scheme::Imo, "IMO ship number").many(),
    id("mmsi", Scheme::Mmsi, "Maritime mobile service identity").many(),
    id("call-sign", Scheme::CallSign, "Radio call sign").many(),
    id("registration", Scheme::Registration, "Registration number").many(),
    id("serial", Scheme::Serial, "Hull identification or engine number").many(),
    id("phone", Scheme::Phone, "Satellite phone").many(),
];
