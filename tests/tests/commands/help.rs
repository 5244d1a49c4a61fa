//! Help, usage errors, and what holds for all commands: JSON, exit codes.

use igain_tests::daemon::{Bureau, Said};

use super::{EVERYTHING, SHARED, WHY, add, list, text};

/// All commands, as typed.
const COMMANDS: [&str; 56] = [
    "init",
    "run",
    "status",
    "card show",
    "card export",
    "key passphrase",
    "key rotate",
    "peer enrol",
    "peer list",
    "peer show",
    "peer revoke",
    "peer reinstate",
    "peer drop",
    "caf create",
    "caf invite",
    "caf dismiss",
    "caf join",
    "caf leave",
    "caf close",
    "caf list",
    "caf show",
    "record add",
    "record revise",
    "record show",
    "record withdraw",
    "record holders",
    "record schema",
    "record list",
    "import",
    "policy check",
    "policy plan",
    "policy apply",
    "policy show",
    "policy explain",
    "query",
    "session start",
    "session show",
    "session end",
    "audit list",
    "audit verify",
    "audit export",
    "store verify",
    "backup create",
    "backup verify",
    "backup list",
    "backup restore",
    "demo",
    "clock accept",
    "clock reset",
    "clock show",
    "recovery show",
    "recovery serve",
    "recovery accept",
    "recovery close",
    "completions",
    "help",
];

/// The public key of nobody in particular.
const RECIPIENT: &str = "age1dj4jv4np07k4m4pldfepvuh0fuwdvw3c83yj06agjls4acqk4easnpqft4";

fn help(bureau: &Bureau, command: &str) -> Said {
    let mut words: Vec<&str> = command.split(' ').filter(|word| !word.is_empty()).collect();
    if words != ["help"] {
        words.push("--help");
    }
    bureau.igain(&words)
}

#[test]
fn every_command_explains_itself_and_fits_a_terminal() {
    let ke = Bureau::init("KE");
    for command in COMMANDS {
        let said = help(&ke, command);
        assert!(said.code == Some(0) && said.err.is_empty(), "{command}: {said:?}");
        assert!(said.out.contains("Usage: igain"), "{command}: {}", said.out);
        let wide = said.out.lines().find(|line| line.chars().count() > 120);
        assert_eq!(wide, None, "{command}");
    }
    let top = help(&ke, "").out;
    for word in ["First steps:", "igain init KE", "Exit codes: 0 done", "3 the daemon cannot be reached", "4 not found"]
    {
        assert!(top.contains(word), "{word}: {top}");
    }
    for command in [
        "init",
        "run",
        "peer enrol",
        "caf create",
        "caf join",
        "record add",
        "import",
        "query",
        "policy plan",
        "policy apply",
        "session start",
        "audit list",
        "backup create",
        "backup restore",
    ] {
        let said = help(&ke, command);
        assert!(said.out.contains("Example"), "{command} gives no example: {}", said.out);
    }
}

#[test]
fn every_command_that_help_names_is_known_here() {
    let ke = Bureau::init("KE");
    let names = |command: &str| -> Vec<String> {
        let out = help(&ke, command).out;
        let below = out.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
        below
            .filter_map(|line| line.split_whitespace().next().map(str::to_owned))
            .filter(|name| name != "help")
            .collect()
    };
    let mut known: Vec<String> = Vec::new();
    for name in names("") {
        let below = names(&name);
        known.extend(below.iter().map(|sub| format!("{name} {sub}")));
        if below.is_empty() {
            known.push(name);
        }
    }
    known.sort();
    let mut here: Vec<&str> = COMMANDS.into_iter().filter(|command| *command != "help").collect();
    here.sort_unstable();
    assert_eq!(known, here);
}

#[test]
fn wrong_usage_ends_with_2_and_a_hint_as_json_too() {
    let ke = Bureau::init("KE");
    ke.json(&["session", "end"]);
    for (line, hint) in [
        ("recrod list", "record"),
        ("record lst", "list"),
        ("status --jsn", "--json"),
        ("caf show x", "x"),
        ("peer show kenya", "kenya"),
        ("query --phone 1", "--purpose"),
        ("record list", "igain session start"),
        ("session start --purpose identify --case C1 --for 2w", "8h"),
        ("record add phone number=1 --tlp mauve", "green"),
    ] {
        let words: Vec<&str> = line.split(' ').collect();
        let said = ke.igain(&words);
        assert!(said.code == Some(2) && said.out.is_empty() && said.err.contains(hint), "{line}: {said:?}");
        if !line.contains("--jsn") {
            let said = ke.igain(&[&words[..], &["--json"]].concat());
            assert_eq!((said.code, said.out.as_str()), (Some(2), ""), "{line}");
            assert_eq!(said.err.lines().count(), 1, "{line}: {}", said.err);
            let problem = said.problem();
            assert_eq!(problem["code"], "cli.usage", "{line}");
            assert!(text(&problem["detail"]).contains(hint), "{line}: {problem}");
        }
    }
}

