//! A card as it travels.

use minicbor::{Decode, Encode};

use super::{Card, Contact, Error, former};
use crate::bureau::{BureauId, SealingKey, SigningKey, VerifyingKey};
use crate::codec::{self, Signed, Typ, armor};
use crate::time::Timestamp;

/// Bytes of a signed card: all its lists full of short lines; a card is sent to people, by mail.
pub const CARD_LIMIT: usize = 16 * 1024;

const VERSION: u64 = 2;
const LABEL: &str = "IGAIN CARD";

/// A card whose bounds are kept and whose signature is by the key that it names.
///
/// That proves that its bureau's key signed it, not whose key that is: an administrator compares the fingerprint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedCard {
    card: Card,
    bytes: Vec<u8>,
}

impl SignedCard {
    pub(super) fn sign(card: &Card, key: &SigningKey, transport: &SigningKey) -> Result<Self, Error> {
        card.check()?;
        if card.signing != key.verifying_key() || card.transport != transport.verifying_key() {
            return Err(Error::NotOwnKey);
        }
        let bytes = codec::sign(Typ::Card, &codec::encode(&Wire::of(card, transport)), key);
        bounded(&bytes)?;
        Ok(Self { card: card.clone(), bytes })
    }

    /// Reads a card and checks it in full, but for the clock ([`Card::check_valid`]) and whether it is known.
    ///
    /// # Errors
    /// Whatever is wrong with it.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        bounded(bytes)?;
        let signed = Signed::parse(Typ::Card, bytes)?;
        let wire = codec::decode_version::<Wire>(signed.payload(), VERSION)?;
        let proof = wire.possession;
        let card = wire.read()?;
        signed.verify(&card.signing)?;
        card.check()?;
        if !card.transport.verify(&possession(&card), &proof) {
            return Err(Error::Possession);
        }
        Ok(Self { card, bytes: bytes.to_vec() })
    }

    /// The card.
    pub fn card(&self) -> &Card {
        &self.card
    }

    /// The signed bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The card as text, between `-----BEGIN IGAIN CARD-----` and `-----END IGAIN CARD-----`.
    pub fn to_armor(&self) -> String {
        armor::wrap(LABEL, &self.bytes)
    }

    /// Reads a card from text, which may have other text around it.
    ///
    /// # Errors
    /// What is no armoured card, and as [`SignedCard::from_bytes`].
    pub fn from_armor(text: &str) -> Result<Self, Error> {
        Self::from_bytes(&armor::unwrap(LABEL, text, CARD_LIMIT)?)
    }
}

/// What the transport key signs: for which bureau, and with which signing key, it stands on a card.
fn possession(card: &Card) -> Vec<u8> {
    [b"igain transport 1".as_slice(), card.bureau.as_bytes(), card.signing.as_bytes()].concat()
}

#[cfg(test)]
pub(super) fn sign_unchecked(card: &Card, key: &SigningKey, transport: &SigningKey) -> Vec<u8> {
    codec::sign(Typ::Card, &codec::encode(&Wire::of(card, transport)), key)
}

#[cfg(test)]
pub(super) fn wire(card: &Card, transport: &SigningKey) -> impl Encode<()> {
    Wire::of(card, transport)
}

fn bounded(bytes: &[u8]) -> Result<(), codec::Error> {
    match bytes.len() {
        0..=CARD_LIMIT => Ok(()),
        bytes => Err(codec::Error::TooLong { bytes, limit: CARD_LIMIT }),
    }
}

#[derive(Encode, Decode)]
#[cbor(map)]
struct Wire {
    #[n(0)]
    version: u64,
    #[n(1)]
    bureau: BureauId,
    #[n(2)]
    name: String,
    #[n(3)]
    serial: u64,
    #[n(4)]
    not_before: Timestamp,
    #[n(5)]
    not_after: Timestamp,
    #[cbor(n(6), with = "minicbor::bytes")]
    signing: [u8; 32],
    #[cbor(n(7), with = "minicbor::bytes")]
    sealing: [u8; 32],
    #[cbor(n(8), with = "minicbor::bytes")]
    transport: [u8; 32],
    #[n(9)]
    addresses: Vec<String>,
    #[n(10)]
    languages: Vec<String>,
    #[n(11)]
    contacts: Vec<WireContact>,
    #[cbor(n(12), with = "minicbor::bytes")]
    possession: [u8; 64],
    #[n(13)]
    former: Option<Vec<former::Wire>>,
}

#[derive(Encode, Decode)]
#[cbor(map)]
struct WireContact {
    #[n(0)]
    role: String,
    #[n(1)]
    name: String,
    #[n(2)]
    email: Option<String>,
    #[n(3)]
    phone: Option<String>,
}

impl Wire {
    fn of(card: &Card, transport: &SigningKey) -> Self {
        let possession = transport.sign(&possession(card));
        let card = card.clone();
        let contact = |c: Contact| WireContact { role: c.role, name: c.name, email: c.email, phone: c.phone };
        Self {
            version: VERSION,
            bureau: card.bureau,
            name: card.name,
            serial: card.serial,
            not_before: card.not_before,
            not_after: card.not_after,
            signing: *card.signing.as_bytes(),
            sealing: *card.sealing.as_bytes(),
            transport: *card.transport.as_bytes(),
            addresses: card.addresses,
            languages: card.languages,
            contacts: card.contacts.into_iter().map(contact).collect(),
            possession,
            former: Some(card.former.iter().map(former::Wire::of).collect())
                .filter(|former: &Vec<_>| !former.is_empty()),
        }
    }

    /// The card, its keys found to be safe ones.
    fn read(self) -> Result<Card, Error> {
        if self.former.as_ref().is_some_and(Vec::is_empty) {
            // What is not there is left out.
            return Err(Error::Succession);
        }
        let contact = |c: WireContact| Contact { role: c.role, name: c.name, email: c.email, phone: c.phone };
        let unsafe_key = |of| move |why| Error::Key { of, why };
        Ok(Card {
            bureau: self.bureau,
            name: self.name,
            serial: self.serial,
            not_before: self.not_before,
            not_after: self.not_after,
            signing: VerifyingKey::from_bytes(&self.signing).map_err(unsafe_key("signing"))?,
            sealing: SealingKey::from_bytes(&self.sealing).map_err(unsafe_key("sealing"))?,
            transport: VerifyingKey::from_bytes(&self.transport).map_err(unsafe_key("transport"))?,
            addresses: self.addresses,
            languages: self.languages,
            contacts: self.contacts.into_iter().map(contact).collect(),
            former: self.former.into_iter().flatten().map(former::Wire::read).collect::<Result<_, _>>()?,
        })
    }
}
