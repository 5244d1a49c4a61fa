//! Files that cannot be imported, and rows that cannot be taken.

use igain_tests::daemon::Bureau;
use serde_json::Value;

use super::{assert_sound, audited, own_records, peak_bytes, refused};

const MAPPING: &str = r#"
source = "bad input"
grading = "B2"
[label]
tlp = "green"
[[record]]
kind = "phone"
key = "{id}"
take = ["number"]
[record.fields]
remarks = "{text}"
"#;

const HEADER: &[u8] = b"id,number,text\n";

fn bureau() -> Bureau {
    let bureau = Bureau::start("KE");
    bureau.write("mapping.toml", MAPPING);
    bureau
}

/// Imports these bytes; gives the report and what was set aside.
fn import(bureau: &Bureau, bytes: &[u8]) -> (Value, String) {
    std::fs::write(bureau.path("in.csv"), bytes).expect("a file");
    // The rejects of an earlier import.
    let _ = std::fs::remove_file(bureau.path("in.csv.rejects.csv"));
    let report = bureau.json(&["import", "in.csv", "--mapping", "mapping.toml"]);
    let rejects = std::fs::read(bureau.path("in.csv.rejects.csv")).unwrap_or_default();
    (report, String::from_utf8_lossy(&rejects).into_owned())
}

fn counts(report: &Value) -> [u64; 2] {
    ["added", "rejected"].map(|name| report[name].as_u64().expect("a count"))
}

/// Seen to fail with a mapping that is not UTF-8: the advice was to see its permissions.
#[test]
fn an_unreadable_mapping() {
    let bureau = bureau();
    std::fs::write(bureau.path("in.csv"), [HEADER, b"1,+254700000001,a\n"].concat()).expect("a file");
    let refused = |mapping| refused(&bureau, &["import", "in.csv", "--mapping", mapping]);
    refused("absent.toml").expect("cli.file", &["absent.toml", "See that it exists"]);
    refused("data").expect("cli.file", &["data"]);
    std::fs::write(bureau.path("bad.toml"), b"source = \"\xff\"").expect("a file");
    refused("bad.toml").expect("intake.mapping", &["bad.toml:1:11", "UTF-8"]);
    for (from, to, place) in [
        ("kind = \"phone\"", "kind = \"telephone\"", "bad.toml:7:8"),
        ("key = \"{id}\"", "key = \"{id\"", "bad.toml:8:7"),
        ("[[record]]", "[[record", "bad.toml:6:"),
        ("grading", "garding", "bad.toml:3:1"),
    ] {
        bureau.write("bad.toml", &MAPPING.replace(from, to));
        refused("bad.toml").expect("intake.mapping", &[place]);
    }
    bureau.write("bad.toml", &MAPPING.replace("{text}", "{absent}"));
    refused("bad.toml").expect("intake.column", &["`absent`", "It has: id, number, text"]);
    bureau.write("bad.toml", &format!("# {}\n{MAPPING}", "x".repeat(2 << 20)));
    refused("bad.toml").expect("cli.usage", &["too large to be a mapping"]);
    assert_sound(&bureau, 0);
}

