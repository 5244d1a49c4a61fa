//! Vehicles, ships and freight containers.

use igain_protocol::vocabulary::Scheme;

use super::{Error, compact, digits};

/// A registration plate: letters and digits in capitals. Letters that look alike in Cyrillic, Greek and Latin script
/// become the Latin ones, as on European plates (Vienna Convention on Road Traffic, annex 2), and an O read among
/// letters stays one.
pub(super) fn plate(text: &str) -> Result<String, Error> {
    const ALIKE: &str = "АAВBЕEКKМMНHОOРPСCТTУYХXІIΑAΒBΕEΖZΗHΙIΚKΜMΝNΟOΡPΤTΥYΧX";
    let alike: Vec<char> = ALIKE.chars().collect();
    let latin =
        |c: char| alike.chunks_exact(2).find(|pair| pair.first() == Some(&c)).and_then(|pair| pair.last().copied());
    let text: String = if text.is_ascii() {
        text.to_owned()
    } else {
        text.chars().flat_map(char::to_uppercase).map(|c| latin(c).unwrap_or(c)).collect()
    };
    super::plain(Scheme::Plate, &text)
}

/// A vehicle identification number (ISO 3779). It holds no I, O or Q, so those were a 1 or a 0. The check digit is not
/// asked for: only North America has one.
pub(super) fn vin(text: &str) -> Result<String, Error> {
    let number: String = compact(text)
        .chars()
        .map(|c| match c {
            'I' => '1',
            'O' | 'Q' => '0',
            c => c,
        })
        .collect();
    if number.len() == 17 { Ok(number) } else { Err(Error::form(Scheme::Vin, text, "it has 17 letters and digits")) }
}

/// An IMO number: seven digits, the last of which checks the others, by other weights for companies than for ships
/// (IMO Resolutions A.1117(30) and MSC.160(78)).
pub(super) fn imo(text: &str) -> Result<String, Error> {
    let compact = compact(text);
    let number = compact.strip_prefix("IMO").unwrap_or(&compact);
    let number = number.strip_prefix("NO").unwrap_or(number);
    if number.len() != 7 || !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Error::form(Scheme::Imo, text, "it has seven digits"));
    }
    let values = || number.chars().filter_map(|c| c.to_digit(10));
    let weighted = |weights: [u32; 6]| values().zip(weights).map(|(digit, weight)| digit * weight).sum::<u32>();
    let ship = weighted([7, 6, 5, 4, 3, 2]) % 10;
    let company = (11 - weighted([8, 6, 4, 2, 9, 7]) % 11) % 10;
    let check = values().next_back();
    if check == Some(ship) || check == Some(company) {
        Ok(number.to_owned())
    } else {
        Err(Error::check(Scheme::Imo, text))
    }
}

/// A 24-bit aircraft address: six hexadecimal digits.
pub(super) fn aircraft_address(text: &str) -> Result<String, Error> {
    let number = compact(text);
    if number.len() == 6 && number.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        Ok(number)
    } else {
        Err(Error::form(Scheme::AircraftAddress, text, "it has six hexadecimal digits"))
    }
}

/// A maritime mobile service identity: nine digits.
pub(super) fn mmsi(text: &str) -> Result<String, Error> {
    let compact = compact(text);
    let number = compact.strip_prefix("MMSI").unwrap_or(&compact);
    if number.len() == 9 && digits(number).len() == 9 {
        Ok(number.to_owned())
    } else {
        Err(Error::form(Scheme::Mmsi, text, "it has nine digits"))
    }
}

/// A freight container (ISO 6346): four letters, six digits and a check digit.
pub(super) fn container(text: &str) -> Result<String, Error> {
    let number = compact(text);
    let shape = number.len() == 11
        && number.bytes().take(4).all(|byte| byte.is_ascii_uppercase())
        && number.bytes().skip(4).all(|byte| byte.is_ascii_digit());
    if !shape {
        return Err(Error::form(Scheme::Container, text, "it has four letters and seven digits"));
    }
    let sum: u32 = number.bytes().take(10).enumerate().map(|(at, byte)| container_value(byte) << at).sum();
    let check = number.chars().last().and_then(|c| c.to_digit(10));
    if check == Some(sum % 11 % 10) { Ok(number) } else { Err(Error::check(Scheme::Container, text)) }
}

/// Letters count from 10, leaving out the multiples of 11.
fn container_value(byte: u8) -> u32 {
    match byte {
        b'A' => 10,
        b'B'..=b'K' => u32::from(byte - b'B') + 12,
        b'L'..=b'U' => u32::from(byte - b'L') + 23,
        b'V'..=b'Z' => u32::from(byte - b'V') + 34,
        _ => u32::from(byte.saturating_sub(b'0')),
    }
}
