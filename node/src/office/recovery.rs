//! How it stands with a bureau that was put back to a backup: who has given back what it holds, and what only those can tell
//! who were not heard. What the audit log still has is done again at the start.

use std::collections::BTreeMap;

use igain_protocol::bureau::BureauId;
use igain_protocol::record::{RecordId, Tombstone};
use igain_protocol::time::Timestamp;
use igain_protocol::vocabulary::Reason;

use super::{Actor, Deed, Error, Office};
use crate::audit::Filter;
use crate::ledger::{DRAFTS, Deliveries, RecordRow, RecoveryRow, RedoRow, RevokedFor, Stand};

/// Records, or entries of the audit log, that are read together.
const PAGE: usize = 1_024;

/// How a bureau that was put back stands.
#[derive(Debug, Clone, Default)]
pub struct Recovery {
    /// That it was; none where nothing says so.
    pub noticed: Option<RecoveryRow>,
    /// Each bureau that takes part.
    pub peers: Vec<(BureauId, Heard)>,
    /// Records that were given back in part and are not whole since: how many, at most as many as were asked for.
    pub partly: Vec<RecordId>,
    /// Own records of which only bureaus that were not heard can tell whether they were withdrawn since.
    pub untold: u64,
    /// Some of those.
    pub some_untold: Vec<RecordId>,
}

/// What was heard of a bureau since this one was put back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// Nothing since the last start.
    Nothing,
    /// It has seen nothing that is not known here.
    Same,
    /// It has seen more, and how it stands with giving that back.
    More(Stand, Timestamp),
}

impl Heard {
    /// Whether it has said all that it can.
    pub const fn is_all(self) -> bool {
        matches!(self, Self::Same | Self::More(Stand::Done, _))
    }
}

impl Office {
    /// How it stands, with at most `limit` records by name.
    ///
    /// # Errors
    /// Where the books cannot be read.
    pub fn recovery(&self, limit: usize) -> Result<Recovery, Error> {
        let noticed = self.ledger().recovery()?;
        let reclaims: BTreeMap<_, _> = self.ledger().reclaims()?.into_iter().collect();
        let heard = self.inner.memory.heard();
        let peers: Vec<(BureauId, Heard)> = self
            .active_peers()
            .iter()
            .map(|peer| {
                let bureau = peer.card().bureau;
                let same = if heard.contains(&bureau) { Heard::Same } else { Heard::Nothing };
                (bureau, reclaims.get(&bureau).map_or(same, |row| Heard::More(row.stand, row.since)))
            })
            .collect();
        let partly = self.ledger().formers(limit)?.into_iter().map(|key| key.id).collect();
        let (untold, some_untold) = match noticed {
            Some(_) => self.untold(&peers, limit)?,
            None => Default::default(),
        };
        Ok(Recovery { noticed, peers, partly, untold, some_untold })
    }

    /// The records of this bureau's own that a bureau was sent, or may have, that was not heard: it alone may know that they were
    /// withdrawn.
    fn untold(&self, peers: &[(BureauId, Heard)], limit: usize) -> Result<(u64, Vec<RecordId>), Error> {
        let absent: Vec<BureauId> =
            peers.iter().filter(|(_, heard)| !heard.is_all()).map(|(bureau, _)| *bureau).collect();
        let granted: Vec<_> = absent.iter().map(|bureau| self.granted(*bureau)).collect::<Result<_, _>>()?;
        let mut sent: Vec<Deliveries> = absent.into_iter().map(Deliveries::new).collect();
        let mut may_have = |row: &RecordRow| -> Result<bool, Error> {
            if row.place.class == DRAFTS || !row.is_live(self.now().day()) {
                return Ok(false);
            }
            if granted.iter().any(|granted| !granted.groups(row.place.class).is_empty()) {
                return Ok(true);
            }
            for one in &mut sent {
                if one.contains(self.ledger(), row.place.number)? {
                    return Ok(true);
                }
            }
            Ok(false)
        };
        let (mut count, mut some, mut after) = (0, Vec::new(), None);
        while !granted.is_empty() {
            let page = self.ledger().records(after, PAGE)?;
            let Some((last, _)) = page.last() else { break };
            after = Some(*last);
            for (key, row) in page.iter().filter(|(key, _)| key.owner == self.me()) {
                if may_have(row)? {
                    count += 1;
                    some.extend((some.len() < limit).then_some(key.id));
                }
            }
        }
        Ok((count, some))
    }

