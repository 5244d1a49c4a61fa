//! What an archive is called: `igain-KE-main-20260801T021500.000Z-1a2b3c4d-0003-incremental.age`.
//!
//! Names of one bureau and set sort by time. A name is for people and for `igain backup list`, which opens nothing; what
//! is opened goes by the head of the archive alone.

use std::fmt;
use std::str::FromStr;

use igain_protocol::bureau::BureauId;
use igain_protocol::time::Timestamp;

const FIRST: &str = "igain-";
const LAST: &str = ".age";
const FULL: &str = "full";
const INCREMENTAL: &str = "incremental";

/// The name of a set: a lower-case letter, then letters and digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SetName(String);

/// Most characters of the name of a set.
const SET_LIMIT: usize = 32;

impl SetName {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SetName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for SetName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let letters = text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
        let begins = text.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase());
        match letters && begins && text.len() <= SET_LIMIT {
            true => Ok(Self(text.to_owned())),
            false => Err(format!(
                "a set is named by at most {SET_LIMIT} lower-case letters and digits, a letter first, such as `offsite`"
            )),
        }
    }
}

/// The name of an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    /// Whose backup.
    pub bureau: BureauId,
    /// Of which set.
    pub set: SetName,
    /// When.
    pub at: Timestamp,
    /// The first four bytes of what was drawn for the series.
    pub series: u32,
    /// Its number in the series, from 1.
    pub number: u32,
    /// Whether it follows none.
    pub full: bool,
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { bureau, set, at, series, number, full } = self;
        let seconds = at.to_string().replace(['-', ':'], "");
        let (seconds, ms) = (seconds.trim_end_matches('Z'), at.as_ms() % 1_000);
        let kind = if *full { FULL } else { INCREMENTAL };
        write!(f, "{FIRST}{bureau}-{set}-{seconds}.{ms:03}Z-{series:08x}-{number:04}-{kind}{LAST}")
    }
}

/// It is not the name of an archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoName;

impl FromStr for Name {
    type Err = NoName;

    fn from_str(text: &str) -> Result<Self, NoName> {
        let inner = text.strip_prefix(FIRST).and_then(|text| text.strip_suffix(LAST)).ok_or(NoName)?;
        // A bureau's name may have a hyphen, and nothing else has.
        let mut parts = inner.rsplitn(6, '-');
        let mut part = || parts.next().ok_or(NoName);
        let (kind, number, series, at, set, bureau) = (part()?, part()?, part()?, part()?, part()?, part()?);
        let name = Self {
            bureau: bureau.parse().map_err(|_| NoName)?,
            set: set.parse().map_err(|_| NoName)?,
            at: time(at).ok_or(NoName)?,
            series: u32::from_str_radix(series, 16).map_err(|_| NoName)?,
            number: number.parse().map_err(|_| NoName)?,
            full: kind == FULL,
        };
        // Whatever else could be read that way is no name that this program gave.
        if name.to_string() == text { Ok(name) } else { Err(NoName) }
    }
}

/// The time in a name, `20260801T021500.000Z`.
fn time(text: &str) -> Option<Timestamp> {
    let (date, clock) = text.split_once('T')?;
    let date = [date.get(..4)?, date.get(4..6)?, date.get(6..)?].join("-");
    let clock = [clock.get(..2)?, clock.get(2..4)?, clock.get(4..)?].join(":");
    format!("{date}T{clock}").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(bureau: &str, ms: u64, number: u32) -> Name {
        Name {
            bureau: bureau.parse().unwrap(),
            set: "main".parse().unwrap(),
            at: Timestamp::from_ms(ms),
            series: 0x1a2b_3c4d,
            number,
            full: number == 1,
        }
    }

    #[test]
    fn a_name_is_read_as_it_was_written_and_sorts_by_time() {
        let times = [0, 1_785_550_500_007, 1_785_550_500_010, 1_785_550_501_000, 4_000_000_000_000];
        let names: Vec<String> =
            times.iter().zip(1..).map(|(ms, number)| name("FR-LYON", *ms, number).to_string()).collect();
        assert_eq!(names[1], "igain-FR-LYON-main-20260801T021500.007Z-1a2b3c4d-0002-incremental.age");
        assert!(names.is_sorted(), "{names:?}");
        for text in &names {
            assert_eq!(text.parse::<Name>().unwrap().to_string(), *text);
        }
        assert_eq!(name("KE", 7, 1).to_string().parse::<Name>().unwrap(), name("KE", 7, 1));
    }

    #[test]
    fn what_is_no_name_is_told_from_one() {
        let sound = name("KE", 1_785_550_500_007, 2).to_string();
        for wrong in [
            "notes.txt".to_owned(),
            String::new(),
            "igain-.age".to_owned(),
            "igain------.age".to_owned(),
            sound.replace(".age", ".age.part"),
            format!(".{sound}"),
            sound.replace("KE", "ke"),
            sound.replace("main", "Main"),
            sound.replace("20260801", "20261301"),
            sound.replace("0002", "2"),
            sound.replace("incremental", "other"),
            sound.replace("20260801", "é0260801"),
        ] {
            assert_eq!(wrong.parse::<Name>(), Err(NoName), "{wrong}");
        }
        assert!(
            "".parse::<SetName>().is_err()
                && "off-site".parse::<SetName>().is_err()
                && "1a".parse::<SetName>().is_err()
        );
    }
}
