//! Asking whoever runs the command.

use std::io::{self, BufRead as _, IsTerminal as _, Read as _};

use super::Error;
use super::output::Output;

/// Most bytes of an answer.
const ANSWER_LIMIT: u64 = 1_024;

/// Goes on where `yes` was given or the answer to the question is yes. Where nobody can be asked, it does not: `undone` says
/// what is as before.
pub(super) fn unless(yes: bool, output: &mut Output, question: &str, undone: &str) -> Result<(), Error> {
    match yes || confirm(output, question, "Give --yes.")? {
        true => Ok(()),
        false => Err(Error::Declined(undone.into())),
    }
}

/// Whether somebody can be asked.
pub(super) fn can_ask() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Asks until the answer is yes or no. `instead` says what to do where nobody can be asked.
pub(super) fn confirm(output: &mut Output, question: &str, instead: &str) -> Result<bool, Error> {
    if !can_ask() {
        return Err(Error::Declined(format!("there is nobody to ask: {question} {instead}")));
    }
    loop {
        output.say(&format!("{question} [yes/no]"));
        let mut answer = String::new();
        let read = io::stdin().lock().take(ANSWER_LIMIT).read_line(&mut answer).map_err(Error::Print)?;
        match answer.trim().to_lowercase().as_str() {
            "yes" | "y" => return Ok(true),
            "no" | "n" => return Ok(false),
            _ if read == 0 => return Ok(false),
            _ => {}
        }
    }
}
