//! `igain policy`.

use igain_tests::daemon::{Bureau, federation};

use super::{EVERYTHING, add, field, holds, list, lost, text};

const CORE: &str = "@id(\"core-only\")\n@reason(\"as agreed\")\npermit (principal == Bureau::\"FR\", action == Action::\"core\", resource);\n";

#[test]
fn a_sound_policy_passes_the_check_without_a_daemon() {
    let ke = Bureau::init("KE");
    ke.write("next.cedar", EVERYTHING);
    let checked = ke.json(&["policy", "check", "next.cedar"]);
    assert_eq!((&checked["file"], &checked["rules"][0]["id"]), (&"next.cedar".into(), &"everything".into()));
    assert!(ke.igain(&["policy", "check", "next.cedar"]).out.contains("next.cedar: sound, 1 rule"));
    assert_eq!(ke.igain(&["policy", "check"]).code, Some(0), "that of the configuration");
    let repository = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs/policy");
    for file in std::fs::read_dir(repository).expect("policies") {
        let path = file.expect("a file").path();
        let said = ke.igain(&["policy", "check", path.to_str().expect("a path")]);
        assert_eq!(said.code, Some(0), "{said:?}");
    }
}

#[test]
fn every_mistake_is_told_with_its_place() {
    let ke = Bureau::start("KE");
    let text = "@id(\"a\")\npermit (principal, action == Action::\"cor\", resource);\n\n\
                @id(\"b\")\npermit (principal, action, resource)\nwhen { resource.tlpp == Tlp::\"green\" };\n\
                @id(\"c\")\npermit (principal, action, resource) when { resource.fields.contains(1) };\n";
    ke.write("next.cedar", text);
    for command in [
        ["policy", "check", "next.cedar"].as_slice(),
        &["policy", "plan", "next.cedar"],
        &["policy", "apply", "next.cedar", "--yes"],
    ] {
        let said = ke.igain(command);
        assert_eq!(said.code, Some(1), "{said:?}");
        for place in ["next.cedar:2:", "next.cedar:6:", "next.cedar:8:"] {
            assert!(said.err.contains(place), "{place}: {}", said.err);
        }
        let problem = ke.igain(&[command, &["--json"]].concat()).problem();
        assert_eq!(problem["code"], "policy");
        let lines: Vec<_> = list(&problem["problems"]).iter().map(|problem| problem["line"].as_u64()).collect();
        assert_eq!(lines, [Some(2), Some(6), Some(8)], "{problem}");
        assert!(list(&problem["problems"]).iter().all(|problem| problem["column"].as_u64() > Some(1)));
    }
    assert!(list(&ke.json(&["audit", "list", "--action", "policy"])["entries"]).is_empty(), "nothing was applied");
    ke.write("next.cedar", "permit (principal, action, resource)");
    let said = ke.igain(&["policy", "check", "next.cedar"]);
    assert!(said.err.contains("next.cedar:1:"), "{}", said.err);
    assert_eq!(ke.refused(&["policy", "check", "nowhere.cedar"]), (1, "cli.file".into()));
}

#[test]
fn a_plan_says_what_apply_then_does_and_what_is_lost_is_purged_and_receipted() {
    let bureaus = federation(&["KE", "FR", "BR"]);
    let [ke, fr, br] = &bureaus[..] else { panic!("three bureaus") };
    let phone = add(ke, &["phone", "number=+254 700 000 001", "operator=Test Mobile"]);
    let car = add(ke, &["vehicle", "plate=KAA 001A", "make=Test"]);
    ke.write("all.cedar", EVERYTHING);
    let plan = ke.json(&["policy", "plan", "all.cedar"]);
    assert_eq!((plan["applied"].as_bool(), list(&plan["changes"]).len()), (Some(false), 4));
    let first = &plan["changes"][0];
    assert_eq!((&first["records"], &first["lost"]), (&1.into(), &"none".into()));
    assert!(first["gained"] == "all" && first["because"][0].as_str().is_some_and(|why| why.contains("everything")));
    let shown = ke.igain(&["policy", "plan", "all.cedar"]).out;
    for word in ["BUREAU", "+", "FR", "BR", "phone", "TLP:GREEN", "everything (all.cedar:", "would be given"] {
        assert!(shown.contains(word), "{word}: {shown}");
    }
    assert!(
        list(&ke.json(&["policy", "plan", "all.cedar"])["changes"]) == list(&plan["changes"]),
        "a plan changes nothing"
    );
    let applied = ke.json(&["policy", "apply", "all.cedar", "--yes"]);
    assert_eq!(applied["changes"], plan["changes"], "apply does just what the plan said");
    assert_eq!(ke.json(&["policy", "show"])["sha256"], applied["sha256"]);
    assert!(list(&ke.json(&["policy", "plan", "all.cedar"])["changes"]).is_empty());
    for bureau in [fr, br] {
        assert_eq!(field(&holds(bureau, &phone), "number"), Some("+254 700 000 001"));
        holds(bureau, &car);
    }

    ke.write("core.cedar", CORE);
    let plan = ke.json(&["policy", "plan", "core.cedar"]);
    let lost_of = |bureau: &str| {
        list(&plan["changes"])
            .iter()
            .filter(|row| row["peer"] == bureau)
            .map(|row| text(&row["lost"]))
            .collect::<Vec<_>>()
    };
    assert!(lost_of("BR").iter().all(|lost| lost == "all") && lost_of("BR").len() == 2, "{plan}");
    assert!(lost_of("FR").iter().all(|lost| !lost.contains("core") && lost.contains("identifiers")), "{plan}");
    assert_eq!(
        ke.refused(&["policy", "apply", "core.cedar"]),
        (1, "cli.declined".into()),
        "nobody is there to be asked"
    );
    let said = ke.igain(&["policy", "apply", "core.cedar", "--yes"]);
    assert!(said.code == Some(0) && said.out.contains("The policy is in force"), "{said:?}");
    lost(br, &phone);
    lost(br, &car);
    let redacted = fr.eventually(&["record", "show", &phone], |found| found["records"][0]["redacted"] == true);
    let redacted = &redacted["records"][0];
    assert_eq!((field(redacted, "number"), field(redacted, "operator")), (None, Some("Test Mobile")));
    assert!(fr.igain(&["record", "show", &phone]).out.contains("its owner grants core only"));
    ke.eventually(&["record", "holders", &phone], |holders| {
        let of = |bureau: &str| list(&holders["holders"]).iter().find(|holder| holder["bureau"] == bureau).cloned();
        of("BR").is_some_and(|br| br["state"] == "purged" && br["purged"].is_string())
            && of("FR").is_some_and(|fr| fr["state"] == "holds")
    });
}

