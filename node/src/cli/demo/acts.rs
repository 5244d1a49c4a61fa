//! What the three bureaus do, in order. Every act asks the daemons over their APIs, as the commands do.

use std::collections::BTreeMap;
use std::time::Duration;

use igain_protocol::caf::Role;
use igain_protocol::vocabulary::{CrimeArea, Kind, Purpose, Reason, Scheme};
use tokio::time::Instant;

use super::cast;
use super::failed;
use super::report::{Check, Compared, Found, From, Held, Kept, Report, Withdrawn};
use super::samples;
use super::stage::{Bureau, PATIENCE, POLL, Stage, write};
use super::steps::Steps;
use crate::api::client;
use crate::api::types::{
    Answer, AuditEntries, AuditSummary, Caf, Card, Enrolment, Explanation, HolderState, Holders, Identifier,
    Invitation, Invited, Join, MemberState, NewCaf, Peer, PolicyChange, PolicyText, Question, Record, Records, Status,
    Text, Withdrawal,
};
use crate::cli::{Error, import};

/// How long the CAF of the demonstration lives.
const CAF_DAYS: u32 = 365;

/// Plays all acts.
pub(super) async fn play(stage: &mut Stage, steps: &mut Steps) -> Result<Report, Error> {
    let begun = Instant::now();
    steps.step("three bureaus started, each with its own keys, store and sockets");
    stage.start().await?;
    steps.step("each enrolled the cards of the others, fingerprints compared");
    enrol(stage).await?;
    steps.step("KE opened a crime analysis file; FR joined all of it, BR a part");
    let caf = open_caf(stage).await?;
    steps.step("each imported its sample records");
    let mut checks = import_samples(stage, &caf).await?;
    steps.step("each applied its own policy");
    let granted = apply_policies(stage).await?;
    steps.step("they replicated what policy grants, and nothing else");
    replicate(stage, &granted).await?;
    let mut bureaus = Vec::new();
    for bureau in stage.bureaus() {
        bureaus.push(held(bureau, &granted).await?);
    }
    let exact = |held: &Held| held.received.iter().all(|from| from.whole + from.redacted == from.granted);
    checks.push(check("every bureau holds exactly what policy grants it", bureaus.iter().all(exact)));
    steps.step("one record was compared at its owner and at the others");
    let compared = compare(stage, &mut checks).await?;
    let kept = keep(stage, &mut checks).await?;
    steps.step("a record was withdrawn, and the receipts came back");
    let withdrawn = withdraw(stage, &mut checks).await?;
    steps.step("FR found a phone number of KE, and the audit log has it");
    let found = ask(stage, &mut checks).await?;
    verify_audit(stage, &mut checks).await?;
    let took_ms = milliseconds(begun.elapsed());
    Ok(Report { bureaus, compared, kept, withdrawn, found, checks, took_ms })
}

fn check(what: &str, holds: bool) -> Check {
    Check { what: what.to_owned(), holds }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// Asks again and again until the answer is as it should be.
async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Result<Option<T>, Error>) -> Result<T, Error> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look().await? {
            return Ok(found);
        }
        if Instant::now() > deadline {
            return Err(failed(format!("waited in vain until {what}")));
        }
        tokio::time::sleep(POLL).await;
    }
}

async fn enrol(stage: &Stage) -> Result<(), Error> {
    let mut cards = Vec::new();
    for bureau in stage.bureaus() {
        let card: Card = bureau.client.get("/v1/card").await?;
        write(&bureau.folder.join("own.card"), &card.armor)?;
        cards.push(card);
    }
    for bureau in stage.bureaus() {
        for card in cards.iter().filter(|card| card.bureau.0 != bureau.id) {
            let (card, fingerprint) = (card.armor.clone(), card.fingerprint.clone());
            let enrolment = Enrolment { card, fingerprint, tags: Vec::new() };
            let _: Peer = bureau.client.post("/v1/peers", &enrolment).await?;
        }
    }
    Ok(())
}

