//! Files as they should not be: each gives an error that says what to do, or rejects, and the good rows are taken.

use std::io::{BufReader, Cursor, Read};
use std::process::Command;

use proptest::prelude::*;

use super::*;

/// Phones of three columns.
const PHONES: &str = r#"
source = "phones"
[label]
tlp = "green"
[[record]]
kind = "phone"
key = "{id}"
fields = { number = "{tel}", operator = "{op}" }
"#;

/// The same out of JSON.
const OBJECTS: &str = r#"
source = "phones"
input = { format = "json" }
[label]
tlp = "green"
[[record]]
kind = "phone"
key = "{id}"
fields = { number = "{tel}", operator = "{op}" }
"#;

const FIRST: &str = "1,+254 712 345 678,Safari";
const LAST: &str = "3,+33 6 12 34 56 78,Orange";

/// A row between two good ones is set aside with its line, its column and a reason; the good ones are taken.
fn sets_aside(row: &[u8], column: Option<&str>, word: &str) {
    let file = [b"id,tel,op\n", FIRST.as_bytes(), b"\n", row, b"\n", LAST.as_bytes(), b"\n"].concat();
    let outcome = taken(PHONES, &file);
    assert_eq!(outcome.values("operator"), ["Safari", "Orange"], "{word}");
    let [reject] = outcome.rejects.as_slice() else { panic!("{word}: {:?}", outcome.rejects) };
    assert_eq!((reject.line, reject.column.as_deref()), (3, column), "{}", reject.reason);
    assert!(reject.reason.contains(word), "{}", reject.reason);
    assert_eq!(reject.raw.trim_ascii_end(), row, "{word}");
}

#[test]
fn a_bad_row_is_set_aside_and_stops_nothing() {
    sets_aside(b"2,+254 700 000 000", None, "2 columns, and 3 are expected");
    sets_aside(b"2,+254 700 000 000,a,b", None, "4 columns, and 3 are expected");
    sets_aside(b"2,\"+254 700 000 000,Safari", None, "columns");
    sets_aside(b"2,+254\x00700,Safari", Some("tel"), "NUL");
    sets_aside(b"2,+254 700 000 000,Caf\xe9", Some("op"), "byte 4 of the cell is not UTF-8");
    sets_aside(b",+254 700 000 000,Safari", Some("id"), "no key");
    sets_aside(b"\x1a", None, "1 columns");
    let long = [b"2,+254 700 000 000,".as_slice(), &vec![b'x'; 20_000]].concat();
    sets_aside(&long, Some("op"), "16384 is the limit");
}

#[test]
fn rows_are_counted_as_lines_however_those_end() {
    for end in ["\n", "\r\n"] {
        let file = ["id,tel,op", FIRST, "2", "\"2\",\"a\nb\",\"c\"", "2,3", ""].join(end);
        let outcome = taken(PHONES, file.as_bytes());
        assert_eq!(outcome.rejects.iter().map(|reject| reject.line).collect::<Vec<_>>(), [3, 6], "{end:?}");
        assert_eq!(outcome.rejects[0].raw.trim_ascii_end(), b"2");
        assert_eq!(outcome.drafts.iter().map(|draft| draft.row).collect::<Vec<_>>(), [2, 4], "{end:?}");
    }
}

#[test]
fn a_row_that_says_nothing_is_set_aside() {
    sets_aside(b"2,,", None, "says nothing");
}

#[test]
fn a_quote_that_is_never_closed_costs_its_row_only() {
    let rows: String = (2..2_000).map(|id| format!("{id},+254 700 {id:06},Safari\n")).collect();
    let outcome = taken(PHONES, format!("id,tel,op\n1,\"+254,Safari\n{rows}").as_bytes());
    assert_eq!((outcome.drafts.len(), outcome.rejects.len()), (1_998, 1), "{:?}", outcome.rejects);
    assert_eq!(outcome.rejects[0].line, 2);
}

#[test]
fn marks_of_other_systems_are_no_part_of_the_text() {
    let plain = taken(PHONES, format!("id,tel,op\n{FIRST}\n{LAST}\n").as_bytes());
    assert_eq!((plain.drafts.len(), plain.rejects.len()), (2, 0));
    for file in [
        format!("\u{feff}id,tel,op\n{FIRST}\n{LAST}\n"),
        format!("id,tel,op\r\n{FIRST}\r\n{LAST}\r\n"),
        format!("\u{feff}id,tel,op\r\n{FIRST}\r\n{LAST}"),
        format!("id,tel,op\n{FIRST}\n{LAST}\n\x1a"),
        format!("id,tel,op\r\n{FIRST}\r\n{LAST}\r\n\x1a\r\n"),
        format!("id,tel,op\n\"1\",\"+254 712 345 678\",\"Safari\"\n{LAST}"),
    ] {
        assert_eq!(taken(PHONES, file.as_bytes()), plain, "{file:?}");
    }
}

