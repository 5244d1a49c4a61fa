//! `igain import`.

mod rejects;
mod upload;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use super::Error;
use super::context::Context;
use super::output::Output;
use super::page::Page;
use super::words::{count, plural};
use crate::api::Problem;
use crate::api::client::{self, Client};
use crate::api::types::{ImportEvent, ImportReport, ImportRequest};
use crate::intake::Mapping;
use crate::intake::mapping::MAPPING_LIMIT;
use rejects::RejectsFile;
use upload::Files;

/// Warnings, and rows set aside, that are shown; the rest are counted, and the rows are all in the rejects file.
const SHOWN: u64 = 20;

#[derive(Debug, Args)]
#[command(after_help = "\
A mapping says what the columns of the file mean; configs/mappings has some to start from. A row that is wrong is set \
aside in FILE.rejects.csv with the reason, and stops no other. Importing the same file again adds nothing; a changed \
row makes a revision.

Examples:
  igain import seizures.csv --mapping seizures.toml --dry-run
  igain import sdn.csv --mapping ofac-sdn.toml --join alt=alt.csv --set caf=0190f6c1-…
  xz -dc cities500.csv.xz | igain import - --mapping geonames.toml --rejects cities.rejects.csv")]
pub(super) struct Import {
    /// The file; - for stdin
    file: PathBuf,
    /// What its columns mean
    #[arg(long, value_name = "FILE")]
    mapping: PathBuf,
    /// Only say what would be made, and row by row what is wrong
    #[arg(long)]
    dry_run: bool,
    /// A value for what the mapping leaves open
    #[arg(long, value_name = "NAME=VALUE", value_parser = pair)]
    set: Vec<(String, String)>,
    /// A file that the mapping joins; those beside the file are found by their names
    #[arg(long, value_name = "NAME=FILE", value_parser = pair)]
    join: Vec<(String, String)>,
    /// Where to set rows aside [default: FILE.rejects.csv]
    #[arg(long, value_name = "FILE")]
    rejects: Option<PathBuf>,
}

fn pair(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once('=').map(|(name, value)| (name.trim().to_owned(), value.to_owned()));
    pair.filter(|(name, _)| !name.is_empty()).ok_or_else(|| format!("`{text}` is not of the form name=value"))
}

impl Import {
    pub(super) fn execute(self, context: &Context, output: &mut Output) -> Result<(), Error> {
        let mapping = read_mapping(&self.mapping)?;
        let files = self.files(&mapping)?;
        let request = ImportRequest {
            mapping_file: self.mapping.display().to_string(),
            mapping,
            set: self.set.clone(),
            dry_run: self.dry_run,
            files: files.described(),
        };
        let mut rejects = RejectsFile::new(self.rejects_path());
        let bar = bar(&files);
        let client = context.client()?;
        let mut report = None;
        let mut problem = None;
        let (mut warnings, mut rejected) = (0, 0);
        context.block_on(async {
            let body = upload::body(&request, files)?;
            let each = |event: ImportEvent| {
                match event {
                    ImportEvent::Progress(progress) => {
                        bar.set_position(progress.bytes);
                        bar.set_message(format!("{} records", count(progress.records)));
                    }
                    ImportEvent::Reject(reject) => {
                        rejected += 1;
                        if rejected <= SHOWN {
                            let column = reject.column.as_ref().map(|column| format!(", column `{column}`"));
                            let place = format!("line {}{}", reject.line, column.unwrap_or_default());
                            bar.suspend(|| output.say(&format!("{place}, set aside: {}", reject.reason)));
                        }
                        rejects.put(&reject)?;
                    }
                    ImportEvent::Warning(warning) => {
                        warnings += 1;
                        if warnings <= SHOWN || warning.line.is_none() {
                            let line = warning.line.map(|line| format!("line {line}: ")).unwrap_or_default();
                            bar.suspend(|| output.say(&format!("{line}{}", warning.text)));
                        }
                    }
                    ImportEvent::Report(done) => report = Some(done),
                    ImportEvent::Problem(why) => problem = Some(why),
                }
                Ok::<(), Error>(())
            };
            client.stream("/v1/import", body, each).await
        })?;
        bar.finish_and_clear();
        let set_aside = rejects.finish()?;
        let report = ended(report, problem)?;
        output.show(&report, render)?;
        if let Some(path) = set_aside {
            output.say(&format!("The rows set aside are in {}.", path.display()));
        }
        Ok(())
    }

