//! Places.

use super::{FieldDef, FieldType, code, country, id, name, text, with_common};
use crate::vocabulary::{Group, Scheme};

const TYPE: &[&str] = &[
    "address",
    "building",
    "port",
    "airport",
    "border-point",
    "warehouse",
    "laboratory",
    "market",
    "area",
    "city",
    "sea-area",
    "other",
];

pub(super) const FIELDS: &[FieldDef] = with_common![
    name("name", "Name, in any language and script").many(),
    name("alias", "Other name").many(),
    code("type", TYPE, "What it is"),
    text("feature", Group::Core, "What it is, as the source says"),
    country("country", Group::Core, "Country"),
    text("region", Group::Core, "State, county or region"),
    text("district", Group::Core, "District"),
    text("city", Group::Core, "City or town"),
    text("address", Group::Identity, "Street address").many(),
    text("postcode", Group::Identity, "Postal code"),
    FieldDef::new("position", FieldType::Position, Group::Identity, "Latitude and longitude"),
    FieldDef::new("radius", FieldType::Quantity, Group::Identity, "How far from there it may be"),
    text("timezone", Group::Core, "Time zone (IANA)"),
    text("population", Group::Core, "Inhabitants"),
    text("elevation", Group::Core, "Metres above the sea"),
    text("usage", Group::Narrative, "What it is used for").many(),
    id("code", Scheme::PlaceCode, "UN/LOCODE, IATA or other code").many(),
];
