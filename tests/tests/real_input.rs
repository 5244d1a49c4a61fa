//! Real lists: OFAC's Specially Designated Nationals, imported at one bureau, shared with another, and asked for there.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test fails loudly"
)]

use std::collections::BTreeMap;
use std::fs;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::time::Instant;

use igain_node::intake::{Importer, Mapping, Step};
use igain_protocol::time::Day;
use igain_tests::daemon::{Bureau, federation};
use liblzma::read::XzDecoder;
use serde_json::Value;

const ALL_TO_FR: &str = r#"
@id("fr-all")
permit(principal == Bureau::"FR", action in Action::"disclose", resource);
"#;

/// Parties of the list.
const PARTIES: u64 = 7_379;

/// "Linked To" statements whose party the list has once.
const LINKS: u64 = 2_424;

fn repository() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// The folder of the list; says so where it is absent.
fn sanctions() -> Option<PathBuf> {
    let folder = repository().join("../shared/data/sanctions");
    let there = folder.join("ofac_v1_sdn.csv").exists();
    if !there {
        println!("SKIPPED: OFAC's list is absent from `{}`", folder.display());
    }
    there.then_some(folder)
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}

/// Imports the list, and gives the report.
fn import(bureau: &Bureau, file: &Path) -> Value {
    let mapping = repository().join("configs/mappings/ofac-sdn.toml");
    let report = bureau.json(&[
        "import",
        text(file),
        "--mapping",
        text(&mapping),
        "--rejects",
        text(&bureau.path("rejects.csv")),
    ]);
    assert_eq!((&report["rejected"], &report["rows"]), (&0.into(), &PARTIES.into()), "{report}");
    assert!(!bureau.path("rejects.csv").exists());
    report
}

/// The records that a question finds.
fn ask(bureau: &Bureau, question: &[&str]) -> Vec<Value> {
    let why = ["--purpose", "identify", "--case", "FR-2026-0042"];
    let answer = bureau.json(&[["query"].as_slice(), question, &why].concat());
    answer["hits"].as_array().expect("hits").clone()
}

/// The values of a field.
fn values<'a>(record: &'a Value, name: &str) -> Vec<&'a str> {
    let fields = record["fields"].as_array().expect("fields").iter();
    fields.filter(|field| field["name"] == name).map(|field| field["value"].as_str().expect("a value")).collect()
}

/// The one record that a question finds is that of a party.
fn finds(bureau: &Bureau, question: &[&str], name: &str) -> Value {
    let hits = ask(bureau, question);
    let [hit] = hits.as_slice() else { panic!("{question:?} finds {hits:#?}") };
    assert_eq!((values(hit, "name"), &hit["owner"]), (vec![name], &"KE".into()), "{question:?}");
    hit.clone()
}

fn held(status: &Value, owner: &str) -> u64 {
    let counts = status["records"].as_array().expect("records").iter();
    counts.filter(|count| count["owner"] == owner).filter_map(|count| count["records"].as_u64()).sum()
}

/// Waits until a bureau holds so many records of KE, as long as it takes while more arrive.
fn await_records(bureau: &Bureau, all: u64) {
    let mut seen = 0;
    while seen < all {
        seen = held(&bureau.eventually(&["status"], |status| held(status, "KE") > seen), "KE");
    }
    assert_eq!(seen, all);
}

