//! Crime Analysis Files: opening them, inviting members, joining and leaving.

use std::collections::BTreeMap;

use igain_protocol::bureau::{BureauId, VerifyingKey};
use igain_protocol::caf::{
    self, Acceptance, CafId, Charter, Membership, Role, SignedAcceptance, SignedCharter, Subset,
};
use igain_protocol::codec::text::Fault;
use igain_protocol::label::Label;
use igain_protocol::log::{Letter, LetterKind};
use igain_protocol::time::Day;
use igain_protocol::vocabulary::{CrimeArea, Kind, Purpose, SubjectCategory};

use super::{Actor, Deed, Error, Office, random, read, write};
use crate::ledger::{CafRow, Ledger};
use crate::policy::CafFacts;
use crate::store::Batch;

/// One CAF as this bureau knows it.
#[derive(Debug, Clone)]
pub struct Caf {
    /// The charter in force.
    pub charter: SignedCharter,
    /// The latest word of each member.
    pub acceptances: BTreeMap<BureauId, SignedAcceptance>,
}

/// What a new CAF is to be.
#[derive(Debug, Clone)]
pub struct NewCaf {
    /// Its name.
    pub name: String,
    /// Why data is processed in it.
    pub purpose: Purpose,
    /// The kind of crime.
    pub crime_area: CrimeArea,
    /// What is in scope, in words.
    pub scope: String,
    /// The last day of its life.
    pub closes: Day,
    /// Kinds of records that it takes; empty for all.
    pub kinds: Vec<Kind>,
    /// Subject categories that it takes; empty for all.
    pub categories: Vec<SubjectCategory>,
}

/// Answers of one member to charters that have not come yet: more than a bureau joins between two exchanges, and little
/// to keep.
const EARLY_LIMIT: usize = 64;

/// All CAFs.
#[derive(Debug, Default)]
pub(super) struct Cafs {
    by_id: BTreeMap<CafId, Caf>,
    /// Answers to charters that have not come yet: a member may be faster than the manager.
    early: BTreeMap<(BureauId, CafId), SignedAcceptance>,
}

impl Cafs {
    pub(super) fn load(ledger: &Ledger, key_of: impl Fn(BureauId) -> Option<VerifyingKey>) -> Result<Self, Error> {
        let mut by_id = BTreeMap::new();
        let mut early = BTreeMap::new();
        for row in ledger.cafs()? {
            let manager = SignedCharter::claimed_manager(&row.charter)?;
            let key = key_of(manager).ok_or(Error::UnknownPeer(manager))?;
            let charter = SignedCharter::verify(&row.charter, &key)?;
            by_id.insert(charter.charter().id, Caf { charter, acceptances: BTreeMap::new() });
        }
        for bytes in ledger.acceptances()? {
            let member = SignedAcceptance::claimed_bureau(&bytes)?;
            let Some(key) = key_of(member) else { continue };
            let signed = SignedAcceptance::verify(&bytes, &key)?;
            match by_id.get_mut(&signed.acceptance().caf) {
                Some(caf) => drop(caf.acceptances.insert(member, signed)),
                None => drop(early.insert((member, signed.acceptance().caf), signed)),
            }
        }
        Ok(Self { by_id, early })
    }

    /// Whether one more answer of a member may wait for its charter.
    fn has_room_for(&self, member: BureauId) -> bool {
        self.early.keys().filter(|(from, _)| *from == member).count() < EARLY_LIMIT
    }

    fn put_charter(&mut self, signed: SignedCharter) {
        let id = signed.charter().id;
        if let Some(caf) = self.by_id.get_mut(&id) {
            caf.charter = signed;
            return;
        }
        let mut waited = BTreeMap::new();
        let mut waiting = std::mem::take(&mut self.early);
        waiting.retain(|(member, caf), answer| {
            let waits = *caf != id;
            if !waits {
                waited.insert(*member, answer.clone());
            }
            waits
        });
        self.early = waiting;
        self.by_id.insert(id, Caf { charter: signed, acceptances: waited });
    }

    fn put_acceptance(&mut self, signed: SignedAcceptance) {
        let (caf, member) = (signed.acceptance().caf, signed.acceptance().bureau);
        match self.by_id.get_mut(&caf) {
            Some(known) => drop(known.acceptances.insert(member, signed)),
            None => drop(self.early.insert((member, caf), signed)),
        }
    }
}

impl Caf {
    /// The charter in force.
    pub fn charter(&self) -> &Charter {
        self.charter.charter()
    }

    /// The part that a member has now: none before it accepted, and after it left.
    pub fn role_of(&self, bureau: BureauId) -> Option<Role> {
        let role = self.charter().role_of(bureau)?;
        let joined = self.acceptance_of(bureau).is_some_and(|acceptance| acceptance.state == Membership::Joined);
        (bureau == self.charter().manager || joined).then_some(role)
    }

