//! Who is known: enrolling cards and renewing them.

use std::collections::BTreeMap;

use igain_protocol::bureau::card::{self, Card, SignedCard};
use igain_protocol::bureau::{BureauId, VerifyingKey};
use igain_protocol::time::Timestamp;

use super::memory::read;
use super::turn::Turn;
use super::{Actor, Cost, Deed, Error, Office};
use crate::clock::Clock;
use crate::ledger::{KeyRow, KeyUse, Ledger, PeerNumber, PeerRow, RevokedFor};

/// One enrolled bureau.
#[derive(Debug, Clone)]
pub struct Peer {
    /// Its card.
    pub card: SignedCard,
    /// When it was first enrolled.
    pub enrolled: Timestamp,
    /// Since when it is revoked, and why.
    pub revoked: Option<(Timestamp, RevokedFor)>,
    /// Tags for the policy.
    pub tags: Vec<String>,
    /// The last exchange, as a subscriber of this bureau, that ended well.
    pub synced: Option<Timestamp>,
    /// Its number among all that were ever enrolled.
    pub number: PeerNumber,
    /// How often since the start it was revoked, reinstated, or came with another key: an exchange of before is over.
    pub(super) breaks: u64,
}

/// What an exchange with a bureau rests on: when any of it changes, another takes its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bond {
    /// The key that it calls with.
    pub transport: VerifyingKey,
    /// Why it is revoked, if it is.
    pub revoked: Option<RevokedFor>,
    breaks: u64,
}

/// All enrolled bureaus.
#[derive(Debug, Default)]
pub(super) struct Peers {
    by_id: BTreeMap<BureauId, Peer>,
    /// The numbers of all that were ever enrolled, also of those whose card cannot be read.
    numbers: BTreeMap<BureauId, PeerNumber>,
    /// All keys that any card ever named. None ever comes out.
    keys: BTreeMap<[u8; 32], KeyRow>,
}

impl Peers {
    pub(super) fn load(ledger: &Ledger) -> Result<Self, Error> {
        let keys: BTreeMap<[u8; 32], KeyRow> = ledger.keys()?.into_iter().collect();
        let synced: BTreeMap<BureauId, Timestamp> = ledger.synced()?.into_iter().collect();
        let mut by_id = BTreeMap::new();
        let mut numbers = BTreeMap::new();
        for (bureau, row) in ledger.peers()? {
            numbers.insert(bureau, row.number);
            // One card that cannot be read must not keep the others, and the node, from their work.
            let card = match SignedCard::from_bytes(&row.card) {
                Ok(card) => card,
                Err(error) => {
                    tracing::error!(%error, "the card of a bureau cannot be read, and the bureau takes no part. Enrol its newest card");
                    continue;
                }
            };
            let key = *card.card().signing.as_bytes();
            let peer = Peer {
                card,
                enrolled: row.enrolled,
                revoked: keys.get(&key).and_then(KeyRow::revocation),
                tags: row.tags,
                synced: synced.get(&bureau).copied(),
                number: row.number,
                breaks: 0,
            };
            by_id.insert(bureau, peer);
        }
        Ok(Self { by_id, numbers, keys })
    }

    /// Takes in what a turn changed.
    pub(super) fn put(&mut self, peers: BTreeMap<BureauId, Peer>, keys: BTreeMap<[u8; 32], KeyRow>) {
        self.keys.extend(keys);
        self.numbers.extend(peers.iter().map(|(bureau, peer)| (*bureau, peer.number)));
        self.by_id.extend(peers);
    }

    /// What is known of a key.
    pub(super) fn key(&self, key: &[u8; 32]) -> Option<KeyRow> {
        self.keys.get(key).copied()
    }

    /// When an exchange ended well: for people to look at, nothing is decided by it.
    pub(super) fn note_synced(&mut self, bureau: BureauId, at: Timestamp) {
        if let Some(peer) = self.by_id.get_mut(&bureau) {
            peer.synced = Some(at);
        }
    }
}

impl Peer {
    /// What the card says.
    pub fn card(&self) -> &Card {
        self.card.card()
    }

    /// Whether it may take part now.
    ///
    /// # Errors
    /// Why not.
    pub fn check(&self, clock: &Clock) -> Result<(), Error> {
        if self.revoked.is_some() {
            return Err(Error::RevokedPeer(self.card().bureau));
        }
        Ok(check_valid(self.card(), clock)?)
    }

