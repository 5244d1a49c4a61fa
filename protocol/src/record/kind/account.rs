//! Bank, card and crypto accounts.

use super::{FieldDef, FieldType, Tense, code, country, date, id, name, text, with_common};
use crate::vocabulary::{Group, Scheme};

const TYPE: &[&str] = &["bank", "card", "crypto", "mobile-money", "payment-service", "other"];
const STATUS: &[&str] = &["open", "closed", "frozen", "seized", "unknown"];

pub(super) const FIELDS: &[FieldDef] = with_common![
    code("type", TYPE, "What it is"),
    country("country", Group::Core, "Country where it is held"),
    text("currency", Group::Core, "Currency (ISO 4217) or crypto-asset").many(),
    text("institution", Group::Identity, "Bank, exchange or service").many(),
    text("branch", Group::Identity, "Branch").many(),
    name("holder", "Name of the holder").many(),
    name("beneficiary", "Name of who is behind it").many(),
    code("status", STATUS, "Whether it is in use"),
    date("opened", Group::Core, "When it was opened"),
    date("closed", Group::Core, "When it was closed"),
    date("expires", Group::Core, "Expiry of a card").lies(Tense::Open),
    FieldDef::new("balance", FieldType::Quantity, Group::Core, "Balance seen"),
    date("balance-date", Group::Core, "When it was seen"),
    text("usage", Group::Narrative, "How it is used").many(),
    id("iban", Scheme::Iban, "International bank account number").many(),
    id("number", Scheme::AccountNumber, "Account number").many(),
    id("bic", Scheme::Bic, "Business identifier code").many(),
    id("card", Scheme::Card, "Payment card number").many(),
    id("crypto", Scheme::Crypto, "Crypto-asset address").many(),
    id("phone", Scheme::Phone, "Phone number of a mobile-money account").many(),
    id("email", Scheme::Email, "E-mail address of the account").many(),
    id("handle", Scheme::Handle, "User name of the account").many(),
];
