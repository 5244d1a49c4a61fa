//! Crime Analysis Files: opening them, inviting members, joining and leaving.

use std::collections::{BTreeMap, BTreeSet};

use igain_protocol::bureau::BureauId;
use igain_protocol::caf::{
    self, Acceptance, CafId, Charter, Membership, Role, SignedAcceptance, SignedCharter, Subset,
};
use igain_protocol::codec::text::Fault;
use igain_protocol::feed::{Letter, LetterKind};
use igain_protocol::label::Label;
use igain_protocol::time::{Day, Timestamp};
use igain_protocol::vocabulary::{CrimeArea, Kind, Purpose, SubjectCategory};

use super::memory::read;
use super::sealed::{self, Sealed};
use super::turn::Turn;
use super::{Actor, Deed, Error, Office};
use crate::ledger::{CafRow, Ledger, SealedKey};
use crate::policy::CafFacts;

/// One CAF as this bureau knows it.
#[derive(Debug, Clone)]
pub struct Caf {
    /// The charter in force.
    pub charter: SignedCharter,
    /// Another charter that the manager signed under the same serial: until it signs a newer one, the file is suspended.
    pub rival: Option<SignedCharter>,
    /// The latest word of each member.
    pub acceptances: BTreeMap<BureauId, SignedAcceptance>,
    /// Its newest charter cannot be read here: the file is suspended.
    pub sealed: bool,
    /// Members whose newest answers cannot be read here: they get nothing.
    pub unread: BTreeSet<BureauId>,
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
    /// What cannot be read here.
    pub(super) sealed: Sealed,
}

impl Cafs {
    /// All that the books have. What came in was verified with the key that was in force then, and stays its signer's
    /// word. What cannot be read is passed over: it must not keep the node from its work.
    pub(super) fn load(ledger: &Ledger) -> Result<Self, Error> {
        let mut cafs = Self { sealed: sealed::load(ledger)?, ..Self::default() };
        for row in ledger.cafs()? {
            let rival = row.rival.as_deref().map(SignedCharter::trusted).transpose();
            match SignedCharter::trusted(&row.charter).and_then(|charter| Ok((charter, rival?))) {
                Ok((charter, rival)) => {
                    let caf = Caf { rival, ..Caf::new(charter) };
                    cafs.by_id.insert(caf.charter().id, caf);
                }
                Err(error) => tracing::error!(%error, "a charter in the books cannot be read, and is passed over"),
            }
        }
        for bytes in ledger.acceptances()? {
            let signed = match SignedAcceptance::trusted(&bytes) {
                Ok(signed) => signed,
                Err(error) => {
                    tracing::error!(%error, "an answer to a charter in the books cannot be read, and is passed over");
                    continue;
                }
            };
            let (member, id) = (signed.acceptance().bureau, signed.acceptance().caf);
            match cafs.by_id.get_mut(&id) {
                Some(caf) => drop(caf.acceptances.insert(member, signed)),
                None => drop(cafs.early.insert((member, id), signed)),
            }
        }
        let sealed = cafs.sealed.clone();
        cafs.by_id.values_mut().for_each(|caf| caf.compare(&sealed));
        Ok(cafs)
    }

    /// Takes in what a turn changed.
    pub(super) fn put(
        &mut self,
        cafs: BTreeMap<CafId, Caf>,
        early: BTreeMap<(BureauId, CafId), Option<SignedAcceptance>>,
        sealed: BTreeMap<SealedKey, Option<u64>>,
    ) {
        for (key, serial) in sealed {
            match serial {
                Some(serial) => drop(self.sealed.insert(key, serial)),
                None => drop(self.sealed.remove(&key)),
            }
        }
        for (key, answer) in early {
            match answer {
                Some(answer) => drop(self.early.insert(key, answer)),
                None => drop(self.early.remove(&key)),
            }
        }
        for (id, mut caf) in cafs {
            caf.compare(&self.sealed);
            if self.by_id.insert(id, caf).is_none() {
                // Whoever answered early is among its members now.
                self.early.retain(|(_, waits), _| *waits != id);
            }
        }
    }