    /// Why it is revoked, if it is.
    pub fn revoked_for(&self) -> Option<RevokedFor> {
        self.revoked.map(|(_, why)| why)
    }

    /// What an exchange with it rests on.
    pub fn bond(&self) -> Bond {
        Bond { transport: self.card().transport, revoked: self.revoked_for(), breaks: self.breaks }
    }

    fn row(&self) -> PeerRow {
        PeerRow {
            card: self.card.as_bytes().to_vec(),
            enrolled: self.enrolled,
            tags: self.tags.clone(),
            number: self.number,
        }
    }
}

/// Whether a card is valid now. It has begun by the later of both clocks: where what is explained is far behind, others have
/// renewed theirs since.
///
/// # Errors
/// Why not.
pub fn check_valid(card: &Card, clock: &Clock) -> Result<(), card::Error> {
    match card.check_valid(clock.now()) {
        Err(card::Error::NotYetValid(_)) if card.not_before <= clock.later() => Ok(()),
        checked => checked,
    }
}

impl Office {
    /// All enrolled bureaus, revoked ones too.
    pub fn peers(&self) -> Vec<Peer> {
        read(&self.inner.memory.peers).by_id.values().cloned().collect()
    }

    /// One enrolled bureau.
    ///
    /// # Errors
    /// Where it is not enrolled.
    pub fn peer(&self, bureau: BureauId) -> Result<Peer, Error> {
        read(&self.inner.memory.peers).by_id.get(&bureau).cloned().ok_or(Error::UnknownPeer(bureau))
    }

    /// One bureau that may take part now.
    ///
    /// # Errors
    /// Where it is not enrolled, is revoked, or its card has expired.
    pub fn active_peer(&self, bureau: BureauId) -> Result<Peer, Error> {
        let peer = self.peer(bureau)?;
        peer.check(self.clock())?;
        Ok(peer)
    }

    /// The bureaus that may take part now.
    pub fn active_peers(&self) -> Vec<Peer> {
        let clock = self.clock();
        read(&self.inner.memory.peers).by_id.values().filter(|peer| peer.check(clock).is_ok()).cloned().collect()
    }

    /// One bureau with which there is an exchange: one that may take part, or that is revoked and may still end what was
    /// shared.
    ///
    /// # Errors
    /// Where it is not enrolled, or its card has expired.
    pub fn linked_peer(&self, bureau: BureauId) -> Result<Peer, Error> {
        let peer = self.peer(bureau)?;
        check_valid(peer.card(), self.clock())?;
        Ok(peer)
    }

    /// The bureaus with which there is an exchange.
    pub fn linked_peers(&self) -> Vec<Peer> {
        let clock = self.clock();
        let peers = read(&self.inner.memory.peers);
        peers.by_id.values().filter(|peer| check_valid(peer.card(), clock).is_ok()).cloned().collect()
    }

    /// The key with which a bureau signs with which there is an exchange; this bureau's own among them.
    pub fn key_of(&self, bureau: BureauId) -> Option<VerifyingKey> {
        if bureau == self.me() {
            return Some(self.secrets().signing.verifying_key());
        }
        self.linked_peer(bureau).ok().map(|peer| peer.card().signing)
    }

    /// Enrols a card, or a newer one of an enrolled bureau. `fingerprint` is what the administrator compared by another
    /// channel; without it, the caller has asked and was answered.
    ///
    /// # Errors
    /// Where the card is expired, older than the one here, signed with a revoked key, or not the one that was compared.
    pub fn enrol(
        &self,
        actor: Actor,
        card: SignedCard,
        fingerprint: Option<&str>,
        tags: Vec<String>,
    ) -> Result<Peer, Error> {
        let bureau = card.card().bureau;
        let print = card.card().signing.fingerprint();
        let deed = Deed::new(actor, "peer.enrol").peer(bureau).with("fingerprint", print);
        let deed = deed.with("serial", card.card().serial);
        let mut turn = self.turn()?;
        if let Err(error) = turn.check_enrolment(&card, fingerprint) {
            turn.account(deed.with("refused", error.code()));
            turn.commit_now()?;
            return Err(error);
        }
        let took_part = turn.active_peer(bureau).is_ok();
        turn.account(deed);
        turn.put_card(card, tags);
        if !took_part {
            turn.repost(bureau)?;
        }
        turn.commit_now()?;
        self.peer(bureau)
    }

