//! What a build before wrote opens in this one: two bureaus that it backed up start on their backups, show what they held,
//! keep out what they had ended, and go on with each other.
//!
//! The backups lie in `upgrade/`, a folder for each build that made them. They are of fictitious bureaus whose keys protect
//! nothing. `IGAIN_BIN=<the build before> cargo test -p igain-tests --test upgrade -- --ignored` makes them anew.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails loudly"
)]

use std::path::{Path, PathBuf};

use age::secrecy::ExposeSecret as _;
use igain_tests::daemon::{Bureau, federation, until};
use serde_json::{Value, json};

const ALL: &str = r#"@id("all") permit(principal, action in Action::"disclose", resource);"#;

fn made() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/upgrade")
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}

fn add(bureau: &Bureau, what: &[&str]) -> String {
    let label = ["--tlp", "green", "--grading", "B2", "--retain-until", "2099-12-31"];
    let done = bureau.json(&[&["record", "add"], what, &label].concat());
    assert_eq!(done["outcomes"][0]["outcome"], "added", "{done}");
    text(&done["outcomes"][0]["id"])
}

/// Waits until a bureau shows these records, and not those.
fn shows(bureau: &Bureau, there: &[&Value], gone: &[&Value]) {
    for id in there {
        bureau.eventually(&["record", "show", id.as_str().unwrap()], |_| true);
    }
    for id in gone {
        let id = id.as_str().unwrap();
        until("a record to be gone", || (bureau.igain(&["record", "show", id]).code != Some(0)).then_some(()));
    }
}

/// L7, L11, L14, L15 and L21. Seen to fail with another format of the books, and with a table of records that lacks a row.
#[test]
fn what_a_build_before_wrote_opens_and_goes_on() {
    for build in std::fs::read_dir(made()).expect("backups of a build before") {
        let build = build.unwrap().path();
        let held: Value = serde_json::from_slice(&std::fs::read(build.join("held.json")).unwrap()).unwrap();
        let (ke, fr) = (restored("KE", &build), restored("FR", &build));
        for bureau in [&ke, &fr] {
            for check in ["audit", "store"] {
                assert_eq!(bureau.json(&[check, "verify"])["intact"], true, "{} {check}", bureau.id);
            }
            shows(bureau, &[&held["phone"], &held["revised"], &held["of_fr"]], &[&held["withdrawn"]]);
            let revised = bureau.json(&["record", "show", &text(&held["revised"])]);
            assert_eq!(revised["records"][0]["revision"], 2, "{revised}");
            assert!(revised.to_string().contains("Amina Yusuf"), "{revised}");
            let cafs = bureau.json(&["caf", "list"]);
            assert_eq!(cafs["cafs"][0]["id"], held["caf"]);
        }
        let of_caf = text(&held["of_caf"]);
        assert_eq!(fr.json(&["record", "show", &of_caf])["records"][0]["owner"], "KE");
        let revoked = ke.json(&["peer", "show", "BR"]);
        assert_eq!(revoked["state"], "revoked", "{revoked}");
        let found = ke.json(&["query", "--phone", "+254700000007"]);
        assert!(found.to_string().contains(held["of_fr"].as_str().unwrap()), "{found}");

        // They live elsewhere now, and go on.
        ke.enrol(&fr);
        fr.enrol(&ke);
        let new = json!(add(&ke, &["phone", "number=+254700000009"]));
        shows(&fr, &[&new], &[]);
        fr.json(&["record", "withdraw", &text(&held["of_fr"]), "--reason", "incorrect", "--yes"]);
        shows(&ke, &[&held["phone"]], &[&held["of_fr"]]);
        ke.json(&["record", "withdraw", &text(&held["phone"]), "--reason", "incorrect", "--yes"]);
        shows(&fr, &[&held["revised"]], &[&held["phone"], &held["withdrawn"]]);
    }
}

/// A bureau that starts on what a build before backed up.
fn restored(id: &str, build: &Path) -> Bureau {
    let mut bureau = Bureau::init(id);
    let path = |name: &str| bureau.path(name);
    let (from, identity) = (build.join(id), build.join("recovery.key"));
    bureau.write("recovery.key", &std::fs::read_to_string(identity).unwrap());
    let from = from.to_str().unwrap();
    bureau.json(&["backup", "restore", "--identity", "recovery.key", "--from", from, "--data", "restored"]);
    std::fs::rename(path("restored/from-backup/keys.age"), path("restored/keys.age")).unwrap();
    std::fs::copy(path("restored/from-backup/policy.cedar"), path("restored/policy.cedar")).unwrap();
    std::fs::rename(path("data"), path("not-this")).unwrap();
    std::fs::rename(path("restored"), path("data")).unwrap();
    bureau.run();
    bureau
}

/// Makes the backups with the build that is run.
#[test]
#[ignore = "the backups are made once for each build"]
fn make() {
    let all = federation(&["KE", "FR"]);
    let (ke, fr) = (&all[0], &all[1]);
    all.iter().for_each(|bureau| drop(bureau.apply(ALL)));
    let br = Bureau::start("BR");
    ke.enrol(&br);
    ke.json(&["peer", "revoke", "BR", "--why", "compromised", "--yes"]);
    let caf = ["caf", "create", "Cocaine by sea", "--purpose", "crime-analysis", "--area", "cocaine-trafficking"];
    let caf = ke.json(&[&caf[..], &["--scope", "Containers to Mombasa", "--closes=2099-12-31"]].concat());
    let caf = text(&caf["id"]);
    ke.json(&["caf", "invite", &caf, "FR"]);
    fr.eventually(&["caf", "list"], |cafs| cafs["cafs"][0]["id"] == caf.as_str());
    fr.json(&["caf", "join", &caf]);
    let phone = add(ke, &["phone", "number=+254700000001"]);
    let revised = add(ke, &["person", "name=Amina", "--category", "suspect"]);
    ke.json(&["record", "revise", &revised, "name=Amina Yusuf"]);
    let withdrawn = add(ke, &["phone", "number=+254700000003"]);
    let of_caf = add(ke, &["phone", "number=+254700000004", "--caf", &caf]);
    let of_fr = add(fr, &["phone", "number=+254700000007"]);
    let value = |id: &str| json!(id);
    shows(fr, &[&value(&phone), &value(&revised), &value(&withdrawn), &value(&of_caf)], &[]);
    shows(ke, &[&value(&of_fr)], &[]);
    ke.json(&["record", "withdraw", &withdrawn, "--reason", "incorrect", "--yes"]);
    shows(fr, &[], &[&value(&withdrawn)]);
    fr.eventually(&["record", "show", &revised], |shown| shown["records"][0]["revision"] == 2);

    let identity = age::x25519::Identity::generate();
    let version = text(&ke.json(&["status"])["version"]);
    let build = made().join(std::env::var("IGAIN_BUILD").unwrap_or(version));
    for bureau in [ke, fr] {
        let folder = build.join(&bureau.id);
        std::fs::create_dir_all(&folder).unwrap();
        let public = identity.to_public().to_string();
        bureau.json(&["backup", "create", folder.to_str().unwrap(), "--to-key", &public]);
    }
    std::fs::write(build.join("recovery.key"), format!("{}\n", identity.to_string().expose_secret())).unwrap();
    let held = json!({ "phone": phone, "revised": revised, "withdrawn": withdrawn, "of_caf": of_caf, "of_fr": of_fr, "caf": caf });
    std::fs::write(build.join("held.json"), format!("{held:#}\n")).unwrap();
}
