//! Answering analysts.

use axum::Json;
use axum::extract::State;

use super::App;
use super::given::{Acting, Given};
use crate::api::Problem;
use crate::api::types::{Answer, Question, Record, Text};
use crate::office::{self, Actor, NameQuery};

pub(super) async fn ask(
    State(app): State<App>,
    Acting(actor): Acting,
    Given(question): Given<Question>,
) -> Result<Json<Answer>, Problem> {
    let most = usize::try_from(app.config().limits.query_hits).unwrap_or(usize::MAX);
    let question = read(question, actor, most);
    app.work(move |office| {
        let answer = office.ask(&question)?;
        let now = office.now();
        let hits = answer.hits.iter().map(|hit| Record::new(hit, now)).collect();
        Ok(Json(Answer { hits, more: answer.more, audit: answer.audit, at: Text(now) }))
    })
    .await
}

fn read(question: Question, actor: Actor, most: usize) -> office::Question {
    let loose = question.loose;
    office::Question {
        actor,
        purpose: question.purpose.0,
        case: question.case,
        identifier: question.identifier.map(|identifier| (identifier.scheme.0, identifier.value)),
        name: question.name.map(|text| NameQuery { text, loose }),
        kinds: question.kinds.into_iter().map(|Text(kind)| kind).collect(),
        owners: question.owners.into_iter().map(|Text(owner)| owner).collect(),
        cafs: question.cafs.into_iter().map(|Text(caf)| caf).collect(),
        from: question.from.map(|Text(day)| day),
        to: question.to.map(|Text(day)| day),
        limit: question.limit.min(most),
    }
}
