use std::fs;

use super::*;

const LEAST: &str = "bureau = \"KE\"\nname = \"NCB Nairobi\"\ndata = \"data\"\nlisten = []\n";

fn parse(text: &str) -> Result<Config, Error> {
    Config::parse(text, Path::new("/etc/igain/igain.toml"))
}

/// Line, column and problem of a text that must be refused.
fn refused(text: &str) -> (usize, usize, Problem) {
    match parse(text) {
        Err(Error::Invalid { line, column, problem, .. }) => (line, column, problem),
        other => panic!("{other:?} for {text}"),
    }
}

#[test]
fn the_least_file_has_every_default() {
    let config = parse(LEAST).unwrap();
    assert_eq!(config.bureau.as_str(), "KE");
    assert_eq!(config.data, Path::new("/etc/igain/data"));
    assert_eq!(config.policy, Path::new("/etc/igain/data/policy.cedar"));
    assert_eq!(config.api, Path::new("/etc/igain/data/api.sock"));
    assert_eq!(config.keystore(), Path::new("/etc/igain/data/keys.age"));
    assert_eq!((config.api_group, config.people), (None, None));
    assert_eq!(config.retention, Retention { default_days: 1_095, erase_within_s: 3_600 });
    assert_eq!(config.replication, Replication { interval_s: 60, window: 4 });
    assert_eq!(config.log.level, Level::Info);
}

#[test]
fn people_and_their_group_are_read() {
    let config = parse(&format!("people = \"people.toml\"\napi_group = \"igain-users\"\n{LEAST}")).unwrap();
    assert_eq!(config.people.as_deref(), Some(Path::new("/etc/igain/people.toml")));
    assert_eq!(config.api_group.as_deref(), Some("igain-users"));
    assert_eq!(refused(&format!("api_group = \" \"\n{LEAST}")).0, 1);
    assert_eq!(refused(&format!("people = \"\"\n{LEAST}")).0, 1);
}

#[test]
fn the_example_with_people_is_sound() {
    let config = parse(include_str!("../../../configs/igain.toml")).unwrap();
    assert_eq!(config.people.as_deref(), Some(Path::new("/etc/igain/people.toml")));
    let socket = config.api.strip_prefix("/run/igain").unwrap();
    assert_eq!(socket, Path::new("api.sock"));
    let unit = include_str!("../../../configs/igain.service");
    for line in ["RuntimeDirectory=igain", "PrivateUsers=no", "SystemCallFilter=@chown"] {
        assert!(unit.lines().any(|found| found == line), "{line}");
    }
    assert!(unit.contains(&format!("SupplementaryGroups={}", config.api_group.unwrap())));
}

#[test]
fn the_template_is_read_and_shows_the_true_defaults() {
    let name = "Bureau \"central\" \\ d'Abidjan, Côte d’Ivoire";
    let written = template("CI".parse().unwrap(), name, Path::new("/var/lib/igain"));
    let config = parse(&written).unwrap();
    assert_eq!((config.name.as_str(), config.listen.len()), (name, 2));

    let examples = ["#addresses", "#languages", "#contacts", "#policy", "#api ", "#api_group", "#people"];
    let active: String = written
        .lines()
        .map(|line| match line.strip_prefix('#') {
            Some(rest) if !rest.starts_with(' ') && !examples.iter().any(|key| line.starts_with(key)) => rest,
            _ => line,
        })
        .flat_map(|line| [line, "\n"])
        .collect();
    assert_ne!(active, written);
    assert_eq!(parse(&active).unwrap(), config, "what is shown as default is the default");
}

#[test]
fn the_examples_in_the_template_are_right() {
    let written = template("KE".parse().unwrap(), "NCB Nairobi", Path::new("data"));
    let config = parse(&written.replace("\n#a", "\na").replace("\n#l", "\nl").replace("\n#c", "\nc")).unwrap();
    assert_eq!(config.card.addresses.len(), 2);
    assert_eq!(config.card.languages, ["en"]);
    assert_eq!(config.card.contacts[0].phone.as_deref(), Some("+10000000000"));
}

