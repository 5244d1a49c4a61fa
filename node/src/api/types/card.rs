//! Cards.

use igain_protocol::bureau::{self, BureauId, SignedCard};
use igain_protocol::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::Text;
use crate::network::PeerKey;

/// A bureau's card.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Card {
    /// Whose it is.
    pub bureau: Text<BureauId>,
    /// The bureau's full name.
    pub name: String,
    /// Counts its cards.
    pub serial: u64,
    /// Valid from.
    pub not_before: Text<Timestamp>,
    /// Valid until.
    pub not_after: Text<Timestamp>,
    /// The fingerprint of its signing key, in groups.
    pub fingerprint: String,
    /// The same as words, to read aloud.
    pub words: Vec<String>,
    /// Its age recipient.
    pub sealing: String,
    /// The key that its node proves on a connection, in hex, as the log and errors of connections name it.
    #[serde(default)]
    pub transport: String,
    /// Where its node is reached.
    pub addresses: Vec<String>,
    /// Languages that it works in.
    pub languages: Vec<String>,
    /// Whom to call.
    pub contacts: Vec<Contact>,
    /// The card itself, to give to others.
    pub armor: String,
}

/// A point of contact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contact {
    /// What for.
    pub role: String,
    /// A person or an office.
    pub name: String,
    /// A mail address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// A telephone number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
}

impl From<&SignedCard> for Card {
    fn from(signed: &SignedCard) -> Self {
        let card = signed.card();
        let print = card.signing.fingerprint();
        let contact = |contact: &bureau::Contact| Contact {
            role: contact.role.clone(),
            name: contact.name.clone(),
            email: contact.email.clone(),
            phone: contact.phone.clone(),
        };
        Self {
            bureau: Text(card.bureau),
            name: card.name.clone(),
            serial: card.serial,
            not_before: Text(card.not_before),
            not_after: Text(card.not_after),
            fingerprint: print.to_string(),
            words: print.words().map(str::to_owned).to_vec(),
            sealing: card.sealing.to_string(),
            transport: PeerKey::from_bytes(*card.transport.as_bytes()).to_string(),
            addresses: card.addresses.clone(),
            languages: card.languages.clone(),
            contacts: card.contacts.iter().map(contact).collect(),
            armor: signed.to_armor(),
        }
    }
}
