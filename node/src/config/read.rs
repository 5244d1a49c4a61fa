//! From the text to a [`Config`], with the place of whatever is wrong.

use std::fs::File;
use std::io::{self, Read};
use std::ops::Range;
use std::path::{Path, PathBuf};

use toml::Spanned;

use crate::office::Allowance;

use super::{Card, Config, Contact, Error, Limits, Log, Problem, Replication, Retention, shape};

/// Bytes of a configuration file, at most: a hundred times the template.
const FILE_LIMIT: u64 = 256 * 1024;

/// Bytes of any one text, as on a card.
const TEXT_LIMIT: usize = 256;

/// Entries of any one list, as on a card.
const LIST_LIMIT: usize = 16;

/// Where a problem is, as bytes of the text.
type At = (Range<usize>, Problem);

pub(super) fn load(path: &Path) -> Result<Config, Error> {
    let io_error = |cause: io::Error| match cause.kind() {
        io::ErrorKind::NotFound => Error::Missing(path.to_owned()),
        _ => Error::Io { path: path.to_owned(), cause },
    };
    let mut bytes = Vec::new();
    File::open(path).and_then(|file| file.take(FILE_LIMIT + 1).read_to_end(&mut bytes)).map_err(io_error)?;
    let invalid = |offset, problem: &str| place(&bytes, offset, Problem::Toml(problem.to_owned()), path);
    if bytes.len() as u64 > FILE_LIMIT {
        return Err(invalid(0, "the file is larger than 256 KiB"));
    }
    match std::str::from_utf8(&bytes) {
        Ok(text) => parse(text, path),
        Err(error) => Err(invalid(error.valid_up_to(), "this is not UTF-8 text")),
    }
}

pub(super) fn parse(text: &str, path: &Path) -> Result<Config, Error> {
    let file: shape::File = toml::from_str(text).map_err(|error| {
        let offset = error.span().map_or(0, |span| span.start);
        place(text.as_bytes(), offset, from_toml(error.message()), path)
    })?;
    check(file, path).map_err(|(span, problem)| place(text.as_bytes(), span.start, problem, path))
}

fn place(bytes: &[u8], offset: usize, problem: Problem, path: &Path) -> Error {
    let before = String::from_utf8_lossy(bytes.get(..offset).unwrap_or(bytes));
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    Error::Invalid { path: path.to_owned(), line, column, problem }
}

/// Turns serde's words into ours.
fn from_toml(message: &str) -> Problem {
    let mut quoted = message.split('`').skip(1).step_by(2);
    if message.starts_with("unknown field") {
        let key = quoted.next().unwrap_or_default().to_owned();
        let known: Vec<&str> = quoted.collect();
        return Problem::UnknownKey { nearest: nearest(&key, &known), known: known.join(", "), key };
    }
    match (message.starts_with("missing field"), quoted.next()) {
        (true, Some(key)) => Problem::MissingKey(key.to_owned()),
        _ => Problem::Toml(message.lines().next().map(in_words).unwrap_or_default()),
    }
}

/// Names the types of Rust as those of TOML.
fn in_words(message: &str) -> String {
    let Some(types) = message.strip_prefix("invalid type: ") else { return message.to_owned() };
    let Some((found, expected)) = types.rsplit_once(", expected ") else { return message.to_owned() };
    let expected = match expected {
        "i64" => "a whole number",
        "a string" => "a text in quotes",
        "a sequence" => "a list in brackets",
        structure if structure.starts_with("struct ") => "a table",
        other => other,
    };
    format!("there is {found} where {expected} belongs")
}

/// The known key that a typing error would turn into `key`.
fn nearest(key: &str, known: &[&str]) -> Option<String> {
    let written = key.to_lowercase().replace('-', "_");
    let tolerated = written.chars().count() / 3 + 1;
    known
        .iter()
        .map(|candidate| (distance(&written, candidate), *candidate))
        .filter(|(distance, _)| *distance <= tolerated)
        .min()
        .map(|(_, candidate)| candidate.to_owned())
}

