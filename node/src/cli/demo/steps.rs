//! Progress: what is being done, and what was done in how long.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use std::io::IsTerminal as _;

/// Between two pictures of the spinner.
const TICK: Duration = Duration::from_millis(100);

/// Steps, one line each, on stderr.
pub(super) struct Steps {
    bar: Option<ProgressBar>,
    quiet: bool,
    begun: Instant,
    doing: String,
}

impl Steps {
    /// Where a program reads the output, nothing is told.
    pub(super) fn new(output: &crate::cli::output::Output) -> Self {
        let terminal = std::io::stderr().is_terminal();
        let bar = (terminal && !output.is_json()).then(|| {
            let style = ProgressStyle::with_template("{spinner} {msg}");
            let bar = ProgressBar::new_spinner().with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
            bar.enable_steady_tick(TICK);
            bar
        });
        Self { bar, quiet: output.is_json(), begun: Instant::now(), doing: String::new() }
    }

    /// The last step is done, and this one begins.
    pub(super) fn step(&mut self, doing: &str) {
        self.tell();
        (self.begun, self.doing) = (Instant::now(), doing.to_owned());
        if let Some(bar) = &self.bar {
            bar.set_message(doing.to_owned());
        }
    }

    /// The last step is done.
    pub(super) fn end(&mut self) {
        self.tell();
        self.doing.clear();
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    #[expect(clippy::print_stderr, reason = "progress goes past the output that the steps are told beside")]
    fn tell(&self) {
        if self.doing.is_empty() || self.quiet {
            return;
        }
        let line = format!("✓ {} ({:.1} s)", self.doing, self.begun.elapsed().as_secs_f64());
        match &self.bar {
            Some(bar) => bar.println(line),
            None => eprintln!("{line}"),
        }
    }
}