#[test]
fn an_unknown_key_is_named_with_its_place_and_the_nearest_known() {
    let cases = [
        ("\nintervall_s = 5\n", 7, "intervall_s", Some("interval_s")),
        ("\nWINDOW = 5\n", 7, "WINDOW", Some("window")),
        ("\ninterval-s = 5\n", 7, "interval-s", Some("interval_s")),
        ("\ncolour = 5\n", 7, "colour", None),
    ];
    for (line_text, at, written, expected) in cases {
        let (line, column, problem) = refused(&format!("{LEAST}\n[replication]{line_text}"));
        let Problem::UnknownKey { key, nearest, known } = problem else { panic!("{problem:?}") };
        assert_eq!((line, column, key.as_str(), nearest.as_deref()), (at, 1, written, expected));
        assert_eq!(known, "interval_s, window");
    }
    let error = parse(&LEAST.replace("data", "daat")).unwrap_err().to_string();
    assert_eq!(error, "/etc/igain/igain.toml:3:1: unknown key `daat`. Did you mean `data`?");
}

#[test]
fn what_is_wrong_is_placed() {
    let (line, column, problem) = refused(&LEAST.replace("KE", "Kenya"));
    assert_eq!((line, column, problem), (1, 10, Problem::Bureau("Kenya".into())));

    let (line, column, problem) = refused(&LEAST.replace("[]", "[\"/ip4/0.0.0.0/tcp/1\", \"0.0.0.0:80\"]"));
    assert_eq!((line, column, problem), (4, 33, Problem::Address("0.0.0.0:80".into())));

    let (line, column, problem) = refused(&format!("{LEAST}[replication]\nwindow = 129\n"));
    assert_eq!((line, column), (6, 10));
    assert!(matches!(problem, Problem::Range { key: "window", value: 129, least: 1, most: 128, .. }));

    assert_eq!(refused("name = \"x\"\n").2, Problem::MissingKey("bureau".into()));
    assert_eq!(refused(&LEAST.replace("NCB Nairobi", "  ")).2, Problem::Text { key: "name", fault: "is empty" });
    assert!(matches!(refused(&LEAST.replace("\"KE\"", "KE")), (1, 10, Problem::Toml(_))));
    assert!(matches!(refused(&format!("{LEAST}[log]\nlevel = \"loud\"\n")), (6, 9, Problem::Toml(_))));
    assert!(matches!(refused(&format!("{LEAST}[limits]\npeers = -1\n")), (6, 9, Problem::Range { value: -1, .. })));
    let wrong_type = |line: &str| match refused(&format!("{LEAST}[limits]\n{line}\n")) {
        (6, _, Problem::Toml(told)) => told,
        other => panic!("{other:?}"),
    };
    assert_eq!(wrong_type("peers = 1.5"), "there is floating point `1.5` where a whole number belongs");
    assert_eq!(wrong_type("peers = \"9\""), "there is string \"9\" where a whole number belongs");
    assert!(matches!(refused(&format!("{LEAST}bureau = \"FR\"\n")), (5, 1, Problem::Toml(_))));
    let many = format!("[{}]", ["\"/ip4/0.0.0.0/tcp/1\""; 17].join(","));
    assert!(matches!(refused(&LEAST.replace("[]", &many)).2, Problem::TooMany { count: 17, .. }));
}

#[test]
fn any_bytes_give_an_error_that_says_where() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("igain.toml");
    assert!(matches!(Config::load(&path), Err(Error::Missing(_))));
    assert!(matches!(Config::load(folder.path()), Err(Error::Io { .. })));
    fs::write(&path, b"bureau = \"KE\"\nname = \"\xff\"\n").unwrap();
    assert!(matches!(Config::load(&path), Err(Error::Invalid { line: 2, column: 9, .. })));
    fs::write(&path, vec![b'#'; 300_000]).unwrap();
    assert!(matches!(Config::load(&path), Err(Error::Invalid { line: 1, column: 1, .. })));
    fs::write(&path, format!("\u{feff}{LEAST}").replace('\n', "\r\n")).unwrap();
    assert!(Config::load(&path).is_ok(), "a byte order mark and CRLF do no harm");
    fs::write(&path, "[".repeat(100_000)).unwrap();
    assert!(Config::load(&path).is_err());
}

proptest::proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "[a-z\\[\\]={}\" .,#0-9\\n\\\\é]{0,200}") {
        let _ = parse(&text);
        let _ = parse(&format!("{LEAST}{text}"));
    }
}
