//! The file as TOML has it, before anything is checked.

use serde::Deserialize;
use toml::Spanned;

use super::Level;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    pub(super) bureau: Spanned<String>,
    pub(super) name: Spanned<String>,
    pub(super) data: Spanned<String>,
    pub(super) policy: Option<Spanned<String>>,
    pub(super) api: Option<Spanned<String>>,
    pub(super) api_group: Option<Spanned<String>>,
    pub(super) people: Option<Spanned<String>>,
    pub(super) listen: Spanned<Vec<Spanned<String>>>,
    #[serde(default)]
    pub(super) card: Card,
    #[serde(default)]
    pub(super) retention: Retention,
    #[serde(default)]
    pub(super) replication: Replication,
    #[serde(default)]
    pub(super) log: Log,
    #[serde(default)]
    pub(super) limits: Limits,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct Card {
    pub(super) addresses: Option<Spanned<Vec<Spanned<String>>>>,
    pub(super) languages: Option<Spanned<Vec<Spanned<String>>>>,
    pub(super) contacts: Option<Spanned<Vec<Contact>>>,
    pub(super) valid_days: Option<Spanned<i64>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Contact {
    pub(super) role: Spanned<String>,
    pub(super) name: Spanned<String>,
    pub(super) email: Option<Spanned<String>>,
    pub(super) phone: Option<Spanned<String>>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct Retention {
    pub(super) default_days: Option<Spanned<i64>>,
    pub(super) erase_within_s: Option<Spanned<i64>>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct Replication {
    pub(super) interval_s: Option<Spanned<i64>>,
    pub(super) window: Option<Spanned<i64>>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct Log {
    pub(super) level: Option<LogLevel>,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "lowercase")]
pub(super) enum LogLevel {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

impl From<LogLevel> for Level {
    fn from(level: LogLevel) -> Self {
        match level {
            LogLevel::Error => Self::Error,
            LogLevel::Warn => Self::Warn,
            LogLevel::Info => Self::Info,
            LogLevel::Debug => Self::Debug,
            LogLevel::Trace => Self::Trace,
        }
    }
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct Limits {
    pub(super) peers: Option<Spanned<i64>>,
    pub(super) api_requests: Option<Spanned<i64>>,
    pub(super) query_hits: Option<Spanned<i64>>,
    pub(super) store_cache_mib: Option<Spanned<i64>>,
    pub(super) member_records: Option<Spanned<i64>>,
    pub(super) member_mib: Option<Spanned<i64>>,
    pub(super) member_commits: Option<Spanned<i64>>,
    pub(super) member_changes: Option<Spanned<i64>>,
}
