//! `igain record`.

use igain_tests::daemon::{Bureau, federation};

use super::{EVERYTHING, SHARED, WHY, add, field, holds, list, lost, text};

const UNKNOWN: &str = "0190163d-8694-739b-aea5-966c26f8ad91";

#[test]
fn a_record_is_added_shown_revised_and_withdrawn() {
    let ke = Bureau::start("KE");
    let said = ke.igain(
        &[
            &[
                "record",
                "add",
                "person",
                "name=Amina Wanjiru",
                "name@ar=أمينة وانجيرو",
                "birth-date=~1987",
                "sex=female",
            ][..],
            &[
                "--category",
                "suspect",
                "--handling",
                "H1,H3",
                "--note",
                "ask Nairobi first",
                "--area",
                "cocaine-trafficking",
            ],
            &SHARED,
        ]
        .concat(),
    );
    assert_eq!(said.code, Some(0), "{said:?}");
    let id = text(&ke.json(&["record", "list"])["records"][0]["id"]);
    assert!(said.out.contains(&id) && said.out.contains("added"), "{}", said.out);
    let shown = ke.igain(&["record", "show", &id]).out;
    for word in [
        "TLP:GREEN",
        "H1",
        "owner KE",
        "grading B2",
        "suspect",
        "Amina Wanjiru",
        "أمينة وانجيرو",
        "1987~",
        "keep until",
    ] {
        assert!(shown.contains(word), "{word}: {shown}");
    }
    let record = holds(&ke, &id);
    assert_eq!((&record["revision"], &record["draft"], &record["redacted"]), (&1.into(), &false.into(), &false.into()));
    let arabic = list(&record["fields"]).iter().find(|field| field["lang"] == "ar").expect("a name in Arabic");
    assert_eq!(arabic["script"], "Arab");

    let change = ["record", "revise", &id, "sex=unknown", "--add", "alias=Mama Simba", "--remove", "birth-date"];
    let revised = ke.json(&[&change[..], &["--grading", "A1", "--revision", "1"]].concat());
    assert_eq!(revised["outcomes"][0]["outcome"], "revised");
    let record = holds(&ke, &id);
    assert_eq!((&record["revision"], &record["grading"]), (&2.into(), &"A1".into()));
    assert_eq!(field(&record, "alias"), Some("Mama Simba"));
    assert_eq!((field(&record, "sex"), field(&record, "birth-date")), (Some("unknown"), None));
    assert_eq!(ke.refused(&["record", "revise", &id, "sex=male", "--revision", "1"]), (1, "record.revised".into()));
    let again = ke.json(&["record", "revise", &id, "sex=unknown"]);
    assert_eq!(again["outcomes"][0]["outcome"], "unchanged");

    assert_eq!(ke.refused(&["record", "withdraw", &id]), (1, "cli.declined".into()), "nobody is there to be asked");
    assert_eq!(ke.igain(&["record", "show", &id]).code, Some(0));
    let gone = ke.igain(&["record", "withdraw", &id, "--reason", "incorrect", "--yes"]);
    assert!(gone.code == Some(0) && gone.out.contains("is withdrawn"), "{gone:?}");
    assert_eq!(ke.refused(&["record", "show", &id]), (4, "record.unknown".into()));
    assert_eq!(ke.refused(&["record", "withdraw", &id, "--yes"]), (4, "record.unknown".into()));
    assert!(list(&ke.json(&["record", "list"])["records"]).is_empty());
}

#[test]
fn drafts_are_listed_and_become_records() {
    let ke = Bureau::start("KE");
    let draft = ke.json(&["record", "add", "phone", "number=+254 700 000 001"]);
    let id = text(&draft["outcomes"][0]["id"]);
    add(&ke, &["phone", "number=+254 700 000 002"]);
    let drafts = ke.json(&["record", "list", "--drafts"]);
    assert_eq!(list(&drafts["records"]).len(), 1);
    assert_eq!((&drafts["records"][0]["id"], &drafts["records"][0]["draft"]), (&id.as_str().into(), &true.into()));
    assert!(ke.igain(&["record", "list", "--drafts"]).out.contains("draft"));
    assert!(ke.igain(&["record", "show", &id]).out.contains("draft, not shared"));
    ke.json(&["record", "revise", &id, "--grading", "B2"]);
    assert!(list(&ke.json(&["record", "list", "--drafts"])["records"]).is_empty());
}

