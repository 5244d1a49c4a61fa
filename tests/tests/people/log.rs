//! The audit log names persons.

use super::*;

/// Whatever a person does through the API is accounted for under their name. Seen to fail when deeds carry the user's
/// number alone.
#[test]
fn what_a_person_does_is_accounted_for_under_their_name() {
    if !can_act_as_others() {
        return;
    }
    let open = Open::start("KE", Some(PEOPLE));
    let id = open.add("+254 700 000 001");
    open.json(CONTRIBUTOR, &["record", "revise", &id, "type=mobile"]);
    let home = open.home(CONTRIBUTOR);
    std::fs::write(home.join("t.csv"), "number\n+254 700 000 002\n").expect("a table");
    std::fs::write(home.join("m.toml"), MAPPING).expect("a mapping");
    open.json(CONTRIBUTOR, &["import", "t.csv", "--mapping", "m.toml"]);
    open.json(CONTRIBUTOR, &["record", "withdraw", &id, "--yes"]);
    open.json(ANALYST, &[&["query", "--phone", "+254 700 000 002"][..], &WHY].concat());
    open.json(ANALYST, &[&["record", "list"][..], &WHY].concat());
    open.json(ADMINISTRATOR, &["record", "holders", &id]);
    std::fs::write(open.home(ADMINISTRATOR).join("next.cedar"), "").expect("a policy");
    open.json(ADMINISTRATOR, &["policy", "apply", "next.cedar", "--yes"]);
    let caf = ["caf", "create", "T", "--purpose", "crime-analysis", "--area", "other", "--scope", "Tests"];
    open.json(ADMINISTRATOR, &[&caf[..], &["--closes", "2099-12-31"]].concat());
    open.json(OPERATOR, &["audit", "verify"]);
    for (action, person, uid) in [
        ("record.add", "c.contributor", CONTRIBUTOR),
        ("record.revise", "c.contributor", CONTRIBUTOR),
        ("import.begin", "c.contributor", CONTRIBUTOR),
        ("record.withdraw", "c.contributor", CONTRIBUTOR),
        ("query", "a.analyst", ANALYST),
        ("record.list", "a.analyst", ANALYST),
        ("record.holders", "p.administrator", ADMINISTRATOR),
        ("policy.apply", "p.administrator", ADMINISTRATOR),
        ("caf.create", "p.administrator", ADMINISTRATOR),
        ("audit.verify", "o.operator", OPERATOR),
        ("audit.list", "l.auditor", AUDITOR),
    ] {
        let entries = open.entries(action);
        let entry = entries.last().unwrap_or_else(|| panic!("{action} is not accounted for"));
        assert_eq!(entry["actor"], format!("person:{person}"), "{action}");
        let detail = entry["detail"].as_array().expect("particulars");
        assert!(detail.contains(&serde_json::json!(["uid", uid.to_string()])), "{action}: {entry}");
    }
    let of = open.json(AUDITOR, &["audit", "list", "--actor", "person:c.contributor", "--limit", "100"]);
    let of = of["entries"].as_array().expect("entries");
    assert!(of.len() >= 4 && of.iter().all(|entry| entry["actor"] == "person:c.contributor"), "{of:?}");
    assert_eq!(open.json(AUDITOR, &["audit", "verify"])["intact"], true);
}

/// A refusal is accounted for with the call and what it needs, and with nothing that the caller could choose. Seen to fail
/// when refusals are not accounted for, and when the path is taken as it was sent.
#[test]
fn refusals_are_accounted_for_without_what_was_asked() {
    if !can_act_as_others() {
        return;
    }
    let open = Open::start("KE", Some(PEOPLE));
    for _ in 0..20 {
        assert_eq!(open.problem(OPERATOR, &[&["record", "show", UNKNOWN][..], &WHY].concat()), "person.role");
    }
    let entries = open.entries("person.refused");
    // The minute may end in between.
    assert!((5..=10).contains(&entries.len()), "{entries:?}");
    assert_eq!(entries[0]["actor"], "person:o.operator");
    let detail = serde_json::json!([
        ["call", "GET /v1/records/{id}"],
        ["needs", "analyst or contributor"],
        ["uid", OPERATOR.to_string()]
    ]);
    assert_eq!(entries[0]["detail"], detail);
    assert!(entries.iter().all(|entry| !entry.to_string().contains(UNKNOWN)));
}
