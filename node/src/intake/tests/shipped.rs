//! The mappings under `configs/mappings`, on the files that they are for.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use std::sync::OnceLock;

use igain_protocol::record::Value;
use igain_protocol::vocabulary::Kind;

use super::*;

fn shipped(name: &str) -> Importer {
    importer(&std::fs::read_to_string(repository().join("configs/mappings").join(name)).unwrap())
}

fn open(path: &Path) -> BufReader<File> {
    BufReader::new(File::open(path).unwrap())
}

/// A list of OFAC's with the files that belong to it, which are called alike.
fn list(main: &str, alt: &str, add: &str, comments: &str) -> Option<Outcome> {
    let path = public(&format!("sanctions/{main}"))?;
    let mut importer = shipped("ofac-sdn.toml");
    for (role, name) in [("alt", alt), ("add", add), ("comments", comments), ("names", main)] {
        let joined = importer.join(role, open(&path.with_file_name(name))).unwrap();
        assert_eq!(joined.rejected, 0, "{role}: {:?}", joined.rejects);
    }
    Some(import(&importer, open(&path)).unwrap())
}

/// Everything of OFAC's list, read once; nothing where it is absent.
fn ofac() -> Option<&'static Outcome> {
    static LIST: OnceLock<Option<Outcome>> = OnceLock::new();
    let read = || list("ofac_v1_sdn.csv", "ofac_v1_alt.csv", "ofac_v1_add.csv", "ofac_v1_sdn_comments.csv");
    LIST.get_or_init(read).as_ref()
}

/// The party with a number.
fn party<'a>(outcome: &'a Outcome, number: &str) -> &'a Draft {
    outcome.drafts.iter().find(|draft| texts(draft, "source-id") == [number]).unwrap()
}

#[test]
fn every_mapping_that_ships_compiles() {
    let folder = std::fs::read_dir(repository().join("configs/mappings")).unwrap();
    let paths: Vec<_> = folder.map(|entry| entry.unwrap().path()).collect();
    let mappings: Vec<_> = paths.iter().filter(|path| path.extension().is_some_and(|end| end == "toml")).collect();
    assert!(mappings.len() >= 4, "{mappings:?}");
    for path in mappings {
        let text = std::fs::read_to_string(path).unwrap();
        if let Err(error) = Mapping::parse(&text, &path.display().to_string(), &BTreeMap::new()) {
            panic!("{error}");
        }
    }
}

#[test]
fn every_party_of_ofac_makes_one_record() {
    let Some(outcome) = ofac() else { return };
    let mut kinds: BTreeMap<Kind, usize> = BTreeMap::new();
    outcome.drafts.iter().for_each(|draft| *kinds.entry(draft.label.kind).or_default() += 1);
    let expected = [
        (Kind::Person, 3_845),
        (Kind::Organisation, 2_994),
        (Kind::Vessel, 323),
        (Kind::Aircraft, 217),
        (Kind::Link, 2_424),
    ];
    assert_eq!(kinds, BTreeMap::from(expected));
    assert!(outcome.rejects.is_empty(), "{:?}", outcome.reasons());
    let warnings: Vec<_> = outcome.drafts.iter().flat_map(|draft| &draft.warnings).collect();
    assert_eq!(warnings, ["`543400` is no imo: it has seven digits"]);
}

/// Statements that no rule knows: fewer than 300 of 24,568.
#[test]
fn what_the_remarks_of_ofac_say_goes_where_it_belongs() {
    let Some(outcome) = ofac() else { return };
    let known = |remark: &String| {
        remark.contains('…')
            || ["Linked To: ", "ICTY indictee", "Previous Aircraft"].iter().any(|word| remark.starts_with(word))
    };
    let remarks = outcome.drafts.iter().flat_map(|draft| texts(draft, "remarks"));
    let unknown: Vec<_> = remarks.filter(|remark| !known(remark)).collect();
    assert!(unknown.len() < 300, "{}: {unknown:#?}", unknown.len());
    for (kind, field, least) in [
        (Kind::Person, "birth-date", 4_270),
        (Kind::Person, "birth-place", 2_540),
        (Kind::Person, "birth-country", 2_300),
        (Kind::Person, "nationality", 2_000),
        (Kind::Person, "passport", 1_220),
        (Kind::Person, "national-id", 1_400),
        (Kind::Person, "tax-id", 285),
        (Kind::Person, "sex", 679),
        (Kind::Person, "crypto", 2),
        (Kind::Person, "alias", 6_700),
        (Kind::Organisation, "tax-id", 900),
        (Kind::Organisation, "registration", 750),
        (Kind::Organisation, "url", 305),
        (Kind::Organisation, "email", 140),
        (Kind::Organisation, "phone", 90),
        (Kind::Organisation, "bic", 70),
        (Kind::Organisation, "address", 5_100),
        (Kind::Vessel, "imo", 317),
        (Kind::Vessel, "mmsi", 48),
        (Kind::Vessel, "former-flag", 110),
        (Kind::Aircraft, "tail", 217),
        (Kind::Aircraft, "serial", 250),
        (Kind::Aircraft, "built", 209),
    ] {
        let drafts = outcome.drafts.iter().filter(|draft| draft.label.kind == kind);
        let count: usize = drafts.map(|draft| texts(draft, field).len()).sum();
        assert!(count >= least, "{kind} {field}: {count}");
    }
}

