//! Who is known: enrolling cards, renewing and revoking them.

use std::collections::BTreeMap;

use igain_protocol::bureau::card::{Card, SignedCard};
use igain_protocol::bureau::{BureauId, VerifyingKey};
use igain_protocol::time::Timestamp;

use super::{Actor, Deed, Error, Office, read, write};
use crate::ledger::{Ledger, PeerRow};

/// One enrolled bureau.
#[derive(Debug, Clone)]
pub struct Peer {
    /// Its card.
    pub card: SignedCard,
    /// When it was first enrolled.
    pub enrolled: Timestamp,
    /// Since when it is revoked.
    pub revoked: Option<Timestamp>,
    /// Tags for the policy.
    pub tags: Vec<String>,
    /// The last exchange, as a subscriber of this bureau, that ended well.
    pub synced: Option<Timestamp>,
}

/// All enrolled bureaus.
#[derive(Debug, Default)]
pub(super) struct Peers {
    by_id: BTreeMap<BureauId, Peer>,
}

impl Peers {
    pub(super) fn load(ledger: &Ledger) -> Result<Self, Error> {
        let read = |row: PeerRow| {
            let card = SignedCard::from_bytes(&row.card)?;
            let bureau = card.card().bureau;
            let peer = Peer { card, enrolled: row.enrolled, revoked: row.revoked, tags: row.tags, synced: row.synced };
            Ok((bureau, peer))
        };
        let by_id = ledger.peers()?.into_iter().map(read).collect::<Result<_, Error>>()?;
        Ok(Self { by_id })
    }

    /// The key of a bureau, revoked or not.
    pub(super) fn key_of_any(&self, bureau: BureauId) -> Option<VerifyingKey> {
        self.by_id.get(&bureau).map(|peer| peer.card.card().signing)
    }
}

impl Peer {
    /// What the card says.
    pub fn card(&self) -> &Card {
        self.card.card()
    }

    /// Whether it may take part at `now`.
    ///
    /// # Errors
    /// Why not.
    pub fn check(&self, now: Timestamp) -> Result<(), Error> {
        if self.revoked.is_some() {
            return Err(Error::RevokedPeer(self.card().bureau));
        }
        Ok(self.card().check_valid(now)?)
    }

    fn row(&self) -> PeerRow {
        PeerRow {
            card: self.card.as_bytes().to_vec(),
            enrolled: self.enrolled,
            revoked: self.revoked,
            tags: self.tags.clone(),
            synced: self.synced,
        }
    }
}

impl Office {
    /// All enrolled bureaus, revoked ones too.
    pub fn peers(&self) -> Vec<Peer> {
        read(&self.inner.peers).by_id.values().cloned().collect()
    }

    /// One enrolled bureau.
    ///
    /// # Errors
    /// Where it is not enrolled.
    pub fn peer(&self, bureau: BureauId) -> Result<Peer, Error> {
        read(&self.inner.peers).by_id.get(&bureau).cloned().ok_or(Error::UnknownPeer(bureau))
    }

    /// One bureau that may take part now.
    ///
    /// # Errors
    /// Where it is not enrolled, is revoked, or its card has expired.
    pub fn active_peer(&self, bureau: BureauId) -> Result<Peer, Error> {
        let peer = self.peer(bureau)?;
        peer.check(self.now())?;
        Ok(peer)
    }

    /// The bureaus that may take part now.
    pub fn active_peers(&self) -> Vec<Peer> {
        let now = self.now();
        read(&self.inner.peers).by_id.values().filter(|peer| peer.check(now).is_ok()).cloned().collect()
    }

    /// The key with which a bureau that may take part signs; this bureau's own among them.
    pub fn key_of(&self, bureau: BureauId) -> Option<VerifyingKey> {
        if bureau == self.me() {
            return Some(self.secrets().signing.verifying_key());
        }
        self.active_peer(bureau).ok().map(|peer| peer.card().signing)
    }

