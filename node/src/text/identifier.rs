//! Identifiers in one canonical form a scheme.

mod bank;
mod calling_codes;
mod crypto;
mod iban_structures;
mod online;
mod phone;
mod transport;

use igain_protocol::vocabulary::Scheme;

use super::fold::shorten;

pub use phone::national_as_international;

/// Most bytes of an identifier: the longest web addresses that servers take are longer, but none that is told over a
/// radio.
pub const RAW_LIMIT: usize = 2048;

/// Why a text is no identifier of its scheme.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Nothing in it.
    #[error("the {} is empty. Leave it out instead", .0.code())]
    Empty(Scheme),
    /// Too long to be one.
    #[error("the {} has more than {RAW_LIMIT} bytes. Cut it down to the number itself", .0.code())]
    TooLong(Scheme),
    /// Characters or a length that the scheme does not have.
    #[error("`{raw}` is no {}: {why}", .scheme.code())]
    Form {
        /// The scheme.
        scheme: Scheme,
        /// The text, shortened.
        raw: String,
        /// What the scheme asks for.
        why: &'static str,
    },
    /// The check digit does not match.
    #[error("`{raw}` is no {}: its check digit does not match. Look for digits that were swapped or misread", .scheme.code())]
    Check {
        /// The scheme.
        scheme: Scheme,
        /// The text, shortened.
        raw: String,
    },
    /// A phone number without its country.
    #[error("`{0}` does not tell its country. Write it with + and the calling code, or say the region")]
    NoCountry(String),
}

impl Error {
    /// The stable name of this kind of error, for machines.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Empty(_) => "identifier.empty",
            Self::TooLong(_) => "identifier.too-long",
            Self::Form { .. } => "identifier.form",
            Self::Check { .. } => "identifier.check-digit",
            Self::NoCountry(_) => "identifier.no-country",
        }
    }

    fn form(scheme: Scheme, raw: &str, why: &'static str) -> Self {
        Self::Form { scheme, raw: shorten(raw, 64).to_owned(), why }
    }

    fn check(scheme: Scheme, raw: &str) -> Self {
        Self::Check { scheme, raw: shorten(raw, 64).to_owned() }
    }
}

/// The canonical forms of an identifier that is right by the rules of its scheme, the best known one first.
///
/// `region` is the country (ISO 3166-1 alpha-2) whose national way of writing is meant where the text does not tell.
///
/// # Errors
/// What the scheme's rules find wrong.
pub fn identifier(scheme: Scheme, raw: &str, region: Option<&str>) -> Result<Vec<String>, Error> {
    if raw.len() > RAW_LIMIT {
        return Err(Error::TooLong(scheme));
    }
    let text = tidy(raw);
    if text.is_empty() {
        return Err(Error::Empty(scheme));
    }
    match scheme {
        Scheme::Phone => phone::forms(&text, region),
        Scheme::Imei => one(phone::imei(&text)),
        Scheme::Imsi => one(phone::imsi(&text)),
        Scheme::Iccid => one(phone::iccid(&text)),
        Scheme::Plate => one(transport::plate(&text)),
        Scheme::Vin => one(transport::vin(&text)),
        Scheme::Imo => one(transport::imo(&text)),
        Scheme::Mmsi => one(transport::mmsi(&text)),
        Scheme::Container => one(transport::container(&text)),
        Scheme::AircraftAddress => one(transport::aircraft_address(&text)),
        Scheme::Iban => one(bank::iban(&text)),
        Scheme::Lei => one(bank::lei(&text)),
        Scheme::Bic => one(bank::bic(&text)),
        Scheme::Card => one(bank::card(&text)),
        Scheme::Crypto => one(crypto::address(&text)),
        Scheme::Email => one(online::email(&text)),
        Scheme::Handle => one(online::handle(&text)),
        Scheme::Url => one(online::url(&text)),
        Scheme::Ip => one(online::ip(&text)),
        Scheme::Domain => one(online::domain(&text)),
        // Capitals of some letters come apart.
        Scheme::SourceId => Ok(vec![tidy(&text.to_uppercase())]),
        Scheme::Passport
        | Scheme::NationalId
        | Scheme::DriverLicence
        | Scheme::DocumentNumber
        | Scheme::TaxId
        | Scheme::AccountNumber
        | Scheme::EngineNumber
        | Scheme::CallSign
        | Scheme::Tail
        | Scheme::AircraftSerial
        | Scheme::FirearmSerial
        | Scheme::Registration
        | Scheme::Serial
        | Scheme::CaseNumber
        | Scheme::Transaction
        | Scheme::Shipment
        | Scheme::PlaceCode
        | Scheme::Notice => one(plain(scheme, &text)),
    }
}

