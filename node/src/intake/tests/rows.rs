//! What rows become: ids, joins, links, statements.

use igain_protocol::record::{RecordId, Value};
use igain_protocol::vocabulary::Kind;

use super::*;

const PEOPLE: &str = r#"
source = "people"
retain = "5 years"
grading = "B2"
[label]
tlp = "green"
[[join]]
role = "alt"
key = "id"
[[record]]
name = "person"
kind = "person"
key = "{id}"
label = { category = "suspect" }
fields = { name = "{name}" }
field = [{ name = "alias", from = "{alt.alias}", each = "alt", when = { "alt.kind" = "aka" } }]
extract = [{ from = "{notes}", split = ";", rest = "remarks", rule = [
    { field = "birth-date", match = '^DOB (.+)$', unfit = "ignore" },
    { field = "passport", match = '^Passport (\S+)( .*)?$', value = "{1}", keep = "[Passport …{1|tail} {2}]" },
    { field = "notice", match = '\b(\d+/\d+)\b', keep = true },
    { field = "remarks", match = '^(?:religion|knows) ', value = "" },
] }]
[[link]]
from = "person"
to = "person"
to-key = "{1}"
type = "associate"
each = { from = "{notes}", split = ";", match = '^knows (\d+)$' }
"#;

const ALIASES: &[u8] = b"id,alias,kind\n1,The Lion,aka\n1,Old Lion,fka\n1,Simba,aka\n9,Nobody,aka\n";

fn people(file: &[u8]) -> Outcome {
    let mut importer = importer(PEOPLE);
    importer.join("alt", ALIASES).unwrap();
    import(&importer, file).unwrap()
}

#[test]
fn the_same_file_gives_the_same_records() {
    let file = b"id,name,notes\n1,Ali Juma,knows 2; DOB 1971\n2,Otieno,knows 1\n";
    let (one, two) = (people(file), people(file));
    assert_eq!(one, two);
    assert_eq!(one.drafts.len(), 4);
    let turned = people(b"notes,id,name\nknows 1,2,Otieno\nknows 2; DOB 1971,1,Ali Juma\n");
    let sorted = |outcome: &Outcome| {
        let mut drafts: Vec<_> = outcome.drafts.iter().map(|draft| (draft.id, draft.fields.clone())).collect();
        drafts.sort_by_key(|(id, _)| *id);
        drafts
    };
    assert_eq!(sorted(&one), sorted(&turned), "neither the order of rows nor that of columns matters");
}

#[test]
fn ids_tell_nothing_without_the_secret() {
    let importer = |secret: u8, source: &str| {
        let text = PEOPLE.replace("\"people\"", &format!("\"{source}\""));
        let mapping = Mapping::parse(&text, "test.toml", &BTreeMap::new()).unwrap();
        Importer::new(mapping, "KE".parse().unwrap(), &[secret; 32], "2026-11-25".parse().unwrap())
    };
    let id = |importer: &Importer| import(importer, b"id,name,notes\n1,Ali,\n".as_slice()).unwrap().drafts[0].id;
    let first = id(&importer(7, "people"));
    assert_ne!(first, id(&importer(8, "people")));
    assert_ne!(first, id(&importer(7, "others")));
    assert_eq!(first, RecordId::derived(&[7; 32], "people", "person\u{0}1"));
}

#[test]
fn rows_of_joined_files_come_in_under_their_conditions() {
    let outcome = people(b"id,name,notes\n1,Ali Juma,\n2,Otieno,\n");
    assert_eq!(texts(&outcome.drafts[0], "alias"), ["The Lion", "Simba"]);
    assert!(texts(&outcome.drafts[1], "alias").is_empty());
}

