//! `igain clock`.

use clap::Subcommand;
use igain_protocol::time::Timestamp;

use super::context::Context;
use super::output::Output;
use super::page::Page;
use super::words::{age, plural};
use super::{Error, ask};
use crate::api::Problem;
use crate::api::types::{self, ClockDecision, ClockMoved, OtherClock, Text};
use crate::office;

#[derive(Debug, Subcommand)]
pub(super) enum Clock {
    /// Show what the node takes for now, and what the clocks say
    #[command(after_help = "\
The node goes by the time that it noted last and what has passed since by the boot clock. A system clock that jumps without \
an explanation is doubted: what has ended by either is hidden, nothing is destroyed, and what is signed bears the time that \
is explained. It is believed again when it is put right, when other bureaus agree with it, or by `accept` or `reset`.

Example:
  igain clock show")]
    Show,
    /// Say that the system's clock, which is ahead, is right
    #[command(after_help = "\
Do this after the machine was off for long and nobody can be asked. What has ended by then is removed after three days, in which `igain clock reset` undoes this once the clock is put back.

Example:
  igain clock accept")]
    Accept {
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Say that the system's clock, which is behind, is right
    #[command(after_help = "\
Do this where the node went by a clock that was ahead.

Example:
  igain clock reset")]
    Reset {
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

impl Clock {
    pub(super) fn execute(self, context: &Context, output: &mut Output) -> Result<(), Error> {
        match self {
            Self::Show => output.show(&state(context)?, render),
            Self::Accept { yes } => {
                let state = doubted(context, false)?;
                let hidden = plural(state.hidden, "record", "records");
                let question = format!(
                    "Take the system's clock, {}, for right? It is {} ahead of what is explained. What has ended by it, at most \
                     {hidden}, is removed in three days.",
                    state.system,
                    age(state.system.0.ms_since(state.now.0) / 1_000)
                );
                decide(context, output, "accept", &question, yes, state.system)
            }
            Self::Reset { yes } => {
                let state = doubted(context, true)?;
                let question = format!(
                    "Take the system's clock, {}, for right? The node goes back by {} to it.",
                    state.system,
                    age(state.now.0.ms_since(state.system.0) / 1_000)
                );
                decide(context, output, "reset", &question, yes, state.system)
            }
        }
    }
}

fn state(context: &Context) -> Result<types::Clock, Error> {
    let client = context.client()?;
    context.block_on(async { Ok(client.get("/v1/clock").await?) })
}

/// The state, where there is something to decide: nobody is asked about what the node would refuse.
fn doubted(context: &Context, back: bool) -> Result<types::Clock, Error> {
    let state = state(context)?;
    match office::Error::of_clock(back, state.doubted.map(|since| since.0), state.system.0, state.now.0) {
        None => Ok(state),
        Some(error) => Err(Problem::from(error).into()),
    }
}

fn decide(
    context: &Context,
    output: &mut Output,
    what: &str,
    question: &str,
    yes: bool,
    system: Text<Timestamp>,
) -> Result<(), Error> {
    ask::unless(yes, output, question, "the clock was left as it is")?;
    let client = context.client()?;
    let call = format!("/v1/clock/{what}");
    let moved: ClockMoved = context.block_on(async { Ok(client.post(&call, &ClockDecision { system }).await?) })?;
    output.show(&moved, |moved, page| {
        page.line(&format!(
            "The node takes {} for now; before, it was {}.",
            page.strong(&moved.to.to_string()),
            moved.from
        ));
    })
}

fn render(clock: &types::Clock, page: &mut Page) {
    let system = match clock.doubted {
        None => format!("{}, believed", clock.system),
        Some(since) => {
            let off = match clock.system.0 < clock.now.0 {
                true => format!("{} behind", age(clock.now.0.ms_since(clock.system.0) / 1_000)),
                false => format!("{} ahead", age(clock.system.0.ms_since(clock.now.0) / 1_000)),
            };
            page.bad(&format!("{}, {off}, doubted since {since}", clock.system))
        }
    };
    let destroys = match clock.destroys {
        Some(before) => format!("what ended before {before}"),
        None => "nothing: the clock is doubted, others say another time, or it jumped in the last three days".into(),
    };
    page.facts(&[
        ("the node's time", clock.now.to_string()),
        ("the system's clock", system),
        ("removed now", destroys),
    ]);
    if clock.hidden > 0 {
        let hidden = plural(clock.hidden, "record", "records");
        page.line(&format!(
            "What has ended by the system's clock alone, at most {hidden}, is hidden until it is decided on."
        ));
    }
    if !clock.others.is_empty() {
        page.blank();
        page.table(["BUREAU", "ITS CLOCK SAYS", "WHICH IS"], &clock.others.iter().map(row).collect::<Vec<_>>());
    }
    if let Some(what) = clock.doubted.map(|_| if clock.system.0 < clock.now.0 { "reset" } else { "accept" }) {
        page.blank();
        page.line(&format!("Put the system's clock right (NTP, timedatectl). If it is right: igain clock {what}"));
    }
}

fn row(other: &OtherClock) -> [String; 3] {
    let which = match (other.as_system, other.as_now) {
        (true, true) => "the same here",
        (true, false) => "what the system's clock says",
        (false, true) => "what the node goes by",
        (false, false) => "another time",
    };
    [other.bureau.to_string(), other.says.to_string(), which.into()]
}
