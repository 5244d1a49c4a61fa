//! Records for people.

use crate::api::types::{self, Field, OutcomeKind};
use crate::cli::page::{Page, one_line};
use crate::cli::words::{age, grading, plural};
use crate::office::Caution;

/// Fields that tell best what a record is about, in the order in which one is chosen.
const TELLING: [&str; 16] = [
    "name",
    "number",
    "title",
    "plate",
    "iban",
    "account-number",
    "address",
    "description",
    "serial",
    "make",
    "handle",
    "vin",
    "registration",
    "imo",
    "tail",
    "type",
];

/// Characters of a source's own object that are shown: enough to tell what it is.
const SHOWN: usize = 120;

/// What a record is about, in one line.
pub(in crate::cli) fn headline(fields: &[Field]) -> String {
    let telling = TELLING.iter().find_map(|name| fields.iter().find(|field| field.name == *name));
    let text = telling.or_else(|| fields.first()).map(|field| one_line(&field.value)).unwrap_or_default();
    match text.char_indices().nth(60) {
        Some((cut, _)) => format!("{}…", text.get(..cut).unwrap_or_default()),
        None => text,
    }
}

/// What must be seen first of a record.
pub(in crate::cli) fn banner_line(record: &types::Record, page: &Page) -> String {
    let graded = record.grading.map_or_else(|| "ungraded".to_owned(), |given| grading(given.0));
    let mut line = format!(
        "{}  {}  owner {}  grading {graded}  {} old",
        page.banner(&record.banner),
        record.label.kind,
        page.strong(&record.owner.to_string()),
        age(record.age_s)
    );
    if record.draft {
        line.push_str("  draft, not shared");
    }
    if !record.earlier.is_empty() {
        line.push_str(&page.bad("  given back in part, after this bureau was put back to a backup"));
    } else if record.redacted {
        line.push_str(&format!("  its owner grants {} only", record.granted));
    }
    if let Some(caution) = record.caution {
        line.push_str("  ");
        line.push_str(&page.bad(warning(caution)));
    }
    line
}

/// What is to be known of a record's owner.
const fn warning(caution: Caution) -> &'static str {
    match caution {
        Caution::OwnerLeft => "its owner has left: it is revoked here",
        Caution::OwnerCompromised => "its owner's keys are compromised: this may not be its word",
        Caution::OwnerDismissed => "its owner may not contribute to this CAF any more",
    }
}

/// One record in full.
pub(in crate::cli) fn record(record: &types::Record, page: &mut Page) {
    let label = &record.label;
    page.line(&banner_line(record, page));
    page.facts(&[
        ("id", record.id.to_string()),
        ("revision", format!("{} of {}", record.revision, record.modified)),
        ("CAF", label.cafs.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")),
        ("category", label.category.map(|category| category.to_string()).unwrap_or_default()),
        ("crime area", label.crime_area.map(|area| area.to_string()).unwrap_or_default()),
        ("age group", label.age_group.map(|group| group.to_string()).unwrap_or_default()),
        ("only for", label.audience.as_ref().map(ToString::to_string).unwrap_or_default()),
        ("keep until", record.retain_until.map(|until| until.to_string()).unwrap_or_default()),
        ("version", record.version.map(|version| version.to_string()).unwrap_or_default()),
    ]);
    page.blank();
    fields(&record.fields, page);
    if !record.earlier.is_empty() {
        page.blank();
        page.line(
            "Not given back. The last version that is known whole says, and nobody can tell whether it is so still:",
        );
        fields(&record.earlier, page);
    }
}

fn fields(fields: &[Field], page: &mut Page) {
    let rows: Vec<_> = fields.iter().map(row).collect();
    let facts: Vec<(&str, String)> = rows.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
    page.facts(&facts);
}

fn row(field: &Field) -> (String, String) {
    let tag = match (&field.lang, &field.script) {
        (Some(lang), _) => format!("@{lang}"),
        _ => String::new(),
    };
    let shown = match field.value.char_indices().nth(SHOWN) {
        Some((cut, _)) if field.value.starts_with("data:") => {
            format!(
                "{}… ({} characters; --json has all)",
                field.value.get(..cut).unwrap_or_default(),
                field.value.len()
            )
        }
        _ => field.value.clone(),
    };
    let lines: Vec<String> = shown.lines().map(one_line).collect();
    let doubt = field.doubt.map(|doubt| format!("  ({doubt})")).unwrap_or_default();
    (format!("{}{tag}", field.name), lines.join("\n") + &doubt)
}

pub(super) fn records(records: &types::Records, page: &mut Page) {
    for (at, one) in records.records.iter().enumerate() {
        if at > 0 {
            page.blank();
        }
        record(one, page);
    }
}

pub(super) fn contributed(done: &types::Contributed, page: &mut Page) {
    for (at, outcome) in done.outcomes.iter().enumerate() {
        let what = match outcome.outcome {
            OutcomeKind::Refused => page.bad(outcome.outcome.as_str()),
            _ => page.good(outcome.outcome.as_str()),
        };
        let id = outcome.id.map(|id| id.to_string()).unwrap_or_else(|| format!("record {}", at + 1));
        page.line(&format!("{id}  {what}  {}", outcome.detail.as_deref().unwrap_or_default()));
    }
}

pub(super) fn withdrawn(holders: &types::Holders, page: &mut Page) {
    let told = holders.holders.len() as u64;
    page.line(&format!(
        "{} is withdrawn. {} told to purge it.",
        holders.record,
        plural(told, "bureau is", "bureaus are")
    ));
    if told > 0 {
        page.blank();
        table(holders, page);
        page.line(&format!("`igain record holders {}` shows who has answered.", holders.record));
    }
}

pub(super) fn holders(holders: &types::Holders, page: &mut Page) {
    if holders.holders.is_empty() {
        return page.line("No bureau was ever sent this record.");
    }
    table(holders, page);
}

fn table(holders: &types::Holders, page: &mut Page) {
    let row = |holder: &types::Holder| {
        let since = holder.purged.map(|at| at.to_string()).unwrap_or_default();
        [holder.bureau.to_string(), holder.state.as_str().to_owned(), since]
    };
    let rows: Vec<_> = holders.holders.iter().map(row).collect();
    page.table(["BUREAU", "STATE", "PURGED"], &rows);
}

pub(super) fn listing(listing: &types::Listing, page: &mut Page) {
    if listing.records.is_empty() && listing.next.is_none() {
        return page.line("There is no such record here.");
    }
    let row = |record: &types::Listed| {
        [
            record.id.to_string(),
            record.label.kind.to_string(),
            record.owner.to_string(),
            record.banner.clone(),
            record.grading.map_or_else(|| "-".into(), |given| grading(given.0)),
            age(record.age_s),
            record.retain_until.map(|until| until.to_string()).unwrap_or_default(),
            if record.draft { "draft".into() } else { String::new() },
        ]
    };
    let rows: Vec<_> = listing.records.iter().map(row).collect();
    page.table(["ID", "KIND", "OWNER", "HANDLING", "GRADING", "AGE", "KEEP UNTIL", ""], &rows);
    if let Some(next) = &listing.next {
        page.line(&format!("More: --after {next}"));
    }
}