#[test]
fn old_encodings_are_read_where_the_mapping_says_so() {
    let mapping = format!("input = {{ encoding = \"windows-1252\" }}\n{PHONES}");
    let outcome = taken(&mapping, b"id,tel,op\n1,+254 712 345 678,Caf\xe9 \x80\n");
    assert_eq!(outcome.values("operator"), ["Café €"]);
}

#[test]
fn what_is_no_table_at_all_is_an_error() {
    for (file, code, word) in [
        (b"".as_slice(), "intake.empty", "copied whole"),
        (b"\xff\xfei\0d\0", "intake.utf-16", "Save it as UTF-8"),
        (b"\xfe\xff\0i\0d", "intake.utf-16", "Save it as UTF-8"),
        (b"id,tel\n1,2\n", "intake.column", "column `op`, which the file does not have. It has: id, tel"),
        (b"id,tel,tel,op\n", "intake.header", "it names `tel` twice"),
        (b"id,\xff,op\n", "intake.header", "line 1 is no header"),
    ] {
        let error = import(&importer(PHONES), file).unwrap_err();
        assert_eq!(error.code(), code, "{error}");
        assert!(error.to_string().contains(word), "{error}");
    }
}

#[test]
fn a_file_that_cannot_be_read_on_says_how_far_it_came() {
    struct Torn;
    impl Read for Torn {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            Err(std::io::Error::other("the stick was pulled out"))
        }
    }
    let file = BufReader::new(Cursor::new(format!("id,tel,op\n{FIRST}\n2,+254")).chain(Torn));
    let importer = importer(PHONES);
    let mut steps = importer.rows(file).unwrap();
    assert!(matches!(steps.next(), Some(Ok(Step::Made(_)))));
    let error = steps.next().unwrap().unwrap_err();
    assert!(error.to_string().contains("pulled out") && error.to_string().contains("line 3"), "{error}");
    assert!(steps.next().is_none());
}

#[test]
fn files_that_are_joined_must_be_known_and_there() {
    let mapping = format!("{PHONES}\n[[join]]\nrole = \"names\"\nkey = \"id\"\nrequired = true\n");
    let mut importer = importer(&mapping);
    let error = import(&importer, b"id,tel,op\n".as_slice()).unwrap_err();
    assert_eq!((error.code(), error.to_string().contains("--join names=FILE")), ("intake.missing-join", true));
    let error = importer.join("aliases", b"id\n".as_slice()).unwrap_err();
    assert_eq!((error.code(), error.to_string().contains("It joins: names")), ("intake.role", true));
    let error = importer.join("names", b"number\n".as_slice()).unwrap_err();
    assert_eq!(error.code(), "intake.column");
    let joined = importer.join("names", b"id,name\n1,a\n2\n,b\n3,c\n".as_slice()).unwrap();
    assert_eq!((joined.rows, joined.rejected), (2, 2));
    assert_eq!(joined.rejects.iter().map(|reject| reject.line).collect::<Vec<_>>(), [3, 4]);
    assert!(import(&importer, b"id,tel,op\n".as_slice()).is_ok());
}

#[test]
fn json_that_is_none_is_set_aside() {
    let file = b"{\"id\":1,\"tel\":\"+254712345678\",\"op\":\"Safari\"}\nhello\n{\"id\":2,\"tel\":{\"a\":[[1]]}}\n{\"id\":3,]\n{\"id\":3,\"tel\":\"+33612345678\",\"op\":\"Orange\"}\n";
    let outcome = taken(OBJECTS, file);
    assert_eq!(outcome.values("operator"), ["Safari", "Orange"], "{:?}", outcome.rejects);
    assert!(outcome.rejects.len() >= 3, "{:?}", outcome.rejects);
    let cut_off = taken(OBJECTS, b"[{\"id\":1,\"tel\":\"+254712345678\"},{\"id\":2,\"tel\":\"+2547");
    assert_eq!(cut_off.drafts.len(), 1);
    assert!(cut_off.rejects[0].reason.contains("cut off"), "{:?}", cut_off.rejects);
}

#[test]
fn a_rejects_file_holds_the_rows_as_they_were() {
    let outcome = taken(PHONES, b"id,tel,op\n2,\"a\"\"b\",\xff\n3\n");
    let mut file = Vec::new();
    let mut rejects = Rejects::new(&mut file);
    outcome.rejects.iter().for_each(|reject| rejects.put(reject).unwrap());
    assert_eq!(rejects.finish().unwrap(), 2);
    let mut reader = csv::Reader::from_reader(file.as_slice());
    assert_eq!(reader.byte_headers().unwrap(), vec!["line", "column", "reason", "row"]);
    let rows: Vec<_> = reader.byte_records().map(Result::unwrap).collect();
    assert_eq!(
        (&rows[0][0], &rows[0][1], &rows[0][3]),
        (b"2".as_slice(), b"op".as_slice(), b"2,\"a\"\"b\",\xff".as_slice())
    );
    assert_eq!(&rows[1][3], b"3");
}

