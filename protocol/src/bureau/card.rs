//! A bureau's signed description of itself: keys, addresses, languages, points of contact, validity.

mod former;
mod signed;

use crate::bureau::{BureauId, KeyId, SealingKey, SigningKey, VerifyingKey};
use crate::codec::{self, text};
use crate::time::Timestamp;

pub use former::Former;
pub use signed::{CARD_LIMIT, SignedCard};

/// Bytes of any one line of a card: a name, an address, a telephone number.
pub const LINE_LIMIT: usize = 256;
/// Addresses, languages or contacts on one card: more than a bureau has, and few enough to read through.
pub const LIST_LIMIT: usize = 16;
/// How far a card's issuer may be ahead of the reader's clock, in milliseconds.
pub const CLOCK_SKEW_MS: u64 = 5 * 60 * 1000;

/// What a bureau says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Card {
    /// Whose card it is.
    pub bureau: BureauId,
    /// The bureau's full name.
    pub name: String,
    /// Counts the bureau's cards: a higher one replaces a lower one.
    pub serial: u64,
    /// Valid from this instant.
    pub not_before: Timestamp,
    /// Valid up to, not including, this instant.
    pub not_after: Timestamp,
    /// Signs everything that the bureau says, this card first.
    pub signing: VerifyingKey,
    /// Seals what is for the bureau alone.
    pub sealing: SealingKey,
    /// The Ed25519 key that the bureau's node shows in the TLS handshake. The card carries its signature over the bureau
    /// and the signing key: nobody can name a key that it does not have.
    pub transport: VerifyingKey,
    /// Where the node is reached, as multiaddrs; may be empty for a bureau that only calls out.
    pub addresses: Vec<String>,
    /// Languages that the bureau works in, as BCP 47 tags.
    pub languages: Vec<String>,
    /// Whom to call.
    pub contacts: Vec<Contact>,
    /// The signing keys that the bureau had before, the oldest first. Each has signed the next, and the last the present
    /// one: a bureau that is known by one of them is known by this card.
    pub former: Vec<Former>,
}

/// A point of contact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contact {
    /// What for, like "analytical point of contact".
    pub role: String,
    /// A person or an office.
    pub name: String,
    /// A mail address.
    pub email: Option<String>,
    /// A telephone number (E.164).
    pub phone: Option<String>,
}

/// Why a card is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Not a signed document, or not by the key it names.
    #[error(transparent)]
    Document(#[from] codec::Error),
    /// Not a card in text form.
    #[error(transparent)]
    Armor(#[from] codec::armor::Error),
    /// A text is empty, too long or has control characters.
    #[error("the card's {field} {fault}. Correct it and sign the card again")]
    Text {
        /// Which.
        field: &'static str,
        /// What is wrong with it.
        fault: text::Fault,
    },
    /// Too many of something.
    #[error("the card has {count} {field}, and {LIST_LIMIT} is the limit. Leave some out and sign the card again")]
    TooMany {
        /// Of what.
        field: &'static str,
        /// How many.
        count: usize,
    },
    /// An address, language, mail address or telephone number is not written as it should be.
    #[error("`{value}` on the card is no {field}. Correct it and sign the card again")]
    Malformed {
        /// What it should be.
        field: &'static str,
        /// What it is, shortened.
        value: String,
    },
    /// One of its keys is no safe key.
    #[error("the card's {of} key is refused: {why}")]
    Key {
        /// What it is for.
        of: &'static str,
        /// What is wrong with it.
        why: super::Error,
    },
    /// One key for two uses.
    #[error("the card names one key for signing and for transport. Its bureau must make separate keys")]
    SameKey,
    /// It ends before it begins.
    #[error("the card ends on {not_after}, not after it begins on {not_before}. Correct the dates and sign it again")]
    Validity {
        /// Begin.
        not_before: Timestamp,
        /// End.
        not_after: Timestamp,
    },
    /// The transport key has not signed for the bureau.
    #[error("the card does not prove that the bureau has the transport key that it names. Nothing was taken over")]
    Possession,
    /// A former key that has not signed the next, or that the card names twice.
    #[error(
        "the card names a former signing key that has not signed the one after it, or names a key twice. Its bureau must \
         issue its card anew"
    )]
    Succession,
    /// Signed by other keys than those that it names.
    #[error("the card names a key that is not the one at hand. Sign a bureau's card with its own keys")]
    NotOwnKey,
    /// Its time has not come.
    #[error("the card is valid from {0}, which is still to come. Check this machine's clock")]
    NotYetValid(Timestamp),
    /// Its time is over.
    #[error("the card expired on {0}. Ask the bureau for a new one")]
    Expired(Timestamp),
    /// Not the same bureau.
    #[error("this is a card of {new}, not of {old}. Enrol it as a bureau of its own")]
    OtherBureau {
        /// Whose card is known.
        old: BureauId,
        /// Whose card this is.
        new: BureauId,
    },
    /// The same bureau with another signing key.
    #[error("{0} has a new signing key. Revoke the old card, then enrol this one after comparing its fingerprint")]
    OtherKey(BureauId),
    /// Its former keys are others than were known.
    #[error("the card of {0} names other former keys than its older card. Ask the bureau why, and for its newest card")]
    History(BureauId),
    /// Not newer than what is known.
    #[error("this is card {new} of {bureau}, and card {old} is known already. Ask the bureau for its newest card")]
    NotNewer {
        /// Whose card.
        bureau: BureauId,
        /// The serial that is known.
        old: u64,
        /// The serial of this one.
        new: u64,
    },
}

