//! `igain session`: the purpose and the case of all that a user asks for a while.

mod file;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::{Args, Subcommand};
use igain_protocol::time::Timestamp;
use igain_protocol::vocabulary::Purpose;
use serde::{Deserialize, Serialize};

use super::Error;
use super::output::Output;
use super::page::Page;
use crate::api::Problem;
use crate::api::types::Text;
use crate::office;

/// The longest that a session may last: a working day, however long it is.
const LONGEST: Duration = Duration::from_secs(24 * 3_600);

/// The shortest that makes sense.
const SHORTEST: Duration = Duration::from_secs(60);

#[derive(Debug, Subcommand)]
pub(super) enum Session {
    /// Say why you will ask, once for all questions of the next hours
    Start(Start),
    /// Show the purpose and the case of the session
    Show,
    /// End the session
    End,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Every question is accounted for with the purpose and the case of the session, as if they had been typed with it. Options \
of a command go before the session. To look after the bureau's own records, ask for `oversight`.

Example:
  igain session start --purpose investigation --case NBO/2026/17 --for 4h")]
pub(super) struct Start {
    /// Why you ask: investigation, identify, crime-analysis …
    #[arg(long)]
    purpose: Purpose,
    /// In which case
    #[arg(long)]
    case: String,
    /// How long it lasts, at most a day
    #[arg(long = "for", value_name = "TIME", default_value = "8h", value_parser = lasting)]
    lasts: Duration,
}

/// What the session says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Stated {
    /// Why.
    pub(super) purpose: Text<Purpose>,
    /// In which case.
    pub(super) case: String,
    /// From when on.
    pub(super) started: Text<Timestamp>,
    /// Until when.
    pub(super) until: Text<Timestamp>,
}

/// What became of a session that was to end.
#[derive(Debug, Serialize)]
struct Ended {
    ended: bool,
}

impl Session {
    pub(super) fn execute(self, output: &mut Output) -> Result<(), Error> {
        match self {
            Self::Start(start) => start.execute(output),
            Self::Show => {
                let none =
                    || Problem::absent("session.none", "there is no session. Begin one with `igain session start`");
                output.show(&current()?.ok_or_else(none)?, render)
            }
            Self::End => {
                let ended = Ended { ended: file::remove()? };
                output.show(&ended, |ended, page| {
                    page.line(if ended.ended { "The session has ended." } else { "There was no session." });
                })
            }
        }
    }
}

impl Start {
    fn execute(self, output: &mut Output) -> Result<(), Error> {
        let why = office::Why::new(self.purpose, &self.case).map_err(Problem::from)?;
        let started = now();
        let lasts_ms = u64::try_from(self.lasts.as_millis()).unwrap_or(u64::MAX);
        let stated = Stated {
            purpose: Text(why.purpose()),
            case: why.case().to_owned(),
            started: Text(started),
            until: Text(started.plus_ms(lasts_ms)),
        };
        file::write(&stated)?;
        output.show(&stated, render)
    }
}

/// The session of this user, if there is one that has not ended.
pub(super) fn current() -> Result<Option<Stated>, Error> {
    Ok(file::read()?.filter(|stated| is_current(stated, now())))
}

/// A session that a wrong clock began in the future, or that lasts for ever, is none.
fn is_current(stated: &Stated, now: Timestamp) -> bool {
    let (Text(started), Text(until)) = (stated.started, stated.until);
    let lasts = Duration::from_millis(until.ms_since(started));
    // Times are kept to the second.
    let begun = Timestamp::from_ms(now.as_ms() + 1_000) >= started;
    begun && now < until && lasts <= LONGEST + Duration::from_secs(1)
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_ms(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

fn lasting(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is no time from a minute to a day. Write it like 30m, 8h or 1h30m");
    let parsed: jiff::SignedDuration = text.trim().parse().map_err(|_| wrong())?;
    let lasts = Duration::try_from(parsed).map_err(|_| wrong())?;
    if (SHORTEST..=LONGEST).contains(&lasts) { Ok(lasts) } else { Err(wrong()) }
}

fn render(stated: &Stated, page: &mut Page) {
    page.facts(&[
        ("purpose", format!("{} ({})", stated.purpose, stated.purpose.0.title())),
        ("case", stated.case.clone()),
        ("until", stated.until.to_string()),
    ]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_lasts_from_a_minute_to_a_day() {
        assert_eq!(lasting("8h"), Ok(Duration::from_secs(28_800)));
        assert_eq!(lasting(" 1h30m "), Ok(Duration::from_secs(5_400)));
        assert_eq!(lasting("1m"), Ok(SHORTEST));
        for wrong in ["", "8", "0s", "59s", "25h", "-1h", "8 parsecs", "9999999999999h"] {
            assert!(lasting(wrong).is_err_and(|error| error.contains("8h")), "{wrong}");
        }
    }

    /// Seen to fail when only the end is looked at.
    #[test]
    fn a_session_ends_and_no_clock_or_hand_makes_it_last() {
        let at = |hours: u64| Timestamp::from_ms(hours * 3_600_000);
        let stated = |from, until| Stated {
            purpose: Text(Purpose::Arrest),
            case: "C1".into(),
            started: Text(at(from)),
            until: Text(at(until)),
        };
        assert!(is_current(&stated(100, 108), at(100)));
        assert!(is_current(&stated(100, 108), at(107)));
        assert!(!is_current(&stated(100, 108), at(108)));
        assert!(!is_current(&stated(100, 108), at(99)), "before it began");
        assert!(!is_current(&stated(100, 1_000), at(101)), "longer than any session");
        assert!(!is_current(&stated(108, 100), at(101)));
    }
}
