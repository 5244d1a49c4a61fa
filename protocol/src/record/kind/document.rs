//! Identity and travel documents, and others.

use super::{FieldDef, Tense, code, country, date, id, name, text, with_common};
use crate::vocabulary::{Group, Scheme};

const TYPE: &[&str] = &[
    "passport",
    "identity-card",
    "driving-licence",
    "visa",
    "residence-permit",
    "birth-certificate",
    "vehicle-registration",
    "bill-of-lading",
    "invoice",
    "certificate",
    "other",
];
const STATUS: &[&str] = &["valid", "stolen", "lost", "revoked", "forged", "counterfeit", "blank-stolen", "unknown"];

pub(super) const FIELDS: &[FieldDef] = with_common![
    code("type", TYPE, "What it is"),
    text("type-text", Group::Core, "What it is, as the source says").many(),
    country("issuer", Group::Core, "Country that issued it, or in whose name it is made"),
    text("authority", Group::Core, "Issuing authority"),
    text("place", Group::Core, "Place of issue"),
    date("issued", Group::Core, "Date of issue"),
    date("expires", Group::Core, "Date of expiry").lies(Tense::Open),
    code("status", STATUS, "What became of it"),
    date("status-date", Group::Core, "Since when"),
    text("forgery", Group::Core, "How it was forged").many(),
    name("holder", "Name of the holder").many(),
    date("birth-date", Group::Identity, "Date of birth of the holder").lies(Tense::Birth),
    country("nationality", Group::Identity, "Nationality of the holder").many(),
    id("passport", Scheme::Passport, "Passport number").many(),
    id("national-id", Scheme::NationalId, "Identity card or personal number").many(),
    id("driver-licence", Scheme::DriverLicence, "Driving licence number").many(),
    id("number", Scheme::DocumentNumber, "Number of another document").many(),
    id("shipment", Scheme::Shipment, "Number of a bill of lading or waybill").many(),
];