impl Error {
    /// Whether the card may be good for a later version of this program, or at a later time.
    pub const fn may_be_good(&self) -> bool {
        match self {
            Self::Document(codec::Error::Version { found, known }) => *found > *known,
            Self::Document(codec::Error::Content(_)) | Self::TooMany { .. } | Self::NotYetValid(_) => true,
            _ => false,
        }
    }

    /// The stable name of this kind of error, for machines.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Document(error) => error.code(),
            Self::Armor(_) => "card.armor",
            Self::Text { .. } => "card.text",
            Self::TooMany { .. } => "card.too-many",
            Self::Malformed { .. } => "card.malformed",
            Self::Key { why, .. } => why.code(),
            Self::SameKey => "card.same-key",
            Self::Possession => "card.possession",
            Self::Succession => "card.succession",
            Self::Validity { .. } => "card.validity",
            Self::NotOwnKey => "card.not-own-key",
            Self::NotYetValid(_) => "card.not-yet-valid",
            Self::Expired(_) => "card.expired",
            Self::OtherBureau { .. } => "card.other-bureau",
            Self::OtherKey(_) => "card.other-key",
            Self::History(_) => "card.history",
            Self::NotNewer { .. } => "card.not-newer",
        }
    }
}

impl Card {
    /// Signs the card with the keys that it names for signing and for transport.
    ///
    /// # Errors
    /// Whatever a reader would refuse, and [`Error::NotOwnKey`].
    pub fn sign(&self, key: &SigningKey, transport: &SigningKey) -> Result<SignedCard, Error> {
        SignedCard::sign(self, key, transport)
    }

    /// Whether the card may be relied on at `now`.
    ///
    /// # Errors
    /// [`Error::NotYetValid`] and [`Error::Expired`].
    pub fn check_valid(&self, now: Timestamp) -> Result<(), Error> {
        if now.plus_ms(CLOCK_SKEW_MS) < self.not_before {
            return Err(Error::NotYetValid(self.not_before));
        }
        match now < self.not_after {
            true => Ok(()),
            false => Err(Error::Expired(self.not_after)),
        }
    }

    /// The key to verify with what names the key `kid`: a former one, or else the present one.
    pub fn signing_key(&self, kid: KeyId) -> VerifyingKey {
        self.former.iter().map(|former| former.key).find(|key| key.key_id() == kid).unwrap_or(self.signing)
    }

    /// All signing keys that it names, the present one last.
    fn history(&self) -> impl Iterator<Item = &VerifyingKey> {
        self.former.iter().map(|former| &former.key).chain([&self.signing])
    }

    /// Whether its bureau signs with the key `kid`, or did before.
    pub fn has_signed_with(&self, kid: KeyId) -> bool {
        self.history().any(|key| key.key_id() == kid)
    }