async fn open_caf(stage: &Stage) -> Result<Caf, Error> {
    let ke = stage.bureau(cast::OWNER)?;
    let now: Status = ke.client.get("/v1/status").await?;
    let new = NewCaf {
        name: cast::CAF_NAME.into(),
        purpose: Text(Purpose::CrimeAnalysis),
        crime_area: Text(CrimeArea::Cocaine),
        scope: cast::CAF_SCOPE.into(),
        closes: Text(now.clock.now.0.day().plus_days(CAF_DAYS)),
        kinds: Vec::new(),
        categories: Vec::new(),
    };
    let caf: Caf = ke.client.post("/v1/cafs", &new).await?;
    let guests = || stage.bureaus().iter().filter(|bureau| bureau.id != ke.id);
    let members = guests().map(|bureau| Invited { bureau: Text(bureau.id), role: Text(Role::Contributor) }).collect();
    let call = format!("/v1/cafs/{}", caf.id);
    let _: Caf = ke.client.post(&format!("{call}/invite"), &Invitation { members }).await?;
    for bureau in guests() {
        until("the invitation came", async || absent(bureau.client.get::<Caf>(&call).await)).await?;
        let join = Join { only: Text(bureau.part.only.parse().map_err(failed)?) };
        let _: Caf = bureau.client.post(&format!("{call}/join"), &join).await?;
    }
    for bureau in stage.bureaus() {
        let what = format!("{} knew who joined", bureau.id);
        until(&what, async || {
            let caf: Caf = bureau.client.get(&call).await?;
            let joined = caf.members.iter().filter(|member| member.state == MemberState::Joined);
            Ok((joined.count() == guests().count()).then_some(()))
        })
        .await?;
    }
    Ok(caf)
}

/// Nothing where the daemon does not know what was asked for.
fn absent<T>(answer: Result<T, client::Error>) -> Result<Option<T>, Error> {
    match answer {
        Ok(found) => Ok(Some(found)),
        Err(client::Error::Refused(problem)) if problem.is_absent() => Ok(None),
        Err(error) => Err(error.into()),
    }
}

async fn import_samples(stage: &Stage, caf: &Caf) -> Result<Vec<Check>, Error> {
    let mut all = true;
    for bureau in stage.bureaus() {
        for sample in samples::of(bureau.part.folder) {
            let (file, mapping) = (bureau.folder.join(sample.name), bureau.folder.join(sample.mapping_name));
            write(&file, sample.text)?;
            write(&mapping, sample.mapping)?;
            let report = import::silently(&bureau.client, &file, &mapping, &[("caf", &caf.id.to_string())]).await?;
            all &= report.rejected == 0 && report.warnings == 0 && report.added > 0;
        }
    }
    Ok(vec![check("every row of the sample files made its records", all)])
}

/// How many records each bureau's policy gives each other: by owner, then receiver.
type Granted = BTreeMap<(String, String), u64>;

async fn apply_policies(stage: &Stage) -> Result<Granted, Error> {
    let mut granted = Granted::new();
    for bureau in stage.bureaus() {
        let policy = PolicyText { file: "policy.cedar".into(), text: bureau.part.policy.into() };
        let change: PolicyChange = bureau.client.post("/v1/policy/apply", &policy).await?;
        for row in change.changes.iter().filter(|row| !row.gained.0.is_empty()) {
            *granted.entry((bureau.id.to_string(), row.peer.to_string())).or_default() += row.records;
        }
    }
    Ok(granted)
}

/// Waits until everybody holds as many records of each other as policy grants.
async fn replicate(stage: &Stage, granted: &Granted) -> Result<(), Error> {
    for bureau in stage.bureaus() {
        let wanted: BTreeMap<&str, u64> = granted
            .iter()
            .filter(|((_, to), _)| to == bureau.id.as_str())
            .map(|((owner, _), records)| (owner.as_str(), *records))
            .collect();
        let what = format!("{} held all that it is granted", bureau.id);
        until(&what, async || {
            let status: Status = bureau.client.get("/v1/status").await?;
            let has = |owner: &str| status.records.iter().find(|count| count.owner.0.as_str() == owner);
            let there = |(owner, records): (&&str, &u64)| has(owner).is_some_and(|count| count.records >= *records);
            Ok((wanted.iter().all(there) && status.store.index_behind == 0).then_some(()))
        })
        .await?;
    }
    Ok(())
}

