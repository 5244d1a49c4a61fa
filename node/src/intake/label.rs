//! The label, grading and retention of the records of a row.

use std::collections::HashMap;

use igain_protocol::caf::CafId;
use igain_protocol::label::Label;
use igain_protocol::record::{CalendarDay, PartialDate};
use igain_protocol::time::Day;
use igain_protocol::vocabulary::{Grading, Kind};
use regex::Regex;

use super::read::{LIST_SEPARATOR, Row};
use super::rule::Fault;
use super::template::{Template, View};
use crate::text::value;

/// Where one part of a label comes from.
#[derive(Debug, Clone)]
pub(super) struct Part {
    pub(super) from: Template,
    pub(super) pattern: Option<Regex>,
    /// Texts in lower case, and what they mean.
    pub(super) map: HashMap<String, String>,
    pub(super) default: Option<String>,
}

impl Part {
    /// What a row says.
    fn text(&self, view: &View<'_>) -> Option<String> {
        let given = self.from.text(view);
        let found = match (&self.pattern, given) {
            (Some(pattern), Some(given)) => {
                let captures = pattern.captures(&given);
                captures.and_then(|found| found.get(1).or_else(|| found.get(0))).map(|found| found.as_str().to_owned())
            }
            (_, given) => given,
        };
        let filled = |text: &String| !text.trim().is_empty();
        let text = found.filter(filled).or_else(|| self.default.clone())?;
        Some(self.map.get(&text.trim().to_lowercase()).cloned().unwrap_or(text)).filter(filled)
    }

    fn is_constant(&self) -> bool {
        self.from.constant().is_some()
    }
}

/// Where the parts of a label come from.
#[derive(Debug, Clone, Default)]
pub(super) struct LabelRule {
    pub(super) tlp: Option<Part>,
    pub(super) pap: Option<Part>,
    pub(super) handling: Option<Part>,
    pub(super) note: Option<Part>,
    pub(super) category: Option<Part>,
    pub(super) crime_area: Option<Part>,
    pub(super) age_group: Option<Part>,
    pub(super) caf: Option<Part>,
    pub(super) audience: Option<Part>,
    pub(super) grading: Option<Part>,
    pub(super) retain: Option<Part>,
}

/// What a record says beside its fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Marking {
    pub(super) label: Label,
    pub(super) retain_until: Option<Day>,
}

impl LabelRule {
    /// These rules, and those of `base` where these say nothing.
    pub(super) fn over(self, base: &Self) -> Self {
        let or = |own: Option<Part>, other: &Option<Part>| own.or_else(|| other.clone());
        Self {
            tlp: or(self.tlp, &base.tlp),
            pap: or(self.pap, &base.pap),
            handling: or(self.handling, &base.handling),
            note: or(self.note, &base.note),
            category: or(self.category, &base.category),
            crime_area: or(self.crime_area, &base.crime_area),
            age_group: or(self.age_group, &base.age_group),
            caf: or(self.caf, &base.caf),
            audience: or(self.audience, &base.audience),
            grading: or(self.grading, &base.grading),
            retain: or(self.retain, &base.retain),
        }
    }

    /// The marking of all rows, where they are marked alike; wrong, where it would be wrong in all of them.
    pub(super) fn constant(&self, kind: Kind, today: Day) -> Option<Result<Marking, Fault>> {
        let row = Row::default();
        let view = View { row: &row, slots: &[], sides: &[], current: None, captures: None, nulls: &[] };
        self.is_constant().then(|| self.marking(kind, today, &view))
    }

    fn is_constant(&self) -> bool {
        let parts = [
            &self.tlp,
            &self.pap,
            &self.handling,
            &self.note,
            &self.category,
            &self.crime_area,
            &self.age_group,
            &self.caf,
            &self.audience,
            &self.grading,
            &self.retain,
        ];
        parts.into_iter().flatten().all(Part::is_constant)
    }

    /// The marking of a record of a row.
    pub(super) fn marking(&self, kind: Kind, today: Day, view: &View<'_>) -> Result<Marking, Fault> {
        let text = |part: &Option<Part>| part.as_ref().and_then(|part| part.text(view));
        let fault = |column: &str, reason: String| Fault { column: Some(column.to_owned()), reason };
        let tlp = text(&self.tlp).ok_or_else(|| fault("tlp", "the row has no TLP marking".into()))?;
        let tlp = colour(&tlp, "tlp:").parse().map_err(|error| fault("tlp", format!("{error}")))?;
        let mut label = Label::new(kind, tlp);
        let pap = text(&self.pap).map(|pap| colour(&pap, "pap:"));
        label.pap = one(&pap).map_err(|reason| fault("pap", reason))?;
        label.handling = many(&text(&self.handling)).map_err(|reason| fault("handling", reason))?;
        label.note = text(&self.note);
        label.category = one(&text(&self.category)).map_err(|reason| fault("category", reason))?;
        label.crime_area = one(&text(&self.crime_area)).map_err(|reason| fault("crime-area", reason))?;
        label.cafs = many::<CafId>(&text(&self.caf)).map_err(|reason| fault("caf", reason))?;
        label.age_group = one(&text(&self.age_group)).map_err(|reason| fault("age-group", reason))?;
        let audience = text(&self.audience).filter(|text| !text.trim().is_empty());
        label.audience = one(&audience).map_err(|reason| fault("audience", reason))?.unwrap_or_default();
        let grading = text(&self.grading).map(|text| grading(&text)).transpose();
        label.grading = grading.map_err(|reason| fault("grading", reason))?;
        let label = label.sorted();
        label.check().map_err(|error| fault("label", error.to_string()))?;
        let retain = text(&self.retain).map(|text| retain(&text, today)).transpose();
        Ok(Marking { label, retain_until: retain.map_err(|reason| fault("retain", reason))? })
    }
}