    /// Closes the case: what was lost was dealt with.
    ///
    /// # Errors
    /// Where this bureau was not put back, as far as is known.
    pub fn close_recovery(&self, actor: Actor) -> Result<(), Error> {
        let mut turn = self.turn()?;
        let row = self.ledger().recovery()?.ok_or(Error::NotPutBack)?;
        turn.account(Deed::new(actor, "recovery.close").with("noticed", row.noticed));
        self.ledger().delete_recovery(&mut turn.batch)?;
        turn.commit_now()
    }

    /// Notes that this bureau was put back, as its books, its peers or a restore say, where that is not noted yet; and what is to be
    /// done again.
    ///
    /// # Errors
    /// Where it cannot be accounted for or written.
    pub fn note_put_back(&self, deed: Deed, by: Option<BureauId>, redo: Option<RedoRow>) -> Result<(), Error> {
        let mut turn = self.turn()?;
        turn.takes_back();
        turn.account(deed);
        if self.ledger().recovery()?.is_none() {
            let row = RecoveryRow::new(turn.now(), by);
            self.ledger().put_recovery(&mut turn.batch, &row);
        }
        if redo.is_some() {
            self.ledger().put_redo(&mut turn.batch, redo.as_ref());
        }
        turn.commit_now()
    }

    /// Does again what the audit log tells of and the books have forgotten: revocations and withdrawals, for what they take back
    /// must not live again. What gives something is for people to do again. What is broken off goes on at the next start.
    ///
    /// # Errors
    /// Where the log cannot be read, or the books cannot be written.
    pub(super) fn redo(&self, redo: RedoRow) -> Result<(), Error> {
        let (mut revoked, mut withdrawn) = (BTreeMap::new(), BTreeMap::new());
        let mut next = redo.from;
        while next <= redo.upto {
            let page = self.audit().list(next, PAGE, &Filter::default())?;
            let Some(last) = page.last() else { break };
            next = last.seq + 1;
            for entry in page.iter().filter(|numbered| numbered.seq <= redo.upto).map(|numbered| &numbered.entry) {
                let detail =
                    |name: &str| entry.detail.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
                let peer = entry.peer.as_deref().and_then(|peer| peer.parse::<BureauId>().ok());
                match (entry.action.as_str(), peer) {
                    ("record.withdraw", _) => {
                        let id = entry.object.as_deref().and_then(|object| object.strip_prefix("record:"));
                        let id = id.and_then(|id| id.parse::<RecordId>().ok());
                        let reason = detail("reason").and_then(|reason| reason.parse::<Reason>().ok());
                        withdrawn.extend(id.map(|id| (id, reason.unwrap_or(Reason::Withdrawn))));
                    }
                    ("peer.revoke", Some(peer)) => {
                        let why = detail("why").and_then(RevokedFor::named).unwrap_or(RevokedFor::Compromised);
                        revoked.insert(peer, why);
                    }
                    // One that was enrolled anew has another key since, which the books do not know: theirs stays revoked. So does
                    // one that was reinstated: the log may tell of what was refused.
                    _ => {}
                }
            }
        }
        let mut again = 0;
        for (bureau, why) in revoked {
            match self.peer(bureau) {
                Ok(peer) if peer.revoked_for() < Some(why) => {
                    self.revoke(Actor::Node, bureau, why)?;
                    again += 1;
                }
                Ok(_) => {}
                Err(_) => {
                    tracing::error!(%bureau, "the audit log tells that a bureau was revoked that the books do not know")
                }
            }
        }
        for (id, reason) in withdrawn {
            again += usize::from(self.withdraw_again(id, reason)?);
        }
        let mut turn = self.turn()?;
        turn.takes_back();
        self.ledger().put_redo(&mut turn.batch, None);
        turn.commit_now()?;
        tracing::warn!(again, "withdrawals and revocations that the audit log tells of were done again");
        Ok(())
    }

    /// Withdraws a record also where the books do not have it: others may.
    fn withdraw_again(&self, id: RecordId, reason: Reason) -> Result<bool, Error> {
        let signed = Tombstone::new(id, self.me(), self.now(), reason).sign(&self.secrets().signing);
        let mut turn = self.turn()?;
        turn.takes_back();
        if !turn.end_own(id, signed)? {
            return Ok(false);
        }
        turn.account(Deed::new(Actor::Node, "record.withdraw").record(id).with("reason", reason).with("again", true));
        turn.commit_now()?;
        Ok(true)
    }
}
