//! The people file, at the start and on SIGHUP.

use super::*;

/// A change comes into force with SIGHUP, and is accounted for. Seen to fail when only the start reads the file.
#[test]
fn people_come_and_go_with_a_reload() {
    if !can_act_as_others() {
        return;
    }
    let open = Open::start("KE", Some(PEOPLE));
    assert_eq!(open.problem(STRANGER, &["status"]), "person.unknown");
    let more = PEOPLE
        .replace("[61001], roles = [\"analyst\"]", "[61006], roles = [\"analyst\", \"operator\"]")
        .replace("o.operator", "o.other");
    open.bureau.write("people.toml", &more);
    open.bureau.signal("HUP");
    until("the new people", || open.problem(STRANGER, &["status"]).is_empty().then_some(()));
    assert_eq!(open.problem(ANALYST, &["status"]), "person.unknown", "who was taken out is a stranger");
    open.json(STRANGER, &[&["query", "--phone", "1234567"][..], &WHY].concat());
    let query = open.entries("query");
    assert_eq!(query.last().expect("a query")["actor"], "person:a.analyst");

    let applied = open.entries("people.apply");
    assert_eq!(applied.len(), 2, "at the first start and at the change");
    let detail = applied[1]["detail"].as_array().expect("particulars");
    assert!(detail.contains(&serde_json::json!(["persons", "5"])), "{detail:?}");
    assert!(detail[0][1].as_str().is_some_and(|digest| digest.len() == 64), "{detail:?}");
    assert_ne!(applied[0]["detail"][0], applied[1]["detail"][0]);
}

/// A file that is refused changes nothing, and that is accounted for. Seen to fail when a bad file empties the people.
#[test]
fn a_bad_file_leaves_the_people_in_force() {
    if !can_act_as_others() {
        return;
    }
    let mut open = Open::start("KE", Some(PEOPLE));
    open.bureau.write("people.toml", &PEOPLE.replace("\"auditor\"", "\"chief\""));
    open.bureau.signal("HUP");
    until("an account of the refusal", || open.entries("people.refused").pop());
    let refused = open.entries("people.refused").remove(0);
    assert_eq!(refused["detail"], serde_json::json!([["code", "people.invalid"], ["line", "6"]]));
    assert!(!refused.to_string().contains("chief"), "what it says is not in the log");
    assert!(open.bureau.log().contains("there is no role `chief`"), "{}", open.bureau.log());
    assert_eq!(open.problem(ANALYST, &["status"]), "");

    assert_eq!(open.bureau.stop(), Some(0));
    let said = open.refused_start();
    assert!(said.contains("people.toml:6: there is no role `chief`"), "{said}");

    // Whoever could write the file could be anybody.
    open.bureau.write("people.toml", PEOPLE);
    let path = open.bureau.path("people.toml");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o666)).expect("its mode");
    let said = open.refused_start();
    assert!(said.contains("others could have written the people file"), "{said}");
}

/// That there is a file no longer, so that the daemon's user may do everything again, is in the log. Seen to fail when
/// only files are accounted for.
#[test]
fn doing_without_people_is_accounted_for() {
    if !can_act_as_others() {
        return;
    }
    let mut open = Open::start("KE", Some(PEOPLE));
    open.bureau.stop();
    open.bureau.run();
    open.bureau.stop();
    open.bureau.configure(|text| text.replace("people = \"people.toml\"\n", ""));
    open.bureau.run();
    let applied = open.bureau.json(&["audit", "list", "--action", "people.apply"]);
    let applied = applied["entries"].as_array().expect("entries");
    assert_eq!(applied.len(), 2, "a restart alone changes nothing: {applied:?}");
    assert_eq!(applied[1]["detail"], serde_json::json!([["sha256", "none"], ["persons", "0"]]));
}
