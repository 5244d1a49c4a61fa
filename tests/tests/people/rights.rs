//! What each role may do, as users meet it.

use super::*;

/// The public key of nobody in particular.
const RECIPIENT: &str = "age1dj4jv4np07k4m4pldfepvuh0fuwdvw3c83yj06agjls4acqk4easnpqft4";

const USERS: [u32; 5] = [ANALYST, CONTRIBUTOR, ADMINISTRATOR, AUDITOR, OPERATOR];

/// Each call with those who may make it. Most are about what there is not, so that nothing changes: what is refused to a
/// role is refused before anything is looked up.
///
/// Seen to fail when the door lets everybody in whom it knows, and when a handler looks for its object before rights
/// are.
#[test]
fn every_role_may_make_its_calls_and_no_other() {
    if !can_act_as_others() {
        return;
    }
    let open = Open::start("KE", Some(PEOPLE));
    for uid in USERS {
        let home = open.home(uid);
        for (name, text) in [("policy.cedar", ""), ("t.csv", "number\n1\n"), ("m.toml", MAPPING)] {
            std::fs::write(home.join(name), text).expect("a file");
        }
        std::fs::write(home.join("fr.card"), Bureau::init("FR").card()).expect("a card");
        std::os::unix::fs::chown(home.join("fr.card"), Some(uid), None).expect("its owner");
    }
    let staff = &[ANALYST, CONTRIBUTOR, ADMINISTRATOR, OPERATOR][..];
    let deciders = &[ADMINISTRATOR][..];
    let readers = &[ANALYST, CONTRIBUTOR][..];
    let traced = &[ANALYST, CONTRIBUTOR, ADMINISTRATOR][..];
    let closes = ["--scope", "Tests", "--closes", "2099-12-31"];
    let calls: Vec<(Vec<&str>, &[u32])> = vec![
        (vec!["status"], staff),
        (vec!["card", "show"], staff),
        (vec!["peer", "list"], staff),
        (vec!["peer", "show", "DE"], staff),
        (vec!["peer", "enrol", "fr.card", "--fingerprint", "3F2A"], deciders),
        (vec!["peer", "revoke", "DE", "--why", "left", "--yes"], deciders),
        (vec!["caf", "list"], traced),
        (vec!["caf", "show", UNKNOWN], traced),
        ([&["caf", "create", "T", "--purpose", "crime-analysis", "--area", "other"][..], &closes].concat(), deciders),
        (vec!["caf", "invite", UNKNOWN, "FR"], deciders),
        (vec!["caf", "dismiss", UNKNOWN, "FR"], deciders),
        (vec!["caf", "join", UNKNOWN], deciders),
        (vec!["caf", "leave", UNKNOWN], deciders),
        (vec!["caf", "close", UNKNOWN], deciders),
        ([&["record", "list"][..], &WHY].concat(), readers),
        ([&["record", "show", UNKNOWN][..], &WHY].concat(), readers),
        (vec!["record", "add", "phone", "number="], &[CONTRIBUTOR]),
        (vec!["record", "revise", UNKNOWN, "type=mobile"], &[CONTRIBUTOR]),
        (vec!["record", "withdraw", UNKNOWN, "--yes"], &[CONTRIBUTOR]),
        (vec!["record", "holders", UNKNOWN], traced),
        ([&["policy", "explain", UNKNOWN, "FR"][..], &WHY].concat(), traced),
        (vec!["import", "t.csv", "--mapping", "m.toml"], &[CONTRIBUTOR]),
        (vec!["policy", "show"], deciders),
        (vec!["policy", "plan", "policy.cedar"], deciders),
        (vec!["policy", "apply", "policy.cedar", "--yes"], deciders),
        ([&["query", "--phone", "1234567"][..], &WHY].concat(), &[ANALYST]),
        (vec!["audit", "list"], &[AUDITOR]),
        (vec!["audit", "verify"], &[AUDITOR, OPERATOR]),
        (vec!["store", "verify"], &[OPERATOR]),
        (vec!["backup", "create", "--pipe", "cat > /dev/null", "--to-key", RECIPIENT], &[OPERATOR]),
    ];
    for (call, allowed) in &calls {
        for uid in USERS {
            let refused = open.problem(uid, call) == "person.role";
            assert_eq!(!refused, allowed.contains(&uid), "{uid}: {call:?}");
        }
    }
    // Whoever may not import hears so, however much they send.
    std::fs::write(open.home(ANALYST).join("t.csv"), "number\n".to_owned() + &"+254 700 000 001\n".repeat(1 << 20))
        .expect("a table");
    assert_eq!(open.problem(ANALYST, &["import", "t.csv", "--mapping", "m.toml"]), "person.role");
    let said = open.as_user(OPERATOR, &[&["record", "show", UNKNOWN][..], &WHY].concat());
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(said.err.contains("analyst or contributor") && !said.err.contains(UNKNOWN), "{said:?}");
    assert!(said.out.is_empty(), "{said:?}");
    let root = open.bureau.igain(&["status"]);
    assert_eq!(root.code, Some(0), "root, who is not in the file, looks after the daemon: {root:?}");
    assert_eq!(open.bureau.refused(&["record", "list"]), (1, "person.role".into()), "and does nothing else");
}