/// Asks a bureau for all that it holds, owner by owner.
async fn held(bureau: &Bureau, granted: &Granted) -> Result<Held, Error> {
    let status: Status = bureau.client.get("/v1/status").await?;
    let mut held = Held { bureau: bureau.id.to_string(), name: status.name, own: 0, received: Vec::new() };
    for count in &status.records {
        if count.owner.0 == bureau.id {
            held.own = count.records;
            continue;
        }
        let question = Question { owners: vec![count.owner], limit: 1_000, ..question("DEMO-COUNT") };
        let answer: Answer = bureau.client.post("/v1/query", &question).await?;
        let redacted = answer.hits.iter().filter(|hit| hit.redacted).count() as u64;
        let owner = count.owner.to_string();
        let granted = granted.get(&(owner.clone(), held.bureau.clone())).copied().unwrap_or_default();
        held.received.push(From { owner, whole: answer.hits.len() as u64 - redacted, redacted, granted });
    }
    Ok(held)
}

fn question(case: &str) -> Question {
    Question {
        purpose: Text(Purpose::CrimeAnalysis),
        case: case.into(),
        identifier: None,
        name: None,
        loose: false,
        kinds: Vec::new(),
        owners: Vec::new(),
        cafs: Vec::new(),
        from: None,
        to: None,
        limit: 10,
    }
}

/// The one record that a question finds at its owner.
async fn find(owner: &Bureau, question: Question) -> Result<Record, Error> {
    let question = Question { owners: vec![Text(owner.id)], ..question };
    let answer: Answer = owner.client.post("/v1/query", &question).await?;
    let nothing = || failed(format!("{} does not find {question:?}", owner.id));
    answer.hits.into_iter().next().ok_or_else(nothing)
}

fn by_identifier(kind: Kind, scheme: Scheme, value: &str) -> Question {
    let identifier = Some(Identifier { scheme: Text(scheme), value: value.into() });
    Question { identifier, kinds: vec![Text(kind)], ..question("DEMO-1") }
}

/// A record as a bureau holds it; none where it does not know it.
async fn shown(bureau: &Bureau, record: &Record) -> Result<Option<Record>, Error> {
    let call = format!("/v1/records/{}?purpose={}&case=DEMO-1", record.id, Purpose::CrimeAnalysis.code());
    let found = absent(bureau.client.get::<Records>(&call).await)?;
    Ok(found.and_then(|found| found.records.into_iter().next()))
}

async fn compare(stage: &Stage, checks: &mut Vec<Check>) -> Result<Compared, Error> {
    let (ke, fr, br) = (stage.bureau("KE")?, stage.bureau("FR")?, stage.bureau("BR")?);
    let person = find(ke, by_identifier(Kind::Person, Scheme::Passport, cast::PERSON_PASSPORT)).await?;
    let missing = |bureau: &Bureau| failed(format!("{} does not hold {}", bureau.id, person.id));
    let at_fr = shown(fr, &person).await?.ok_or_else(|| missing(fr))?;
    let at_br = shown(br, &person).await?.ok_or_else(|| missing(br))?;
    checks.push(check("FR holds the compared record whole", at_fr.fields == person.fields && !at_fr.redacted));
    let fewer = at_br.fields.len() < person.fields.len();
    let same = at_br.fields.iter().all(|field| person.fields.contains(field));
    let granted = |field: &crate::api::types::Field| field.group.is_some_and(|group| at_br.granted.0.contains(group.0));
    let only = at_br.redacted && at_br.fields.iter().all(granted);
    checks.push(check("BR holds of it what its groups grant, and nothing else", fewer && same && only));
    Ok(Compared { owner: person, others: vec![("FR".into(), at_fr), ("BR".into(), at_br)] })
}

