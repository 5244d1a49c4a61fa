//! It spends what it may, and more.

use igain_protocol::feed::Entry;
use igain_protocol::record::RecordId;
use igain_tests::daemon::Bureau;
use serde_json::Value;

use super::giving::{END, entries, open_feed};
use super::{HOSTILE, Siege};

/// KE, whose members may send a thousand entries in a day.
fn thrifty() -> Bureau {
    let mut ke = Bureau::init("KE");
    ke.configure(|text| text.replace("[limits]", "[limits]\nmember_records = 1000"));
    ke.run();
    ke
}

/// Ends of records that there never were: cheap to send, and each is work.
fn ends(count: u64) -> Vec<Entry> {
    let id = |nth: u64| RecordId::derived(&[1; 32], "hostile", &nth.to_string());
    (0..count).map(|nth| Entry::Gone(id(nth))).collect()
}

fn budget(siege: &Siege) -> Value {
    siege.ke.json(&["peer", "show", HOSTILE])["budget"].clone()
}

/// L17. A member that sends more than three days' worth at once waits, and nobody else does; it waits also after a restart. Seen
/// to fail when nothing is kept of what was spent, and when the link does not wait.
#[test]
fn a_member_that_has_spent_what_it_may_waits_and_nobody_else() {
    let mut siege = Siege::lay_before(thrifty(), 31);
    let all = ends(3_500);
    let first = entries(Default::default(), all.iter().take(1_700).cloned().collect());
    let igain_protocol::feed::Item::Run(run) = &first else { panic!("a run") };
    let second = entries(run.to, all.iter().skip(1_700).cloned().collect());
    let parcels =
        [siege.deliver(&[open_feed()]), siege.deliver(std::slice::from_ref(&first)), siege.deliver(&[second]), END];
    siege.answer(&parcels);
    let spent = igain_tests::daemon::until("what was spent", || {
        let budget = budget(&siege);
        (budget["records"]["spent"].as_u64() > Some(3_000)).then_some(budget)
    });
    assert_eq!((&spent["records"]["at_once"], &spent["records"]["a_day"]), (&3_000.into(), &1_000.into()));
    assert!(spent["waits_s"].as_u64() > Some(3_600), "{spent}");
    // It is kept.
    assert_eq!(siege.ke.stop(), Some(0));
    siege.ke.run();
    assert!(budget(&siege)["waits_s"].as_u64() > Some(3_600));
    // Another bureau gives and gets as before.
    let fr = Bureau::start("FR");
    fr.enrol(&siege.ke);
    siege.ke.enrol(&fr);
    fr.apply("@id(\"ke\") permit(principal == Bureau::\"KE\", action in Action::\"disclose\", resource);");
    let added = fr.json(&["record", "add", "phone", "number=+33100000001", "--tlp", "green", "--grading", "B2"]);
    let id = added["outcomes"][0]["id"].as_str().expect("an id").to_owned();
    siege.ke.eventually(&["status"], |status| {
        let counts = status["records"].as_array().expect("counts");
        counts.iter().any(|row| row["owner"] == "FR" && row["records"] == 1)
    });
    siege.ke.json(&["record", "show", &id]);
    super::super::assert_sound(&siege.ke, 1);
}
