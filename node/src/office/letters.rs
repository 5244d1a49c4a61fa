//! Letters: posting them to peers, and acting on those that come in.

use igain_protocol::bureau::{BureauId, KeyId, VerifyingKey};
use igain_protocol::caf::{Newer, SignedAcceptance, SignedCharter};
use igain_protocol::feed::{Cursor, FeedKind, Letter, LetterKind};
use igain_protocol::receipt::{Receipt, Refusal, SignedReceipt};

use super::sealed::may_be_newer;
use super::turn::Turn;
use super::{Actor, Caf, Deed, Error};
use crate::ledger::ReceiptRow;

impl Turn<'_> {
    /// Posts a receipt: all was done that lies before a place in the owner's feed of records, and these records were not
    /// taken over.
    pub(super) fn post_receipt(&mut self, owner: BureauId, upto: Cursor, refused: Vec<Refusal>) -> Result<(), Error> {
        let receipt = Receipt { from: self.office().me(), to: owner, at: self.now(), upto, refused };
        let signed = receipt.sign(&self.office().secrets().signing)?;
        if receipt.refused.is_empty() {
            self.replace_receipt(owner);
        }
        self.post(owner, Letter { kind: LetterKind::Receipt, bytes: signed.as_bytes().to_vec() });
        Ok(())
    }

    /// Acts on a letter of `sender`; one that says nothing new changes nothing.
    ///
    /// # Errors
    /// Where it is not what its kind demands, or not by whom it must be.
    pub(super) fn take_letter(&mut self, sender: BureauId, letter: &Letter) -> Result<(), Error> {
        match letter.kind {
            LetterKind::Charter => self.take_charter(sender, &letter.bytes),
            LetterKind::Acceptance => self.take_acceptance(sender, &letter.bytes),
            LetterKind::Receipt => self.take_receipt(sender, &letter.bytes),
            // Of a newer version.
            LetterKind::Other(_) => Ok(()),
        }
    }

    /// The key to verify with what a bureau is said to have signed, and `sender` hands over. A former key of the sender's
    /// own counts still; from another's hands only the present one does, of this bureau too: whoever has a former key of it
    /// must not be able to bring it a charter in its name, unless somebody has said that none was stolen.
    fn key_of(&self, bureau: BureauId, kid: KeyId, sender: BureauId) -> Result<VerifyingKey, Error> {
        if bureau == self.office().me() {
            return self.office().secrets().own_key(kid, self.takes_former).ok_or(Error::UnknownPeer(bureau));
        }
        let peer = self.linked_peer(bureau).map_err(|_| Error::UnknownPeer(bureau))?;
        if peer.revoked.is_some() && bureau != sender {
            return Err(Error::UnknownPeer(bureau));
        }
        Ok(if bureau == sender { peer.card().signing_key(kid) } else { peer.card().signing })
    }

    /// Whether the manager of a charter signs with the key that signed it, or did before it was replaced. The key of one that
    /// lost it and enrolled anew is not: whoever has it now may have signed with any serial.
    fn is_of_lineage(&self, charter: &SignedCharter) -> bool {
        let Ok((bureau, kid)) = SignedCharter::claims(charter.as_bytes()) else { return false };
        let own = || self.office().secrets().verifying().any(|key| key.key_id() == kid);
        match bureau == self.office().me() {
            true => own(),
            false => self.peer(bureau).is_ok_and(|peer| peer.card().has_signed_with(kid)),
        }
    }

    fn take_charter(&mut self, sender: BureauId, bytes: &[u8]) -> Result<(), Error> {
        let (manager, kid) = match SignedCharter::claims(bytes) {
            Err(error) if may_be_newer(&error) => {
                let key_of = |manager, kid| self.key_of(manager, kid, sender).map_err(|_| error.clone());
                let newer = Newer::charter(bytes, key_of)?;
                return self.seal(sender, false, newer, bytes);
            }
            claims => claims?,
        };
        let key = self.key_of(manager, kid, sender)?;
        let signed = SignedCharter::verify(bytes, &key)?;
        let (id, serial) = (signed.charter().id, signed.charter().serial);
        // One of a key that is neither its manager's nor was says nothing of what may follow it.
        let known = self.caf(id).ok().filter(|known| self.is_of_lineage(&known.charter));
        if let Some(known) = &known
            && serial <= known.charter().serial
        {
            return self.compare_charter(sender, signed, known);
        }
        let before = known.map(|known| known.charter().clone());
        if let Some(before) = &before {
            signed.charter().supersedes(before)?;
        }
        self.account(Deed::new(Actor::Bureau(sender), "caf.charter").caf(id).with("serial", serial));
        if manager == self.office().me() {
            // This bureau was put back to before it signed it, and perhaps before all had heard of it.
            let told = self.note_dismissals(before.as_ref(), &signed);
            self.post_to(told.into_iter(), LetterKind::Charter, bytes);
        }
        self.put_charter(signed);
        self.introduce(before.as_ref(), id)
    }

    /// What a charter is that is no newer than the one known: an older one, which its manager is told if it comes from
    /// there, since it was put back to before it signed the newest; or another one under the same serial.
    fn compare_charter(&mut self, sender: BureauId, signed: SignedCharter, known: &Caf) -> Result<(), Error> {
        let (id, manager) = (known.charter().id, known.charter().manager);
        if signed.charter().serial < known.charter().serial {
            if sender == manager {
                self.post_once(sender, Letter { kind: LetterKind::Charter, bytes: known.charter.as_bytes().to_vec() });
            }
            return Ok(());
        }
        let same = |one: &SignedCharter| one.charter() == signed.charter();
        if same(&known.charter) || known.rival.is_some() {
            return Ok(());
        }
        let deed = Deed::new(Actor::Bureau(manager), "caf.equivocation").caf(id);
        self.account(deed.with("serial", signed.charter().serial).with("from", sender));
        self.put_caf(known.charter.clone(), Some(signed));
        Ok(())
    }

    fn take_acceptance(&mut self, sender: BureauId, bytes: &[u8]) -> Result<(), Error> {
        let (member, kid) = match SignedAcceptance::claims(bytes) {
            Err(error) if may_be_newer(&error) => {
                let key_of = |member, kid| self.key_of(member, kid, sender).map_err(|_| error.clone());
                let newer = Newer::acceptance(bytes, key_of)?;
                return self.seal(sender, true, newer, bytes);
            }
            claims => claims?,
        };
        let signed = SignedAcceptance::verify(bytes, &self.key_of(member, kid, sender)?)?;
        let acceptance = signed.acceptance();
        let (known, room) = self.answer_of(member, acceptance.caf);
        if let Some(known) = &known {
            if acceptance.serial <= known.acceptance().serial {
                if acceptance.serial < known.acceptance().serial && sender == member {
                    // It was put back to before it gave its newest answer.
                    self.post_once(sender, Letter { kind: LetterKind::Acceptance, bytes: known.as_bytes().to_vec() });
                }
                return Ok(());
            }
            acceptance.supersedes(known.acceptance())?;
        }
        if !room {
            return Err(Error::UnknownCaf(acceptance.caf));
        }
        let deed = Deed::new(Actor::Bureau(sender), "caf.acceptance").caf(acceptance.caf).peer(member);
        self.account(deed.with("serial", acceptance.serial).with("only", &acceptance.only));
        if member == self.office().me()
            && let Ok(caf) = self.caf(acceptance.caf)
        {
            let members = caf.charter().members.iter().map(|(member, _)| *member);
            self.post_to(members, LetterKind::Acceptance, bytes);
        }
        self.put_acceptance(signed);
        Ok(())
    }

    fn take_receipt(&mut self, sender: BureauId, bytes: &[u8]) -> Result<(), Error> {
        let key = self.key_of(sender, SignedReceipt::claims(bytes)?.1, sender)?;
        let signed = SignedReceipt::verify(bytes, self.office().me(), (sender, &key))?;
        let (receipt, ledger) = (signed.receipt(), self.office().ledger());
        if let Some(refused) = receipt.refused.first() {
            let deed = Deed::new(Actor::Bureau(sender), "receipt.refused").peer(sender).record(refused.id);
            let deed = deed.with("revision", refused.revision).with("why", &refused.why);
            self.account(deed.with("records", receipt.refused.len()));
        }
        // A place that is not remembered says nothing.
        let mark = ledger.feed(sender, FeedKind::Records)?.mark(receipt.upto.generation, receipt.upto.at);
        if let Some(mark) = mark {
            let row = ReceiptRow { signed: bytes.to_vec(), at: receipt.at, received: self.now() };
            ledger.put_receipt(&mut self.batch, sender, mark.through, &row)?;
        }
        Ok(())
    }

    /// Posts once more what a peer must know, when its letters begin anew, or it missed some while it took no part: also that
    /// it was dismissed.
    ///
    /// # Errors
    /// Where the books cannot be read.
    pub(super) fn repost(&mut self, peer: BureauId) -> Result<(), Error> {
        for bytes in self.office().ledger().dismissals(peer)? {
            self.post(peer, Letter { kind: LetterKind::Charter, bytes });
        }
        let me = self.office().me();
        for caf in self.office().cafs().iter().filter(|caf| caf.charter().role_of(peer).is_some()) {
            if caf.charter().manager == me {
                self.post(peer, Letter { kind: LetterKind::Charter, bytes: caf.charter.as_bytes().to_vec() });
            }
            if let Some(own) = caf.acceptances.get(&me) {
                self.post(peer, Letter { kind: LetterKind::Acceptance, bytes: own.as_bytes().to_vec() });
            }
        }
        Ok(())
    }
}
