//! Firearms, their parts and ammunition; fields as INTERPOL's iARMS asks for them.

use super::{FieldDef, FieldType, code, country, date, id, text, with_common};
use crate::vocabulary::{Group, Scheme};

const TYPE: &[&str] = &[
    "pistol",
    "revolver",
    "rifle",
    "assault-rifle",
    "shotgun",
    "sub-machine-gun",
    "machine-gun",
    "launcher",
    "converted",
    "home-made",
    "ammunition",
    "part",
    "other",
];
const STATUS: &[&str] = &["in-use", "stolen", "lost", "smuggled", "recovered", "seized", "destroyed", "unknown"];

pub(super) const FIELDS: &[FieldDef] = with_common![
    code("type", TYPE, "What it is"),
    text("make", Group::Core, "Make"),
    text("model", Group::Core, "Model"),
    text("calibre", Group::Core, "Calibre"),
    country("made-in", Group::Core, "Country of manufacture"),
    date("made", Group::Core, "Year or date of manufacture"),
    country("country", Group::Core, "Country where it was lost, found or seized"),
    text("importer", Group::Core, "Importer mark").many(),
    text("marks", Group::Core, "Proof marks, erased numbers and other marks").many(),
    FieldDef::new("quantity", FieldType::Quantity, Group::Core, "How many"),
    code("status", STATUS, "What became of it"),
    date("status-date", Group::Core, "Since when"),
    text("usage", Group::Narrative, "How it was used").many(),
    id("serial", Scheme::FirearmSerial, "Serial number").many(),
];