#[test]
fn statements_become_fields_and_the_rest_stays() {
    let notes =
        "DOB 1971; DOB unknown; Passport A1084010 (Egypt); Passport 77; file 2026/17 is open; religion none; at large.";
    let outcome = people(format!("id,name,notes\n1,Ali Juma,{notes}\n").as_bytes());
    let draft = &outcome.drafts[0];
    assert_eq!(texts(draft, "birth-date"), ["1971"]);
    assert_eq!(texts(draft, "passport"), ["A1084010", "77"]);
    assert_eq!(texts(draft, "notice"), ["2026/17"]);
    let rest = ["DOB unknown", "Passport …010 (Egypt)", "file 2026/17 is open", "at large"];
    assert_eq!(texts(draft, "remarks"), rest);
    assert!(draft.warnings.is_empty());
}

#[test]
fn only_the_last_full_stop_is_that_of_the_cell() {
    let outcome = people(b"id,name,notes\n1,Ali Juma,owns Simba Ltd.; owns Nour S.A.\n");
    assert_eq!(texts(&outcome.drafts[0], "remarks"), ["owns Simba Ltd.", "owns Nour S.A"]);
}

#[test]
fn links_name_both_ends_by_their_keys() {
    let outcome = people(b"id,name,notes\n1,Ali Juma,knows 2; knows 1; knows 2\n2,Otieno,\n");
    let [ali, link, otieno] = outcome.drafts.as_slice() else { panic!("{:?}", outcome.drafts) };
    assert_eq!(link.label.kind, Kind::Link);
    let ends = [("from".to_owned(), Value::Reference(ali.id)), ("to".to_owned(), Value::Reference(otieno.id))];
    assert_eq!(link.fields[..2], ends);
    assert_eq!(texts(link, "type"), ["associate"]);
}

#[test]
fn a_row_that_asks_for_links_without_end_is_set_aside() {
    let notes: String = (10..400).map(|other| format!("knows {other};")).collect();
    let outcome = people(format!("id,name,notes\n1,Ali,{notes}\n2,Otieno,\n").as_bytes());
    assert_eq!(outcome.values("name"), ["Otieno"]);
    assert!(outcome.reasons()[0].1.contains("more than 256 links"), "{:?}", outcome.reasons());
}

/// L16. Seen to take more than a minute when every statement was compared with all before it.
#[test]
fn a_row_of_statements_without_end_is_set_aside() {
    let many: String = (0..100_000).map(|number| format!("seen {number};")).collect();
    let some: String = (0..300).map(|number| format!("seen {number};")).collect();
    let long = "x".repeat(20_000);
    let file = format!("id,name,notes\n1,Ali,{many}\n2,Ali,{some}\n3,Ali,{long}\n4,Otieno,\n");
    let outcome = people(file.as_bytes());
    assert_eq!(outcome.values("name"), ["Otieno"]);
    let reasons = outcome.reasons();
    for ((line, reason), (expected, word)) in
        reasons.iter().zip([(2, "4096 statements"), (3, "256 fields"), (4, "16384 bytes")])
    {
        assert!(*line == expected && reason.contains(word), "{line}: {reason}");
    }
    assert_eq!(reasons.len(), 3);
}

#[test]
fn links_look_up_names_in_a_joined_file() {
    let mapping = r#"
        source = "firms"
        label = { tlp = "green" }
        [[join]]
        role = "names"
        key = "name"
        header = ["id", "name", "links"]
        [input]
        header = ["id", "name", "links"]
        [[record]]
        name = "firm"
        kind = "organisation"
        key = "{id}"
        fields = { name = "{name}" }
        [[link]]
        from = "firm"
        to = "firm"
        to-key = "{names.id}"
        type = "associate"
        each = { from = "{links}", split = ";", match = '^Linked To: (.+)$', join = "names" }
    "#;
    let file = b"1,Nour S.A.,Linked To: Simba Ltd.; Linked To: Twin; Linked To: Nobody\n2,Simba Ltd.,Linked To: Nour S.A..\n3,Twin,Linked To: Nour S.A.\n4,Twin,\n";
    let mut importer = importer(mapping);
    importer.join("names", file.as_slice()).unwrap();
    let outcome = import(&importer, file.as_slice()).unwrap();
    let names: BTreeMap<_, _> = outcome.drafts.iter().map(|draft| (draft.id, texts(draft, "name").concat())).collect();
    let ends: Vec<_> = outcome
        .drafts
        .iter()
        .filter(|draft| draft.label.kind == Kind::Link)
        .map(|draft| match &draft.fields[..2] {
            [(_, Value::Reference(from)), (_, Value::Reference(to))] => (names[from].as_str(), names[to].as_str()),
            other => panic!("{other:?}"),
        })
        .collect();
    let simba = ("Nour S.A.", "Simba Ltd.");
    assert_eq!(ends, [simba, ("Simba Ltd.", "Nour S.A."), ("Twin", "Nour S.A.")], "a name that is there twice is none");
}

