//! Phone numbers (ITU-T E.164), devices and subscriptions (3GPP TS 23.003).

use igain_protocol::vocabulary::Scheme;

use super::calling_codes::{self, Plan};
use super::{Error, digits, luhn};

/// Most digits of an international number.
const LONGEST: usize = 15;

/// Fewest digits of an international number.
const SHORTEST: usize = 6;

/// `+` and the number as it is called from abroad; then the national part, for those who ask without the country.
pub(super) fn forms(text: &str, region: Option<&str>) -> Result<Vec<String>, Error> {
    let text = without_extension(text);
    let number = international(text, region)?;
    let bad = |why| Error::form(Scheme::Phone, text, why);
    let plan = calling_codes::of_number(&number).ok_or_else(|| bad("no country has this calling code"))?;
    let (code, national) = number.split_at_checked(plan.code.len()).unwrap_or_default();
    // `+44 (0)20 …` and `+254 0712 …`: the trunk prefix does not belong there, and no number begins with it.
    let national = if plan.trunk == "0" { national.trim_start_matches('0') } else { national };
    let number = format!("{code}{national}");
    if number.len() > LONGEST || number.len() < SHORTEST {
        return Err(bad("an international number has 6 to 15 digits"));
    }
    Ok(vec![format!("+{number}"), format!("~{}", national.trim_start_matches('0'))])
}

/// A national number in its international form, `+` and digits.
///
/// # Errors
/// What is wrong with the number.
pub fn national_as_international(text: &str, region: &str) -> Result<String, Error> {
    let mut forms = forms(&super::tidy(text), Some(region))?;
    Ok(forms.swap_remove(0))
}

/// The digits of a number without country, as its national part is indexed.
pub(super) fn loose(text: &str) -> Option<String> {
    let digits = digits(without_extension(text));
    let digits = digits.trim_start_matches('0');
    (!digits.is_empty()).then(|| format!("~{digits}"))
}

/// What a number without `+` may be if its first digits are a calling code.
pub(super) fn unmarked(text: &str) -> Option<String> {
    let digits = digits(without_extension(text));
    let plan = calling_codes::of_number(&digits)?;
    let national = digits.len().checked_sub(plan.code.len())?;
    ((7..=plan.longest).contains(&national) && digits.len() <= LONGEST).then(|| format!("+{digits}"))
}

/// Calling code and national part, without what is dialled before it.
fn international(text: &str, region: Option<&str>) -> Result<String, Error> {
    let allowed = |c: char| c.is_ascii_digit() || " \t+-./()\u{2010}\u{2011}\u{2012}\u{2013}\u{2212}".contains(c);
    let text = text.strip_prefix("tel:").unwrap_or(text).trim();
    if !text.chars().all(allowed) {
        return Err(Error::form(Scheme::Phone, text, "it may hold digits, spaces and + - . / ( ) only"));
    }
    let all = digits(text);
    if all.is_empty() {
        return Err(Error::Empty(Scheme::Phone));
    }
    if text.trim_start_matches(['(', ' ']).starts_with('+') {
        return Ok(all);
    }
    let plan = region.and_then(calling_codes::of_region);
    if let Some(rest) = dialled_abroad(&all, plan) {
        return Ok(rest.to_owned());
    }
    let plan = plan.ok_or_else(|| Error::NoCountry(super::shorten(text, 64).to_owned()))?;
    // Too long for a national number, and beginning with the country's own code: written without its `+`.
    if all.starts_with(plan.code) && all.len() > plan.longest {
        return Ok(all);
    }
    let national = all.strip_prefix(plan.trunk).filter(|_| !plan.trunk.is_empty()).unwrap_or(&all);
    Ok(format!("{}{national}", plan.code))
}

/// The number after the prefix of international calls: `00` nearly everywhere, and what a few regions have instead.
fn dialled_abroad<'a>(all: &'a str, plan: Option<&Plan>) -> Option<&'a str> {
    let own = plan.and_then(|plan| match (plan.region, plan.code, plan.trunk) {
        ("AU", ..) => Some("0011"),
        ("KE" | "TZ" | "UG", ..) => Some("000"),
        ("JP", ..) => Some("010"),
        (_, "1", _) => Some("011"),
        (_, _, "8") => Some("810"),
        _ => None,
    });
    let rest = own.and_then(|prefix| all.strip_prefix(prefix)).or_else(|| all.strip_prefix("00"))?;
    calling_codes::of_number(rest).map(|_| rest)
}

/// The number without `ext. 12`, `x12`, `;ext=12`, `#12`.
fn without_extension(text: &str) -> &str {
    let end = text.find([';', 'x', 'X', '#', ',']).unwrap_or(text.len());
    let end = text.find("ext").map_or(end, |at| at.min(end));
    text.get(..end).unwrap_or(text).trim()
}

/// The fourteen digits that name a device. The check digit is left out, since networks report a zero in its place, and
/// so is a software version.
pub(super) fn imei(text: &str) -> Result<String, Error> {
    let number = digits(text);
    let separators = text.chars().all(|c| c.is_ascii_digit() || " -/.".contains(c));
    if !separators || !(14..=16).contains(&number.len()) {
        return Err(Error::form(Scheme::Imei, text, "it has 14 digits, and a check digit or a software version"));
    }
    if number.len() == 15 && !number.ends_with('0') && !luhn(&number) {
        return Err(Error::check(Scheme::Imei, text));
    }
    Ok(number.chars().take(14).collect())
}

pub(super) fn imsi(text: &str) -> Result<String, Error> {
    let number = digits(text);
    let separators = text.chars().all(|c| c.is_ascii_digit() || " -".contains(c));
    if separators && (14..=15).contains(&number.len()) {
        Ok(number)
    } else {
        Err(Error::form(Scheme::Imsi, text, "it has 14 or 15 digits"))
    }
}

/// The number of a SIM card: 18 to 20 digits, sometimes filled up with an F. Its check digit is not always printed.
pub(super) fn iccid(text: &str) -> Result<String, Error> {
    let number = digits(text);
    let separators = text.chars().all(|c| c.is_ascii_digit() || " -Ff".contains(c));
    if separators && (18..=20).contains(&number.len()) && number.starts_with("89") {
        Ok(number)
    } else {
        Err(Error::form(Scheme::Iccid, text, "it has 18 to 20 digits, the first of which are 89"))
    }
}