    /// A member's latest word.
    pub fn acceptance_of(&self, bureau: BureauId) -> Option<&Acceptance> {
        self.acceptances.get(&bureau).map(SignedAcceptance::acceptance)
    }

    /// Whether a member wants records of this label.
    pub fn wants(&self, member: BureauId, label: &Label, owner: BureauId) -> bool {
        let only = self.acceptance_of(member).map(|acceptance| &acceptance.only);
        only.is_none_or(|only| only.admits(label.kind, label.crime_area, owner))
    }

    /// What policy may know of it.
    pub fn facts(&self) -> CafFacts {
        let charter = self.charter();
        CafFacts {
            purpose: charter.purpose,
            crime_area: charter.crime_area,
            manager: charter.manager,
            closes: charter.closes,
            closed: charter.closed,
        }
    }
}

impl Office {
    /// All CAFs that this bureau knows.
    pub fn cafs(&self) -> Vec<Caf> {
        read(&self.inner.cafs).by_id.values().cloned().collect()
    }

    /// One CAF.
    ///
    /// # Errors
    /// Where this bureau does not know it.
    pub fn caf(&self, id: CafId) -> Result<Caf, Error> {
        read(&self.inner.cafs).by_id.get(&id).cloned().ok_or(Error::UnknownCaf(id))
    }

    /// Opens a CAF that this bureau manages.
    ///
    /// # Errors
    /// Where the charter is refused.
    pub fn create_caf(&self, actor: Actor, new: NewCaf) -> Result<Caf, Error> {
        let now = self.now();
        if new.scope.trim().is_empty() {
            return Err(caf::Error::Text { field: "scope", fault: Fault::Empty }.into());
        }
        let charter = Charter {
            id: CafId::new(now, &random()?),
            name: new.name,
            purpose: new.purpose,
            crime_area: new.crime_area,
            scope: new.scope,
            manager: self.me(),
            serial: 1,
            opened: now,
            closes: new.closes,
            kinds: new.kinds,
            categories: new.categories,
            members: vec![(self.me(), Role::Lead)],
            closed: false,
        };
        self.put_own_charter(Deed::new(actor, "caf.create"), charter)
    }

    /// Invites bureaus, or gives members another role.
    ///
    /// # Errors
    /// Where this bureau is not the manager, or an invited one is not enrolled.
    pub fn invite(&self, actor: Actor, id: CafId, invited: &[(BureauId, Role)]) -> Result<Caf, Error> {
        let mut charter = self.managed(id)?;
        for (bureau, role) in invited {
            self.active_peer(*bureau)?;
            charter.members.retain(|(member, _)| member != bureau);
            charter.members.push((*bureau, *role));
        }
        charter.members.sort_unstable_by_key(|(member, _)| *member);
        let names = invited.iter().map(|(bureau, role)| format!("{bureau}={}", role.as_str()));
        let names = names.collect::<Vec<_>>().join(" ");
        self.put_own_charter(Deed::new(actor, "caf.invite").with("members", names), charter)
    }

    /// Takes bureaus out of a CAF.
    ///
    /// # Errors
    /// Where this bureau is not the manager.
    pub fn dismiss(&self, actor: Actor, id: CafId, dismissed: &[BureauId]) -> Result<Caf, Error> {
        let mut charter = self.managed(id)?;
        charter.members.retain(|(member, _)| *member == charter.manager || !dismissed.contains(member));
        self.put_own_charter(Deed::new(actor, "caf.dismiss"), charter)
    }

    /// Closes a CAF for good.
    ///
    /// # Errors
    /// Where this bureau is not the manager.
    pub fn close_caf(&self, actor: Actor, id: CafId) -> Result<Caf, Error> {
        let charter = Charter { closed: true, ..self.managed(id)? };
        self.put_own_charter(Deed::new(actor, "caf.close"), charter)
    }

    fn managed(&self, id: CafId) -> Result<Charter, Error> {
        let charter = self.caf(id)?.charter().clone();
        if charter.manager == self.me() { Ok(charter) } else { Err(Error::NotManager(charter.manager)) }
    }

    /// Joins a CAF, or changes the subset of it that is wanted.
    ///
    /// # Errors
    /// Where this bureau does not know it or is not among its members, or it is closed.
    pub fn join(&self, actor: Actor, id: CafId, only: Subset) -> Result<Caf, Error> {
        self.caf(id)?.charter().check_open(self.now())?;
        let deed = Deed::new(actor, "caf.join").caf(id).with("only", &only);
        self.accept(deed, id, Membership::Joined, only)
    }