/// Levenshtein's distance, of texts that are cut to what a key can be.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().take(64).collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (index, l) in left.chars().take(64).enumerate() {
        let mut diagonal = index;
        let mut last = index + 1;
        for (cell, r) in row.iter_mut().skip(1).zip(&right) {
            let replaced = diagonal + usize::from(l != *r);
            diagonal = *cell;
            *cell = replaced.min(last + 1).min(*cell + 1);
            last = *cell;
        }
        if let Some(first) = row.first_mut() {
            *first = index + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

fn check(file: shape::File, path: &Path) -> Result<Config, At> {
    let base = path.parent().unwrap_or(Path::new(""));
    let data = base.join(text("data", &file.data)?);
    let beside = |key, given: &Option<Spanned<String>>, otherwise: PathBuf| match given {
        Some(given) => text(key, given).map(|given| base.join(given)),
        None => Ok(otherwise),
    };
    let bureau = file.bureau.get_ref();
    Ok(Config {
        file: path.to_owned(),
        bureau: bureau.parse().map_err(|_| (file.bureau.span(), Problem::Bureau(bureau.chars().take(32).collect())))?,
        name: text("name", &file.name)?,
        policy: beside("policy", &file.policy, data.join("policy.cedar"))?,
        api: beside("api", &file.api, data.join("api.sock"))?,
        api_group: file.api_group.as_ref().map(|group| text("api_group", group)).transpose()?,
        people: file.people.as_ref().map(|path| text("people", path).map(|path| base.join(path))).transpose()?,
        data,
        listen: addresses("listen", &file.listen)?,
        card: card(&file.card)?,
        retention: retention(&file.retention)?,
        replication: replication(&file.replication)?,
        log: Log { level: file.log.level.map(Into::into).unwrap_or_default() },
        limits: limits(&file.limits)?,
    })
}

fn text(key: &'static str, given: &Spanned<String>) -> Result<String, At> {
    let fault = match given.get_ref().as_str() {
        blank if blank.trim().is_empty() => "is empty",
        long if long.len() > TEXT_LIMIT => "is longer than 256 bytes",
        odd if odd.chars().any(char::is_control) => "has control characters",
        fine => return Ok(fine.to_owned()),
    };
    Err((given.span(), Problem::Text { key, fault }))
}

fn bounded<'a, T>(key: &'static str, list: &'a Spanned<Vec<T>>) -> Result<&'a [T], At> {
    match list.get_ref().len() {
        count if count > LIST_LIMIT => Err((list.span(), Problem::TooMany { key, count, most: LIST_LIMIT })),
        _ => Ok(list.get_ref()),
    }
}

/// Only the shape: what can be listened on, the network finds out.
fn addresses(key: &'static str, list: &Spanned<Vec<Spanned<String>>>) -> Result<Vec<String>, At> {
    let shaped = |address: &str| {
        let mut parts = address.strip_prefix('/')?.split('/');
        let known = matches!(parts.next()?, "ip4" | "ip6" | "dns" | "dns4" | "dns6");
        let filled = !parts.next()?.is_empty();
        let port = matches!(parts.next()?, "udp" | "tcp") && parts.next()?.parse::<u16>().is_ok();
        (known && filled && port).then_some(())
    };
    let one = |address: &Spanned<String>| {
        let written = text(key, address)?;
        shaped(&written).ok_or_else(|| (address.span(), Problem::Address(written.clone())))?;
        Ok(written)
    };
    bounded(key, list)?.iter().map(one).collect()
}

fn card(file: &shape::Card) -> Result<Card, At> {
    let optional = |key, given: &Option<Spanned<String>>| given.as_ref().map(|given| text(key, given)).transpose();
    let contact = |contact: &shape::Contact| {
        Ok(Contact {
            role: text("role", &contact.role)?,
            name: text("name", &contact.name)?,
            email: optional("email", &contact.email)?,
            phone: optional("phone", &contact.phone)?,
        })
    };
    let languages = |list| bounded("languages", list)?.iter().map(|tag| text("languages", tag)).collect();
    let contacts = |list| bounded("contacts", list)?.iter().map(contact).collect();
    Ok(Card {
        addresses: file.addresses.as_ref().map_or(Ok(Vec::new()), |list| addresses("addresses", list))?,
        languages: file.languages.as_ref().map_or(Ok(Vec::new()), languages)?,
        contacts: file.contacts.as_ref().map_or(Ok(Vec::new()), contacts)?,
        valid_days: CARD_DAYS.of(&file.valid_days)?,
    })
}

fn retention(file: &shape::Retention) -> Result<Retention, At> {
    Ok(Retention {
        default_days: RETENTION_DAYS.of(&file.default_days)?,
        erase_within_s: ERASE_WITHIN.of(&file.erase_within_s)?,
    })
}

fn replication(file: &shape::Replication) -> Result<Replication, At> {
    Ok(Replication { interval_s: INTERVAL.of(&file.interval_s)?, window: WINDOW.of(&file.window)? })
}

fn limits(file: &shape::Limits) -> Result<Limits, At> {
    Ok(Limits {
        peers: PEERS.of(&file.peers)?,
        api_requests: API_REQUESTS.of(&file.api_requests)?,
        query_hits: QUERY_HITS.of(&file.query_hits)?,
        store_cache_mib: STORE_CACHE.of(&file.store_cache_mib)?,
        member: Allowance {
            records: MEMBER_RECORDS.of(&file.member_records)?.into(),
            bytes: u64::from(MEMBER_MIB.of(&file.member_mib)?) << 20,
            commits: MEMBER_COMMITS.of(&file.member_commits)?.into(),
            changes: MEMBER_CHANGES.of(&file.member_changes)?.into(),
        },
    })
}

/// A number with its bounds and what it is when it is not given.
struct Number {
    key: &'static str,
    otherwise: u32,
    least: u32,
    most: u32,
    why: &'static str,
}

impl Number {
    fn of(&self, given: &Option<Spanned<i64>>) -> Result<u32, At> {
        let Some(given) = given else { return Ok(self.otherwise) };
        let Self { key, least, most, why, .. } = *self;
        match u32::try_from(*given.get_ref()) {
            Ok(value) if (least..=most).contains(&value) => Ok(value),
            _ => Err((given.span(), Problem::Range { key, value: *given.get_ref(), least, most, why })),
        }
    }
}

const CARD_DAYS: Number = Number {
    key: "valid_days",
    otherwise: 365,
    least: 1,
    most: 1_095,
    why: "A card is renewed at least every three years",
};
const RETENTION_DAYS: Number = Number {
    key: "default_days",
    otherwise: 1_095,
    least: 1,
    most: 36_500,
    why: "A record must have an end, and a century is the longest",
};
const ERASE_WITHIN: Number = Number {
    key: "erase_within_s",
    otherwise: 3_600,
    least: 60,
    most: 86_400,
    why: "What is withdrawn must be gone within a day, and each erasure rewrites files",
};
const INTERVAL: Number = Number {
    key: "interval_s",
    otherwise: 60,
    least: 1,
    most: 86_400,
    why: "Peers announce what is new; this is how often to look where no announcement came",
};
const WINDOW: Number =
    Number { key: "window", otherwise: 4, least: 1, most: 128, why: "What is asked for must fit the memory" };
const PEERS: Number =
    Number { key: "peers", otherwise: 256, least: 1, most: 1_024, why: "There are 196 member countries" };
const API_REQUESTS: Number = Number {
    key: "api_requests",
    otherwise: 64,
    least: 1,
    most: 1_024,
    why: "Each may hold a thread while the disk is busy",
};
const QUERY_HITS: Number = Number {
    key: "query_hits",
    otherwise: 1_000,
    least: 1,
    most: 10_000,
    why: "More than that nobody reads, and every hit is audited",
};
const MEMBER_RECORDS: Number = Number {
    key: "member_records",
    otherwise: 2_000_000,
    least: 1_000,
    most: 1_000_000_000,
    why: "A member that may send fewer in a day cannot take part, and what nobody sends is no bound",
};
const MEMBER_MIB: Number = Number {
    key: "member_mib",
    otherwise: 4_096,
    least: 16,
    most: 16_777_216,
    why: "One answer has up to 16 MiB, and what no disk has is no bound",
};
const MEMBER_COMMITS: Number = Number {
    key: "member_commits",
    otherwise: 500_000,
    least: 10_000,
    most: 1_000_000_000,
    why: "A quiet member causes some thousands in a day",
};
const MEMBER_CHANGES: Number = Number {
    key: "member_changes",
    otherwise: 20_000,
    least: 100,
    most: 1_000_000_000,
    why: "A member that joins a file has a few for each member of it",
};
const STORE_CACHE: Number = Number {
    key: "store_cache_mib",
    otherwise: 96,
    least: 16,
    most: 4_096,
    why: "Less is slow, more is better left to the system",
};
