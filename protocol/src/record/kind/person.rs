//! Persons. Special categories of personal data (Directive (EU) 2016/680, art. 10), such as ethnicity, religion and
//! biometrics, have no field on purpose.

use super::{FieldDef, FieldType, Tense, code, country, date, id, name, text, with_common};
use crate::vocabulary::{Group, Scheme};

const SEX: &[&str] = &["male", "female", "other", "unknown"];
const STATUS: &[&str] = &["at-large", "detained", "convicted", "released", "missing", "found", "deceased", "unknown"];

pub(super) const FIELDS: &[FieldDef] = with_common![
    name("name", "Full name, in any language and script").many(),
    name("alias", "Other name in use").many(),
    name("given-name", "Given name").many(),
    name("family-name", "Family name").many(),
    name("former-name", "Name formerly borne, also at birth").many(),
    name("father-name", "Name of the father, or patronymic").many(),
    name("mother-name", "Name of the mother").many(),
    text("title", Group::Identity, "Title or rank").many(),
    date("birth-date", Group::Identity, "Date of birth").lies(Tense::Birth).many(),
    text("birth-place", Group::Identity, "Place of birth").many(),
    country("birth-country", Group::Identity, "Country of birth").many(),
    date("death-date", Group::Identity, "Date of death"),
    country("nationality", Group::Identity, "Nationality").many(),
    code("sex", SEX, "Sex (ICAO Doc 9303)"),
    FieldDef::new("height", FieldType::Quantity, Group::Identity, "Height"),
    FieldDef::new("weight", FieldType::Quantity, Group::Identity, "Weight"),
    text("hair", Group::Identity, "Colour and style of hair, beard").many(),
    text("eyes", Group::Identity, "Colour of the eyes").many(),
    text("marks", Group::Identity, "Scars, tattoos and other distinguishing marks").many(),
    text("description", Group::Identity, "Appearance, in words").many(),
    FieldDef::new("language", FieldType::Language, Group::Identity, "Language spoken").many(),
    text("occupation", Group::Identity, "Occupation or position").many(),
    text("employer", Group::Identity, "Employer").many(),
    text("address", Group::Identity, "Address").many(),
    country("country", Group::Core, "Country of residence or activity").many(),
    text("role", Group::Core, "Part in the matter").many(),
    text("offence", Group::Core, "Offence of which suspected, accused or convicted").many(),
    code("status", STATUS, "What is known of the whereabouts"),
    date("status-date", Group::Core, "Since when"),
    text("programme", Group::Core, "Sanctions programme or list that names it").many(),
    text("warning", Group::Core, "What officers must know: armed, violent, ill").many(),
    text("modus-operandi", Group::Narrative, "How the person acts").many(),
    id("passport", Scheme::Passport, "Passport number").many(),
    id("national-id", Scheme::NationalId, "National identity or social security number").many(),
    id("driver-licence", Scheme::DriverLicence, "Driving licence number").many(),
    id("tax-id", Scheme::TaxId, "Tax number").many(),
    id("document-number", Scheme::DocumentNumber, "Number of another document").many(),
    id("phone", Scheme::Phone, "Phone number").many(),
    id("email", Scheme::Email, "E-mail address").many(),
    id("handle", Scheme::Handle, "User name on a service").many(),
    id("crypto", Scheme::Crypto, "Crypto-asset address").many(),
    id("url", Scheme::Url, "Web address").many(),
    id("notice", Scheme::Notice, "INTERPOL notice or other alert").many(),
];
