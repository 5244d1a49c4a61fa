//! `igain card`, `igain peer`.

use igain_tests::daemon::{Bureau, Said, federation, until};

use super::{EVERYTHING, add, holds, ids, list, text};

#[test]
fn a_card_is_shown_and_exported() {
    let ke = Bureau::start("KE");
    let card = ke.json(&["card", "show"]);
    let (print, words) = (text(&card["fingerprint"]), list(&card["words"]));
    assert_eq!((print.split(' ').count(), words.len()), (16, 12));
    let shown = ke.igain(&["card", "show"]).out;
    let words: Vec<&str> = words.iter().filter_map(serde_json::Value::as_str).collect();
    for word in ["KE  NCB KE", &print, &words.join(" "), "valid", "/udp/"] {
        assert!(shown.contains(word), "{word}: {shown}");
    }
    let exported = ke.igain(&["card", "export"]);
    assert_eq!(exported.out, card["armor"].as_str().expect("armor"));
    assert_eq!(ke.igain(&["card", "export", "--out", "ke.card"]).code, Some(0));
    assert_eq!(std::fs::read_to_string(ke.path("ke.card")).expect("a card"), exported.out);
    assert_eq!(ke.igain(&["card", "export", "--out", "nowhere/ke.card"]).code, Some(1));
}

/// Two bureaus that run, and the card of the second in a file of the first.
fn strangers() -> (Bureau, Bureau, serde_json::Value) {
    let (ke, fr) = (Bureau::start("KE"), Bureau::start("FR"));
    let card = fr.json(&["card", "export"]);
    ke.write("fr.card", card["armor"].as_str().expect("a card"));
    (ke, fr, card)
}