async fn keep(stage: &Stage, checks: &mut Vec<Check>) -> Result<Kept, Error> {
    let (ke, fr, br) = (stage.bureau("KE")?, stage.bureau("FR")?, stage.bureau("BR")?);
    let question = Question { name: Some(cast::KEPT_NAME.into()), ..question("DEMO-1") };
    let record = find(ke, question).await?;
    checks.push(check("FR holds the record that is kept from BR", shown(fr, &record).await?.is_some()));
    let call = format!("/v1/records/{}?purpose={}&case=DEMO-1", record.id, Purpose::CrimeAnalysis.code());
    let answer = match br.client.get::<Records>(&call).await {
        Ok(_) => "found".to_owned(),
        Err(error) => error.to_string(),
    };
    checks.push(check("BR does not know the record that is kept from it", shown(br, &record).await?.is_none()));
    let why = format!("purpose={}&case=DEMO-1", Purpose::Oversight.code());
    let call = format!("/v1/records/{}/explain/{}?{why}", record.id, br.id);
    let explanation: Explanation = ke.client.get(&call).await?;
    checks.push(check("policy explains why", explanation.granted.0.is_empty()));
    Ok(Kept { record, given_to: "FR".into(), kept_from: "BR".into(), answer, explanation })
}

async fn withdraw(stage: &Stage, checks: &mut Vec<Check>) -> Result<Withdrawn, Error> {
    let ke = stage.bureau("KE")?;
    let record = find(ke, by_identifier(Kind::Vehicle, Scheme::Plate, cast::WITHDRAWN_PLATE)).await?;
    let call = format!("/v1/records/{}", record.id);
    let before: Holders = ke.client.get(&format!("{call}/holders")).await?;
    let begun = Instant::now();
    let withdrawal = Withdrawal { reason: Text(Reason::Incorrect) };
    let _: Holders = ke.client.post(&format!("{call}/withdraw"), &withdrawal).await?;
    let after = until("every holder has signed that it purged the record", async || {
        let holders: Holders = ke.client.get(&format!("{call}/holders")).await?;
        let purged = holders.holders.iter().all(|holder| holder.state == HolderState::Purged);
        Ok(purged.then_some(holders))
    })
    .await?;
    let took_ms = milliseconds(begun.elapsed());
    checks.push(check("FR and BR had the record that was withdrawn", before.holders.len() == 2));
    checks.push(check("both answered with a receipt", after.holders.len() == 2));
    for bureau in stage.bureaus() {
        let gone = shown(bureau, &record).await?.is_none();
        checks.push(check(&format!("the withdrawn record is gone from {}", bureau.id), gone));
    }
    Ok(Withdrawn { record, before, after, took_ms })
}

async fn ask(stage: &Stage, checks: &mut Vec<Check>) -> Result<Found, Error> {
    let fr = stage.bureau("FR")?;
    let identifier = Some(Identifier { scheme: Text(Scheme::Phone), value: cast::PHONE.into() });
    let question = Question { identifier, ..question(cast::CASE) };
    let answer: Answer = fr.client.post("/v1/query", &question).await?;
    let of_ke = answer.hits.iter().any(|hit| hit.owner.0.as_str() == "KE");
    checks.push(check("FR finds the phone number of KE, spelled in another way", of_ke));
    let call = format!("/v1/audit?from={}&limit=1", answer.audit);
    let entries: AuditEntries = fr.client.get(&call).await?;
    let nothing = || failed("the question left no entry in the audit log");
    let entry = entries.entries.into_iter().next().ok_or_else(nothing)?;
    let accounted = entry.case.as_deref() == Some(cast::CASE) && entry.action == "query";
    checks.push(check("the question is accounted for with its purpose and case", accounted));
    let typed = format!(
        "igain query --phone '{}' --purpose {} --case {}",
        cast::PHONE,
        Purpose::CrimeAnalysis.code(),
        cast::CASE
    );
    Ok(Found { bureau: "FR".into(), typed, hits: answer.hits, entry })
}

async fn verify_audit(stage: &Stage, checks: &mut Vec<Check>) -> Result<(), Error> {
    let mut intact = true;
    for bureau in stage.bureaus() {
        let summary: AuditSummary = bureau.client.post("/v1/audit/verify", &serde_json::json!({})).await?;
        intact &= summary.intact;
    }
    checks.push(check("all three audit logs are intact", intact));
    Ok(())
}
