//! A part of a file's records, as a member asks for it with `caf join --only`.

use std::fmt::{self, Display};
use std::str::FromStr;

use minicbor::{Decode, Encode};

use super::{Error, distinct};
use crate::bureau::BureauId;
use crate::codec::text;
use crate::vocabulary::{CrimeArea, Kind};

/// Owners in one subset: as many as a file can have members.
pub const OWNERS_LIMIT: usize = 256;

/// Which records: those that pass each of three lists. An empty list lets all pass, so the default is everything.
///
/// Written `kinds=phone,vehicle;areas=…;owners=KE,FR`; everything is the empty text.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Encode, Decode)]
pub struct Subset {
    /// Kinds of records.
    #[n(0)]
    pub kinds: Vec<Kind>,
    /// Crime areas; a record without one passes no list of them.
    #[n(1)]
    pub crime_areas: Vec<CrimeArea>,
    /// Owners of records.
    #[n(2)]
    pub owners: Vec<BureauId>,
}

impl Subset {
    /// Whether a record with these properties is in the subset.
    pub fn admits(&self, kind: Kind, crime_area: Option<CrimeArea>, owner: BureauId) -> bool {
        let areas = &self.crime_areas;
        (self.kinds.is_empty() || self.kinds.contains(&kind))
            && (areas.is_empty() || crime_area.is_some_and(|area| areas.contains(&area)))
            && (self.owners.is_empty() || self.owners.contains(&owner))
    }

    /// Whether it leaves nothing out.
    pub fn is_everything(&self) -> bool {
        self.kinds.is_empty() && self.crime_areas.is_empty() && self.owners.is_empty()
    }

    pub(super) fn check(&self) -> Result<(), Error> {
        distinct("kinds", &self.kinds, Kind::ALL.len())?;
        distinct("areas", &self.crime_areas, CrimeArea::ALL.len())?;
        distinct("owners", &self.owners, OWNERS_LIMIT)
    }
}

impl FromStr for Subset {
    type Err = Error;

    fn from_str(typed: &str) -> Result<Self, Error> {
        let mut subset = Self::default();
        for part in typed.split(';').map(str::trim).filter(|part| !part.is_empty()) {
            let bad = || Error::Subset(text::shorten(part));
            let (name, words) = part.split_once('=').ok_or_else(bad)?;
            match name.trim() {
                "kinds" => read("kinds", words, &mut subset.kinds)?,
                "areas" => read("areas", words, &mut subset.crime_areas)?,
                "owners" => read("owners", words, &mut subset.owners)?,
                _ => return Err(bad()),
            }
        }
        subset.check()?;
        Ok(subset)
    }
}

fn read<T: FromStr>(field: &'static str, words: &str, list: &mut Vec<T>) -> Result<(), Error> {
    for word in words.split(',').map(str::trim) {
        let unknown = |_| Error::Unknown { field, value: text::shorten(word) };
        list.push(word.parse().map_err(unknown)?);
    }
    Ok(())
}

impl Display for Subset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [part("kinds", &self.kinds), part("areas", &self.crime_areas), part("owners", &self.owners)];
        let parts: Vec<_> = parts.into_iter().flatten().collect();
        f.write_str(&parts.join(";"))
    }
}

fn part<T: Display>(name: &str, list: &[T]) -> Option<String> {
    let words: Vec<_> = list.iter().map(T::to_string).collect();
    (!words.is_empty()).then(|| format!("{name}={}", words.join(",")))
}
