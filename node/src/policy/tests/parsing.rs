//! What is wrong with a policy text, and where.

use super::*;

fn problems(text: &str) -> Vec<Problem> {
    Policy::parse(text, "ke.cedar").unwrap_err().problems
}

/// The one problem of `text`, as `line:column: message`, and its help.
fn only(text: &str) -> (String, String) {
    let found = problems(text);
    assert_eq!(found.len(), 1, "{found:#?}");
    (format!("{}:{}: {}", found[0].line, found[0].column, found[0].message), found[0].help.clone())
}

#[test]
fn a_syntax_error_has_its_place_and_what_was_expected() {
    let (place, help) = only("permit (principal, action, resource)\nwhen { resource.tlp = Tlp::\"red\" };");
    assert!(place.starts_with("2:8: ") && place.contains("'='"), "{place}");
    assert!(help.ends_with('.'), "{help}");
    let (place, _) = only("permit (principal, action);");
    assert_eq!(place, "1:26: this policy is missing the `resource` variable in the scope");
    let (place, _) = only("// é\n  // ключ\npermit (principal, action, resource)");
    assert!(place.starts_with("3:37: "), "{place}");
}

#[test]
fn a_misspelt_word_or_attribute_is_an_error_where_it_stands() {
    let (place, _) = only("@id(\"a\")\nforbid (principal, action, resource)\nwhen { resource.tlp == Tlp::\"ambre\" };");
    assert!(place.starts_with("3:24: ") && place.contains("ambre"), "{place}");
    let (place, help) = only("permit (principal, action, resource)\nwhen { resource.kin == Kind::\"person\" };");
    assert!(place.starts_with("2:8: ") && place.contains("kin") && place.contains("rule-1"), "{place}");
    assert!(help.contains("kind"), "{help}");
    let (place, _) = only("permit (principal, action == Action::\"everything\", resource);");
    assert!(place.contains("everything"), "{place}");
}

#[test]
fn content_and_what_lies_beyond_the_label_are_out_of_reach() {
    for condition in [
        "resource.name == \"Smith\"",
        "context.purpose == \"x\"",
        "resource has caf && resource.caf has manager && resource.caf.manager.revoked",
        "resource.crime_area == CrimeArea::\"fraud\"",
    ] {
        let text = format!("permit (principal, action, resource) when {{ {condition} }};");
        assert!(Policy::parse(&text, "p").is_err(), "{condition}");
    }
}

#[test]
fn names_that_nothing_can_have_are_refused() {
    for (text, place) in [
        ("permit (principal == Bureau::\"fr\", action, resource);", "1:22: `Bureau::\"fr\"` names nothing"),
        (
            "permit (principal, action, resource)\nwhen { principal.country == Country::\"FRA\" };",
            "2:29: `Country::\"FRA\"` names nothing",
        ),
        (
            "permit (principal, action, resource)\nwhen { principal.cafs.contains(Caf::\"cocaine\") };",
            "2:32: `Caf::\"cocaine\"` names nothing",
        ),
    ] {
        let (found, help) = only(text);
        assert_eq!(found, place);
        assert!(!help.is_empty());
    }
}

#[test]
fn rules_that_can_never_apply_are_refused() {
    assert!(!problems("permit (principal, action, resource) when { false };").is_empty());
    assert!(!problems("permit (principal == ?principal, action, resource);").is_empty());
    assert!(!problems("permit (principal == Label::\"x\", action, resource);").is_empty());
    assert!(!problems("permit (principal, action, resource == Label::\"x\");").is_empty());
    assert!(!problems("permit (principal, action == Action::\"disclose\", resource);").is_empty());
}

#[test]
fn ids_are_unique_and_short() {
    let rule = "permit (principal, action, resource);";
    let (place, _) = only(&format!("@id(\"a\") {rule}\n@id(\"a\") {rule}"));
    assert_eq!(place, "2:1: the id `a` is empty or belongs to another rule");
    let (place, _) = only(&format!("@id(\"baseline.red\") {rule}"));
    assert!(place.contains("baseline.red"), "{place}");
    assert!(only(&format!("@id(\"\") {rule}")).0.contains("empty"));
    assert!(only(&format!("@reason(\"{}\") {rule}", "x".repeat(400))).0.contains("@reason"));
}

#[test]
fn every_problem_is_reported_in_the_order_of_the_text() {
    let found = problems(
        "permit (principal == Bureau::\"xx9\", action, resource);\n\
         permit (principal, action, resource) when { resource.a };\n\
         permit (principal, action, resource) when { resource.kind == Kind::\"persn\" };",
    );
    assert_eq!(found.iter().map(|problem| problem.line).collect::<Vec<_>>(), [1, 2, 3], "{found:#?}");
    let shown = Error { problems: found }.to_string();
    assert_eq!(shown.lines().count(), 3);
    assert!(shown.lines().all(|line| line.starts_with("ke.cedar:")), "{shown}");
}

#[test]
fn a_text_is_kept_as_it_was_given() {
    let text = format!("\u{feff}// a comment\r\n{OPEN}\r\n");
    let policy = policy(&text);
    assert_eq!((policy.text(), policy.file()), (text.as_str(), "ke.cedar"));
    assert_eq!(policy.sha256(), <[u8; 32]>::from(Sha256::digest(&text)));
    assert_eq!(policy.rules().last().map(|rule| (rule.id.as_str(), rule.line)), Some(("open", 2)));
}

#[test]
fn a_file_that_is_no_policy_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("p.cedar");
    assert!(Policy::load(&path).unwrap_err().to_string().contains("cannot be read"));
    std::fs::write(&path, b"// fine\n// \xff\n").unwrap();
    let error = Policy::load(&path).unwrap_err();
    assert_eq!((error.problems[0].line, error.problems[0].column), (2, 4), "{error}");
    std::fs::write(&path, vec![b' '; TEXT_LIMIT + 2]).unwrap();
    assert!(Policy::load(&path).unwrap_err().to_string().contains("larger than"));
    std::fs::write(&path, OPEN).unwrap();
    assert_eq!(Policy::load(&path).unwrap().rules().filter(|rule| rule.author == Author::Administrator).count(), 1);
}

#[test]
fn the_longest_rules_are_decided_the_same_on_a_small_stack() {
    let sum = format!("{} == 0", ["1"; 195].join(" + "));
    let or = ["resource.onward"; 195].join(" || ");
    let nested = format!("{} resource.onward {}", "if resource.onward then false else (".repeat(29), ")".repeat(29));
    let chained = format!("{} resource.onward", "if resource.onward then false else ".repeat(195));
    let not = format!("{}resource.onward{}", "!(!(".repeat(14), "))".repeat(14));
    for long in [sum, or, nested, chained, not] {
        let policy = policy(&format!(
            "{OPEN} permit (principal, action, resource) when {{ ({long}) || principal == Bureau::\"FR\" }};"
        ));
        let decide = move || {
            let label = label();
            let one = policy.entitle(&own(&label, None), &bureau("FR"), today());
            let many = policy.entitle_all(&[own(&label, None)], &[bureau("FR")], today()).groups(0, 0);
            let why = policy.explain(&own(&label, None), &bureau("FR"), today()).granted;
            (one, many, why)
        };
        let small = std::thread::Builder::new().stack_size(1024 * 1024).spawn(decide).unwrap();
        assert_eq!(small.join().unwrap(), (all(), all(), all()), "{}", &long[..40]);
    }
}