#[test]
fn lists_are_filtered_and_read_page_by_page() {
    let ke = Bureau::start("KE");
    for number in 1..=5 {
        add(&ke, &["phone", &format!("number=+254 700 000 00{number}")]);
    }
    add(&ke, &["vehicle", "plate=KAA 001A"]);
    assert_eq!(list(&ke.json(&["record", "list", "--kind", "phone"])["records"]).len(), 5);
    assert_eq!(list(&ke.json(&["record", "list", "--owner", "FR"])["records"]).len(), 0);
    let mut seen = Vec::new();
    let mut after = String::new();
    loop {
        let mut args = vec!["record", "list", "--limit", "4"];
        if !after.is_empty() {
            args.extend(["--after", &after]);
        }
        let page = ke.json(&args);
        seen.extend(list(&page["records"]).iter().map(|record| text(&record["id"])));
        match page["next"].as_str() {
            Some(next) => after = next.to_owned(),
            None => break,
        }
    }
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 6);
    assert_eq!(ke.refused(&["record", "list", "--after", "nowhere"]), (1, "request.malformed".into()));
}

#[test]
fn records_come_from_a_file_and_what_is_shown_can_be_added() {
    let ke = Bureau::start("KE");
    let one = |key: &str, number: &str| {
        format!(
            r#"{{"key": "{key}", "source": "list", "label": {{"kind": "phone", "tlp": "green"}}, "grading": "B2",
                "fields": [{{"name": "number", "value": "{number}"}}]}}"#
        )
    };
    ke.write("records.json", &format!("[{}, {}]", one("a", "+254 700 000 001"), one("b", "+254 700 000 002")));
    let done = ke.json(&["record", "add", "--file", "records.json"]);
    let outcomes = |done: &serde_json::Value| {
        list(&done["outcomes"]).iter().map(|outcome| text(&outcome["outcome"])).collect::<Vec<_>>()
    };
    assert_eq!(outcomes(&done), ["added", "added"]);
    assert_eq!(outcomes(&ke.json(&["record", "add", "--file", "records.json"])), ["unchanged", "unchanged"]);
    ke.write("records.json", &format!("[{}, {}]", one("a", "+254 700 000 003"), one("c", "")));
    let mixed = ke.igain(&["record", "add", "--file", "records.json", "--json"]);
    assert_eq!(mixed.code, Some(1), "{mixed:?}");
    assert_eq!(outcomes(&mixed.json()), ["revised", "refused"]);
    assert_eq!(mixed.problem()["code"], "record.refused");

    let id = text(&done["outcomes"][0]["id"]);
    let shown = ke.igain(&["record", "show", &id, "--json"]).out;
    ke.write("shown.json", &shown);
    assert_eq!(outcomes(&ke.json(&["record", "add", "--file", "shown.json"])), ["unchanged"]);
    ke.write("shown.json", &shown.replace("+254 700 000 003", "+254 700 000 004"));
    assert_eq!(outcomes(&ke.json(&["record", "add", "--file", "shown.json"])), ["revised"]);
    assert_eq!(field(&holds(&ke, &id), "number"), Some("+254 700 000 004"));
    for bad in ["", "[", "[{}]", "{\"label\": 1}", "\u{0}"] {
        ke.write("bad.json", bad);
        assert_eq!(ke.refused(&["record", "add", "--file", "bad.json"]), (2, "cli.usage".into()), "{bad}");
    }
}

#[test]
fn what_is_wrong_with_a_record_is_said() {
    let ke = Bureau::start("KE");
    let refused = |what: &[&str], code: i32, word: &str| {
        let said = ke.igain(&[&["record", "add"], what].concat());
        assert_eq!(said.code, Some(code), "{what:?}: {said:?}");
        assert!(said.err.contains(word), "{what:?}: {word}: {}", said.err);
    };
    refused(&["phon", "number=+254 700 000 001"], 2, "phone");
    refused(&["phone", "number"], 2, "name=value");
    refused(&["phone", "nummer=+254 700 000 001"], 1, "nummer");
    refused(&["phone", "number="], 1, "number");
    refused(&["phone", "number=+254 700 000 001", "--grading", "Z9"], 2, "Z9");
    refused(&["phone", "number=+254 700 000 001", "--tlp", "purple"], 2, "amber");
    refused(&["phone", "number=+254 700 000 001", "--retain-until", "2001-01-01"], 1, "later one");
    refused(&["phone", "number=+254 700 000 001", "--caf", UNKNOWN], 1, "caf list");
    refused(&["person", "name=Amina", "birth-date=tomorrow"], 1, "birth-date");
    refused(&["person", "name=Amina", "sex=yes"], 1, "female");
    refused(&["phone", "number=+254 700 000 001", "--handling", "H3"], 1, "H3");
    refused(&["phone", "operator=A", "operator=B"], 1, "operator");
    refused(&[], 2, "KIND");
    for command in [
        ["record", "show", UNKNOWN].as_slice(),
        &["record", "holders", UNKNOWN],
        &["record", "revise", UNKNOWN, "type=mobile"],
    ] {
        assert_eq!(ke.refused(command), (4, "record.unknown".into()), "{command:?}");
    }
    assert_eq!(ke.igain(&["record", "show", UNKNOWN, "--case", "C1"]).code, Some(2), "a case needs its purpose");
    assert_eq!(ke.igain(&["record", "withdraw", UNKNOWN, "--reason", "boredom"]).code, Some(2));
}

