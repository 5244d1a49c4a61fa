//! Organisations: companies, groups, networks.

use super::{FieldDef, code, country, date, id, name, text, with_common};
use crate::vocabulary::{Group, Scheme};

const TYPE: &[&str] = &[
    "company",
    "bank",
    "shipping",
    "transport",
    "trader",
    "exchange",
    "criminal-group",
    "front",
    "authority",
    "ngo",
    "other",
];
const STATUS: &[&str] = &["active", "dissolved", "suspended", "unknown"];

pub(super) const FIELDS: &[FieldDef] = with_common![
    name("name", "Name, in any language and script").many(),
    name("alias", "Other name in use").many(),
    name("former-name", "Former name").many(),
    code("type", TYPE, "What it is"),
    text("type-text", Group::Core, "What it is, as the source says").many(),
    text("legal-form", Group::Core, "Legal form"),
    country("country", Group::Core, "Country of registration or activity").many(),
    text("sector", Group::Core, "What it does").many(),
    text("role", Group::Core, "Part in the matter").many(),
    code("status", STATUS, "Whether it is active"),
    date("founded", Group::Identity, "When it was founded"),
    date("dissolved", Group::Identity, "When it was dissolved"),
    text("address", Group::Identity, "Address").many(),
    text("programme", Group::Core, "Sanctions programme or list that names it").many(),
    text("warning", Group::Core, "What officers must know").many(),
    text("modus-operandi", Group::Narrative, "How it acts").many(),
    id("registration", Scheme::Registration, "Company registration number").many(),
    id("tax-id", Scheme::TaxId, "Tax or VAT number").many(),
    id("lei", Scheme::Lei, "Legal entity identifier").many(),
    id("imo", Scheme::Imo, "IMO company number").many(),
    id("bic", Scheme::Bic, "Business identifier code").many(),
    id("phone", Scheme::Phone, "Phone number").many(),
    id("email", Scheme::Email, "E-mail address").many(),
    id("url", Scheme::Url, "Web address").many(),
    id("domain", Scheme::Domain, "Domain name").many(),
    id("crypto", Scheme::Crypto, "Crypto-asset address").many(),
    id("document-number", Scheme::DocumentNumber, "Number of a licence or certificate").many(),
    id("notice", Scheme::Notice, "INTERPOL notice or other alert").many(),
];