#[test]
fn rows_with_the_same_key_say_the_same_or_are_set_aside() {
    let outcome = people(b"id,name,notes\n1,Ali Juma,\n2,Otieno,\n1,Ali Juma,\n1,Ali Jumaa,\n");
    assert_eq!(outcome.values("name"), ["Ali Juma", "Otieno"]);
    let reasons = outcome.reasons();
    let [(5, reason)] = reasons.as_slice() else { panic!("{reasons:?}") };
    assert!(reason.starts_with("line 2 has a person with the same key"), "{reason}");
}

#[test]
fn labels_grading_and_retention_come_from_the_mapping_or_the_row() {
    let mapping = r#"
        source = "events"
        retain = "{day} + 5 years"
        grading = "{grade}"
        label = { tlp = "{tlp}" }
        [[record]]
        kind = "event"
        key = "{id}"
        fields = { date = "{day}" }
    "#;
    let outcome = taken(
        mapping,
        b"id,day,grade,tlp\n1,2026-03-01,B2,amber\n2,2026-03-01,Q7,amber\n3,2026-03-01,admiralty C3,violet\n4,soon,B2,red\n",
    );
    let [draft] = outcome.drafts.as_slice() else { panic!("{:?}", outcome.drafts) };
    assert_eq!(draft.retain_until.map(|day| day.to_string()).as_deref(), Some("2031-03-01"));
    assert_eq!(
        (draft.label.grading.map(|grade| grade.to_string()).as_deref(), draft.label.banner()),
        (Some("B2"), "TLP:AMBER".into())
    );
    let columns: Vec<_> = outcome.rejects.iter().map(|reject| (reject.line, reject.column.as_deref())).collect();
    assert_eq!(columns, [(3, Some("grading")), (4, Some("tlp")), (5, Some("retain"))], "{:?}", outcome.reasons());
}

#[test]
fn values_that_do_not_fit_are_rejected_dropped_or_ignored() {
    let mapping = |unfit: &str| {
        format!(
            "source = \"x\"\nlabel = {{ tlp = \"green\" }}\n[[record]]\nkind = \"person\"\nkey = \"{{id}}\"\nfields = {{ name = \"{{name}}\" }}\n[[record.field]]\nname = \"nationality\"\nfrom = \"{{land}}\"\nunfit = \"{unfit}\"\n"
        )
    };
    let file = b"id,name,land\n1,Ali,Atlantis\n2,Otieno,Kenya\n";
    let rejected = taken(&mapping("reject"), file);
    assert_eq!((rejected.drafts.len(), rejected.rejects[0].column.as_deref()), (1, Some("land")));
    let dropped = taken(&mapping("drop"), file);
    assert_eq!((dropped.drafts.len(), dropped.drafts[0].warnings.len()), (2, 1), "{:?}", dropped.drafts);
    let ignored = taken(&mapping("ignore"), file);
    assert_eq!((ignored.drafts.len(), ignored.drafts[0].warnings.len()), (2, 0), "{:?}", ignored.drafts);
}