#[test]
fn a_withdrawal_is_receipted_by_every_holder() {
    let bureaus = federation(&["KE", "FR", "BR"]);
    let [ke, fr, br] = &bureaus[..] else { panic!("three bureaus") };
    ke.apply(EVERYTHING);
    let id = add(ke, &["phone", "number=+254 700 000 001"]);
    assert_eq!(fr.igain(&["record", "holders", UNKNOWN]).code, Some(4));
    holds(fr, &id);
    holds(br, &id);
    assert_eq!(fr.refused(&["record", "revise", &id, "type=mobile"]), (1, "record.not-owner".into()));
    assert_eq!(fr.refused(&["record", "withdraw", &id, "--yes"]), (1, "record.not-owner".into()));
    fr.write("shown.json", &fr.igain(&["record", "show", &id, "--json"]).out);
    assert_eq!(fr.refused(&["record", "add", "--file", "shown.json"]), (1, "record.not-owner".into()));
    let states = |holders: &serde_json::Value, state: &str| {
        let holders = list(&holders["holders"]);
        holders.len() == 2 && holders.iter().all(|holder| holder["state"] == state)
    };
    ke.eventually(&["record", "holders", &id], |holders| states(holders, "holds"));
    let gone = ke.json(&["record", "withdraw", &id, "--yes"]);
    assert_eq!(list(&gone["holders"]).len(), 2);
    lost(fr, &id);
    lost(br, &id);
    let purged = ke.eventually(&["record", "holders", &id], |holders| states(holders, "purged"));
    assert!(purged["holders"][0]["purged"].is_string());
    let shown = ke.igain(&["record", "holders", &id]).out;
    assert!(shown.starts_with("BUREAU") && shown.contains("purged"), "{shown}");
    let receipts = ke.json(&["audit", "list", "--action", "receipt"]);
    assert_eq!(list(&receipts["entries"]).len(), 2);
}

/// L3 where people look: what a bureau may not know of, what was never there, and what is gone look alike. Seen to fail
/// when a withdrawn record is said to have ended.
#[test]
fn l3_show_and_holders_answer_alike_for_what_is_not_to_be_known() {
    let bureaus = federation(&["KE", "FR"]);
    let [ke, fr] = &bureaus[..] else { panic!("two bureaus") };
    ke.apply("permit (principal, action in Action::\"disclose\", resource) when { resource.tlp == Tlp::\"green\" };");
    let amber = ke.json(&["record", "add", "phone", "number=+254 700 000 001", "--grading", "B2", "--tlp", "amber"]);
    let unshared = text(&amber["outcomes"][0]["id"]);
    let withdrawn = add(ke, &["phone", "number=+254 700 000 002"]);
    holds(fr, &withdrawn);
    ke.json(&["record", "withdraw", &withdrawn, "--yes"]);
    lost(fr, &withdrawn);
    let answer = |command: &[&str], id: &str| {
        let said = fr.igain(command);
        (said.code, said.out, said.err.replace(id, "ID"))
    };
    for (command, more) in [("show", &[][..]), ("holders", &[]), ("revise", &["type=mobile"]), ("withdraw", &["--yes"])]
    {
        let of = |id: &str| answer(&[&["record", command, id], more].concat(), id);
        let unknown = of(UNKNOWN);
        assert_eq!(unknown.0, Some(4), "{unknown:?}");
        assert_eq!(of(&unshared), unknown);
        assert_eq!(of(&withdrawn), unknown);
    }
}

