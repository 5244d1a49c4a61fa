//! Revoking bureaus, and what follows: what still passes, what is held of them, and how a mistake is undone.
//!
//! One that **left** has its link still, for ends alone: what it takes back goes here, and all that it was given is taken
//! back from it. Of one whose keys are **compromised** nothing is taken: what somebody ends in its name is hidden, and
//! comes to light again when it is known what its owner says.

use igain_protocol::bureau::BureauId;
use igain_protocol::feed::{Cursor, FeedKind};

use super::memory::read;
use super::turn::Turn;
use super::{Actor, Deed, Error, Office, Peer};
use crate::ledger::{ClassIndex, ClassRow, KeyRow, KeyUse, RevokedFor};

impl Office {
    /// Revokes a bureau: from now on it gets nothing, and nothing of it is taken but ends. Its key stays revoked, whatever
    /// card names it. One that is said to have left can be said to be compromised later, not the reverse.
    ///
    /// # Errors
    /// Where it is not enrolled.
    pub fn revoke(&self, actor: Actor, bureau: BureauId, why: RevokedFor) -> Result<Peer, Error> {
        let mut turn = self.turn()?;
        let mut peer = turn.peer(bureau)?;
        turn.takes_back();
        turn.account(Deed::new(actor, "peer.revoke").peer(bureau).with("why", why.as_str()));
        let known = peer.revoked.unwrap_or((turn.now(), why));
        peer.revoked = Some((known.0, known.1.max(why)));
        turn.put_standing_of(peer);
        turn.commit_now()?;
        self.peer(bureau)
    }

    /// Undoes the revocation of a bureau that was revoked by mistake: it takes part again as it did. `fingerprint` is what
    /// the administrator compared by another channel, as at its enrolment. All that it shares comes anew, so what was
    /// hidden or missed meanwhile is put right.
    ///
    /// # Errors
    /// Where it is not enrolled, not revoked, or the fingerprint is not that of its key.
    pub fn reinstate(&self, actor: Actor, bureau: BureauId, fingerprint: &str) -> Result<Peer, Error> {
        let mut turn = self.turn()?;
        let mut peer = turn.peer(bureau)?;
        let Some((_, why)) = peer.revoked else { return Err(Error::NotRevoked(bureau)) };
        let print = peer.card().signing.fingerprint();
        if !print.matches(fingerprint) {
            return Err(Error::Fingerprint { found: print.to_string() });
        }
        turn.account(Deed::new(actor, "peer.reinstate").peer(bureau).with("why", why.as_str()));
        peer.revoked = None;
        turn.put_standing_of(peer);
        turn.begin_anew(bureau)?;
        turn.repost(bureau)?;
        turn.commit_now()?;
        self.peer(bureau)
    }

    /// Removes all that is held of a revoked bureau. It counts as gone from the first commit on. Returns how many records
    /// went.
    ///
    /// # Errors
    /// Where the bureau is not revoked, or the books cannot be read or written.
    pub fn drop_held(&self, actor: Actor, bureau: BureauId) -> Result<usize, Error> {
        let mut turn = self.turn()?;
        if turn.peer(bureau)?.revoked.is_none() {
            return Err(Error::NotRevoked(bureau));
        }
        turn.takes_back();
        let held = self.held_of(bureau);
        turn.account(Deed::new(actor, "peer.drop").peer(bureau).with("records", held));
        let ending: Vec<ClassIndex> = turn.received_of(bureau, None).into_iter().map(|(_, class)| class).collect();
        for class in &ending {
            if let Some(row) = turn.class(*class) {
                turn.put_class(*class, ClassRow { ending: true, ..row });
            }
        }
        turn.commit_now()?;
        let mut gone = self.forget_newer_of(bureau)?;
        for class in ending {
            gone += self.purge(class)?;
        }
        Ok(gone)
    }

    /// How many records are held of another bureau.
    pub fn held_of(&self, bureau: BureauId) -> u64 {
        let classes = read(&self.inner.memory.classes);
        let held = classes.received_of(bureau, None).into_iter().map(|(_, class)| classes.visible(class).records);
        held.sum()
    }

    /// Removes what is kept of a bureau and cannot be read here.
    fn forget_newer_of(&self, bureau: BureauId) -> Result<usize, Error> {
        const PAGE: usize = 256;
        let mut gone = 0;
        loop {
            let mut turn = self.turn()?;
            let page = self.ledger().newer_of(bureau, None, PAGE)?;
            turn.takes_back();
            for (id, _) in &page {
                self.ledger().delete_newer(&mut turn.batch, crate::ledger::RecordKey { id: *id, owner: bureau });
            }
            turn.commit_now()?;
            gone += page.len();
            if page.len() < PAGE {
                return Ok(gone);
            }
        }
    }
}

impl Turn<'_> {
    /// Notes whether a bureau is revoked, with its signing key.
    fn put_standing_of(&mut self, mut peer: Peer) {
        peer.breaks += 1;
        let (bureau, key) = (peer.card().bureau, *peer.card().signing.as_bytes());
        let known = read(&self.office().inner.memory.peers).key(&key);
        let new = KeyRow { bureau, what_for: KeyUse::Signing, since: self.now(), revoked: None, why: None };
        let (revoked, why) = peer.revoked.unzip();
        self.put_key(key, KeyRow { revoked, why, ..known.unwrap_or(new) });
        self.standing().peers.insert(bureau, peer);
    }

    /// Has all that a bureau shares come anew: nobody knows what came of its feeds. It is told how far they had come, since what came is
    /// here still: if it was put back meanwhile, it sees by that that it has forgotten.
    fn begin_anew(&mut self, bureau: BureauId) -> Result<(), Error> {
        let known = self.office().ledger().cursors(bureau)?;
        for feed in FeedKind::ALL {
            self.office().ledger().put_cursor(&mut self.batch, bureau, feed, known.of(feed).anew());
        }
        Ok(())
    }

    /// The same of one that comes with another key and may have lost all.
    pub(super) fn begin_with_another_key(&mut self, bureau: BureauId) {
        for feed in FeedKind::ALL {
            self.office().ledger().put_cursor(&mut self.batch, bureau, feed, Cursor::default());
        }
    }
}