    /// Leaves a CAF: what others contributed to it is purged here as they take it back.
    ///
    /// # Errors
    /// Where this bureau is not among its members.
    pub fn leave(&self, actor: Actor, id: CafId) -> Result<Caf, Error> {
        self.accept(Deed::new(actor, "caf.leave").caf(id), id, Membership::Left, Subset::default())
    }

    fn accept(&self, deed: Deed, id: CafId, state: Membership, only: Subset) -> Result<Caf, Error> {
        let caf = self.caf(id)?;
        if caf.charter().role_of(self.me()).is_none() {
            return Err(Error::NotMember);
        }
        let acceptance = Acceptance {
            caf: id,
            bureau: self.me(),
            charter_serial: caf.charter().serial,
            serial: caf.acceptance_of(self.me()).map_or(1, |last| last.serial + 1),
            state,
            only,
            at: self.now(),
        };
        let signed = acceptance.sign(&self.secrets().signing)?;
        self.account(deed)?;
        let _writing = self.writing()?;
        let mut batch = self.batch();
        let letter = Letter { kind: LetterKind::Acceptance, bytes: signed.as_bytes().to_vec() };
        for (member, _) in caf.charter().members.iter().filter(|(member, _)| *member != self.me()) {
            if self.active_peer(*member).is_ok() {
                self.post(&mut batch, *member, letter.clone())?;
            }
        }
        self.store_acceptance(batch, signed)?;
        self.caf(id)
    }

    fn put_own_charter(&self, deed: Deed, mut charter: Charter) -> Result<Caf, Error> {
        let id = charter.id;
        let before = self.caf(id).ok();
        if let Some(before) = &before {
            charter.serial = before.charter().serial + 1;
        }
        let signed = charter.sign(&self.secrets().signing)?;
        self.account(deed.caf(id).with("serial", charter.serial))?;
        let _writing = self.writing()?;
        let mut batch = self.batch();
        let letter = Letter { kind: LetterKind::Charter, bytes: signed.as_bytes().to_vec() };
        let earlier = before.iter().flat_map(|caf| caf.charter().members.iter());
        let mut told: Vec<BureauId> = earlier.chain(&charter.members).map(|(member, _)| *member).collect();
        told.sort_unstable();
        told.dedup();
        for member in told.into_iter().filter(|member| *member != self.me() && self.active_peer(*member).is_ok()) {
            self.post(&mut batch, member, letter.clone())?;
        }
        self.store_charter(batch, signed)?;
        self.caf(id)
    }

    pub(super) fn store_charter(&self, mut batch: Batch, signed: SignedCharter) -> Result<(), Error> {
        let id = signed.charter().id;
        let row = CafRow { charter: signed.as_bytes().to_vec(), received: self.now() };
        self.ledger().put_caf(&mut batch, id, &row);
        self.ledger().commit(batch)?;
        write(&self.inner.cafs).put_charter(signed);
        Ok(())
    }

    pub(super) fn store_acceptance(&self, mut batch: Batch, signed: SignedAcceptance) -> Result<(), Error> {
        let (caf, member) = (signed.acceptance().caf, signed.acceptance().bureau);
        self.ledger().put_acceptance(&mut batch, caf, member, signed.as_bytes());
        self.ledger().commit(batch)?;
        write(&self.inner.cafs).put_acceptance(signed);
        Ok(())
    }

    /// A member's latest answer about a CAF, also where its charter has not come yet; and whether there is room to keep
    /// another one.
    pub(super) fn answer_of(&self, member: BureauId, caf: CafId) -> (Option<SignedAcceptance>, bool) {
        let cafs = read(&self.inner.cafs);
        match cafs.by_id.get(&caf) {
            Some(known) => (known.acceptances.get(&member).cloned(), true),
            None => {
                let early = cafs.early.get(&(member, caf)).cloned();
                let room = early.is_some() || cafs.has_room_for(member);
                (early, room)
            }
        }
    }

    /// Tells members that a charter names anew what this bureau has answered, which those before them were told when
    /// it did.
    pub(super) fn introduce(&self, before: Option<&Charter>, caf: CafId) -> Result<(), Error> {
        let known = self.caf(caf)?;
        let Some(answer) = known.acceptances.get(&self.me()) else { return Ok(()) };
        let _writing = self.writing();
        let mut batch = self.batch();
        for (member, _) in &known.charter().members {
            let told = before.is_some_and(|before| before.role_of(*member).is_some());
            if !told && *member != self.me() && self.active_peer(*member).is_ok() {
                let letter = Letter { kind: LetterKind::Acceptance, bytes: answer.as_bytes().to_vec() };
                self.post(&mut batch, *member, letter)?;
            }
        }
        Ok(self.ledger().commit(batch)?)
    }
}