/// A record for nobody leaves its bureau only once somebody is named, and comes back when nobody is. Seen to fail when an
/// audience of nobody is taken for none.
#[test]
fn a_record_for_nobody_stays_at_home() {
    let bureaus = federation(&["KE", "FR"]);
    let [ke, fr] = &bureaus[..] else { panic!("two bureaus") };
    ke.apply(EVERYTHING);
    let child = ["person", "name=Amina", "--category", "victim", "--age-group", "minor", "--audience", "nobody"];
    let id = add(ke, &child);
    let (shown, said) = (ke.json(&["record", "show", &id]), ke.igain(&["record", "show", &id]).out);
    let label = &shown["records"][0]["label"];
    assert_eq!((&label["audience"], &label["age_group"]), (&"nobody".into(), &"minor".into()));
    assert!(said.contains("TLP:GREEN MINOR") && said.contains("only for") && said.contains("nobody"), "{said}");
    let other = add(ke, &["phone", "number=+254 700 000 002"]);
    holds(fr, &other);
    assert_eq!(fr.igain(&["record", "show", &id]).code, Some(4));
    ke.json(&["record", "revise", &id, "--audience", "BR,FR"]);
    holds(fr, &id);
    assert_eq!(fr.json(&["record", "show", &id])["records"][0]["label"]["audience"], "BR FR");
    ke.json(&["record", "revise", &id, "--audience", "nobody"]);
    lost(fr, &id);
    ke.json(&["record", "revise", &id, "--audience", "anyone"]);
    holds(fr, &id);
    let refused = ke.igain(&["record", "revise", &id, "--audience", "KE somebody"]);
    assert!(refused.code == Some(2) && refused.err.contains("`anyone`, or `nobody`"), "{refused:?}");
    let phone = ke.igain(&["record", "revise", &other, "--age-group", "minor"]);
    assert!(phone.code != Some(0) && phone.err.contains("only a person"), "{phone:?}");
}

/// What is doubtful is kept as it was given, is said to be so, and finds nothing that nobody could read. Seen to fail when
/// what stands as it was given is indexed.
/// Seen to fail when the label of what a record rests on is not looked at.
#[test]
fn what_rests_on_other_records_names_them_and_is_no_less_restricted() {
    let ke = Bureau::start("KE");
    let file = text(
        &ke.json(&[
            "caf",
            "create",
            "One",
            "--purpose",
            "crime-analysis",
            "--area",
            "other",
            "--scope",
            "Tests",
            "--closes",
            "2099-12-31",
        ])["id"],
    );
    let added = |what: &[&str]| text(&ke.json(&[&["record", "add"], what].concat())["outcomes"][0]["id"]);
    let caller = added(&[
        "phone",
        "number=+254700000001",
        "--tlp",
        "amber",
        "--audience",
        "BR,FR",
        "--handling",
        "H1",
        "--grading",
        "B2",
    ]);
    let called = added(&[
        "phone",
        "number=+254700000002",
        "--tlp",
        "green",
        "--audience",
        "FR",
        "--caf",
        &file,
        "--grading",
        "C3",
    ]);
    let rests = ["--based-on", &caller, "--based-on", &called, "--tlp", "clear"];
    let link =
        added(&[&["link", &*format!("from={caller}"), &*format!("to={called}"), "type=called"][..], &rests].concat());
    let shown = &holds(&ke, &link);
    assert_eq!((&shown["label"]["tlp"], &shown["label"]["audience"]), (&"amber".into(), &"FR".into()), "{shown}");
    assert_eq!(list(&shown["label"]["cafs"]), std::slice::from_ref(&file));
    assert_eq!(list(&shown["label"]["handling"]), ["H1"]);
    assert_eq!(shown["grading"], "C3");
    let named: Vec<String> = list(&shown["fields"])
        .iter()
        .filter(|field| field["name"] == "based-on")
        .map(|field| text(&field["value"]))
        .collect();
    assert_eq!(
        named.iter().map(|version| version.contains(&caller) || version.contains(&called)).collect::<Vec<_>>(),
        [true, true]
    );
    // To rest on a record is to look at it.
    for source in [&caller, &called] {
        let looked = ke.json(&["audit", "list", "--action", "record.show", "--object", &format!("record:{source}")]);
        assert!(list(&looked["entries"]).iter().any(|entry| entry["case"].is_string()), "{looked}");
    }
    let table = ke.igain(&["record", "show", &link]).out;
    assert!(table.contains(&file) && table.contains("only for"), "{table}");
    assert_eq!(
        ke.refused(&["record", "add", "phone", "number=+254700000003", "--based-on", UNKNOWN]).1,
        "record.unknown"
    );
}