    /// Whether its bureau signed with this key before.
    pub fn succeeds(&self, key: &VerifyingKey) -> bool {
        self.former.iter().any(|former| former.key == *key)
    }

    /// Whether this card takes the place of `older` without anybody being asked: same bureau, the same signing key or one
    /// that it has signed, higher serial; and all keys that `older` names come first, as they were.
    ///
    /// # Errors
    /// Which of them is not so.
    pub fn supersedes(&self, older: &Self) -> Result<(), Error> {
        if self.bureau != older.bureau {
            return Err(Error::OtherBureau { old: older.bureau, new: self.bureau });
        }
        if self.signing != older.signing && !self.succeeds(&older.signing) {
            return Err(Error::OtherKey(self.bureau));
        }
        // What is known of its history stays as it is, so that what a former key signed can be verified for ever.
        if !older.history().eq(self.history().take(older.former.len() + 1)) {
            return Err(Error::History(self.bureau));
        }
        match self.serial > older.serial {
            true => Ok(()),
            false => Err(Error::NotNewer { bureau: self.bureau, old: older.serial, new: self.serial }),
        }
    }

    /// Checks everything that can be seen without a clock.
    fn check(&self) -> Result<(), Error> {
        line("name", &self.name)?;
        if self.not_after <= self.not_before {
            return Err(Error::Validity { not_before: self.not_before, not_after: self.not_after });
        }
        if self.signing == self.transport {
            return Err(Error::SameKey);
        }
        list("addresses", &self.addresses, |address| formed("multiaddr", address, is_multiaddr))?;
        list("languages", &self.languages, |tag| formed("BCP 47 language tag", tag, is_language))?;
        list("contacts", &self.contacts, check_contact)?;
        former::check(self)
    }
}

fn check_contact(contact: &Contact) -> Result<(), Error> {
    line("contact's role", &contact.role)?;
    line("contact's name", &contact.name)?;
    if let Some(email) = &contact.email {
        formed("mail address", email, is_email)?;
    }
    contact.phone.as_ref().map_or(Ok(()), |phone| formed("telephone number like +254202123456", phone, is_phone))
}

fn list<T>(field: &'static str, items: &[T], check: impl Fn(&T) -> Result<(), Error>) -> Result<(), Error> {
    match items.len() {
        0..=LIST_LIMIT => items.iter().try_for_each(check),
        count => Err(Error::TooMany { field, count }),
    }
}

fn line(field: &'static str, value: &str) -> Result<(), Error> {
    text::line(value, LINE_LIMIT).map_err(|fault| Error::Text { field, fault })
}

fn formed(field: &'static str, value: &str, is: impl Fn(&str) -> bool) -> Result<(), Error> {
    line(field, value)?;
    match is(value) {
        true => Ok(()),
        false => Err(Error::Malformed { field, value: text::shorten(value) }),
    }
}

/// Roughly: the network's own parser has the last word, but it is not reached with what could not be one.
fn is_multiaddr(value: &str) -> bool {
    value.starts_with('/') && value.len() > 1 && value.bytes().all(|c| c.is_ascii_graphic())
}

/// Subtags of letters and digits, the first of two to eight letters (RFC 5646 §2.1).
fn is_language(value: &str) -> bool {
    let subtag = |tag: &str| (1..=8).contains(&tag.len()) && tag.bytes().all(|c| c.is_ascii_alphanumeric());
    let first = value.split('-').next().unwrap_or_default();
    first.len() >= 2 && first.bytes().all(|c| c.is_ascii_alphabetic()) && value.split('-').all(subtag)
}

fn is_email(value: &str) -> bool {
    let spaced = value.chars().any(char::is_whitespace);
    !spaced && value.rsplit_once('@').is_some_and(|(user, host)| !user.is_empty() && !host.is_empty())
}

/// ITU-T E.164: a plus and 7 to 15 digits, the first not zero.
fn is_phone(value: &str) -> bool {
    value.strip_prefix('+').is_some_and(|digits| {
        (7..=15).contains(&digits.len()) && !digits.starts_with('0') && digits.bytes().all(|c| c.is_ascii_digit())
    })
}

#[cfg(test)]
mod tests;
