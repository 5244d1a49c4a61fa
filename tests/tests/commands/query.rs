//! `igain query`.

use igain_tests::daemon::{Bureau, federation};

use super::{EVERYTHING, WHY, add, holds, list, text};

/// The ids of what a question finds.
fn found(bureau: &Bureau, question: &[&str]) -> Vec<String> {
    let answer = bureau.json(&[&["query"], question, &WHY].concat());
    let mut ids: Vec<String> = list(&answer["hits"]).iter().map(|hit| text(&hit["id"])).collect();
    ids.sort();
    ids
}

#[test]
fn an_identifier_is_found_however_it_is_spelled() {
    let ke = Bureau::start("KE");
    for (kind, given, option, spellings) in [
        (
            "phone",
            "number=+254 700 000 001",
            "--phone",
            &["+254700000001", "00254 700 000001", "0700-000-001", "+254 (0)700 000 001"][..],
        ),
        ("vehicle", "plate=KAA 001A", "--plate", &["kaa001a", "KAA-001-A", " KAA 001 A "]),
        ("vehicle", "vin=1M8GDM9AXKP042788", "--vin", &["1m8gdm9axkp042788", "1M8 GDM9AX KP042788"]),
        ("person", "passport=C01X00T47", "--passport", &["c01x00t47", "C01 X00 T47"]),
        (
            "account",
            "iban=GB82 WEST 1234 5698 7654 32",
            "--iban",
            &["gb82west12345698765432", "GB82-WEST-1234-5698-7654-32"],
        ),
        ("account", "card=4111 1111 1111 1111", "--card", &["4111111111111111", "4111-1111-1111-1111"]),
        ("online-id", "email=Amina@Example.ORG", "--email", &["amina@example.org", "AMINA@EXAMPLE.ORG"]),
        ("vessel", "imo=IMO 9074729", "--imo", &["9074729", "imo9074729"]),
        ("phone", "imei=49-015420-323751-8", "--imei", &["490154203237518", "49 015420 323751 8"]),
    ] {
        let mut what = vec![kind, given];
        if kind == "person" {
            what.extend(["--category", "suspect"]);
        }
        let id = add(&ke, &what);
        for spelling in spellings {
            assert_eq!(found(&ke, &[option, spelling]), [id.as_str()], "{option} {spelling}");
        }
    }
    assert!(found(&ke, &["--phone", "+254 700 000 009"]).is_empty());
    // What breaks the rules of its scheme is found as it was written.
    let odd = ke.json(&["record", "add", "account", "iban=GB00 WEST 1234 5698 7654 32", "--tlp", "green"]);
    let detail = text(&odd["outcomes"][0]["detail"]);
    assert!(detail.contains("a grading") && detail.contains("its check digit does not match"), "{detail}");
    assert_eq!(found(&ke, &["--iban", "gb00west12345698765432"]), [text(&odd["outcomes"][0]["id"])]);
    assert_eq!(ke.refused(&[&["query", "--phone", "()"][..], &WHY].concat()), (1, "identifier".into()));
}

fn person(bureau: &Bureau, fields: &[&str]) -> String {
    add(bureau, &[&["person"], fields, &["--category", "suspect"]].concat())
}

#[test]
fn a_name_is_found_whatever_its_case_accents_and_script() {
    let ke = Bureau::start("KE");
    let jose = person(&ke, &["name=José Müller-Łukasz"]);
    let vladimir = person(&ke, &["name@ru=Владимир Петров"]);
    let amina = person(&ke, &["name@ar=أمينة وانجيرو", "alias=Amina Wanjiru"]);
    for name in ["jose muller lukasz", "JOSÉ", "müller", "Lukasz José"] {
        assert_eq!(found(&ke, &["--name", name]), [jose.as_str()], "{name}");
    }
    for name in ["владимир", "ВЛАДИМИР петров", "Vladimir Petrov"] {
        assert_eq!(found(&ke, &["--name", name]), [vladimir.as_str()], "{name}");
    }
    for name in ["أمينة", "Amina", "amina wanjiru"] {
        assert_eq!(found(&ke, &["--name", name]), [amina.as_str()], "{name}");
    }
    assert_eq!(found(&ke, &["--name", "Wan*"]), [amina.as_str()]);
    assert_eq!(found(&ke, &["--name", "Vlad* Pet*"]), [vladimir.as_str()]);
    assert_eq!(
        found(&ke, &["--name", "Wladimir", "--loose"]).len() + found(&ke, &["--name", "Vladymyr", "--loose"]).len(),
        2
    );
    assert!(found(&ke, &["--name", "Wan"]).is_empty(), "a word without * is the whole word");
    assert!(found(&ke, &["--name", "Amina Petrov"]).is_empty(), "all words must be there");
}