#[test]
fn the_schema_lists_kinds_and_fields_without_a_daemon() {
    let ke = Bureau::init("KE");
    let lists = ke.json(&["record", "schema"]);
    assert_eq!(list(&lists["kinds"]).len(), 14);
    let shown = ke.igain(&["record", "schema"]).out;
    for word in ["person", "TLP markings", "cocaine-trafficking", "Purposes", "Disclosure groups", "Identifiers"] {
        assert!(shown.contains(word), "{word}: {shown}");
    }
    for kind in list(&lists["kinds"]) {
        let kind = text(&kind["code"]);
        let schema = ke.json(&["record", "schema", &kind]);
        assert!(list(&schema["fields"]).iter().all(|field| field["group"].is_string() && field["doc"].is_string()));
        let shown = ke.igain(&["record", "schema", &kind]).out;
        assert!(shown.lines().nth(1).is_some_and(|head| head.starts_with("FIELD")), "{shown}");
    }
    assert_eq!(ke.igain(&["record", "schema", "boat"]).code, Some(2));
}

/// With `--json`, what a command answers is JSON and nothing else, and what it refuses is one problem document.
#[test]
fn every_command_speaks_json() {
    let ke = Bureau::start("KE");
    let fr = Bureau::start("FR");
    let card = fr.json(&["card", "export"]);
    ke.write("fr.card", card["armor"].as_str().expect("a card"));
    ke.write("next.cedar", EVERYTHING);
    ke.write("phones.csv", "number\n+254 700 000 007\n");
    let mapping = "[source]\nname = \"phones\"\n";
    ke.write("phones.toml", mapping);
    let print = text(&card["fingerprint"]);
    let id = add(&ke, &["phone", "number=+254 700 000 001"]);
    let caf = text(
        &ke.json(&[
            "caf",
            "create",
            "Test",
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
    let done: Vec<Vec<&str>> = vec![
        vec!["status"],
        vec!["card", "show"],
        vec!["card", "export"],
        vec!["card", "export", "--out", "ke.card"],
        vec!["peer", "enrol", "fr.card", "--fingerprint", &print],
        vec!["peer", "list"],
        vec!["peer", "show", "FR"],
        vec!["caf", "invite", &caf, "FR"],
        vec!["caf", "list"],
        vec!["caf", "show", &caf],
        vec!["caf", "dismiss", &caf, "FR"],
        vec!["caf", "join", &caf],
        vec!["caf", "leave", &caf],
        vec!["caf", "close", &caf],
        [&["record", "add", "phone", "number=+254 700 000 002"][..], &SHARED].concat(),
        vec!["record", "revise", &id, "type=mobile"],
        vec!["record", "show", &id],
        vec!["record", "list"],
        vec!["record", "holders", &id],
        vec!["record", "schema"],
        vec!["record", "schema", "phone"],
        vec!["policy", "check", "next.cedar"],
        vec!["policy", "plan", "next.cedar"],
        vec!["policy", "apply", "next.cedar", "--yes"],
        vec!["policy", "show"],
        vec!["policy", "explain", &id, "FR"],
        [&["query", "--phone", "+254 700 000 001"][..], &WHY].concat(),
        vec!["session", "show"],
        vec!["session", "end"],
        [&["session", "start"][..], &WHY].concat(),
        vec!["audit", "list"],
        vec!["audit", "verify"],
        vec!["store", "verify"],
        vec!["backup", "create", ".", "--to-key", RECIPIENT],
        vec!["backup", "create", "--pipe", "cat > /dev/null", "--to-key", RECIPIENT],
        vec!["backup", "list", "."],
        vec!["record", "withdraw", &id, "--yes"],
        vec!["peer", "revoke", "FR", "--why", "compromised", "--yes"],
        vec!["peer", "drop", "FR", "--yes"],
        vec!["peer", "reinstate", "FR", "--fingerprint", &print],
        vec!["key", "rotate", "--passphrase-file", "passphrase", "--throw-away"],
    ];
    for command in &done {
        let answer = ke.json(command);
        assert!(answer.is_object(), "{command:?}: {answer}");
    }
    for entry in ke.igain(&["audit", "export", "--json"]).out.lines() {
        serde_json::from_str::<serde_json::Value>(entry).expect("JSON lines");
    }
    let unknown = "0190163d-8694-739b-aea5-966c26f8ad91";
    for command in [
        vec!["record", "show", unknown],
        vec!["record", "holders", unknown],
        vec!["caf", "show", unknown],
        vec!["peer", "show", "DE"],
        vec!["policy", "check", "phones.toml"],
        vec!["import", "nowhere.csv", "--mapping", "phones.toml"],
        vec!["import", "phones.csv", "--mapping", "phones.toml"],
        vec!["record", "add", "phone", "number="],
        vec!["init", "KE", "--name", "NCB", "--passphrase-file", "passphrase"],
        vec!["run", "--passphrase-file", "nowhere"],
        vec!["backup", "create", ".", "--to-key", "age1"],
        vec!["backup", "verify", ".", "--identity", "nowhere"],
        vec!["backup", "restore", "--identity", "nowhere", "--from", ".", "--data", "new"],
    ] {
        let said = ke.igain(&[&command[..], &["--json"]].concat());
        assert!(said.out.is_empty() && said.code.is_some_and(|code| code > 0), "{command:?}: {said:?}");
        let problem = said.problem();
        assert!(
            problem["type"].as_str().is_some_and(|kind| kind.starts_with("urn:igain:problem:")),
            "{command:?}: {problem}"
        );
        assert!(["code", "title", "detail"].iter().all(|part| problem[part].is_string()), "{command:?}: {problem}");
        assert!(problem["status"].as_u64() >= Some(400), "{command:?}: {problem}");
    }
}