#[test]
fn a_list_of_sanctions_is_imported_shared_and_found_at_the_other_side() {
    let Some(folder) = sanctions() else { return };
    let started = Instant::now();
    let lap = |what: &str| println!("{:>6.1} s  {what}", started.elapsed().as_secs_f64());
    let bureaus = federation(&["KE", "FR"]);
    let (ke, fr) = (&bureaus[0], &bureaus[1]);
    ke.apply(ALL_TO_FR);
    lap("two bureaus run");

    let report = import(ke, &folder.join("ofac_v1_sdn.csv"));
    assert_eq!(report["added"], PARTIES + LINKS, "{report}");
    assert_eq!(report["warnings"], 1, "one IMO number lacks a digit: {report}");
    lap("the list is imported");
    await_records(fr, PARTIES + LINKS);
    lap("FR holds all of it");
    fr.eventually(&["status"], |status| status["store"]["index_behind"] == 0);
    lap("FR has indexed the names");

    finds_what_the_remarks_said(fr);
    finds_names_however_they_are_written(fr);
    knows_a_party_in_detail(fr);
    follows_links(fr);
    lap("FR was asked");

    let again = import(ke, &folder.join("ofac_v1_sdn.csv"));
    assert_eq!((&again["added"], &again["revised"]), (&0.into(), &0.into()), "{again}");
    lap("the list is imported again");

    let changed = with_one_row_changed(&folder, ke);
    let revised = import(ke, &changed);
    assert_eq!((&revised["added"], &revised["revised"]), (&0.into(), &1.into()), "{revised}");
    lap("a changed list is imported");
    let found = fr.eventually(
        &["query", "--passport", "A0000017X", "--purpose", "identify", "--case", "FR-2026-0042"],
        |answer| answer["hits"].as_array().is_some_and(|hits| !hits.is_empty()),
    );
    assert_eq!((&found["hits"][0]["revision"], found["hits"].as_array().map(Vec::len)), (&2.into(), Some(1)));
    assert!(ask(fr, &["--passport", "T14553558"]).is_empty(), "the number that was corrected is found no more");
    lap("FR has the new version");
}

/// GeoNames' cities: the bulk load. Its first rows here; the benchmark takes them all.
#[test]
fn places_of_the_world_become_locations() {
    const ROWS: usize = 10_000;
    let path = repository().join("../shared/data/large/geonames_cities500.csv.xz");
    let Ok(packed) = fs::File::open(&path) else {
        return println!("SKIPPED: GeoNames' cities are absent: `{}`", path.display());
    };
    let mapping = fs::read_to_string(repository().join("configs/mappings/geonames.toml")).expect("the mapping");
    let mapping = Mapping::parse(&mapping, "geonames.toml", &BTreeMap::new()).expect("a mapping");
    let importer = Importer::new(mapping, "KE".parse().expect("a bureau"), &[7; 32], Day::default());
    let rows = importer.rows(BufReader::new(XzDecoder::new(packed))).expect("rows");
    let mut drafts = 0;
    for step in rows.take(ROWS) {
        let Step::Made(made) = step.expect("a row") else { panic!("a place is set aside") };
        let [place] = made.drafts.as_slice() else { panic!("{made:?}") };
        assert!(place.warnings.is_empty(), "{place:?}");
        let shown = |name: &str| -> Vec<String> {
            let named = place.fields.iter().filter(|(field, _)| field == name);
            named.map(|(_, value)| value.to_string()).collect()
        };
        if shown("code") == ["3038999"] {
            let [name, country, position] = ["name", "country", "position"].map(|field| shown(field).concat());
            assert_eq!((name.as_str(), country.as_str(), position.as_str()), ("Soldeu", "AD", "42.576880, 1.667690"));
            let aliases = shown("alias");
            assert!(aliases.iter().any(|alias| alias == "Сольдеу") && aliases.iter().any(|alias| alias == "سولدو"));
        }
        drafts += 1;
    }
    assert_eq!(drafts, ROWS);
}

fn finds_what_the_remarks_said(fr: &Bureau) {
    finds(fr, &["--passport", "t-1455 3558"], "KHORASHADIZADEH, Ali");
    finds(fr, &["--crypto", "bitcoin:149w62rY42aZBox8fGcmqNsXUzSStKeq8C"], "KHORASHADIZADEH, Ali");
    finds(fr, &["--email", "IranVisaCart@yahoo.com"], "KHORASHADIZADEH, Ali");
    finds(fr, &["--national-id", "6.068.015"], "RODRIGUEZ OREJUELA, Gilberto Jose");
    finds(fr, &["--imo", "IMO 9187629"], "ARTAVIL");
    finds(fr, &["--mmsi", "572 469 210"], "ARTAVIL");
    finds(fr, &["--call-sign", "t2eu4"], "ARTAVIL");
    finds(fr, &["--tail", "ep mnf"], "EP-MNF");
    finds(fr, &["--tax-id", "800 146 749 7"], "CRIADERO DE POLLOS EL ROSAL S.A.");
}

