//! `igain demo`: three bureaus on this machine, as real daemons, and what they do with each other.
//!
//! Everything is as a bureau would have it: processes of their own, keys, stores and sockets; only the folder is a
//! temporary one and the records are fictitious. What is shown is asked of the daemons over their APIs and checked.

mod acts;
mod cast;
mod compare;
mod render;
mod report;
mod samples;
mod stage;
mod steps;

use clap::Args;
use tokio::signal::unix::{SignalKind, signal};

use super::Error;
use super::context::Context;
use super::output::Output;
use report::Report;
use stage::Stage;
use steps::Steps;

#[derive(Debug, Args)]
#[command(after_help = "\
Needs no configuration and no network: three daemons talk to each other over the loopback interface, and all that they \
write is in a temporary folder that goes away with them.

Examples:
  igain demo                 run until Ctrl-C, with commands to try
  igain demo --exit          end at once; the exit code tells whether all was as it should be
  igain demo --exit --json   the same, as data")]
pub(super) struct Demo {
    /// End at once, with exit code 1 if anything was not as it should be
    #[arg(long)]
    exit: bool,
}

impl Demo {
    pub(super) fn execute(self, context: &Context, output: &mut Output) -> Result<(), Error> {
        context.block_on(async {
            let mut terminate = signal(SignalKind::terminate()).map_err(Error::Print)?;
            let mut stage = Stage::set()?;
            let done = tokio::select! {
                done = self.play(&mut stage, output) => done,
                _ = tokio::signal::ctrl_c() => Err(Error::Declined("the demonstration was ended".into())),
                _ = terminate.recv() => Err(Error::Declined("the demonstration was ended".into())),
            };
            if !self.exit && done.is_ok() {
                output.say("The three bureaus keep running. Ctrl-C ends them and removes the folder.");
                tokio::select! {
                    _ = tokio::signal::ctrl_c() => {}
                    _ = terminate.recv() => {}
                }
            }
            stage.clear().await;
            done
        })
    }

    async fn play(&self, stage: &mut Stage, output: &mut Output) -> Result<(), Error> {
        let mut steps = Steps::new(output);
        let report = acts::play(stage, &mut steps).await?;
        steps.end();
        output.show(&report, render::report)?;
        if !self.exit && !output.is_json() {
            output.talk(|page| render::commands(stage, &report, page));
        }
        verdict(&report)
    }
}

fn verdict(report: &Report) -> Result<(), Error> {
    let not: Vec<&str> = report.checks.iter().filter(|check| !check.holds).map(|check| check.what.as_str()).collect();
    match not.as_slice() {
        [] => Ok(()),
        not => Err(failed(format!("not as it should be: {}", not.join("; ")))),
    }
}

/// The demonstration did not go as it should.
fn failed(what: impl ToString) -> Error {
    Error::found("demo.failed", what.to_string())
}