    /// The file, and those that the mapping joins to it.
    fn files(&self, mapping: &str) -> Result<Files, Error> {
        let variables: BTreeMap<String, String> = self.set.iter().cloned().collect();
        let refused = |error: crate::intake::mapping::Error| {
            let status = axum::http::StatusCode::UNPROCESSABLE_ENTITY;
            Error::Problem(Problem::new(status, error.code(), error.to_string()))
        };
        let mapping = Mapping::parse(mapping, &self.mapping.display().to_string(), &variables).map_err(refused)?;
        let mut joined: Vec<(String, PathBuf)> = Vec::new();
        for (role, beside, _) in mapping.joins() {
            let given = self.join.iter().find(|(name, _)| name == role).map(|(_, path)| PathBuf::from(path));
            let folder = self.file.parent().unwrap_or(Path::new(""));
            let found = || beside.iter().map(|name| folder.join(name)).find(|path| path.exists());
            joined.extend(given.or_else(found).map(|path| (role.to_owned(), path)));
        }
        if let Some((unknown, _)) = self.join.iter().find(|(name, _)| mapping.joins().all(|(role, _, _)| role != name))
        {
            return Err(Error::Usage(format!("the mapping joins no file called `{unknown}`")));
        }
        Files::open(&self.file, joined)
    }

    fn rejects_path(&self) -> PathBuf {
        self.rejects.clone().unwrap_or_else(|| {
            let base = if self.file == Path::new("-") { Path::new("stdin") } else { &self.file };
            let mut name = base.as_os_str().to_owned();
            name.push(".rejects.csv");
            PathBuf::from(name)
        })
    }
}

/// Imports one file and tells nobody but the caller.
pub(super) async fn silently(
    client: &Client,
    file: &Path,
    mapping: &Path,
    set: &[(&str, &str)],
) -> Result<ImportReport, Error> {
    let files = Files::open(file, Vec::new())?;
    let request = ImportRequest {
        mapping_file: mapping.display().to_string(),
        mapping: read_mapping(mapping)?,
        set: set.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        dry_run: false,
        files: files.described(),
    };
    let (mut report, mut problem) = (None, None);
    let each = |event: ImportEvent| {
        match event {
            ImportEvent::Report(done) => report = Some(done),
            ImportEvent::Problem(why) => problem = Some(why),
            ImportEvent::Progress(_) | ImportEvent::Reject(_) | ImportEvent::Warning(_) => {}
        }
        Ok::<(), Error>(())
    };
    client.stream("/v1/import", upload::body(&request, files)?, each).await?;
    ended(report, problem)
}

/// What the last event of an import says.
fn ended(report: Option<ImportReport>, problem: Option<Problem>) -> Result<ImportReport, Error> {
    match (report, problem) {
        (_, Some(problem)) => Err(problem.into()),
        (Some(report), None) => Ok(report),
        (None, None) => Err(Error::Api(client::Error::CutOff("the import ended without a report".into()))),
    }
}

fn read_mapping(path: &Path) -> Result<String, Error> {
    let bytes = std::fs::metadata(path).map_err(Error::file("read", path))?.len();
    if bytes > MAPPING_LIMIT as u64 {
        return Err(Error::Usage(format!("`{}` is too large to be a mapping", path.display())));
    }
    let bytes = std::fs::read(path).map_err(Error::file("read", path))?;
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let before = String::from_utf8_lossy(error.as_bytes().get(..at).unwrap_or_default()).into_owned();
        let refused = crate::intake::mapping::Error {
            file: path.display().to_string(),
            line: before.matches('\n').count() + 1,
            column: before.rsplit('\n').next().unwrap_or_default().chars().count() + 1,
            message: "this is not UTF-8 text. Save the mapping as UTF-8".into(),
        };
        Problem::new(axum::http::StatusCode::UNPROCESSABLE_ENTITY, refused.code(), refused.to_string()).into()
    })
}

/// A progress bar on a terminal.
fn bar(files: &Files) -> ProgressBar {
    use std::io::IsTerminal as _;
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let (bar, template) = match files.last_bytes() {
        Some(bytes) => (ProgressBar::new(bytes), "{wide_bar} {bytes}/{total_bytes} {msg} {eta}"),
        None => (ProgressBar::no_length(), "{spinner} {bytes} {msg}"),
    };
    bar.with_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()))
}

fn render(report: &ImportReport, page: &mut Page) {
    let seconds = report.took_ms / 1_000;
    let dry = if report.dry_run { ". Nothing was written; it would be" } else { "" };
    page.line(&format!(
        "{} read in {seconds}.{:03} s{dry}:",
        plural(report.rows, "row", "rows"),
        report.took_ms % 1_000
    ));
    page.facts(&[
        ("added", count(report.added)),
        ("revised", count(report.revised)),
        ("unchanged", count(report.unchanged)),
        ("rejected", count(report.rejected)),
        ("warnings", count(report.warnings)),
    ]);
}
