//! Why somebody asks: as typed, or else as the session says.

use clap::Args;
use igain_protocol::vocabulary::Purpose;

use super::output::Output;
use super::{Error, session};

/// What a command takes of it.
#[derive(Debug, Default, Args)]
pub(super) struct Why {
    /// Why you ask: investigation, identify, crime-analysis … [default: the session's]
    #[arg(long, requires = "case", help_heading = "Why")]
    purpose: Option<Purpose>,
    /// In which case [default: the session's]
    #[arg(long, requires = "purpose", help_heading = "Why")]
    case: Option<String>,
}

/// A purpose and a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stated {
    pub(super) purpose: Purpose,
    pub(super) case: String,
}

impl Stated {
    /// As options of a call.
    pub(super) fn options(&self) -> [(&'static str, &str); 2] {
        [("purpose", self.purpose.code()), ("case", &self.case)]
    }
}

impl Why {
    /// What was typed, or else what the session says, which is then told.
    pub(super) fn state(self, output: &mut Output) -> Result<Stated, Error> {
        if let (Some(purpose), Some(case)) = (self.purpose, self.case) {
            return Ok(Stated { purpose, case });
        }
        let Some(session) = session::current()? else {
            return Err(Error::Usage(
                "say why you ask: give --purpose and --case, or begin with `igain session start --purpose … --case …`"
                    .into(),
            ));
        };
        output.say(&format!("For {}, case {}: the session's, until {}.", session.purpose, session.case, session.until));
        Ok(Stated { purpose: session.purpose.0, case: session.case })
    }
}