/// Seen to fail when the reasons were only in the rejects file.
#[test]
fn a_dry_run_says_row_by_row_what_is_wrong_and_writes_nothing() {
    let bureau = bureau();
    let rows = b"1,+254700000001,a\n2,+254700000002\n,+254700000003,c\n";
    std::fs::write(bureau.path("in.csv"), [HEADER, rows].concat()).expect("a file");
    let said = bureau.igain(&["import", "in.csv", "--mapping", "mapping.toml", "--dry-run"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(said.err.contains("line 3, set aside: the row has 2 columns"), "{}", said.err);
    assert!(said.err.contains("line 4, column `id`, set aside: the row has no key"), "{}", said.err);
    assert!(said.out.contains("Nothing was written"), "{}", said.out);
    assert_sound(&bureau, 0);
}

/// L16. Seen to fail with cells that may hold NUL bytes, and when a sound name index was called damaged while it grew.
#[test]
fn files_of_odd_shapes() {
    let bureau = bureau();
    let odd: [(&str, &[u8], [u64; 2], &str); 8] = [
        (
            "wrong number of columns",
            b"1,+254700000001,a\n2,+254700000002\n3,+254700000003,c,d\n",
            [1, 2],
            "2 columns, and 3 are expected",
        ),
        ("NUL bytes", b"1,+254700000001,a\n4,+254700000004,b\0c\n", [0, 1], "NUL byte. Export the row again"),
        ("CRLF", b"5,+254700000005,a\r\n6,+254700000006,b\r\n", [2, 0], ""),
        ("a 0x1A last line", b"7,+254700000007,a\r\n\x1a", [1, 0], ""),
        ("a 0x1A last line with an end", b"8,+254700000008,a\n\x1a\r\n", [1, 0], ""),
        (
            "invalid UTF-8",
            b"9,+254700000009,caf\xe9\n10,+254700000010,caf\xc3\xa9\n",
            [1, 1],
            "not UTF-8. Say the file's `encoding`",
        ),
        ("no key", b",+254700000011,a\n", [0, 1], "has no key"),
        ("an open quote", b"12,+254700000012,\"a\n13,+254700000013,b\n", [1, 1], "a quote is never closed. Close it"),
    ];
    let mut all = 0;
    for (what, rows, expected, reason) in odd {
        let (report, rejects) = import(&bureau, &[HEADER, rows].concat());
        assert_eq!(counts(&report), expected, "{what}: {report}\n{rejects}");
        assert!(rejects.contains(reason), "{what}: {rejects}");
        assert_eq!(rejects.is_empty(), expected[1] == 0, "{what}");
        all += expected[0];
    }
    let (report, _) = import(&bureau, &[b"\xef\xbb\xbf", HEADER, b"14,+254700000014,a\n"].concat());
    assert_eq!(counts(&report), [1, 0], "a byte order mark");
    assert_sound(&bureau, all + 1);
    assert_eq!(audited(&bureau, "import.begin", None).len(), 9);
}

#[test]
fn files_that_are_no_table_at_all() {
    let bureau = bureau();
    let whole: [(&str, &[u8], &str, &[&str]); 4] = [
        ("nothing", b"", "intake.empty", &["empty", "saved and copied whole"]),
        ("UTF-16", b"\xff\xfei\0d\0", "intake.utf-16", &["UTF-16", "Save it as UTF-8"]),
        ("another table", b"a,b\n1,2\n", "intake.column", &["`number`", "It has: a, b"]),
        ("a column twice", b"id,id,text\n", "intake.header", &["line 1", "`id` twice"]),
    ];
    for (what, bytes, code, words) in whole {
        std::fs::write(bureau.path("in.csv"), bytes).expect(what);
        refused(&bureau, &["import", "in.csv", "--mapping", "mapping.toml"]).expect(code, words);
    }
    let import = ["import", "absent.csv", "--mapping", "mapping.toml"];
    refused(&bureau, &import).expect("cli.file", &["absent.csv", "See that it exists"]);
    assert_sound(&bureau, 0);
}

/// L16. Seen to fail with rows of any length: the daemon took several times the file's size.
#[test]
fn a_hundred_megabytes_in_one_field() {
    const FIELD: usize = 100 << 20;
    /// Less than the field, and more than an import takes.
    const MEMORY: u64 = 48 << 20;
    let bureau = bureau();
    import(&bureau, &[HEADER, b"0,+254700000000,before\n"].concat());
    let before = peak_bytes(&bureau);
    for (nth, quote) in ["", "\""].into_iter().enumerate() {
        let mut bytes =
            [HEADER, format!("1{nth},+25470000001{nth},a\n2{nth},+25470000002{nth},{quote}").as_bytes()].concat();
        bytes.resize(bytes.len() + FIELD, b'x');
        bytes.extend_from_slice(format!("{quote}\n3{nth},+25470000003{nth},c\n").as_bytes());
        let (report, rejects) = import(&bureau, &bytes);
        assert_eq!(counts(&report), [2, 1], "{report}");
        assert!(rejects.contains("longer than 1024 KiB. Shorten it"), "{}", &rejects[..200]);
        assert!(rejects.len() < 1 << 20, "the rejects file has {} bytes", rejects.len());
    }
    let taken = peak_bytes(&bureau) - before;
    assert!(taken < MEMORY, "{taken} bytes for a row that is not taken");
    assert_eq!(own_records(&bureau), 5);
}
