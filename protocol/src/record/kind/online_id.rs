//! Online identities: accounts, addresses, sites.

use super::{FieldDef, FieldType, code, country, date, id, name, text, with_common};
use crate::vocabulary::{Group, Scheme};

const TYPE: &[&str] = &["email", "messenger", "social", "forum", "market", "website", "server", "game", "other"];
const STATUS: &[&str] = &["active", "suspended", "closed", "seized", "unknown"];

pub(super) const FIELDS: &[FieldDef] = with_common![
    code("type", TYPE, "What it is"),
    text("service", Group::Core, "The service it is used on"),
    name("display-name", "Name shown").many(),
    country("country", Group::Core, "Country it is used from or hosted in").many(),
    FieldDef::new("language", FieldType::Language, Group::Core, "Language used").many(),
    date("registered", Group::Core, "When it was registered"),
    date("first-seen", Group::Core, "First seen in use"),
    date("last-seen", Group::Core, "Last seen in use"),
    code("status", STATUS, "Whether it is in use"),
    text("usage", Group::Narrative, "How it is used").many(),
    id("handle", Scheme::Handle, "User name").many(),
    id("user-number", Scheme::SourceId, "Number of the user at the service").many(),
    id("email", Scheme::Email, "E-mail address").many(),
    id("url", Scheme::Url, "Web address").many(),
    id("ip", Scheme::Ip, "IP address").many(),
    id("domain", Scheme::Domain, "Domain name").many(),
    id("phone", Scheme::Phone, "Phone number it is registered with").many(),
    id("crypto", Scheme::Crypto, "Crypto-asset address").many(),
];