    /// Takes a renewed card that its bureau sent, also one with a new signing key that the one known has signed. Whether it
    /// is new; the same one again and one that is older change nothing, and neither does one of a compromised bureau. One that
    /// left stays revoked, whichever key it has.
    ///
    /// # Errors
    /// Where it is not the sender's own, or its signature or validity is wrong.
    pub fn renew_peer(&self, sender: BureauId, bytes: &[u8]) -> Result<bool, Error> {
        let card = SignedCard::from_bytes(bytes)?;
        let mut turn = self.turn()?;
        let known = turn.linked_peer(sender)?;
        let same = card.card().bureau == sender && card.card().signing == known.card().signing;
        if known.revoked_for() == Some(RevokedFor::Compromised) || (same && card.card().serial <= known.card().serial) {
            return Ok(false);
        }
        card.card().supersedes(known.card())?;
        match known.revoked {
            None => turn.check_enrolment(&card, None)?,
            Some(_) => {
                check_valid(card.card(), turn.clock())?;
                turn.check_keys(card.card(), true)?;
            }
        }
        let deed = Deed::new(Actor::Bureau(sender), "peer.renew").peer(sender).with("serial", card.card().serial);
        let rotated = card.card().signing != known.card().signing;
        let print = card.card().signing.fingerprint();
        turn.account(if rotated { deed.with("fingerprint", print) } else { deed });
        self.spend(&mut turn.batch, sender, Cost { commits: 1, changes: 1, ..Cost::default() });
        match known.revoked {
            None => turn.put_card(card, known.tags),
            Some(_) => turn.put_card_of_revoked(Peer { card, ..known }),
        }
        turn.commit_now()?;
        Ok(true)
    }

    /// Notes that an exchange with a provider ended well. It is kept with the next write that has to be durable anyway.
    pub fn note_synced(&self, bureau: BureauId) {
        self.inner.memory.note_synced(bureau, self.now());
    }
}