    /// Enrols a card, or a newer one of an enrolled bureau. `fingerprint` is what the administrator compared by another
    /// channel; without it, the caller has asked and was answered.
    ///
    /// # Errors
    /// Where the card is expired, older than the one here, of a revoked bureau, or not the one that was compared.
    pub fn enrol(
        &self,
        actor: Actor,
        card: SignedCard,
        fingerprint: Option<&str>,
        tags: Vec<String>,
    ) -> Result<Peer, Error> {
        let now = self.now();
        let bureau = card.card().bureau;
        let print = card.card().signing.fingerprint();
        let verdict = self.check_enrolment(&card, fingerprint, now);
        let deed = Deed::new(actor, "peer.enrol").peer(bureau).with("fingerprint", print);
        let deed = deed.with("serial", card.card().serial);
        if let Err(error) = verdict {
            self.account(deed.with("refused", error.code()))?;
            return Err(error);
        }
        let took_part = self.active_peer(bureau).is_ok();
        self.account(deed)?;
        let peer = self.put_card(card, tags)?;
        if !took_part {
            self.repost(bureau)?;
        }
        Ok(peer)
    }

    fn check_enrolment(&self, card: &SignedCard, fingerprint: Option<&str>, now: Timestamp) -> Result<(), Error> {
        let print = card.card().signing.fingerprint();
        if fingerprint.is_some_and(|typed| !print.matches(typed)) {
            return Err(Error::Fingerprint { found: print.to_string() });
        }
        if card.card().bureau == self.me() {
            return Err(Error::OwnCard);
        }
        card.card().check_valid(now)?;
        match self.peer(card.card().bureau) {
            Ok(known) if known.card().signing != card.card().signing && known.revoked.is_none() => {
                Err(Error::OtherKey(card.card().bureau))
            }
            Ok(known) if known.card().signing != card.card().signing => Ok(()),
            Ok(known) if known.revoked.is_some() => Err(Error::RevokedPeer(card.card().bureau)),
            Ok(known) if known.card.as_bytes() == card.as_bytes() => Ok(()),
            Ok(known) => Ok(card.card().supersedes(known.card())?),
            Err(_) => Ok(()),
        }
    }

    /// Takes a renewed card that its bureau sent; an older one is passed over.
    ///
    /// # Errors
    /// Where it is not the sender's own, or its signature or validity is wrong.
    pub(super) fn renew_card(&self, sender: BureauId, bytes: &[u8]) -> Result<(), Error> {
        let card = SignedCard::from_bytes(bytes)?;
        let known = self.peer(sender)?;
        if card.as_bytes() == known.card.as_bytes() {
            return Ok(());
        }
        card.card().supersedes(known.card())?;
        self.check_enrolment(&card, None, self.now())?;
        let deed = Deed::new(Actor::Bureau(sender), "peer.renew").peer(sender).with("serial", card.card().serial);
        self.account(deed)?;
        self.put_card(card, known.tags).map(drop)
    }

    fn put_card(&self, card: SignedCard, tags: Vec<String>) -> Result<Peer, Error> {
        let bureau = card.card().bureau;
        let known = self.peer(bureau).ok().filter(|known| known.revoked.is_none());
        let enrolled = known.as_ref().map_or(self.now(), |known| known.enrolled);
        let tags =
            if tags.is_empty() { known.as_ref().map(|known| known.tags.clone()).unwrap_or_default() } else { tags };
        let peer = Peer { card, enrolled, revoked: None, tags, synced: known.and_then(|known| known.synced) };
        self.store_peer(bureau, peer.clone())?;
        Ok(peer)
    }

    fn store_peer(&self, bureau: BureauId, peer: Peer) -> Result<(), Error> {
        let mut batch = self.batch();
        self.ledger().put_peer(&mut batch, bureau, &peer.row());
        self.ledger().commit(batch)?;
        write(&self.inner.peers).by_id.insert(bureau, peer);
        Ok(())
    }

    /// Revokes a bureau: from now on it gets nothing, and nothing of it is accepted.
    ///
    /// # Errors
    /// Where it is not enrolled.
    pub fn revoke(&self, actor: Actor, bureau: BureauId) -> Result<Peer, Error> {
        let mut peer = self.peer(bureau)?;
        peer.revoked = peer.revoked.or(Some(self.now()));
        self.account(Deed::new(actor, "peer.revoke").peer(bureau))?;
        self.store_peer(bureau, peer.clone())?;
        Ok(peer)
    }

    /// Notes that an exchange with a provider ended well. It is kept with the next write that has to be durable anyway.
    pub fn note_synced(&self, bureau: BureauId) {
        let now = self.now();
        if let Some(peer) = write(&self.inner.peers).by_id.get_mut(&bureau) {
            peer.synced = Some(now);
        }
    }
}
