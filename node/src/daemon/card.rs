//! The bureau's card: made from the configuration, and renewed when that or a key changes or the card grows old.

use std::sync::Arc;

use igain_protocol::bureau::card::{self, Card, Former, SignedCard};
use igain_protocol::bureau::{SealingKey, SigningKey, VerifyingKey};
use igain_protocol::time::Timestamp;

use super::Error;
use crate::config::Config;
use crate::keystore::Keys;
use crate::office::Office;

const DAY_MS: u64 = 86_400_000;

/// Makes cards.
pub(super) struct Issuer {
    config: Config,
    signing: VerifyingKey,
    sealing: SealingKey,
    transport: VerifyingKey,
    former: Vec<Former>,
}

impl Issuer {
    pub(super) fn new(config: &Config, keys: &Keys) -> Self {
        Self {
            config: config.clone(),
            signing: keys.signing().verifying_key(),
            sealing: keys.sealing().sealing_key(),
            transport: SigningKey::from_seed(*keys.transport_seed()).verifying_key(),
            former: keys.former(),
        }
    }

    /// The card to use now: the one in use, or a new one that peers are sent.
    pub(super) fn renew(&self, office: &Office) -> Result<Arc<SignedCard>, Error> {
        let known = office.card();
        let now = office.now();
        if let Some(known) = known.as_ref().filter(|known| self.still_says_it(known.card(), now)) {
            return Ok(Arc::clone(known));
        }
        // A store restored from a backup may have forgotten cards that peers have; the time never runs behind them.
        let serial = known.map_or(0, |known| known.card().serial.saturating_add(1)).max(now.as_ms());
        let card = self.card(serial, now);
        tracing::info!(serial, until = %card.not_after, "a new card was issued");
        Ok(office.issue_card(&card)?)
    }

    fn card(&self, serial: u64, now: Timestamp) -> Card {
        let ours = &self.config.card;
        let contact = |contact: &crate::config::Contact| card::Contact {
            role: contact.role.clone(),
            name: contact.name.clone(),
            email: contact.email.clone(),
            phone: contact.phone.clone(),
        };
        Card {
            bureau: self.config.bureau,
            name: self.config.name.clone(),
            serial,
            not_before: now,
            not_after: now.plus_ms(u64::from(ours.valid_days) * DAY_MS),
            signing: self.signing,
            sealing: self.sealing,
            transport: self.transport,
            addresses: ours.addresses.clone(),
            languages: ours.languages.clone(),
            contacts: ours.contacts.iter().map(contact).collect(),
            former: self.former.clone(),
        }
    }

    /// Whether a card says what a new one would, and has more than a quarter of its time before it.
    fn still_says_it(&self, known: &Card, now: Timestamp) -> bool {
        let fresh = self.card(known.serial, now);
        let same = Card { not_before: known.not_before, not_after: known.not_after, ..fresh } == *known;
        let quarter_ms = u64::from(self.config.card.valid_days) * DAY_MS / 4;
        same && known.check_valid(now).is_ok() && known.not_after.ms_since(now) > quarter_ms
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn issuer(valid_days: u32) -> Issuer {
        let text = crate::config::template("KE".parse().unwrap(), "NCB Nairobi", std::path::Path::new("data"));
        let mut config = Config::parse(&text, std::path::Path::new("igain.toml")).unwrap();
        config.card.valid_days = valid_days;
        let keys = Keys::from_entropy(&std::array::from_fn(|at| (at % 251) as u8));
        Issuer::new(&config, &keys)
    }

    #[test]
    fn a_card_is_kept_while_it_is_young_and_true() {
        let now = Timestamp::from_ms(1_772_366_400_000);
        let issuer = issuer(100);
        let card = issuer.card(7, now);
        assert!(issuer.still_says_it(&card, now));
        assert!(issuer.still_says_it(&card, now.plus_ms(74 * DAY_MS)));
        assert!(!issuer.still_says_it(&card, now.plus_ms(76 * DAY_MS)), "a quarter of its time is left");
        let moved = Card { addresses: vec!["/ip4/192.0.2.1/tcp/7946".into()], ..card };
        assert!(!issuer.still_says_it(&moved, now), "the configuration says something else");
    }
}
