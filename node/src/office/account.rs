//! Accounting: who did what, to what, why; durable before the answer leaves.

use std::sync::atomic::Ordering;

use igain_protocol::bureau::BureauId;
use igain_protocol::caf::CafId;
use igain_protocol::record::RecordId;
use igain_protocol::time::Timestamp;

use super::turn::Committed;
use super::{Error, Office, Why};
use crate::audit::{self, Carrier, Entry, Stored, Summary};
use crate::ledger::RedoRow;
use crate::people::PersonName;

/// Who acts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Actor {
    /// A person, by the name that the people file gives the user of this number.
    Person(PersonName, u32),
    /// A user of this machine whom no people file names, by the number that the kernel gives for its end of the socket.
    User(u32),
    /// Another bureau.
    Bureau(BureauId),
    /// The node itself.
    Node,
}

impl std::fmt::Display for Actor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Person(name, _) => write!(f, "person:{name}"),
            Self::User(uid) => write!(f, "uid:{uid}"),
            Self::Bureau(bureau) => write!(f, "bureau:{bureau}"),
            Self::Node => f.write_str("node"),
        }
    }
}

/// What is done, as the audit log has it. No personal data: ids and digests only.
#[derive(Debug, Clone)]
pub struct Deed {
    actor: Actor,
    action: &'static str,
    object: Option<String>,
    purpose: Option<String>,
    case: Option<String>,
    peer: Option<BureauId>,
    detail: Vec<(String, String)>,
}

impl Deed {
    /// `actor` does `action`, a stable name such as `record.add`.
    pub const fn new(actor: Actor, action: &'static str) -> Self {
        Self { actor, action, object: None, purpose: None, case: None, peer: None, detail: Vec::new() }
    }

    /// To this record.
    #[must_use]
    pub fn record(mut self, id: RecordId) -> Self {
        self.object = Some(format!("record:{id}"));
        self
    }

    /// To this CAF.
    #[must_use]
    pub fn caf(mut self, id: CafId) -> Self {
        self.object = Some(format!("caf:{id}"));
        self
    }

    /// With this bureau.
    #[must_use]
    pub const fn peer(mut self, peer: BureauId) -> Self {
        self.peer = Some(peer);
        self
    }

    /// For this purpose, in this case.
    #[must_use]
    pub fn why(mut self, why: &Why) -> Self {
        self.purpose = Some(why.purpose().code().into());
        self.case = Some(why.case().into());
        self
    }

    /// As the audit log takes it. `books` is the last commit of the books that is visible.
    fn entry(self, at: Timestamp, books: u64) -> Entry {
        let deed = match self.actor {
            // A person may have several users, and which was used may matter.
            Actor::Person(_, uid) => self.with("uid", uid),
            _ => self,
        };
        Entry {
            at,
            actor: deed.actor.to_string(),
            action: deed.action.to_owned(),
            object: deed.object,
            purpose: deed.purpose,
            case: deed.case,
            peer: deed.peer.map(|peer| peer.to_string()),
            detail: deed.detail,
            books,
        }
    }

    /// With this particular.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl ToString) -> Self {
        self.detail.push((name.into(), value.to_string()));
        self
    }
}

impl Office {
    /// Makes the account of a deed durable that writes nothing; what a turn writes is accounted for with it.
    ///
    /// # Errors
    /// Where the audit log cannot be written; then the deed must not be done, or its answer not given.
    pub fn account(&self, deed: Deed) -> Result<u64, Error> {
        Ok(self.audit().append(self.entry(deed))?)
    }

    /// As [`Office::account`], for who waits for it later.
    ///
    /// # Errors
    /// Where the audit log cannot be written.
    pub fn account_ahead(&self, deed: Deed) -> Result<Committed, Error> {
        let account = self.audit().submit(vec![self.entry(deed)])?;
        Ok(Committed::of_account(self, account.pending))
    }

    /// The account of a deed, now.
    pub(super) fn entry(&self, deed: Deed) -> Entry {
        deed.entry(self.now(), self.ledger().store().position().commit())
    }

    /// Goes through the whole audit log, and sees that it holds what the books rest on.
    ///
    /// # Errors
    /// What is wrong with it, or where it or the books cannot be read.
    pub fn verify_account(&self) -> Result<Summary, Error> {
        // First what the books rest on: more may come meanwhile.
        let noted = self.ledger().account()?;
        if let Err(error) = self.audit().settle() {
            tracing::error!(%error, "the audit log could not be written");
        }
        let summary = self.audit().verify()?;
        noted.map_or(Ok(()), |end| self.audit().check_reaches(&end))?;
        Ok(summary)
    }

    /// Has the audit log take up what the books carry, and sees that the two belong together: whichever ends before what the other rests on was put back, or cut.
    /// Of books that were, this makes an account, since what they have forgotten others may know.
    ///
    /// # Errors
    /// Where it is the log that ends too soon, or cannot be read or written.
    pub(super) fn check_account(&self) -> Result<(), Error> {
        let carried = self.ledger().carried()?;
        self.desk().carrier = Carrier::of(&carried);
        self.take_up(carried)?;
        if let Some(end) = self.ledger().account()? {
            self.audit().check_reaches(&end)?;
            self.inner.memory.noted.store(end.seq, Ordering::Release);
        }
        let here = self.ledger().store().position().commit();
        if let Some(last) = self.audit().last_entry()?.filter(|last| last.entry.books > here) {
            let missing = last.entry.books - here;
            tracing::error!(
                missing, last = %last.entry.at,
                "the books were put back: commits are missing that the audit log tells of. What was withdrawn or revoked since is \
                 done again; policy, files and records are for you to look at: `igain recovery show`, `igain audit list`"
            );
            let deed = Deed::new(Actor::Node, "store.put-back").with("commits-missing", missing);
            let from = self.inner.memory.noted.load(Ordering::Acquire) + 1;
            let redo = RedoRow { from, upto: last.seq };
            self.note_put_back(deed.with("last-account", last.entry.at), None, Some(redo))?;
        }
        match self.ledger().redo()? {
            Some(redo) => self.redo(redo),
            None => Ok(()),
        }
    }

    /// On a full disk the log may have the room that the books keep; where that is not enough, the entries stay under way.
    fn take_up(&self, carried: Vec<Stored>) -> Result<(), Error> {
        let again = |error: audit::Error| {
            self.ledger().store().give_up_reserve();
            tracing::warn!(%error, "the audit log lacks entries that the books carry");
            self.audit().settle()
        };
        match self.audit().take_up(carried).or_else(|error| if error.is_full() { again(error) } else { Err(error) }) {
            Err(error) if error.is_full() => Ok(()),
            taken => Ok(taken?),
        }
    }

    /// Notes the end of the audit log in the books, where accounts of what writes nothing came since the last commit.
    ///
    /// # Errors
    /// Where the books cannot be written; the next call does.
    pub fn anchor(&self) -> Result<(), Error> {
        let end = self.audit().end();
        if end.seq <= self.inner.memory.noted.load(Ordering::Acquire) {
            return Ok(());
        }
        let mut turn = self.turn()?;
        turn.anchor(&end);
        turn.commit_now()
    }
}
