//! Letters: posting them to peers, and acting on those that come in.

use igain_protocol::bureau::BureauId;
use igain_protocol::caf::{SignedAcceptance, SignedCharter};
use igain_protocol::log::{Letter, LetterKind};
use igain_protocol::receipt::{Outcome, Receipt, SignedReceipt};
use igain_protocol::record::RecordId;

use super::{Actor, Deed, Error, Office};
use crate::ledger::{LetterRow, ReceiptRow};
use crate::store::Batch;

/// Most records that one receipt names.
const RECEIPT_RECORDS: usize = 1_024;

impl Office {
    /// Puts a letter to `peer` into a batch. The caller holds the writing lock, and posts at most one letter to each
    /// peer in one batch: the next one's number follows from what is committed.
    pub(super) fn post(&self, batch: &mut Batch, peer: BureauId, letter: Letter) -> Result<(), Error> {
        self.post_all(batch, peer, vec![letter])
    }

    /// As [`Office::post`], for several letters to one peer.
    pub(super) fn post_all(&self, batch: &mut Batch, peer: BureauId, letters: Vec<Letter>) -> Result<(), Error> {
        let head = self.ledger().letter_head(peer)?;
        for (letter, seq) in letters.into_iter().zip(head + 1..) {
            self.ledger().put_letter(batch, peer, &LetterRow { seq, letter });
        }
        Ok(())
    }

    /// The receipts for records that are gone from here.
    pub(super) fn purge_receipts(
        &self,
        owner: BureauId,
        feed: Option<[u8; 16]>,
        records: &[RecordId],
    ) -> Result<Vec<Letter>, Error> {
        let sign = |records: &[RecordId]| {
            let receipt = Receipt {
                from: self.me(),
                to: owner,
                at: self.now(),
                outcome: Outcome::Purged,
                feed,
                records: records.to_vec(),
                reason: None,
            };
            let signed = receipt.sign(&self.secrets().signing)?;
            Ok(Letter { kind: LetterKind::Receipt, bytes: signed.as_bytes().to_vec() })
        };
        match records {
            [] if feed.is_some() => Ok(vec![sign(&[])?]),
            records => records.chunks(RECEIPT_RECORDS).map(sign).collect(),
        }
    }

    /// Acts on a letter of `sender`. What it brings is durable when this returns; a letter that says nothing new
    /// changes nothing. Returns whether entitlements may have changed.
    ///
    /// # Errors
    /// Where it is not what its kind demands, or not by whom it must be.
    pub(super) fn receive_letter(&self, sender: BureauId, letter: &Letter) -> Result<bool, Error> {
        match letter.kind {
            LetterKind::Charter => self.receive_charter(sender, &letter.bytes),
            LetterKind::Acceptance => self.receive_acceptance(sender, &letter.bytes),
            LetterKind::Receipt => self.receive_receipt(sender, &letter.bytes).map(|()| false),
            LetterKind::Card => self.renew_card(sender, &letter.bytes).map(|()| true),
        }
    }

    fn receive_charter(&self, sender: BureauId, bytes: &[u8]) -> Result<bool, Error> {
        let manager = SignedCharter::claimed_manager(bytes)?;
        let key = self.key_of(manager).ok_or(Error::UnknownPeer(manager))?;
        let signed = SignedCharter::verify(bytes, &key)?;
        let id = signed.charter().id;
        let before = self.caf(id).ok().map(|known| known.charter().clone());
        if let Some(before) = &before {
            if signed.charter().serial <= before.serial {
                return Ok(false);
            }
            signed.charter().supersedes(before)?;
        }
        self.account(Deed::new(Actor::Bureau(sender), "caf.charter").caf(id).with("serial", signed.charter().serial))?;
        self.store_charter(self.batch(), signed)?;
        self.introduce(before.as_ref(), id)?;
        Ok(true)
    }

    fn receive_acceptance(&self, sender: BureauId, bytes: &[u8]) -> Result<bool, Error> {
        let member = SignedAcceptance::claimed_bureau(bytes)?;
        let key = self.key_of(member).ok_or(Error::UnknownPeer(member))?;
        let signed = SignedAcceptance::verify(bytes, &key)?;
        let acceptance = signed.acceptance();
        let (known, room) = self.answer_of(member, acceptance.caf);
        if let Some(known) = &known {
            if acceptance.serial <= known.acceptance().serial {
                return Ok(false);
            }
            acceptance.supersedes(known.acceptance())?;
        }
        if !room {
            return Err(Error::UnknownCaf(acceptance.caf));
        }
        let deed = Deed::new(Actor::Bureau(sender), "caf.acceptance").caf(acceptance.caf).peer(member);
        self.account(deed.with("serial", acceptance.serial).with("only", &acceptance.only))?;
        self.store_acceptance(self.batch(), signed)?;
        Ok(true)
    }

    fn receive_receipt(&self, sender: BureauId, bytes: &[u8]) -> Result<(), Error> {
        let key = self.key_of(sender).ok_or(Error::UnknownPeer(sender))?;
        let signed = SignedReceipt::verify(bytes, self.me(), (sender, &key))?;
        let receipt = signed.receipt();
        let deed = Deed::new(Actor::Bureau(sender), "receipt").peer(sender).with("outcome", receipt.outcome);
        let seq = self.account(deed.with("records", receipt.records.len()))?;
        let mut batch = self.batch();
        let row = ReceiptRow { signed: bytes.to_vec(), received: self.now() };
        self.ledger().put_receipt(&mut batch, sender, seq, &row);
        if receipt.outcome == Outcome::Purged {
            receipt.records.iter().for_each(|id| self.ledger().put_purge(&mut batch, *id, sender, receipt.at));
        }
        Ok(self.ledger().commit(batch)?)
    }

    /// Posts once more what a peer must know, when its letters begin anew, or it missed some while it took no part.
    ///
    /// # Errors
    /// Where the books cannot be read or written.
    pub fn repost(&self, peer: BureauId) -> Result<(), Error> {
        let cafs = self.cafs();
        let member = |caf: &&super::Caf| caf.charter().role_of(peer).is_some();
        let mut letters = Vec::new();
        for caf in cafs.iter().filter(member) {
            if caf.charter().manager == self.me() {
                letters.push(Letter { kind: LetterKind::Charter, bytes: caf.charter.as_bytes().to_vec() });
            }
            let own = caf.acceptances.get(&self.me());
            letters.extend(own.map(|a| Letter { kind: LetterKind::Acceptance, bytes: a.as_bytes().to_vec() }));
        }
        if letters.is_empty() {
            return Ok(());
        }
        let _writing = self.writing()?;
        let mut batch = self.batch();
        self.post_all(&mut batch, peer, letters)?;
        Ok(self.ledger().commit(batch)?)
    }
}
