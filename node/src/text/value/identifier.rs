//! Numbers that single out, as they stand on paper and in files.

use igain_protocol::record::Value;
use igain_protocol::vocabulary::Scheme;

use super::plain::{clean, shorten};
use super::{Fault, Hints, Parsed};
use crate::text::identifier::{self, Error};

/// The identifier that a text says: as it is written, but for what a sheet has made of it.
pub(super) fn parse(scheme: Scheme, text: &str, hints: &Hints<'_>) -> Result<Parsed, Fault> {
    let given = clean(text, false);
    let (written, warning) = match through_sheet(&given) {
        // `12.00` may be the number of a case.
        Sheet::Point(_) if !has_no_point(scheme) => (given.as_str(), None),
        Sheet::No => (given.as_str(), None),
        Sheet::Point(digits) => {
            let told = format!("`{}` was a number in a sheet: the zero behind its point is left out", shorten(&given));
            (digits, Some(told))
        }
        Sheet::Exponent => {
            let lost = "is what a sheet shows of a long number, and its last digits are lost. Format the column as text and save it again";
            return Err(Fault::Unread(format!("`{}` {lost}", shorten(&given))));
        }
    };
    let value = |text: String| Value::Text(text);
    match identifier::identifier(scheme, written, hints.region) {
        Ok(mut forms) if hints.complete && !forms.is_empty() && !written.starts_with('+') => {
            Ok(Parsed { value: value(forms.swap_remove(0)), warning, broken: false })
        }
        Ok(_) => Ok(Parsed { value: value(written.to_owned()), warning, broken: false }),
        Err(error @ (Error::Empty(_) | Error::TooLong(_))) => Err(Fault::Unread(error.to_string())),
        Err(error) => Ok(Parsed { value: value(written.to_owned()), warning: Some(error.to_string()), broken: true }),
    }
}

/// What a sheet makes of a number that it was given.
enum Sheet<'a> {
    No,
    /// `7700123.0`, and the digits before the point.
    Point(&'a str),
    /// `2.54712E+11`
    Exponent,
}

/// Whether no number of the scheme has a point in it.
const fn has_no_point(scheme: Scheme) -> bool {
    matches!(
        scheme,
        Scheme::Phone
            | Scheme::Imei
            | Scheme::Imsi
            | Scheme::Iccid
            | Scheme::Imo
            | Scheme::Mmsi
            | Scheme::Card
            | Scheme::Passport
            | Scheme::NationalId
            | Scheme::DriverLicence
            | Scheme::DocumentNumber
            | Scheme::TaxId
            | Scheme::AccountNumber
    )
}

fn through_sheet(text: &str) -> Sheet<'_> {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if let Some((whole, part)) = text.split_once('.')
        && digits(whole)
        && digits(part)
        && part.bytes().all(|byte| byte == b'0')
    {
        return Sheet::Point(whole);
    }
    let exponent = text.split_once(['e', 'E']).and_then(|(number, exponent)| {
        let (whole, part) = number.split_once('.').unwrap_or((number, "0"));
        // `7E10` may be the number of a passport; a sheet writes the sign.
        let sound = whole.len() == 1 && digits(whole) && digits(part) && digits(exponent.strip_prefix('+')?);
        sound.then_some(())
    });
    if exponent.is_some() { Sheet::Exponent } else { Sheet::No }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(scheme: Scheme, text: &str) -> (String, bool) {
        match parse(scheme, text, &Hints { region: Some("KE"), ..Hints::default() }) {
            Ok(Parsed { value, warning, .. }) => (value.to_string(), warning.is_some()),
            Err(fault) => (format!("error: {fault}"), true),
        }
    }

    #[test]
    fn what_a_sheet_has_made_of_a_number_is_told() {
        for (scheme, text, number, told) in [
            (Scheme::Phone, "254712000517.0", "254712000517", true),
            (Scheme::Passport, "7700123.0", "7700123", true),
            (Scheme::Passport, "7700123", "7700123", false),
            (Scheme::Passport, "7E10", "7E10", false),
            (Scheme::Passport, "7.5", "7.5", false),
            (Scheme::CaseNumber, "2026.00", "2026.00", false),
            (Scheme::Imei, "356938035643809.00", "356938035643809", true),
        ] {
            assert_eq!(read(scheme, text), (number.into(), told), "{text}");
        }
        for text in ["2.54712E+11", "3.56938e+14", "3E+14"] {
            assert!(read(Scheme::Phone, text).0.contains("digits are lost"), "{text}: {}", read(Scheme::Phone, text).0);
        }
    }
}
