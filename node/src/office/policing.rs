//! The policy in force: checking, planning, applying, explaining.

use igain_protocol::bureau::BureauId;
use igain_protocol::label::Label;
use igain_protocol::record::RecordId;
use igain_protocol::vocabulary::GroupSet;

use super::{Actor, Deed, Error, Office};
use crate::ledger::{Ledger, RecordKey};
use crate::policy::{Explanation, Plan, Policy};

/// The name under which problems in a stored policy are reported.
const STORED: &str = "the policy in force";

/// One line of a plan: what a bureau would gain or lose of a class.
#[derive(Debug, Clone)]
pub struct PlanRow {
    /// The bureau.
    pub peer: BureauId,
    /// The label of the class.
    pub label: Label,
    /// The groups of fields that it would get besides.
    pub gained: GroupSet,
    /// The groups of fields that would be purged there.
    pub lost: GroupSet,
    /// How many records of this bureau that concerns now.
    pub records: u64,
    /// The rules that decide, as `id (file:line)`.
    pub because: Vec<String>,
}

/// The policy in the books; one that permits nothing before the first was applied.
pub(super) fn load(ledger: &Ledger) -> Result<Policy, Error> {
    let text = ledger.policy()?.unwrap_or_default();
    Policy::parse(&text, STORED).map_err(Error::Policy)
}

impl Office {
    /// Checks a policy file.
    ///
    /// # Errors
    /// Every problem with its file, line and column.
    pub fn check_policy(&self, text: &str, file: &str) -> Result<Policy, Error> {
        Policy::parse(text, file).map_err(Error::Policy)
    }

    /// Says what a policy would change, before anything is changed.
    ///
    /// # Errors
    /// Where the policy is refused.
    pub fn plan_policy(&self, text: &str, file: &str) -> Result<Vec<PlanRow>, Error> {
        Ok(self.plan(&self.check_policy(text, file)?))
    }

    fn plan(&self, policy: &Policy) -> Vec<PlanRow> {
        let scene = self.scene(None);
        let (subjects, today) = (scene.subjects(), self.now().day());
        let before = self.policy().entitle_all(&subjects, &scene.peers, today);
        let after = policy.entitle_all(&subjects, &scene.peers, today);
        let records: Vec<u64> = scene.classes.iter().map(|(_, _, count)| *count).collect();
        let rows = Plan::diff(&before, &after, &records).changes.into_iter().filter_map(|change| {
            let (peer, label) = (scene.peers.get(change.peer)?.id, &scene.classes.get(change.class)?.1);
            scene.wants(peer, label, self.me()).then(|| PlanRow {
                peer,
                label: label.clone(),
                gained: change.gained,
                lost: change.lost,
                records: change.records,
                because: change
                    .because
                    .iter()
                    .map(|rule| format!("{} ({}:{})", rule.id, rule.file, rule.line))
                    .collect(),
            })
        });
        rows.collect()
    }

    /// Puts a policy in force. Replication, which hears of it, brings every peer's view in line.
    ///
    /// # Errors
    /// Where the policy is refused; the one in force then stays.
    pub fn apply_policy(&self, actor: Actor, text: &str, file: &str) -> Result<Vec<PlanRow>, Error> {
        let policy = self.check_policy(text, file)?;
        // What it changes is reckoned before others are held off; if something came between, once more.
        let (standing, rows) = (self.standing(), self.plan(&policy));
        let mut turn = self.turn()?;
        let rows = if self.standing() == standing { rows } else { self.plan(&policy) };
        let digest: String = policy.sha256().iter().map(|byte| format!("{byte:02x}")).collect();
        turn.account(Deed::new(actor, "policy.apply").with("sha256", digest).with("changes", rows.len()));
        self.ledger().put_policy(&mut turn.batch, text);
        turn.standing().policy = Some(std::sync::Arc::new(policy));
        turn.commit_now()?;
        Ok(rows)
    }

    /// Which rules decide what a bureau gets of a record of this one.
    ///
    /// # Errors
    /// Where there is no such record of this bureau's own, or the bureau is not enrolled.
    pub fn explain(&self, id: RecordId, peer: BureauId) -> Result<(Label, Explanation), Error> {
        let row = self.ledger().record(RecordKey { id, owner: self.me() })?.ok_or(Error::UnknownRecord(id))?;
        let label = row.record()?.header().label.clone();
        let scene = self.scene(None);
        let known = scene.peers.iter().find(|known| known.id == peer).ok_or(Error::UnknownPeer(peer))?;
        let explanation = self.policy().explain(&scene.subject(&label), known, self.now().day());
        Ok((label, explanation))
    }
}
