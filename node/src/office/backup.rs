//! Backups: books and audit log as they were at one moment between two turns, and the account of one that was put back.

use igain_protocol::time::Timestamp;

use super::{Actor, Deed, Error, Office};
use crate::store;

/// Books and audit log at one moment. They belong together: the log has all entries that the books rest on, and the
/// books all commits that those entries tell of.
pub struct Snapshot {
    /// When.
    pub at: Timestamp,
    /// The books.
    pub books: store::Snapshot,
    /// The audit log.
    pub audit: store::Snapshot,
    /// Its last signed checkpoint.
    pub checkpoint: Vec<u8>,
}

impl Office {
    /// Books and audit log as they are now. Nobody writes to the books while this looks at them, which takes about as long
    /// as a write; what is read of them later is as it was then.
    ///
    /// # Errors
    /// Where they cannot be looked at.
    pub fn snapshot(&self) -> Result<Snapshot, Error> {
        // So that as little as can be of the log is without an anchor; without one more, the two still belong together.
        let anchored = self.anchor().and_then(|()| Ok(self.audit().checkpoint(self.now())?));
        if let Err(error) = anchored {
            tracing::warn!(%error, "the end of the audit log could not be anchored for the backup");
        }
        // All that was committed is visible once it is this turn, and nothing is committed until it ends.
        let turn = self.turn()?;
        let books = self.ledger().store().snapshot()?;
        if let Err(error) = self.audit().settle() {
            // What the log lacks, the books carry.
            tracing::warn!(%error, "the audit log could not be written");
        }
        // After the books, which rest on the log's last entries or carry them. Entries that write nothing may come meanwhile: they
        // tell of no commit that the books do not have.
        let (checkpoint, audit) = self.audit().snapshot()?;
        let at = turn.now();
        drop(turn);
        Ok(Snapshot { at, books, audit, checkpoint })
    }

    /// Makes the account of a backup durable. On a full disk it may use the room that is kept for that: a backup is then
    /// what is needed most.
    ///
    /// # Errors
    /// Where it cannot be accounted for; then nothing of the backup may leave.
    pub fn account_for_backup(&self, deed: Deed) -> Result<(), Error> {
        let mut turn = self.turn()?;
        turn.takes_back();
        turn.account(deed);
        turn.commit_now()
    }

    /// Accounts for a folder that was put back from a backup: what was withdrawn, revoked or decided since is forgotten
    /// here, and others may know it. `particulars` say which backup it was.
    ///
    /// # Errors
    /// Where it cannot be accounted for; the next start does.
    pub fn note_restored(&self, particulars: &[(&str, String)]) -> Result<(), Error> {
        let deed = Deed::new(Actor::Node, "store.restored");
        let deed = particulars.iter().fold(deed, |deed, (name, value)| deed.with(name, value));
        self.note_put_back(deed, None, None)
    }
}
