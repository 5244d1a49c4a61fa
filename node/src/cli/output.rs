//! What is printed: data on stdout, talk on stderr.

use std::io::{self, IsTerminal as _, Write};

use serde::Serialize;

use super::Error;
use super::page::{Page, Style};

/// Where a command prints to.
pub(super) struct Output {
    out: Box<dyn Write>,
    err: Box<dyn Write>,
    json: bool,
    style: Style,
    talk_style: Style,
}

impl Output {
    /// To this process's stdout and stderr. Colour only where a person looks.
    pub(super) fn of_process(json: bool) -> Self {
        let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let style = |terminal: bool| if terminal && !plain { Style::Colour } else { Style::Plain };
        Self {
            out: Box::new(io::stdout().lock()),
            err: Box::new(io::stderr()),
            json,
            style: style(io::stdout().is_terminal()),
            talk_style: style(io::stderr().is_terminal()),
        }
    }

    /// Whether JSON is wanted.
    pub(super) const fn is_json(&self) -> bool {
        self.json
    }

    /// Prints `what`: as JSON, or as `render` writes it.
    pub(super) fn show<T: Serialize>(&mut self, what: &T, render: impl FnOnce(&T, &mut Page)) -> Result<(), Error> {
        if self.json {
            return self.json(what);
        }
        let mut page = Page::new(self.style);
        render(what, &mut page);
        self.bytes(page.text().as_bytes())
    }

    /// Prints `what` as JSON.
    pub(super) fn json<T: Serialize>(&mut self, what: &T) -> Result<(), Error> {
        let mut text = serde_json::to_vec_pretty(what).map_err(|error| Error::Print(error.into()))?;
        text.push(b'\n');
        self.bytes(&text)
    }

    /// Prints `what` as one line of JSON.
    pub(super) fn json_line<T: Serialize>(&mut self, what: &T) -> Result<(), Error> {
        let mut text = serde_json::to_vec(what).map_err(|error| Error::Print(error.into()))?;
        text.push(b'\n');
        self.bytes(&text)
    }

    /// Prints data as it is.
    pub(super) fn bytes(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.out.write_all(bytes).and_then(|()| self.out.flush()).map_err(Error::Print)
    }

    /// Says something to whoever runs the command.
    pub(super) fn say(&mut self, text: &str) {
        // Talk that nobody hears is no failure.
        let _ = writeln!(self.err, "{text}");
    }

    /// Says something laid out.
    pub(super) fn talk(&mut self, render: impl FnOnce(&mut Page)) {
        let mut page = Page::new(self.talk_style);
        render(&mut page);
        let _ = self.err.write_all(page.text().as_bytes());
    }

    /// Says why the command failed.
    pub(super) fn complain(&mut self, error: &Error) {
        if error.is_silent() {
            return;
        }
        if self.json {
            let problem = serde_json::to_string(&error.problem()).unwrap_or_default();
            return self.say(&problem);
        }
        self.talk(|page| {
            let text = error.to_string();
            let mut lines = text.lines();
            page.line(&format!("{} {}", page.bad("error:"), lines.next().unwrap_or_default()));
            lines.for_each(|line| page.line(&format!("       {line}")));
        });
    }
}
