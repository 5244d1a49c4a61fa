//! `igain caf`.

use igain_tests::daemon::{Bureau, federation};
use serde_json::Value;

use super::{EVERYTHING, add, field, holds, ids, list, lost, text};

const CHARTER: [&str; 10] = [
    "caf",
    "create",
    "Cocaine by sea",
    "--purpose",
    "crime-analysis",
    "--area",
    "cocaine-trafficking",
    "--scope",
    "Containers to Mombasa",
    "--closes=2099-12-31",
];

/// A CAF of KE to which the others are invited.
fn opened(bureaus: &[Bureau], members: &[&str]) -> String {
    let id = text(&bureaus[0].json(&CHARTER)["id"]);
    bureaus[0].json(&[&["caf", "invite", &id], members].concat());
    id
}

/// Waits until a bureau knows the CAF, and has a member in it with this state.
fn knows(bureau: &Bureau, caf: &str, member: &str, state: &str) -> Value {
    bureau.eventually(&["caf", "list"], |known| {
        let caf = list(&known["cafs"]).iter().find(|known| known["id"] == caf);
        caf.is_some_and(|caf| self::member(caf, member).is_some_and(|member| member["state"] == state))
    })
}

fn member<'a>(caf: &'a Value, bureau: &str) -> Option<&'a Value> {
    list(&caf["members"]).iter().find(|member| member["bureau"] == bureau)
}

#[test]
fn a_caf_is_created_shown_listed_and_closed() {
    let ke = Bureau::start("KE");
    assert!(ke.igain(&["caf", "list"]).out.contains("igain caf create"));
    let said = ke.igain(&[&CHARTER[..], &["--kinds", "phone,person", "--categories", "suspect"]].concat());
    assert_eq!(said.code, Some(0), "{said:?}");
    for word in
        ["Cocaine by sea", "crime-analysis", "Containers to Mombasa", "to 2099-12-31", "phone", "MEMBER", "lead"]
    {
        assert!(said.out.contains(word), "{word}: {}", said.out);
    }
    let id = text(&ke.json(&["caf", "list"])["cafs"][0]["id"]);
    assert!(ke.igain(&["caf", "list"]).out.contains(&id));
    let in_caf = |what: &[&str]| [&["record", "add"], what, &["--caf", &id]].concat().join("\u{0}");
    let refused = |what: &[&str]| {
        let line = in_caf(what);
        ke.refused(&line.split('\u{0}').collect::<Vec<_>>())
    };
    let outside = (1, "caf.outside-charter".to_owned());
    assert_eq!(refused(&["vehicle", "plate=KAA 001A"]), outside);
    assert_eq!(refused(&["person", "name=Amina", "--category", "victim"]), outside);
    add(&ke, &["phone", "number=+254 700 000 001", "--caf", &id]);
    let closed = ke.json(&["caf", "close", &id]);
    assert_eq!(closed["closed"], true);
    assert!(ke.igain(&["caf", "show", &id]).out.contains(", closed"));
    assert_eq!(refused(&["phone", "number=+254 700 000 002"]).0, 1);
    assert_eq!(ke.json(&["audit", "list", "--object", &format!("caf:{id}")])["entries"][0]["action"], "caf.create");
}

#[test]
fn wrong_charters_and_strange_files_are_refused() {
    let ke = Bureau::start("KE");
    let with = |name: &str, value: &str| {
        let mut args: Vec<&str> = CHARTER.to_vec();
        let at = args.iter().position(|arg| *arg == name).expect("an option") + 1;
        args[at] = value;
        ke.igain(&args)
    };
    for (name, value, hint) in
        [("--purpose", "curiosity", "crime-analysis"), ("--area", "cocaine", "cocaine-trafficking")]
    {
        let said = with(name, value);
        assert!(said.code == Some(2) && said.err.contains(hint), "{said:?}");
    }
    assert_eq!(with("--scope", "").code, Some(1));
    let past = ke.igain(&[&CHARTER[..9], &["--closes", "2001-01-01"]].concat());
    assert!(past.code == Some(1) && past.err.contains("2001-01-01"), "{past:?}");
    let unknown = "0190163d-8694-739b-aea5-966c26f8ad91";
    for command in ["show", "join", "leave", "close"] {
        assert_eq!(ke.refused(&["caf", command, unknown]), (4, "caf.unknown".into()), "{command}");
    }
    let id = text(&ke.json(&CHARTER)["id"]);
    assert_eq!(ke.refused(&["caf", "invite", &id, "DE"]), (4, "peer.unknown".into()));
    assert_eq!(ke.igain(&["caf", "invite", &id, "DE=boss"]).code, Some(2));
    assert_eq!(ke.igain(&["caf", "join", &id, "--only", "kinds=phon"]).code, Some(2));
    assert_eq!(ke.igain(&["caf", "show", "no-id"]).code, Some(2));
}

