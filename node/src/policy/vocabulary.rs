//! The words that rules share with records: each closed list of the protocol as an enumerated Cedar type, so that a
//! misspelt word is an error when a policy is checked and not a rule that silently never applies.

use igain_protocol::label::Label;
use igain_protocol::vocabulary::{
    Accuracy, AgeGroup, CrimeArea, Group, GroupSet, HandlingCode, Kind, Pap, Purpose, Reliability, SubjectCategory, Tlp,
};

use super::facts::Fact;

/// What `schema` prints before the closed lists.
const SHAPES: &str = include_str!("schema.cedarschema");

/// The action that all disclosure groups are in.
pub(super) const DISCLOSE: &str = "disclose";

/// The whole schema that policies are checked against: what a rule may look at, and every word that it may use.
pub fn schema() -> String {
    let mut text = SHAPES.to_owned();
    let mut list = |name: &str, words: Vec<&str>| {
        let words: Vec<String> = words.iter().map(|word| format!("{word:?}")).collect();
        text.push_str(&format!("\nentity {name} enum [{}];\n", words.join(", ")));
    };
    list("Tlp", Tlp::ALL.iter().map(|word| word.code()).collect());
    list("Pap", Pap::ALL.iter().map(|word| word.code()).collect());
    list("Handling", HandlingCode::ALL.iter().map(|word| word.code()).collect());
    list("Kind", Kind::ALL.iter().map(|word| word.code()).collect());
    list("Category", SubjectCategory::ALL.iter().map(|word| word.code()).collect());
    list("AgeGroup", AgeGroup::ALL.iter().map(|word| word.code()).collect());
    list("Reliability", Reliability::ALL.iter().map(|word| word.code()).collect());
    list("Accuracy", Accuracy::ALL.iter().map(|word| word.code()).collect());
    list("CrimeArea", CrimeArea::ALL.iter().map(|word| word.code()).collect());
    list("Purpose", Purpose::ALL.iter().map(|word| word.code()).collect());
    text
}

/// The handling codes of `label`, in the order of the closed list.
pub(super) fn handling(label: &Label) -> Vec<Fact> {
    let codes = HandlingCode::ALL.iter().filter(|code| label.handling.contains(code));
    codes.map(|code| Fact::Entity("Handling", code.code().to_owned())).collect()
}

/// The set of one group.
pub(super) const fn one(group: Group) -> GroupSet {
    let mut set = GroupSet::EMPTY;
    set.insert(group);
    set
}