/// Remarks may be disclosed to bureaus that are not to have identifiers, and special categories to nobody.
#[test]
fn the_remarks_of_ofac_give_no_number_away() {
    let Some(outcome) = ofac() else { return };
    for draft in &outcome.drafts {
        let remarks = texts(draft, "remarks");
        for field in ["passport", "national-id", "tax-id", "driver-licence", "registration", "crypto", "email"] {
            for number in texts(draft, field).iter().filter(|number| number.len() > 4) {
                assert!(!remarks.iter().any(|remark| remark.contains(number.as_str())), "{number} in {remarks:?}");
            }
        }
        let special =
            |remark: &String| ["ethnicity", "tribe"].iter().any(|word| remark.to_lowercase().starts_with(word));
        assert!(!remarks.iter().any(special), "{remarks:?}");
    }
}

#[test]
fn a_party_of_ofac_is_known_in_detail() {
    let Some(outcome) = ofac() else { return };
    let person = party(outcome, "2676");
    for (field, values) in [
        ("name", ["AL ZAWAHIRI, Dr. Ayman"].as_slice()),
        ("alias", &["AL-ZAWAHIRI, Ayman", "SALIM, Ahmad Fuad", "AL-ZAWAHIRI, Aiman Muhammad Rabi"]),
        ("birth-date", &["1951-06-19"]),
        ("birth-place", &["Giza, Egypt"]),
        ("birth-country", &["EG"]),
        ("occupation", &["Operational and Military Leader of JIHAD GROUP"]),
        ("passport", &["1084010", "19820215"]),
        ("programme", &["SDGT", "SDT"]),
        ("remarks", &["Passport …010 (Egypt)"]),
    ] {
        assert_eq!(texts(person, field), values, "{field}");
    }
    let dates: Vec<_> = outcome.drafts.iter().flat_map(|draft| texts(draft, "birth-date")).collect();
    for (date, least) in [("1951~", 1), ("1958/1960", 1), ("1973", 1), ("1992-10", 1), ("1979~/1982~", 1)] {
        assert!(dates.iter().filter(|known| *known == date).count() >= least, "{date}");
    }
    // Its remarks go on in the file of comments, in the middle of a name.
    let long = texts(party(outcome, "12300"), "remarks");
    assert!(long.iter().any(|remark| remark == "Linked To: PROMO RAIZ S.A.S."), "{long:?}");
    assert!(long.iter().any(|remark| remark.starts_with("Linked To: LINEA AEREA PUEBLOS AMAZONICOS")), "{long:?}");
}

#[test]
fn links_of_ofac_lead_from_party_to_party() {
    let Some(outcome) = ofac() else { return };
    let parties: BTreeMap<_, _> = outcome.drafts.iter().map(|draft| (draft.id, draft)).collect();
    for link in outcome.drafts.iter().filter(|draft| draft.label.kind == Kind::Link) {
        for (field, value) in &link.fields[..2] {
            let Value::Reference(id) = value else { panic!("{field} is {value}") };
            assert!(parties[id].label.kind != Kind::Link, "{field}");
        }
    }
}

/// The other list, as its owner writes it: lines end in CR LF, and the file in 0x1A.
#[test]
fn the_consolidated_list_of_ofac_is_read_by_the_same_mapping() {
    let files = ["ofac_cons_prim.csv", "ofac_cons_alt.csv", "ofac_cons_add.csv", "ofac_cons_comments.csv"];
    let [main, alt, add, comments] = files;
    let Some(outcome) = list(main, alt, add, comments) else { return };
    assert!(outcome.rejects.is_empty(), "{:?}", outcome.reasons());
    let mut parties = outcome.drafts.iter().filter(|draft| draft.label.kind != Kind::Link);
    assert_eq!(parties.clone().count(), 442);
    assert_eq!(parties.next_back().map(|draft| draft.row), Some(442), "a row is a line, though those end in CR LF");
}

#[test]
fn denied_persons_are_told_from_companies() {
    let Some(path) = public("sanctions/bis_dpl_v1.tsv") else { return };
    let outcome = import(&shipped("bis-dpl.toml"), open(&path)).unwrap();
    assert!(outcome.rejects.is_empty(), "{:?}", outcome.reasons());
    assert_eq!(outcome.drafts.len(), 543, "three rows are there twice");
    let named = |name: &str| outcome.drafts.iter().find(|draft| texts(draft, "name") == [name]).unwrap();
    assert_eq!(named("MAHAN AIRWAYS").label.kind, Kind::Organisation);
    let person = named("I. ASH");
    assert_eq!((person.label.kind, texts(person, "status")), (Kind::Person, vec!["detained".to_owned()]));
}

#[test]
fn street_crimes_are_events_of_a_month() {
    let Some(path) = public("events/2020-01-city-of-london-street.csv") else { return };
    let outcome = import(&shipped("city-of-london-crimes.toml"), open(&path)).unwrap();
    assert_eq!((outcome.drafts.len(), outcome.rejects.len()), (700, 10));
    // Crimes that the file has twice with different outcomes.
    assert!(outcome.rejects.iter().all(|reject| reject.reason.contains("same key")), "{:?}", outcome.reasons());
    let first = &outcome.drafts[0];
    for (field, value) in [
        ("type", "theft"),
        ("type-text", "Theft from the person"),
        ("date", "2020-01"),
        ("position", "51.518207, -0.106453"),
        ("place", "On or near Charterhouse Street, Camden 027B"),
        ("outcome", "Investigation complete; no suspect identified"),
    ] {
        assert_eq!(texts(first, field), [value], "{field}");
    }
    assert_eq!(first.retain_until.map(|day| day.to_string()).as_deref(), Some("2025-01-31"));
}
