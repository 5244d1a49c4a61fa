use std::collections::BTreeMap;

use super::*;

/// A mapping that is right, to make wrong ones of.
const RIGHT: &str = r#"source = "phones"
[input]
delimiter = ","
[label]
tlp = "green"
[[join]]
role = "alt"
key = "id"
[[record]]
name = "phone"
kind = "phone"
key = "{id}"
fields = { number = "{tel}" }
[[record.field]]
name = "first-seen"
from = "{seen}"
formats = ["%d/%m/%Y"]
[[record.extract]]
from = "{notes}"
split = ";"
rest = "remarks"
rule = [{ field = "imei", match = '^IMEI (\d+)$', value = "{1}", keep = "{1|tail}" }]
[[link]]
from = "phone"
to = "person"
to-key = "{owner}"
type = "user"
"#;

fn parse(text: &str) -> Result<Mapping, Error> {
    Mapping::parse(text, "phones.toml", &BTreeMap::new())
}

/// `RIGHT` with `from` replaced is refused at `at`, `line:column`, for a reason that has `word` in it.
fn refused(from: &str, to: &str, at: &str, word: &str) {
    assert_eq!(RIGHT.matches(from).count(), 1, "`{from}` is there once");
    let error = parse(&RIGHT.replace(from, to)).map(|_| ()).expect_err(to);
    let text = error.to_string();
    assert!(text.starts_with(&format!("phones.toml:{at}: ")), "{text}");
    assert!(text.contains(word), "{text}");
    assert!(!text.contains('\n'), "{text:?}");
    assert_eq!(error.code(), "intake.mapping");
}

#[test]
fn the_right_mapping_is_right() {
    let mapping = parse(RIGHT).unwrap();
    assert_eq!(mapping.source(), "phones");
    assert_eq!(mapping.kinds().collect::<Vec<_>>(), [Kind::Phone, Kind::Link]);
    assert_eq!(mapping.joins().collect::<Vec<_>>(), [("alt", [].as_slice(), false)]);
}

#[test]
fn what_is_not_toml_or_no_key_is_named_with_its_place() {
    refused("source = \"phones\"", "source = \"phones", "1:17", "");
    refused("[label]", "[lable]", "4:2", "lable");
    refused("key = \"{id}\"", "kee = \"{id}\"", "12:1", "kee");
    refused("split = \";\"", "split = 7", "20:9", "string");
    refused("source = \"phones\"\n", "", "1:1", "source");
}

#[test]
fn kinds_fields_and_codes_that_are_none_are_named() {
    refused("kind = \"phone\"", "kind = \"fone\"", "11:8", "`fone` is no kind of record. Use one of: person");
    refused("{ number =", "{ numbers =", "13:22", "has no field `numbers`. It has: type, country");
    refused("name = \"first-seen\"", "name = \"first\"", "15:8", "has no field `first`");
    refused("type = \"user\"", "type = \"owns\"", "27:8", "`owns` is no type of link. Use one of: associate");
    refused("rest = \"remarks\"", "rest = \"first-seen\"", "21:8", "takes no free text");
    refused("tlp = \"green\"", "tlp = \"violet\"", "11:8", "`violet` is no TLP marking");
    refused("tlp = \"green\"", "pap = \"green\"", "11:8", "no TLP marking");
    refused("from = \"phone\"\nto", "from = \"fone\"\nto", "24:8", "no [[record]] is called `fone`");
}

