//! How it stands with a bureau that was put back to a backup: who has given back what it holds, and what only those can tell
//! who were not heard. What the audit log still has is done again at the start.

use std::collections::BTreeMap;

use igain_protocol::bureau::BureauId;
use igain_protocol::record::RecordId;
use igain_protocol::time::Timestamp;
use igain_protocol::vocabulary::Reason;

use super::{Actor, Deed, Error, Office};
use crate::audit::Filter;
use crate::ledger::{DRAFTS, Deliveries, RecordKey, RecordRow, RecoveryRow, RevokedFor, Stand};

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

    /// The records of this bureau's own that no bureau was sent that was heard, and one that was not may have.
    fn untold(&self, peers: &[(BureauId, Heard)], limit: usize) -> Result<(u64, Vec<RecordId>), Error> {
        let (heard, absent): (Vec<_>, Vec<_>) = peers.iter().partition(|(_, heard)| heard.is_all());
        if absent.is_empty() {
            return Ok(Default::default());
        }
        let mut heard: Vec<Deliveries> = heard.into_iter().map(|(bureau, _)| Deliveries::new(bureau)).collect();
        let mut sent: Vec<Deliveries> = absent.iter().map(|(bureau, _)| Deliveries::new(*bureau)).collect();
        let granted: Vec<_> = absent.iter().map(|(bureau, _)| self.granted(*bureau)).collect::<Result<_, _>>()?;
        let mut may_have = |row: &RecordRow| -> Result<bool, Error> {
            let place = &row.place;
            let was_sent = |to: &mut Vec<Deliveries>| -> Result<bool, Error> {
                for one in to {
                    if one.contains(self.ledger(), place.number)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            };
            if place.class == DRAFTS || !row.is_live(self.now().day()) || was_sent(&mut heard)? {
                return Ok(false);
            }
            Ok(granted.iter().any(|granted| !granted.groups(place.class).is_empty()) || was_sent(&mut sent)?)
        };
        let (mut count, mut some, mut after) = (0, Vec::new(), None);
        loop {
            let page = self.ledger().records(after, PAGE)?;
            let Some((last, _)) = page.last() else { return Ok((count, some)) };
            after = Some(*last);
            for (key, row) in page.iter().filter(|(key, _)| key.owner == self.me()) {
                if may_have(row)? {
                    count += 1;
                    some.extend((some.len() < limit).then_some(key.id));
                }
            }
        }
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

    /// Notes that this bureau was put back, as its books or a restore say, where that is not noted yet.
    ///
    /// # Errors
    /// Where it cannot be accounted for or written.
    pub fn note_put_back(&self, deed: Deed) -> Result<(), Error> {
        let mut turn = self.turn()?;
        turn.account(deed);
        if self.ledger().recovery()?.is_none() {
            let row = RecoveryRow { noticed: turn.now(), by: None, records: 0, partly: 0, ended: 0, letters: 0 };
            self.ledger().put_recovery(&mut turn.batch, &row);
        }
        turn.commit_now()
    }

    /// Does again what the audit log tells of after entry `after` and up to `upto`, and the books have forgotten: withdrawals and revocations,
    /// for what they take back must not live again. How many.
    ///
    /// # Errors
    /// Where the log cannot be read, or the books cannot be written.
    pub(super) fn redo(&self, after: u64, upto: u64) -> Result<usize, Error> {
        let (mut done, mut next) = (0, after + 1);
        let mut revoked: BTreeMap<BureauId, Option<RevokedFor>> = BTreeMap::new();
        loop {
            let page = self.audit().list(next, PAGE, &Filter::default())?;
            let Some(last) = page.last().filter(|_| next <= upto) else { break };
            next = last.seq + 1;
            for entry in page.iter().filter(|numbered| numbered.seq <= upto).map(|numbered| &numbered.entry) {
                let detail =
                    |name: &str| entry.detail.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
                let peer = entry.peer.as_deref().and_then(|peer| peer.parse::<BureauId>().ok());
                match entry.action.as_str() {
                    "record.withdraw" => {
                        let id = entry.object.as_deref().and_then(|object| object.strip_prefix("record:"));
                        let id = id.and_then(|id| id.parse::<RecordId>().ok());
                        let reason = detail("reason").and_then(|reason| reason.parse::<Reason>().ok());
                        if let (Some(id), Some(reason)) = (id, reason) {
                            done += usize::from(self.withdraw_again(id, reason)?);
                        }
                    }
                    "peer.revoke" => {
                        let why = detail("why").and_then(RevokedFor::named).unwrap_or(RevokedFor::Compromised);
                        revoked.extend(peer.map(|peer| (peer, Some(why))));
                    }
                    "peer.reinstate" | "peer.enrol" if detail("refused").is_none() => {
                        revoked.extend(peer.map(|peer| (peer, None)));
                    }
                    _ => {}
                }
            }
        }
        for (bureau, why) in revoked {
            if let Some(why) = why
                && self.peer(bureau).is_ok_and(|peer| peer.revoked.is_none())
            {
                self.revoke(Actor::Node, bureau, why)?;
                done += 1;
            }
        }
        Ok(done)
    }

    fn withdraw_again(&self, id: RecordId, reason: Reason) -> Result<bool, Error> {
        match self.ledger().has_record(RecordKey { id, owner: self.me() })? {
            true => self.withdraw(Actor::Node, id, reason).map(|()| true),
            false => Ok(false),
        }
    }
}