fn finds_names_however_they_are_written(fr: &Bureau) {
    finds(fr, &["--name", "áiman MUHAMMAD rabi al-Zawâhiri", "--kind", "person"], "AL ZAWAHIRI, Dr. Ayman");
    finds(fr, &["--name", "mastercartaria"], "KHORASHADIZADEH, Ali");
    finds(fr, &["--name", "chess player", "--kind", "person"], "RODRIGUEZ OREJUELA, Gilberto Jose");
}

fn knows_a_party_in_detail(fr: &Bureau) {
    let hit = finds(fr, &["--source-id", "26137", "--kind", "person"], "KHORASHADIZADEH, Ali");
    for (name, expected) in [
        ("family-name", ["KHORASHADIZADEH"].as_slice()),
        ("given-name", &["Ali"]),
        ("alias", &["Mastercartaria", "Iranvisacart"]),
        ("birth-date", &["1979-09-21"]),
        ("birth-place", &["Tehran, Iran"]),
        ("birth-country", &["IR"]),
        ("nationality", &["IR"]),
        ("sex", &["male"]),
        ("programme", &["CYBER2", "Subject to Secondary Sanctions"]),
        ("passport", &["T14553558"]),
        ("crypto", &["149w62rY42aZBox8fGcmqNsXUzSStKeq8C"]),
        ("remarks", &["Passport …558 (Iran) issued 28 Oct 2008 expires 29 Oct 2013"]),
        ("source", &["OFAC SDN list"]),
    ] {
        assert_eq!(values(&hit, name), expected, "{name}");
    }
    assert_eq!(values(&hit, "email").len(), 5);
    assert_eq!((&hit["label"]["category"], &hit["label"]["tlp"]), (&"sanctioned".into(), &"clear".into()));
    assert_eq!((&hit["grading"], &hit["banner"]), (&"A2".into(), &"TLP:CLEAR".into()));
}

/// A link's ends are held as well, and the remarks of the first name the second.
fn follows_links(fr: &Bureau) {
    let why = ["--purpose", "identify", "--case", "FR-2026-0042"];
    let show = |id: &str| fr.json(&[["record", "show", id].as_slice(), &why].concat())["records"][0].clone();
    for link in ask(fr, &["--kind", "link", "--limit", "3"]) {
        assert_eq!((values(&link, "type"), values(&link, "role")), (vec!["other"], vec!["linked to"]));
        let (from, to) = (show(values(&link, "from")[0]), show(values(&link, "to")[0]));
        let statement = format!("Linked To: {}", values(&to, "name")[0]);
        let said = values(&from, "remarks")
            .iter()
            .any(|remark| remark.trim_end_matches('.') == statement.trim_end_matches('.'));
        assert!(said, "{statement} is not in {from:#}");
    }
}

/// A copy of the list in which one passport number is another, beside the files that are joined to it.
fn with_one_row_changed(folder: &Path, bureau: &Bureau) -> PathBuf {
    for name in ["ofac_v1_alt.csv", "ofac_v1_add.csv", "ofac_v1_sdn_comments.csv"] {
        fs::copy(folder.join(name), bureau.path(name)).expect("a copy");
    }
    let list = fs::read_to_string(folder.join("ofac_v1_sdn.csv")).expect("the list");
    assert_eq!(list.matches("T14553558").count(), 1);
    bureau.write("ofac_v1_sdn.csv", &list.replace("T14553558", "A0000017X"))
}
