//! Phone numbers, subscriptions and devices.

use super::{FieldDef, code, country, date, id, name, text, with_common};
use crate::vocabulary::{Group, Scheme};

const TYPE: &[&str] = &["mobile", "landline", "satellite", "voip", "device", "encrypted", "other"];
const STATUS: &[&str] = &["in-use", "inactive", "seized", "unknown"];

pub(super) const FIELDS: &[FieldDef] = with_common![
    code("type", TYPE, "What it is"),
    country("country", Group::Core, "Country of the number"),
    text("operator", Group::Core, "Network operator"),
    text("make", Group::Core, "Make of the device"),
    text("model", Group::Core, "Model of the device"),
    name("subscriber", "Name of the subscriber").many(),
    text("usage", Group::Narrative, "How it is used").many(),
    date("first-seen", Group::Core, "First seen in use"),
    date("last-seen", Group::Core, "Last seen in use"),
    code("status", STATUS, "Whether it is in use"),
    id("number", Scheme::Phone, "The number").many(),
    id("imei", Scheme::Imei, "Device").many(),
    id("imsi", Scheme::Imsi, "Subscription").many(),
    id("iccid", Scheme::Iccid, "SIM card").many(),
    id("serial", Scheme::Serial, "Serial number of the device").many(),
    id("handle", Scheme::Handle, "User name on an encrypted network").many(),
];