/// The forms under which to index an identifier. Never empty for a text with a letter or digit: what breaks the rules
/// of its scheme is found as it was written, so that a misread document can still be found.
pub fn index_forms(scheme: Scheme, raw: &str, region: Option<&str>) -> Vec<String> {
    identifier(scheme, raw, region).unwrap_or_else(|_| loose(scheme, raw).into_iter().collect())
}

/// The forms to look up for what somebody asks: any record indexed under one of them is an answer.
///
/// # Errors
/// Where the text holds no letter or digit at all.
pub fn query_forms(scheme: Scheme, raw: &str, region: Option<&str>) -> Result<Vec<String>, Error> {
    match identifier(scheme, raw, region) {
        // A complete number is looked up as such; what it looks like at home is only for those who ask for no more.
        Ok(mut forms) if scheme == Scheme::Phone => {
            forms.truncate(1);
            Ok(forms)
        }
        Ok(forms) => Ok(forms),
        Err(error) => {
            let mut forms = Vec::new();
            if scheme == Scheme::Phone {
                forms.extend(phone::unmarked(&tidy(shorten(raw, RAW_LIMIT))));
            }
            forms.extend(loose(scheme, raw));
            if forms.is_empty() { Err(error) } else { Ok(forms) }
        }
    }
}

/// A form for what no rule fits. It begins with `~`, which no canonical form does.
fn loose(scheme: Scheme, raw: &str) -> Option<String> {
    let text = tidy(shorten(raw, RAW_LIMIT));
    let compact = match scheme {
        Scheme::Phone => return phone::loose(&text),
        Scheme::Crypto => text.split_whitespace().collect(),
        _ => compact(&text),
    };
    (!compact.is_empty()).then(|| format!("~{compact}"))
}

fn one(form: Result<String, Error>) -> Result<Vec<String>, Error> {
    form.map(|form| vec![form])
}

/// Letters and digits in capitals: enough for numbers that have no common structure.
fn plain(scheme: Scheme, text: &str) -> Result<String, Error> {
    let compact = compact(text);
    if compact.is_empty() { Err(Error::form(scheme, text, "it has no letter or digit")) } else { Ok(compact) }
}

/// Compatibility forms made one, digits of all scripts made ASCII, invisible characters left out, trimmed.
fn tidy(raw: &str) -> String {
    use unicode_normalization::UnicodeNormalization;
    if raw.is_ascii() {
        return raw.trim_matches(|c: char| c.is_ascii_whitespace() || c.is_ascii_control()).to_owned();
    }
    let hidden = |c: &char| matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}');
    let visible = raw.nfkc().filter(|c| !hidden(c)).map(|c| ascii_digit(c).unwrap_or(c));
    visible.collect::<String>().trim().to_owned()
}

/// The ASCII digit of a digit in the scripts that bureaus write in.
fn ascii_digit(c: char) -> Option<char> {
    const ZEROS: [char; 6] = ['\u{660}', '\u{6f0}', '\u{966}', '\u{9e6}', '\u{e50}', '\u{1040}'];
    let digit = ZEROS.iter().find_map(|zero| u32::from(c).checked_sub(u32::from(*zero)).filter(|digit| *digit < 10))?;
    char::from_digit(digit, 10)
}

/// Letters and digits only, in capitals. Accents fall away.
fn compact(text: &str) -> String {
    if text.is_ascii() {
        return text.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_uppercase()).collect();
    }
    super::tokens(text).concat().to_ascii_uppercase()
}

fn digits(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}

/// Whether digits end in their check digit (ISO/IEC 7812-1, annex B: Luhn).
fn luhn(digits: &str) -> bool {
    let doubled = |digit: u32| if digit > 4 { digit * 2 - 9 } else { digit * 2 };
    let values = digits.chars().rev().filter_map(|c| c.to_digit(10)).enumerate();
    values.map(|(at, digit)| if at % 2 == 1 { doubled(digit) } else { digit }).sum::<u32>().is_multiple_of(10)
}

#[cfg(test)]
mod tests;
