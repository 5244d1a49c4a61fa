//! What a user can do, with the real binary: daemons in processes of their own, commands that talk to them. One file a
//! group of commands, good input and bad.

#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails loudly")]

mod commands {
    mod audit;
    mod caf;
    mod completions;
    mod help;
    mod node;
    mod peer;
    mod policy;
    mod query;
    mod record;
    mod store;

    use igain_tests::daemon::Bureau;
    use serde_json::Value;

    /// A policy that gives everything to everybody whom the baseline lets have it.
    pub(crate) const EVERYTHING: &str =
        "@id(\"everything\")\n@reason(\"a test\")\npermit (principal, action in Action::\"disclose\", resource);\n";

    /// How a record is marked so that it can be shared.
    pub(crate) const SHARED: [&str; 4] = ["--tlp", "green", "--grading", "B2"];

    /// Why somebody asks.
    pub(crate) const WHY: [&str; 4] = ["--purpose", "investigation", "--case", "TEST/2026/1"];

    /// Adds a record that can be shared, and gives its id.
    pub(crate) fn add(bureau: &Bureau, what: &[&str]) -> String {
        let done = bureau.json(&[&["record", "add"], what, &SHARED].concat());
        assert_eq!(done["outcomes"][0]["outcome"], "added", "{done}");
        text(&done["outcomes"][0]["id"])
    }

    /// A JSON string.
    pub(crate) fn text(value: &Value) -> String {
        value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
    }

    /// The members of a JSON array.
    pub(crate) fn list(value: &Value) -> &[Value] {
        value.as_array().unwrap_or_else(|| panic!("no array: {value}"))
    }

    /// Waits until a bureau holds a record.
    pub(crate) fn holds(bureau: &Bureau, id: &str) -> Value {
        bureau.eventually(&["record", "show", id], |found| list(&found["records"]).len() == 1)["records"][0].clone()
    }

    /// Waits until a bureau holds a record no longer.
    pub(crate) fn lost(bureau: &Bureau, id: &str) {
        igain_tests::daemon::until("a record to go", || {
            (bureau.igain(&["record", "show", id]).code == Some(4)).then_some(())
        });
    }

    /// The ids of what a bureau holds of an owner.
    pub(crate) fn ids(bureau: &Bureau, owner: &str) -> Vec<String> {
        let listing = bureau.json(&["record", "list", "--owner", owner]);
        let mut ids: Vec<String> = list(&listing["records"]).iter().map(|record| text(&record["id"])).collect();
        ids.sort();
        ids
    }

    /// The value of a field.
    pub(crate) fn field<'a>(record: &'a Value, name: &str) -> Option<&'a str> {
        list(&record["fields"]).iter().find(|field| field["name"] == name)?["value"].as_str()
    }

    /// Changes one bit of a file at its place, as a failing disk or a stranger would.
    pub(crate) fn flip(file: &std::path::Path, at: u64) {
        use std::os::unix::fs::FileExt as _;
        let file = std::fs::OpenOptions::new().read(true).write(true).open(file).expect("a file");
        let mut byte = [0];
        file.read_exact_at(&mut byte, at).expect("a byte");
        file.write_all_at(&[byte[0] ^ 1], at).expect("a byte");
    }
}