impl Turn<'_> {
    /// One enrolled bureau, with what this turn changed of it.
    ///
    /// # Errors
    /// Where it is not enrolled.
    pub(super) fn peer(&self, bureau: BureauId) -> Result<Peer, Error> {
        match self.changed().peers.get(&bureau) {
            Some(peer) => Ok(peer.clone()),
            None => self.office().peer(bureau),
        }
    }

    /// One bureau that may take part now.
    ///
    /// # Errors
    /// Where it is not enrolled, is revoked, or its card has expired.
    pub(super) fn active_peer(&self, bureau: BureauId) -> Result<Peer, Error> {
        let peer = self.peer(bureau)?;
        peer.check(self.clock())?;
        Ok(peer)
    }

    /// One bureau with which there is an exchange, see [`Office::linked_peer`].
    ///
    /// # Errors
    /// Where it is not enrolled, or its card has expired.
    pub(super) fn linked_peer(&self, bureau: BureauId) -> Result<Peer, Error> {
        let peer = self.peer(bureau)?;
        check_valid(peer.card(), self.clock())?;
        Ok(peer)
    }

    fn check_enrolment(&self, card: &SignedCard, fingerprint: Option<&str>) -> Result<(), Error> {
        let bureau = card.card().bureau;
        let print = card.card().signing.fingerprint();
        if fingerprint.is_some_and(|typed| !print.matches(typed)) {
            return Err(Error::Fingerprint { found: print.to_string() });
        }
        if bureau == self.office().me() {
            return Err(Error::OwnCard);
        }
        check_valid(card.card(), self.clock())?;
        self.check_keys(card.card(), false)?;
        let Ok(known) = self.peer(bureau) else { return Ok(()) };
        if known.card.as_bytes() == card.as_bytes()
            || (known.revoked.is_some() && is_other(&known, &card.card().signing))
        {
            return Ok(());
        }
        match card.card().supersedes(known.card()) {
            Err(card::Error::OtherKey(bureau)) => Err(Error::OtherKey(bureau)),
            superseded => Ok(superseded?),
        }
    }

    /// Whether the keys of a card are its bureau's own, and in use unless the bureau is revoked.
    fn check_keys(&self, card: &Card, revoked: bool) -> Result<(), Error> {
        let own = self.office().secrets().keys();
        for (key, what_for) in keys_of(card) {
            if own.contains(&key) {
                return Err(Error::ForeignKey(self.office().me()));
            }
            let known = read(&self.office().inner.memory.peers).key(&key);
            if let Some(known) = known.filter(|known| known.bureau != card.bureau || known.what_for != what_for) {
                return Err(Error::ForeignKey(known.bureau));
            }
            // That a key of before was revoked says nothing of the one that came after it.
            if !revoked && known.is_some_and(|known| known.revoked.is_some()) && key == *card.signing.as_bytes() {
                return Err(Error::RevokedPeer(card.bureau));
            }
        }
        Ok(())
    }

    /// Puts a card that was checked in the place of the one known. What a bureau may do does not come with it.
    fn put_card(&mut self, card: SignedCard, tags: Vec<String>) {
        let bureau = card.card().bureau;
        let known = self.peer(bureau).ok();
        let rotated = |known: &Peer| known.revoked.is_none() && card.card().succeeds(&known.card().signing);
        let mut breaks = known.as_ref().map_or(0, |known| known.breaks);
        if known.as_ref().is_some_and(|known| is_other(known, &card.card().signing) && !rotated(known)) {
            breaks += 1;
            // What another key has answered, and opened, says nothing of this one.
            self.forget_answers(bureau);
            self.begin_with_another_key(bureau);
        }
        let number = self.number_of(bureau);
        let known = known.filter(|known| known.revoked.is_none());
        let enrolled = known.as_ref().map_or(self.now(), |known| known.enrolled);
        let tags = match &known {
            Some(known) if tags.is_empty() => known.tags.clone(),
            _ => tags,
        };
        let synced = known.and_then(|known| known.synced);
        let peer = Peer { card, enrolled, revoked: None, tags, synced, number, breaks };
        self.office().ledger().put_peer(&mut self.batch, bureau, &peer.row());
        for (key, what_for) in keys_of(peer.card()) {
            if read(&self.office().inner.memory.peers).key(&key).is_none() {
                self.put_key(key, KeyRow { bureau, what_for, since: self.now(), revoked: None, why: None });
            }
        }
        self.standing().peers.insert(bureau, peer);
    }

    /// Puts the newest card of a bureau that is revoked, and stays so: its new key is revoked with it.
    fn put_card_of_revoked(&mut self, peer: Peer) {
        let bureau = peer.card().bureau;
        self.office().ledger().put_peer(&mut self.batch, bureau, &peer.row());
        let (revoked, why) = peer.revoked.unzip();
        for (key, what_for) in keys_of(peer.card()) {
            if read(&self.office().inner.memory.peers).key(&key).is_none() {
                let signs = what_for == KeyUse::Signing;
                let (revoked, why) = (revoked.filter(|_| signs), why.filter(|_| signs));
                self.put_key(key, KeyRow { bureau, what_for, since: self.now(), revoked, why });
            }
        }
        self.standing().peers.insert(bureau, peer);
    }

    pub(super) fn put_key(&mut self, key: [u8; 32], row: KeyRow) {
        self.office().ledger().put_key(&mut self.batch, &key, &row);
        self.standing().keys.insert(key, row);
    }

    /// The number of a bureau among all that were ever enrolled: none is ever given to another.
    fn number_of(&self, bureau: BureauId) -> PeerNumber {
        let known = read(&self.office().inner.memory.peers);
        let staged = self.changed().peers.iter().map(|(bureau, peer)| (*bureau, peer.number));
        let mut numbers = known.numbers.clone();
        numbers.extend(staged);
        let next = || numbers.values().max().map_or(0, |last| last + 1);
        numbers.get(&bureau).copied().unwrap_or_else(next)
    }
}

fn is_other(known: &Peer, signing: &VerifyingKey) -> bool {
    known.card().signing != *signing
}

/// The keys that a card names, former ones among them.
fn keys_of(card: &Card) -> impl Iterator<Item = ([u8; 32], KeyUse)> {
    let present = [
        (*card.signing.as_bytes(), KeyUse::Signing),
        (*card.sealing.as_bytes(), KeyUse::Sealing),
        (*card.transport.as_bytes(), KeyUse::Transport),
    ];
    present.into_iter().chain(card.former.iter().map(|former| (*former.key.as_bytes(), KeyUse::Signing)))
}