    fn early_answers(&self, id: CafId) -> BTreeMap<BureauId, SignedAcceptance> {
        let early = self.early.iter().filter(|((_, caf), _)| *caf == id);
        early.map(|((member, _), answer)| (*member, answer.clone())).collect()
    }
}

impl Caf {
    fn new(charter: SignedCharter) -> Self {
        Self { charter, rival: None, acceptances: BTreeMap::new(), sealed: false, unread: BTreeSet::new() }
    }

    /// Notes what of it cannot be read here.
    fn compare(&mut self, sealed: &Sealed) {
        let caf = self.charter().id;
        let of = |answer, signer| SealedKey { caf, answer, signer };
        let charter = sealed.get(&of(false, self.charter().manager));
        self.sealed = charter.is_some_and(|serial| *serial > self.charter().serial);
        let known = |member: &BureauId| self.acceptances.get(member).map(|known| known.acceptance().serial);
        let members = self.charter().members.iter().map(|(member, _)| *member);
        let newer = |member: &BureauId| sealed.get(&of(true, *member)).copied() > known(member);
        self.unread = members.filter(newer).collect();
    }

    /// Whether nothing may be shared in it, whatever its charter says.
    pub fn is_suspended(&self) -> bool {
        self.rival.is_some() || self.sealed
    }

    /// The charter in force.
    pub fn charter(&self) -> &Charter {
        self.charter.charter()
    }

    /// The part that a member has now: none before it accepted, and after it left.
    pub fn role_of(&self, bureau: BureauId) -> Option<Role> {
        let role = self.charter().role_of(bureau)?;
        let joined = self.acceptance_of(bureau).is_some_and(|acceptance| acceptance.state == Membership::Joined);
        let joined = joined && !self.unread.contains(&bureau);
        (bureau == self.charter().manager || joined).then_some(role)
    }

    /// A member's latest word.
    pub fn acceptance_of(&self, bureau: BureauId) -> Option<&Acceptance> {
        self.acceptances.get(&bureau).map(SignedAcceptance::acceptance)
    }

    /// What a member asked for; none where it has not said.
    pub fn subset_of(&self, member: BureauId) -> Option<&Subset> {
        self.acceptance_of(member).map(|acceptance| &acceptance.only)
    }

    /// Whether a member wants records of this label.
    pub fn wants(&self, member: BureauId, label: &Label, owner: BureauId) -> bool {
        self.subset_of(member).is_none_or(|only| only.admits(label.kind, label.crime_area, owner))
    }

    /// Whether a bureau may contribute records of this label to the file.
    pub fn takes_from(&self, bureau: BureauId, label: &Label) -> bool {
        let may = self.role_of(bureau).is_some_and(Role::contributes);
        may && !self.is_suspended() && self.charter().takes(label.kind, label.category)
    }

    /// Whether anything may be shared in the file at `now`.
    ///
    /// # Errors
    /// Why not.
    pub fn check_open(&self, now: Timestamp) -> Result<(), Error> {
        if self.is_suspended() {
            return Err(Error::Suspended(self.charter().id));
        }
        Ok(self.charter().check_open(now)?)
    }

    /// What policy may know of it.
    pub fn facts(&self) -> CafFacts {
        let charter = self.charter();
        CafFacts {
            purpose: charter.purpose,
            crime_area: charter.crime_area,
            manager: charter.manager,
            closes: charter.closes,
            closed: charter.closed.is_some() || self.is_suspended(),
        }
    }
}

impl Office {
    /// All CAFs that this bureau knows.
    pub fn cafs(&self) -> Vec<Caf> {
        read(&self.inner.memory.cafs).by_id.values().cloned().collect()
    }

    /// One CAF.
    ///
    /// # Errors
    /// Where this bureau does not know it.
    pub fn caf(&self, id: CafId) -> Result<Caf, Error> {
        read(&self.inner.memory.cafs).by_id.get(&id).cloned().ok_or(Error::UnknownCaf(id))
    }

