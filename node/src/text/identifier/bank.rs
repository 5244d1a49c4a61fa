//! Bank accounts, banks and payment cards.

use igain_protocol::vocabulary::Scheme;

use super::iban_structures::structure;
use super::{Error, compact, digits, luhn};

/// An international bank account number (ISO 13616): its country's structure, and a check by ISO 7064 MOD 97-10.
pub(super) fn iban(text: &str) -> Result<String, Error> {
    let compact = compact(text);
    let number = compact.strip_prefix("IBAN").unwrap_or(&compact);
    let bad = |why| Error::form(Scheme::Iban, text, why);
    let (country, rest) = number.split_at_checked(2).ok_or_else(|| bad("it is too short"))?;
    let (check, account) = rest.split_at_checked(2).ok_or_else(|| bad("it is too short"))?;
    let structure = structure(country).ok_or_else(|| bad("no country that has IBANs begins so"))?;
    if !fits(account, structure) || !check.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(bad("its country's account numbers look otherwise"));
    }
    let rest = mod_97(account.chars().chain(country.chars()).chain(check.chars()));
    // Check digits are 02 to 98: 00, 01 and 99 leave the same rests as 97, 98 and 02.
    let range = ("02"..="98").contains(&check);
    if rest == 1 && range { Ok(number.to_owned()) } else { Err(Error::check(Scheme::Iban, text)) }
}

/// What letters and digits leave divided by 97, a letter counting as two digits (ISO 7064).
fn mod_97(letters: impl Iterator<Item = char>) -> u32 {
    let values = letters.filter_map(|c| c.to_digit(36));
    values.fold(0, |rest, value| (rest * if value > 9 { 100 } else { 10 } + value) % 97)
}

/// A legal entity identifier (ISO 17442): 18 letters and digits, and two check digits.
pub(super) fn lei(text: &str) -> Result<String, Error> {
    let number = compact(text);
    if number.len() != 20 || !number.bytes().skip(18).all(|byte| byte.is_ascii_digit()) {
        return Err(Error::form(Scheme::Lei, text, "it has 18 letters and digits, and two check digits"));
    }
    if mod_97(number.chars()) == 1 { Ok(number) } else { Err(Error::check(Scheme::Lei, text)) }
}

fn fits(account: &str, structure: &str) -> bool {
    let mut rest = account.bytes();
    let mut length = 0_usize;
    for c in structure.chars() {
        if let Some(digit) = c.to_digit(10) {
            length = length * 10 + digit as usize;
            continue;
        }
        let takes = |byte: u8| match c {
            'n' => byte.is_ascii_digit(),
            'a' => byte.is_ascii_uppercase(),
            _ => byte.is_ascii_alphanumeric(),
        };
        if !(0..length).all(|_| rest.next().is_some_and(takes)) {
            return false;
        }
        length = 0;
    }
    rest.next().is_none()
}

/// A business identifier code (ISO 9362): eight characters, and three more for a branch other than the head office.
pub(super) fn bic(text: &str) -> Result<String, Error> {
    let code = compact(text);
    let country = code.get(4..6).is_some_and(crate::text::is_country);
    if !matches!(code.len(), 8 | 11) || !country {
        return Err(Error::form(Scheme::Bic, text, "it has 8 or 11 characters, the fifth and sixth a country"));
    }
    Ok(code.strip_suffix("XXX").filter(|_| code.len() == 11).unwrap_or(&code).to_owned())
}

/// A payment card (ISO/IEC 7812): 12 to 19 digits, the last of which checks the others.
pub(super) fn card(text: &str) -> Result<String, Error> {
    let number = digits(text);
    let separators = text.chars().all(|c| c.is_ascii_digit() || " -.".contains(c));
    if !separators || !(12..=19).contains(&number.len()) {
        return Err(Error::form(Scheme::Card, text, "it has 12 to 19 digits"));
    }
    if luhn(&number) { Ok(number) } else { Err(Error::check(Scheme::Card, text)) }
}