/// Something between two other things, made as it is read.
fn huge(before: &'static str, bytes: u64, after: &'static str) -> impl BufRead {
    BufReader::new(Cursor::new(before).chain(std::io::repeat(b'x').take(bytes)).chain(Cursor::new(after)))
}

/// The most memory that this process has ever held, in KiB.
#[cfg(target_os = "linux")]
fn most_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches("kB").trim().parse().unwrap()
}

/// Runs in a process of its own, so that what it holds is what the import holds.
#[cfg(target_os = "linux")]
#[test]
#[ignore = "run by `a_hundred_megabytes_in_one_field_are_set_aside_in_little_memory`"]
fn a_hundred_megabytes_in_one_field() {
    const MOST_KIB: u64 = 16 * 1024;
    // The program's own pages are read in by then, and do not count.
    set_aside(2 << 20);
    let before = most_kib();
    set_aside(100 << 20);
    assert!(most_kib() - before < MOST_KIB, "{before} KiB became {} KiB", most_kib());
}

/// Imports files with one field of so many bytes.
#[cfg(target_os = "linux")]
fn set_aside(bytes: u64) {
    for (mapping, file) in [
        (PHONES, Box::new(huge("id,tel,op\n1,", bytes, ",\n3,+33 6 12 34 56 78,Orange\n")) as Box<dyn BufRead>),
        (PHONES, Box::new(huge("id,tel,op\n1,\"", bytes, "\",\n3,+33 6 12 34 56 78,Orange\n"))),
        (PHONES, Box::new(huge("id,tel,op\n3,+33 6 12 34 56 78,Orange\n1,\"", bytes, ""))),
        (OBJECTS, Box::new(huge("{\"id\":1,\"op\":\"", bytes.min(16 << 20), "\"}\n{\"id\":3,\"op\":\"Orange\"}\n"))),
    ] {
        let outcome = import(&importer(mapping), file).unwrap();
        assert_eq!(outcome.values("operator"), ["Orange"]);
        let [reject] = outcome.rejects.as_slice() else { panic!("{:?}", outcome.reasons()) };
        assert!(reject.reason.contains("longer than 1024 KiB"), "{}", reject.reason);
        assert!(reject.raw.len() <= 64 * 1024);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_hundred_megabytes_in_one_field_are_set_aside_in_little_memory() {
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "intake::tests::bad::a_hundred_megabytes_in_one_field"])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&child.stdout);
    assert!(child.status.success() && said.contains("1 passed"), "{said}");
}

/// Pieces that files go wrong by.
fn pieces() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just(b"\"".to_vec()),
        Just(b"\"\"".to_vec()),
        Just(b",".to_vec()),
        Just(b"\n".to_vec()),
        Just(b"\r\n".to_vec()),
        Just(b"\0".to_vec()),
        Just(b"\x1a".to_vec()),
        Just(b"\\".to_vec()),
        Just(b"{\"id\":".to_vec()),
        Just(b"}".to_vec()),
        Just(b"[".to_vec()),
        Just(b"]".to_vec()),
        Just("\u{feff}".as_bytes().to_vec()),
        Just(b"1,+254712345678,Safari\n".to_vec()),
        Just(b"{\"id\":7,\"tel\":\"+254712345678\"}\n".to_vec()),
        proptest::collection::vec(any::<u8>(), 0..16),
    ];
    proptest::collection::vec(piece, 0..64).prop_map(|pieces| pieces.concat())
}

/// Reads a file to its end, however bad it is: each step consumes something of it.
fn ends(importer: &Importer, file: &[u8]) {
    let Ok(rows) = importer.rows(file) else { return };
    let steps = rows.take(file.len() + 2).count();
    assert!(steps <= file.len() + 1, "{steps} steps in {} bytes", file.len());
}

proptest! {
    /// L16. Seen to fail when a byte that begins no JSON object is not consumed.
    #[test]
    fn any_bytes_end_without_a_panic(noise in pieces(), header in any::<bool>()) {
        let head: &[u8] = if header { b"id,tel,op\n" } else { b"" };
        let file = [head, &noise].concat();
        for mapping in [
            PHONES.to_owned(),
            OBJECTS.to_owned(),
            format!("input = {{ quote = \"\", header = [\"id\", \"tel\", \"op\"] }}\n{PHONES}"),
            format!("input = {{ format = \"tsv\", encoding = \"latin1\", skip = 1, header = [\"id\", \"tel\", \"op\"] }}\n{PHONES}"),
        ] {
            ends(&importer(&mapping), &file);
        }
    }

    /// The same bytes as a file that is joined.
    #[test]
    fn any_bytes_may_be_joined(noise in pieces()) {
        let mapping = format!("{PHONES}\n[[join]]\nrole = \"names\"\nkey = \"id\"\nheader = [\"id\", \"name\"]\n");
        let mut importer = importer(&mapping);
        if let Ok(joined) = importer.join("names", noise.as_slice()) {
            prop_assert!(joined.rows + joined.rejected <= noise.len() as u64 + 1);
        }
    }
}
