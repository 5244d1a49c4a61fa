//! A session carries the purpose and the case.

use igain_tests::daemon::Bureau;

use super::*;

/// Seen to fail when the session is used without a word, and when it goes before what is typed.
#[test]
fn a_session_says_why_where_nothing_is_typed_and_that_it_does() {
    let ke = Bureau::start("KE");
    ke.json(&["session", "end"]);
    assert_eq!(ke.refused(&["session", "show"]), (4, "session.none".into()));
    for command in [&["record", "list"][..], &["query", "--phone", "1234567"], &["record", "show", UNKNOWN]] {
        let said = ke.igain(command);
        assert!(said.code == Some(2) && said.err.contains("igain session start"), "{said:?}");
    }
    let started = ke.json(&["session", "start", "--purpose", "identify", "--case", "NBO/2026/18", "--for", "2h"]);
    assert_eq!(ke.json(&["session", "show"]), started);
    assert_eq!((&started["purpose"], &started["case"]), (&"identify".into(), &"NBO/2026/18".into()));
    let of = |command: &[&str], action: &str| {
        let said = ke.igain(command);
        assert_eq!(said.code, Some(0), "{said:?}");
        let entries = ke.json(&["audit", "list", "--limit", "1", "--action", action]);
        (said.err, text(&entries["entries"][0]["purpose"]), text(&entries["entries"][0]["case"]))
    };
    let (said, purpose, case) = of(&["record", "list"], "record.list");
    assert!(said.contains("identify") && said.contains("NBO/2026/18") && said.contains("session"), "{said}");
    assert_eq!((purpose.as_str(), case.as_str()), ("identify", "NBO/2026/18"));
    let (said, purpose, case) = of(&[&["query", "--phone", "1234567"][..], &WHY].concat(), "query");
    assert!(!said.contains("session"), "{said}");
    assert_eq!((purpose.as_str(), case.as_str()), ("investigation", "NBO/2026/17"));
    let data = ke.igain(&["record", "list", "--json"]);
    assert!(data.json().is_object() && data.err.contains("NBO/2026/18"), "{data:?}");
    for wrong in ["", "a\nb"] {
        let (code, problem) = ke.refused(&["session", "start", "--purpose", "identify", "--case", wrong]);
        assert_eq!((code, problem.starts_with("query.")), (1, true), "{wrong:?}");
    }
    assert_eq!(ke.json(&["session", "show"]), started, "what was refused began nothing");
    assert_eq!(ke.json(&["session", "end"])["ended"], true);
    assert_eq!(ke.json(&["session", "end"])["ended"], false);
    assert_eq!(ke.refused(&["session", "show"]), (4, "session.none".into()));
}

/// A session is its user's own: nobody speaks through one that another could have written. Seen to fail when owner and
/// mode are not looked at.
#[test]
fn nobody_asks_by_anothers_session() {
    if !can_act_as_others() {
        return;
    }
    let open = Open::start("KE", Some(PEOPLE));
    open.json(ANALYST, &[&["session", "start"][..], &WHY].concat());
    open.json(ANALYST, &["record", "list"]);
    assert_eq!(open.problem(CONTRIBUTOR, &["record", "list"]), "cli.usage", "another user has none");
    let file = open.home(ANALYST).join("igain/session.json");
    let set = |mode| std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).expect("its mode");
    set(0o666);
    assert_eq!(open.problem(ANALYST, &["record", "list"]), "session.unsafe");
    set(0o600);
    std::os::unix::fs::chown(&file, Some(CONTRIBUTOR), None).expect("its owner");
    assert_ne!(open.problem(ANALYST, &["record", "list"]), "", "of another it cannot even be read");
    std::os::unix::fs::chown(&file, Some(ANALYST), None).expect("its owner");
    assert_eq!(open.problem(ANALYST, &["record", "list"]), "");
}