#[test]
fn explain_names_the_rule_that_decided() {
    let bureaus = federation(&["KE", "FR"]);
    let ke = &bureaus[0];
    ke.apply(&format!("{CORE}@id(\"no-cars\")\n@reason(\"cars stay here\")\nforbid (principal, action, resource) when {{ resource.kind == Kind::\"vehicle\" }};\n"));
    let (phone, car) = (add(ke, &["phone", "number=+254 700 000 001"]), add(ke, &["vehicle", "plate=KAA 001A"]));
    let why = ke.json(&["policy", "explain", &phone, "FR"]);
    assert_eq!(why["granted"], "core");
    let group = |name: &str| {
        list(&why["decisions"]).iter().find(|decision| decision["group"] == name).expect("a group").clone()
    };
    assert_eq!((&group("core")["allowed"], &group("core")["rules"][0]["id"]), (&true.into(), &"core-only".into()));
    assert_eq!(group("identifiers")["default_deny"], true);
    let shown = ke.igain(&["policy", "explain", &car, "FR"]).out;
    for word in ["FR gets", "withheld", "forbidden by no-cars", "cars stay here", "in vain, permitted by core-only"] {
        assert!(shown.contains(word), "{word}: {shown}");
    }
    let red = ke.json(&["record", "add", "phone", "number=+254 700 000 002", "--grading", "B2", "--tlp", "red"]);
    let shown = ke.igain(&["policy", "explain", red["outcomes"][0]["id"].as_str().expect("an id"), "FR"]).out;
    assert!(shown.contains("baseline.red"), "{shown}");
    assert_eq!(ke.refused(&["policy", "explain", &phone, "DE"]), (4, "peer.unknown".into()));
    let unknown = "0190163d-8694-739b-aea5-966c26f8ad91";
    assert_eq!(ke.refused(&["policy", "explain", unknown, "FR"]), (4, "record.unknown".into()));
}

#[test]
fn show_prints_the_policy_in_force_and_the_rules_that_come_before_it() {
    let ke = Bureau::start("KE");
    ke.apply(CORE);
    let shown = ke.igain(&["policy", "show"]);
    assert_eq!(shown.code, Some(0));
    for word in ["in force", "baseline.red", "TLP:RED goes only to", "core-only", "as agreed"] {
        assert!(shown.out.contains(word), "{word}: {}", shown.out);
    }
    ke.write("shown.cedar", &shown.out);
    assert_eq!(ke.igain(&["policy", "check", "shown.cedar"]).code, Some(0), "what is shown is a policy");
    ke.write("data/policy.cedar", EVERYTHING);
    assert!(ke.igain(&["policy", "show"]).out.contains("is not what is in force"));
}

/// A plan is read by people: records that differ in their grading alone, and fare alike, are one line of it. Seen to fail when
/// each label was a line.
#[test]
fn a_plan_has_one_line_for_what_reads_alike() {
    let bureaus = federation(&["KE", "FR"]);
    let ke = &bureaus[0];
    for (number, grading) in [("1", "A1"), ("2", "B2"), ("3", "C3")] {
        let number = format!("number=+254 700 000 00{number}");
        ke.json(&["record", "add", "phone", &number, "--tlp", "green", "--grading", grading]);
    }
    ke.write("all.cedar", EVERYTHING);
    let shown = ke.igain(&["policy", "plan", "all.cedar"]).out;
    assert_eq!(shown.lines().filter(|line| line.starts_with('+')).count(), 1, "{shown}");
    assert!(shown.contains("More of 3 records would be given"), "{shown}");
    let plan = ke.json(&["policy", "plan", "all.cedar"]);
    let gradings: Vec<_> = list(&plan["changes"]).iter().map(|row| row["grading"].clone()).collect();
    assert_eq!(gradings, ["A1", "B2", "C3"], "{plan}");
}
