//! This bureau's own card.

use igain_protocol::bureau::card::{Card, SignedCard};
use igain_protocol::feed::{Letter, LetterKind};

use super::{Actor, Deed, Error, Office};

impl Office {
    /// The card in use; none before the first was issued.
    ///
    /// # Errors
    /// Where the books cannot be read.
    pub fn card(&self) -> Result<Option<SignedCard>, Error> {
        let bytes = self.ledger().card()?;
        Ok(bytes.map(|bytes| SignedCard::from_bytes(&bytes)).transpose()?)
    }

    /// Signs a card, puts it in the place of the one in use, and posts it to every bureau that takes part.
    ///
    /// # Errors
    /// Where the card is refused, or the books cannot be written.
    pub fn issue_card(&self, card: &Card) -> Result<SignedCard, Error> {
        let signed = card.sign(&self.secrets().signing, &self.secrets().transport)?;
        let mut turn = self.turn()?;
        turn.account(Deed::new(Actor::Node, "card.issue").with("serial", card.serial));
        self.ledger().put_card(&mut turn.batch, signed.as_bytes());
        for peer in self.active_peers() {
            turn.post(peer.card().bureau, Letter { kind: LetterKind::Card, bytes: signed.as_bytes().to_vec() });
        }
        turn.commit_now()?;
        Ok(signed)
    }
}