#[test]
fn doubtful_values_are_kept_and_marked() {
    let bureaus = federation(&["KE"]);
    let [ke] = &bureaus[..] else { panic!("one bureau") };
    let fields = ["person", "name=Amina", "birth-date??=03/04/1960", "sex?=female", "passport??=X12345678"];
    let id = add(ke, &[&fields[..], &["--category", "suspect"]].concat());
    let said = ke.igain(&["record", "show", &id]).out;
    for words in ["03/04/1960  (unread)", "female  (unsure)"] {
        assert!(said.contains(words), "{said}");
    }
    let shown = ke.json(&["record", "show", &id]);
    let of = |name: &str| list(&shown["records"][0]["fields"]).iter().find(|field| field["name"] == name).cloned();
    assert_eq!(of("birth-date").expect("a date")["doubt"], "unread");
    let found = ke.json(&[&["query", "--passport", "X12345678"][..], &WHY].concat());
    assert!(list(&found["hits"]).is_empty(), "{found}");
    let refused = ke.igain(&["record", "revise", &id, "birth-date?=03/04/1960"]);
    assert!(refused.code != Some(0) && refused.err.contains("1960-03-04 or as 1960-04-03"), "{refused:?}");
}

/// What a record rests on, and a source's own words: typed, shown and typed again they are the same, and a peer has them as
/// far as it may know what they name.
#[test]
fn evidence_is_typed_shown_and_shared() {
    let bureaus = federation(&["KE", "FR"]);
    let (ke, fr) = (&bureaus[0], &bureaus[1]);
    ke.apply("@id(\"green\") permit(principal, action in Action::\"disclose\", resource) when { resource.tlp == Tlp::\"green\" };");
    let known = add(ke, &["phone", "number=+254 700 000 001"]);
    let secret = text(
        &ke.json(&["record", "add", "phone", "number=+254 700 000 002", "--tlp", "red", "--grading", "B2"])["outcomes"]
            [0]["id"],
    );
    let version = |id: &str| text(&ke.json(&["record", "show", id])["records"][0]["version"]);
    let digest = "5e".repeat(32);
    let written = [
        ("based-on", version(&known)),
        ("based-on", version(&secret)),
        ("attachment", format!("{digest} 48213 application/pdf interview of May.pdf")),
        ("original", "data:application/json;base64,eyJhIjoxfQ==".to_owned()),
        ("consent", digest.clone()),
        ("details", r#"{"steps":["seen",-3,null],"estimate":{"to":80,"from":55,"term":"likely"}}"#.to_owned()),
    ];
    let fields: Vec<String> = written.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
    let id = add(ke, &[&["phone", "number=+254 700 000 003"], &fields[..]].concat());
    let shown = |bureau: &Bureau| -> Vec<(String, String)> {
        let record = bureau.json(&["record", "show", &id])["records"][0].clone();
        let fields = list(&record["fields"]).iter().map(|field| (text(&field["name"]), text(&field["value"])));
        fields.filter(|(name, _)| name != "number").collect()
    };
    let mut own = shown(ke);
    own.sort();
    let mut wanted: Vec<_> = written.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    wanted.sort();
    assert_eq!(own, wanted);
    holds(fr, &id);
    let theirs = shown(fr);
    assert_eq!(theirs.len(), written.len() - 1, "{theirs:?}");
    assert!(!theirs.iter().any(|(_, value)| value.contains(&secret)), "{theirs:?}");
    assert_eq!(text(&fr.json(&["record", "show", &id])["records"][0]["version"]), version(&id));
    for (bad, why) in [
        ("details={\"half\":0.5}", "fractions as texts"),
        ("details={", "no JSON"),
        ("attachment=abc 1 a/b", "64 hexadecimal digits"),
        ("original=hello", "data:"),
        ("based-on=abc", "ID@REVISION#DIGEST"),
    ] {
        let said = ke.igain(&["record", "add", "phone", "number=+254 700 000 004", bad]);
        assert!(said.code == Some(1) && (said.err.contains(why) || said.out.contains(why)), "{bad}: {said:?}");
    }
}
