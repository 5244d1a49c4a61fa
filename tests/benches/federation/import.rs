//! Importing a real file: parsed, signed, indexed, durable.

use std::fs::File;
use std::io::{BufRead as _, BufReader, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use liblzma::read::XzDecoder;

use super::Load;
use super::machine;
use super::node::Node;
use super::report::Report;

/// The places of GeoNames with 500 inhabitants and more.
const PLACES: &str = "../../shared/data/large/geonames_cities500.csv.xz";

/// How many there are.
const PLACES_COUNT: usize = 234_908;

/// What its columns mean, as it ships.
const MAPPING: &str = include_str!("../../../configs/mappings/geonames.toml");

pub(super) fn measure(load: Load, report: &mut Report) {
    let places = Path::new(env!("CARGO_MANIFEST_DIR")).join(PLACES);
    if !places.exists() {
        return report.skip("import_records_per_s", &format!("`{}` is not there", places.display()));
    }
    let node = Node::start("KE", 60);
    let wanted = load.of(PLACES_COUNT);
    let file = unpack(&places, wanted, node.bureau.path("places.csv"));
    let mapping = node.bureau.write("geonames.toml", MAPPING);
    let (added, took) = node.import(&file, &mapping);
    assert!(added * 100 > wanted * 99, "only {added} of {wanted} places were taken");
    let bytes = usize::try_from(node.status().store.journal_bytes).expect("a size") / added;
    let limit = machine::contribute_per_s(bytes);
    report.add("import_records_per_s", added as f64 / took.as_secs_f64(), "records/s", Some(limit));
}

/// The first rows of a packed file.
fn unpack(packed: &Path, rows: usize, into: PathBuf) -> PathBuf {
    let lines = BufReader::new(XzDecoder::new(File::open(packed).expect("the places"))).split(b'\n');
    let mut file = BufWriter::new(File::create(&into).expect("a file"));
    for line in lines.take(rows + 1) {
        file.write_all(&line.expect("a line")).expect("written");
        file.write_all(b"\n").expect("written");
    }
    file.flush().expect("the file");
    into
}