#[test]
fn a_card_is_enrolled_by_its_fingerprint_or_its_words() {
    let (ke, _fr, card) = strangers();
    let print = text(&card["fingerprint"]);
    let words: Vec<&str> = list(&card["words"]).iter().filter_map(serde_json::Value::as_str).collect();
    let typed = print.to_lowercase().replace(' ', "");
    let said = ke.igain(&["peer", "enrol", "fr.card", "--fingerprint", &print, "--tag", "europe"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(said.out.contains("FR is enrolled") && said.out.contains("policy plan"), "{}", said.out);
    for again in [typed, words.join(" "), words.join("-").to_uppercase()] {
        assert_eq!(ke.json(&["peer", "enrol", "fr.card", "--fingerprint", &again])["bureau"], "FR");
    }
    let shown = ke.json(&["peer", "show", "FR"]);
    assert_eq!(shown["tags"][0], "europe", "tags stay where none are given");
    assert_eq!((&shown["state"], &shown["card"]["fingerprint"]), (&"active".into(), &card["fingerprint"]));
    assert_eq!(list(&ke.json(&["peer", "list"])["peers"]).len(), 1);
    let listed = ke.igain(&["peer", "list"]).out;
    assert!(listed.starts_with("PEER") && listed.contains("\nFR"), "{listed}");
}

#[test]
fn a_wrong_fingerprint_enrols_nobody_and_is_accounted_for() {
    let (ke, _fr, card) = strangers();
    let own = text(&ke.json(&["card", "show"])["fingerprint"]);
    let print = text(&card["fingerprint"]);
    for wrong in [own.as_str(), &print[..print.len() - 1], "", "abandon ability able"] {
        let refused = ke.refused(&["peer", "enrol", "fr.card", "--fingerprint", wrong]);
        assert_eq!(refused, (1, "peer.fingerprint".into()), "`{wrong}`");
    }
    let asked = ke.igain(&["peer", "enrol", "fr.card"]);
    assert_eq!(asked.code, Some(1), "there is nobody to ask");
    for word in [&print, "in words", "nobody to ask", "--fingerprint"] {
        assert!(asked.err.contains(word), "{word}: {}", asked.err);
    }
    assert!(list(&ke.json(&["peer", "list"])["peers"]).is_empty());
    let entries = ke.json(&["audit", "list", "--action", "peer.enrol", "--peer", "FR"]);
    let refused = list(&entries["entries"]).iter().filter(|entry| entry.to_string().contains("peer.fingerprint"));
    assert_eq!(refused.count(), 4, "{entries}");
}

#[test]
fn what_is_no_card_is_refused() {
    let (ke, _fr, card) = strangers();
    let armor = text(&card["armor"]);
    let middle = armor.len() / 2;
    let changed = if armor.as_bytes()[middle] == b'A' { "B" } else { "A" };
    let refused = |text: &str| {
        ke.write("bad.card", text);
        let said = ke.igain(&["peer", "enrol", "bad.card", "--fingerprint", &super::text(&card["fingerprint"])]);
        assert_eq!(said.code, Some(1), "{said:?}");
        said.err
    };
    for bad in [
        String::new(),
        "igain".into(),
        armor[..middle].into(),
        format!("{}{changed}{}", &armor[..middle], &armor[middle + 1..]),
    ] {
        let err = refused(&bad);
        assert!(err.starts_with("error: ") && err.lines().count() == 1, "{err}");
    }
    ke.igain(&["card", "export", "--out", "ke.card"]);
    let own = text(&ke.json(&["card", "show"])["fingerprint"]);
    assert_eq!(ke.refused(&["peer", "enrol", "ke.card", "--fingerprint", &own]), (1, "peer.own-card".into()));
    assert_eq!(ke.refused(&["peer", "enrol", "nowhere.card", "--fingerprint", &own]), (1, "cli.file".into()));
    assert_eq!(ke.refused(&["peer", "show", "DE"]), (4, "peer.unknown".into()));
    assert_eq!(ke.refused(&["peer", "revoke", "DE", "--why", "left", "--yes"]), (4, "peer.unknown".into()));
}

/// Waits until KE has answered FR, and has asked it, after now.
fn exchanged(ke: &Bureau) {
    // Times are told in whole seconds.
    let both = |peer: &serde_json::Value| [peer["link"]["served"].clone(), peer["link"]["pulled"].clone()];
    for _ in 0..2 {
        let before = both(&ke.json(&["peer", "show", "FR"]));
        ke.eventually(&["peer", "show", "FR"], |peer| both(peer).iter().zip(&before).all(|(now, then)| now != then));
    }
}

/// L11 with real daemons: FR asks again and again, and gets nothing, nor is anything taken of it. What is held of it stays
/// and is marked, and all is as it was once the revocation is undone.
#[test]
fn a_compromised_bureau_gets_nothing_and_nothing_of_it_is_taken() {
    let bureaus = federation(&["KE", "FR"]);
    let (ke, fr) = (&bureaus[0], &bureaus[1]);
    ke.apply(EVERYTHING);
    fr.apply(EVERYTHING);
    let first = add(ke, &["phone", "number=+254 700 000 001"]);
    let theirs = add(fr, &["phone", "number=+33 6 39 98 00 01"]);
    holds(fr, &first);
    holds(ke, &theirs);
    let said = ke.igain(&["peer", "revoke", "FR", "--why", "compromised", "--yes"]);
    assert!(said.code == Some(0) && said.out.contains("FR is revoked"), "{said:?}");
    assert!(said.out.contains("1 record of it stay"), "{said:?}");
    let shown = ke.json(&["peer", "show", "FR"]);
    assert_eq!((&shown["state"], &shown["revoked_for"]), (&"revoked".into(), &"compromised".into()));
    let second = add(ke, &["phone", "number=+254 700 000 002"]);
    let more = add(fr, &["phone", "number=+33 6 39 98 00 02"]);
    exchanged(ke);
    assert_eq!(ids(fr, "KE"), std::slice::from_ref(&first));
    assert_eq!(ids(ke, "FR"), std::slice::from_ref(&theirs));
    assert_eq!(ke.json(&["record", "show", &theirs])["records"][0]["caution"], "owner-compromised");
    let shown = ke.igain(&["record", "show", &theirs]).out;
    assert!(shown.contains("its owner's keys are compromised"), "{shown}");
    // What is ended in its name is hidden.
    fr.json(&["record", "withdraw", &theirs, "--yes"]);
    ke.eventually(&["record", "list"], |_| ids(ke, "FR").is_empty());
    assert_eq!(ke.json(&["peer", "show", "FR"])["held"], 1);
    let card = fr.json(&["card", "export"]);
    ke.write("FR.card", card["armor"].as_str().expect("a card"));
    let print = card["fingerprint"].as_str().expect("a fingerprint");
    let again = ["peer", "enrol", "FR.card", "--fingerprint", print];
    assert_eq!(ke.refused(&again), (1, "peer.revoked".into()));
    let wrong = text(&ke.json(&["card", "show"])["fingerprint"]);
    assert_eq!(ke.refused(&["peer", "reinstate", "FR", "--fingerprint", &wrong]), (1, "peer.fingerprint".into()));
    assert_eq!(ke.json(&["peer", "reinstate", "FR", "--fingerprint", print])["state"], "active");
    holds(fr, &second);
    holds(ke, &more);
    assert_eq!(ids(ke, "FR"), [more], "the first was withdrawn by FR itself");
    // The log names bureaus as people do, not by their keys.
    let key = text(&fr.json(&["card", "show"])["transport"]);
    let log = ke.log();
    assert!(log.contains(" connected peer=FR ") && !log.contains(&format!("peer={key}")), "{log}");
    // Nobody is asked about what is refused.
    for refused in [&["peer", "drop", "FR", "--yes"][..], &["peer", "drop", "FR"], &["peer", "reinstate", "FR"]] {
        assert_eq!(ke.refused(refused), (1, "peer.not-revoked".into()), "{refused:?}");
    }
    assert_eq!(ke.refused(&["peer", "revoke", "ZZ", "--why", "left"]), (4, "peer.unknown".into()));
}

/// L7 and L11 with real daemons: a bureau that left purges what it was given, and what it withdraws is gone here.
#[test]
fn with_a_bureau_that_left_ends_pass_both_ways() {
    let bureaus = federation(&["KE", "FR"]);
    let (ke, fr) = (&bureaus[0], &bureaus[1]);
    ke.apply(EVERYTHING);
    fr.apply(EVERYTHING);
    let ours = add(ke, &["phone", "number=+254 700 000 001"]);
    let [one, other] = ["1", "2"].map(|nth| add(fr, &["phone", &format!("number=+33 6 39 98 00 0{nth}")]));
    holds(fr, &ours);
    holds(ke, &one);
    holds(ke, &other);
    ke.json(&["peer", "revoke", "FR", "--why", "left", "--yes"]);
    fr.eventually(&["record", "list"], |_| ids(fr, "KE").is_empty());
    ke.eventually(&["record", "holders", &ours], |said| said["holders"][0]["state"] == "purged");
    fr.json(&["record", "withdraw", &one, "--yes"]);
    ke.eventually(&["record", "list"], |_| ids(ke, "FR") == [other.clone()]);
    let more = add(fr, &["phone", "number=+33 6 39 98 00 03"]);
    exchanged(ke);
    assert_eq!(ids(ke, "FR"), [other]);
    let dropped = ke.json(&["peer", "drop", "FR", "--yes"]);
    assert_eq!(dropped["records"], 1, "{dropped}");
    assert!(ids(ke, "FR").is_empty() && ids(fr, "FR").contains(&more));
}

/// Restarts a bureau with another name on its card.
fn rename(bureau: &mut Bureau, from: &str, to: &str) {
    assert_eq!(bureau.stop(), Some(0));
    bureau.configure(|text| text.replace(&format!("name = \"{from}\""), &format!("name = \"{to}\"")));
    bureau.run();
}

#[test]
fn a_renewed_card_reaches_the_peers_and_an_older_one_never_takes_its_place() {
    let mut bureaus = federation(&["KE", "FR"]);
    let old = bureaus[0].json(&["card", "export"]);
    rename(&mut bureaus[0], "NCB KE", "National Central Bureau Nairobi");
    let newer = bureaus[0].json(&["card", "show"]);
    assert!(newer["serial"].as_u64() > old["serial"].as_u64(), "{newer}");
    let [ke, fr] = &mut bureaus[..] else { panic!("two bureaus") };
    let known = fr.eventually(&["peer", "show", "KE"], |peer| peer["card"]["serial"] == newer["serial"]);
    assert_eq!(known["card"]["name"], "National Central Bureau Nairobi");
    fr.write("old.card", old["armor"].as_str().expect("a card"));
    let print = text(&old["fingerprint"]);
    assert_eq!(fr.refused(&["peer", "enrol", "old.card", "--fingerprint", &print]), (1, "card.not-newer".into()));
    rename(ke, "National Central Bureau Nairobi", "NCB KE");
    let newest = ke.json(&["card", "show"]);
    assert!(newest["serial"].as_u64() > newer["serial"].as_u64(), "back to the old name is still a newer card");
    fr.eventually(&["peer", "show", "KE"], |peer| peer["card"]["serial"] == newest["serial"]);
    let renewals = fr.json(&["audit", "list", "--action", "peer.renew", "--peer", "KE"]);
    assert_eq!(list(&renewals["entries"]).len(), 2, "{renewals}");
    let unchanged = newest["serial"].clone();
    assert_eq!(ke.stop(), Some(0));
    ke.run();
    assert_eq!(ke.json(&["card", "show"])["serial"], unchanged, "a restart alone renews nothing");
}

/// A bureau that moves to another port is found again by those who had its old address, once it has reached them.
#[test]
fn a_bureau_that_moves_is_found_by_its_renewed_card() {
    let mut bureaus = federation(&["KE", "FR"]);
    bureaus[0].apply(EVERYTHING);
    let spare = Bureau::init("DE");
    let (old, new) = (bureaus[0].port.to_string(), spare.port.to_string());
    drop(spare);
    assert_eq!(bureaus[0].stop(), Some(0));
    bureaus[0].configure(|text| text.replace(&old, &new));
    bureaus[0].run();
    let fr = &bureaus[1];
    fr.eventually(&["peer", "show", "KE"], |peer| peer["card"]["addresses"].to_string().contains(&new));
    let id = add(&bureaus[0], &["phone", "number=+254 700 000 003"]);
    holds(fr, &id);
    // FR calls KE at the new address, whoever called first.
    let mut fr = bureaus.pop().expect("FR");
    assert_eq!(fr.stop(), Some(0));
    fr.run();
    until("FR to reach KE", || {
        let said: Said = fr.igain(&["status", "--json"]);
        (said.json()["peers"][0]["link"]["connected"] == true).then_some(())
    });
}
