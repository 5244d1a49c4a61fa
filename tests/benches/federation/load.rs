//! The records that are shared: fictitious telephone subscriptions, written as the CSV that a bureau would be given.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::PathBuf;

use igain_node::api::types::{Field, Label, NewRecord, Text};
use igain_protocol::label;
use igain_protocol::vocabulary::{CrimeArea, HandlingCode, Kind, Pap, Tlp};

use super::node::Node;

/// Gives all to whoever is enrolled.
pub(super) const SHARE_ALL: &str = r#"@id("all") permit(principal, action in Action::"disclose", resource);"#;

/// What the columns mean.
const MAPPING: &str = include_str!("phones.toml");

/// Syllables of names that nobody bears.
const SYLLABLES: [&str; 32] = [
    "ba", "zu", "to", "mi", "ri", "ka", "lo", "ne", "su", "va", "pe", "du", "shi", "mo", "wa", "ge", "ta", "fi", "no",
    "ju", "ra", "le", "ku", "sa", "di", "bo", "ye", "ha", "ce", "vo", "ni", "xa",
];

/// How the records of a load look.
#[derive(Debug, Clone, Copy)]
pub(super) struct Phones {
    /// How many.
    pub(super) count: usize,
    /// Labels that they spread over: at most a thousand.
    pub(super) classes: usize,
    /// Bytes of remarks in each.
    pub(super) remarks: usize,
}

impl Phones {
    /// Writes the file and its mapping into the bureau's folder and imports it with the command that users have.
    /// Tells how many records a second.
    pub(super) fn import(self, node: &Node) -> f64 {
        let mapping = node.bureau.write("phones.toml", MAPPING);
        let file = self.write(node.bureau.path("phones.csv"));
        let (added, took) = node.import(&file, &mapping);
        assert_eq!(added, self.count, "every row is a new record");
        std::fs::remove_file(file).expect("the file");
        added as f64 / took.as_secs_f64()
    }

    fn write(self, path: PathBuf) -> PathBuf {
        let mut file = BufWriter::new(File::create(&path).expect("a file"));
        file.write_all(b"number,subscriber,remarks,tlp,pap,area,handling\n").expect("a line");
        for nth in 0..self.count {
            let label = nth_label(nth % self.classes);
            let area = label.crime_area.map_or("", CrimeArea::code);
            let handling = label.handling.first().map_or("", |code| code.code());
            let (tlp, pap) = (label.tlp.code(), label.pap.map_or("", Pap::code));
            let (number, name, remarks) = (number(nth), name(nth), remarks(nth, self.remarks));
            writeln!(file, "{number},{name},{remarks},{tlp},{pap},{area},{handling}").expect("a line");
        }
        file.flush().expect("the file");
        path
    }
}

/// One of a thousand labels.
fn nth_label(nth: usize) -> label::Label {
    const AREAS: usize = 25;
    let mut label = label::Label::new(Kind::Phone, Tlp::ALL[nth / AREAS % 4]);
    label.crime_area = Some(CrimeArea::ALL[nth % AREAS]);
    label.pap = Some(Pap::ALL[nth / (4 * AREAS) % 4]);
    label.handling = vec![[HandlingCode::H0, HandlingCode::H1, HandlingCode::H2][nth / (16 * AREAS)]];
    label
}

/// The number of a subscription, one of a hundred million.
pub(super) fn number(nth: usize) -> String {
    format!("+2547{nth:08}")
}

/// A given name and a family name, of which there are 32,768 each.
fn name(nth: usize) -> String {
    let word = |mut bits: usize| {
        let syllables = std::iter::from_fn(|| {
            let syllable = SYLLABLES[bits % SYLLABLES.len()];
            bits /= SYLLABLES.len();
            Some(syllable)
        });
        syllables.take(3).collect::<String>()
    };
    format!("{} {}", word(nth * 7_919 % 32_768), word(nth * 104_729 / 64 % 32_768))
}

/// Words that do not compress to nothing.
fn remarks(nth: usize, bytes: usize) -> String {
    let mut text = format!("fictitious subscription {nth}");
    let mut state = nth as u64 + 1;
    while text.len() < bytes {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        write!(text, " {:x}", state >> 20).expect("text");
    }
    text.truncate(bytes);
    text
}

/// One more record, as somebody adds it by hand.
pub(super) fn by_hand(nth: usize) -> NewRecord {
    let field = |name: &str, value: String| Field {
        name: name.into(),
        value,
        lang: None,
        script: None,
        doubt: None,
        group: None,
    };
    NewRecord {
        id: None,
        key: None,
        source: None,
        label: Label::from(&nth_label(0)),
        grading: Some(Text("B2".parse().expect("a grading"))),
        retain_until: None,
        based_on: Vec::new(),
        fields: vec![field("number", number(nth)), field("subscriber", name(nth))],
    }
}
