//! A mapping as it is written.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

use crate::intake::read::Encoding;
use crate::intake::rule::Unfit;
use crate::text::value::{Decimal, Order};

pub(super) type Text = Spanned<String>;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Mapping {
    pub(super) source: Text,
    #[expect(dead_code, reason = "for people only")]
    pub(super) description: Option<String>,
    pub(super) region: Option<Text>,
    pub(super) decimal: Option<Decimal>,
    pub(super) order: Option<Order>,
    pub(super) century: Option<Spanned<u16>>,
    #[serde(default)]
    pub(super) input: Input,
    #[serde(default)]
    pub(super) label: Label,
    pub(super) grading: Option<Spanned<toml::Value>>,
    pub(super) retain: Option<Spanned<toml::Value>>,
    #[serde(default)]
    pub(super) join: Vec<Join>,
    #[serde(default)]
    pub(super) record: Vec<Record>,
    #[serde(default)]
    pub(super) link: Vec<Link>,
}

#[derive(Debug, Default, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Input {
    #[serde(default)]
    pub(super) format: Format,
    pub(super) delimiter: Option<Text>,
    pub(super) quote: Option<Text>,
    #[serde(default)]
    pub(super) encoding: Encoding,
    #[serde(default)]
    pub(super) skip: u32,
    pub(super) header: Option<Vec<String>>,
    #[serde(default)]
    pub(super) null: Vec<String>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Format {
    #[default]
    Csv,
    Tsv,
    Json,
}

#[derive(Debug, Default, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Label {
    pub(super) tlp: Option<Spanned<toml::Value>>,
    pub(super) pap: Option<Spanned<toml::Value>>,
    pub(super) handling: Option<Spanned<toml::Value>>,
    pub(super) note: Option<Spanned<toml::Value>>,
    pub(super) category: Option<Spanned<toml::Value>>,
    pub(super) crime_area: Option<Spanned<toml::Value>>,
    pub(super) age_group: Option<Spanned<toml::Value>>,
    pub(super) caf: Option<Spanned<toml::Value>>,
    pub(super) audience: Option<Spanned<toml::Value>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Join {
    pub(super) role: Text,
    pub(super) key: Text,
    pub(super) on: Option<Text>,
    pub(super) header: Option<Vec<String>>,
    pub(super) input: Option<Input>,
    #[serde(default)]
    pub(super) required: bool,
    #[serde(default)]
    pub(super) beside: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Record {
    pub(super) name: Option<Text>,
    pub(super) kind: Text,
    pub(super) key: Text,
    #[serde(default)]
    pub(super) when: BTreeMap<String, Spanned<toml::Value>>,
    #[serde(default)]
    pub(super) label: Label,
    pub(super) grading: Option<Spanned<toml::Value>>,
    pub(super) retain: Option<Spanned<toml::Value>>,
    #[serde(default)]
    pub(super) take: Vec<Text>,
    #[serde(default)]
    pub(super) fields: BTreeMap<String, Text>,
    #[serde(default)]
    pub(super) field: Vec<Field>,
    #[serde(default)]
    pub(super) extract: Vec<Extract>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Link {
    pub(super) from: Text,
    pub(super) from_key: Option<Text>,
    pub(super) from_source: Option<Text>,
    pub(super) to: Text,
    pub(super) to_key: Option<Text>,
    pub(super) to_source: Option<Text>,
    pub(super) r#type: Text,
    pub(super) key: Option<Text>,
    pub(super) each: Option<Each>,
    #[serde(default)]
    pub(super) when: BTreeMap<String, Spanned<toml::Value>>,
    #[serde(default)]
    pub(super) label: Label,
    pub(super) grading: Option<Spanned<toml::Value>>,
    pub(super) retain: Option<Spanned<toml::Value>>,
    #[serde(default)]
    pub(super) take: Vec<Text>,
    #[serde(default)]
    pub(super) fields: BTreeMap<String, Text>,
    #[serde(default)]
    pub(super) field: Vec<Field>,
}

/// What a link is made for, where a row may ask for many.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Each {
    pub(super) from: Text,
    pub(super) split: String,
    pub(super) r#match: Text,
    pub(super) join: Option<Text>,
}

/// A rule for a field, on its own or inside an extract.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Field {
    #[serde(alias = "field")]
    pub(super) name: Text,
    pub(super) from: Option<Text>,
    #[serde(default)]
    pub(super) when: BTreeMap<String, Spanned<toml::Value>>,
    pub(super) each: Option<Text>,
    pub(super) split: Option<String>,
    pub(super) r#match: Option<Text>,
    pub(super) value: Option<Text>,
    #[serde(default)]
    pub(super) map: BTreeMap<String, String>,
    pub(super) default: Option<Text>,
    #[serde(default)]
    pub(super) ignore: Vec<String>,
    #[serde(default)]
    pub(super) required: bool,
    #[serde(default)]
    pub(super) unfit: Unfit,
    #[serde(default)]
    pub(super) formats: Vec<Text>,
    pub(super) lang: Option<Text>,
    pub(super) unit: Option<Text>,
    pub(super) decimal: Option<Decimal>,
    pub(super) order: Option<Order>,
    pub(super) century: Option<Spanned<u16>>,
    pub(super) region: Option<Text>,
    pub(super) limit: Option<usize>,
    pub(super) record: Option<Text>,
    pub(super) source: Option<Text>,
    pub(super) keep: Option<Spanned<toml::Value>>,
    pub(super) go_on: Option<bool>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Extract {
    pub(super) from: Text,
    pub(super) split: String,
    pub(super) rest: Option<Text>,
    #[serde(default)]
    pub(super) rule: Vec<Field>,
}
