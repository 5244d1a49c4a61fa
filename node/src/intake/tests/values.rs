//! What values become that may be read in more ways than one.

use igain_protocol::vocabulary::Doubt;

use super::*;

const WEIGHTS: &str = r#"
source = "weights"
grading = "B2"
retain = "2 years"
[input]
delimiter = ";"
[label]
tlp = "green"
[[record]]
kind = "item"
key = "{id}"
field = [{ name = "quantity", from = "{weight}", unit = "kg" }]
"#;

const WEIGHED: &[u8] =
    b"id;weight\n1;0,250\n2;0,250 kg\n3;1 234,567 kg\n4;12,5\n5;0.250\n6;1.250\n7;1.250.000\n8;-0,125 kg\n9;12,500\n";

/// Seen to fail when a comma before three digits set off thousands.
#[test]
fn what_may_be_one_or_a_thousand_is_kept_as_it_was_given_and_told() {
    let outcome = taken(WEIGHTS, WEIGHED);
    assert_eq!(outcome.reasons(), []);
    let weights = outcome.values("quantity");
    assert_eq!(
        weights,
        ["0.250 kg", "0.250 kg", "1234.567 kg", "12.5 kg", "0.250 kg", "1.250", "1250000 kg", "-0.125 kg", "12,500"]
    );
    for (draft, weight) in outcome.drafts.iter().zip(&weights) {
        let doubtful = !weight.ends_with("kg");
        assert_eq!(draft.fields[0].1.doubt(), doubtful.then_some(Doubt::Ambiguous), "{weight}");
        assert_eq!(draft.warnings.len(), usize::from(doubtful), "{:?}", draft.warnings);
    }
    assert!(outcome.drafts[8].warnings[0].contains("12.5000 kg or as 12500 kg"), "{:?}", outcome.drafts[8].warnings);
}

#[test]
fn the_mapping_says_how_its_source_writes_numbers() {
    let comma = format!("decimal = \",\"{WEIGHTS}");
    let outcome = taken(&comma, WEIGHED);
    assert_eq!(
        outcome.values("quantity"),
        ["0.250 kg", "0.250 kg", "1234.567 kg", "12.5 kg", "0.250", "1250 kg", "1250000 kg", "-0.125 kg", "12.5000 kg"]
    );
    // What its source does not write so is no number.
    let doubts: Vec<_> = outcome.drafts.iter().filter_map(|draft| draft.fields[0].1.doubt()).collect();
    assert_eq!(doubts, [Doubt::Unread]);
    let one = WEIGHTS.replace("unit = \"kg\"", "unit = \"kg\", decimal = \".\"");
    assert_eq!(taken(&one, b"id;weight\n1;1.250\n2;12,500\n").values("quantity"), ["1.2500 kg", "12500 kg"]);
}

#[test]
fn a_required_value_that_may_be_two_sets_its_row_aside() {
    let required = WEIGHTS.replace("unit = \"kg\"", "required = true");
    let outcome = taken(&required, b"id;weight\n1;1.250 kg\n2;1.25 kg\n");
    assert_eq!(outcome.values("quantity"), ["1.25 kg"]);
    assert!(outcome.reasons()[0].1.contains("1250 kg"), "{:?}", outcome.reasons());
}

#[test]
fn dates_whose_day_may_be_the_month_are_kept_as_given() {
    let born = r#"
source = "births"
grading = "B2"
retain = "2 years"
[label]
tlp = "green"
category = "suspect"
[[record]]
kind = "person"
key = "{id}"
take = ["birth-date"]
"#;
    let outcome = taken(born, b"id,birth-date\n1,03/04/1960\n2,25/04/1960\n3,1960-04-03\n");
    assert_eq!(outcome.values("birth-date"), ["03/04/1960", "1960-04-25", "1960-04-03"]);
    assert_eq!(outcome.drafts[0].fields[0].1.doubt(), Some(Doubt::Ambiguous));
}

/// Seen to fail when two digits of a year were always those of POSIX, and when zeros were days.
#[test]
fn a_birth_is_not_in_the_future_and_zeros_are_not_known() {
    let born = r#"
source = "births"
grading = "B2"
retain = "2 years"
[label]
tlp = "green"
category = "contact"
[[record]]
kind = "person"
key = "{id}"
[[record.field]]
name = "birth-date"
from = "{dob}"
formats = ["%d-%m-%y", "%d/%m/%Y"]
"#;
    let file = b"id,dob\n1,1965-00-00\n2,1965-06-00\n3,16-07-68\n4,23-10-35\n5,16-07-25\n6,00/06/1965\n";
    let outcome = taken(born, file);
    assert_eq!(outcome.values("birth-date"), ["1965", "1965-06", "1968-07-16", "1935-10-23", "16-07-25", "1965-06"]);
    let told: Vec<_> =
        outcome.drafts.iter().filter(|draft| !draft.warnings.is_empty()).map(|draft| draft.row).collect();
    assert_eq!(told, [6]);
    // The source knows; what it cannot know is an error with its place, and no sum that overflows.
    for wrong in ["65500", "19", "-1", "\"1930\""] {
        let error = Mapping::parse(&format!("century = {wrong}{born}"), "test.toml", &BTreeMap::new()).unwrap_err();
        assert_eq!(error.line, 1, "{wrong}: {error}");
    }
    let century = format!("century = 1930\norder = \"dmy\"{born}").replace("formats = ", "ignore = ");
    assert_eq!(taken(&century, b"id,dob\n1,16/07/25\n2,16/07/35\n").values("birth-date"), ["2025-07-16", "1935-07-16"]);
}

