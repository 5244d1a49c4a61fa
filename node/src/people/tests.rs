use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use super::*;

const FILE: &str = "\
[[person]]
name = \"a.mwangi\"
users = [\"amwangi\", 1004]
roles = [\"analyst\", \"contributor\"]

[[person]]
name = \"j.otieno\"
users = [1002]
roles = [\"auditor\"]
";

fn machine(name: &str) -> std::io::Result<Option<u32>> {
    match name {
        "amwangi" => Ok(Some(1_001)),
        "nobody" => Ok(Some(65_534)),
        "lost" => Err(std::io::ErrorKind::TimedOut.into()),
        _ => Ok(None),
    }
}

fn people(text: &str) -> People {
    People { own: 77, file: Some(read::parse(text.as_bytes(), &machine).unwrap()) }
}

/// The line and fault of a text that must be refused.
fn refused(text: &str) -> (usize, Fault) {
    let (span, fault) = read::parse(text.as_bytes(), &machine).unwrap_err();
    (text[..span.start].matches('\n').count() + 1, fault)
}

#[test]
fn users_are_persons_with_roles() {
    let people = people(FILE);
    assert_eq!(people.persons(), 2);
    let amina = people.known(1_001).unwrap();
    assert_eq!(amina.name.as_ref().map(PersonName::as_str), Some("a.mwangi"));
    assert!(amina.roles.has(Role::Analyst) && amina.roles.has(Role::Contributor) && !amina.roles.has(Role::Auditor));
    assert_eq!(people.known(1_004), Some(amina), "one person may have several users");
    assert_eq!(people.known(1_002).unwrap().roles, Role::Auditor.into());
    assert_eq!(people.known(1_003), None);
}

#[test]
fn the_daemons_user_and_root_look_after_the_daemon_unless_the_file_says_more() {
    for uid in [0, 77] {
        let unlisted = people(FILE).known(uid).unwrap();
        assert_eq!(unlisted, Known { name: None, roles: Role::Operator.into() });
        let listed = people(&FILE.replace("1002", &uid.to_string())).known(uid).unwrap();
        assert_eq!(listed.roles, Role::Auditor.into(), "{uid}");
        assert_eq!(People::only(77).known(uid), Some(Known { name: None, roles: Roles::ALL }));
    }
    assert_eq!(People::only(77).known(1_001), None);
}

#[test]
fn what_is_wrong_is_told_with_its_line() {
    for (from, to, line, fault) in [
        ("a.mwangi", "Amina M.", 2, Fault::Name("Amina M.".into())),
        ("a.mwangi", "1001", 2, Fault::Name("1001".into())),
        ("a.mwangi", "", 2, Fault::Name(String::new())),
        ("j.otieno", "a.mwangi", 7, Fault::NameTwice("a.mwangi".into())),
        ("auditor", "chief", 9, Fault::Role("chief".into())),
        ("[\"auditor\"]", "[]", 9, Fault::Empty("roles")),
        ("[1002]", "[]", 8, Fault::Empty("users")),
        ("[1002]", "[1,2,3,4,5,6,7,8,9]", 8, Fault::TooMany("users", 8)),
        ("amwangi\"", "mwangi\"", 3, Fault::User("mwangi".into())),
        ("amwangi\"", "lost\"", 3, Fault::User("lost".into())),
        ("amwangi\"", "nobody\"", 3, Fault::SharedUser(65_534)),
        ("1002", "4294967295", 8, Fault::SharedUser(u32::MAX)),
        ("1002", "1004", 8, Fault::UserTwice("1004".into())),
        ("1002", "\"amwangi\"", 8, Fault::UserTwice("amwangi".into())),
    ] {
        assert_eq!(refused(&FILE.replacen(from, to, 1)), (line, fault), "{from} -> {to}");
    }
    for (from, to, line, word) in [
        ("roles = [\"auditor\"]", "roles = [\"auditor\"]\nrank = 7", 10, "rank"),
        ("roles = [\"auditor\"]", "", 6, "roles"),
        ("1002", "-1", 8, "by name"),
        ("[[person]]\nname = \"j", "[[persons]]\nname = \"j", 6, "persons"),
        ("[1002]", "1002", 8, "sequence"),
        ("users = [1002]", "users = [", 9, ""),
    ] {
        let (at, fault) = refused(&FILE.replacen(from, to, 1));
        let Fault::Toml(why) = &fault else { panic!("{fault:?}") };
        assert!(at == line && why.contains(word), "{to}: line {at}: {why}");
        assert!(fault.to_string().contains("configs/people.toml"), "{fault}");
    }
    assert!(matches!(refused(""), (1, Fault::Toml(_))), "a file that names nobody is a mistake");
    assert!(read::parse(b"\xff", &machine).is_err());
    assert!(read::parse(&vec![b'#'; 2 << 20], &machine).is_err());
}

#[test]
fn the_example_is_sound() {
    let known = |name: &str| Ok(Some(3_000 + name.bytes().map(u32::from).sum::<u32>()));
    let listed = read::parse(include_bytes!("../../../configs/people.toml"), &known).unwrap();
    assert_eq!((listed.persons, listed.by_uid.len()), (5, 6));
    let shown: Vec<Role> =
        Role::ALL.into_iter().filter(|role| listed.by_uid.values().any(|known| known.roles.has(*role))).collect();
    assert_eq!(shown, Role::ALL, "it shows every role");
}

#[test]
fn a_file_that_others_could_have_written_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("people.toml");
    assert_eq!(People::load(Some(&path)).unwrap_err().code(), "people.io");
    fs::write(&path, FILE.replace("\"amwangi\", ", "")).unwrap();
    for (mode, fine) in [(0o600, true), (0o644, true), (0o660, false), (0o646, false)] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let loaded = People::load(Some(&path));
        assert_eq!(loaded.is_ok(), fine, "{mode:o}");
        if let Err(error) = loaded {
            assert_eq!(error.code(), "people.writable");
            assert!(error.to_string().contains("chmod go-w"), "{error}");
        }
    }
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    fs::write(&path, FILE.replace("\"amwangi\", ", "").replace("auditor", "chief")).unwrap();
    let error = People::load(Some(&path)).unwrap_err();
    assert_eq!((error.code(), error.line()), ("people.invalid", Some(9)));
    let text = error.to_string();
    assert!(text.starts_with(&format!("{}:9: there is no role `chief`", path.display())), "{text}");
    assert!(People::load(None).unwrap().known(own_uid()).unwrap().roles.has(Role::Analyst));
}

#[test]
fn names_are_short_and_say_nothing_else() {
    for good in ["a.mwangi", "jo", "a", "analyst-7", "k_o9"] {
        assert!(PersonName::new(good).is_some(), "{good}");
    }
    for bad in ["", "A.Mwangi", "a mwangi", ".a", "a.", "7", "é", "a:b", "a/b", "a\n", &"a".repeat(33)] {
        assert!(PersonName::new(bad).is_none(), "{bad}");
    }
}

proptest::proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "[a-z\\[\\]={}\" .,#0-9\\n\\\\é-]{0,200}") {
        let _ = read::parse(text.as_bytes(), &machine);
        let _ = read::parse(format!("{FILE}{text}").as_bytes(), &machine);
    }
}
