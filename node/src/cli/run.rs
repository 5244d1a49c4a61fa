//! `igain run`.

use std::io::IsTerminal as _;
use std::sync::Mutex;

use clap::Args;
use igain_protocol::bureau::SignedCard;
use indicatif::{ProgressBar, ProgressStyle};
use tracing_subscriber::EnvFilter;

use super::Error;
use super::context::Context;
use super::init::PassphraseFrom;
use super::output::Output;
use crate::config::{Config, Level};
use crate::daemon;
use crate::keystore;

/// How to run.
#[derive(Debug, Args)]
#[command(after_help = "\
SIGTERM and SIGINT end the daemon cleanly; SIGHUP reads the policy file and the people file again.

Examples:
  igain run
  igain run --config /etc/igain/igain.toml --passphrase-file /run/igain/passphrase
  systemctl enable --now igain        as a service, the passphrase as a systemd credential")]
pub(super) struct Run {
    #[command(flatten)]
    passphrase: PassphraseFrom,
}

impl Run {
    pub(super) fn execute(self, context: &Context, output: &mut Output) -> Result<(), Error> {
        let mut config = context.config()?;
        if let Some(socket) = context.named_socket() {
            config.api = socket.to_owned();
        }
        log_to_stderr(config.log.level);
        stay_private();
        let passphrase = self.passphrase.source().read()?;
        keystore::clear_drafts(&config.keystore())?;
        let keys = keystore::unlock(&config.keystore(), &passphrase)?;
        drop(passphrase);
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
        let runtime = runtime.map_err(|cause| daemon::Error::System { what: "threads", cause })?;
        let ready = |card: &SignedCard, listening: &[String]| greet(output, &config, card, listening);
        Ok(runtime.block_on(daemon::run(config.clone(), keys, progress(), ready))?)
    }
}

/// Keeps secrets out of core files and away from debuggers. Where a service manager forbids it, it has seen to it.
fn stay_private() {
    let never = rustix::process::Rlimit { current: Some(0), maximum: Some(0) };
    let _ = rustix::process::setrlimit(rustix::process::Resource::Core, never);
    let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
}

/// Log lines go to stderr, where systemd's journal takes them; libraries are heard from warnings up.
fn log_to_stderr(level: Level) {
    let filter = EnvFilter::new(format!("warn,igain_node={}", level.as_str()));
    let colour = std::io::stderr().is_terminal();
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(colour);
    // A second subscriber can only be one that a test has set.
    let _ = lines.try_init();
}

/// Shows how far the store has opened, where it takes long enough to see.
fn progress() -> impl Fn(daemon::Progress) + Send + 'static {
    let bar: Mutex<Option<ProgressBar>> = Mutex::new(None);
    move |progress| {
        if !std::io::stderr().is_terminal() {
            return;
        }
        let Ok(mut bar) = bar.lock() else { return };
        let bar = bar.get_or_insert_with(|| {
            let style = "{msg} {wide_bar} {bytes}/{total_bytes} {eta}";
            let style = ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_bar());
            ProgressBar::new(progress.total_bytes).with_style(style)
        });
        bar.set_message(if progress.rebuilding { "rebuilding the key directory" } else { "opening the store" });
        bar.set_length(progress.total_bytes);
        bar.set_position(progress.done_bytes);
        if progress.done_bytes >= progress.total_bytes {
            bar.finish_and_clear();
        }
    }
}

fn greet(output: &mut Output, config: &Config, card: &SignedCard, listening: &[String]) {
    let listening = if listening.is_empty() { "nothing (it only calls out)".to_owned() } else { listening.join(", ") };
    output.say(&format!(
        "{} is running. Peers: {listening}. Users: {}. Fingerprint: {}",
        config.bureau,
        config.api.display(),
        card.card().signing.fingerprint()
    ));
}