/// The colour of a marking, with its prefix or without. WHITE is what TLP 2.0 (FIRST, 2022) calls CLEAR.
fn colour(marking: &str, prefix: &str) -> String {
    let lower = marking.trim().to_lowercase();
    let colour = lower.strip_prefix(prefix).unwrap_or(&lower).trim();
    if colour == "white" { "clear" } else { colour }.to_owned()
}

fn one<T: std::str::FromStr<Err: std::fmt::Display>>(text: &Option<String>) -> Result<Option<T>, String> {
    text.as_deref().map(|text| text.trim().parse().map_err(|error| format!("{error}"))).transpose()
}

fn many<T: std::str::FromStr<Err: std::fmt::Display>>(text: &Option<String>) -> Result<Vec<T>, String> {
    let parts = text.as_deref().unwrap_or_default().split([',', ';', ' ', '+', LIST_SEPARATOR]);
    parts.filter(|part| !part.is_empty()).map(|part| part.parse().map_err(|error| format!("{error}"))).collect()
}

/// A 4x4 grading, or one on the Admiralty scale written with its name before it (`admiralty B3`, `admiralty:B3`).
fn grading(text: &str) -> Result<Grading, String> {
    match text.trim().to_lowercase().strip_prefix("admiralty") {
        Some(rest) => {
            let given = rest.trim_start_matches([':', ' ']);
            Grading::from_admiralty(given).ok_or_else(|| format!("`{given}` is not on the Admiralty scale"))
        }
        None => text.trim().parse().map_err(|error| format!("{error}")),
    }
}

/// A date; `{date} + 5 years`; or `5 years`, which is the last day of the fifth calendar year from now, so that a file
/// imported again within the year says the same.
fn retain(text: &str, today: Day) -> Result<Day, String> {
    let bad = || format!("`{text}` is no retention. Write a date, `DATE + 5 years` or `5 years`");
    let years = |text: &str| -> Option<u16> {
        let number = text.trim().strip_suffix("years").or_else(|| text.trim().strip_suffix("year"))?;
        number.trim().parse().ok().filter(|years| *years <= 200)
    };
    let last_day = |date: PartialDate, plus: u16| -> Option<Day> {
        let CalendarDay { year, month, day } = date.latest()?;
        let year = year.checked_add(plus)?;
        let last = |day: u8| format!("{year:04}-{month:02}-{day:02}").parse::<Day>().ok();
        // The 29th of February is not in every year.
        last(day).or_else(|| last(day.checked_sub(1)?))
    };
    let found = match (text.split_once('+'), years(text)) {
        (Some((date, plus)), _) => value::date(date).ok().and_then(|date| last_day(date, years(plus)?)),
        (None, Some(plus)) => {
            let this_year = today.to_string().get(..4).and_then(|year| year.parse().ok());
            this_year.and_then(|year| last_day(year, plus))
        }
        (None, None) => value::date(text).ok().and_then(|date| last_day(date, 0)),
    };
    found.ok_or_else(bad)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retention_is_a_day_however_it_is_said() {
        let today: Day = "2026-11-24".parse().unwrap();
        for (text, day) in [
            ("2031-06-30", "2031-06-30"),
            ("2031", "2031-12-31"),
            ("2031-02", "2031-02-28"),
            ("3 years", "2029-12-31"),
            ("1 year", "2027-12-31"),
            ("2024-02-29 + 5 years", "2029-02-28"),
            ("10 Dec 2024 + 10 years", "2034-12-10"),
        ] {
            assert_eq!(retain(text, today).map(|day| day.to_string()), Ok(day.to_owned()), "{text}");
        }
        for text in ["for ever", "years", "500 years", "yesterday + 5 years"] {
            assert!(retain(text, today).is_err(), "{text}");
        }
    }

    #[test]
    fn gradings_of_both_scales_are_understood() {
        assert_eq!(grading("B2").unwrap().to_string(), "B2");
        for text in ["admiralty D3", "admiralty:D3", "Admiralty: d3"] {
            let grading = grading(text).unwrap();
            let given = grading.admiralty.map(|given| given.to_string());
            let mapped = grading.four_by_four().to_string();
            assert_eq!((mapped.as_str(), given.as_deref()), ("C3", Some("D3")), "{text}");
        }
        assert!(grading("Q9").is_err());
    }
}