#[test]
fn answers_are_narrowed_by_kind_owner_caf_and_date() {
    let bureaus = federation(&["KE", "FR"]);
    let [ke, fr] = &bureaus[..] else { panic!("two bureaus") };
    ke.apply(EVERYTHING);
    let caf = text(
        &fr.json(&[
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
    let theirs = person(ke, &["name=Amina One", "phone=+254 700 000 001"]);
    let ours = person(fr, &["name=Amina Two", "phone=+254 700 000 001", "--caf", &caf]);
    let event = add(fr, &["event", "title=Amina Three seized", "date=2026-02-03"]);
    holds(fr, &theirs);
    let both = |mut ids: Vec<String>| {
        ids.sort();
        ids
    };
    assert_eq!(found(fr, &["--phone", "+254 700 000 001"]), both(vec![theirs.clone(), ours.clone()]));
    assert_eq!(found(fr, &["--name", "Amina", "--kind", "person"]), both(vec![theirs.clone(), ours.clone()]));
    for question in [["--phone", "+254 700 000 001"], ["--name", "Amina"]] {
        assert_eq!(found(fr, &[&question[..], &["--owner", "KE"]].concat()), [theirs.as_str()]);
        assert_eq!(found(fr, &[&question[..], &["--owner", "FR", "--kind", "person,phone"]].concat()), [ours.as_str()]);
        assert_eq!(found(fr, &[&question[..], &["--caf", &caf]].concat()), [ours.as_str()]);
        assert!(found(fr, &[&question[..], &["--kind", "vessel"]].concat()).is_empty());
    }
    assert_eq!(found(fr, &["--kind", "event", "--from", "2026-02-01", "--to", "2026-02-28"]), [event.as_str()]);
    assert!(found(fr, &["--kind", "event", "--from", "2026-03-01", "--to", "2026-03-31"]).is_empty());
    let one = fr.json(&[&["query", "--name", "Amina", "--limit", "1"][..], &WHY].concat());
    assert_eq!((list(&one["hits"]).len(), &one["more"]), (1, &true.into()));
    // A limit cuts what was found, not what was looked at.
    for owner in ["KE", "FR"] {
        assert_eq!(found(fr, &["--phone", "+254 700 000 001", "--owner", owner, "--limit", "1"]).len(), 1, "{owner}");
    }
}

#[test]
fn each_hit_shows_owner_handling_grading_and_age() {
    let bureaus = federation(&["KE", "FR"]);
    let [ke, fr] = &bureaus[..] else { panic!("two bureaus") };
    ke.apply(EVERYTHING);
    let id = add(ke, &["phone", "number=+254 700 000 001", "operator=Test Mobile", "--handling", "H1"]);
    holds(fr, &id);
    let question = [&["query", "--phone", "+254 700 000 001"][..], &WHY].concat();
    let hit = fr.json(&question)["hits"][0].clone();
    assert_eq!((&hit["owner"], &hit["grading"], &hit["banner"]), (&"KE".into(), &"B2".into(), &"TLP:GREEN H1".into()));
    assert!(hit["age_s"].is_u64());
    let said = fr.igain(&question);
    for word in ["TLP:GREEN H1", "owner KE", "grading B2", " old", "+254 700 000 001", "Test Mobile"] {
        assert!(said.out.contains(word), "{word}: {}", said.out);
    }
    assert!(said.err.contains("1 hit. Audit entry"), "{}", said.err);
    let table = fr.igain(&[&question[..], &["--table"]].concat()).out;
    let mut lines = table.lines();
    let head: Vec<&str> = lines.next().expect("a head").split_whitespace().collect();
    assert_eq!(head, ["HANDLING", "OWNER", "GRADING", "AGE", "KIND", "ID", "WHAT"]);
    let row = lines.next().expect("a row");
    assert!(row.starts_with("TLP:GREEN H1") && row.contains(&id) && row.contains("KE") && row.contains("B2"), "{row}");
}

/// L12 at the command line and at the API behind it. Seen to fail when an empty case passes, and when a query is
/// accounted for after its answer.
#[test]
fn l12_no_question_without_purpose_and_case() {
    let ke = Bureau::start("KE");
    add(&ke, &["phone", "number=+254 700 000 001"]);
    ke.json(&["session", "end"]);
    let ask = |more: &[&str]| ke.igain(&[&["query", "--phone", "+254 700 000 001"], more].concat());
    for more in
        [&[][..], &["--purpose", "investigation"], &["--case", "C1"], &["--purpose", "curiosity", "--case", "C1"]]
    {
        let said = ask(more);
        assert!(said.code == Some(2) && said.out.is_empty(), "{more:?}: {said:?}");
    }
    for case in ["", "   "] {
        assert_eq!(
            ke.refused(&["query", "--phone", "+254 700 000 001", "--purpose", "investigation", "--case", case]),
            (1, "query.no-purpose".into())
        );
    }
    assert_eq!(ke.refused(&[&["query"][..], &WHY].concat()), (1, "query.empty".into()));
    let answer = ke.json(&[&["query", "--phone", "0700 000 001"][..], &WHY].concat());
    let seq = answer["audit"].to_string();
    let entry = ke.json(&["audit", "list", "--from", &seq, "--limit", "1"])["entries"][0].clone();
    assert_eq!(
        (&entry["action"], &entry["purpose"], &entry["case"]),
        (&"query".into(), &"investigation".into(), &"TEST/2026/1".into())
    );
    assert!(!entry.to_string().contains("700"), "no personal data in the account: {entry}");
    assert_eq!(
        list(&ke.json(&["audit", "list", "--action", "query"])["entries"]).len(),
        1,
        "what was refused was not answered"
    );
}