    /// Opens a CAF that this bureau manages.
    ///
    /// # Errors
    /// Where the charter is refused.
    pub fn create_caf(&self, actor: Actor, new: NewCaf) -> Result<Caf, Error> {
        let (now, nonce) = (self.now(), self.random()?);
        let id = CafId::of(self.me(), &nonce);
        if new.scope.trim().is_empty() {
            return Err(caf::Error::Text { field: "scope", fault: Fault::Empty }.into());
        }
        let charter = Charter {
            id,
            nonce,
            name: new.name,
            purpose: new.purpose,
            crime_area: new.crime_area,
            scope: new.scope,
            manager: self.me(),
            serial: 0,
            opened: now,
            closes: new.closes,
            kinds: new.kinds,
            categories: new.categories,
            members: vec![(self.me(), Role::Lead)],
            closed: None,
        };
        let mut turn = self.turn()?;
        turn.put_own_charter(Deed::new(actor, "caf.create"), charter)?;
        turn.commit_now()?;
        self.caf(id)
    }

    /// Invites bureaus, or gives members another role.
    ///
    /// # Errors
    /// Where this bureau is not the manager, or an invited one is not enrolled.
    pub fn invite(&self, actor: Actor, id: CafId, invited: &[(BureauId, Role)]) -> Result<Caf, Error> {
        let mut turn = self.turn()?;
        let mut charter = turn.managed(id)?;
        for (bureau, role) in invited {
            turn.active_peer(*bureau)?;
            charter.members.retain(|(member, _)| member != bureau);
            charter.members.push((*bureau, *role));
        }
        charter.members.sort_unstable_by_key(|(member, _)| *member);
        let names = invited.iter().map(|(bureau, role)| format!("{bureau}={}", role.as_str()));
        let names = names.collect::<Vec<_>>().join(" ");
        turn.put_own_charter(Deed::new(actor, "caf.invite").with("members", names), charter)?;
        turn.commit_now()?;
        self.caf(id)
    }

    /// Takes bureaus out of a CAF.
    ///
    /// # Errors
    /// Where this bureau is not the manager.
    pub fn dismiss(&self, actor: Actor, id: CafId, dismissed: &[BureauId]) -> Result<Caf, Error> {
        let mut turn = self.turn()?;
        let mut charter = turn.managed(id)?;
        charter.members.retain(|(member, _)| *member == charter.manager || !dismissed.contains(member));
        turn.put_own_charter(Deed::new(actor, "caf.dismiss"), charter)?;
        turn.commit_now()?;
        self.caf(id)
    }

    /// Closes a CAF for good.
    ///
    /// # Errors
    /// Where this bureau is not the manager.
    pub fn close_caf(&self, actor: Actor, id: CafId) -> Result<Caf, Error> {
        let mut turn = self.turn()?;
        let charter = turn.managed(id)?;
        let closed = charter.closed.or(Some(turn.now()));
        let charter = Charter { closed, ..charter };
        turn.put_own_charter(Deed::new(actor, "caf.close"), charter)?;
        turn.commit_now()?;
        self.caf(id)
    }

    /// Joins a CAF, or changes the subset of it that is wanted.
    ///
    /// # Errors
    /// Where this bureau does not know it or is not among its members, or it is closed.
    pub fn join(&self, actor: Actor, id: CafId, only: Subset) -> Result<Caf, Error> {
        let mut turn = self.turn()?;
        turn.caf(id)?.check_open(turn.clock().later())?;
        let deed = Deed::new(actor, "caf.join").with("only", &only);
        turn.accept(deed, id, Membership::Joined, only)?;
        turn.commit_now()?;
        self.caf(id)
    }

    /// Leaves a CAF: what others contributed to it is purged here as they take it back.
    ///
    /// # Errors
    /// Where this bureau is not among its members.
    pub fn leave(&self, actor: Actor, id: CafId) -> Result<Caf, Error> {
        let mut turn = self.turn()?;
        turn.accept(Deed::new(actor, "caf.leave"), id, Membership::Left, Subset::default())?;
        turn.commit_now()?;
        self.caf(id)
    }
}