/// The answer to whoever may not make a call is the same for what there is and what there is not. Seen to fail when rights
/// are looked at after the record.
#[test]
fn a_refusal_tells_nothing_of_what_there_is() {
    if !can_act_as_others() {
        return;
    }
    let open = Open::start("KE", Some(PEOPLE));
    let id = open.add("+254 700 000 001");
    for uid in [ADMINISTRATOR, AUDITOR, OPERATOR, STRANGER] {
        let answer = |id: &str| {
            let said = open.as_user(uid, &[&["record", "show", id][..], &WHY].concat());
            (said.code, said.out, said.err)
        };
        assert_eq!(answer(&id), answer(UNKNOWN), "{uid}");
        assert_eq!(answer(&id).0, Some(1), "{uid}");
    }
}

/// A contributor sees what her bureau wrote, an analyst all that it holds. Seen to fail when a contributor is answered
/// like an analyst, in a list and one by one.
#[test]
fn a_contributor_sees_her_own_bureaus_records() {
    if !can_act_as_others() {
        return;
    }
    let mut ke = Bureau::start("KE");
    let fr =
        Open::start("FR", Some(&PEOPLE.replace("\"policy-administrator\"", "\"policy-administrator\", \"auditor\"")));
    ke.enrol_card(&fr.json(ADMINISTRATOR, &["card", "export"]));
    let card = ke.json(&["card", "export"]);
    let file = fr.home(ADMINISTRATOR).join("ke.card");
    std::fs::write(&file, text(&card["armor"])).expect("a card");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).expect("its mode");
    fr.json(ADMINISTRATOR, &["peer", "enrol", "ke.card", "--fingerprint", &text(&card["fingerprint"])]);
    ke.apply("@id(\"all\") permit (principal, action in Action::\"disclose\", resource);");
    let added = ke.json(&["record", "add", "phone", "number=+254 700 000 001", "--tlp", "green", "--grading", "B2"]);
    let theirs = text(&added["outcomes"][0]["id"]);
    let ours = fr.add("+33 1 99 00 12 34");
    let show = |uid: u32, id: &str| fr.problem(uid, &[&["record", "show", id][..], &WHY].concat());
    until("a record to come", || show(ANALYST, &theirs).is_empty().then_some(()));
    assert_eq!(show(ANALYST, &ours), "");
    assert_eq!(show(CONTRIBUTOR, &ours), "");
    assert_eq!(show(CONTRIBUTOR, &theirs), "record.unknown");
    for command in [&["record", "revise", &theirs, "type=mobile"][..], &["record", "withdraw", &theirs, "--yes"]] {
        assert_eq!(fr.problem(CONTRIBUTOR, command), "record.unknown", "as of one that there is not");
    }
    let listed = |uid: u32| {
        let listing = fr.json(uid, &[&["record", "list"][..], &WHY].concat());
        listing["records"].as_array().expect("records").len()
    };
    assert_eq!((listed(ANALYST), listed(CONTRIBUTOR)), (2, 1));
    ke.stop();
}

/// A user who may open the socket and is in nobody's file is told so, whatever they ask, and leaves few traces. Seen to
/// fail when strangers are let in, and when each of their requests is accounted for.
#[test]
fn a_stranger_gets_one_refusal_and_fills_nothing() {
    if !can_act_as_others() {
        return;
    }
    let open = Open::start("KE", Some(PEOPLE));
    for _ in 0..8 {
        for call in [&["status"][..], &["audit", "list"]] {
            assert_eq!(open.problem(STRANGER, call), "person.unknown", "{call:?}");
        }
    }
    let said = open.as_user(STRANGER, &["status"]);
    assert!(said.code == Some(1) && said.err.contains("people file"), "{said:?}");
    let accounted = open.entries("person.unknown");
    // The minute may end in between.
    assert!((5..=10).contains(&accounted.len()), "{accounted:?}");
    assert_eq!(accounted[0]["actor"], format!("uid:{STRANGER}"));
    assert_eq!(accounted[0]["detail"][0], serde_json::json!(["call", "GET /v1/status"]));

    let without = Open::start("FR", None);
    assert_eq!(without.problem(ANALYST, &["status"]), "person.unknown", "without a file nobody else is known");
    let entries = without.bureau.json(&["audit", "list", "--action", "person.unknown"]);
    assert_eq!(entries["entries"][0]["actor"], format!("uid:{ANALYST}"));
}

/// Strangers who hold connections keep nobody else out. Seen to fail when their connections are counted like others'.
#[test]
fn strangers_who_hold_the_line_keep_nobody_out() {
    if !can_act_as_others() {
        return;
    }
    let open = Open::init("KE", Some(PEOPLE));
    open.bureau.configure(|text| format!("{text}\n").replace("[limits]", "[limits]\napi_requests = 4"));
    let mut open = open;
    open.bureau.run();
    let script = format!(
        "import socket,sys,time\ns=[]\nfor i in range(40):\n c=socket.socket(socket.AF_UNIX); c.connect({:?}); s.append(c)\n\
         print('held',flush=True)\ntime.sleep(60)",
        open.socket().display().to_string()
    );
    let gid = Group::named(GROUP).expect("groups").expect("the group").gid;
    let mut python = Command::new("python3");
    python.args(["-c", &script]).uid(STRANGER).gid(gid).stdout(Stdio::piped()).stderr(Stdio::null());
    let Ok(mut holding) = python.spawn() else { return };
    let mut line = String::new();
    let out = holding.stdout.take().expect("its output");
    std::io::BufRead::read_line(&mut std::io::BufReader::new(out), &mut line).expect("a line");
    assert_eq!(line, "held\n");
    let begun = std::time::Instant::now();
    for _ in 0..5 {
        assert_eq!(open.problem(ANALYST, &["status"]), "");
    }
    let took = begun.elapsed();
    assert!(took < std::time::Duration::from_secs(20), "they waited until the strangers had gone: {took:?}");
    holding.kill().expect("an end");
    holding.wait().expect("an end");
}
