//! The mappings under `configs/mappings`, on the files that they are for.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use super::*;

fn shipped(name: &str) -> Importer {
    importer(&std::fs::read_to_string(repository().join("configs/mappings").join(name)).unwrap())
}

fn open(path: &Path) -> BufReader<File> {
    BufReader::new(File::open(path).unwrap())
}

/// Everything of OFAC's list, or nothing where it is absent.
fn ofac() -> Option<Outcome> {
    let sdn = public("sanctions/ofac_v1_sdn.csv")?;
    let mut importer = shipped("ofac-sdn.toml");
    for (role, name) in [
        ("alt", "ofac_v1_alt.csv"),
        ("add", "ofac_v1_add.csv"),
        ("comments", "ofac_v1_sdn_comments.csv"),
        ("names", "ofac_v1_sdn.csv"),
    ] {
        let joined = importer.join(role, open(&sdn.with_file_name(name))).unwrap();
        assert_eq!(joined.rejected, 0, "{role}: {:?}", joined.rejects);
    }
    Some(import(&importer, open(&sdn)).unwrap())
}

fn dump(name: &str, outcome: &Outcome) {
    let mut kinds = BTreeMap::new();
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let mut out = String::new();
    for draft in &outcome.drafts {
        *kinds.entry(draft.label.kind.to_string()).or_insert(0) += 1;
        for (name, value) in &draft.fields {
            *counts.entry(format!("{}.{name}", draft.label.kind)).or_insert(0) += 1;
            out += &format!("{}\t{}\t{name}\t{value}\n", draft.row, draft.label.kind);
        }
        for warning in &draft.warnings {
            out += &format!("{}\t{}\tWARNING\t{warning}\n", draft.row, draft.label.kind);
        }
    }
    for reject in &outcome.rejects {
        out += &format!("{}\t-\tREJECT\t{} {:?}\n", reject.line, reject.reason, reject.column);
    }
    std::fs::write(format!("/tmp/{name}.txt"), out).unwrap();
    println!(
        "{name}: {kinds:?} rejects {} warnings {}\n{counts:?}",
        outcome.rejects.len(),
        outcome.drafts.iter().map(|d| d.warnings.len()).sum::<usize>()
    );
}

#[test]
fn explore() {
    let Some(outcome) = ofac() else { return };
    dump("ofac", &outcome);
    for (name, file) in [
        ("bis-dpl", "sanctions/bis_dpl_v1.tsv"),
        ("city-of-london-crimes", "events/2020-01-city-of-london-street.csv"),
        ("city-of-london-crimes", "events/2020-06-city-of-london-street.csv"),
    ] {
        dump(name, &import(&shipped(&format!("{name}.toml")), open(&public(file).unwrap())).unwrap());
    }
    let at = std::time::Instant::now();

    let outcome = import(&shipped("geonames.toml"), open(Path::new("/tmp/geonames.csv"))).unwrap();
    println!("{:?}", at.elapsed());
    dump("geonames", &outcome);
}
