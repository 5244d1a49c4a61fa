//! The command line. Each command is a thin client of the daemon's API, but for `init` and `run`, and those that need
//! no daemon.
//!
//! What was typed (a `clap` structure) becomes a request, and the answer is shown: as JSON of the API's own types with
//! `--json`, else for people. Data goes to stdout, talk to stderr.

mod ask;
mod audit;
mod backup;
mod caf;
mod card;
mod clock;
mod context;
mod demo;
mod error;
mod import;
mod init;
mod key;
mod marking;
mod output;
mod page;
mod peer;
mod policy;
mod query;
mod record;
mod recovery;
mod run;
mod schema;
mod session;
mod status;
mod store;
mod why;
mod words;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};

pub use error::Error;

use context::Context;
use output::Output;

const ABOUT: &str = "Share criminal intelligence with other bureaus, each owner deciding who gets what.";

/// Over the options that every command has.
const EVERYWHERE: &str = "With every command";

const AFTER: &str = "\
First steps:
  igain init KE --name \"NCB Nairobi\"       make keys, folder and configuration
  igain run                                start the daemon
  igain card export > ke.card              give this to other bureaus
  igain peer enrol fr.card                 enrol one, after comparing its fingerprint by telephone
  igain policy plan policy.cedar           see who would get what; then `igain policy apply`
  igain session start --purpose investigation --case NBO/2026/17
  igain query --phone '+254 700 000 001'   ask; the account of it names you, the purpose and the case

Exit codes: 0 done; 1 refused or failed; 2 wrong usage; 3 the daemon cannot be reached; 4 not found.";

/// What was typed.
#[derive(Debug, Parser)]
#[command(name = "igain", version, about = ABOUT, after_help = AFTER, max_term_width = 110)]
pub struct Cli {
    /// The configuration file [default: ./igain.toml, else /etc/igain/igain.toml]
    #[arg(long, global = true, value_name = "FILE", help_heading = EVERYWHERE)]
    config: Option<PathBuf>,
    /// The daemon's socket [default: what the configuration says]
    #[arg(long, global = true, value_name = "SOCKET", help_heading = EVERYWHERE)]
    socket: Option<PathBuf>,
    /// Print JSON, as the API gives it
    #[arg(long, global = true, help_heading = EVERYWHERE)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a new bureau: keys, data folder, configuration
    Init(init::Init),
    /// Run the daemon
    Run(run::Run),
    /// Show how the node is: peers, store, clock
    Status(status::Status),
    /// Show or export this bureau's card
    #[command(subcommand)]
    Card(card::Card),
    /// Look after this bureau's keys
    #[command(subcommand)]
    Key(key::Key),
    /// Enrol, list, show and revoke other bureaus
    #[command(subcommand)]
    Peer(peer::Peer),
    /// Open, join and look at Crime Analysis Files
    #[command(subcommand)]
    Caf(caf::Caf),
    /// Add, revise, show and withdraw records
    #[command(subcommand)]
    Record(record::Record),
    /// Import a file of any shape by a mapping
    Import(import::Import),
    /// Decide who gets what
    #[command(subcommand)]
    Policy(policy::Policy),
    /// Find records by identifier or name, own and received
    Query(Box<query::Query>),
    /// Say once why you ask, for all questions of the next hours
    #[command(subcommand)]
    Session(session::Session),
    /// Look at the account of what was done
    #[command(subcommand)]
    Audit(audit::Audit),
    /// Show how it stands with the clock, and decide on one that has jumped
    #[command(subcommand)]
    Clock(clock::Clock),
    /// Show what others give back since this bureau was put back to a backup
    #[command(subcommand)]
    Recovery(recovery::Recovery),
    /// Look after the store
    #[command(subcommand)]
    Store(store::Store),
    /// Make backups, see that they can be restored, and restore them
    #[command(subcommand)]
    Backup(Box<backup::Backup>),
    /// See three bureaus share: real daemons, fictitious records, nothing to set up
    Demo(demo::Demo),
    /// Print completions for a shell
    #[command(after_help = "Example:\n  igain completions bash > /etc/bash_completion.d/igain")]
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
}

/// Runs what the process was called with.
pub fn main() -> ExitCode {
    // Files that are made are for their owner alone, and what is in memory stays out of core files.
    let private = rustix::fs::Mode::from_bits_truncate(0o077);
    rustix::process::umask(private);
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) if error.use_stderr() && std::env::args_os().any(|arg| arg == "--json") => {
            return fail(&mut Output::of_process(true), &misused(&error));
        }
        Err(error) => error.exit(),
    };
    let mut output = Output::of_process(cli.json);
    match cli.execute(&mut output) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&mut output, &error),
    }
}

fn fail(output: &mut Output, error: &Error) -> ExitCode {
    output.complain(error);
    ExitCode::from(error.exit_code())
}

/// What `clap` found wrong, without the usage that it adds for people.
fn misused(error: &clap::Error) -> Error {
    let text = error.to_string();
    let wrong = text.split("\n\nUsage:").next().unwrap_or_default();
    Error::Usage(wrong.trim_start_matches("error: ").trim().to_owned())
}

impl Cli {
    fn execute(self, output: &mut Output) -> Result<(), Error> {
        let context = Context::new(self.config, self.socket);
        match self.command {
            Command::Init(init) => init.execute(&context, output),
            Command::Run(run) => run.execute(&context, output),
            Command::Status(status) => status.execute(&context, output),
            Command::Card(card) => card.execute(&context, output),
            Command::Key(key) => key.execute(&context, output),
            Command::Peer(peer) => peer.execute(&context, output),
            Command::Caf(caf) => caf.execute(&context, output),
            Command::Record(record) => record.execute(&context, output),
            Command::Import(import) => import.execute(&context, output),
            Command::Policy(policy) => policy.execute(&context, output),
            Command::Query(query) => query.execute(&context, output),
            Command::Session(session) => session.execute(output),
            Command::Audit(audit) => audit.execute(&context, output),
            Command::Clock(clock) => clock.execute(&context, output),
            Command::Recovery(recovery) => recovery.execute(&context, output),
            Command::Store(store) => store.execute(&context, output),
            Command::Backup(backup) => backup.execute(&context, output),
            Command::Demo(demo) => demo.execute(&context, output),
            Command::Completions { shell } => {
                let mut script = Vec::new();
                clap_complete::generate(shell, &mut Self::command(), "igain", &mut script);
                output.bytes(&script)
            }
        }
    }
}

#[cfg(test)]
mod tests;