#[test]
fn a_value_that_cannot_be_read_costs_itself_and_not_its_row() {
    let people = r#"
source = "people"
grading = "B2"
retain = "2 years"
[label]
tlp = "green"
category = "contact"
[[record]]
kind = "person"
key = "{id}"
take = ["name", "birth-date", "nationality"]
"#;
    let file = b"id,name,birth-date,nationality\n1,Ann Aaa,31 Feb 1960,Atlantis\n2,Ben Bbb,1960,KE\n";
    let outcome = taken(people, file);
    assert_eq!((outcome.reasons(), outcome.values("name")), (vec![], vec!["Ann Aaa".to_owned(), "Ben Bbb".to_owned()]));
    let [first, second] = outcome.drafts.as_slice() else { panic!("{outcome:?}") };
    let doubts: Vec<_> = first.fields.iter().map(|(_, value)| value.doubt()).collect();
    assert_eq!(doubts, [None, Some(Doubt::Unread), Some(Doubt::Unread)]);
    assert_eq!((first.warnings.len(), second.warnings.len()), (2, 0), "{:?}", first.warnings);
    // Unless the rule says so.
    let strict = people.replace("take = [\"name\", \"birth-date\", \"nationality\"]", "take = [\"name\"]")
        + "[[record.field]]\nname = \"nationality\"\nunfit = \"reject\"\n";
    let refused = taken(&strict, file);
    assert_eq!((refused.values("name"), refused.reasons()[0].0), (vec!["Ben Bbb".to_owned()], 2));
}

#[test]
fn markings_of_tlp_1_and_with_their_prefix_are_read_and_others_are_mapped() {
    let firms = r#"
source = "firms"
grading = "B2"
retain = "2 years"
[label]
tlp = "{tlp}"
pap = "{pap}"
[[record]]
kind = "organisation"
key = "{id}"
fields = { name = "{name}" }
"#;
    let labels = |outcome: &Outcome| -> Vec<(String, String)> {
        let shown = |draft: &Draft| {
            (draft.label.tlp.to_string(), draft.label.pap.map(|pap| pap.to_string()).unwrap_or_default())
        };
        outcome.drafts.iter().map(shown).collect()
    };
    let outcome = taken(firms, b"id,name,tlp,pap\n1,One,TLP:WHITE,PAP:GREEN\n2,Two,white,green\n3,Three,TLP:CLEAR,GREEN\n4,Four,TLP: Amber+Strict,\n");
    assert_eq!(outcome.reasons(), []);
    let clear = || ("clear".to_owned(), "green".to_owned());
    assert_eq!(labels(&outcome), [clear(), clear(), clear(), ("amber+strict".into(), String::new())]);
    let mapped = firms.replace(
        "tlp = \"{tlp}\"",
        "tlp = { from = \"{tlp}\", match = '^class (.+)$', map = { restricted = \"amber\", open = \"TLP:WHITE\" }, default = \"red\" }",
    );
    let outcome =
        taken(&mapped, b"id,name,tlp,pap\n1,One,class Restricted,\n2,Two,class open,\n3,Three,,\n4,Four,other,\n");
    let tlps: Vec<_> = labels(&outcome).into_iter().map(|(tlp, _)| tlp).collect();
    assert_eq!(
        (tlps, outcome.reasons()),
        (vec!["amber".to_owned(), "clear".into(), "red".into(), "red".into()], vec![])
    );
    for wrong in ["{ match = \"x\" }", "{ from = \"{tlp}\", mpa = {} }", "3", "{ from = \"{tlp}\", map = { a = 1 } }"] {
        let mapping = firms.replace("tlp = \"{tlp}\"", &format!("tlp = {wrong}"));
        let error = Mapping::parse(&mapping, "test.toml", &BTreeMap::new()).unwrap_err();
        assert!(error.message.contains("a part of a label is"), "{wrong}: {error}");
    }
}

/// Seen to fail when nothing was said of a name that no object has.
#[test]
fn what_no_object_has_is_told() {
    let people = r#"
source = "typo"
grading = "B2"
retain = "2 years"
[input]
format = "json"
[label]
tlp = "green"
category = "contact"
[[record]]
kind = "person"
key = "{id}"
fields = { name = "{person.name}", birth-date = "{person.birthdate}", passport = "{persons.passport}" }
[[record]]
kind = "vehicle"
key = "{plate}"
when = { plate = true }
fields = { plate = "{plate}" }
"#;
    let row = br#"[{"id": "1", "person": {"name": "Amina Example", "dob": "1980-02-03", "passport": "ZX0001"}}]"#;
    let outcome = taken(people, row);
    assert_eq!(outcome.drafts.len(), 1);
    assert_eq!(outcome.silent, ["person.birthdate", "persons.passport", "plate"]);
    // What one row has is there.
    let full = br#"[{"id": "1", "person": {"name": "A"}}, {"id": "2", "person": {"name": "B", "birthdate": "1980"}, "persons": {"passport": "Z1"}, "plate": "K1"}]"#;
    assert_eq!(taken(people, full).silent, [""; 0]);
}
