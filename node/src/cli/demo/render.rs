//! The report for people.

use super::compare;
use super::report::{Check, Found, Held, Kept, Report, Withdrawn};
use super::stage::Stage;
use crate::api::types::{Decision, Holders, Record};
use crate::cli::page::Page;
use crate::cli::record::{banner_line, headline};
use crate::cli::words::{count, grading};

/// Writes all that was shown.
pub(super) fn report(report: &Report, page: &mut Page) {
    title("What each bureau holds", page);
    holdings(&report.bureaus, page);
    title("One record as its owner and the others hold it", page);
    page.line(&banner_line(&report.compared.owner, page));
    page.line("Each copy was verified with the owner's signature when it came in, also where fields are withheld.");
    page.blank();
    compare::table(&report.compared, page);
    title("A record that policy keeps from BR", page);
    kept(&report.kept, page);
    title("A record that its owner withdraws", page);
    withdrawn(&report.withdrawn, page);
    title("A question at FR", page);
    found(&report.found, page);
    title("Checked", page);
    report.checks.iter().for_each(|check| checked(check, page));
    page.blank();
    page.line(&format!("All of it took {}.{} s.", report.took_ms / 1_000, report.took_ms % 1_000 / 100));
}

fn title(text: &str, page: &mut Page) {
    page.blank();
    page.line(&page.strong(text));
    page.line(&"─".repeat(text.chars().count()));
}

fn holdings(bureaus: &[Held], page: &mut Page) {
    let mut rows = Vec::new();
    for held in bureaus {
        let sum = |each: fn(&super::report::From) -> u64| held.received.iter().map(each).sum::<u64>();
        let from = |from: &super::report::From| {
            format!("{}: {} whole, {} redacted", from.owner, count(from.whole), count(from.redacted))
        };
        rows.push([
            held.bureau.clone(),
            held.name.clone(),
            count(held.own),
            count(sum(|from| from.whole)),
            count(sum(|from| from.redacted)),
            held.received.iter().map(from).collect::<Vec<_>>().join("; "),
        ]);
    }
    page.table(["BUREAU", "NAME", "OWN", "RECEIVED WHOLE", "RECEIVED REDACTED", "FROM"], &rows);
}

fn kept(kept: &Kept, page: &mut Page) {
    let record = &kept.record;
    page.line(&banner_line(record, page));
    page.line(&headline(&record.fields));
    page.blank();
    page.facts(&[
        (&kept.given_to, "holds it".to_owned()),
        (&kept.kept_from, format!("asked for it, and gets the answer: {}", kept.answer)),
    ]);
    page.blank();
    page.line(&format!("igain policy explain {} {} --purpose oversight --case DEMO-1", record.id, kept.kept_from));
    let core = kept.explanation.decisions.iter().find(|decision| !decision.allowed);
    if let Some(decision) = core {
        why(decision, page);
    }
}

/// The rules that withhold a group.
fn why(decision: &Decision, page: &mut Page) {
    page.line(&format!("{}: {}", page.strong(decision.group.0.code()), page.bad("withheld")));
    for rule in &decision.rules {
        let reason = rule.reason.as_deref().unwrap_or_default();
        page.line(&format!("  forbidden by {} ({}:{}): {reason}", rule.id, rule.file, rule.line));
    }
    if decision.default_deny {
        page.line("  no rule permits it");
    }
}

fn withdrawn(withdrawn: &Withdrawn, page: &mut Page) {
    page.line(&banner_line(&withdrawn.record, page));
    page.line(&headline(&withdrawn.record.fields));
    page.blank();
    let before = |bureau: &str, holders: &Holders| {
        let found = holders.holders.iter().find(|holder| holder.bureau.0.as_str() == bureau);
        found.map(|holder| holder.state.as_str().to_owned()).unwrap_or_default()
    };
    let row = |holder: &crate::api::types::Holder| {
        let bureau = holder.bureau.to_string();
        let receipt = holder.purged.map(|at| format!("signed {at}")).unwrap_or_default();
        [bureau.clone(), before(&bureau, &withdrawn.before), holder.state.as_str().to_owned(), receipt]
    };
    let rows: Vec<_> = withdrawn.after.holders.iter().map(row).collect();
    page.table(["BUREAU", "BEFORE", "AFTER", "RECEIPT"], &rows);
    page.line(&format!("The last receipt was here {} ms after the withdrawal.", withdrawn.took_ms));
}

fn found(found: &Found, page: &mut Page) {
    page.line(&found.typed);
    page.blank();
    let row = |hit: &Record| {
        [
            hit.banner.clone(),
            hit.owner.to_string(),
            hit.grading.map_or_else(|| "-".into(), |given| grading(given.0)),
            hit.label.kind.to_string(),
            hit.id.to_string(),
            headline(&hit.fields),
        ]
    };
    let rows: Vec<_> = found.hits.iter().map(row).collect();
    page.table(["HANDLING", "OWNER", "GRADING", "KIND", "ID", "WHAT"], &rows);
    page.blank();
    let entry = &found.entry;
    let detail: Vec<String> = entry.detail.iter().map(|(name, value)| format!("{name}={value}")).collect();
    page.line(&format!("Entry {} of the audit log of {}, on its disk before the answer:", entry.seq, found.bureau));
    page.facts(&[
        ("when", entry.at.to_string()),
        ("who", entry.actor.clone()),
        ("what", entry.action.clone()),
        ("why", entry.purpose.clone().unwrap_or_default()),
        ("case", entry.case.clone().unwrap_or_default()),
        ("particulars", detail.join(" ")),
    ]);
}

fn checked(check: &Check, page: &mut Page) {
    let mark = if check.holds { page.good("✓") } else { page.bad("✗") };
    page.line(&format!("{mark} {}", check.what));
}

/// Commands that can be tried while the bureaus run.
pub(super) fn commands(stage: &Stage, report: &Report, page: &mut Page) {
    let program = std::env::current_exe().map(|path| path.display().to_string()).unwrap_or_else(|_| "igain".into());
    title("Try it", page);
    let id = report.compared.owner.id;
    let lines = [
        ("KE", "status".to_owned()),
        ("KE", format!("record holders {id}")),
        ("KE", format!("policy explain {id} BR --purpose oversight --case DEMO-1")),
        ("FR", format!("record show {id} --purpose crime-analysis --case DEMO-1")),
        ("BR", format!("record show {id} --purpose crime-analysis --case DEMO-1")),
        ("BR", "caf list".to_owned()),
        ("FR", found_as_typed(&report.found)),
        ("FR", "audit list --limit 10".to_owned()),
    ];
    for (bureau, line) in lines {
        if let Ok(bureau) = stage.bureau(bureau) {
            let config = bureau.folder.join("igain.toml");
            page.line(&format!("{program} --config {} {line}", config.display()));
        }
    }
    page.blank();
}

fn found_as_typed(found: &Found) -> String {
    found.typed.strip_prefix("igain ").unwrap_or(&found.typed).to_owned()
}
