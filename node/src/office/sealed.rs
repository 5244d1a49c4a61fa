//! Charters and answers of a newer version: kept sealed until they can be read. A file whose newest charter cannot be read
//! shares nothing, since that may allow less than the one before; and a member whose newest answer cannot be read gets
//! nothing.

use std::collections::BTreeMap;

use igain_protocol::bureau::BureauId;
use igain_protocol::caf::{self, CafId, Newer, SignedAcceptance, SignedCharter};

use super::memory::read;
use super::turn::Turn;
use super::{Actor, Deed, Error, Office};
use crate::ledger::{Ledger, SealedKey, SealedRow};

/// Documents of one bureau that are kept so: more than it signs before somebody updates this node.
const LIMIT: usize = 256;

/// The serials of what is sealed.
pub(super) type Sealed = BTreeMap<SealedKey, u64>;

/// Those that the books have.
///
/// # Errors
/// Where the books cannot be read.
pub(super) fn load(ledger: &Ledger) -> Result<Sealed, Error> {
    Ok(ledger.sealed()?.into_iter().map(|(key, row)| (key, row.serial)).collect())
}

impl Office {
    /// Reads again what a build of before could not read, and puts in force what this one can. Returns how many documents
    /// that are.
    ///
    /// # Errors
    /// Where the books cannot be read or written.
    pub fn reread_sealed(&self) -> Result<usize, Error> {
        let mut count = 0;
        let mut turn = self.turn()?;
        for (key, row) in self.ledger().sealed()? {
            let deed = Deed::new(Actor::Node, "caf.unsealed").caf(key.caf).peer(key.signer);
            // Its signature was verified when it came.
            if key.answer {
                let Ok(signed) = SignedAcceptance::trusted(&row.bytes) else { continue };
                turn.put_acceptance(signed);
            } else {
                let Ok(signed) = SignedCharter::trusted(&row.bytes) else { continue };
                let before = turn.caf(key.caf).ok().map(|known| known.charter().clone());
                if before.as_ref().is_some_and(|before| signed.charter().supersedes(before).is_err()) {
                    // Its file stays suspended until its manager signs one that may follow.
                    continue;
                }
                turn.put_charter(signed);
                turn.introduce(before.as_ref(), key.caf)?;
            }
            turn.account(deed.with("serial", row.serial));
            count += 1;
        }
        turn.commit_now()?;
        Ok(count)
    }
}

impl Turn<'_> {
    /// Keeps a charter or an answer that cannot be read here, and lets nothing of before stand for it.
    ///
    /// # Errors
    /// Where its signer has too many already.
    pub(super) fn seal(&mut self, sender: BureauId, answer: bool, newer: Newer, bytes: &[u8]) -> Result<(), Error> {
        let Newer { caf, signer, serial } = newer;
        let key = SealedKey { caf, answer, signer };
        let known = match answer {
            true => self.answer_of(signer, caf).0.map(|known| known.acceptance().serial),
            false => self.caf(caf).ok().map(|known| known.charter().serial),
        };
        let sealed = self.sealed();
        if known.max(sealed.get(&key).copied()).is_some_and(|known| known >= serial) {
            return Ok(());
        }
        if !sealed.contains_key(&key) && sealed.keys().filter(|key| key.signer == signer).count() >= LIMIT {
            return Err(Error::UnknownCaf(caf));
        }
        let deed = Deed::new(Actor::Bureau(sender), "caf.newer").caf(caf).peer(signer);
        self.account(deed.with("serial", serial).with("what", if answer { "answer" } else { "charter" }));
        self.office().ledger().put_sealed(&mut self.batch, key, &SealedRow { serial, bytes: bytes.to_vec() });
        self.standing().sealed.insert(key, Some(serial));
        self.touch_caf(caf);
        Ok(())
    }

    /// What is sealed, with what this turn changed.
    pub(super) fn sealed(&self) -> Sealed {
        let mut sealed = read(&self.office().inner.memory.cafs).sealed.clone();
        for (key, serial) in &self.changed().sealed {
            match serial {
                Some(serial) => drop(sealed.insert(*key, *serial)),
                None => drop(sealed.remove(key)),
            }
        }
        sealed
    }

    /// Forgets a document that cannot be read here, now that there is one with this serial that can.
    pub(super) fn unseal(&mut self, key: SealedKey, serial: u64) {
        if self.sealed().get(&key).is_some_and(|sealed| *sealed <= serial) {
            self.office().ledger().delete_sealed(&mut self.batch, key);
            self.standing().sealed.insert(key, None);
        }
    }

    /// Forgets what a bureau signed that cannot be read here.
    pub(super) fn forget_sealed(&mut self, signer: BureauId) {
        for key in self.sealed().into_keys().filter(|key| key.signer == signer) {
            self.office().ledger().delete_sealed(&mut self.batch, key);
            self.standing().sealed.insert(key, None);
            self.touch_caf(key.caf);
        }
    }

    /// Has a file be looked at anew.
    fn touch_caf(&mut self, caf: CafId) {
        if let Ok(known) = self.caf(caf) {
            self.standing().cafs.insert(caf, known);
        }
    }
}

/// Whether what is refused may be sound for a later version: it says something that is not known here.
pub(super) const fn may_be_newer(error: &caf::Error) -> bool {
    match error {
        caf::Error::Document(igain_protocol::codec::Error::Version { found, known }) => *found > *known,
        caf::Error::Document(igain_protocol::codec::Error::Content(_)) => true,
        _ => false,
    }
}