#[test]
fn templates_patterns_and_formats_that_are_none_are_named() {
    refused("\"{tel}\"", "\"{tel\"", "13:21", "`{` is never closed");
    refused("\"{tel}\"", "\"[{tel}\"", "13:21", "`[` is never closed");
    refused("\"{tel}\"", "\"{tel|shout}\"", "13:21", "`shout` is no filter");
    refused(r"(\d+)$'", r"(\d+$'", "22:35", "is no pattern");
    refused("value = \"{1}\"", "value = \"{2}\"", "22:59", "the pattern has 1");
    refused("keep = \"{1|tail}\"", "keep = 3", "22:73", "`keep` is true, false or");
    refused("keep = \"{1|tail}\"", "unfit = \"burn\"", "22:74", "burn");
    refused("\"%d/%m/%Y\"", "\"%d/%q\"", "17:12", "is no date format");
    refused("\"%d/%m/%Y\"", "\"%d/%m\"", "17:12", "lacks the year");
    refused("split = \";\"", "split = \"\"", "19:8", "cannot be empty");
    refused("delimiter = \",\"", "delimiter = \"::\"", "3:13", "one ASCII character");
    refused("from = \"{seen}\"", "from = \"{seen}\"\neach = \"old\"", "17:8", "no [[join]] has the role `old`");
    refused("from = \"{seen}\"", "from = \"{seen}\"\nkeep = true", "15:8", "belong to the rules of an extract");
    refused("from = \"{seen}\"", "from = \"{seen}\"\nvalue = \"x\"", "17:9", "Say `from` where there is none");
    refused("from = \"{seen}\"", "from = \"{seen}\"\nwhen = { a = 7 }", "17:14", "a condition is");
    refused("from = \"{seen}\"", "from = \"{seen}\"\nwhen = { a = { not-match = \"(\" } }", "17:14", "is no pattern");
}

#[test]
fn what_goes_wrong_in_every_row_is_wrong_in_the_mapping() {
    refused("kind = \"phone\"", "kind = \"phone\"\nretain = \"for ever\"", "11:8", "is no retention");
    refused("kind = \"phone\"", "kind = \"phone\"\ngrading = \"Z9\"", "11:8", "`Z9` is no grading");
    refused("kind = \"phone\"", "kind = \"phone\"\nlabel = { handling = \"H3\" }", "11:8", "H3 needs a note");
}

#[test]
fn a_mapping_makes_something_and_is_no_file_to_import() {
    let error = parse("source = \"x\"\n").unwrap_err();
    assert!(error.message.contains("Add a [[record]]"), "{error}");
    let error = parse(&"x".repeat(MAPPING_LIMIT + 1)).unwrap_err();
    assert!(error.message.contains("Is this the file to import?"), "{error}");
    let many = "[[record]]\nkind = \"phone\"\nkey = \"{id}\"\nlabel = { tlp = \"green\" }\n".repeat(BLOCKS_LIMIT + 1);
    let error = parse(&format!("source = \"x\"\n{many}")).unwrap_err();
    assert!(error.message.contains("256 is the limit"), "{error}");
}

#[test]
fn variables_are_given_have_a_default_or_are_missing() {
    let with = |text: &str, given: &[(&str, &str)]| {
        let variables = given.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Mapping::parse(text, "phones.toml", &variables).map(|mapping| mapping.source().to_owned())
    };
    let open = RIGHT.replace("\"phones\"", "\"${list}\"");
    assert_eq!(with(&open, &[("list", "a{b}")]).as_deref(), Ok("a{b}"), "a value is never a template");
    let error = with(&open, &[]).unwrap_err();
    assert!(error.to_string().starts_with("phones.toml:1:10: the mapping needs `list`. Give it with --set"), "{error}");
    let error = with(RIGHT, &[("list", "x")]).unwrap_err();
    assert!(error.message.contains("Leave --set list out"), "{error}");
    let default = RIGHT.replace("\"phones\"", "\"${list:-phones}\"");
    assert_eq!(with(&default, &[]).as_deref(), Ok("phones"));
    assert_eq!(with(&default, &[("list", "others")]).as_deref(), Ok("others"));
}

/// The place of a mistake is that of the character, not of the byte.
#[test]
fn columns_are_counted_in_characters() {
    let error = parse("description = \"é\"\nsource = \"É{\"\n").unwrap_err();
    assert_eq!((error.line, error.column), (2, 10));
}

proptest::proptest! {
    /// L16: whatever is given as a mapping is refused in words, or is one. Seen to fail when a mapping was cut between
    /// the bytes of a character.
    #[test]
    fn any_mapping_is_refused_or_taken(at in 0..RIGHT.len(), cut in 0_usize..12, noise in "[\\[\\]{}\"'=|$,;a-z\n\u{e9}]{0,8}") {
        let (before, after) = (&RIGHT[..at], &RIGHT[(at + cut).min(RIGHT.len())..]);
        if let Err(error) = parse(&format!("{before}{noise}{after}")) {
            proptest::prop_assert!(error.line >= 1 && error.column >= 1 && !error.message.is_empty());
        }
    }
}
