//! This bureau's own card.

use std::sync::Arc;

use igain_protocol::bureau::card::{Card, SignedCard};
use igain_protocol::bureau::{BureauId, VerifyingKey};
use igain_protocol::sync::Hello;

use super::memory::read;
use super::{Actor, Deed, Error, Office};
use crate::ledger::Ledger;

/// The card in the books; none where there is none, or it cannot be read: then a new one is issued.
///
/// # Errors
/// Where the books cannot be read.
pub(super) fn load(ledger: &Ledger) -> Result<Option<SignedCard>, Error> {
    let Some(bytes) = ledger.card()? else { return Ok(None) };
    let card = SignedCard::from_bytes(&bytes);
    if let Err(error) = &card {
        tracing::error!(%error, "this bureau's own card cannot be read; a new one is issued");
    }
    Ok(card.ok())
}

/// Whether a key file is the newest of the books: one of before a rotation must not sign for the bureau.
///
/// # Errors
/// [`Error::OtherKeys`] where the card in the books names another key than these, or the books cannot be read.
pub fn check_keys(ledger: &Ledger, own: &[VerifyingKey]) -> Result<(), Error> {
    match load(ledger)? {
        Some(card) if !own.contains(&card.card().signing) => Err(other_keys(&card, own.first())),
        _ => Ok(()),
    }
}

fn other_keys(books: &SignedCard, own: Option<&VerifyingKey>) -> Error {
    let keys = own.map(|key| key.fingerprint().to_string()).unwrap_or_default();
    Error::OtherKeys { books: books.card().signing.fingerprint().to_string(), keys }
}

impl Office {
    /// The card in use; none before the first was issued.
    pub fn card(&self) -> Option<Arc<SignedCard>> {
        read(&self.inner.memory.card).clone()
    }

    /// Signs a card and puts it in the place of the one in use. Bureaus that have an older one are sent it before anything
    /// else.
    ///
    /// # Errors
    /// Where the card is refused, the key file is from before the books, or the books cannot be written.
    pub fn issue_card(&self, card: &Card) -> Result<Arc<SignedCard>, Error> {
        let signed = Arc::new(card.sign(&self.secrets().signing, &self.secrets().transport)?);
        let mut turn = self.turn()?;
        if let Some(known) = self.card().filter(|known| known.card().signing != card.signing) {
            if !card.succeeds(&known.card().signing) {
                return Err(other_keys(&known, Some(&card.signing)));
            }
            let deed = Deed::new(Actor::Node, "key.rotate").with("before", known.card().signing.fingerprint());
            turn.account(deed.with("fingerprint", card.signing.fingerprint()));
        }
        turn.account(Deed::new(Actor::Node, "card.issue").with("serial", card.serial));
        self.ledger().put_card(&mut turn.batch, signed.as_bytes());
        turn.standing().card = Some(Arc::clone(&signed));
        turn.commit_now()?;
        Ok(signed)
    }

    /// What this node says to a bureau of its program, and of the newest card of that bureau that it has.
    pub fn hello(&self, to: BureauId) -> Hello {
        Hello::ours(self.peer(to).map_or(0, |peer| peer.card().serial))
    }

    /// This bureau's card, for one that says that it has an older one.
    pub fn card_for(&self, hello: &Hello) -> Option<Arc<SignedCard>> {
        self.card().filter(|card| hello.format > 0 && hello.seen < card.card().serial)
    }
}
