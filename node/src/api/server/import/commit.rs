//! Making what rows ask for durable, a batch at a time, with the next one signed while the last is on its way.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use igain_protocol::record::RecordId;
use tokio::sync::mpsc;

use super::super::App;
use super::super::claims::Claim;
use super::super::record::draft::kept_until;
use crate::api::Problem;
use crate::api::types::{ImportEvent, ImportReport, Progress, Reject, Warning};
use crate::intake::{self, Step};
use crate::office::{self, Actor, Contribution, Deed, Draft, Outcome, Pace};

/// Records in one batch: enough that one sync to the disk weighs little, little enough to sign while the last is
/// written.
const BATCH: usize = 1_000;

/// The end of an import's pipeline.
pub(super) struct Commit {
    app: App,
    actor: Actor,
    events: mpsc::Sender<ImportEvent>,
    done_bytes: Arc<AtomicU64>,
    report: ImportReport,
    /// Drafts and the lines that they come from.
    batch: Vec<Draft>,
    lines: Vec<u64>,
    ids: HashSet<RecordId>,
    under_way: Option<UnderWay>,
}

/// A batch that is on its way to the disk.
struct UnderWay {
    contribution: Contribution,
    ids: HashSet<RecordId>,
    lines: Vec<u64>,
    _claim: Claim,
}

impl Commit {
    pub(super) fn new(
        app: App,
        actor: Actor,
        events: mpsc::Sender<ImportEvent>,
        done_bytes: Arc<AtomicU64>,
        dry_run: bool,
    ) -> Self {
        Self {
            app,
            actor,
            events,
            done_bytes,
            report: ImportReport { dry_run, ..ImportReport::default() },
            batch: Vec::with_capacity(BATCH),
            lines: Vec::with_capacity(BATCH),
            ids: HashSet::with_capacity(BATCH),
            under_way: None,
        }
    }

    /// Takes what became of one row.
    pub(super) fn step(&mut self, step: Step) -> Result<(), Problem> {
        self.report.rows += u64::from(!matches!(step, Step::Silent(_)));
        match step {
            Step::Rejected(reject) => self.set_aside(described(reject)),
            Step::Made(made) => made.drafts.into_iter().try_for_each(|draft| self.take(draft)),
            Step::Silent(names) => {
                for name in names {
                    self.warn(None, format!("no object has anything at `{name}`. See how the file calls it"));
                }
                Ok(())
            }
        }
    }

    fn warn(&mut self, line: Option<u64>, text: String) {
        self.report.warnings += 1;
        self.tell(ImportEvent::Warning(Warning { line, text }));
    }

    fn take(&mut self, draft: intake::Draft) -> Result<(), Problem> {
        for text in draft.warnings {
            self.warn(Some(draft.row), text);
        }
        if self.batch.len() >= BATCH || self.ids.contains(&draft.id) {
            self.flush()?;
        }
        let office = self.app.office();
        let keep_days = self.app.config().retention.default_days;
        let retain_until = match draft.retain_until {
            Some(until) => until,
            None => kept_until(office, Some(draft.id), keep_days)?,
        };
        self.ids.insert(draft.id);
        self.lines.push(draft.row);
        self.batch.push(Draft {
            id: Some(draft.id),
            label: draft.label,
            retain_until: Some(retain_until),
            fields: draft.fields,
        });
        Ok(())
    }

    /// Sends the batch on its way, and waits for the one before.
    fn flush(&mut self) -> Result<(), Problem> {
        if self.app.is_stopping() {
            return Err(office::Error::Interrupted.into());
        }
        let (batch, lines, ids) =
            (std::mem::take(&mut self.batch), std::mem::take(&mut self.lines), std::mem::take(&mut self.ids));
        if self.under_way.as_ref().is_some_and(|under_way| !under_way.ids.is_disjoint(&ids)) {
            self.settle()?;
        }
        let wanted: Vec<RecordId> = ids.iter().copied().collect();
        let claim = match self.app.claims.try_claim(&wanted) {
            Some(claim) => claim,
            None => {
                self.settle()?;
                self.app.claims.claim(wanted)
            }
        };
        let prepared = self.app.office().prepare(batch)?;
        if self.report.dry_run {
            return self.count(prepared.into_outcomes(), &lines);
        }
        let deed = Deed::new(self.actor.clone(), "record.import");
        let contribution = self.app.office().append(deed, prepared, Pace::Bulk)?;
        let before = self.under_way.replace(UnderWay { contribution, ids, lines, _claim: claim });
        self.settled(before)
    }

    /// Waits for the batch that is on its way.
    fn settle(&mut self) -> Result<(), Problem> {
        let under_way = self.under_way.take();
        self.settled(under_way)
    }

    fn settled(&mut self, under_way: Option<UnderWay>) -> Result<(), Problem> {
        let Some(under_way) = under_way else { return Ok(()) };
        under_way.contribution.wait()?;
        self.count(under_way.contribution.outcomes, &under_way.lines)
    }

    /// Counts what became of a batch, and tells the caller.
    fn count(&mut self, outcomes: Vec<Outcome>, lines: &[u64]) -> Result<(), Problem> {
        for (outcome, line) in outcomes.into_iter().zip(lines) {
            match outcome {
                Outcome::Added(_) => self.report.added += 1,
                Outcome::Revised(_) => self.report.revised += 1,
                Outcome::Unchanged(_) => self.report.unchanged += 1,
                Outcome::Refused(error) => self.set_aside(Reject {
                    line: *line,
                    column: None,
                    code: error.code().into(),
                    reason: error.to_string(),
                    raw: None,
                    raw_hex: None,
                })?,
            }
        }
        let report = &self.report;
        let records = report.added + report.revised + report.unchanged;
        let bytes = self.done_bytes.load(Ordering::Relaxed);
        let progress = Progress { bytes, records, rejected: report.rejected };
        self.say(ImportEvent::Progress(progress))
    }

    fn set_aside(&mut self, reject: Reject) -> Result<(), Problem> {
        self.report.rejected += 1;
        self.say(ImportEvent::Reject(reject))
    }

    /// Makes the last batch durable, and accounts for the whole.
    pub(super) fn finish(&mut self) -> Result<ImportReport, Problem> {
        self.flush()?;
        self.settle()?;
        let report = self.report;
        let deed = Deed::new(self.actor.clone(), "import").with("added", report.added);
        let deed = deed.with("revised", report.revised).with("unchanged", report.unchanged);
        self.app.office().account(deed.with("rejected", report.rejected).with("dry-run", report.dry_run))?;
        Ok(report)
    }

    /// Tells the caller; one that has gone away ends the import.
    fn say(&self, event: ImportEvent) -> Result<(), Problem> {
        let gone = |_| Problem::malformed("the caller went away");
        self.events.blocking_send(event).map_err(gone)
    }

    /// Tells the caller, if it is still there.
    pub(super) fn tell(&self, event: ImportEvent) {
        // Whoever went away does not want to know.
        let _ = self.events.blocking_send(event);
    }
}

fn described(reject: intake::Reject) -> Reject {
    let (raw, raw_hex) = match String::from_utf8(reject.raw) {
        Ok(raw) => (Some(raw), None),
        Err(error) => (None, Some(super::super::policy::hex(error.as_bytes()))),
    };
    Reject { line: reject.line, column: reject.column, code: "intake.row".into(), reason: reject.reason, raw, raw_hex }
}
