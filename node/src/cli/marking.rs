//! What a label says, as options; and fields, as arguments.

use clap::Args;
use igain_protocol::caf::CafId;
use igain_protocol::label::Audience;
use igain_protocol::time::Day;
use igain_protocol::vocabulary::{AgeGroup, CrimeArea, Doubt, Grading, HandlingCode, Pap, SubjectCategory, Tlp};

use crate::api::types::{Field, Text};

/// How a record is labelled, graded and kept.
#[derive(Debug, Default, Args)]
pub(super) struct Marking {
    /// How far it may travel: clear, green, amber, amber+strict, red
    #[arg(long)]
    pub(super) tlp: Option<Tlp>,
    /// What may be done with it: clear, green, amber, red
    #[arg(long)]
    pub(super) pap: Option<Pap>,
    /// Handling codes: H0, H1, H2, H3
    #[arg(long, value_name = "CODE", value_delimiter = ',')]
    pub(super) handling: Option<Vec<HandlingCode>>,
    /// The words of handling code H3
    #[arg(long, value_name = "WORDS")]
    pub(super) note: Option<String>,
    /// The Crime Analysis File that it belongs to; given several times, all of them must let a bureau have it
    #[arg(long, value_name = "CAF")]
    pub(super) caf: Vec<CafId>,
    /// What a person is to the matter: suspect, victim, witness …
    #[arg(long)]
    pub(super) category: Option<SubjectCategory>,
    /// The kind of crime: cocaine-trafficking …
    #[arg(long, value_name = "AREA")]
    pub(super) area: Option<CrimeArea>,
    /// Whether a person is a child: minor, adult
    #[arg(long, value_name = "GROUP")]
    pub(super) age_group: Option<AgeGroup>,
    /// The only bureaus that may have it, such as BR,FR; or nobody, or anyone
    #[arg(long, value_name = "BUREAUS")]
    pub(super) audience: Option<Audience>,
    /// How reliable it is: B2, or admiralty:C3
    #[arg(long)]
    pub(super) grading: Option<Grading>,
    /// The last day on which anybody may keep it
    #[arg(long, value_name = "DATE")]
    pub(super) retain_until: Option<Day>,
}

/// A field as it is typed: `name=value`, `name@ar=value` for a name in a language, `name?=value` for what is unsure, and
/// `name??=value` for what nobody can read, which is kept as it is.
pub(super) fn field(text: &str) -> Result<Field, String> {
    let (name, value) =
        text.split_once('=').ok_or_else(|| format!("`{text}` is no field. Write it like name=value"))?;
    let (name, doubt) = match (name.strip_suffix("??"), name.strip_suffix('?')) {
        (Some(name), _) => (name, Some(Text(Doubt::Unread))),
        (None, Some(name)) => (name, Some(Text(Doubt::Unsure))),
        (None, None) => (name, None),
    };
    let (name, tag) = name.split_once('@').map_or((name, None), |(name, tag)| (name, Some(tag)));
    if name.trim().is_empty() {
        return Err(format!("`{text}` names no field. Write it like name=value"));
    }
    let script = tag.and_then(|tag| tag.split('-').skip(1).find(|part| part.len() == 4)).map(str::to_owned);
    Ok(Field {
        name: name.trim().to_owned(),
        value: value.to_owned(),
        lang: tag.map(str::to_owned),
        script,
        doubt,
        group: None,
    })
}

/// Values as the API has them.
pub(super) fn texts<T>(values: Vec<T>) -> Vec<Text<T>> {
    values.into_iter().map(Text).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_typed_with_their_language() {
        let plain = field("number=+254 700=1").unwrap();
        assert_eq!((plain.name.as_str(), plain.value.as_str(), plain.lang), ("number", "+254 700=1", None));
        let name = field("name@sr-Cyrl=Петар").unwrap();
        assert_eq!((name.lang.as_deref(), name.script.as_deref()), (Some("sr-Cyrl"), Some("Cyrl")));
        let doubt = |text| field(text).map(|field| (field.name, field.doubt.map(|doubt| doubt.0)));
        assert_eq!(doubt("birth-date?=1971"), Ok(("birth-date".into(), Some(Doubt::Unsure))));
        assert_eq!(doubt("name@ar??=x"), Ok(("name".into(), Some(Doubt::Unread))));
        assert!(field("number").is_err() && field("?=x").is_err());
        assert!(field("=x").is_err());
    }
}
