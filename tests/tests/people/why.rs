//! L12 for all that answers fields or heads of records.

use igain_tests::api::Api;
use igain_tests::daemon::Bureau;

use super::{UNKNOWN, WHY};

/// L12 at the API: who sends what they like past the command line gets no field and no head without purpose and case,
/// and hears nothing of what there is.
///
/// Seen to fail when `record list` or `record show` takes no reason, and when a record is looked up first.
#[test]
fn l12_no_field_and_no_head_without_purpose_and_case() {
    let ke = Bureau::start("KE");
    let added = ke.json(&["record", "add", "phone", "number=+254 700 000 001", "--tlp", "green", "--grading", "B2"]);
    let id = added["outcomes"][0]["id"].as_str().expect("an id").to_owned();
    let api: Api = ke.api();
    let records = [
        "/v1/records".to_owned(),
        format!("/v1/records/{id}"),
        format!("/v1/records/{UNKNOWN}"),
        format!("/v1/records/{id}/explain/FR"),
        format!("/v1/records/{UNKNOWN}/explain/FR"),
    ];
    let long = format!("purpose=arrest&case={}", "x".repeat(200));
    for call in &records {
        for (why, code) in [
            ("", "query.no-purpose"),
            ("purpose=investigation", "query.no-purpose"),
            ("case=C1", "query.no-purpose"),
            ("purpose=investigation&case=", "query.no-purpose"),
            ("purpose=investigation&case=%20%20", "query.no-purpose"),
            ("purpose=curiosity&case=C1", "request.malformed"),
            (&long, "query.case"),
            ("purpose=arrest&case=a%0Ab", "query.case"),
        ] {
            let answer = api.get(&format!("{call}?{why}")).expect("an answer");
            assert_eq!(answer.body["code"], code, "{call}?{why}: {}", answer.body);
            assert!(!answer.body.to_string().contains("700"), "{}", answer.body);
        }
    }
    for action in ["record.show", "record.list", "policy.explain"] {
        let entries = ke.json(&["audit", "list", "--action", action]);
        assert_eq!(entries["entries"], serde_json::json!([]), "what was refused was not answered");
    }
    let shown = [&["record", "show", &id][..], &WHY].concat();
    for (command, action) in [(shown, "record.show"), ([&["record", "list"][..], &WHY].concat(), "record.list")] {
        ke.json(&command);
        let entry = ke.json(&["audit", "list", "--action", action])["entries"][0].clone();
        assert_eq!((&entry["purpose"], &entry["case"]), (&"investigation".into(), &"NBO/2026/17".into()));
    }
}