impl Turn<'_> {
    /// One CAF, with what this turn changed of it.
    ///
    /// # Errors
    /// Where this bureau does not know it.
    pub(super) fn caf(&self, id: CafId) -> Result<Caf, Error> {
        match self.changed().cafs.get(&id) {
            Some(caf) => Ok(caf.clone()),
            None => self.office().caf(id),
        }
    }

    fn managed(&self, id: CafId) -> Result<Charter, Error> {
        let charter = self.caf(id)?.charter().clone();
        if charter.manager == self.office().me() { Ok(charter) } else { Err(Error::NotManager(charter.manager)) }
    }

    fn accept(&mut self, deed: Deed, id: CafId, state: Membership, only: Subset) -> Result<(), Error> {
        let (caf, me) = (self.caf(id)?, self.office().me());
        if caf.charter().role_of(me).is_none() {
            return Err(Error::NotMember);
        }
        let acceptance = Acceptance {
            caf: id,
            bureau: me,
            charter_serial: caf.charter().serial,
            serial: self.next_serial(caf.acceptance_of(me).map(|last| last.serial)),
            state,
            only,
            at: self.now(),
        };
        let signed = acceptance.sign(&self.office().secrets().signing)?;
        self.account(deed.caf(id));
        self.post_to(
            caf.charter().members.iter().map(|(member, _)| *member),
            LetterKind::Acceptance,
            signed.as_bytes(),
        );
        self.put_acceptance(signed);
        Ok(())
    }

    /// Signs a charter of this bureau's own, with the serial that follows the last one, and posts it to all whom it
    /// concerns or has concerned.
    fn put_own_charter(&mut self, deed: Deed, mut charter: Charter) -> Result<(), Error> {
        let id = charter.id;
        let before = self.caf(id).ok();
        charter.serial = self.next_serial(before.as_ref().map(|before| before.charter().serial));
        let signed = charter.sign(&self.office().secrets().signing)?;
        self.account(deed.caf(id).with("serial", charter.serial));
        let told = self.note_dismissals(before.as_ref().map(Caf::charter), &signed);
        self.post_to(told.into_iter(), LetterKind::Charter, signed.as_bytes());
        self.put_charter(signed);
        self.introduce(before.as_ref().map(Caf::charter), id)
    }

    /// Keeps a charter of this bureau's own for whom it dismisses: who is away, or put back to before, must hear of it when it is
    /// there again. All whom it names, or the one before it did.
    pub(super) fn note_dismissals(&mut self, before: Option<&Charter>, signed: &SignedCharter) -> BTreeSet<BureauId> {
        let (charter, ledger) = (signed.charter(), self.office().ledger());
        let earlier = before.into_iter().flat_map(|charter| charter.members.iter());
        let told: BTreeSet<BureauId> = earlier.chain(&charter.members).map(|(member, _)| *member).collect();
        for bureau in &told {
            match charter.role_of(*bureau).is_some() {
                true => ledger.delete_dismissal(&mut self.batch, *bureau, charter.id),
                false => ledger.put_dismissal(&mut self.batch, *bureau, charter.id, signed.as_bytes()),
            }
        }
        told
    }

    /// The serial of a document that follows another: greater than that, and no less than the time, so that none is given
    /// twice although a backup was put in place.
    fn next_serial(&self, last: Option<u64>) -> u64 {
        self.clock().later().as_ms().max(last.map_or(0, |last| last.saturating_add(1)))
    }

    /// Posts a letter to those of the bureaus that may take part.
    pub(super) fn post_to(&mut self, bureaus: impl Iterator<Item = BureauId>, kind: LetterKind, bytes: &[u8]) {
        let me = self.office().me();
        for bureau in bureaus.filter(|bureau| *bureau != me) {
            if self.active_peer(bureau).is_ok() {
                self.post(bureau, Letter { kind, bytes: bytes.to_vec() });
            }
        }
    }

    /// Puts a charter that was checked in the place of the one known.
    pub(super) fn put_charter(&mut self, signed: SignedCharter) {
        self.put_caf(signed, None);
    }

    /// Puts a charter in the place of the one known, beside another that its manager signed under the same serial.
    pub(super) fn put_caf(&mut self, signed: SignedCharter, rival: Option<SignedCharter>) {
        let id = signed.charter().id;
        let row = CafRow {
            charter: signed.as_bytes().to_vec(),
            received: self.now(),
            rival: rival.as_ref().map(|rival| rival.as_bytes().to_vec()),
        };
        self.office().ledger().put_caf(&mut self.batch, id, &row);
        let acceptances = match self.caf(id) {
            Ok(known) => known.acceptances,
            Err(_) => {
                let mut early = read(&self.office().inner.memory.cafs).early_answers(id);
                let staged = self.changed().early.iter().filter(|((_, caf), _)| *caf == id);
                for ((member, _), answer) in staged {
                    match answer {
                        Some(answer) => drop(early.insert(*member, answer.clone())),
                        None => drop(early.remove(member)),
                    }
                }
                early
            }
        };
        self.standing().early.retain(|(_, caf), _| *caf != id);
        let (manager, serial) = (signed.charter().manager, signed.charter().serial);
        self.unseal(SealedKey { caf: id, answer: false, signer: manager }, serial);
        self.standing().cafs.insert(id, Caf { rival, acceptances, ..Caf::new(signed) });
    }

    /// Puts a member's answer that was checked in the place of the one known.
    pub(super) fn put_acceptance(&mut self, signed: SignedAcceptance) {
        let (id, member) = (signed.acceptance().caf, signed.acceptance().bureau);
        self.office().ledger().put_acceptance(&mut self.batch, id, member, signed.as_bytes());
        self.unseal(SealedKey { caf: id, answer: true, signer: member }, signed.acceptance().serial);
        match self.caf(id) {
            Ok(mut caf) => {
                caf.acceptances.insert(member, signed);
                self.standing().cafs.insert(id, caf);
            }
            Err(_) => drop(self.standing().early.insert((member, id), Some(signed))),
        }
    }

    /// A member's latest answer about a CAF, also where its charter has not come yet; and whether there is room to keep
    /// another one.
    pub(super) fn answer_of(&self, member: BureauId, id: CafId) -> (Option<SignedAcceptance>, bool) {
        if let Ok(known) = self.caf(id) {
            return (known.acceptances.get(&member).cloned(), true);
        }
        let cafs = read(&self.office().inner.memory.cafs);
        let staged = &self.changed().early;
        let known = || cafs.early.get(&(member, id)).cloned();
        let early = staged.get(&(member, id)).cloned().unwrap_or_else(known);
        let waiting = staged.keys().chain(cafs.early.keys()).filter(|(from, _)| *from == member);
        let room = early.is_some() || waiting.count() < EARLY_LIMIT;
        (early, room)
    }

    /// Forgets what a bureau has answered to charters: it comes with another key, and must answer anew.
    pub(super) fn forget_answers(&mut self, bureau: BureauId) {
        self.forget_sealed(bureau);
        let cafs = self.office().cafs().into_iter().map(|caf| caf.charter().id);
        let answered: Vec<CafId> = cafs.filter(|id| self.answer_of(bureau, *id).0.is_some()).collect();
        let early = read(&self.office().inner.memory.cafs).early.keys().copied().collect::<Vec<_>>();
        for id in answered {
            if let Ok(mut caf) = self.caf(id) {
                caf.acceptances.remove(&bureau);
                self.standing().cafs.insert(id, caf);
                self.office().ledger().delete_acceptance(&mut self.batch, id, bureau);
            }
        }
        for (_, id) in early.into_iter().filter(|(member, _)| *member == bureau) {
            self.standing().early.insert((bureau, id), None);
            self.office().ledger().delete_acceptance(&mut self.batch, id, bureau);
        }
    }

    /// Tells members that a charter names anew what this bureau has answered, which those before them were told when
    /// it did.
    pub(super) fn introduce(&mut self, before: Option<&Charter>, id: CafId) -> Result<(), Error> {
        let known = self.caf(id)?;
        let Some(answer) = known.acceptances.get(&self.office().me()) else { return Ok(()) };
        let told = |member: &BureauId| before.is_some_and(|before| before.role_of(*member).is_some());
        let members = known.charter().members.iter().map(|(member, _)| *member);
        self.post_to(members.filter(|member| !told(member)), LetterKind::Acceptance, answer.as_bytes());
        Ok(())
    }
}
