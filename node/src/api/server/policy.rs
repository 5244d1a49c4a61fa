//! Planning, applying, showing and explaining policy.

use std::io::ErrorKind;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Json;
use axum::extract::State;
use igain_protocol::bureau::BureauId;
use igain_protocol::record::RecordId;

use super::given::{Acting, Asking, Given, NamedPair};
use super::{App, blocking};
use crate::api::Problem;
use crate::api::types::{
    Explanation, PlanRow, PolicyChange, PolicyFile, PolicyFileState, PolicyInForce, PolicyText, Rule,
};
use crate::office::Deed;
use crate::{office, policy};

pub(super) async fn show(State(app): State<App>) -> Result<Json<PolicyInForce>, Problem> {
    let (policy, file) = (app.office().policy(), app.policy_file().await?);
    blocking(move || {
        Ok(Json(PolicyInForce {
            text: policy.text().to_owned(),
            sha256: hex(&policy.sha256()),
            file,
            rules: policy.rules().map(Rule::from).collect(),
        }))
    })
    .await
}

pub(super) async fn plan(
    State(app): State<App>,
    Given(given): Given<PolicyText>,
) -> Result<Json<PolicyChange>, Problem> {
    app.work(move |office| {
        let sha256 = hex(&office.check_policy(&given.text, &given.file)?.sha256());
        let rows = office.plan_policy(&given.text, &given.file)?;
        Ok(Json(change(sha256, false, rows)))
    })
    .await
}

pub(super) async fn apply(
    State(app): State<App>,
    Acting(actor): Acting,
    Given(given): Given<PolicyText>,
) -> Result<Json<PolicyChange>, Problem> {
    let path = app.config().policy.clone();
    let changed = app
        .change(move |office| {
            let sha256 = hex(&office.check_policy(&given.text, &given.file)?.sha256());
            let rows = office.apply_policy(actor, &given.text, &given.file)?;
            keep(&path, &given.text);
            Ok(change(sha256, true, rows))
        })
        .await?;
    Ok(Json(changed))
}

/// Writes the policy in force to the file that SIGHUP reads, so that both say the same.
fn keep(path: &Path, text: &str) {
    if std::fs::read_to_string(path).is_ok_and(|found| found == text) {
        return;
    }
    let draft = path.with_extension("cedar.new");
    let written = std::fs::write(&draft, text).and_then(|()| std::fs::rename(&draft, path));
    if let Err(error) = written {
        tracing::warn!(path = %path.display(), %error, "the policy is in force, but its file could not be brought in line");
    }
}

pub(super) async fn explain(
    State(app): State<App>,
    Acting(actor): Acting,
    NamedPair(record, peer): NamedPair<RecordId, BureauId>,
    Asking(why): Asking,
) -> Result<Json<Explanation>, Problem> {
    app.work(move |office| {
        let (label, explanation) = office.explain(record, peer)?;
        office.account(Deed::new(actor, "policy.explain").why(&why).record(record).peer(peer))?;
        Ok(Json(Explanation::new(record, &label, explanation)))
    })
    .await
}

fn change(sha256: String, applied: bool, rows: Vec<office::PlanRow>) -> PolicyChange {
    PolicyChange { sha256, applied, changes: rows.into_iter().map(PlanRow::from).collect() }
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What was found in the policy file last: it is checked again only once it says something else.
#[derive(Clone, Default)]
pub(super) struct LastFile(Arc<Mutex<Option<(Vec<u8>, Verdict)>>>);

/// Whether a policy has no rule of the administrator's, or what is wrong with it.
type Verdict = Result<bool, String>;

impl LastFile {
    /// How the file stands to the policy in force.
    fn beside(&self, path: &Path, policy: &policy::Policy) -> (PolicyFileState, Option<String>) {
        let nothing = is_empty(policy);
        let bytes = match policy::Policy::read(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return (if nothing { PolicyFileState::Empty } else { PolicyFileState::Absent }, None);
            }
            Err(error) => return (PolicyFileState::Refused, Some(format!("{}: {error}", path.display()))),
        };
        if bytes == policy.text().as_bytes() {
            return (if nothing { PolicyFileState::Empty } else { PolicyFileState::InForce }, None);
        }
        match self.judge(bytes, &path.display().to_string()) {
            Ok(true) if nothing => (PolicyFileState::Empty, None),
            Ok(_) => (PolicyFileState::Differs, None),
            Err(why) => (PolicyFileState::Refused, Some(why)),
        }
    }

    fn judge(&self, bytes: Vec<u8>, name: &str) -> Verdict {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, verdict)) = last.as_ref().filter(|(known, _)| *known == bytes) {
            return verdict.clone();
        }
        let file = policy::Policy::of_bytes(&bytes, name);
        let verdict = file.map(|file| is_empty(&file)).map_err(|error| error.to_string());
        last.insert((bytes, verdict)).1.clone()
    }
}

fn is_empty(policy: &policy::Policy) -> bool {
    policy.rules().all(|rule| rule.author == policy::Author::Baseline)
}

impl App {
    /// How the policy file stands to the policy in force.
    ///
    /// # Errors
    /// None: what is wrong with the file is what it answers.
    pub async fn policy_file(&self) -> Result<PolicyFile, Problem> {
        let (policy, path, last) = (self.office().policy(), self.config().policy.clone(), self.policy_file.clone());
        blocking(move || {
            let (state, why) = last.beside(&path, &policy);
            Ok(PolicyFile { path: path.display().to_string(), state, why })
        })
        .await
    }

    /// Puts the policy file in force, as on SIGHUP.
    ///
    /// # Errors
    /// Where the file is refused; the policy in force then stays.
    pub async fn reload_policy(&self) -> Result<usize, Problem> {
        let path = self.config().policy.clone();
        let changes = self
            .change(move |office| {
                let policy = policy::Policy::load(&path).map_err(office::Error::Policy)?;
                if policy.text() == office.policy().text() {
                    return Ok(0);
                }
                Ok(office.apply_policy(office::Actor::Node, policy.text(), policy.file())?.len())
            })
            .await?;
        Ok(changes)
    }
}