#[test]
fn members_share_what_they_joined_for_and_no_more() {
    let bureaus = federation(&["KE", "FR", "BR"]);
    let [ke, fr, br] = &bureaus[..] else { panic!("three bureaus") };
    bureaus.iter().for_each(|bureau| drop(bureau.apply(EVERYTHING)));
    let caf = opened(&bureaus, &["FR", "BR"]);
    let before = add(ke, &["phone", "number=+254 700 000 001", "--caf", &caf]);
    knows(fr, &caf, "FR", "invited");
    knows(br, &caf, "BR", "invited");
    fr.json(&["caf", "join", &caf]);
    let joined = br.json(&["caf", "join", &caf, "--only", "kinds=phone;owners=KE"]);
    assert_eq!(member(&joined, "BR").expect("BR")["only"], "kinds=phone;owners=KE");
    let vehicle = add(ke, &["vehicle", "plate=KAA 001A", "--caf", &caf]);
    let own = add(fr, &["phone", "number=+33 6 39 98 00 01", "--caf", &caf]);
    holds(fr, &before);
    holds(fr, &vehicle);
    holds(ke, &own);
    holds(br, &before);
    // What comes after arrives after: had the vehicle been for BR, it would be there.
    knows(fr, &caf, "BR", "joined");
    let last = add(ke, &["phone", "number=+254 700 000 009", "--caf", &caf]);
    holds(br, &last);
    let mut phones = vec![before.clone(), last.clone()];
    phones.sort();
    assert_eq!(ids(br, "KE"), phones);
    assert!(ids(br, "FR").is_empty());
    assert_eq!(
        ke.json(&["record", "holders", &vehicle])["holders"],
        serde_json::json!([{"bureau": "FR", "state": "holds"}])
    );

    br.json(&["caf", "join", &caf, "--only", "kinds=vehicle"]);
    holds(br, &vehicle);
    lost(br, &before);
    fr.json(&["caf", "leave", &caf]);
    lost(fr, &before);
    ke.eventually(&["record", "holders", &before], |holders| {
        list(&holders["holders"]).iter().all(|holder| holder["state"] == "purged")
    });
    assert_eq!(member(&fr.json(&["caf", "show", &caf]), "FR").expect("FR")["state"], "left");
    assert_eq!(
        fr.refused(&["record", "add", "phone", "number=+33 6 39 98 00 02", "--caf", &caf]),
        (1, "caf.not-member".into())
    );
}

#[test]
fn a_reader_may_not_contribute_and_a_dismissed_member_gets_nothing() {
    let bureaus = federation(&["KE", "FR"]);
    let [ke, fr] = &bureaus[..] else { panic!("two bureaus") };
    bureaus.iter().for_each(|bureau| drop(bureau.apply(EVERYTHING)));
    let caf = opened(&bureaus, &["FR=reader"]);
    knows(fr, &caf, "FR", "invited");
    let contribute = ["record", "add", "phone", "number=+33 6 39 98 00 01", "--caf", &caf];
    assert_eq!(fr.refused(&contribute), (1, "caf.not-member".into()), "it has not joined yet");
    fr.json(&["caf", "join", &caf]);
    assert_eq!(fr.refused(&contribute), (1, "caf.reader-only".into()));
    let id = add(ke, &["phone", "number=+254 700 000 001", "--caf", &caf]);
    holds(fr, &id);
    assert_eq!(fr.refused(&["caf", "invite", &caf, "KE"]), (1, "caf.not-manager".into()));
    assert_eq!(fr.refused(&["caf", "close", &caf]), (1, "caf.not-manager".into()));

    ke.json(&["caf", "invite", &caf, "FR=contributor"]);
    fr.eventually(&["caf", "show", &caf], |known| member(known, "FR").is_some_and(|fr| fr["role"] == "contributor"));
    let own = add(fr, &["phone", "number=+33 6 39 98 00 01", "--caf", &caf]);
    assert_eq!(field(&holds(ke, &own), "number"), Some("+33 6 39 98 00 01"));

    ke.json(&["caf", "dismiss", &caf, "FR"]);
    lost(fr, &id);
    fr.eventually(&["caf", "show", &caf], |known| member(known, "FR").is_none());
    assert_eq!(fr.refused(&["caf", "join", &caf]), (1, "caf.not-member".into()));
}

/// A member that is invited later than another joined learns of it, and shares with it.
#[test]
fn a_late_member_shares_with_those_who_joined_before() {
    let bureaus = federation(&["KE", "FR", "BR"]);
    let [ke, fr, br] = &bureaus[..] else { panic!("three bureaus") };
    bureaus.iter().for_each(|bureau| drop(bureau.apply(EVERYTHING)));
    let caf = opened(&bureaus, &["FR"]);
    knows(fr, &caf, "FR", "invited");
    fr.json(&["caf", "join", &caf]);
    knows(ke, &caf, "FR", "joined");
    ke.json(&["caf", "invite", &caf, "BR"]);
    knows(br, &caf, "FR", "joined");
    br.json(&["caf", "join", &caf]);
    knows(fr, &caf, "BR", "joined");
    let id = add(br, &["phone", "number=+55 11 91234 0001", "--caf", &caf]);
    holds(fr, &id);
    let id = add(fr, &["phone", "number=+33 6 39 98 00 01", "--caf", &caf]);
    holds(br, &id);
}
